/*
 * stage: PID 1 of a new container between clone and exec. Its modules share one context; each function returns 0 or -errno
 * and, on failure, has filled stage->failure. Nothing here decides anything: the plan says what is done.
 */
#pragma once
#include "protocol.gen.h"

#include <stdarg.h>

enum { STAGE_SOCKET = 3, STAGE_PLAN = 4, STAGE_FAILED = 111 };

struct stage_failure {
	const char *code; /* Report.code */
	char stage[192];
	const char *syscall;
	int error; /* positive errno, 0 when there is none */
	char detail[2048];
};

struct stage {
	struct plan plan;
	struct stage_failure failure;
	bool user_namespace;
	int rootfs; /* the container's root; -1 until the monitor has sent it */
	int proc; /* a procfs of our own that the container cannot mask or replace; -1 when nothing needs it */
	int *host_mounts; /* from the monitor, in order */
	size_t n_host_mounts;
	int devpts; /* the container's devpts, -1 without */
	int console; /* slave, -1 without */
	int *masters; /* console first, then ttys; sent to the monitor */
	size_t n_masters;
	char *container_ttys; /* "pts/1 pts/2", or NULL */
	int null; /* the host's /dev/null, for init's stdio */
	char *cgroups; /* /proc/self/cgroup before the cgroup namespace was made, NULL when not needed */
	bool cgroup_namespace;
};

/* Fills the failure; r (negative) is returned as it is. syscall may be NULL. */
int stage_fail(struct stage *stage, int r, const char *code, const char *syscall, const char *detail, ...)
	__attribute__((format(printf, 5, 6)));
/* What is being done, for the report: "mount proc". */
__attribute__((format(printf, 2, 3))) void stage_doing(struct stage *stage, const char *format, ...);
/* One log line to the monitor. */
__attribute__((format(printf, 1, 2))) void stage_warn(const char *format, ...);
void stage_send_failure(const struct stage *stage);

/* Reads the plan from its descriptor. */
int stage_load(struct stage *stage);
/* Receives the root file system and the host mounts. */
int stage_receive_mounts(struct stage *stage);
/* Sends the pty masters and waits for the word to go on. */
int stage_hand_over_ttys(struct stage *stage);

/* rootfs.c */
int stage_separate_from_host(struct stage *stage);
int stage_attach_rootfs(struct stage *stage);
int stage_pivot(struct stage *stage);
/* namespace.c */
int stage_namespaces(struct stage *stage);
int stage_personality(struct stage *stage);
/* net-inside.c */
int stage_network(struct stage *stage);
/* mount.c */
int stage_mounts(struct stage *stage);
/* cgroup-inside.c */
int stage_find_cgroups(struct stage *stage);
int stage_cgroups(struct stage *stage);
/* dev.c */
int stage_dev_tmpfs(struct stage *stage);
int stage_dev_nodes(struct stage *stage);
int stage_dev_links(struct stage *stage);
/* devpts.c */
int stage_devpts(struct stage *stage);
/* tty.c */
int stage_console(struct stage *stage);
int stage_ttys(struct stage *stage);
/* sysctl.c */
int stage_open_proc(struct stage *stage);
int stage_sysctls(struct stage *stage);
int stage_boot_id(struct stage *stage);
/* stage-hooks.c */
int stage_hooks(struct stage *stage, enum hook_type type);
/* security.c: what init may do; from here on the stage itself is bound by it. */
int stage_security(struct stage *stage);
/* init.c */
int stage_open_null(struct stage *stage);
/* Becomes init; returns only on failure. */
int stage_init(struct stage *stage);
/* The process part of stage_init: session, stdio, cwd, ids, environment, exec. Returns only on failure. */
int stage_become_command(struct stage *stage);
/* execute.c: is PID 1 for a command. The exit status for the stage, or -errno before the command ran. */
int stage_execute(struct stage *stage);
