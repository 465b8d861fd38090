/*
 * attach: a process of the host that becomes one of the container. Three processes: the caller waits (and passes bytes when
 * there is a pty); the intermediate enters, still invisible inside because it keeps the host's PID namespace; the command is
 * born by it into the container with nothing open but its stdio. Functions return 0 or -errno with attach->what filled.
 */
#pragma once
#include "protocol.gen.h"
#include "pty.h"

#include <sys/types.h>

struct attach {
	struct attach_request request;
	struct plan plan;
	struct status status;
	int pidfd; /* init */
	uint32_t uid, gid;
	bool use_pty;
	bool tty[3]; /* which of stdin, stdout, stderr are */
	char what[512]; /* on failure: the object, for "cannot WHAT: reason" */
	const char *hint; /* the mend */
	int error; /* -errno; ESRCH: there is no such container running */
};

/* Fills what went wrong; returns r. */
__attribute__((format(printf, 4, 5))) int attach_fail(struct attach *attach, int r, const char *hint, const char *what, ...);

/* attach-connect.c: asks the monitor for init's pidfd, the plan and the status. */
int attach_connect(struct attach *attach);
/* attach-enter.c: makes the intermediate, already in the cgroup v2 of the container. As fork(2). */
pid_t attach_spawn(struct attach *attach);
/* In the intermediate: joins the other cgroups, takes the label, enters the namespaces, gets a pty when wanted. */
int attach_enter(struct attach *attach, struct pty *ret_pty);
/* In the intermediate: makes the command's process, a child of the intermediate's parent. As fork(2). */
pid_t attach_clone(struct attach *attach);
/* attach-command.c: returns only on failure: the exit status. slave is -1 without a pty. */
int attach_command(struct attach *attach, int slave);
/* attach-shell.c: argv of the login shell of attach->uid, and HOME, USER, SHELL added to the environment where wanted. */
int attach_resolve_shell(struct attach *attach);
/* attach-wait.c: blocks what attach_wait handles; before any fork. */
void attach_block_signals(void);
/* Gives a fresh pty the size and, where the user types, the settings of the caller's terminal. */
void attach_imitate_terminal(const struct attach *attach, int master);
/* Waits for the command, passes signals and, with a master, bytes; log (-1: none) gets the output. The exit status. */
int attach_wait(const struct attach *attach, pid_t command, int master, int log);
