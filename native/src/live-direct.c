/*
 * Who writes around the page cache (O_DIRECT: many databases). Such a write notes its time when it is handed to the disk; the data is in the
 * file when the disk has it, which a container with a limit of its input and output waits for, for seconds. No lock tells of it.
 */
#include "live.h"

#include "cleanup.h"
#include "fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEEPEST = 32, MOST_PIDS = 4 << 20, MOST_FLAGS = 256 };

/* "pos:\t0\nflags:\t0140002\n": the octal flags of open(2). */
static bool is_direct(int fdinfo, const char *name)
{
	cleanup_fd int fd = openat(fdinfo, name, O_RDONLY | O_CLOEXEC);
	char text[MOST_FLAGS];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *flags;

	if (n <= 0)
		return false;
	text[n] = '\0';
	flags = strstr(text, "flags:");
	return flags && (strtoul(flags + strlen("flags:"), NULL, 8) & O_DIRECT);
}

static bool process_is_direct(long pid)
{
	char path[64];
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%ld/fdinfo", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir)))
		found = *entry->d_name != '.' && is_direct(dirfd(dir), entry->d_name);
	return found;
}

static bool some_process_is_direct(int cgroup)
{
	cleanup_free char *pids = NULL;
	bool found = false;

	if (fd_read_file(cgroup, "cgroup.procs", MOST_PIDS, &pids, NULL) < 0)
		return false;
	for (char *at = pids, *end; !found; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		found = process_is_direct(pid);
	}
	return found;
}

static bool cgroup_is_direct(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool found;

	if (!dir)
		return false;
	found = some_process_is_direct(fd);
	while (!found && depth < DEEPEST && (entry = readdir(dir)))
		found = entry->d_type == DT_DIR && *entry->d_name != '.' && cgroup_is_direct(fd, entry->d_name, depth + 1);
	return found;
}

bool live_writes_directly(const char *cgroup)
{
	return cgroup && cgroup_is_direct(AT_FDCWD, cgroup, 0);
}
