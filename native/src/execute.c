/* The stage as PID 1 of a single command: forwards signals to it, reaps everything, ends when everything has. */
#include "stage.h"

#include "caps.h"
#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRACE_SECONDS = 1 };

struct keeper {
	pid_t command;
	int status; /* wait status of the command */
	bool ended, stopping;
};

/*
 * Everybody is whoever is in the PID namespace. In one that is not our own (lxc.namespace.share.pid, lxc.namespace.keep) that would be
 * another container, or the host: then it is the command alone, and what that leaves behind the monitor kills with our cgroup.
 */
static void signal_all(const struct keeper *keeper, int signal)
{
	if (getpid() == 1)
		kill(-1, signal);
	else if (!keeper->ended)
		kill(keeper->command, signal);
}

/* As LXC's own init: a polite word to everybody, and after a second a less polite one. */
static void stop_all(struct keeper *keeper)
{
	if (keeper->stopping)
		return;
	keeper->stopping = true;
	signal_all(keeper, SIGTERM);
	alarm(GRACE_SECONDS);
}

/* False when no child is left. */
static bool reap(struct keeper *keeper)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid <= 0)
			return pid == 0 || errno != ECHILD;
		if (pid != keeper->command)
			continue;
		keeper->status = status;
		keeper->ended = true;
		stop_all(keeper);
	}
}

static void handle(struct keeper *keeper, int signal)
{
	switch (signal) {
	case SIGTERM:
	case SIGPWR:
		stop_all(keeper);
		break;
	case SIGALRM:
		signal_all(keeper, SIGKILL);
		break;
	default:
		if (!keeper->ended)
			kill(keeper->command, signal);
	}
}

static int keep(struct keeper *keeper)
{
	sigset_t all;

	sigfillset(&all);
	while (reap(keeper)) {
		int signal = sigwaitinfo(&all, NULL);
		if (signal > 0 && signal != SIGCHLD)
			handle(keeper, signal);
	}
	return WIFEXITED(keeper->status) ? WEXITSTATUS(keeper->status) : 128 + WTERMSIG(keeper->status);
}

__attribute__((noreturn)) static void run_command(struct stage *stage, int failed, int go)
{
	char byte;

	/* until PID 1 has laid down what the command must not get hold of */
	if (read(go, &byte, 1) != 0)
		_exit(STAGE_FAILED);
	stage_become_command(stage);
	/* The monitor gets one report, from PID 1, which must know as well. */
	fd_write_all(failed, &stage->failure, sizeof(stage->failure));
	_exit(STAGE_FAILED);
}

/* The literals that failure points to are at the same addresses on both sides of a fork. */
static int wait_for_exec(struct stage *stage, int failed)
{
	struct stage_failure failure;
	ssize_t n;

	do
		n = read(failed, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(failure))
		return 0;
	stage->failure = failure;
	return failure.error ? -failure.error : -ECHILD;
}

static void release_memory(struct stage *stage)
{
	plan_clear(&stage->plan);
	malloc_trim(0);
}

static int tell_exit(int status)
{
	unsigned char packet[5] = { 'X', (unsigned char)status, (unsigned char)(status >> 8), (unsigned char)(status >> 16),
				    (unsigned char)(status >> 24) };

	return fd_send(STAGE_SOCKET, packet, sizeof(packet), NULL, 0);
}

/* PID 1 executes nothing more, so it would keep what the bounding set takes away, and root inside may trace it (ptrace(2)). */
static int shed_capabilities(struct stage *stage)
{
	const struct security *security = &stage->plan.security;
	const char *unknown;
	uint64_t mask;
	int r = security->has_bounding ? caps_mask(security->bounding, security->n_bounding, &mask, &unknown) : 0;

	if (r == 0 && security->has_bounding)
		r = caps_give_up(mask);
	return r < 0 ? stage_fail(stage, r, "security", "capset", "the capabilities of PID 1") : 0;
}

/* All but the socket and these two: the plan above all, which root inside could read through /proc/1/fd. */
static void close_others(int one, int other)
{
	unsigned int low = (unsigned int)(one < other ? one : other), high = (unsigned int)(one < other ? other : one);

	if (low > STAGE_SOCKET + 1)
		close_range(STAGE_SOCKET + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

int stage_execute(struct stage *stage)
{
	struct keeper keeper = { 0 };
	sigset_t all;
	int ends[2], go[2], r;

	stage_doing(stage, "start the command");
	if (close_range(STAGE_SOCKET, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || pipe2(ends, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		return stage_fail(stage, -errno, "init", "pipe", "descriptors");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	keeper.command = fork();
	if (keeper.command < 0)
		return stage_fail(stage, -errno, "init", "fork", "%s", stage->plan.init.argv[0]);
	if (keeper.command == 0) {
		close(go[1]);
		run_command(stage, ends[1], go[0]);
	}
	close_others(ends[0], go[1]);
	r = shed_capabilities(stage);
	if (r < 0)
		return r;
	close(go[1]);
	r = wait_for_exec(stage, ends[0]);
	if (r < 0)
		return r;
	fd_close_from(STAGE_SOCKET + 1);
	release_memory(stage);
	fd_send(STAGE_SOCKET, "R", 1, NULL, 0);
	r = keep(&keeper);
	tell_exit(keeper.status);
	return r;
}
