/* Hooks that run in the container's namespaces: pre-mount, mount and autodev before pivot_root, start after it. */
#include "stage.h"

#include "cleanup.h"
#include "fd.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEPT_OUTPUT = 1024, PIPE_BLOCKS = (64 << 10) / KEPT_OUTPUT };

static char **hook_environment(const struct stage *stage, enum hook_type type)
{
	const struct plan *plan = &stage->plan;
	char **env = calloc(plan->n_hook_env + 3, sizeof(*env)), *kind;
	size_t n = plan->n_hook_env;

	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		env[i] = plan->hook_env[i];
	if (plan->hook_version >= 1) {
		if (asprintf(&kind, "LXC_HOOK_TYPE=%s", hook_type_to_string(type)) < 0)
			return NULL;
		env[n++] = kind;
		env[n] = (char *)"LXC_HOOK_SECTION=lxc";
	}
	return env;
}

__attribute__((noreturn)) static void run_child(const struct hook *hook, char **env, int output)
{
	sigset_t none;
	char **argv = calloc(hook->n_argv + 1, sizeof(*argv));
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null >= 0 ? null : output, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	fd_close_from(3);
	umask(022);
	if (argv) {
		memcpy(argv, hook->argv, hook->n_argv * sizeof(*argv));
		execvpe(argv[0], argv, env);
	}
	dprintf(STDERR_FILENO, "%s: %s\n", hook->argv[0], strerrordesc_np(errno));
	_exit(127);
}

/* Keeps the end: the last lines say what went wrong. */
static size_t append(char tail[KEPT_OUTPUT + 1], size_t used, const char *block, size_t got)
{
	size_t over = used + got > KEPT_OUTPUT ? used + got - KEPT_OUTPUT : 0;

	memmove(tail, tail + over, used - over);
	memcpy(tail + used - over, block, got);
	return used + got - over;
}

/* Until the hook has ended, and what is in the pipe then: what it left running in the background may hold that for ever. */
static void read_tail(int fd, pid_t pid, char tail[KEPT_OUTPUT + 1])
{
	cleanup_fd int pidfd = proc_pidfd_open(pid);
	struct pollfd ready[2] = { { .fd = fd, .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
	char block[KEPT_OUTPUT];
	size_t used = 0;

	for (int left = PIPE_BLOCKS; left > 0;) {
		bool ended = ready[1].revents != 0;
		int r = poll(ready, 2, ended ? 0 : -1);
		ssize_t n;

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 || (ended && !ready[0].revents))
			break;
		if (!ready[0].revents)
			continue;
		n = read(fd, block, sizeof(block));
		if (n <= 0)
			break;
		used = append(tail, used, block, (size_t)n);
		left -= ended;
	}
	while (used > 0 && tail[used - 1] == '\n')
		used--;
	tail[used] = '\0';
}

static int run(struct stage *stage, const struct hook *hook)
{
	char tail[KEPT_OUTPUT + 1];
	cleanup_fd int from = -1, to = -1;
	char **env = hook_environment(stage, hook->type);
	int ends[2], status = -1;
	pid_t pid;

	if (!env || pipe2(ends, O_CLOEXEC) < 0)
		return stage_fail(stage, -errno, "internal", "pipe", "%s", hook->argv[0]);
	from = ends[0];
	to = ends[1];
	pid = fork();
	if (pid < 0)
		return stage_fail(stage, -errno, "hook", "fork", "%s", hook->argv[0]);
	if (pid == 0)
		run_child(hook, env, to);
	close(steal_fd(&to));
	read_tail(from, pid, tail);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	stage_fail(stage, 0, "hook", NULL, "%s %s with %d%s%s", hook->argv[0], WIFSIGNALED(status) ? "ended by a signal" : "exited",
		   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), *tail ? ": " : "", tail);
	return -ECANCELED;
}

int stage_hooks(struct stage *stage, enum hook_type type)
{
	for (size_t i = 0; i < stage->plan.n_hooks; i++) {
		const struct hook *hook = &stage->plan.hooks[i];
		int r;

		if (hook->type != type || hook->n_argv == 0)
			continue;
		stage_doing(stage, "%s hook", hook_type_to_string(type));
		r = run(stage, hook);
		if (r < 0)
			return r;
	}
	return 0;
}
