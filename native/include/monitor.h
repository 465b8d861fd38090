/* The monitor of one container: what it holds, and the modules that act on it. Single-threaded; handlers run from the loop. */
#pragma once
#include "cgroup.h"
#include "console.h"
#include "failure.h"
#include "loop.h"
#include "net.h"
#include "queue.h"
#include <sys/types.h>

/* What the monitor is doing; the rows of the table in monitor-actions.c. */
enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_STOPPING, _PHASE_MAX };

enum { MAX_HISTORY = 32 };

struct freeze {
	struct source events; /* cgroup.events of v2 */
	struct source timer; /* v1 tells nothing: asked again; also the time-out */
	int wanted; /* 1 freezing, 0 thawing, -1 nothing under way */
	uint64_t deadline_ms; /* monotonic; 0: none */
	unsigned looks; /* v1: without success */
};

struct client;

/* Who has the container frozen for a while (op freeze with lease_ms). */
struct lease {
	struct client *client; /* NULL: nobody */
	struct source timer; /* from when it is frozen */
	uint64_t ms;
	bool keep; /* somebody else wants it frozen, too: the end of the lease does not thaw */
};

enum { MAX_LEASE_MS = 600000 };

struct monitor {
	int loop;
	struct source listener, signals, init, stage;
	struct plan *plan; /* only while starting and stopping: the sealed copy costs nothing while nobody reads it */
	int plan_fd;
	char *name, *lxcpath, *run_dir, *events_dir, *pidfile;
	bool foreground, execute;
	int lock_fd, report_fd;
	int spare_fd; /* to have one for a connection that must be refused */
	enum phase phase;
	enum state state;
	pid_t pid, init_pid, caller; /* caller: who started us */
	int init_pidfd;
	int ns_fds[_NAMESPACE_MAX]; /* for stop hooks; -1: not kept */
	bool init_gone, killed, stage_done;
	int exit_status; /* of init, as waitpid(2) gives it */
	struct opt_int command_status; /* execute mode: of COMMAND */
	uint64_t started_ms, start_ticks;
	struct signals signal_numbers;
	struct cgroups cgroups;
	int devices_prog; /* the attached BPF program, or -1 */
	struct device_rule *extra_rules; /* op devices, on top of the plan's */
	size_t n_extra_rules;
	struct net net;
	struct consoles consoles;
	struct freeze freeze;
	struct lease lease;
	char *view; /* where the host sees the root of the running container; NULL: nowhere */
	uint64_t view_id; /* of the mount there */
	dev_t view_dev; /* of the superblock that we made; 0: none */
	struct client *clients;
	struct event history[MAX_HISTORY];
	size_t n_history;
	struct failure failure;
};

/* monitor-plan.c: reads the plan file, keeps it sealed; loads it from there again (for stop and reboot); lets it go. */
int monitor_read_plan(struct monitor *m, const char *file);
int monitor_load_plan(struct monitor *m);
void monitor_drop_plan(struct monitor *m);

/* monitor-setup.c: lock (-EWOULDBLOCK: another one has it), daemon, socket, signals, pidfile. */
int monitor_lock(struct monitor *m);
int monitor_daemonize(struct monitor *m, int argc, char **argv);
int monitor_listen(struct monitor *m);
int monitor_signals(struct monitor *m);
void monitor_remove_run_dir(struct monitor *m);

/* monitor-start.c: everything from cgroups to RUNNING; undoes nothing on failure (monitor_stop does). */
int monitor_start(struct monitor *m);
/* monitor-stage.c: the handler of its socket; waits until it has done what it was told to; after a step that wants the namespaces or the
 * socket of a stage that died meanwhile: what that said before it died is the cause. */
void monitor_hear_stage(struct source *source, uint32_t events);
int monitor_wait_stage(struct monitor *m, const char *what);
void monitor_prefer_cause(struct monitor *m);
/* monitor-stop.c: from the death of init (or a failed start) to nothing left; *ret_reboot: start again. */
void monitor_stop(struct monitor *m, bool *ret_reboot);
void monitor_report(struct monitor *m, const struct failure *failure);

