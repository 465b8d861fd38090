/* What files a stopped system call is about: by the process's own root, working directory, descriptors and mounts. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Reads a string page by page: what follows its page may not be mapped. */
static bool read_string(pid_t tid, uint64_t address, char *text, size_t size)
{
	size_t got = 0;

	while (got < size - 1) {
		size_t chunk = 4096 - (address + got) % 4096;
		struct iovec local, remote;
		ssize_t n;

		if (chunk > size - 1 - got)
			chunk = size - 1 - got;
		local = (struct iovec){text + got, chunk};
		remote = (struct iovec){(void *)(uintptr_t)(address + got), chunk};
		n = process_vm_readv(tid, &local, 1, &remote, 1, 0);
		if (n <= 0)
			return false;
		if (memchr(text + got, '\0', (size_t)n))
			return true;
		got += (size_t)n;
	}
	text[got] = '\0';
	return true;
}

static int open_magic(pid_t tid, const char *what, int fd)
{
	char path[64];

	if (fd >= 0)
		snprintf(path, sizeof(path), "/proc/%d/%s/%d", tid, what, fd);
	else
		snprintf(path, sizeof(path), "/proc/%d/%s", tid, what);
	return open(path, O_PATH | O_CLOEXEC);
}

static void name_of(int fd, char *out)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_SPACE - 1);
	out[n < 0 ? 0 : n] = '\0';
}

/* The name of base, then leaf. */
static void join(int base, const char *leaf, char *out)
{
	size_t used;

	name_of(base, out);
	used = strlen(out);
	if (leaf && *leaf)
		snprintf(out + used, PATH_SPACE - used, "%s%s", used > 0 && out[used - 1] == '/' ? "" : "/", leaf);
}

static dev_t device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_dev : 0;
}

/* Splits off the last component; the parent is opened from base, its symlinks followed as the call would. */
static int open_parent(int base, char *path, char **leaf)
{
	char *end = path + strlen(path), *slash;

	while (end > path + 1 && end[-1] == '/')
		*--end = '\0';
	slash = strrchr(path, '/');
	*leaf = slash ? slash + 1 : path;
	if (!slash)
		return openat(base, ".", O_PATH | O_CLOEXEC);
	*slash = '\0';
	/* Absolute: the base is the process's root. */
	while (*path == '/')
		path++;
	return openat(base, *path ? path : ".", O_PATH | O_CLOEXEC);
}

static void resolve_path(struct touched *t, pid_t tid, const struct target *target, const uint64_t args[6])
{
	int dirfd = target->dir < 0 ? AT_FDCWD : (int)args[target->dir], base, parent;
	char path[PATH_SPACE], *leaf;
	char *out = t->path[t->count];

	if (!args[target->path])
		path[0] = '\0';
	else if (!read_string(tid, args[target->path], path, sizeof(path)))
		return;
	base = path[0] == '/' ? open_magic(tid, "root", -1) : dirfd == AT_FDCWD ? open_magic(tid, "cwd", -1) : open_magic(tid, "fd", dirfd);
	if (base < 0)
		return;
	/* AT_EMPTY_PATH, or utimensat without a path: the descriptor itself. */
	parent = path[0] ? open_parent(base, path, &leaf) : -1;
	if (parent >= 0) {
		join(parent, leaf, out);
		t->dev[t->count] = device(parent);
		close(parent);
	} else {
		join(base, path, out);
		t->dev[t->count] = path[0] ? 0 : device(base);
	}
	close(base);
	t->count++;
}

static void resolve_fd(struct touched *t, pid_t tid, int target)
{
	int fd = open_magic(tid, "fd", target);
	struct stat st;

	if (fd < 0)
		return;
	/* Pipes, sockets, terminals and eventfds keep nothing. */
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		name_of(fd, t->path[t->count]);
		t->dev[t->count++] = st.st_dev;
	}
	close(fd);
}

void touched_resolve(struct touched *t, const struct call *call, pid_t tid, const uint64_t args[6])
{
	t->count = 0;
	for (int i = 0; i < call->count; i++) {
		const struct target *target = &call->targets[i];

		if (target->path < 0)
			resolve_fd(t, tid, (int)args[target->dir]);
		else
			resolve_path(t, tid, target, args);
	}
}
