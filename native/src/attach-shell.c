/* The login shell: from the container's own passwd, read inside and by our own parser, as no name service of the host knows it. */
#include "attach.h"

#include "cleanup.h"
#include "fd.h"
#include "passwd.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PASSWD = 4 << 20 };

static int find_in_file(uint32_t uid, struct passwd_entry *ret)
{
	/* Non-blocking: what is there may be a FIFO. */
	cleanup_fd int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_free char *text = NULL;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = fd_read_all(fd, MAX_PASSWD, &text, &size);
	return r < 0 ? r : passwd_find(text, size, uid, ret);
}

__attribute__((noreturn)) static void run_getent(uint32_t uid, int output)
{
	char text[16], *argv[] = { (char *)"getent", (char *)"passwd", text, NULL };
	char *env[] = { (char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(text, sizeof(text), "%u", uid);
	dup2(output, STDOUT_FILENO);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDERR_FILENO);
	}
	process_reset_signals();
	environ = env;
	execvpe(argv[0], argv, env);
	_exit(127);
}

/* Users of LDAP and the like; needs the container's own libraries, so its own program is asked. */
static int find_by_getent(uint32_t uid, struct passwd_entry *ret)
{
	cleanup_free char *text = NULL;
	cleanup_fd int from = -1;
	int ends[2], r;
	size_t size;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	pid = fork();
	if (pid == 0)
		run_getent(uid, ends[1]);
	close(ends[1]);
	if (pid < 0)
		return -errno;
	r = fd_read_all(from, MAX_PASSWD, &text, &size);
	waitpid(pid, NULL, 0);
	return r < 0 ? r : passwd_find(text, size, uid, ret);
}

static bool has_variable(const struct attach_request *request, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < request->n_env; i++)
		if (strncmp(request->env[i], name, length) == 0 && request->env[i][length] == '=')
			return true;
	return false;
}

static int add_variable(struct attach_request *request, const char *name, const char *value)
{
	char **env, *text;

	if (!*value || has_variable(request, name))
		return 0;
	env = realloc(request->env, (request->n_env + 1) * sizeof(*env));
	if (!env)
		return -ENOMEM;
	request->env = env;
	if (asprintf(&text, "%s=%s", name, value) < 0)
		return -ENOMEM;
	env[request->n_env++] = text;
	return 0;
}

static int use_shell(struct attach_request *request, const char *shell)
{
	request->argv = calloc(1, sizeof(*request->argv));
	if (!request->argv)
		return -ENOMEM;
	request->argv[0] = strdup(access(shell, X_OK) == 0 ? shell : "/bin/sh");
	request->n_argv = 1;
	return request->argv[0] ? 0 : -ENOMEM;
}

int attach_resolve_shell(struct attach *attach)
{
	struct attach_request *request = &attach->request;
	struct passwd_entry entry = { 0 };
	int r = 0;

	if (request->n_argv > 0 && !request->default_shell_env)
		return 0;
	if (find_in_file(attach->uid, &entry) < 0 && request->n_argv == 0)
		find_by_getent(attach->uid, &entry);
	if (request->default_shell_env && entry.name) {
		r = add_variable(request, "HOME", entry.home);
		if (r == 0)
			r = add_variable(request, "USER", entry.name);
		if (r == 0)
			r = add_variable(request, "SHELL", entry.shell);
	}
	if (r == 0 && request->n_argv == 0)
		r = use_shell(request, entry.shell && *entry.shell ? entry.shell : "/bin/sh");
	passwd_clear(&entry);
	return r < 0 ? attach_fail(attach, r, "try again", "find a shell") : 0;
}
