/* Started from a delegated scope: its only other process is who started us, and must not stand in the way of the controllers. */
#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { MAX_PROCS_FILE = 1 << 20 };

static bool is_member(const char *cgroup, pid_t pid)
{
	cleanup_free char *text = NULL;
	char file[PATH_MAX], *save = NULL;

	if (path_join(file, sizeof(file), cgroup, "cgroup.procs") < 0 || fd_read_file(AT_FDCWD, file, MAX_PROCS_FILE, &text, NULL) < 0)
		return false;
	for (char *word = strtok_r(text, "\n", &save); word; word = strtok_r(NULL, "\n", &save))
		if (atoi(word) == (int)pid)
			return true;
	return false;
}

/* Only the root of the hierarchy has none: it may hold processes and hand controllers on (cgroups(7), "no internal processes"). */
static bool has_type(const char *cgroup)
{
	char file[PATH_MAX];

	return path_join(file, sizeof(file), cgroup, "cgroup.type") == 0 && access(file, F_OK) == 0;
}

void cgroups_take_caller(const struct cgroups *cgroups, const struct cgroup *plan, pid_t caller)
{
	/* 0: in another pid namespace; 1: it is gone */
	for (size_t i = 0; caller > 1 && i < cgroups->n_paths; i++) {
		const struct cgroup_hierarchy *hierarchy = &plan->hierarchies[i];
		const char *leaf = cgroups->paths[i].monitor;
		char base[PATH_MAX], file[PATH_MAX], text[24];
		int r;

		if (hierarchy->version != 2 || !*leaf || path_join(base, sizeof(base), hierarchy->mount, hierarchy->base) < 0)
			continue;
		if (!has_type(base) || !is_member(base, caller) || path_join(file, sizeof(file), leaf, "cgroup.procs") < 0)
			continue;
		snprintf(text, sizeof(text), "%d", (int)caller);
		r = fd_write_file(AT_FDCWD, file, text);
		if (r < 0)
			log_info("%s: cannot take process %d there: %s", leaf, (int)caller, strerror(-r));
	}
}
