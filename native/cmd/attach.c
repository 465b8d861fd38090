/* tlxc-attach's native part: argv[1] is an AttachRequest as JSON. Exit status: the command's, 128+signal, 126, 127, or 1. */
#include "attach.h"
#include "cleanup.h"
#include "fd.h"
#include "sealed-self.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { EXIT_FAILED = 1 };

static int complain(const struct attach *attach, int status)
{
	const char *name = attach->request.name ? attach->request.name : "?";
	int r = attach->error;

	fprintf(stderr, "tlxc-attach: %s: cannot %s: %s\n", name, attach->what, r == -ESRCH ? "container is not running" : strerrordesc_np(-r));
	if (attach->hint)
		fprintf(stderr, "tlxc-attach: hint: %s\n", attach->hint);
	return status;
}

static int parse_request(struct attach *attach, const char *text)
{
	cleanup_json json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct proto_error wrong = { .reason = "no JSON" };
	int r = json ? attach_request_decode(json, &attach->request, &wrong) : -EINVAL;

	if (r == 0 && attach->request.version != PROTOCOL_VERSION)
		r = -EPROTO;
	return r < 0 ? attach_fail(attach, r, "call it through tlxc-attach", "read the request (%s: %s)", wrong.path, wrong.reason) : 0;
}

/* Everybody can read a command line in /proc, only its owner an environment: so that is how it comes. */
static int take_environment(struct attach *attach)
{
	struct attach_request *request = &attach->request;
	size_t n = 0;

	if (request->n_env > 0)
		return 0;
	while (environ[n])
		n++;
	request->env = calloc(n + 1, sizeof(*request->env));
	if (!request->env)
		return attach_fail(attach, -ENOMEM, NULL, "copy the environment");
	for (; request->n_env < n; request->n_env++) {
		request->env[request->n_env] = strdup(environ[request->n_env]);
		if (!request->env[request->n_env])
			return attach_fail(attach, -ENOMEM, NULL, "copy the environment");
	}
	return 0;
}

static void choose(struct attach *attach)
{
	const struct attach_request *request = &attach->request;

	attach->uid = (uint32_t)(request->uid.set ? request->uid.value : attach->plan.init.uid);
	attach->gid = (uint32_t)(request->gid.set ? request->gid.value : attach->plan.init.gid);
	/* While it is still the host's: entering the mount namespace leads to its root. */
	if (!attach->request.cwd)
		attach->request.cwd = getcwd(NULL, 0);
	for (int i = 0; i <= STDERR_FILENO; i++) {
		attach->tty[i] = isatty(i);
		attach->use_pty = attach->use_pty || attach->tty[i];
	}
}

/* Enters, makes the command's process and tells the caller of it: its pid as the caller sees it, and the master. */
__attribute__((noreturn)) static void intermediate(struct attach *attach, int sock)
{
	struct pty pty;
	int r = attach_enter(attach, &pty), slave;
	pid_t command;

	close(attach->pidfd);
	if (r < 0)
		_exit(complain(attach, EXIT_FAILED));
	slave = pty.slave;
	command = attach_clone(attach);
	if (command == 0) {
		int status = attach_command(attach, slave);
		_exit(complain(attach, status));
	}
	if (command < 0)
		_exit(complain(attach, EXIT_FAILED));
	r = fd_send(sock, &command, sizeof(command), &pty.master, pty.master >= 0 ? 1 : 0);
	_exit(r < 0 ? EXIT_FAILED : 0);
}

static int run(struct attach *attach, int log)
{
	int socks[2], master = -1;
	size_t n = 1;
	pid_t helper, command;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0) {
		attach_fail(attach, -errno, "look at the limits of open files", "make a socket");
		return complain(attach, EXIT_FAILED);
	}
	attach_block_signals();
	helper = attach_spawn(attach);
	if (helper < 0)
		return complain(attach, EXIT_FAILED);
	if (helper == 0)
		intermediate(attach, socks[1]);
	close(socks[1]);
	if (fd_receive(socks[0], &command, sizeof(command), &master, &n) != sizeof(command))
		command = -1;
	waitpid(helper, NULL, 0);
	return command < 0 ? EXIT_FAILED : attach_wait(attach, command, n == 1 ? master : -1, log);
}

/* -1 for none, as attach_wait takes it. */
static int open_log(struct attach *attach, int *ret_log)
{
	const char *path = attach->request.pty_log;

	*ret_log = -1;
	if (!path)
		return 0;
	*ret_log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	return *ret_log < 0 ? attach_fail(attach, -errno, "give another file to -L", "open \"%s\"", path) : 0;
}

int main(int argc, char **argv)
{
	struct attach attach = { .pidfd = -1 };
	int log = -1, r = argc == 2 ? sealed_self(argv) : -EINVAL;

	if (r < 0)
		attach_fail(&attach, r, "call it through tlxc-attach", "start");
	/* Until exec nobody in the container may look into us. */
	prctl(PR_SET_DUMPABLE, 0);
	if (r == 0)
		r = parse_request(&attach, argv[1]);
	if (r == 0)
		r = take_environment(&attach);
	if (r == 0)
		r = attach_connect(&attach);
	if (r == 0)
		r = open_log(&attach, &log);
	if (r < 0)
		_exit(complain(&attach, EXIT_FAILED));
	choose(&attach);
	/* Nothing is freed and nothing buffered: the kernel takes it all back at once. */
	_exit(run(&attach, log));
}
