/* Test helper: ptyrun FDS COMMAND… runs COMMAND with those of its standard descriptors that FDS names ("012", "02", …, "-" for none)
 * on a pty of 33 rows and 77 columns; its output there goes to our stdout, our stdin goes there. Exits as the command. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int write_all(int fd, const char *data, ssize_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, (size_t)size);
		if (n < 0)
			return -1;
		data += n;
		size -= n;
	}
	return 0;
}

static void run(int slave, const char *fds, char **argv)
{
	setsid();
	ioctl(slave, TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		if (strchr(fds, '0' + i))
			dup2(slave, i);
	close(slave);
	execvp(argv[0], argv);
	_exit(127);
}

/* Until nobody has the slave any more: read(2) of a master gives EIO then. */
static void pass(int master)
{
	struct pollfd sources[2] = { { .fd = master, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };
	char data[65536];

	for (;;) {
		ssize_t n;

		if (poll(sources, 2, -1) < 0)
			return;
		if (sources[0].revents) {
			n = read(master, data, sizeof(data));
			if (n <= 0 || write_all(STDOUT_FILENO, data, n) < 0)
				return;
		}
		if (sources[1].revents) {
			n = read(STDIN_FILENO, data, sizeof(data));
			if (n <= 0)
				sources[1].fd = -1;
			else if (write_all(master, data, n) < 0)
				return;
		}
	}
}

int main(int argc, char **argv)
{
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	int master, slave, status;
	pid_t pid;

	if (argc < 3 || openpty(&master, &slave, NULL, NULL, &size) < 0)
		return 100;
	pid = fork();
	if (pid == 0) {
		close(master);
		run(slave, argv[1], argv + 2);
	}
	close(slave);
	pass(master);
	if (waitpid(pid, &status, 0) < 0)
		return 111;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
