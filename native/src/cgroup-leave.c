/* The monitor's leaf is left: by the monitor itself when it ends, by others when it is dead. */
#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CGROUP_FILE = 1 << 20, MAX_TRIES = 20 };

/* All that is in the monitor's leaf: itself, the child that deletes the network, what hooks left in the background. */
static int empty_leaf(const char *leaf, const char *to, uint64_t version)
{
	cleanup_free char *text = NULL;
	char file[PATH_MAX], *save = NULL;
	int r = path_join(file, sizeof(file), leaf, version == 1 ? "tasks" : "cgroup.procs");

	if (r == 0)
		r = fd_read_file(AT_FDCWD, file, MAX_CGROUP_FILE, &text, NULL);
	for (char *word = r == 0 ? strtok_r(text, "\n", &save) : NULL; word; word = strtok_r(NULL, "\n", &save)) {
		pid_t pid = atoi(word);
		/* 0: of a PID namespace further out, and nobody that we could move */
		int one = pid <= 0 ? -EBUSY : cgroup_move_thread(to, pid == getpid() ? 0 : pid);
		if (one < 0 && one != -ESRCH)
			r = one;
	}
	return r;
}

void cgroups_leave(struct cgroups *cgroups, const struct cgroup *plan)
{
	for (size_t i = 0; i < cgroups->n_paths && i < plan->n_hierarchies; i++) {
		char path[PATH_MAX];
		size_t base;
		const char *pivot = plan->monitor_pivot ? plan->monitor_pivot : "", *leaf = cgroups->paths[i].monitor;
		int r = cgroup_absolute(&plan->hierarchies[i], pivot, path, &base);

		if (!*leaf)
			continue;
		if (r == 0 && *pivot && mkdir(path, 0755) < 0 && errno != EEXIST)
			log_debug("%s: %s", path, strerror(errno));
		/* v2 takes no process where controllers are handed on: then the root, which is exempt */
		if (r == 0 && empty_leaf(leaf, path, cgroups->paths[i].version) < 0)
			r = empty_leaf(leaf, plan->hierarchies[i].mount, cgroups->paths[i].version);
		if (r < 0)
			log_debug("%s: cannot move there: %s", path, strerror(-r));
	}
	cgroups_undo_made(cgroups, 0);
	cgroups_clear(cgroups);
}

/* To the next level that takes them, up to the root of the hierarchy. */
static void move_up(const char *leaf, uint64_t version)
{
	char above[PATH_MAX], procs[PATH_MAX], *slash;

	snprintf(above, sizeof(above), "%s", leaf);
	while ((slash = strrchr(above, '/'))) {
		*slash = '\0';
		if (path_join(procs, sizeof(procs), above, "cgroup.procs") < 0 || access(procs, F_OK) < 0 || empty_leaf(leaf, above, version) == 0)
			return;
	}
}

/* In a delegated scope who called us may be in it (cgroup-caller.c), and hooks may have left something there: neither is to be killed. */
void cgroup_leave_leaf(const char *leaf, uint64_t version)
{
	for (int i = 0; i < MAX_TRIES && rmdir(leaf) < 0 && errno == EBUSY; i++) {
		move_up(leaf, version);
		/* the monitor has just died, and the kernel takes it off the cgroup last of all */
		poll(NULL, 0, i < 5 ? 1 : 20);
	}
}
