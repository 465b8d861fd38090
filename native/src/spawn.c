#include "spawn.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "plan.h"
#include "proc.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STAGE_SOCKET = 3, STAGE_PLAN = 4, FIRST_FREE = 5, STAGE_FAILED = 111 };

static const struct {
	unsigned long long flag;
	const char *file;
} kinds[_NAMESPACE_MAX] = {
	[NAMESPACE_MNT] = {CLONE_NEWNS, "mnt"},   [NAMESPACE_PID] = {CLONE_NEWPID, "pid"},  [NAMESPACE_UTS] = {CLONE_NEWUTS, "uts"},
	[NAMESPACE_IPC] = {CLONE_NEWIPC, "ipc"},  [NAMESPACE_USER] = {CLONE_NEWUSER, "user"}, [NAMESPACE_NET] = {CLONE_NEWNET, "net"},
	[NAMESPACE_CGROUP] = {0, "cgroup"}, /* the stage unshares it, once it is in its cgroup */
	[NAMESPACE_TIME] = {0, "time"}, /* before the clone: offsets can be set only while nobody is inside */
};

static unsigned long long clone_flags(const struct plan *plan)
{
	unsigned long long flags = CLONE_NEWNS;

	for (size_t i = 0; i < plan->namespaces.n_clone; i++)
		flags |= kinds[plan->namespaces.clone[i]].flag;
	return plan->n_idmap ? flags : flags & ~(unsigned long long)CLONE_NEWUSER;
}

/* Places both descriptors and closes every other one but the executable (which is close-on-exec). */
static int place_descriptors(int *exec_fd, int stage_socket, int plan_fd)
{
	int sock = fcntl(stage_socket, F_DUPFD_CLOEXEC, FIRST_FREE), plan = fcntl(plan_fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	int executable = fcntl(*exec_fd, F_DUPFD_CLOEXEC, FIRST_FREE);

	if (sock < 0 || plan < 0 || executable < 0)
		return -errno;
	if (dup2(sock, STAGE_SOCKET) < 0 || dup2(plan, STAGE_PLAN) < 0 || dup3(executable, FIRST_FREE, O_CLOEXEC) < 0)
		return -errno;
	fd_close_from(FIRST_FREE + 1);
	*exec_fd = FIRST_FREE;
	return 0;
}

/* In a new PID namespace getppid(2) is 0 whether the monitor lives or not: the end of its socket tells. */
static bool monitor_is_gone(void)
{
	struct pollfd end = {.fd = STAGE_SOCKET};

	return poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR));
}

static int become_root(const struct plan *plan)
{
	if (plan->n_idmap) {
		/* Hooks run before init's own groups are set: the caller's (docker, disk …) are no business of theirs. */
		if (setgroups(0, NULL) < 0)
			return -errno;
		if (idmap_root(plan->idmap, plan->n_idmap, ID_KIND_GID) != (uint32_t)-1 && setresgid(0, 0, 0) < 0)
			return -errno;
		if (idmap_root(plan->idmap, plan->n_idmap, ID_KIND_UID) != (uint32_t)-1 && setresuid(0, 0, 0) < 0)
			return -errno;
	}
	/* again: a change of the effective ids clears it */
	if (plan->pdeath_signal && prctl(PR_SET_PDEATHSIG, plan->pdeath_signal) < 0)
		return -errno;
	return monitor_is_gone() ? -ESRCH : 0;
}

static void send_failure(const char *code, const char *stage, const char *syscall, int r)
{
	struct report report = {.code = (char *)code, .stage = (char *)stage, .syscall = (char *)syscall};
	cleanup_json json_t *json = NULL;
	cleanup_free char *text = NULL, *packet = NULL;

	report.errno_ = (struct opt_uint){.set = true, .value = (uint64_t)-r};
	json = report_encode(&report);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (text && asprintf(&packet, "F%s", text) > 0)
		(void)fd_send(STAGE_SOCKET, packet, strlen(packet), NULL, 0);
	_exit(STAGE_FAILED);
}

static int enter_cgroups(const struct spawn *spawn)
{
	for (size_t i = 0; i < spawn->n_task_fds; i++)
		if (write(spawn->task_fds[i], "0", 1) != 1)
			return -errno;
	return 0;
}

__attribute__((noreturn)) static void child(const struct spawn *spawn)
{
	const struct plan *plan = spawn->plan;
	char title[] = "[tlxc stage]", *argv[] = {title, plan->name, NULL}, *env[] = {NULL};
	int exec_fd = spawn->exec_fd, entered, r;
	char go;

	if (plan->pdeath_signal)
		prctl(PR_SET_PDEATHSIG, plan->pdeath_signal);
	entered = enter_cgroups(spawn);
	r = place_descriptors(&exec_fd, spawn->stage_socket, spawn->plan_fd);
	if (r < 0)
		_exit(STAGE_FAILED);
	process_reset_signals();
	if (recv(STAGE_SOCKET, &go, 1, 0) != 1)
		_exit(STAGE_FAILED);
	if (entered < 0)
		send_failure("cgroup", "move init to its cgroups", "write", entered);
	r = become_root(plan);
	if (r < 0)
		send_failure("init", "become root of the user namespace", "setresuid", r);
	syscall(SYS_execveat, exec_fd, "", argv, env, AT_EMPTY_PATH);
	send_failure("init", "start the stage", "execveat", -errno);
	_exit(STAGE_FAILED);
}

