/* The tracer: follows every thread of the command, and stops them at the calls of calls.c. */
#include "fault.h"
#include "strike.h"
#include "tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 126 };
static const long trace_options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
	PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

static long counter;

static void resume(pid_t tid, int request, int sig)
{
	/* ESRCH: killed meanwhile; its end is reported by wait. */
	(void)!ptrace((enum __ptrace_request)request, tid, NULL, (void *)(intptr_t)sig);
}

static void at_call(const struct options *o, struct task *task)
{
	static struct touched touched;
	struct __ptrace_syscall_info info;
	const struct call *call;
	bool space;

	if (strike_kills_all() || task->excluded)
		return resume(task->tid, PTRACE_CONT, 0);
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) <= 0)
		return;
	call = call_find(info.seccomp.nr);
	if (!call || !call_changes(call, task->tid, info.seccomp.args) || !task_counts(o, task))
		return resume(task->tid, PTRACE_CONT, 0);
	touched_resolve(&touched, call, task->tid, info.seccomp.args);
	if (!is_meant(o, call, &touched))
		return resume(task->tid, PTRACE_CONT, 0);
	counter++;
	space = call_needs_space(call, info.seccomp.args);
	list_call(o, counter, task, call, space, &touched);
	switch (strike_before(o, task, call, counter, space)) {
	case STRUCK_NOT:
		task->pending = counter;
		return resume(task->tid, PTRACE_SYSCALL, 0);
	case STRUCK_SKIPPED:
		return resume(task->tid, PTRACE_CONT, 0);
	case STRUCK_DEAD:
	default:
		return;
	}
}

static void at_return(const struct options *o, struct task *task)
{
	struct __ptrace_syscall_info info;

	if (task->pending == 0)
		return resume(task->tid, PTRACE_CONT, 0);
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_EXIT)
		list_result(o, task->pending, info.exit.rval);
	if (strike_after(o, task->pending))
		return;
	task->pending = 0;
	resume(task->tid, PTRACE_CONT, 0);
}

static void at_birth(struct task *parent)
{
	unsigned long tid = 0;
	struct task *child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &tid) == 0) {
		child = task_born((pid_t)tid, parent);
		if (child && child->held) {
			child->held = false;
			resume(child->tid, PTRACE_CONT, 0);
		}
		if (strike_kills_all() && child && !child->excluded)
			kill(child->tgid, SIGKILL);
	}
	resume(parent->tid, PTRACE_CONT, 0);
}

static void at_exec(struct task *task)
{
	unsigned long former = 0;

	/* Another thread than the first one called execve: it has the leader's id from now on. */
	if (ptrace(PTRACE_GETEVENTMSG, task->tid, NULL, &former) == 0 && (pid_t)former != task->tid)
		task_gone((pid_t)former);
	task->pending = 0;
	resume(task->tid, PTRACE_CONT, 0);
}

/* A stop that PTRACE_SEIZE reports: the first one of a new task, or job control. */
static void at_stop(struct task *task, int sig)
{
	if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
		return resume(task->tid, PTRACE_LISTEN, 0);
	if (!task->known) {
		/* Whose child it is says its parent's event, which may come later. */
		task->held = true;
		return;
	}
	resume(task->tid, PTRACE_CONT, 0);
}

static void at_event(const struct options *o, pid_t tid, int status)
{
	struct task *task = task_find(tid);
	int sig = WSTOPSIG(status), event = status >> 16;

	if (!task)
		return;
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		return at_call(o, task);
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		return at_birth(task);
	case PTRACE_EVENT_EXEC:
		return at_exec(task);
	case PTRACE_EVENT_STOP:
		return at_stop(task, sig);
	default:
		break;
	}
	if (sig == (SIGTRAP | 0x80))
		return at_return(o, task);
	resume(tid, PTRACE_CONT, sig);
}

static void release_held(void)
{
	/* A parent that was killed within fork reports no birth. */
	for (struct task *task = tasks_first(); task; task = task->next)
		if (task->held) {
			task->held = false;
			task->known = true;
			resume(task->tid, PTRACE_CONT, 0);
		}
}

static pid_t start(char *const argv[])
{
	int gate[2];
	char byte;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		/* Until the tracer is there; then end of file. */
		(void)!read(gate[0], &byte, 1);
		if (filter_install() < 0)
			_exit(EXIT_NOT_STARTED);
		execvp(argv[0], argv);
		_exit(EXIT_NOT_FOUND);
	}
	close(gate[0]);
	if (pid > 0 && ptrace(PTRACE_SEIZE, pid, NULL, (void *)trace_options) < 0) {
		int r = -errno;

		kill(pid, SIGKILL);
		close(gate[1]);
		return r;
	}
	close(gate[1]);
	return pid < 0 ? -errno : pid;
}

int trace_step(const struct options *o, int *root_status)
{
	int status;
	pid_t tid = waitpid(-1, &status, __WALL);

	if (tid < 0)
		return errno == EINTR ? 1 : 0;
	if (WIFSTOPPED(status)) {
		at_event(o, tid, status);
		return 1;
	}
	if (tid == tasks_root())
		*root_status = status;
	task_gone(tid);
	release_held();
	return 1;
}

int trace_start(char *const argv[])
{
	pid_t root = start(argv);

	if (root < 0)
		return root;
	return task_root(root) ? 0 : -ENOMEM;
}
