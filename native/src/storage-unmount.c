/*
 * Letting go of a view. The same upper in two superblocks that both write destroys data, and a lazy unmount leaves the superblock
 * alive as long as somebody uses it. So a busy view is made read-only first, which the kernel refuses while anything is open or
 * mapped for writing; only then it is detached. Who sits in it goes on reading what was there.
 */
#include "storage.h"

#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* 10, 20, … 640 ms: 1.27 s in all */
enum { MAX_STACKED = 16, PROBES = 8, QUIET_PROBES = 3, FIRST_PAUSE_NS = 10000000 };

enum kind { KIND_OTHER, KIND_OVERLAY, KIND_READONLY };

/* What is mounted there: an overlay of ours, or a bind that is read-only. Anything else is not ours to change: making its
 * superblock read-only would hit the whole file system. */
static enum kind kind_of(uint64_t id)
{
	cleanup_free char *text = NULL;
	struct mount_line line;
	char *at;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTINFO, &text, NULL) < 0)
		return KIND_OTHER;
	for (at = text; mount_line_next(&at, &line);) {
		if (line.id != id)
			continue;
		if (strcmp(line.type, "overlay") == 0 && storage_is_ours(line.source))
			return KIND_OVERLAY;
		return mount_line_option(line.options, "ro", NULL) ? KIND_READONLY : KIND_OTHER;
	}
	return KIND_OTHER;
}

static int let_go(int parent, const char *name, const char *path, const struct statx *st, const char **ret_outcome, struct storage_report *report)
{
	int r = mnt_unmount_at(parent, name, false);

	*ret_outcome = "unmounted";
	if (r != -EBUSY)
		return r < 0 ? storage_note(report, r, "umount", "%s", path) : 0;
	switch (kind_of(st->stx_mnt_id)) {
	case KIND_OVERLAY:
		/* not mount -o remount,ro: util-linux repeats all options, which overlayfs refuses to be told again */
		r = mnt_fs_switch(mnt_fs_pick_at(parent, name), "ro");
		break;
	case KIND_READONLY:
		r = 0;
		break;
	case KIND_OTHER:
	default:
		break;
	}
	if (r == 0) {
		*ret_outcome = "detached-readonly";
		r = mnt_unmount_at(parent, name, true);
		return r < 0 ? storage_note(report, r, "umount", "%s", path) : 0;
	}
	if (r == -EBUSY)
		storage_find_users(path, st->stx_dev_major, st->stx_dev_minor, report);
	return storage_note(report, r, r == -EBUSY ? "umount" : "fspick", "%s", path);
}

static bool is_mounted(int parent, const char *name, struct statx *ret)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	return statx(parent, name, flags, STATX_TYPE | STATX_MNT_ID, ret) == 0 && (ret->stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int probe_quietly(const char *pool, const char *upper, struct storage_report *report)
{
	struct storage_report probe = {};
	int r = storage_probe(pool, upper, &probe);

	if (r < 0 && r != -EBUSY)
		storage_note(report, r, probe.syscall, "%s", probe.detail ? probe.detail : upper);
	storage_report_clear(&probe);
	return r;
}

/*
 * Whatever starts with a copy of the host's mounts (a container, a service) holds one of the view until it leaves them, and may be gone
 * before it is found: so we ask again for a second or so, and what was found last counts.
 */
static int make_sure(const char *pool, const char *upper, const char **ret_outcome, struct storage_report *report)
{
	struct storage_report found = {};
	int r = -EBUSY;

	for (int i = 0; r == -EBUSY && i < PROBES; i++) {
		if (i)
			(void)nanosleep(&(struct timespec){.tv_nsec = FIRST_PAUSE_NS << (i - 1)}, NULL);
		r = probe_quietly(pool, upper, report);
		if (r != -EBUSY || i < QUIET_PROBES)
			continue;
		storage_report_clear(&found);
		r = storage_disarm_holders(pool, upper, &found);
		if (r == 0)
			*ret_outcome = "detached-readonly";
	}
	if (r < 0) {
		storage_note(report, r, found.syscall, "%s", found.detail ? found.detail : upper);
		report->busy = steal_ptr(&found.busy);
		report->n_busy = found.n_busy;
		found.n_busy = 0;
	}
	storage_report_clear(&found);
	return r;
}

int storage_unmount(const char *path, const char *pool, const char *upper, const char **ret_outcome, struct storage_report *report)
{
	const char *name;
	cleanup_fd int parent = storage_open_parent(path, &name, report);
	struct statx st;
	int r = 0;

	*ret_outcome = "nothing";
	if (parent < 0)
		return parent;
	for (int i = 0; r == 0 && is_mounted(parent, name, &st); i++)
		r = i < MAX_STACKED ? let_go(parent, name, path, &st, ret_outcome, report) : storage_note(report, -ELOOP, "umount", "%s", path);
	return r == 0 && pool && upper ? make_sure(pool, upper, ret_outcome, report) : r;
}
