/* What the tests of storage steps share: a pool of two layers and a place for a view below /var/tmp, and steps as the program gets them. */
#pragma once
#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "storage.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char scratch[] = "/var/tmp/tlxc-storage-XXXXXX";
static char pool[64], view[64];
static char *lowers[] = {(char *)"top01", (char *)"base01"};
static struct storage_report report;

static const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *format, ...)
{
	static char path[4][256];
	static int turn;
	va_list args;
	char *ret = path[turn++ % 4];
	int n = snprintf(ret, 256, "%s/", scratch);

	va_start(args, format);
	vsnprintf(ret + n, 256 - (size_t)n, format, args);
	va_end(args);
	return ret;
}

static bool write_text(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0;
}

static bool has_text(const char *path, const char *text)
{
	cleanup_free char *found = NULL;

	return fd_read_file(AT_FDCWD, path, 4096, &found, NULL) == 0 && strcmp(found, text) == 0;
}

/* One step as the program gets it; the outcome, or NULL with the report filled. */
static const char *step(const struct storage_step *wanted)
{
	const char *outcome;

	storage_report_clear(&report);
	return storage_step_run(wanted, &outcome, &report) == 0 ? outcome : NULL;
}

static bool is(const char *outcome, const char *wanted)
{
	if (!outcome || strcmp(outcome, wanted) != 0)
		printf("# %s; %s %s %d\n", outcome ? outcome : "failed", report.syscall ? report.syscall : "", report.detail ? report.detail : "",
		       (int)report.errno_.value);
	return outcome && strcmp(outcome, wanted) == 0;
}

static const char *mount_view(const char *upper, bool readonly)
{
	struct storage_step wanted = {
		.op = STORAGE_OP_MOUNT, .path = view, .pool = pool, .lowers = lowers, .n_lowers = 2, .has_lowers = true, .upper = (char *)upper,
		.readonly = {readonly, readonly},
	};

	return step(&wanted);
}

static const char *unmount_view(const char *upper)
{
	return step(&(struct storage_step){.op = STORAGE_OP_UNMOUNT, .path = view, .pool = upper ? pool : NULL, .upper = (char *)upper});
}

static const char *probe(void)
{
	return step(&(struct storage_step){.op = STORAGE_OP_PROBE, .pool = pool, .upper = (char *)"u00001"});
}

static void make_layers(void)
{
	mkdir(at("pool"), 0700);
	mkdir(at("view"), 0700);
	mkdir(at("pool/base01"), 0755);
	mkdir(at("pool/top01"), 0750);
	(void)!chown(at("pool/top01"), 12, 34);
	(void)setxattr(at("pool/top01"), "user.colour", "red", 3, 0);
	(void)setxattr(at("pool/top01"), "trusted.overlay.origin", "x", 1, 0);
	write_text(at("pool/base01/file"), "base");
	write_text(at("pool/top01/more"), "top");
	mkdir(at("pool/base01/dir"), 0755);
}

/* In a mount namespace of our own, so that a failed test leaves no mount on the machine; false: that is not possible. */
static bool enter_scratch(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0); /* children must not print what we have printed */
	if (geteuid() != 0) {
		skip("everything that mounts needs root");
		return false;
	}
	if (mnt_private_namespace() < 0 || !mkdtemp(scratch)) {
		skip("no mount namespace: %s", strerror(errno));
		return false;
	}
	snprintf(pool, sizeof(pool), "%s/pool", scratch);
	snprintf(view, sizeof(view), "%s/view", scratch);
	make_layers();
	return true;
}

static int leave_scratch(void)
{
	cleanup_free char *command = NULL;

	storage_report_clear(&report);
	if (asprintf(&command, "rm -rf --one-file-system %s", scratch) > 0)
		(void)!system(command);
	return tap_done();
}
