#include "failure.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int failure_note(struct failure *failure, int r, const char *code, const char *syscall, const char *detail, const char *stage, ...)
{
	va_list args;

	if (failure->code)
		return r;
	failure->code = code;
	failure->err = r < 0 ? -r : 0;
	snprintf(failure->syscall, sizeof(failure->syscall), "%s", syscall ? syscall : "");
	snprintf(failure->detail, sizeof(failure->detail), "%s", detail ? detail : "");
	va_start(args, stage);
	vsnprintf(failure->stage, sizeof(failure->stage), stage, args);
	va_end(args);
	return r;
}

/* Codes are static strings here: the one that came from outside is looked up. */
static const char *known_code(const char *text)
{
	static const char *const codes[] = {
		"already-running", "plan", "cgroup", "namespace", "idmap", "rootfs", "mount", "dev", "console", "network",
		"hook", "security", "init", "aborted", "internal",
	};

	for (size_t i = 0; text && i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(codes[i], text) == 0)
			return codes[i];
	return "internal";
}

int failure_decode(struct failure *failure, const char *json, size_t size)
{
	cleanup_json json_t *document = json_loadb(json, size, 0, NULL);
	struct proto_error err = {};
	struct report report = {};
	int r = document ? report_decode(document, &report, &err) : -EINVAL;

	if (r < 0)
		return -EINVAL;
	failure_note(failure, report.errno_.set ? -(int)report.errno_.value : -EIO, known_code(report.code), report.syscall,
		     report.detail, "%s", report.stage ? report.stage : "set up the container");
	if (!report.errno_.set)
		failure->err = 0;
	failure->exit_status = report.exit_status;
	report_clear(&report);
	return 0;
}

void failure_text(const struct failure *failure, char *ret, size_t size)
{
	const char *detail = failure->detail;

	snprintf(ret, size, "cannot %s%s%s%s%s%s%s", failure->stage, *detail ? ": " : "", detail, *failure->syscall ? ": " : "",
		 failure->syscall, failure->err ? ": " : "", failure->err ? strerror(failure->err) : "");
}

static char *text_or_null(const char *text)
{
	return *text ? (char *)text : NULL;
}

int report_write(int fd, const struct failure *failure, pid_t monitor, pid_t init)
{
	cleanup_json json_t *json = NULL;
	cleanup_free char *text = NULL;
	struct report report = {.ok = !failure};
	int r;

	if (fd < 0)
		return 0;
	report.monitor_pid = (struct opt_uint){.set = monitor > 0, .value = (uint64_t)monitor};
	report.init_pid = (struct opt_uint){.set = init > 0, .value = (uint64_t)init};
	if (failure) {
		report.code = (char *)(failure->code ? failure->code : "internal");
		report.stage = text_or_null(failure->stage);
		report.syscall = text_or_null(failure->syscall);
		report.detail = text_or_null(failure->detail);
		report.errno_ = (struct opt_uint){.set = failure->err > 0, .value = (uint64_t)failure->err};
		report.exit_status = failure->exit_status;
	}
	json = report_encode(&report);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		return -ENOMEM;
	r = fd_write_all(fd, text, strlen(text));
	return r < 0 ? r : fd_write_all(fd, "\n", 1);
}
