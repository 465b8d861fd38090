/* The steps of the storage program: what each needs, and what it is called when it is done. */
#include "storage.h"

#include "cleanup.h"
#include "clock.h"
#include "inode-flags.h"
#include "mount-api.h"
#include "subvolume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static int missing(const struct storage_step *step, const char *field, struct storage_report *report)
{
	return storage_note(report, -EINVAL, NULL, "step %s without %s", storage_op_to_string(step->op), field);
}

static int do_sync(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	cleanup_fd int fd = step->path ? open(step->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
	uint64_t start = monotonic_us();

	if (!step->path)
		return missing(step, "path", report);
	if (fd < 0)
		return storage_note(report, -errno, "open", "%s", step->path);
	if (syncfs(fd) < 0)
		return storage_note(report, -errno, "syncfs", "%s", step->path);
	report->sync_us += monotonic_us() - start;
	*ret_outcome = "synced";
	return 0;
}

/* Of the directory itself, also when something is mounted on it: a clone of its parent's mount has nothing mounted on it. */
static int do_immutable(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	cleanup_fd int parent = -1, bare = -1, fd = -1;
	const char *name;
	int r;

	if (!step->path || !step->on.set)
		return missing(step, "path or on", report);
	parent = storage_open_parent(step->path, &name, report);
	if (parent < 0)
		return parent;
	bare = mnt_clone(parent, false);
	if (bare < 0)
		return storage_note(report, bare, "open_tree", "%s", step->path);
	fd = openat(bare, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return storage_note(report, -errno, "open", "%s", step->path);
	r = inode_set_flag(fd, INODE_IMMUTABLE, step->on.value);
	*ret_outcome = inode_has_no_flags(r) ? "unsupported" : step->on.value ? "immutable" : "mutable";
	if (inode_has_no_flags(r))
		return 0;
	return r < 0 ? storage_note(report, r, "ioctl", "%s: flag immutable", step->path) : 0;
}

static int do_upper(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	*ret_outcome = "made";
	if (!step->pool || !step->name || !step->has_lowers)
		return missing(step, "pool, name or lowers", report);
	return storage_make_upper(step->pool, step->name, step->lowers, step->n_lowers, report);
}

static int do_workdir(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	*ret_outcome = "remade";
	if (!step->pool || !step->name)
		return missing(step, "pool or name", report);
	return storage_remake_workdir(step->pool, step->name, report);
}

static int do_mount(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	bool readonly = step->readonly.set && step->readonly.value;
	const struct stack stack = {.lowers = step->lowers, .n_lowers = step->n_lowers, .upper = readonly ? NULL : step->upper};

	if (!step->path || !step->pool || !step->has_lowers)
		return missing(step, "path, pool or lowers", report);
	return storage_mount_view(step->path, step->pool, &stack, ret_outcome, report);
}

static int do_unmount(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	if (!step->path || !step->pool != !step->upper)
		return missing(step, "path, or one of pool and upper", report);
	return storage_unmount(step->path, step->pool, step->upper, ret_outcome, report);
}

static int do_probe(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	*ret_outcome = "free";
	if (!step->pool || !step->upper)
		return missing(step, "pool or upper", report);
	return storage_probe(step->pool, step->upper, report);
}

static int do_subvolume(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	cleanup_fd int from = step->path ? open(step->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	cleanup_fd int above = -1, parent = -1;
	struct subvolume_failure failure = {};
	const char *name;
	int r;

	*ret_outcome = "copied";
	if (!step->path || !step->to)
		return missing(step, "path or to", report);
	if (from < 0)
		return storage_note(report, -errno, "open", "%s", step->path);
	above = storage_open_parent(step->to, &name, report);
	if (above < 0)
		return above;
	parent = openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* O_PATH takes no ioctl */
	if (parent < 0)
		return storage_note(report, -errno, "open", "%s", step->to);
	r = subvolume_copy(from, parent, name, &failure);
	return r < 0 ? storage_note(report, r, failure.call, "%s: subvolume %s: %s", step->path, failure.where, strerror(-r)) : 0;
}

int storage_step_run(const struct storage_step *step, const char **ret_outcome, struct storage_report *report)
{
	static int (*const table[_STORAGE_OP_MAX])(const struct storage_step *, const char **, struct storage_report *) = {
		[STORAGE_OP_SYNC] = do_sync, [STORAGE_OP_IMMUTABLE] = do_immutable, [STORAGE_OP_UPPER] = do_upper,
		[STORAGE_OP_WORKDIR] = do_workdir, [STORAGE_OP_MOUNT] = do_mount, [STORAGE_OP_UNMOUNT] = do_unmount,
		[STORAGE_OP_PROBE] = do_probe, [STORAGE_OP_SUBVOLUME] = do_subvolume,
	};

	*ret_outcome = "";
	return table[step->op](step, ret_outcome, report);
}
