/* The caller's process: waits for the command, passes signals on, and bytes between its terminal and the pty. */
#include "attach.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { BLOCK = 16384 };

struct proxy {
	pid_t command;
	int master; /* -1: no pty, or it has ended */
	int input; /* the caller's terminal, or -1 */
	int output; /* terminal that shows what the command writes */
	int log;
	int signals;
	char pending[BLOCK]; /* typed and not yet taken by the pty */
	size_t n_pending;
	int status; /* wait status, -1 while it runs */
	struct termios saved;
	int saved_fd; /* whose settings are to be restored, or -1 */
};

static void fill_signals(sigset_t *set)
{
	static const int UNTOUCHED[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE };

	sigfillset(set);
	for (size_t i = 0; i < sizeof(UNTOUCHED) / sizeof(*UNTOUCHED); i++)
		sigdelset(set, UNTOUCHED[i]);
}

void attach_block_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int outer_terminal(const struct attach *attach)
{
	return attach->tty[1] ? STDOUT_FILENO : attach->tty[2] ? STDERR_FILENO : STDIN_FILENO;
}

void attach_imitate_terminal(const struct attach *attach, int master)
{
	int outer = outer_terminal(attach);
	struct winsize size;
	struct termios settings;

	if (ioctl(outer, TIOCGWINSZ, &size) == 0)
		ioctl(master, TIOCSWINSZ, &size);
	if (attach->tty[0] && tcgetattr(outer, &settings) == 0)
		tcsetattr(master, TCSANOW, &settings);
}

static void copy_window_size(const struct proxy *proxy)
{
	struct winsize size;

	if (proxy->master >= 0 && ioctl(proxy->output, TIOCGWINSZ, &size) == 0)
		ioctl(proxy->master, TIOCSWINSZ, &size);
}

/* With a typing user everything is up to the inner terminal; else only the output must not be processed twice. */
static void set_terminal(struct proxy *proxy)
{
	struct termios raw;

	if (tcgetattr(proxy->output, &proxy->saved) < 0)
		return;
	proxy->saved_fd = proxy->output;
	raw = proxy->saved;
	if (proxy->input >= 0) {
		cfmakeraw(&raw);
	} else {
		raw.c_oflag &= ~(tcflag_t)OPOST;
	}
	tcsetattr(proxy->output, TCSADRAIN, &raw);
}

static void restore_terminal(const struct proxy *proxy)
{
	if (proxy->saved_fd >= 0)
		tcsetattr(proxy->saved_fd, TCSADRAIN, &proxy->saved);
}

/* A terminal set non-blocking by somebody else is waited for. */
static int write_all_patiently(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		struct pollfd writable = { .fd = fd, .events = POLLOUT };

		if (n < 0 && errno == EAGAIN && poll(&writable, 1, -1) >= 0)
			continue;
		if (n < 0 && errno != EINTR)
			return -errno;
		data += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void hang_up(struct proxy *proxy)
{
	close(steal_fd(&proxy->master));
}

static void pass_output(struct proxy *proxy)
{
	char data[BLOCK];
	ssize_t n = read(proxy->master, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* EIO: nobody has the slave open any more. */
	if (n <= 0 || write_all_patiently(proxy->output, data, (size_t)n) < 0) {
		hang_up(proxy);
		return;
	}
	if (proxy->log >= 0)
		fd_write_all(proxy->log, data, (size_t)n);
}

static void take_input(struct proxy *proxy)
{
	ssize_t n = read(proxy->input, proxy->pending, sizeof(proxy->pending));

	if (n > 0)
		proxy->n_pending = (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		proxy->input = -1;
}

/* The pty takes what it has room for, so that a flood of input cannot keep us from reading the output. */
static void pass_input(struct proxy *proxy)
{
	ssize_t n = write(proxy->master, proxy->pending, proxy->n_pending);

	if (n <= 0)
		return;
	proxy->n_pending -= (size_t)n;
	memmove(proxy->pending, proxy->pending + n, proxy->n_pending);
}

/* Everything that the command wrote before it ended; poll(2) on a pty is exact, it waits for the queued work. */
static void drain(struct proxy *proxy)
{
	struct pollfd readable = { .events = POLLIN };

	while (proxy->master >= 0) {
		readable.fd = proxy->master;
		if (poll(&readable, 1, 0) <= 0 || !(readable.revents & (POLLIN | POLLHUP)))
			return;
		pass_output(proxy);
	}
}

static void handle_signal(struct proxy *proxy)
{
	struct signalfd_siginfo info;

	if (read(proxy->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		int status;
		if (waitpid(proxy->command, &status, WNOHANG) == proxy->command)
			proxy->status = status;
	} else if (info.ssi_signo == SIGWINCH) {
		copy_window_size(proxy);
	} else if (proxy->master >= 0 || info.ssi_code <= 0) {
		/* Without a pty the command is in our process group and has got the terminal's own signals already. */
		kill(proxy->command, (int)info.ssi_signo);
	}
}

static void step(struct proxy *proxy)
{
	bool typing = proxy->master >= 0 && proxy->input >= 0 && proxy->n_pending == 0;
	struct pollfd fds[] = {
		{ .fd = proxy->signals, .events = POLLIN },
		{ .fd = proxy->master, .events = (short)(POLLIN | (proxy->n_pending ? POLLOUT : 0)) },
		{ .fd = typing ? proxy->input : -1, .events = POLLIN },
	};

	if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0)
		return;
	if (fds[1].revents & POLLOUT)
		pass_input(proxy);
	if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
		pass_output(proxy);
	if (fds[2].revents)
		take_input(proxy);
	if (fds[0].revents)
		handle_signal(proxy);
}

int attach_wait(const struct attach *attach, pid_t command, int master, int log)
{
	struct proxy proxy = { .command = command, .master = master, .log = log, .status = -1, .input = -1, .output = -1, .saved_fd = -1 };
	sigset_t set;

	fill_signals(&set);
	proxy.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (master >= 0) {
		fcntl(master, F_SETFL, O_NONBLOCK);
		proxy.input = attach->tty[0] ? STDIN_FILENO : -1;
		proxy.output = outer_terminal(attach);
		set_terminal(&proxy);
	}
	while (proxy.status < 0)
		step(&proxy);
	drain(&proxy);
	restore_terminal(&proxy);
	return WIFSIGNALED(proxy.status) ? 128 + WTERMSIG(proxy.status) : WEXITSTATUS(proxy.status);
}
