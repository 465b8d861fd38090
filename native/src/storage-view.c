/* The unshifted view of a stack, as the host uses it: never set-uid, no devices, and nothing propagates from it. */
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

enum { ATTRS = MNT_NOSUID | MNT_NODEV };

/* Whether an overlay there has the same layers and upper; the kernel shows these options as they were given. */
static bool same_stack(const struct mount_line *line, const struct stack *stack, const char *options)
{
	const char *lowers = strstr(options, "lowerdir=") + strlen("lowerdir=");
	char value[4096];

	if (!storage_is_ours(line->source))
		return false;
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(lowers, ","), lowers);
	if (!mount_line_option(line->super_options, "lowerdir", value))
		return false;
	if (!stack->upper)
		return !strstr(line->super_options, "upperdir=");
	snprintf(value, sizeof(value), "%s/up", stack->upper);
	return mount_line_option(line->super_options, "upperdir", value);
}

/* A read-only bind of the one layer. */
static bool same_layer(const struct mount_line *line, const char *layer)
{
	const char *name = strrchr(line->root, '/');

	return name && strcmp(name + 1, layer) == 0 && mount_line_option(line->options, "ro", NULL);
}

/* Whether what is mounted there already is what is wanted. */
static int compare(const char *path, uint64_t id, const struct stack *stack, struct storage_report *report)
{
	cleanup_free char *text = NULL, *options = NULL;
	struct mount_line line;
	char *at;
	int r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTINFO, &text, NULL);

	if (r == 0)
		r = overlay_options(stack, &options);
	if (r < 0)
		return storage_note(report, r, NULL, "%s", path);
	for (at = text; mount_line_next(&at, &line);) {
		if (line.id != id)
			continue;
		if (stack->upper || stack->n_lowers > 1 ? same_stack(&line, stack, options) : same_layer(&line, stack->lowers[0]))
			return 0;
		break;
	}
	return storage_note(report, -EBUSY, NULL, "%s: something else is mounted there", path);
}

static int mount_overlay(int target, int pool, const char *path, const struct stack *stack, struct storage_report *report)
{
	cleanup_free char *options = NULL;
	char link[32];
	int r = overlay_options(stack, &options);

	if (r < 0)
		return storage_note(report, r, NULL, "%s: bad names of layers, or too many", path);
	if (fchdir(pool) < 0)
		return storage_note(report, -errno, "fchdir", "%s", path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", target);
	r = mnt_overlay(STORAGE_VIEW_SOURCE, link, ATTRS | (stack->upper ? 0 : MNT_RDONLY), options);
	if (chdir("/") < 0)
		r = r < 0 ? r : -errno;
	return r < 0 ? storage_note(report, r, "mount", "overlay on %s (the kernel log says why)", path) : 0;
}

/* overlayfs takes no single directory without an upper. */
static int mount_bind(int target, int pool, const char *path, const char *layer, struct storage_report *report)
{
	cleanup_fd int tree = -1;
	int r;

	if (!storage_name_ok(layer))
		return storage_note(report, -EINVAL, NULL, "%s: no name of a layer", layer);
	r = tree = mnt_clone_at(pool, layer);
	if (r < 0)
		return storage_note(report, r, "open_tree", "%s", layer);
	r = mnt_set(tree, false, ATTRS | MNT_RDONLY, 0, MNT_PRIVATE);
	if (r == 0)
		r = mnt_attach(tree, target);
	return r < 0 ? storage_note(report, r, "move_mount", "%s on %s", layer, path) : 0;
}

int storage_view_shows(const char *path, uint64_t id, const char *pool, const struct stack *stack, struct storage_report *report)
{
	cleanup_fd int in = storage_open_pool(pool, report);
	uint64_t upper = 0;
	struct statx st;
	int r = in < 0 ? in : storage_upper_inode(in, stack->upper, &upper, report);

	if (r < 0)
		return r;
	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID | STATX_INO, &st) < 0)
		return storage_note(report, -errno, "statx", "%s", path);
	if (st.stx_mnt_id != id || st.stx_ino != upper)
		return storage_note(report, -EBUSY, NULL, "%s: a view of another upper is mounted there", path);
	return compare(path, id, stack, report);
}

int storage_mount_view(const char *path, const char *pool, const struct stack *stack, const char **ret_outcome, struct storage_report *report)
{
	cleanup_fd int parent = -1, target = -1, in = -1, made = -1;
	uint64_t upper = 0;
	const char *name;
	struct statx st;
	bool overlay = stack->upper || stack->n_lowers > 1;
	int r;

	if (stack->n_lowers == 0)
		return storage_note(report, -EINVAL, NULL, "%s: no layers", path);
	parent = storage_open_parent(path, &name, report);
	if (parent < 0)
		return parent;
	in = storage_open_pool(pool, report);
	if (in < 0)
		return in;
	r = stack->upper ? storage_upper_inode(in, stack->upper, &upper, report) : 0;
	if (r < 0)
		return r;
	target = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || statx(target, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_INO, &st) < 0)
		return storage_note(report, -errno, "open", "%s", path);
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
		*ret_outcome = "already";
		if (stack->upper && st.stx_ino != upper)
			return storage_note(report, -EBUSY, NULL, "%s: a view of another upper is mounted there", path);
		return compare(path, st.stx_mnt_id, stack, report);
	}
	r = overlay ? mount_overlay(target, in, path, stack, report) : mount_bind(target, in, path, stack->lowers[0], report);
	if (r < 0)
		return r;
	*ret_outcome = "mounted";
	/* again: the mount took on the propagation of where it was attached */
	made = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = made < 0 ? -errno : mnt_set(made, false, 0, 0, MNT_PRIVATE);
	if (r < 0)
		(void)mnt_unmount_at(parent, name, true);
	return r < 0 ? storage_note(report, r, "mount_setattr", "propagation of %s", path) : 0;
}
