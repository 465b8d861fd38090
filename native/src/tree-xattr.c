/* Extended attributes of any kind of entry. Symbolic links and devices cannot be opened for it, so the last component of a path below
 * /proc/self/fd is what the l*xattr calls get; it is never followed. */
#include "tree.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define OVERLAY "trusted.overlay."

typedef char xattr_path[NAME_MAX + 64];

static void entry_path(xattr_path path, int dir, const char *name)
{
	snprintf(path, sizeof(xattr_path), "/proc/self/fd/%d/%s", dir, *name ? name : ".");
}

static bool kept(const char *name)
{
	static const char *const dropped[] = { "origin", "impure", "nlink", "uuid", "upper", "protattr", "opaque", "redirect" };
	size_t prefix = strlen(OVERLAY);

	if (strncmp(name, OVERLAY, prefix) == 0) {
		for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
			if (strcmp(name + prefix, dropped[i]) == 0)
				return false;
		return true;
	}
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0 ||
	       strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0;
}

/* All names, or all of a value: asked for again when it grew meanwhile. */
static ssize_t read_whole(const char *path, const char *name, char **ret)
{
	char small[512];
	ssize_t n = name ? lgetxattr(path, name, small, sizeof(small)) : llistxattr(path, small, sizeof(small));

	*ret = NULL;
	if (n >= 0) {
		*ret = tree_alloc(1, (size_t)n + 1);
		memcpy(*ret, small, (size_t)n);
		return n;
	}
	if (errno != ERANGE)
		return -errno;
	*ret = tree_alloc(1, (64 << 10) + 1);
	n = name ? lgetxattr(path, name, *ret, 64 << 10) : llistxattr(path, *ret, 64 << 10);
	if (n >= 0)
		return n;
	free(*ret);
	*ret = NULL;
	return -errno;
}

static void append(struct tree_xattrs *xattrs, const char *name, const char *value, uint32_t size)
{
	size_t length = strlen(name) + 1;
	char *at;

	xattrs->data = tree_grow(xattrs->data, xattrs->size + length + sizeof(size) + size, 1);
	at = xattrs->data + xattrs->size;
	memcpy(at, name, length);
	memcpy(at + length, &size, sizeof(size));
	memcpy(at + length + sizeof(size), value, size);
	xattrs->size += length + sizeof(size) + size;
}

static int read_one(struct tree_xattrs *xattrs, const char *path, const char *name)
{
	cleanup_free char *value = NULL;
	ssize_t n;

	if (strcmp(name, OVERLAY "origin") == 0)
		xattrs->origin = true;
	if (!kept(name) && strcmp(name, OVERLAY "opaque") != 0 && strcmp(name, OVERLAY "redirect") != 0)
		return 0;
	n = read_whole(path, name, &value);
	if (n == -ENODATA) /* gone since it was listed */
		return 0;
	if (n < 0) {
		errno = (int)-n;
		return tree_fail("lgetxattr", name);
	}
	if (strcmp(name, OVERLAY "opaque") == 0)
		xattrs->opaque = n == 1 && *value == 'y';
	else if (strcmp(name, OVERLAY "redirect") == 0)
		xattrs->redirect = steal_ptr(&value);
	else
		append(xattrs, name, value, (uint32_t)n);
	return 0;
}

int tree_xattrs_read(int dir, const char *name, struct tree_xattrs *ret)
{
	cleanup_free char *names = NULL;
	xattr_path path;
	char none[1];
	ssize_t n;
	int r = 0;

	*ret = (struct tree_xattrs){};
	entry_path(path, dir, name);
	n = llistxattr(path, none, 0);
	if (n == 0 || (n < 0 && errno == EOPNOTSUPP))
		return 0;
	n = n < 0 ? -errno : read_whole(path, NULL, &names);
	if (n < 0) {
		errno = (int)-n;
		return tree_fail("llistxattr", name);
	}
	for (const char *at = names; r == 0 && at < names + n; at += strlen(at) + 1)
		r = read_one(ret, path, at);
	if (r < 0)
		tree_xattrs_clear(ret);
	return r;
}

void tree_xattrs_clear(struct tree_xattrs *xattrs)
{
	free(xattrs->data);
	free(xattrs->redirect);
	*xattrs = (struct tree_xattrs){};
}

static int write_all(const char *path, const struct tree_xattrs *xattrs)
{
	for (size_t at = 0; at < xattrs->size;) {
		const char *name = xattrs->data + at;
		size_t value = at + strlen(name) + 1 + sizeof(uint32_t);
		uint32_t size;

		memcpy(&size, xattrs->data + value - sizeof(size), sizeof(size));
		if (lsetxattr(path, name, xattrs->data + value, size, 0) < 0)
			return tree_fail("lsetxattr", name);
		at = value + size;
	}
	return 0;
}

int tree_apply(int dir, const char *name, const struct tree_stat *stat, const struct tree_xattrs *xattrs, bool opaque, const char *redirect)
{
	struct timespec times[2] = { { stat->atime.sec, stat->atime.nsec }, { stat->mtime.sec, stat->mtime.nsec } };
	const char *entry = *name ? name : ".";
	xattr_path path;
	int r;

	/* chown clears set-id bits and capabilities, an ACL changes the mode, everything changes ctime: so in this order. */
	if (fchownat(dir, entry, stat->uid, stat->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail("fchownat", name);
	entry_path(path, dir, name);
	r = xattrs->size ? write_all(path, xattrs) : 0;
	if (r < 0)
		return r;
	if (opaque && lsetxattr(path, OVERLAY "opaque", "y", 1, 0) < 0)
		return tree_fail("lsetxattr", OVERLAY "opaque");
	if (redirect && lsetxattr(path, OVERLAY "redirect", redirect, strlen(redirect), 0) < 0)
		return tree_fail("lsetxattr", OVERLAY "redirect");
	if (!S_ISLNK(stat->mode) && fchmodat(dir, entry, stat->mode & 07777, 0) < 0)
		return tree_fail("fchmodat", name);
	if (utimensat(dir, entry, times, AT_SYMLINK_NOFOLLOW) < 0)
		return tree_fail("utimensat", name);
	return 0;
}
