#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "mount-api.h"
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 64 };

int monitor_lock(struct monitor *m)
{
	char path[PATH_MAX];
	struct stat held, there;

	if (path_join(path, sizeof(path), m->run_dir, "lock") < 0)
		return -ENAMETOOLONG;
	/* The one who held it may have removed the directory between our open and our flock: then the file is not the lock. */
	for (int i = 0; i < 10; i++) {
		cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			return -errno;
		if (fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino && held.st_dev == there.st_dev) {
			m->lock_fd = steal_fd(&fd);
			return 0;
		}
	}
	return -EWOULDBLOCK;
}

static int null_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(fd, i) < 0)
			return -errno;
	if (fd > 2)
		close(fd);
	return 0;
}

static int fork_away(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		_exit(0);
	return 0;
}

int monitor_daemonize(struct monitor *m, int argc, char **argv)
{
	char title[PATH_MAX];
	int r = 0;

	if (!m->foreground) {
		r = fork_away();
		if (r == 0 && setsid() < 0)
			r = -errno;
		if (r == 0)
			r = fork_away();
		if (r == 0 && chdir("/") < 0)
			r = -errno;
		if (r == 0)
			r = null_stdio();
	}
	if (r == 0 && m->plan->monitor_unshare)
		r = mnt_slave_namespace();
	if (r < 0)
		return failure_note(&m->failure, r, "internal", "fork", NULL, "become a daemon");
	umask(0022);
	snprintf(title, sizeof(title), "[tlxc monitor] %s %s", m->lxcpath, m->name);
	proc_set_title(argc, argv, title);
	m->pid = getpid();
	return proc_start_time(m->pid, &m->start_ticks);
}

/* Without a descriptor for it a connection would stay in the queue, and wake us over and over again. */
static void turn_away(struct monitor *m)
{
	log_warn("no descriptor left for a client");
	cleanup_close_fd(&m->spare_fd);
	m->spare_fd = accept4(m->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (m->spare_fd < 0) /* even so: at least not all the time */
		poll(NULL, 0, 10);
	cleanup_close_fd(&m->spare_fd);
	m->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_connection(struct source *source, uint32_t events)
{
	struct monitor *m = container_of(source, struct monitor, listener);
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		turn_away(m);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || (peer.uid != 0 && peer.uid != geteuid())) {
		log_warn("refused a connection of uid %d", (int)peer.uid);
		close(fd);
		return;
	}
	client_accept(m, fd);
}

/* A path of more than 107 bytes does not fit: bound through a descriptor of the directory then. */
int monitor_listen(struct monitor *m)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_fd int dir = open(m->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r = 0;

	if (dir < 0 || fd < 0)
		return failure_note(&m->failure, -errno, "internal", "socket", m->run_dir, "open the command socket");
	if (unlinkat(dir, "command", 0) < 0 && errno != ENOENT)
		return failure_note(&m->failure, -errno, "internal", "unlink", m->run_dir, "open the command socket");
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/command", dir);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
		r = -errno;
	umask(mask);
	if (r < 0)
		return failure_note(&m->failure, r, "internal", "bind", m->run_dir, "open the command socket");
	m->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	m->listener = (struct source){.fd = steal_fd(&fd), .events = EPOLLIN, .ready = on_connection};
	return loop_add(m->loop, &m->listener);
}

static void on_signal(struct source *source, uint32_t events)
{
	struct monitor *m = container_of(source, struct monitor, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		console_window_changed(m);
		return;
	}
	/* as LXC: what the monitor gets is for init; a hang-up would mean a reboot to it */
	if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGPIPE && m->init_pidfd >= 0)
		(void)monitor_signal_init(m, info.ssi_signo == SIGHUP ? SIGTERM : (int)info.ssi_signo);
	else if (m->phase == PHASE_STARTING && (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT))
		m->killed = true;
}

int monitor_signals(struct monitor *m)
{
	sigset_t set;
	int fd;

	sigfillset(&set);
	for (size_t i = 0; i < 4; i++)
		sigdelset(&set, (const int[]){SIGBUS, SIGILL, SIGSEGV, SIGFPE}[i]);
	/* children are waited for by their pidfds */
	sigdelset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	m->signals = (struct source){.fd = fd, .events = EPOLLIN, .ready = on_signal};
	return loop_add(m->loop, &m->signals);
}

void monitor_remove_run_dir(struct monitor *m)
{
	cleanup_dir DIR *dir = opendir(m->run_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (rmdir(m->run_dir) < 0 && errno != ENOENT)
		log_warn("%s: cannot remove: %s", m->run_dir, strerror(errno));
	cleanup_close_fd(&m->lock_fd);
	m->lock_fd = -1;
}
