#include "console-output.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { DEFAULT_RING = 16 << 10, STALL_MS = 1000 };

static int open_log(struct consoles *consoles)
{
	struct stat st;

	/* a FIFO that nobody reads must not hold us up, neither now nor when it is full */
	consoles->log_fd = open(consoles->logfile, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
	if (consoles->log_fd < 0)
		return -errno;
	consoles->log_used = fstat(consoles->log_fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

/* FILE becomes FILE.1; without rotation the oldest bytes are not worth more than the newest: it begins again. */
static void start_log_over(struct consoles *consoles)
{
	char old[PATH_MAX];

	if (consoles->rotate && snprintf(old, sizeof(old), "%s.1", consoles->logfile) < PATH_MAX) {
		cleanup_close_fd(&consoles->log_fd);
		if (rename(consoles->logfile, old) < 0)
			log_warn("%s: cannot rotate: %s", consoles->logfile, strerror(errno));
		if (open_log(consoles) < 0)
			log_warn("%s: %s", consoles->logfile, strerror(errno));
	} else if (ftruncate(consoles->log_fd, 0) == 0) {
		consoles->log_used = 0;
	}
}

static void write_log(struct consoles *consoles, const char *data, size_t size)
{
	while (size > 0 && consoles->log_fd >= 0) {
		uint64_t room = consoles->log_size > consoles->log_used ? consoles->log_size - consoles->log_used : 0;
		size_t part = !consoles->log_size || size < room ? size : (size_t)room;

		if (part == 0) {
			uint64_t before = consoles->log_used;
			start_log_over(consoles);
			if (consoles->log_used >= before)
				return;
			continue;
		}
		if (fd_write_all(consoles->log_fd, data, part) < 0)
			return;
		consoles->log_used += part;
		data += part;
		size -= part;
	}
}

/* A terminal that is slow is waited for; one that is stopped (^S) loses what does not fit: the container must go on. */
static void write_terminal(int fd, bool *stalled, const char *data, size_t size)
{
	while (size > 0) {
		struct pollfd room = { .fd = fd, .events = POLLOUT };
		ssize_t n = write(fd, data, size);
		/* waited for once: a container that floods it must not keep us from everything else */
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && !*stalled && poll(&room, 1, STALL_MS) > 0)))
			continue;
		*stalled = n < 0 && errno == EAGAIN;
		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

void console_output(struct consoles *consoles, const char *data, size_t size)
{
	if (consoles->ring.size)
		ring_write(&consoles->ring, data, size);
	write_log(consoles, data, size);
	if (consoles->path_fd >= 0)
		write_terminal(consoles->path_fd, &consoles->path_stalled, data, size);
	if (consoles->terminal_out >= 0)
		write_terminal(consoles->terminal_out, &consoles->terminal_stalled, data, size);
}

/* Gives the terminal back as it was. */
static void drop_terminal(struct monitor *m)
{
	struct consoles *consoles = &m->consoles;

	if (consoles->raw)
		tcsetattr(consoles->terminal.fd, TCSADRAIN, &consoles->saved);
	consoles->raw = false;
	loop_drop(m->loop, &consoles->terminal);
}

/* No more than the console takes: the rest waits in the terminal. */
static void on_terminal(struct source *source, uint32_t events)
{
	struct monitor *m = container_of(source, struct monitor, consoles.terminal);
	char data[4096];
	size_t room = console_input_room(m, 0);
	ssize_t n;

	if (room == 0) {
		if (events & (EPOLLHUP | EPOLLERR)) /* reported whatever is asked for */
			drop_terminal(m);
		else
			(void)loop_change(m->loop, source, 0);
		return;
	}
	n = read(source->fd, data, room < sizeof(data) ? room : sizeof(data));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		drop_terminal(m);
	else
		(void)console_input(m, 0, data, (size_t)n);
}

void console_terminal_resume(struct monitor *m)
{
	if (m->consoles.terminal.fd >= 0 && m->consoles.terminal.events == 0)
		(void)loop_change(m->loop, &m->consoles.terminal, EPOLLIN);
}

/* Of a job in the background (tlxc-start -F c1 &) the terminal is the shell's, and what is typed there not for us. */
static bool in_background(int terminal)
{
	pid_t foreground = tcgetpgrp(terminal); /* of our session's terminal only */

	return foreground > 0 && foreground != getpgrp();
}

/* Opened again, so that O_NONBLOCK does not reach the shell that has the same description. */
static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void take_terminal(struct monitor *m, int in)
{
	struct consoles *consoles = &m->consoles;
	struct termios raw;

	if (in < 0 || in_background(in) || tcgetattr(in, &consoles->saved) < 0) {
		cleanup_close_fd(&in);
		return;
	}
	raw = consoles->saved;
	cfmakeraw(&raw);
	consoles->raw = tcsetattr(in, TCSANOW, &raw) == 0;
	consoles->terminal = (struct source){.fd = in, .events = EPOLLIN, .ready = on_terminal};
	(void)loop_add(m->loop, &consoles->terminal);
	console_window_changed(m);
}

void console_window_changed(struct monitor *m)
{
	struct winsize size;

	if (m->consoles.terminal.fd >= 0 && ioctl(m->consoles.terminal.fd, TIOCGWINSZ, &size) == 0)
		console_resize(m, 0, size.ws_row, size.ws_col);
}

static int open_path(struct monitor *m, const char *path)
{
	struct consoles *consoles = &m->consoles;

	consoles->path_fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (consoles->path_fd < 0)
		return failure_note(&m->failure, -errno, "console", "open", path, "open lxc.console.path");
	if (isatty(consoles->path_fd))
		take_terminal(m, fcntl(consoles->path_fd, F_DUPFD_CLOEXEC, 0));
	return 0;
}

/* INIT_STDIO_INHERIT: files and pipes went to init as they are, the console shows on whichever stream is a terminal. */
static void take_streams(struct monitor *m)
{
	bool inherit = m->plan->init.stdio == INIT_STDIO_INHERIT;
	int out = !inherit || isatty(STDOUT_FILENO) ? STDOUT_FILENO : isatty(STDERR_FILENO) ? STDERR_FILENO : STDIN_FILENO;

	if (!inherit || isatty(out))
		m->consoles.terminal_out = reopen(out, O_WRONLY);
	if (isatty(STDIN_FILENO))
		take_terminal(m, reopen(STDIN_FILENO, O_RDWR));
}

int console_output_open(struct monitor *m, const struct console *plan)
{
	struct consoles *consoles = &m->consoles;
	int r = 0;

	if (!consoles->ring.size) /* a reboot keeps what was said before */
		r = ring_open(&consoles->ring, plan->buffer_size ? (size_t)plan->buffer_size : DEFAULT_RING);
	if (r == 0 && plan->logfile) {
		consoles->logfile = strdup(plan->logfile);
		consoles->log_size = plan->log_size;
		consoles->rotate = plan->rotate;
		r = open_log(consoles);
		if (r < 0)
			return failure_note(&m->failure, r, "console", "open", plan->logfile, "open lxc.console.logfile");
	}
	if (r == 0 && plan->path)
		return open_path(m, plan->path);
	if (r == 0 && m->foreground && m->plan->init.stdio != INIT_STDIO_NULL)
		take_streams(m);
	return r;
}

void console_output_close(struct monitor *m)
{
	struct consoles *consoles = &m->consoles;

	drop_terminal(m);
	cleanup_close_fd(&consoles->log_fd);
	cleanup_close_fd(&consoles->path_fd);
	cleanup_close_fd(&consoles->terminal_out);
	consoles->log_fd = consoles->path_fd = consoles->terminal_out = -1;
	free(consoles->logfile);
	consoles->logfile = NULL;
}
