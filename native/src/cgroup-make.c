/* The leaves of monitor and payload, made and handed over. */
#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SUFFIX = 999, MAX_CGROUP_FILE = 1 << 20 };

/* Makes every missing level of base/name above the last one. */
static int make_parents(struct cgroups *cgroups, const struct cgroup_hierarchy *hierarchy, const char *path, size_t base, bool enable)
{
	char level[PATH_MAX];

	for (size_t i = base; path[i]; i++) {
		int r;
		if (path[i] != '/' || i == base)
			continue;
		snprintf(level, sizeof(level), "%.*s", (int)i, path);
		r = cgroup_make_dir(cgroups, hierarchy, level);
		if (r < 0 && r != -EEXIST)
			return r;
		if (enable)
			cgroup_enable_controllers(hierarchy, level);
	}
	return 0;
}

/* Of the host, not of a cgroup namespace: that one has a type, and may hold no processes beside children with controllers. */
static bool is_host_root(const struct cgroup_hierarchy *hierarchy)
{
	char base[PATH_MAX], file[PATH_MAX];

	if (path_join(base, sizeof(base), hierarchy->mount, hierarchy->base) < 0 || path_join(file, sizeof(file), base, "cgroup.type") < 0)
		return false;
	return strcmp(base, hierarchy->mount) == 0 && access(file, F_OK) < 0 && errno == ENOENT;
}

static bool started_in_v2_root(void)
{
	cleanup_free char *text = NULL;

	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", MAX_CGROUP_FILE, &text, NULL) < 0)
		return false;
	return strncmp(text, "0::/\n", 5) == 0 || strstr(text, "\n0::/\n");
}

/* Entering and leaving a leaf of v2 costs a grace period of RCU (10 ms) each. Without controllers (hybrid) nothing is counted there and
 * "no internal processes" does not hold, nor does it in the root: the monitor stays where it was started, unless lxc.cgroup.dir.monitor
 * says where it belongs. */
static bool wants_leaf(const struct cgroup_hierarchy *hierarchy, const char *name, bool payload)
{
	const char *slash = strrchr(name, '/');
	bool by_default = strncmp(slash ? slash + 1 : name, "tlxc.monitor.", 13) == 0;

	if (payload || !by_default || hierarchy->version == 1)
		return true;
	return hierarchy->n_controllers > 0 && !(is_host_root(hierarchy) && started_in_v2_root());
}

/* One leaf in every hierarchy that wants it, all with the same suffix; -EEXIST makes the caller try the next one. */
static int make_leaves(struct cgroups *cgroups, const struct cgroup *plan, const char *name, bool payload, char **ret_failed)
{
	size_t keep = cgroups->n_made;

	for (size_t i = 0; i < plan->n_hierarchies; i++) {
		const struct cgroup_hierarchy *hierarchy = &plan->hierarchies[i];
		char path[PATH_MAX];
		size_t base;
		int r = cgroup_absolute(hierarchy, name, path, &base);

		if (!wants_leaf(hierarchy, name, payload))
			continue;
		if (r == 0)
			r = make_parents(cgroups, hierarchy, path, base, payload);
		if (r == 0)
			r = cgroup_make_dir(cgroups, hierarchy, path);
		if (r < 0) {
			free(*ret_failed);
			*ret_failed = strdup(path);
			cgroups_undo_made(cgroups, keep);
			return r;
		}
	}
	return 0;
}

static int make_free_leaves(struct cgroups *cgroups, const struct cgroup *plan, const char *name, bool payload, char ret_name[PATH_MAX],
			    struct failure *failure)
{
	cleanup_free char *failed = NULL;
	int r;

	if (snprintf(ret_name, PATH_MAX, "%s", name) >= PATH_MAX)
		return failure_note(failure, -ENAMETOOLONG, "cgroup", NULL, name, "make the cgroup");
	r = make_leaves(cgroups, plan, ret_name, payload, &failed);
	for (int i = 1; r == -EEXIST && i <= MAX_SUFFIX; i++) {
		snprintf(ret_name, PATH_MAX, "%.*s-%d", PATH_MAX - 16, name, i);
		r = make_leaves(cgroups, plan, ret_name, payload, &failed);
	}
	return r < 0 ? failure_note(failure, r, "cgroup", "mkdir", failed, "make the cgroup %s", name) : 0;
}

