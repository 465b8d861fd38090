/* Which calls are meant, and what happens at one of them: it fails, all end, a program runs, the disk is cloned. */
#include "strike.h"

#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static bool killing;

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

bool is_meant(const struct options *o, const struct call *call, const struct touched *t)
{
	return (call->attach || is_below(o, t)) && has_key(o, call, t);
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

enum struck strike_before(const struct options *o, struct task *task, const struct call *call, long n, bool space)
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
		return STRUCK_SKIPPED;
	}
	return hit && (o->mode == KILL || (o->mode == KILL_ROOT && task->tgid == tasks_root())) ? STRUCK_DEAD : STRUCK_NOT;
}

bool strike_after(const struct options *o, long n)
{
	if (o->mode != KILL_AFTER || n != o->n)
		return false;
	kill_tree(false);
	return true;
}

bool strike_kills_all(void)
{
	return killing;
}
