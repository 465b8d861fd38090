/* Uppers: a writable directory that looks like the root below it, and the kernel's work directory beside it. */
#include "storage.h"

#include "cleanup.h"
#include "inode-flags.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { MAX_XATTR = 64 << 10, MAX_DEPTH = 64 };

/* The overlay's own marks (opaque, origin, …) belong to the layer that they are in. */
static bool is_copied(const char *xattr)
{
	return strncmp(xattr, "trusted.overlay.", 16) != 0 && strncmp(xattr, "user.overlay.", 13) != 0;
}

static int copy_xattrs(int from, int to, const char *name, struct storage_report *report)
{
	cleanup_free char *names = malloc(MAX_XATTR), *value = malloc(MAX_XATTR);
	ssize_t n = names && value ? flistxattr(from, names, MAX_XATTR) : -1;

	if (!names || !value)
		return storage_note(report, -ENOMEM, NULL, "%s", name);
	if (n < 0)
		return errno == ENOTSUP ? 0 : storage_note(report, -errno, "listxattr", "%s", name);
	for (const char *at = names; at < names + n; at += strlen(at) + 1) {
		ssize_t size;

		if (!is_copied(at))
			continue;
		size = fgetxattr(from, at, value, MAX_XATTR);
		if (size < 0)
			return storage_note(report, -errno, "getxattr", "%s: %s", name, at);
		if (fsetxattr(to, at, value, (size_t)size, 0) < 0)
			return storage_note(report, -errno, "setxattr", "%s: %s", name, at);
	}
	return 0;
}

/* ACLs are xattrs too; the mode goes last but one, as setting an ACL or the owner changes it, and the times last of all. */
static int copy_attributes(int from, int to, const char *name, struct storage_report *report)
{
	struct stat st;
	int r;

	if (fstat(from, &st) < 0)
		return storage_note(report, -errno, "fstat", "%s", name);
	if (fchown(to, st.st_uid, st.st_gid) < 0)
		return storage_note(report, -errno, "fchown", "%s", name);
	r = copy_xattrs(from, to, name, report);
	if (r < 0)
		return r;
	if (fchmod(to, st.st_mode & 07777) < 0)
		return storage_note(report, -errno, "fchmod", "%s", name);
	if (futimens(to, (const struct timespec[2]){st.st_atim, st.st_mtim}) < 0)
		return storage_note(report, -errno, "futimens", "%s", name);
	return 0;
}

static int open_dir(int parent, const char *name, struct storage_report *report)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? storage_note(report, -errno, "open", "%s", name) : fd;
}

static int make_dir(int parent, const char *name, struct storage_report *report)
{
	return mkdirat(parent, name, 0700) < 0 ? storage_note(report, -errno, "mkdir", "%s", name) : 0;
}

int storage_fill_upper(int dir, int below, const char *name, struct storage_report *report)
{
	cleanup_fd int up = -1;
	int r = make_dir(dir, "wk", report);

	if (r == 0)
		r = make_dir(dir, "up", report);
	if (r == 0)
		r = up = open_dir(dir, "up", report);
	return r < 0 ? r : copy_attributes(below, up, name, report);
}

/*
 * ext4 puts a directory near the one that it is in, and passes over every inode that was freed in the last minutes, one by one, for each
 * file that is made (recently_deleted() in fs/ext4/ialloc.c). Soon after another layer was removed a copy took ten times as long so. Of a
 * directory at the top of a hierarchy each entry goes to the part of the disk with most room instead. Only speed hangs on it.
 */
static void spread_entries(int pool)
{
	cleanup_fd int fd = openat(pool, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* O_PATH takes no ioctl */

	if (fd >= 0)
		(void)inode_set_flag(fd, INODE_TOPDIR, true);
}

int storage_make_upper(const char *pool, const char *name, char *const *lowers, size_t n_lowers, struct storage_report *report)
{
	cleanup_fd int in = storage_open_pool(pool, report), below = -1, dir = -1;
	int r;

	if (in < 0)
		return in;
	if (!storage_name_ok(name) || n_lowers == 0 || !storage_name_ok(lowers[0]))
		return storage_note(report, -EINVAL, NULL, "%s: no name of an upper, or no lowers", name);
	spread_entries(in);
	below = open_dir(in, lowers[0], report);
	r = below < 0 ? below : make_dir(in, name, report);
	if (r < 0)
		return r;
	r = dir = open_dir(in, name, report);
	if (r >= 0)
		r = storage_fill_upper(dir, below, name, report);
	if (r < 0) {
		if (dir >= 0) {
			(void)unlinkat(dir, "up", AT_REMOVEDIR);
			(void)unlinkat(dir, "wk", AT_REMOVEDIR);
		}
		(void)unlinkat(in, name, AT_REMOVEDIR);
	}
	return r < 0 ? r : 0;
}

/* What the kernel left in a work directory: a few levels at most, but a directory that it was about to delete may be among it. */
static int remove_tree(int parent, const char *name, int depth, struct storage_report *report)
{
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;
	int fd, r = 0;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return storage_note(report, -errno, "unlink", "%s", name);
	if (depth == 0)
		return storage_note(report, -ELOOP, NULL, "%s: too deep", name);
	fd = open_dir(parent, name, report);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = storage_note(report, -errno, "opendir", "%s", name);
		close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = remove_tree(dirfd(dir), entry->d_name, depth - 1, report);
	if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0)
		r = storage_note(report, -errno, "rmdir", "%s", name);
	return r;
}

/* Also after a crash between the two halves: the work directory may be gone already. */
int storage_remake_workdir(const char *pool, const char *name, struct storage_report *report)
{
	cleanup_fd int in = storage_open_pool(pool, report), dir = -1;
	int r;

	if (in < 0)
		return in;
	if (!storage_name_ok(name))
		return storage_note(report, -EINVAL, NULL, "%s: no name of an upper", name);
	dir = open_dir(in, name, report);
	if (dir < 0)
		return dir;
	r = remove_tree(dir, "wk", MAX_DEPTH, report);
	return r < 0 ? r : make_dir(dir, "wk", report);
}
