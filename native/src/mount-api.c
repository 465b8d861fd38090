#include "mount-api.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result(int r)
{
	return r < 0 ? -errno : r;
}

int mnt_fs_open(const char *type)
{
	return result(fsopen(type, FSOPEN_CLOEXEC));
}

int mnt_fs_set(int fs, const char *key, const char *value)
{
	return result(fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0));
}

int mnt_fs_create(int fs, uint64_t attrs)
{
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	return result(fsmount(fs, FSMOUNT_CLOEXEC, (unsigned int)attrs));
}

void mnt_fs_message(int fs, char *text, size_t size)
{
	int saved = errno;
	ssize_t n = read(fs, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (text[0] && text[1] == ' ') /* "e ", "w " or "i ": how bad it is */
		memmove(text, text + 2, strlen(text + 2) + 1);
	errno = saved;
}

int mnt_fs_pick(int fd)
{
	return result(fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH | FSPICK_NO_AUTOMOUNT));
}

int mnt_fs_reconfigure(int fs)
{
	return result(fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
}

int mnt_fs_switch(int fs, const char *flag)
{
	cleanup_fd int context = fs;
	int r = context < 0 ? context : mnt_fs_set(context, flag, NULL);

	return r < 0 ? r : mnt_fs_reconfigure(context);
}

int mnt_clone(int fd, bool recursive)
{
	return result(open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)));
}

int mnt_clone_path(const char *path, bool recursive)
{
	return result(open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0)));
}

int mnt_attach(int mount_fd, int target_fd)
{
	return result(move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int mnt_set(int fd, bool recursive, uint64_t set, uint64_t clear, uint64_t propagation)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	return result(mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)));
}

/*
 * pivot_root(".", ".") stacks the old root over the new one (pivot_root(2), NOTES). The old tree is made a slave before it is
 * detached, so that the unmounting cannot propagate to the host.
 */
int mnt_pivot(int fd)
{
	cleanup_fd int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || fchdir(fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(old) < 0)
		return -errno;
	if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	return result(chdir("/"));
}

int mnt_overlay(const char *source, const char *target, uint64_t flags, const char *options)
{
	unsigned long classic = (flags & MNT_RDONLY ? MS_RDONLY : 0) | (flags & MNT_NOSUID ? MS_NOSUID : 0) | (flags & MNT_NODEV ? MS_NODEV : 0);

	return result(mount(source, target, "overlay", classic, options));
}

/* umount2(2) knows no directory descriptors, and changing the working directory is not ours to do. */
int mnt_unmount_at(int dir, const char *name, bool detach)
{
	char path[64 + NAME_MAX];

	if (snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return result(umount2(path, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)));
}

int mnt_fs_pick_at(int dir, const char *name)
{
	return result(fspick(dir, name, FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT));
}

int mnt_clone_at(int dir, const char *name)
{
	return result(open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW));
}

int mnt_idmap(int fd, bool recursive, int userns)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };

	return result(mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)));
}

static int own_namespace(unsigned long propagation)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return result(mount(NULL, "/", NULL, MS_REC | propagation, NULL));
}

int mnt_private_namespace(void)
{
	return own_namespace(MS_PRIVATE);
}

int mnt_slave_namespace(void)
{
	return own_namespace(MS_SLAVE);
}
