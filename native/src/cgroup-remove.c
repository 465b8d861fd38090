/* Cgroups taken away, with whatever runs in them. */
#include "cgroup.h"

#include "cleanup.h"
#include "clock.h"
#include "fd.h"
#include "log.h"
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PROCS_FILE = 4 << 20, KILL_WAIT_MS = 5000, KILL_BATCH = 256 };

static int compare_pids(const void *left, const void *right)
{
	const pid_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* In order; *ret is NULL when there are none. */
static size_t read_members(int cgroup, pid_t **ret)
{
	cleanup_free char *text = NULL;
	char *save = NULL;
	size_t n = 0, lines = 1;

	*ret = NULL;
	if (fd_read_file(cgroup, "cgroup.procs", MAX_PROCS_FILE, &text, NULL) < 0)
		return 0;
	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	*ret = calloc(lines, sizeof(**ret));
	for (char *word = *ret ? strtok_r(text, "\n", &save) : NULL; word; word = strtok_r(NULL, "\n", &save))
		(*ret)[n++] = atoi(word);
	if (n)
		qsort(*ret, n, sizeof(**ret), compare_pids);
	return n;
}

/* Waits for all that a signal was sent to; a pidfd tells that one is gone. */
static void wait_for(const int *pidfds, size_t n, uint64_t deadline_ms)
{
	for (size_t i = 0; i < n; i++) {
		struct pollfd gone = {.fd = pidfds[i], .events = POLLIN};
		uint64_t now = monotonic_ms();

		if (now < deadline_ms)
			poll(&gone, 1, (int)(deadline_ms - now));
	}
}

/*
 * SIGKILL to all of one cgroup, and then their end. A number may have become that of a process elsewhere since it was read: only who is a
 * member still, after we have a descriptor of it, is killed.
 */
static void kill_processes(int cgroup, uint64_t deadline_ms)
{
	cleanup_free pid_t *pids = NULL;
	size_t n_pids = read_members(cgroup, &pids);

	for (size_t start = 0; start < n_pids; start += KILL_BATCH) {
		size_t n = n_pids - start < KILL_BATCH ? n_pids - start : KILL_BATCH, n_killed = 0;
		int pidfds[KILL_BATCH], killed[KILL_BATCH];
		cleanup_free pid_t *members = NULL;
		size_t n_members;

		for (size_t i = 0; i < n; i++)
			pidfds[i] = proc_pidfd_open(pids[start + i]);
		n_members = read_members(cgroup, &members);
		for (size_t i = 0; i < n; i++)
			if (pidfds[i] >= 0 && n_members && bsearch(&pids[start + i], members, n_members, sizeof(*members), compare_pids) &&
			    proc_pidfd_signal(pidfds[i], SIGKILL) == 0)
				killed[n_killed++] = pidfds[i];
		wait_for(killed, n_killed, deadline_ms);
		for (size_t i = 0; i < n; i++)
			cleanup_close_fd(&pidfds[i]);
	}
}

/* Removes one without children, and what runs in it. */
static int remove_leaf(int parent, const char *name)
{
	uint64_t deadline_ms = monotonic_ms() + KILL_WAIT_MS;

	for (int i = 0;; i++) {
		cleanup_fd int self = -1;

		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || monotonic_ms() >= deadline_ms)
			return -errno;
		self = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (self >= 0)
			kill_processes(self, deadline_ms);
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		/* dead, but not yet taken off the cgroup by the kernel; v1 has no notification */
		poll(NULL, 0, i < 5 ? 1 : 20);
	}
}

/* The name of any child; 0: there is none. */
static int find_child(int cgroup, char ret[NAME_MAX + 1])
{
	int copy = openat(cgroup, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
		return 1;
	}
	return 0;
}

/* Down to the deepest first child, one level up again for each that is gone: root inside can nest them deeper than any path, or
 * the number of our descriptors, may be. */
static int remove_below(int top)
{
	char names[2][NAME_MAX + 1];
	cleanup_fd int at = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = at < 0 ? -errno : find_child(at, names[0]);

	while (r > 0) {
		cleanup_fd int child = openat(at, names[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		struct stat here, root;

		r = child < 0 ? -errno : find_child(child, names[1]);
		if (r > 0) {
			close(at);
			at = steal_fd(&child);
			memcpy(names[0], names[1], sizeof(names[0]));
			continue;
		}
		if (r == 0 || r == -ENOENT)
			r = remove_leaf(at, names[0]);
		if (r == 0)
			r = find_child(at, names[0]);
		if (r != 0 || fstat(at, &here) < 0 || fstat(top, &root) < 0 || (here.st_ino == root.st_ino && here.st_dev == root.st_dev))
			continue;
		/* none left here: this one is the next to go, by the way of its parent */
		child = openat(at, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = child < 0 ? -errno : find_child(child, names[0]);
		close(at);
		at = steal_fd(&child);
	}
	return r;
}

int cgroup_remove_tree(const char *path, uint64_t version)
{
	cleanup_fd int top = -1;
	char file[PATH_MAX];
	int r;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	/* one write instead of a hunt, from 5.14 on */
	if (version == 2 && path_join(file, sizeof(file), path, "cgroup.kill") == 0)
		(void)fd_write_file(AT_FDCWD, file, "1");
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return errno == ENOENT ? 0 : -errno;
	r = remove_below(top);
	return r < 0 ? r : remove_leaf(AT_FDCWD, path);
}

/* v2 first: it kills them all in one go, and those of v1 are empty then. */
int cgroups_remove_payload(const struct cgroup_path *paths, size_t n)
{
	int result = 0;

	for (uint64_t version = 2; version > 0; version--)
		for (size_t i = 0; i < n; i++) {
			const struct cgroup_path *path = &paths[i];
			int r = *path->payload && path->version == version ? cgroup_remove_tree(path->payload, version) : 0;

			if (r < 0) {
				log_warn("%s: cannot remove the cgroup: %s", path->payload, strerror(-r));
				result = r;
			}
		}
	return result;
}
