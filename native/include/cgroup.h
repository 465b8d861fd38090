/* Control groups of a container: leaves made, entered, limited, frozen, emptied and removed, in v1, hybrid and v2 layouts. */
#pragma once
#include "failure.h"
#include <limits.h>
#include <sys/types.h>

struct cgroups {
	struct cgroup_path *paths; /* one a hierarchy of the plan, in its order */
	size_t n_paths;
	char **made; /* every directory that was made, in order; for undoing */
	size_t n_made;
};

/* Makes the monitor's leaf (but in a v2 hierarchy without controllers or in its root, unless asked for by name), and moves this process into it. */
int cgroups_make_monitor(struct cgroups *cgroups, const struct cgroup *plan, struct failure *failure);
/* Where the plan's base is a v2 cgroup that caller is a direct member of: takes it into the monitor's leaf, too. */
void cgroups_take_caller(const struct cgroups *cgroups, const struct cgroup *plan, pid_t caller);
/* Enables controllers and makes the payload's leaf (and the inner one), owned by uid:gid where delegation is safe
 * ((uid_t)-1: root of the host). */
int cgroups_make_payload(struct cgroups *cgroups, const struct cgroup *plan, uid_t uid, gid_t gid, struct failure *failure);
/* A descriptor of init's v2 cgroup for CLONE_INTO_CGROUP, or -errno. */
int cgroups_open_v2(const struct cgroups *cgroups);
/* Moves a process into init's cgroup of v2. */
int cgroups_enter_v2(const struct cgroups *cgroups, pid_t pid, struct failure *failure);
/* The v1 "tasks" files of init's cgroups, open for writing, in ret_fds (room for n_paths); the count in *ret_n. A process that writes
 * "0" there moves itself without the grace period of RCU (10 ms and more) that writing a pid to cgroup.procs costs. */
int cgroups_open_tasks(const struct cgroups *cgroups, int *ret_fds, size_t *ret_n, struct failure *failure);
int cgroups_apply_limits(const struct cgroups *cgroups, const struct cgroup *plan, struct failure *failure);
/* Writes rules of version 1 to devices.allow and devices.deny. */
int cgroups_apply_devices(const struct cgroups *cgroups, const struct device_rule *rules, size_t n_rules, struct failure *failure);
/* Kills what is left, removes the payload's trees. -EBUSY when something does not go away. */
int cgroups_remove_payload(const struct cgroup_path *paths, size_t n);
/* Moves this process to the pivot (or to base) and removes everything else that was made. */
void cgroups_leave(struct cgroups *cgroups, const struct cgroup *plan);
void cgroups_clear(struct cgroups *cgroups);
/* The path of the hierarchy with a v1 controller, of v2 (NULL), or NULL. */
const struct cgroup_path *cgroups_find(const struct cgroups *cgroups, const char *controller);

/* Kills every process below an absolute cgroup path and removes the tree; 0 also when it is not there. */
int cgroup_remove_tree(const char *path, uint64_t version);
/* Moves every process of a dead monitor's leaf up, and removes it if that leaves it empty. */
void cgroup_leave_leaf(const char *leaf, uint64_t version);
/* 0, or -errno; joins with one slash. */
int path_join(char *ret, size_t size, const char *left, const char *right);

/* cgroup-dir.c, for the files that make them. A cgroup that is made is noted in cgroups->made. */
int cgroup_make_dir(struct cgroups *cgroups, const struct cgroup_hierarchy *hierarchy, const char *path);
/* Of v2, for the children of path. */
void cgroup_enable_controllers(const struct cgroup_hierarchy *hierarchy, const char *path);
/* The container may make cgroups below path, and move its processes there. */
void cgroup_delegate(const char *path, uid_t uid, gid_t gid);

/* For the files that make and leave them. */
bool cgroup_has_controller(char *const *controllers, size_t n, const char *name);
/* The absolute path of a cgroup below base; *ret_base is the length of mount and base in it. */
int cgroup_absolute(const struct cgroup_hierarchy *hierarchy, const char *name, char ret[PATH_MAX], size_t *ret_base);
int cgroup_move(const char *path, pid_t pid);
/* One thread, 0 for this one: that "tasks" of v1 takes without a grace period, its own number it does not. */
int cgroup_move_thread(const char *path, pid_t tid);
/* Removes what was made, the latest first, but for the first keep ones. */
void cgroups_undo_made(struct cgroups *cgroups, size_t keep);
