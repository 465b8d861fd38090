/* The mounts of the plan, each by descriptor: nothing is looked up by a path that the container could change. */
#include "stage.h"

#include "cleanup.h"
#include "mount-api.h"
#include "mount-flags.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail_mount(struct stage *stage, const struct mount *mount, int r, const char *syscall, const char *why)
{
	return stage_fail(stage, r, "mount", syscall, "mount %s on %s%s%s%s%s%s", mount->source, mount->target, mount->origin ? " (" : "",
			  mount->origin ? mount->origin : "", mount->origin ? ")" : "", *why ? ": " : "", why);
}

static const char *explain_target(int r)
{
	return r == -ELOOP ? "the target is, or lies behind, a symbolic link" : r == -ENOENT ? "the target does not exist" : "";
}

static int set_superblock(int fs, const struct mount *mount)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < mount->n_attrs; i++) {
		const char *key = mount_attr_superblock_key(mount->attrs[i]);
		if (key)
			r = mnt_fs_set(fs, key, NULL);
	}
	for (size_t i = 0; r >= 0 && i < mount->n_options; i++)
		r = mnt_fs_set(fs, mount->options[i].key, mount->options[i].value);
	return r;
}

static int new_filesystem(struct stage *stage, const struct mount *mount)
{
	cleanup_fd int fs = mnt_fs_open(mount->type);
	char why[256];
	int r;

	if (fs < 0)
		return fail_mount(stage, mount, fs, "fsopen", mount->type);
	r = mnt_fs_set(fs, "source", mount->source);
	if (r >= 0)
		r = set_superblock(fs, mount);
	if (r >= 0)
		r = mnt_fs_create(fs, mount_attr_bits(mount->attrs, mount->n_attrs));
	if (r >= 0)
		return r;
	mnt_fs_message(fs, why, sizeof(why));
	return fail_mount(stage, mount, r, "fsconfig", why);
}

static int bind_inside(struct stage *stage, const struct mount *mount)
{
	cleanup_fd int source = path_open_in(stage->rootfs, mount->source, O_PATH);
	int fd;

	if (source < 0)
		return fail_mount(stage, mount, source, "openat2", "the source, inside the container");
	if (mount->move)
		return steal_fd(&source);
	fd = mnt_clone(source, mount->bind == BIND_KIND_RBIND);
	return fd < 0 ? fail_mount(stage, mount, fd, "open_tree", "") : fd;
}

/* The monitor puts a plain descriptor of /dev/null where an optional source is missing; a bind of /dev/null is O_PATH. */
static bool is_missing(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && !(flags & O_PATH);
}

static int get_source(struct stage *stage, const struct mount *mount, int host)
{
	if (mount->from == MOUNT_FROM_HOST)
		return is_missing(host) ? fail_mount(stage, mount, -ENOENT, NULL, "the source does not exist") : host;
	if (mount->from == MOUNT_FROM_ROOT || mount->move || mount->bind != BIND_KIND_NONE)
		return bind_inside(stage, mount);
	return new_filesystem(stage, mount);
}

static int open_target(struct stage *stage, const struct mount *mount)
{
	int fd;

	if (mount->create == CREATE_KIND_NONE)
		fd = path_open_in(stage->rootfs, mount->target, O_PATH);
	else
		fd = path_make_in(stage->rootfs, mount->target, mount->create == CREATE_KIND_DIR ? PATH_DIR : PATH_FILE);
	return fd < 0 ? fail_mount(stage, mount, fd, "openat2", explain_target(fd)) : fd;
}

static int set_propagation(struct stage *stage, const struct mount *mount, int fd)
{
	for (size_t i = 0; i < mount->n_propagation; i++) {
		bool recursive;
		uint64_t bits = mount_propagation_bits(mount->propagation[i], &recursive);
		int r = mnt_set(fd, recursive, 0, 0, bits);
		if (r < 0)
			return fail_mount(stage, mount, r, "mount_setattr", propagation_to_string(mount->propagation[i]));
	}
	return 0;
}

/*
 * As mount(2) with MS_REMOUNT the flags are what is asked for, not more. In a user namespace flags that came from outside
 * are locked (mount_namespaces(7)); then only read-only changes and the rest is kept.
 */
static int set_attrs(struct stage *stage, const struct mount *mount, int fd)
{
	uint64_t set = mount_attr_bits(mount->attrs, mount->n_attrs), clear = mount_attr_clear(mount->attrs, mount->n_attrs);
	int r = mnt_set(fd, false, set, clear, 0);

	if (r == -EPERM)
		r = mnt_set(fd, false, set, clear & (MNT_RDONLY | MNT_ATIME_MASK), 0);
	return r < 0 ? fail_mount(stage, mount, r, "mount_setattr", "") : 0;
}

static int remount(struct stage *stage, const struct mount *mount)
{
	cleanup_fd int fd = path_open_in(stage->rootfs, mount->target, O_PATH);
	cleanup_fd int fs = -1;
	int r;

	if (fd < 0)
		return fail_mount(stage, mount, fd, "openat2", explain_target(fd));
	r = set_attrs(stage, mount, fd);
	if (r < 0 || mount->bind != BIND_KIND_NONE)
		return r < 0 ? r : set_propagation(stage, mount, fd);
	fs = mnt_fs_pick(fd);
	r = fs < 0 ? fs : set_superblock(fs, mount);
	if (r >= 0)
		r = mnt_fs_reconfigure(fs);
	return r < 0 ? fail_mount(stage, mount, r, "fsconfig", "remount") : set_propagation(stage, mount, fd);
}

static int attach(struct stage *stage, const struct mount *mount, int host)
{
	cleanup_fd int source = get_source(stage, mount, host);
	cleanup_fd int target = -1;
	int r;

	if (source < 0)
		return source;
	target = open_target(stage, mount);
	if (target < 0)
		return target;
	/* The monitor has put the flags on what comes from the host. */
	if (mount->bind != BIND_KIND_NONE && mount->from != MOUNT_FROM_HOST) {
		r = mnt_set(source, false, mount_attr_bits(mount->attrs, mount->n_attrs), mount_attr_atime(mount->attrs, mount->n_attrs), 0);
		if (r < 0)
			return fail_mount(stage, mount, r, "mount_setattr", "");
	}
	r = mnt_attach(source, target);
	return r < 0 ? fail_mount(stage, mount, r, "move_mount", "") : set_propagation(stage, mount, source);
}

int stage_mounts(struct stage *stage)
{
	size_t n_host = 0;

	for (size_t i = 0; i < stage->plan.n_mounts; i++) {
		const struct mount *mount = &stage->plan.mounts[i];
		int host = -1, r;

		stage_doing(stage, "mount %s", mount->target);
		if (mount->from == MOUNT_FROM_HOST && !mount->remount)
			host = stage->host_mounts[n_host++];
		r = mount->remount ? remount(stage, mount) : attach(stage, mount, host);
		if (r < 0 && !mount->optional)
			return r;
		if (r < 0)
			stage_warn("optional: cannot %s: %s", stage->failure.detail, strerrordesc_np(-r));
	}
	return 0;
}
