/* The command's process: inside, with nothing but its stdio; sheds what the container may not have, and executes. */
#include "attach.h"

#include "caps.h"
#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "process.h"
#include "seccomp-filter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };

/* A session of its own on a fresh pty, so that nothing can be typed into the caller's terminal (CVE-2016-10124). */
static int take_pty(struct attach *attach, int slave)
{
	if (slave < 0)
		return 0;
	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		return attach_fail(attach, -errno, "redirect stdin, stdout and stderr to do without", "make the pty the controlling terminal");
	for (int i = 0; i <= STDERR_FILENO; i++)
		if (attach->tty[i] && dup2(slave, i) < 0)
			return attach_fail(attach, -errno, "redirect stdin, stdout and stderr to do without", "use the pty");
	return 0;
}

static int remount_one(const char *type, const char *path)
{
	cleanup_fd int fs = mnt_fs_open(type);
	cleanup_fd int target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int mount = -1;
	int r = fs < 0 ? fs : target < 0 ? -errno : mnt_fs_set(fs, "source", type);

	if (r >= 0)
		r = mount = mnt_fs_create(fs, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
	return r < 0 ? r : mnt_attach(mount, target);
}

/* -R: /proc and /sys of the namespaces that were entered, in a mount namespace of the command's own. */
static int remount(struct attach *attach)
{
	static const char HINT[] = "enter the user and network namespaces too, or leave out -R";
	cleanup_fd int root = -1;
	int r;

	if (!attach->request.remount_sys_proc)
		return 0;
	if (unshare(CLONE_NEWNS) < 0)
		return attach_fail(attach, -errno, HINT, "make a mount namespace");
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = root < 0 ? -errno : mnt_set(root, true, 0, 0, MNT_SLAVE);
	if (r == 0)
		r = remount_one("proc", "/proc");
	if (r < 0)
		return attach_fail(attach, r, HINT, "remount /proc");
	r = remount_one("sysfs", "/sys");
	return r < 0 ? attach_fail(attach, r, HINT, "remount /sys") : 0;
}

static int limit_capabilities(struct attach *attach)
{
	const struct security *security = &attach->plan.security;
	const char *unknown = "";
	uint64_t mask = ~UINT64_C(0);
	int r = 0;

	if (attach->request.elevate_caps)
		return 0;
	if (security->has_bounding)
		r = caps_mask(security->bounding, security->n_bounding, &mask, &unknown);
	if (r == 0)
		r = caps_limit(mask);
	return r < 0 ? attach_fail(attach, r, "keep them with -e CAP", "limit the capabilities%s%s", *unknown ? ": unknown " : "", unknown) : 0;
}

static int set_personality(struct attach *attach)
{
	enum personality wanted = attach->request.personality;

	if (wanted == _PERSONALITY_INVALID)
		wanted = attach->plan.personality;
	if (wanted != PERSONALITY_NONE && personality(wanted == PERSONALITY_LINUX32 ? PER_LINUX32 : PER_LINUX) < 0)
		return attach_fail(attach, -errno, "leave out -a", "set the personality");
	return 0;
}

static void ignore_unknown(const char *syscall)
{
	(void)syscall; /* the start of the container has said so */
}

static int filter_syscalls(struct attach *attach)
{
	const struct security *security = &attach->plan.security;
	const struct seccomp_rule *rule;
	int r = 0;

	if (attach->request.elevate_lsm)
		return 0;
	if (security->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0 && security->seccomp)
		r = seccomp_filter_load(security->seccomp, ignore_unknown, &rule);
	return r < 0 ? attach_fail(attach, r, "leave it out with -e LSM", "load the seccomp filter of the container") : 0;
}

static int set_ids(struct attach *attach)
{
	const struct init *init = &attach->plan.init;
	int r = process_set_ids(attach->uid, attach->gid, init->groups, init->n_groups);

	return r < 0 ? attach_fail(attach, r, "use ids that lxc.idmap maps", "become uid %u, gid %u", attach->uid, attach->gid) : 0;
}

/* The caller's PATH is that of another system: where /bin is a link of /usr/bin it need not name it, inside it is needed. */
static void execute_in_standard_dirs(char **argv)
{
	static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	char path[PATH_MAX];

	if (strchr(argv[0], '/'))
		return;
	for (size_t i = 0; errno == ENOENT && i < sizeof(dirs) / sizeof(*dirs); i++)
		if (snprintf(path, sizeof(path), "%s/%s", dirs[i], argv[0]) < (int)sizeof(path))
			execve(path, argv, environ);
}

static int execute(struct attach *attach)
{
	const struct attach_request *request = &attach->request;
	char **argv = calloc(request->n_argv + 1, sizeof(*argv));

	environ = calloc(request->n_env + 1, sizeof(*environ));
	if (!argv || !environ)
		return EXIT_FAILED;
	memcpy(argv, request->argv, request->n_argv * sizeof(*argv));
	memcpy(environ, request->env, request->n_env * sizeof(*environ));
	execvpe(argv[0], argv, environ);
	execute_in_standard_dirs(argv);
	attach_fail(attach, -errno, errno == ENOENT ? "check the command, and PATH inside the container" : "check the file's mode and format",
		    "execute \"%s\"", argv[0]);
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

int attach_command(struct attach *attach, int slave)
{
	int r = take_pty(attach, slave);

	fd_close_from(STDERR_FILENO + 1);
	if (r == 0)
		r = remount(attach);
	if (r == 0)
		r = limit_capabilities(attach);
	if (r == 0)
		r = set_personality(attach);
	if (r == 0)
		r = filter_syscalls(attach);
	/* As LXC: by root of the container, so that a user stays where root sent him. */
	if (r == 0 && (!attach->request.cwd || chdir(attach->request.cwd) < 0) && chdir("/") < 0)
		r = attach_fail(attach, -errno, NULL, "enter /");
	if (r == 0)
		r = set_ids(attach);
	if (r == 0)
		r = attach_resolve_shell(attach);
	if (r < 0)
		return EXIT_FAILED;
	process_reset_signals();
	return execute(attach);
}
