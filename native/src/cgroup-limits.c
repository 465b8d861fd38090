#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include "proc.h"

enum { MAX_PROCS_FILE = 4 << 20, KILL_WAIT_MS = 2000, MAX_TRIES = 40 };

/* "memory.limit_in_bytes" belongs to controller memory; blkio-like names have no further rule. */
static const struct cgroup_path *path_of(const struct cgroups *cgroups, const struct cgroup_limit *limit)
{
	char controller[64];

	if (limit->version == 2)
		return cgroups_find(cgroups, NULL);
	snprintf(controller, sizeof(controller), "%.*s", (int)strcspn(limit->file, "."), limit->file);
	return cgroups_find(cgroups, controller);
}

static bool any_v1(const struct cgroups *cgroups)
{
	for (size_t i = 0; i < cgroups->n_paths; i++)
		if (cgroups->paths[i].version == 1)
			return true;
	return false;
}

static bool lists(const char *words, const char *word, size_t length)
{
	for (const char *at = words; *at; at += strspn(at, " \n")) {
		size_t n = strcspn(at, " \n");
		if (n == length && strncmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

/* A file of v2 is missing because a level above has processes and so hands no controllers on: not what its absence says. */
static bool is_kept_back(const struct cgroup_path *path, const char *limit)
{
	cleanup_free char *text = NULL;
	char file[PATH_MAX];
	size_t length = strcspn(limit, ".");
	bool is_there = false;

	for (size_t i = 0; i < path->n_controllers; i++)
		is_there |= strlen(path->controllers[i]) == length && strncmp(path->controllers[i], limit, length) == 0;
	return is_there && path->version == 2 && path_join(file, sizeof(file), path->payload, "cgroup.controllers") == 0 &&
	       fd_read_file(AT_FDCWD, file, MAX_PROCS_FILE, &text, NULL) == 0 && !lists(text, limit, length);
}

static int note_kept_back(const struct cgroup_path *path, const struct cgroup_limit *limit, struct failure *failure)
{
	char above[PATH_MAX];

	snprintf(above, sizeof(above), "%.*s", (int)(strrchr(path->payload, '/') - path->payload), path->payload);
	return failure_note(failure, -EBUSY, "cgroup", "write", above, "set %s = %s", limit->file, limit->value);
}

int cgroups_apply_limits(const struct cgroups *cgroups, const struct cgroup *plan, struct failure *failure)
{
	for (size_t i = 0; i < plan->n_limits; i++) {
		const struct cgroup_limit *limit = &plan->limits[i];
		const struct cgroup_path *path = path_of(cgroups, limit);
		char file[PATH_MAX];
		int r;

		if (strchr(limit->file, '/'))
			return failure_note(failure, -EINVAL, "cgroup", NULL, "a file name must have no slash", "set %s", limit->file);
		if (!path && (limit->version == 2 || !any_v1(cgroups))) {
			log_info("%s is for cgroup v%d, which this host does not have: ignored", limit->file, (int)limit->version);
			continue;
		}
		if (!path)
			return failure_note(failure, -ENOENT, "cgroup", NULL, "its controller is not mounted", "set %s", limit->file);
		r = path_join(file, sizeof(file), path->payload, limit->file);
		if (r == 0)
			r = fd_write_file(AT_FDCWD, file, limit->value);
		if (r == -ENOENT && is_kept_back(path, limit->file))
			return note_kept_back(path, limit, failure);
		if (r < 0)
			return failure_note(failure, r, "cgroup", "write", file, "set %s = %s", limit->file, limit->value);
	}
	return 0;
}

int cgroups_apply_devices(const struct cgroups *cgroups, const struct device_rule *rules, size_t n_rules, struct failure *failure)
{
	const struct cgroup_path *path = cgroups_find(cgroups, "devices");

	for (size_t i = 0; path && i < n_rules; i++) {
		char file[PATH_MAX];
		int r;

		if (rules[i].version != 1)
			continue;
		/* "a" is refused for a cgroup that has children (device_cgroup.c), as the outer one has by lxc.cgroup.dir.container.inner */
		r = path_join(file, sizeof(file), path->init, rules[i].allow ? "devices.allow" : "devices.deny");
		if (r == 0)
			r = fd_write_file(AT_FDCWD, file, rules[i].rule);
		if (r < 0)
			return failure_note(failure, r, "cgroup", "write", file, "apply the device rule \"%s\"", rules[i].rule);
	}
	return 0;
}

/* SIGKILL to all of one cgroup, then waits until the first of them is gone; no polling: a pidfd tells it. */
static void kill_processes(int cgroup)
{
	cleanup_free char *text = NULL;
	char *save = NULL;

	if (fd_read_file(cgroup, "cgroup.procs", MAX_PROCS_FILE, &text, NULL) < 0)
		return;
	for (char *word = strtok_r(text, "\n", &save); word; word = strtok_r(NULL, "\n", &save)) {
		cleanup_fd int pidfd = proc_pidfd_open(atoi(word));
		struct pollfd gone = {.fd = pidfd, .events = POLLIN};

		if (pidfd >= 0 && proc_pidfd_signal(pidfd, SIGKILL) == 0)
			poll(&gone, 1, KILL_WAIT_MS);
	}
}

/* Removes one without children, and what runs in it. */
static int remove_leaf(int parent, const char *name)
{
	for (int i = 0; i < MAX_TRIES; i++) {
		cleanup_fd int self = -1;

		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		self = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (self >= 0)
			kill_processes(self);
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		/* dead, but not yet taken off the cgroup by the kernel; v1 has no notification */
		poll(NULL, 0, i < 5 ? 1 : 20);
	}
	return -EBUSY;
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
