/* Directories of a tree by descriptor. A path would be followed anew at each use, and may be longer than PATH_MAX. */
#include "tree.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

/* Files being copied, buffers, the socket: a handful for each thread. */
enum { RESERVED = 64 };

static atomic_int left = 256;

void tree_dirs_setup(unsigned max)
{
	struct rlimit limit;
	rlim_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	room = limit.rlim_cur > RESERVED ? limit.rlim_cur - RESERVED : 0;
	if (room > 1 << 20)
		room = 1 << 20;
	left = max > 0 && max < room ? (int)max : (int)room;
}

struct tree_dir *tree_dir_new(struct tree_dir *parent, const char *name, int fd, uint64_t ino)
{
	struct tree_dir *dir = tree_alloc(1, sizeof(*dir));

	dir->parent = parent ? tree_dir_ref(parent) : NULL;
	dir->name = tree_strdup(name);
	dir->ino = ino;
	dir->refs = 1;
	dir->fd = fd;
	/* The first one is where all others are reached from. */
	if (fd >= 0 && atomic_fetch_sub(&left, 1) <= 0 && parent) {
		atomic_fetch_add(&left, 1);
		close(fd);
		dir->fd = -1;
	}
	return dir;
}

struct tree_dir *tree_dir_ref(struct tree_dir *dir)
{
	atomic_fetch_add(&dir->refs, 1);
	return dir;
}

void tree_dir_unref(struct tree_dir *dir)
{
	/* A loop: the last reference to a leaf may free a chain of a hundred thousand parents. */
	while (dir && atomic_fetch_sub(&dir->refs, 1) == 1) {
		struct tree_dir *parent = dir->parent;

		if (dir->fd >= 0) {
			close(dir->fd);
			atomic_fetch_add(&left, 1);
		}
		free(dir->name);
		free(dir);
		dir = parent;
	}
}

static int step(int from, const struct tree_dir *dir)
{
	cleanup_fd int fd = tree_open_dir(from, dir->name);
	struct tree_stat stat;

	if (fd < 0)
		return fd;
	if (dir->ino != 0) {
		int r = tree_stat(fd, "", &stat);
		if (r < 0)
			return r;
		if (stat.ino != dir->ino) {
			errno = ESTALE;
			return tree_fail("openat", dir->name);
		}
	}
	return steal_fd(&fd);
}

int tree_dir_open(struct tree_dir *dir)
{
	struct tree_dir **chain = NULL, *at = dir;
	size_t n = 0, room = 0;
	int fd;

	for (; at->fd < 0; at = at->parent) {
		if (n == room)
			chain = tree_grow(chain, room = room ? room * 2 : 64, sizeof(*chain));
		chain[n++] = at;
	}
	fd = at->fd;
	while (n > 0 && fd >= 0) {
		int next = step(fd, chain[--n]);

		if (fd != at->fd)
			close(fd);
		fd = next;
	}
	free(chain);
	return fd;
}

void tree_dir_done(const struct tree_dir *dir, int fd)
{
	if (fd >= 0 && fd != dir->fd)
		close(fd);
}
