/* The intermediate process. The host's /proc and cgroups are used before the namespaces are entered, nothing of them kept (CVE-2016-8649). */
#include "attach.h"

#include "cleanup.h"
#include "fd.h"
#include "lsm.h"
#include "path.h"
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

static const int FLAGS[_NAMESPACE_MAX] = {
	[NAMESPACE_MNT] = CLONE_NEWNS,   [NAMESPACE_PID] = CLONE_NEWPID, [NAMESPACE_UTS] = CLONE_NEWUTS,       [NAMESPACE_IPC] = CLONE_NEWIPC,
	[NAMESPACE_USER] = CLONE_NEWUSER, [NAMESPACE_NET] = CLONE_NEWNET, [NAMESPACE_CGROUP] = CLONE_NEWCGROUP, [NAMESPACE_TIME] = CLONE_NEWTIME,
};

/* A namespace that is the caller's own is left out: entering the own user namespace is refused (setns(2)). */
static bool is_own(const char *path, enum namespace kind)
{
	cleanup_free char *own = NULL;
	struct stat a, b;

	if (asprintf(&own, "/proc/self/ns/%s", namespace_to_string(kind)) < 0)
		return false;
	return stat(path, &a) == 0 && stat(own, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int flags_of_container(const struct attach *attach)
{
	const struct namespaces *namespaces = &attach->plan.namespaces;
	int flags = CLONE_NEWNS;

	for (size_t i = 0; i < namespaces->n_clone; i++)
		flags |= FLAGS[namespaces->clone[i]];
	if (attach->plan.n_idmap == 0)
		flags &= ~CLONE_NEWUSER;
	for (size_t i = 0; i < namespaces->n_share; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%ju/ns/%s", (uintmax_t)attach->status.init_pid, namespace_to_string(namespaces->share[i].kind));
		if (!is_own(path, namespaces->share[i].kind))
			flags |= FLAGS[namespaces->share[i].kind];
	}
	return flags;
}

static int wanted_flags(const struct attach *attach)
{
	const struct attach_request *request = &attach->request;
	int wanted = 0;

	if (!request->has_namespaces)
		return flags_of_container(attach);
	for (size_t i = 0; i < request->n_namespaces; i++)
		wanted |= FLAGS[request->namespaces[i]];
	return wanted & flags_of_container(attach);
}

/*
 * Writing "0" to tasks moves only the caller and needs no lock over all forks of the machine, which cgroup.procs takes
 * (kernel/cgroup/cgroup.c, cgroup_procs_write_start); it is why this is fast.
 */
static int join_v1(struct attach *attach)
{
	for (size_t i = 0; i < attach->status.n_cgroups; i++) {
		const struct cgroup_path *cgroup = &attach->status.cgroups[i];
		cleanup_free char *tasks = NULL;
		int r;

		if (cgroup->version != 1)
			continue;
		if (asprintf(&tasks, "%s/tasks", cgroup->init) < 0)
			return -ENOMEM;
		r = fd_write_file(AT_FDCWD, tasks, "0");
		if (r == -EINVAL) /* the cpu controller with CONFIG_RT_GROUP_SCHED (sched(7)) */
			return attach_fail(attach, r, "a shell with a real-time policy may not: chrt --other 0 tlxc-attach ...", "join the cgroup %s", cgroup->init);
		if (r < 0)
			return attach_fail(attach, r, "leave the cgroup alone with -e CGROUP", "join the cgroup %s", cgroup->init);
	}
	return 0;
}

/* As fork(2), but born in the cgroup dir (-1: the caller's) or as a child of the caller's parent. */
static pid_t clone_process(int dir, uint64_t flags)
{
	struct clone_args args = { .flags = flags, .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD };

	if (dir >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)dir;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* cgroup v2 lets no process be where controllers are handed on (cgroups(7), "no internal processes"): then a leaf beside. */
static pid_t clone_into_v2(const char *path)
{
	cleanup_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int leaf = -1;
	pid_t pid = dir < 0 ? -1 : clone_process(dir, 0);

	if (pid >= 0 || (errno != EBUSY && errno != EOPNOTSUPP))
		return pid;
	if (mkdirat(dir, ".attach", 0755) < 0 && errno != EEXIST)
		return -1;
	leaf = openat(dir, ".attach", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return leaf < 0 ? -1 : clone_process(leaf, 0);
}

pid_t attach_spawn(struct attach *attach)
{
	const struct status *status = &attach->status;
	pid_t pid;

	for (size_t i = 0; i < status->n_cgroups && !attach->request.elevate_cgroup; i++) {
		if (status->cgroups[i].version != 2)
			continue;
		pid = clone_into_v2(status->cgroups[i].init);
		if (pid < 0)
			attach_fail(attach, -errno, "leave the cgroup alone with -e CGROUP", "join the cgroup %s", status->cgroups[i].init);
		return pid;
	}
	pid = clone_process(-1, 0);
	if (pid < 0)
		attach_fail(attach, -errno, "look at the limits of processes", "fork");
	return pid;
}

pid_t attach_clone(struct attach *attach)
{
	pid_t pid = clone_process(-1, CLONE_PARENT);

	if (pid < 0)
		attach_fail(attach, -errno, "look at pids.max of the container", "make a process in the container");
	return pid;
}

static int set_label(struct attach *attach)
{
	const struct security *security = &attach->plan.security;
	const char *context = attach->request.context ? attach->request.context : security->selinux_context;
	cleanup_fd int proc = -1;
	int r = 0;

	if (attach->request.elevate_lsm || (!security->apparmor_profile && !context))
		return 0;
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return attach_fail(attach, -errno, "mount /proc", "open /proc");
	if (security->apparmor_profile)
		r = lsm_set_exec_apparmor(proc, security->apparmor_profile);
	if (r == 0 && context)
		r = lsm_set_exec_selinux(proc, context);
	return r < 0 ? attach_fail(attach, r, "leave the label out with -e LSM", "take the security label of the container") : 0;
}

/* lxc.sched.core: as init, or its siblings could watch it. Without SMT, or without the kernel's support, there is no cookie to take. */
static int share_core(struct attach *attach)
{
	if (!attach->plan.security.sched_core || attach->request.elevate_lsm ||
	    prctl(PR_SCHED_CORE, PR_SCHED_CORE_SHARE_FROM, (pid_t)attach->status.init_pid, PR_SCHED_CORE_SCOPE_THREAD, 0) == 0)
		return 0;
	return errno == ENODEV ? 0 : attach_fail(attach, -errno, "leave it out with -e LSM", "share the core scheduling of the container");
}

/* Ids that a pty made by us is to have: those of the container's root, where the container has ids of its own. */
static int become_root_inside(struct attach *attach, int flags)
{
	if (!(flags & CLONE_NEWUSER))
		return 0;
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return attach_fail(attach, -errno, "map id 0 in lxc.idmap", "become root of the container");
	return 0;
}

/* The container's devpts; the host's when there is none. */
static int open_pty(struct attach *attach, int host_devpts, struct pty *ret)
{
	cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int devpts = root < 0 ? -1 : path_open_in(root, "dev/pts", O_PATH | O_DIRECTORY);
	int r = devpts < 0 ? devpts : pty_open(devpts, ret);

	if (r < 0)
		r = pty_open(host_devpts, ret);
	if (r < 0)
		return attach_fail(attach, r, "redirect stdin, stdout and stderr to do without", "get a pty");
	/* Before the command lives: it may ask for the size at once, and may change the settings itself. */
	attach_imitate_terminal(attach, ret->master);
	if (attach->uid != 0 && fchown(ret->slave, attach->uid, (gid_t)-1) < 0)
		return attach_fail(attach, -errno, "use a uid that is mapped", "give the pty to uid %u", attach->uid);
	return 0;
}

int attach_enter(struct attach *attach, struct pty *ret_pty)
{
	cleanup_fd int host_devpts = attach->use_pty ? open("/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	int flags = wanted_flags(attach), r = 0;

	ret_pty->master = ret_pty->slave = -1;
	if (!attach->request.elevate_cgroup)
		r = join_v1(attach);
	if (r == 0)
		r = set_label(attach);
	if (r == 0)
		r = share_core(attach);
	if (r < 0)
		return r;
	if (flags && setns(attach->pidfd, flags) < 0)
		return attach_fail(attach, -errno, "run it as root", "enter the namespaces of the container");
	r = become_root_inside(attach, flags);
	return r == 0 && attach->use_pty ? open_pty(attach, host_devpts, ret_pty) : r;
}
