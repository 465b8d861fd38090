/* What the monitor does with a request in each phase: one table, no hidden cases. */
#include "monitor.h"

#include "cleanup.h"
#include "clock.h"
#include "fd.h"
#include "log.h"
#include "proc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

typedef void (*action_fn)(struct monitor *m, struct client *client, const struct request *request);

/* Where pidfd_send_signal(2) is denied (an outer seccomp filter) the pid will do: it is ours until we have waited for it. */
int monitor_signal_init(struct monitor *m, int number)
{
	int r = proc_pidfd_signal(m->init_pidfd, number);

	if (r == 0 || r == -ESRCH || m->init_gone || m->init_pid <= 0)
		return r;
	return kill(m->init_pid, number) < 0 ? -errno : 0;
}

static void reply_result(struct client *client, int r, const char *message)
{
	if (r < 0)
		client_reply_error(client, "failed", r, message);
	else
		client_reply(client, &(struct reply){.ok = true}, NULL, 0);
}

static void do_status(struct monitor *m, struct client *client, const struct request *request)
{
	(void)m;
	client_reply_status(client, request->addresses.set && request->addresses.value, NULL, 0);
}

static void not_running(struct monitor *m, struct client *client, const struct request *request)
{
	(void)m;
	(void)request;
	client_reply_error(client, "not-running", 0, "the container is not running");
}

static void do_signal(struct monitor *m, struct client *client, const struct request *request)
{
	reply_result(client, monitor_signal(m, request->signal_.set ? request->signal_.value : -1), "cannot send the signal");
}

static void do_kill(struct monitor *m, struct client *client, const struct request *request)
{
	(void)request;
	reply_result(client, monitor_kill(m), "cannot kill the container");
}

/* init may not exist yet: the start is given up at its next step */
static void abort_start(struct monitor *m, struct client *client, const struct request *request)
{
	if (request->op == OP_SIGNAL && request->signal_.set && request->signal_.value == -2) {
		not_running(m, client, request);
		return;
	}
	m->killed = true;
	if (m->init_pidfd >= 0)
		(void)monitor_signal_init(m, SIGKILL);
	reply_result(client, 0, NULL);
}

static void do_freeze(struct monitor *m, struct client *client, const struct request *request)
{
	bool freeze = request->op == OP_FREEZE;
	int r;

	if (freeze && request->lease_ms.set) {
		lease_request(m, client, request->lease_ms.value, request->timeout_ms.set ? request->timeout_ms.value : 0);
		return;
	}
	if (freeze)
		lease_keep(m);
	if (m->state == (freeze ? STATE_FROZEN : STATE_RUNNING) && freeze_is(m, freeze)) {
		reply_result(client, 0, NULL);
		return;
	}
	client->kind = freeze ? CLIENT_FREEZING : CLIENT_THAWING;
	r = freeze_begin(m, freeze, request->timeout_ms.set ? request->timeout_ms.value : 0);
	if (r < 0) {
		client->kind = CLIENT_DONE;
		client_reply_error(client, "failed", r, freeze ? "cannot freeze: no freezer" : "cannot thaw");
	}
}

static void do_subscribe(struct monitor *m, struct client *client, const struct request *request)
{
	client_reply(client, &(struct reply){.ok = true}, NULL, 0);
	for (size_t i = 0; request->history.set && request->history.value && i < m->n_history; i++)
		client_event(client, &m->history[i]);
	if (client->kind == CLIENT_DONE && client->source.fd >= 0)
		client->kind = CLIENT_SUBSCRIBED;
}

static void do_console(struct monitor *m, struct client *client, const struct request *request)
{
	console_attach(m, client, request);
}

static void do_attach(struct monitor *m, struct client *client, const struct request *request)
{
	cleanup_fd int plan_fd = fd_reopen(m->plan_fd);
	const int fds[2] = {m->init_pidfd, plan_fd};

	(void)request;
	if (plan_fd < 0)
		client_reply_error(client, "failed", plan_fd, "cannot open the plan again");
	else
		client_reply_status(client, false, fds, 2);
}