static int fill_paths(struct cgroups *cgroups, const struct cgroup *plan, const char *monitor)
{
	cgroups->paths = calloc(plan->n_hierarchies + 1, sizeof(*cgroups->paths));
	if (!cgroups->paths)
		return -ENOMEM;
	for (size_t i = 0; i < plan->n_hierarchies; i++) {
		const struct cgroup_hierarchy *hierarchy = &plan->hierarchies[i];
		struct cgroup_path *path = &cgroups->paths[i];
		char text[PATH_MAX];
		size_t base;

		path->version = hierarchy->version;
		path->controllers = calloc(hierarchy->n_controllers + 1, sizeof(char *));
		for (size_t j = 0; path->controllers && j < hierarchy->n_controllers; j++)
			path->controllers[path->n_controllers++] = strdup(hierarchy->controllers[j]);
		if (cgroup_absolute(hierarchy, monitor, text, &base) < 0)
			return -ENAMETOOLONG;
		path->monitor = strdup(wants_leaf(hierarchy, monitor, false) ? text : "");
		path->payload = strdup("");
		path->init = strdup("");
		cgroups->n_paths++;
	}
	return 0;
}

int cgroups_make_monitor(struct cgroups *cgroups, const struct cgroup *plan, struct failure *failure)
{
	char name[PATH_MAX];
	int r = make_free_leaves(cgroups, plan, plan->monitor, false, name, failure);

	if (r == 0)
		r = fill_paths(cgroups, plan, name);
	if (r < 0)
		return failure_note(failure, r, "cgroup", NULL, NULL, "make the monitor's cgroup");
	for (size_t i = 0; i < cgroups->n_paths; i++) {
		r = *cgroups->paths[i].monitor ? cgroup_move_thread(cgroups->paths[i].monitor, 0) : 0;
		if (r < 0)
			return failure_note(failure, r, "cgroup", "write", cgroups->paths[i].monitor, "move the monitor to its cgroup");
	}
	return 0;
}

static bool safe_to_delegate(const struct cgroup_path *path)
{
	return path->version == 2 || cgroup_has_controller(path->controllers, path->n_controllers, "name=systemd");
}

/* Above the payload, every level from the root of the hierarchy down to base must hand the controllers on. */
static void enable_above(const struct cgroup_hierarchy *hierarchy)
{
	char base[PATH_MAX], level[PATH_MAX];
	size_t mount = strlen(hierarchy->mount), i;

	if (hierarchy->version != 2 || path_join(base, sizeof(base), hierarchy->mount, hierarchy->base) < 0)
		return;
	for (i = mount; base[i]; i++) {
		if (base[i] != '/')
			continue;
		snprintf(level, sizeof(level), "%.*s", (int)i, base);
		cgroup_enable_controllers(hierarchy, level);
	}
	cgroup_enable_controllers(hierarchy, base);
}

static int make_inner(struct cgroups *cgroups, const struct cgroup *plan, size_t i, const char *payload)
{
	struct cgroup_path *path = &cgroups->paths[i];
	char text[PATH_MAX], inner[PATH_MAX];
	size_t base;
	int r = cgroup_absolute(&plan->hierarchies[i], payload, text, &base);

	if (r < 0)
		return r;
	free(path->payload);
	path->payload = strdup(text);
	if (plan->payload_inner) {
		cgroup_enable_controllers(&plan->hierarchies[i], text);
		r = path_join(inner, sizeof(inner), text, plan->payload_inner);
		if (r == 0)
			r = cgroup_make_dir(cgroups, &plan->hierarchies[i], inner);
		if (r < 0)
			return r;
	}
	free(path->init);
	path->init = strdup(plan->payload_inner ? inner : text);
	return 0;
}

int cgroups_make_payload(struct cgroups *cgroups, const struct cgroup *plan, uid_t uid, gid_t gid, struct failure *failure)
{
	char name[PATH_MAX];
	int r;

	for (size_t i = 0; i < plan->n_hierarchies; i++)
		enable_above(&plan->hierarchies[i]);
	r = make_free_leaves(cgroups, plan, plan->payload, true, name, failure);
	for (size_t i = 0; r == 0 && i < cgroups->n_paths; i++) {
		r = make_inner(cgroups, plan, i, name);
		if (r < 0)
			return failure_note(failure, r, "cgroup", "mkdir", plan->payload_inner, "make the inner cgroup");
		if (uid == (uid_t)-1 || !safe_to_delegate(&cgroups->paths[i]))
			continue;
		cgroup_delegate(cgroups->paths[i].payload, uid, gid);
		if (plan->payload_inner)
			cgroup_delegate(cgroups->paths[i].init, uid, gid);
	}
	return r;
}