/* monitor-state.c: changes the state and tells everybody; state.json. */
void monitor_set_state(struct monitor *m, enum state state);
void monitor_tell_exit(struct monitor *m);
void monitor_write_state(struct monitor *m);
json_t *monitor_status_json(struct monitor *m, bool addresses);
uint64_t now_ms(void);

/* monitor-actions.c: the table of what is done when, and the loop around it. */
int monitor_wait(struct monitor *m, bool (*done)(const struct monitor *), int timeout_ms);
void monitor_init_died(struct monitor *m);
void monitor_request(struct monitor *m, struct client *client, const struct request *request);
int monitor_kill(struct monitor *m);
int monitor_signal_init(struct monitor *m, int number);
int monitor_signal(struct monitor *m, int64_t number);

/* monitor-freeze.c. What the kernel says, not what we did last: somebody may have frozen or thawed it by hand. */
bool freeze_is(const struct monitor *m, bool frozen);
int freeze_begin(struct monitor *m, bool freeze, uint64_t timeout_ms);
void freeze_thaw_now(struct monitor *m);
void freeze_close(struct monitor *m);

/* monitor-lease.c: a client asks for one; it is frozen now; somebody wants it frozen without an end; thawed by somebody else; not
 * frozen in time; the client is gone. */
void lease_request(struct monitor *m, struct client *client, uint64_t lease_ms, uint64_t timeout_ms);
void lease_frozen(struct monitor *m);
void lease_keep(struct monitor *m);
void lease_lost(struct monitor *m);
void lease_failed(struct monitor *m);
void lease_closed(struct monitor *m);

/* devices.c: BPF program of all v2 device rules, attached to the payload. */
int devices_attach(struct monitor *m, struct failure *failure);

/* hook.c */
int hooks_run(struct monitor *m, enum hook_type type, const char *const extra_env[], char *const extra_args[]);
int hook_run(struct monitor *m, char *const argv[], const char *const extra_env[], char *const extra_args[], const char *what);
void hook_spawn_detached(char *const argv[], char *const env[]);

/* net-script.c: lxc.net.N.script.up and .down of device i. */
int net_script(struct monitor *m, size_t i, bool up);

/* cleanup.c: what a killed monitor left behind in run_dir. Returns 0, -EWOULDBLOCK (it lives) or another -errno. */
int cleanup_run_dir(const char *run_dir);

/* client-input.c */
struct client *client_accept(struct monitor *m, int fd);
void client_pause(struct client *client, bool paused);

/* client.c */
void client_reply(struct client *client, const struct reply *reply, const int *fds, size_t n_fds);
void client_reply_error(struct client *client, const char *code, int r, const char *message);
void client_reply_status(struct client *client, bool addresses, const int *fds, size_t n_fds);
void client_event(struct client *client, const struct event *event);
void client_data(struct client *client, const void *data, size_t size);
void client_close(struct client *client);
/* Closes it as soon as the loop comes to it; what it has not read by then is lost. */
void client_drop(struct client *client, const char *why);
/* Writes out what the socket takes now. */
void client_flush(struct client *client);
/* Asks the loop for what it now can use. One that is done with and only has to read the rest is not read: its end would be reported over
 * and over again. */
void client_want(struct client *client);
size_t client_queued(const struct client *client);

/* clients.c */
void clients_event(struct monitor *m, const struct event *event);
void clients_frozen(struct monitor *m, bool frozen, int r);
/* Writes out what is queued, waiting at most timeout_ms in all, and closes every client. */
void clients_finish(struct monitor *m, int timeout_ms);

struct client {
	struct source source;
	struct monitor *monitor;
	struct client *next;
	struct queue in, out;
	enum { CLIENT_ASKING, CLIENT_SUBSCRIBED, CLIENT_FREEZING, CLIENT_THAWING, CLIENT_LEASE, CLIENT_CONSOLE, CLIENT_DONE } kind;
	int tty; /* -1: none */
	bool writes, paused;
};
