#include "proc.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { MAX_PROC_FILE = 65536 };

static int read_proc(pid_t pid, const char *file, char **ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return fd_read_file(AT_FDCWD, path, MAX_PROC_FILE, ret, NULL);
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks)
{
	cleanup_free char *text = NULL;
	unsigned long long ticks;
	char *at;
	int r = read_proc(pid, "stat", &text);

	if (r < 0)
		return r;
	at = strrchr(text, ')'); /* the command name may hold spaces and parentheses */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu", &ticks) != 1)
		return -EBADMSG;
	*ret_ticks = ticks;
	return 0;
}

int proc_blocked_signals(pid_t pid, uint64_t *ret_set)
{
	cleanup_free char *text = NULL;
	unsigned long long set;
	char *at;
	int r = read_proc(pid, "status", &text);

	if (r < 0)
		return r;
	at = strstr(text, "\nSigBlk:");
	if (!at || sscanf(at + 8, "%llx", &set) != 1)
		return -EBADMSG;
	*ret_set = set;
	return 0;
}

int proc_write(pid_t pid, const char *file, const char *text)
{
	char path[96];

	if (snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return fd_write_file(AT_FDCWD, path, text);
}

void proc_set_title(int argc, char **argv, const char *title)
{
	char *start = argv[0], *end = start;
	size_t room, size = strlen(title) + 1;

	for (int i = 0; i < argc; i++)
		if (argv[i] == end)
			end += strlen(argv[i]) + 1;
	for (char **env = environ; env && *env; env++)
		if (*env == end)
			end += strlen(*env) + 1;
	room = (size_t)(end - start);
	if (room == 0)
		return;
	memset(start, 0, room);
	memcpy(start, title, size <= room ? size : room - 1);
	environ = NULL;
	prctl(PR_SET_NAME, "tlxc-monitor");
}

int proc_pidfd_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

int proc_pidfd_signal(int pidfd, int signal)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}
