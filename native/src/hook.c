/* Programs run on the host for the container: an argv, never a shell; output to the log, its end to the failure. */
#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum { MAX_TAIL = 1024, MAX_VECTOR = 512, PIPE_BLOCKS = 16 };

struct hook_run {
	struct source output;
	struct monitor *monitor;
	char tail[MAX_TAIL + 1];
	size_t used;
	bool ended;
};

static void log_lines(const char *text)
{
	for (const char *at = text; *at;) {
		size_t n = strcspn(at, "\n");
		if (n)
			log_debug("hook output: %.*s", (int)n, at);
		at += n + (at[n] == '\n');
	}
}

static void on_output(struct source *source, uint32_t events)
{
	struct hook_run *run = container_of(source, struct hook_run, output);
	char text[4097];
	ssize_t n = read(source->fd, text, sizeof(text) - 1);

	(void)events;
	if (n <= 0) {
		loop_drop(run->monitor->loop, source);
		run->ended = true;
		return;
	}
	text[n] = '\0';
	log_lines(text);
	for (ssize_t i = 0; i < n; i++) {
		if (run->used == MAX_TAIL) {
			memmove(run->tail, run->tail + MAX_TAIL / 2, MAX_TAIL / 2);
			run->used = MAX_TAIL / 2;
		}
		run->tail[run->used++] = text[i];
	}
	run->tail[run->used] = '\0';
}

/* One environment from several; the pointers are borrowed. */
static size_t join(char *ret[MAX_VECTOR], size_t n, char *const list[], size_t n_list)
{
	for (size_t i = 0; i < n_list && list[i] && n < MAX_VECTOR - 1; i++)
		ret[n++] = list[i];
	ret[n] = NULL;
	return n;
}

__attribute__((noreturn)) static void exec_program(char *const argv[], char *const env[], int output)
{
	sigset_t none;

	if (output >= 0 && (dup2(output, 1) < 0 || dup2(output, 2) < 0))
		_exit(126);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvpe(argv[0], argv, env);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int start_program(struct hook_run *run, char *const argv[], char *const env[], pid_t *ret_pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_pid = fork();
	if (*ret_pid == 0)
		exec_program(argv, env, ends[1]);
	close(ends[1]);
	if (*ret_pid < 0) {
		close(ends[0]);
		return -errno;
	}
	run->output = (struct source){.fd = ends[0], .events = EPOLLIN, .ready = on_output};
	return loop_add(run->monitor->loop, &run->output);
}

/* Waits for the program, serving clients meanwhile. Output of what it left running in the background is not waited for. */
static int wait_program(struct hook_run *run, pid_t pid)
{
	cleanup_fd int pidfd = proc_pidfd_open(pid);
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};
	int status = 0;

	while (pidfd >= 0 && poll(&gone, 1, 0) == 0) {
		struct pollfd both[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = run->monitor->loop, .events = POLLIN}};
		if (poll(both, 2, -1) > 0 && (both[1].revents & POLLIN))
			(void)loop_once(run->monitor->loop, 0);
		if (run->monitor->killed && run->monitor->phase == PHASE_STARTING)
			kill(pid, SIGKILL);
	}
	for (int i = 0; !run->ended && i < PIPE_BLOCKS; i++) {
		struct pollfd rest = {.fd = run->output.fd, .events = POLLIN};
		if (poll(&rest, 1, 0) <= 0)
			break;
		on_output(&run->output, EPOLLIN);
	}
	loop_drop(run->monitor->loop, &run->output);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int hook_run(struct monitor *m, char *const argv[], const char *const extra_env[], char *const extra_args[], const char *what)
{
	struct hook_run run = {.monitor = m, .output.fd = -1};
	char *args[MAX_VECTOR], *env[MAX_VECTOR];
	pid_t pid = -1;
	int status, r;
	size_t n = join(args, 0, argv, MAX_VECTOR);

	if (extra_args)
		join(args, n, extra_args, MAX_VECTOR);
	/* Ours first: an environment that is too long loses what it inherited. */
	n = extra_env ? join(env, 0, (char *const *)extra_env, MAX_VECTOR) : 0;
	join(env, n, m->plan->hook_env, m->plan->n_hook_env);
	log_info("running %s hook %s", what, argv[0]);
	r = start_program(&run, args, env, &pid);
	if (r < 0)
		return failure_note(&m->failure, r, "hook", "fork", argv[0], "run the %s hook", what);
	status = wait_program(&run, pid);
	if (status == 0)
		return 0;
	if (!run.used)
		snprintf(run.tail, sizeof(run.tail), "%s ended with %s %d", argv[0], WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_error("%s hook %s failed (wait status %d): %s", what, argv[0], status, run.tail);
	failure_note(&m->failure, -EIO, "hook", NULL, run.tail, "run the %s hook \"%s\"", what, argv[0]);
	m->failure.err = 0;
	return -EIO;
}

/* argv of the plan is no NULL-terminated list. */
static int run_one(struct monitor *m, const struct hook *hook, const char *const extra_env[], char *const extra_args[])
{
	const char *name = hook_type_to_string(hook->type);
	char *argv[MAX_VECTOR], *env[MAX_VECTOR], type[64];
	size_t n = extra_env ? join(env, 0, (char *const *)extra_env, MAX_VECTOR) : 0;

	snprintf(type, sizeof(type), "LXC_HOOK_TYPE=%s", name);
	if (m->plan->hook_version >= 1)
		join(env, n, (char *[]){type, (char *)"LXC_HOOK_SECTION=lxc"}, 2);
	else
		env[n] = NULL;
	join(argv, 0, hook->argv, hook->n_argv);
	return argv[0] ? hook_run(m, argv, (const char *const *)env, extra_args, name) : 0;
}

int hooks_run(struct monitor *m, enum hook_type type, const char *const extra_env[], char *const extra_args[])
{
	for (size_t i = 0; i < m->plan->n_hooks; i++) {
		int r = m->plan->hooks[i].type == type ? run_one(m, &m->plan->hooks[i], extra_env, extra_args) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

void hook_spawn_detached(char *const argv[], char *const env[])
{
	pid_t pid = fork();

	if (pid != 0)
		return;
	setsid();
	fd_close_from(3);
	exec_program(argv, env, -1);
}
