/* The monitor of one container: starts it as the plan says, serves its command socket, cleans up behind it. See src/protocol/README.md. */
#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

enum { EXIT_USAGE = 100 };

static const char usage[] = "usage: monitor --plan FILE [--report-fd N]\n       monitor --cleanup RUN_DIR\n";

void monitor_report(struct monitor *m, const struct failure *failure)
{
	if (m->report_fd < 0)
		return;
	(void)report_write(m->report_fd, failure, m->pid, m->init_pid);
	if (m->report_fd > 2)
		close(m->report_fd);
	m->report_fd = -1;
}

static void init_monitor(struct monitor *m, int report_fd)
{
	*m = (struct monitor){.loop = -1, .plan_fd = -1, .lock_fd = -1, .spare_fd = -1, .report_fd = report_fd, .init_pidfd = -1, .devices_prog = -1};
	m->listener.fd = m->signals.fd = m->init.fd = m->stage.fd = -1;
	m->freeze = (struct freeze){.events.fd = -1, .timer.fd = -1, .wanted = -1};
	m->lease.timer.fd = -1;
	m->net = (struct net){.inside = -1, .host_ns = -1};
	m->consoles = (struct consoles){.log_fd = -1, .path_fd = -1, .terminal.fd = -1, .terminal_out = -1};
	for (int i = 0; i < _NAMESPACE_MAX; i++)
		m->ns_fds[i] = -1;
	m->exit_status = 1 << 8;
}

static int write_pidfile(struct monitor *m)
{
	cleanup_fd int fd = -1;
	char text[24];
	int r;

	if (!m->pidfile)
		return 0;
	fd = open(m->pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	snprintf(text, sizeof(text), "%d\n", (int)m->pid);
	r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	return r < 0 ? failure_note(&m->failure, r, "internal", "open", m->pidfile, "write the pidfile") : 0;
}

static int open_all(struct monitor *m)
{
	int r = log_open(&m->plan->log, m->name);

	if (r < 0)
		return failure_note(&m->failure, r, "internal", "open", m->plan->log.file, "open the log");
	m->loop = loop_open();
	r = m->loop < 0 ? m->loop : monitor_signals(m);
	if (r < 0)
		return failure_note(&m->failure, r, "internal", "signalfd", NULL, "set up the monitor");
	r = monitor_listen(m);
	return r < 0 ? r : write_pidfile(m);
}

static bool init_gone(const struct monitor *m)
{
	return m->init_gone;
}

static int exit_code(const struct monitor *m)
{
	int status = m->command_status.set ? (int)m->command_status.value : m->exit_status;

	if (WIFSIGNALED(status)) /* SIGINT: halted from inside, reboot(2) */
		return WTERMSIG(status) == SIGINT && !m->command_status.set ? 0 : 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int run(struct monitor *m)
{
	bool reboot, failed;

	do {
		int r = monitor_load_plan(m);

		if (r == 0)
			r = monitor_start(m);
		failed = r < 0;
		if (!failed) {
			monitor_report(m, NULL);
			monitor_drop_plan(m);
			(void)monitor_wait(m, init_gone, -1);
		}
		monitor_stop(m, &reboot);
	} while (reboot);
	return failed ? 1 : exit_code(m);
}

/* Before there is anything to undo. */
static int refuse(struct monitor *m, int r)
{
	if (r == -EWOULDBLOCK)
		failure_note(&m->failure, r, "already-running", NULL, m->run_dir, "start %s: it is running", m->name);
	failure_note(&m->failure, r, "internal", NULL, NULL, "start the monitor");
	monitor_report(m, &m->failure);
	return 1;
}

static int start(const char *plan, int report_fd, int argc, char **argv)
{
	static struct monitor m;
	int r;

	init_monitor(&m, report_fd);
	m.caller = getppid();
	if (report_fd > 2)
		fcntl(report_fd, F_SETFD, FD_CLOEXEC);
	r = monitor_read_plan(&m, plan);
	if (r == 0)
		r = monitor_lock(&m);
	if (r == 0)
		r = monitor_daemonize(&m, argc, argv);
	if (r < 0)
		return refuse(&m, r);
	r = open_all(&m);
	if (r < 0) {
		monitor_remove_run_dir(&m);
		return refuse(&m, r);
	}
	r = run(&m);
	return m.foreground ? r : 0;
}

static int cleanup(const char *run_dir)
{
	struct failure failure = {};
	int r = cleanup_run_dir(run_dir);

	if (r == 0)
		return 0;
	failure_note(&failure, r, r == -EWOULDBLOCK ? "already-running" : "internal", NULL, run_dir, "clean up");
	(void)report_write(STDOUT_FILENO, &failure, 0, 0);
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"plan", required_argument, NULL, 'p'}, {"report-fd", required_argument, NULL, 'r'},
		{"cleanup", required_argument, NULL, 'c'}, {},
	};
	const char *plan = NULL, *run_dir = NULL;
	int report_fd = -1, c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			plan = optarg;
		else if (c == 'r')
			report_fd = atoi(optarg);
		else if (c == 'c')
			run_dir = optarg;
		else
			break;
	}
	if (c != -1 || optind < argc || !plan == !run_dir) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return run_dir ? cleanup(run_dir) : start(plan, report_fd, argc, argv);
}
