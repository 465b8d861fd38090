/* The start sequence, in the order of src/protocol/README.md. */
#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "mount-host.h"
#include "mount-overlay.h"
#include "plan.h"
#include "proc.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { MAX_PASSED = 64 };

static void on_init(struct source *source, uint32_t events)
{
	(void)events;
	monitor_init_died(container_of(source, struct monitor, init));
}

static int make_cgroups(struct monitor *m)
{
	const struct plan *plan = m->plan;
	int r = 0;

	if (!m->cgroups.paths) { /* a reboot keeps the monitor's */
		r = cgroups_make_monitor(&m->cgroups, &plan->cgroup, &m->failure);
		if (r == 0)
			cgroups_take_caller(&m->cgroups, &plan->cgroup, m->caller);
	}
	if (r < 0)
		return r;
	return cgroups_make_payload(&m->cgroups, &plan->cgroup, idmap_root(plan->idmap, plan->n_idmap, ID_KIND_UID),
				    idmap_root(plan->idmap, plan->n_idmap, ID_KIND_GID), &m->failure);
}

/* Only for stop hooks, which get them when init is dead: an open one keeps its namespace alive. */
static void keep_namespaces(struct monitor *m)
{
	for (size_t i = 0; i < m->plan->n_hooks; i++) {
		if (m->plan->hooks[i].type != HOOK_TYPE_STOP)
			continue;
		for (int kind = 0; kind < _NAMESPACE_MAX; kind++) {
			char path[64];
			snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)m->init_pid, namespace_to_string(kind));
			m->ns_fds[kind] = open(path, O_RDONLY | O_CLOEXEC);
		}
		return;
	}
}

static int spawn(struct monitor *m)
{
	cleanup_fd int executable = fd_sealed_exec(m->plan->stage), cgroup = -1, ours = -1, theirs = -1;
	/* the stage reads it to its end: a reboot needs it from the start again */
	cleanup_fd int plan_fd = fd_reopen(m->plan_fd);
	cleanup_free int *tasks = NULL;
	struct spawned spawned;
	size_t n_tasks = 0;
	int pair[2], r;

	if (executable < 0)
		return failure_note(&m->failure, executable, "internal", "open", m->plan->stage, "read the stage");
	if (plan_fd < 0)
		return failure_note(&m->failure, plan_fd, "internal", "open", "/proc/self/fd", "hand the plan to the stage");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return failure_note(&m->failure, -errno, "internal", "socketpair", NULL, "talk to the stage");
	ours = pair[0];
	theirs = pair[1];
	cgroup = cgroups_open_v2(&m->cgroups);
	tasks = calloc(m->cgroups.n_paths + 1, sizeof(*tasks));
	r = tasks ? cgroups_open_tasks(&m->cgroups, tasks, &n_tasks, &m->failure) : -ENOMEM;
	if (r == 0)
		r = spawn_stage(&(struct spawn){.plan = m->plan, .exec_fd = executable, .stage_socket = theirs, .plan_fd = plan_fd,
						.cgroup_fd = cgroup, .task_fds = tasks, .n_task_fds = n_tasks}, &spawned, &m->failure);
	while (n_tasks > 0)
		close(tasks[--n_tasks]);
	if (r < 0)
		return r;
	m->init_pid = spawned.pid;
	m->init_pidfd = spawned.pidfd;
	m->init_gone = false;
	m->init = (struct source){.fd = fcntl(spawned.pidfd, F_DUPFD_CLOEXEC, 0), .events = EPOLLIN, .ready = on_init};
	m->stage = (struct source){.fd = steal_fd(&ours), .events = EPOLLIN, .ready = monitor_hear_stage};
	if (loop_add(m->loop, &m->init) < 0 || loop_add(m->loop, &m->stage) < 0)
		return failure_note(&m->failure, -errno, "internal", "epoll_ctl", NULL, "watch the stage");
	r = idmap_write(m->plan->idmap, m->plan->n_idmap, m->init_pid, &m->failure);
	if (r == 0 && !spawned.in_v2)
		r = cgroups_enter_v2(&m->cgroups, m->init_pid, &m->failure);
	if (r == 0)
		keep_namespaces(m);
	return r;
}

static int set_rlimits(struct monitor *m)
{
	for (size_t i = 0; i < m->plan->n_rlimits; i++) {
		const char *name = m->plan->rlimits[i].resource;
		int r = proc_set_rlimit(m->init_pid, name, m->plan->rlimits[i].soft, m->plan->rlimits[i].hard);
		if (r < 0)
			return failure_note(&m->failure, r, "init", "prlimit", m->plan->rlimits[i].hard, "set lxc.prlimit.%s", name);
	}
	return 0;
}

static int set_proc(struct monitor *m)
{
	for (size_t i = 0; i < m->plan->n_proc; i++) {
		const struct key_value *entry = &m->plan->proc[i];
		int r = strchr(entry->key, '/') ? -EINVAL : proc_write(m->init_pid, entry->key, entry->value);
		if (r < 0)
			return failure_note(&m->failure, r, "init", "write", entry->value, "set lxc.proc.%s", entry->key);
	}
	return 0;
}

static int make_network(struct monitor *m)
{
	int r = 0;

	if (!plan_makes(m->plan, NAMESPACE_NET))
		return 0;
	r = net_enter(&m->net, m->init_pid, &m->failure);
	for (size_t i = 0; r == 0 && i < m->plan->n_network; i++) {
		r = net_create(&m->net, m->plan, i, m->init_pid, &m->failure);
		if (r == 0)
			r = net_script(m, i, true);
	}
	return r;
}

