/* Makes PID 1 of a container: clone3 with the namespaces of the plan, id maps, and what runs between clone and exec of the stage. */
#pragma once
#include "failure.h"
#include <sys/types.h>

struct spawn {
	const struct plan *plan;
	int exec_fd, stage_socket, plan_fd;
	int cgroup_fd; /* for CLONE_INTO_CGROUP, or negative */
	const int *task_fds; /* of v1 cgroups, which the child enters by itself */
	size_t n_task_fds;
};

struct spawned {
	pid_t pid;
	int pidfd;
	bool in_v2; /* the clone put it in its v2 cgroup already */
};

/* The child blocks until one byte comes on stage_socket, then execs exec_fd (a sealed memfd) with stage_socket as 3 and plan_fd
 * as 4. */
int spawn_stage(const struct spawn *spawn, struct spawned *ret, struct failure *failure);
/* uid_map, gid_map of a process whose user namespace is new. */
int idmap_write(const struct id_map *map, size_t n, pid_t pid, struct failure *failure);
/* The id on the host of id 0 inside; (uint32_t)-1 when there is no map or it maps no root. */
uint32_t idmap_root(const struct id_map *map, size_t n, enum id_kind kind);
