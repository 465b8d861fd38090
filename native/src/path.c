#include "path.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int path_open_in(int root, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int make_step(int parent, const char *name, enum path_kind kind)
{
	cleanup_fd int made = -1;

	if (kind == PATH_DIR)
		return mkdirat(parent, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	made = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return made < 0 && errno != EEXIST ? -errno : 0;
}

/* Takes over parent. */
static int step_into(int parent, const char *name, enum path_kind kind)
{
	cleanup_fd int from = parent;
	int fd, r;

	if (strcmp(name, "..") == 0)
		return -EXDEV;
	fd = path_open_in(from, name, O_PATH);
	if (fd != -ENOENT)
		return fd;
	r = make_step(from, name, kind);
	return r < 0 ? r : path_open_in(from, name, O_PATH);
}

int path_make_in(int root, const char *path, enum path_kind kind)
{
	cleanup_free char *copy = strdup(path);
	char *rest = copy, *name;
	int fd;

	if (!copy)
		return -ENOMEM;
	fd = path_open_in(root, ".", O_PATH);
	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		if (*name == '\0' || strcmp(name, ".") == 0)
			continue;
		fd = step_into(fd, name, rest && rest[strspn(rest, "/.")] ? PATH_DIR : kind);
	}
	return fd;
}
