/* From the death of init, or a start that failed, to nothing left. Every step copes with what was never made. */
#include "monitor.h"

#include "cleanup.h"
#include "log.h"
#include "mount-overlay.h"
#include "proc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILL_TIMEOUT_MS = 10000, FINISH_MS = 1000, MAX_ENV = 2 + _NAMESPACE_MAX };

static bool init_gone(const struct monitor *m)
{
	return m->init_gone;
}

static void kill_init(struct monitor *m)
{
	if (m->init_pidfd < 0)
		return;
	monitor_init_died(m);
	if (!m->init_gone) {
		(void)monitor_signal_init(m, SIGKILL);
		freeze_thaw_now(m);
		if (monitor_wait(m, init_gone, KILL_TIMEOUT_MS) < 0)
			log_error("init %d does not die", (int)m->init_pid);
	}
}

static void run_stop_hooks(struct monitor *m, const char *target)
{
	char paths[_NAMESPACE_MAX][96], vars[_NAMESPACE_MAX][96], pid[32];
	const char *env[MAX_ENV + 1] = {target, pid};
	char *args[_NAMESPACE_MAX + 1] = {0};
	size_t n_args = 0, n_env = 2;

	snprintf(pid, sizeof(pid), "LXC_PID=%d", (int)m->init_pid);
	for (int kind = 0; kind < _NAMESPACE_MAX; kind++) {
		const char *name = namespace_to_string(kind);
		char upper[16] = "";

		if (m->ns_fds[kind] < 0)
			continue;
		for (size_t i = 0; name[i] && i < sizeof(upper) - 1; i++)
			upper[i] = (char)(name[i] - 'a' + 'A');
		snprintf(paths[kind], sizeof(paths[kind]), "%s:/proc/%d/fd/%d", name, (int)m->pid, m->ns_fds[kind]);
		snprintf(vars[kind], sizeof(vars[kind]), "LXC_%s_NS=/proc/%d/fd/%d", upper, (int)m->pid, m->ns_fds[kind]);
		args[n_args++] = paths[kind];
		env[n_env++] = vars[kind];
	}
	(void)hooks_run(m, HOOK_TYPE_STOP, env, m->plan->hook_version == 0 ? args : NULL);
}

static void close_fd(int *fd)
{
	cleanup_close_fd(fd);
	*fd = -1;
}

static void take_down_network(struct monitor *m)
{
	net_return_physical(&m->net);
	for (size_t i = 0; i < m->plan->n_network && i < m->net.n_made; i++)
		(void)net_script(m, i, false);
	if (net_remove(&m->net, m->plan) < 0)
		log_warn("cannot fork: the network is removed step by step");
}

static void forget_init(struct monitor *m)
{
	loop_drop(m->loop, &m->stage);
	loop_drop(m->loop, &m->init);
	close_fd(&m->init_pidfd);
	for (int kind = 0; kind < _NAMESPACE_MAX; kind++)
		close_fd(&m->ns_fds[kind]);
	close_fd(&m->devices_prog);
	m->init_pid = 0;
	m->init_gone = false;
	m->started_ms = 0;
	while (m->n_extra_rules > 0)
		free(m->extra_rules[--m->n_extra_rules].rule);
	free(m->extra_rules);
	m->extra_rules = NULL;
}

/* The lock goes before anybody hears STOPPED: who then starts it again at once must not find it running. */
static void say_stopped(struct monitor *m)
{
	if (m->pidfile)
		(void)unlink(m->pidfile);
	/* First the directory: whoever is cut off with the listener then sees that nothing runs, and not a monitor that does not answer. */
	monitor_remove_run_dir(m);
	loop_drop(m->loop, &m->listener);
	monitor_set_state(m, STATE_STOPPED);
	clients_finish(m, FINISH_MS);
}

static void run_after_stop(struct monitor *m)
{
	char *argv[64] = {0};
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = {path, NULL};

	if (m->plan->n_after_stop == 0 || m->plan->n_after_stop >= 64)
		return;
	memcpy(argv, m->plan->after_stop, m->plan->n_after_stop * sizeof(*argv));
	hook_spawn_detached(argv, env);
}

void monitor_stop(struct monitor *m, bool *ret_reboot)
{
	bool failed = m->failure.code != NULL, running = m->phase == PHASE_RUNNING;
	struct failure failure = m->failure;
	char text[2048], target[24];
	const char *env[] = {target, NULL};

	*ret_reboot = false;
	if (failed) {
		failure_text(&failure, text, sizeof(text));
		log_error("%s", text);
		monitor_set_state(m, STATE_ABORTING);
	}
	m->phase = PHASE_STOPPING; /* in PHASE_STARTING a request to kill it would end the wait for its death */
	kill_init(m);
	freeze_close(m);
	lease_lost(m);
	consoles_drain(m);
	if (monitor_load_plan(m) < 0) {
		/* No memory: without the plan nothing can be put away. The next command finds a dead monitor's directory and does it. */
		log_error("the plan cannot be read again; the next command cleans up");
		_exit(EXIT_FAILURE);
	}
	/* that of the stage itself says nothing */
	if (failed && m->init_pidfd >= 0 && m->init_gone && !failure.exit_status.set && m->exit_status != 111 << 8)
		failure.exit_status = (struct opt_int){.set = true, .value = m->exit_status};
	*ret_reboot = running && WIFSIGNALED(m->exit_status) && WTERMSIG(m->exit_status) == SIGHUP;
	snprintf(target, sizeof(target), "LXC_TARGET=%s", *ret_reboot ? "reboot" : "stop");
	if (running)
		monitor_tell_exit(m);
	if (!failed)
		monitor_set_state(m, STATE_STOPPING);
	if (running)
		run_stop_hooks(m, target);
	/* before the fork of the child that deletes the network: it would have to be moved out of the leaf, too */
	(void)cgroups_remove_payload(m->cgroups.paths, m->cgroups.n_paths);
	if (!*ret_reboot)
		cgroups_leave(&m->cgroups, &m->plan->cgroup);
	take_down_network(m);
	consoles_close(m);
	net_wait_removed(&m->net, !*ret_reboot);
	if (*ret_reboot)
		net_clear(&m->net);
	forget_init(m);
	if (*ret_reboot)
		monitor_set_state(m, STATE_STOPPED); /* a moment, as with LXC; the lock is kept */
	else {
		overlay_stopped(m); /* before the lock goes: the next start takes the view away first */
		say_stopped(m);
	}
	if (failed)
		monitor_report(m, &failure);
	(void)hooks_run(m, HOOK_TYPE_POST_STOP, env, NULL);
	if (*ret_reboot)
		return;
	run_after_stop(m);
	net_wait_removed(&m->net, false); /* nobody waits for this but the monitor */
	net_clear(&m->net);
}
