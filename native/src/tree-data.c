/* Content of entries. */
#include "tree.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int tree_readlink(int dir, const char *name, char **ret)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return tree_fail("readlinkat", name);
	target[n] = '\0';
	*ret = tree_strdup(target);
	return 0;
}

int tree_make_special(int dir, const char *name, const struct tree_stat *stat, const char *link)
{
	if (S_ISLNK(stat->mode))
		return symlinkat(link, dir, name) < 0 ? tree_fail("symlinkat", name) : 0;
	return mknodat(dir, name, (stat->mode & S_IFMT) | 0600, makedev(stat->rdev_major, stat->rdev_minor)) < 0 ? tree_fail("mknodat", name) : 0;
}

int tree_make_whiteout(int dir, const char *name)
{
	return mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0 ? tree_fail("mknodat", name) : 0;
}

int tree_open_file(int dir, const char *name)
{
	/* Opening a device, even without blocking, can do something. What O_PATH holds cannot be replaced any more. */
	cleanup_fd int held = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[32];
	struct stat st;
	int fd;

	if (held < 0)
		return tree_fail("openat", name);
	if (fstat(held, &st) < 0)
		return tree_fail("fstat", name);
	if (!S_ISREG(st.st_mode)) {
		errno = ESTALE;
		return tree_fail("openat", name);
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", held);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
	return fd < 0 ? tree_fail("open", name) : fd;
}

int tree_clone(int from, int to)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
		return tree_fail("FICLONE", "");
	return -EOPNOTSUPP;
}

static int write_at(int to, const char *data, size_t size, off_t at)
{
	while (size > 0) {
		ssize_t n = pwrite(to, data, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tree_fail("pwrite", "");
		data += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Bytes [at, end). Returns 0 at the end, 1 at an early end of file. */
static int copy_range(int from, int to, off_t at, off_t end, char *buffer)
{
	while (at < end) {
		size_t want = end - at < TREE_BUFFER ? (size_t)(end - at) : TREE_BUFFER;
		ssize_t n = pread(from, buffer, want, at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tree_fail("pread", "");
		if (n == 0)
			return 1;
		r = write_at(to, buffer, (size_t)n, at);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

static int copy_sparse(int from, int to, off_t size, char *buffer)
{
	off_t at = 0;

	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			break;
		if (data < 0)
			return tree_fail("lseek", "");
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return tree_fail("lseek", "");
		if (data >= size)
			break;
		r = copy_range(from, to, data, hole < size ? hole : size, buffer);
		if (r != 0)
			return r < 0 ? r : 0;
		at = hole;
	}
	/* Shrunk meanwhile or not: the next look shows it, so the size of the start is as good as any. */
	return ftruncate(to, size) < 0 ? tree_fail("ftruncate", "") : 0;
}

int tree_copy_data(int from, int to, const struct tree_stat *stat, char *buffer)
{
	int r;

	if (stat->size == 0)
		return 0;
	if (stat->blocks * 512 < stat->size)
		return copy_sparse(from, to, (off_t)stat->size, buffer);
	r = copy_range(from, to, 0, (off_t)stat->size, buffer);
	return r < 0 ? r : 0;
}
