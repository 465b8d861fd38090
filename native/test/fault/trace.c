/* The tracer: follows every thread of the command, stops them at the calls of calls.c, and does there what the options say. */
#include "fault.h"
#include "tasks.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 126, EXIT_NOT_FOUND = 127 };
static const long trace_options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
	PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;

static long counter;
/* The whole tree is being killed: nothing goes on, what is born is killed as well. */
static bool killing;

static void resume(pid_t tid, int request, int sig)
{
	/* ESRCH: killed meanwhile; its end is reported by wait. */
	(void)!ptrace((enum __ptrace_request)request, tid, NULL, (void *)(intptr_t)sig);
}

/* Makes the stopped call return -error without being executed. */
static void skip_call(pid_t tid, int error)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		return;
	regs.orig_rax = (unsigned long long)-1;
	regs.rax = (unsigned long long)-(long long)error;
	(void)!ptrace(PTRACE_SETREGS, tid, NULL, &regs);
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof(regs)};
	int none = -1;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io) < 0)
		return;
	regs.regs[0] = (unsigned long long)-(long long)error;
	(void)!ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &io);
	io = (struct iovec){&none, sizeof(none)};
	(void)!ptrace(PTRACE_SETREGSET, tid, (void *)NT_ARM_SYSTEM_CALL, &io);
#else
#error "how does a tracer skip a system call here?"
#endif
}

static bool is_below(const struct options *o, const struct touched *t)
{
	for (int i = 0; i < t->count; i++)
		for (int k = 0; k < o->below_count; k++) {
			size_t n = strlen(o->below[k]);

			if (t->dev[i] != 0 && t->dev[i] == o->below_dev[k])
				return true;
			if (strncmp(t->path[i], o->below[k], n) == 0 && (t->path[i][n] == '/' || t->path[i][n] == '\0'))
				return true;
		}
	return o->below_count == 0 && t->count > 0;
}

static bool has_key(const struct options *o, const struct call *call, const struct touched *t)
{
	if (!o->key_call)
		return true;
	if (fnmatch(o->key_call, call->name, 0) != 0)
		return false;
	for (int i = 0; i < t->count; i++)
		if (fnmatch(o->key_path, t->path[i], 0) == 0)
			return true;
	return false;
}

static void kill_tree(bool root_only)
{
	for (struct task *task = tasks_first(); task; task = task->next)
		if (!task->excluded && (!root_only || task->tgid == tasks_root()))
			kill(task->tgid, SIGKILL);
	killing = !root_only;
}

static void run_program(const struct options *o, long n, const struct call *call)
{
	char number[24];
	pid_t pid;

	snprintf(number, sizeof(number), "%ld", n);
	pid = fork();
	if (pid == 0) {
		execlp(o->program, o->program, number, call->name, NULL);
		_exit(EXIT_NOT_FOUND);
	}
	/* Not a tracee: events of these wait until the program has ended. */
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* What happens before call n; true: the task is not to be resumed. */
static bool strike(const struct options *o, struct task *task, const struct call *call, long n, bool space)
{
	bool hit = n == o->n;

	if (o->program && (o->at < 0 || o->at == n))
		run_program(o, n, call);
	if (o->image) {
		int r = clone_disk(o, n);

		list_clone(o, n, r);
	}
	if (hit && (o->mode == KILL || o->mode == KILL_ROOT))
		kill_tree(o->mode == KILL_ROOT);
	if ((hit && o->mode == FAIL) || (n >= o->n && o->mode == FAIL_FROM && space)) {
		skip_call(task->tid, o->error);
		list_result(o, n, -o->error);
		resume(task->tid, PTRACE_CONT, 0);
		return true;
	}
	return hit && (o->mode == KILL || (o->mode == KILL_ROOT && task->tgid == tasks_root()));
}

static void at_call(const struct options *o, struct task *task)
{
	static struct touched touched;
	struct __ptrace_syscall_info info;
	const struct call *call;
	bool space;

	if (killing || task->excluded)
		return resume(task->tid, PTRACE_CONT, 0);
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) <= 0)
		return;
	call = call_find(info.seccomp.nr);
	if (!call || !call_changes(call, task->tid, info.seccomp.args) || !task_counts(o, task))
		return resume(task->tid, PTRACE_CONT, 0);
	touched_resolve(&touched, call, task->tid, info.seccomp.args);
	if ((!call->attach && !is_below(o, &touched)) || !has_key(o, call, &touched))
		return resume(task->tid, PTRACE_CONT, 0);
	counter++;
	space = call_needs_space(call, info.seccomp.args);
	list_call(o, counter, task, call, space, &touched);
	if (strike(o, task, call, counter, space))
		return;
	task->pending = counter;
	resume(task->tid, PTRACE_SYSCALL, 0);
}

static void at_return(const struct options *o, struct task *task)
{
	struct __ptrace_syscall_info info;

	if (task->pending == 0)
		return resume(task->tid, PTRACE_CONT, 0);
	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, (void *)sizeof(info), &info) > 0 && info.op == PTRACE_SYSCALL_INFO_EXIT)
		list_result(o, task->pending, info.exit.rval);
	if (o->mode == KILL_AFTER && task->pending == o->n) {
		kill_tree(false);
		return;
	}
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
		if (killing && child && !child->excluded)
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
