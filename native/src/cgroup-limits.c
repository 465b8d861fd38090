#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { MAX_LIST = 4096 };

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
	       fd_read_file(AT_FDCWD, file, MAX_LIST, &text, NULL) == 0 && !lists(text, limit, length);
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