static int send_mounts(struct monitor *m, const int *fds, size_t n)
{
	int r = 0;

	for (size_t at = 0; r == 0 && (at < n || at == 0);) {
		size_t part = n - at < MAX_PASSED ? n - at : MAX_PASSED;
		const char packet[2] = {'M', at + part < n};
		r = fd_send(m->stage.fd, packet, sizeof(packet), fds + at, part);
		at += part;
		if (part == 0)
			break;
	}
	return r < 0 ? failure_note(&m->failure, r, "mount", "sendmsg", NULL, "hand the mounts to the stage") : 0;
}

static int make_mounts(struct monitor *m, int userns, int *fds, size_t *n)
{
	const struct plan *plan = m->plan;

	if (plan->rootfs.path) {
		fds[*n] = plan->rootfs.overlay ? overlay_root(m, userns) : mount_host_rootfs(plan, userns, &m->failure);
		if (fds[*n] < 0)
			return fds[*n];
		(*n)++;
	}
	for (size_t i = 0; i < plan->n_mounts; i++) {
		const struct mount *mount = &plan->mounts[i];
		if (mount->from != MOUNT_FROM_HOST || mount->remount)
			continue;
		fds[*n] = mount_host_entry(mount, userns, &m->failure);
		if (fds[*n] < 0)
			return fds[*n];
		(*n)++;
	}
	return 0;
}

static int hand_over_mounts(struct monitor *m)
{
	cleanup_free int *fds = calloc(m->plan->n_mounts + 1, sizeof(int));
	cleanup_fd int userns = -1;
	char path[48];
	size_t n = 0;
	int r;

	if (!fds)
		return -ENOMEM;
	if (m->plan->n_idmap) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)m->init_pid);
		userns = open(path, O_RDONLY | O_CLOEXEC);
		if (userns < 0) /* without it everything would be mounted as for a privileged container */
			return failure_note(&m->failure, -errno, "idmap", "open", path, "find the container's user namespace");
	}
	r = make_mounts(m, userns, fds, &n);
	if (r == 0)
		r = send_mounts(m, fds, n);
	while (n > 0)
		close(fds[--n]);
	return r;
}

static int run_start_host_hooks(struct monitor *m)
{
	char pid[32];
	const char *const env[] = {pid, NULL};

	snprintf(pid, sizeof(pid), "LXC_PID=%d", (int)m->init_pid);
	return hooks_run(m, HOOK_TYPE_START_HOST, env, NULL);
}

/* From the ttys (the stage has set everything up) to the exec of init. */
static int finish_start(struct monitor *m)
{
	int r = monitor_wait_stage(m, "set up the container");

	if (r == 0 && m->init_gone)
		r = failure_note(&m->failure, -ECHILD, "init", NULL, "the stage died", "set up the container");
	if (r == 0)
		r = cgroups_apply_limits(&m->cgroups, &m->plan->cgroup, &m->failure);
	if (r == 0)
		r = cgroups_apply_devices(&m->cgroups, m->plan->cgroup.devices, m->plan->cgroup.n_devices, &m->failure);
	if (r == 0)
		r = devices_attach(m, &m->failure);
	if (r == 0)
		r = run_start_host_hooks(m);
	if (r < 0)
		return r;
	r = fd_send(m->stage.fd, "S", 1, NULL, 0);
	if (r < 0)
		return failure_note(&m->failure, r, "init", "send", NULL, "start init");
	return monitor_wait_stage(m, "start init");
}

static int start_steps(struct monitor *m)
{
	int r = hooks_run(m, HOOK_TYPE_PRE_START, NULL, NULL);

	if (r == 0)
		r = make_cgroups(m);
	monitor_write_state(m); /* from here a killed monitor leaves things behind */
	if (r == 0)
		r = overlay_take_view_away(m);
	if (r == 0)
		r = spawn(m);
	if (r == 0)
		r = set_rlimits(m);
	if (r == 0)
		r = set_proc(m);
	if (r < 0)
		return r;
	monitor_write_state(m);
	r = fd_send(m->stage.fd, "", 1, NULL, 0);
	if (r < 0)
		return failure_note(&m->failure, r, "init", "send", NULL, "wake the stage");
	r = make_network(m);
	if (r == 0)
		r = hand_over_mounts(m);
	if (r < 0)
		monitor_prefer_cause(m);
	return r == 0 ? finish_start(m) : r;
}

int monitor_start(struct monitor *m)
{
	int r;

	m->phase = PHASE_STARTING;
	m->killed = false;
	m->command_status.set = false;
	m->failure = (struct failure){};
	monitor_set_state(m, STATE_STARTING);
	r = start_steps(m);
	if (r == 0 && m->killed)
		r = failure_note(&m->failure, -ECANCELED, "aborted", NULL, "it was killed while it started", "start");
	/* The exec of init closed the socket; death does so too, and then exit status 111 says that it never ran. One that was killed before, or
	 * init itself right after, is told by who waits whether it goes on running (src/container/settle.ts). */
	if (r == 0)
		monitor_init_died(m);
	if (r == 0 && m->init_gone && m->exit_status == 111 << 8)
		r = failure_note(&m->failure, -ECHILD, "init", NULL, "the stage ended without a report", "start init");
	if (r < 0) {
		failure_note(&m->failure, r, "internal", NULL, NULL, "start the container");
		return r;
	}
	m->phase = PHASE_RUNNING;
	m->started_ms = now_ms();
	monitor_set_state(m, STATE_RUNNING);
	return 0;
}
