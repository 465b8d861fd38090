/* The last steps: from PID 1 of the stage to init of the container. */
#include "stage.h"

#include "cleanup.h"
#include "fd.h"
#include "path.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The host's, opened while it can be seen: a root file system need not have a /dev/null, nor an honest one. */
int stage_open_null(struct stage *stage)
{
	bool console = stage->plan.init.stdio == INIT_STDIO_CONSOLE && stage->plan.console.enabled;

	stage->null = -1;
	if (console || stage->plan.init.stdio == INIT_STDIO_INHERIT)
		return 0;
	stage->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	return stage->null < 0 ? stage_fail(stage, -errno, "dev", "open", "/dev/null") : 0;
}

/*
 * Of inherited descriptors those that are terminals become the console, which the monitor passes on: what runs inside must
 * not be able to type into the terminal of a person outside (CVE-2016-10124). Files and pipes stay.
 */
static bool wants_console(const struct stage *stage, int fd)
{
	if (stage->console < 0)
		return false;
	return stage->plan.init.stdio == INIT_STDIO_CONSOLE || (stage->plan.init.stdio == INIT_STDIO_INHERIT && isatty(fd));
}

static int set_stdio(struct stage *stage)
{
	bool console[STDERR_FILENO + 1], any = false;

	for (int i = 0; i <= STDERR_FILENO; i++)
		any |= console[i] = wants_console(stage, i);
	/* Always: in the caller's session /dev/tty would still be the caller's terminal. Fails only for who leads a session already. */
	setsid();
	for (int i = 0; i <= STDERR_FILENO; i++) {
		int fd = console[i] ? stage->console : stage->null;
		if (fd >= 0 && dup2(fd, i) < 0)
			return stage_fail(stage, -errno, "console", "dup2", "stdio of init");
	}
	/* An init must not have it, or the getty that it starts there could not (LXC's has none either). */
	if (any && stage->plan.init.execute && ioctl(stage->console, TIOCSCTTY, 0) < 0)
		return stage_fail(stage, -errno, "console", "TIOCSCTTY", "the console");
	return 0;
}

static int set_cwd(struct stage *stage)
{
	const char *cwd = stage->plan.init.cwd ? stage->plan.init.cwd : "/";
	cleanup_fd int root = -1, dir = -1;

	if (chdir(cwd) == 0)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	dir = root < 0 ? -errno : path_make_in(root, cwd, PATH_DIR);
	if (dir < 0)
		return stage_fail(stage, dir, "init", "mkdir", "working directory %s", cwd);
	return fchdir(dir) < 0 ? stage_fail(stage, -errno, "init", "fchdir", "working directory %s", cwd) : 0;
}

static char **make_environment(const struct stage *stage)
{
	const struct init *init = &stage->plan.init;
	char **env = calloc(init->n_env + 2, sizeof(*env));

	if (!env)
		return NULL;
	memcpy(env, init->env, init->n_env * sizeof(*env));
	if (stage->container_ttys && asprintf(&env[init->n_env], "container_ttys=%s", stage->container_ttys) < 0)
		return NULL;
	return env;
}

/* execvpe(3) looks the name up in PATH of the caller's environ, so that must be the new one already. */
static int execute(struct stage *stage)
{
	const struct init *init = &stage->plan.init;
	char **argv = calloc(init->n_argv + 1, sizeof(*argv));

	environ = make_environment(stage);
	if (!argv || !environ || init->n_argv == 0)
		return stage_fail(stage, -EINVAL, "init", NULL, "no command");
	memcpy(argv, init->argv, init->n_argv * sizeof(*argv));
	execvpe(argv[0], argv, environ);
	return stage_fail(stage, -errno, "init", "execve", "%s", argv[0]);
}

int stage_become_command(struct stage *stage)
{
	const struct init *init = &stage->plan.init;
	int r;

	stage_doing(stage, "start init");
	process_reset_signals();
	r = set_stdio(stage);
	if (r == 0)
		r = set_cwd(stage);
	if (r < 0)
		return r;
	r = process_set_ids((uid_t)init->uid, (gid_t)init->gid, init->groups, init->n_groups);
	if (r < 0)
		return stage_fail(stage, r, "init", "setresuid", "uid %ju, gid %ju", (uintmax_t)init->uid, (uintmax_t)init->gid);
	/* A change of uid clears it (prctl(2)). */
	if (!init->execute && prctl(PR_SET_PDEATHSIG, stage->plan.pdeath_signal, 0, 0, 0) < 0)
		return stage_fail(stage, -errno, "init", "prctl", "PR_SET_PDEATHSIG");
	umask(022);
	return execute(stage);
}

int stage_init(struct stage *stage)
{
	/* Only marked: the socket must tell the monitor of a failed exec, and of a good one by its end. */
	if (close_range(STAGE_SOCKET, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return stage_fail(stage, -errno, "init", "close_range", "descriptors");
	return stage_become_command(stage);
}