static int set_time_offsets(const struct plan *plan)
{
	const struct opt_int *offset[] = {&plan->namespaces.monotonic_offset_ns, &plan->namespaces.boot_offset_ns};
	static const char *const clock[] = {"monotonic", "boottime"};
	char text[160];

	if (unshare(CLONE_NEWTIME) < 0)
		return -errno;
	for (size_t i = 0; i < 2; i++) {
		long long ns = offset[i]->value, seconds = ns / 1000000000, rest = ns % 1000000000;
		int r;

		if (!offset[i]->set)
			continue;
		if (rest < 0) {
			rest += 1000000000;
			seconds--;
		}
		snprintf(text, sizeof(text), "%s %lld %lld\n", clock[i], seconds, rest);
		r = fd_write_file(AT_FDCWD, "/proc/self/timens_offsets", text);
		if (r < 0)
			return r;
	}
	return 0;
}

static int enter_shared(const struct plan *plan)
{
	/* the user namespace first: it gives the rights for those that it owns */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < plan->namespaces.n_share; i++) {
			const struct shared_namespace *share = &plan->namespaces.share[i];
			cleanup_fd int fd = -1;

			if ((share->kind == NAMESPACE_USER) != (pass == 0))
				continue;
			fd = open(share->path, O_RDONLY | O_CLOEXEC);
			if (fd < 0 || setns(fd, 0) < 0)
				return -errno;
		}
	}
	return 0;
}

static pid_t clone_child(unsigned long long flags, int cgroup_fd, int *ret_pidfd)
{
	struct clone_args args = {.flags = flags | CLONE_PIDFD, .pidfd = (uintptr_t)ret_pidfd};

	if (!(flags & CLONE_PARENT)) /* else the signal of the caller is taken */
		args.exit_signal = SIGCHLD;
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Shared namespaces and time offsets are entered by a process in between; its child is a child of the monitor. */
__attribute__((noreturn)) static void intermediate(const struct spawn *spawn, int back)
{
	const struct plan *plan = spawn->plan;
	int answer[2] = {0}, pidfd = -1, r = enter_shared(plan);
	size_t n_fds = 0;

	if (r == 0 && plan_makes(plan, NAMESPACE_TIME))
		r = set_time_offsets(plan);
	if (r == 0) {
		pid_t pid = clone_child(clone_flags(plan) | CLONE_PARENT, -1, &pidfd);
		if (pid == 0)
			child(spawn);
		r = pid < 0 ? -errno : 0;
		answer[1] = pid;
		n_fds = pid > 0;
	}
	answer[0] = r;
	_exit(fd_send(back, answer, sizeof(answer), &pidfd, n_fds) < 0);
}

static int spawn_between(const struct spawn *spawn, struct spawned *ret)
{
	cleanup_fd int ours = -1, theirs = -1;
	int pair[2], answer[2], pidfd = -1;
	size_t n_fds = 1;
	ssize_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		intermediate(spawn, theirs);
	close(steal_fd(&theirs));
	n = fd_receive(ours, answer, sizeof(answer), &pidfd, &n_fds);
	waitpid(pid, NULL, 0);
	if (n != sizeof(answer) || answer[0] < 0)
		return n == sizeof(answer) ? answer[0] : n < 0 ? (int)n : -ECHILD;
	ret->pid = answer[1];
	ret->pidfd = pidfd;
	return 0;
}

static int spawn_direct(const struct spawn *spawn, struct spawned *ret)
{
	const struct plan *plan = spawn->plan;
	int cgroup_fd = spawn->cgroup_fd;
	pid_t pid = clone_child(clone_flags(plan), cgroup_fd, &ret->pidfd);

	ret->in_v2 = cgroup_fd >= 0;
	/* Old kernels and cgroups that take no process: without, and cgroup.procs says why if it fails there too. */
	if (pid < 0 && cgroup_fd >= 0) {
		log_debug("clone3 into the cgroup: %s; going without", strerror(errno));
		ret->in_v2 = false;
		pid = clone_child(clone_flags(plan), -1, &ret->pidfd);
	}
	if (pid == 0)
		child(spawn);
	if (pid < 0)
		return -errno;
	ret->pid = pid;
	return 0;
}

int spawn_stage(const struct spawn *spawn, struct spawned *ret, struct failure *failure)
{
	bool between = spawn->plan->namespaces.n_share > 0 || plan_makes(spawn->plan, NAMESPACE_TIME);
	int r;

	*ret = (struct spawned){.pidfd = -1};
	r = between ? spawn_between(spawn, ret) : spawn_direct(spawn, ret);
	return r < 0 ? failure_note(failure, r, "namespace", between ? "setns" : "clone3", NULL, "make the namespaces") : 0;
}