static int add_rules(struct monitor *m, const struct request *request)
{
	for (size_t i = 0; i < request->n_rules; i++) {
		struct device_rule *more = reallocarray(m->extra_rules, m->n_extra_rules + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->extra_rules = more;
		more[m->n_extra_rules] = request->rules[i];
		more[m->n_extra_rules].rule = strdup(request->rules[i].rule);
		if (!more[m->n_extra_rules].rule)
			return -ENOMEM;
		m->n_extra_rules++;
	}
	return 0;
}

/* All of the new rules, or none. */
static int change_devices(struct monitor *m, const struct request *request, struct failure *failure)
{
	struct failure ignored = {};
	size_t before = m->n_extra_rules;
	bool attached = false;
	int r = add_rules(m, request);

	if (r == 0) {
		r = devices_attach(m, failure);
		attached = r == 0;
	}
	/* last: v1 forgets no rule again */
	if (r == 0)
		r = cgroups_apply_devices(&m->cgroups, request->rules, request->n_rules, failure);
	while (r < 0 && m->n_extra_rules > before)
		free(m->extra_rules[--m->n_extra_rules].rule);
	if (r < 0 && attached && devices_attach(m, &ignored) < 0)
		log_error("the device rules of v2 stay as they were to be");
	return r;
}

static void do_devices(struct monitor *m, struct client *client, const struct request *request)
{
	struct failure failure = {};
	char text[2048];
	int r = monitor_load_plan(m);

	if (r == 0)
		r = change_devices(m, request, &failure);
	monitor_drop_plan(m);
	failure_text(&failure, text, sizeof(text));
	reply_result(client, r, text);
}

/* A client that comes while it stops still gets what is true, and its end when the socket closes. */
static const action_fn actions[_PHASE_MAX][_OP_MAX] = {
	[PHASE_STARTING] = {
		[OP_STATUS] = do_status, [OP_SIGNAL] = abort_start, [OP_KILL] = abort_start, [OP_FREEZE] = not_running,
		[OP_UNFREEZE] = not_running, [OP_SUBSCRIBE] = do_subscribe, [OP_CONSOLE] = not_running, [OP_ATTACH] = not_running,
		[OP_DEVICES] = not_running,
	},
	[PHASE_RUNNING] = {
		[OP_STATUS] = do_status, [OP_SIGNAL] = do_signal, [OP_KILL] = do_kill, [OP_FREEZE] = do_freeze,
		[OP_UNFREEZE] = do_freeze, [OP_SUBSCRIBE] = do_subscribe, [OP_CONSOLE] = do_console, [OP_ATTACH] = do_attach,
		[OP_DEVICES] = do_devices,
	},
	[PHASE_STOPPING] = {
		[OP_STATUS] = do_status, [OP_SIGNAL] = not_running, [OP_KILL] = not_running, [OP_FREEZE] = not_running,
		[OP_UNFREEZE] = not_running, [OP_SUBSCRIBE] = do_subscribe, [OP_CONSOLE] = not_running, [OP_ATTACH] = not_running,
		[OP_DEVICES] = not_running,
	},
};

void monitor_request(struct monitor *m, struct client *client, const struct request *request)
{
	log_trace("request %s", op_to_string(request->op));
	actions[m->phase][request->op](m, client, request);
}

/* systemd blocks SIGRTMIN+3 to read it from a signalfd: that it does tells that it is systemd, as LXC does it. */
static int halt_signal(const struct monitor *m)
{
	int systemd = SIGRTMIN + 3;
	uint64_t blocked;

	if (m->signal_numbers.halt.set)
		return (int)m->signal_numbers.halt.value;
	if (proc_blocked_signals(m->init_pid, &blocked) == 0 && (blocked >> (systemd - 1) & 1))
		return systemd;
	return SIGPWR;
}

int monitor_kill(struct monitor *m)
{
	int stop = (int)m->signal_numbers.stop, r = monitor_signal_init(m, stop ? stop : SIGKILL);

	/* a frozen task of v1 dies only when it thaws */
	freeze_thaw_now(m);
	return r;
}

int monitor_signal(struct monitor *m, int64_t number)
{
	if (number == -3)
		return monitor_kill(m);
	if (number == -2)
		return monitor_signal_init(m, (int)m->signal_numbers.reboot);
	if (number == -1)
		return monitor_signal_init(m, halt_signal(m));
	return number < 0 || number > 64 ? -EINVAL : monitor_signal_init(m, (int)number);
}

void monitor_init_died(struct monitor *m)
{
	siginfo_t info = {};

	if (m->init_gone || waitid(P_PIDFD, (id_t)m->init_pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return;
	m->init_gone = true;
	m->exit_status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
	loop_drop(m->loop, &m->init);
	log_info("init %d ended with wait status %d", (int)m->init_pid, m->exit_status);
}

int monitor_wait(struct monitor *m, bool (*done)(const struct monitor *), int timeout_ms)
{
	uint64_t end = timeout_ms < 0 ? 0 : monotonic_ms() + (uint64_t)timeout_ms;
	int r = 0;

	while (r == 0 && !done(m)) {
		uint64_t now = end ? monotonic_ms() : 0;

		if (m->phase == PHASE_STARTING && m->killed)
			return -ECANCELED;
		if (end && now >= end)
			return -ETIME;
		r = loop_once(m->loop, end ? (int)(end - now) : -1);
	}
	return r;
}
