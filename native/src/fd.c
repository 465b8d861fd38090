#include "fd.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_PASSED = 64 };

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_read_all(int fd, size_t max, char **ret_data, size_t *ret_size)
{
	cleanup_free char *data = NULL;
	size_t used = 0, room = 0;

	for (;;) {
		ssize_t n;
		if (room - used < 2) {
			char *more;
			room = room ? room * 2 : 4096;
			more = realloc(data, room);
			if (!more)
				return -ENOMEM;
			data = more;
		}
		n = read(fd, data + used, room - used - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max)
			return -EFBIG;
	}
	data[used] = '\0';
	*ret_data = steal_ptr(&data);
	if (ret_size)
		*ret_size = used;
	return 0;
}

int fd_read_file(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_size)
{
	cleanup_fd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd_read_all(fd, max, ret_data, ret_size);
}

int fd_write_file(int dirfd, const char *path, const char *text)
{
	cleanup_fd int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t size = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static int seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 ? -errno : 0;
}

/* MFD_EXEC is asked for where the kernel knows it (6.3): vm.memfd_noexec may otherwise take the x bit away. */
static int memfd(const char *name, bool executable)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#define MFD_NOEXEC_SEAL 0x0008U
#endif
	int fd = memfd_create(name, flags | (executable ? MFD_EXEC : 0));

	if (fd < 0 && errno == EINVAL && executable)
		fd = memfd_create(name, flags);
	return fd < 0 ? -errno : fd;
}

int fd_sealed_copy(const char *name, const void *data, size_t size)
{
	cleanup_fd int fd = memfd(name, false);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, data, size);
	if (r == 0)
		r = seal(fd);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return steal_fd(&fd);
}

int fd_sealed_exec(const char *path)
{
	cleanup_fd int from = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_fd int fd = -1;
	struct stat st;
	off_t left;
	int r;

	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	fd = memfd("tlxc-stage", true);
	if (fd < 0)
		return fd;
	for (left = st.st_size; left > 0;) {
		ssize_t n = sendfile(fd, from, NULL, (size_t)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		left -= n;
	}
	r = seal(fd);
	return r < 0 ? r : steal_fd(&fd);
}

int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(MAX_PASSED * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds > MAX_PASSED)
		return -EINVAL;
	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(sock, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EMSGSIZE;
}

ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t *n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(MAX_PASSED * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	size_t room = n_fds ? *n_fds : 0, got = 0;
	bool overflow = false;
	ssize_t n;

	do
		n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < room) {
				fds[got++] = fd;
			} else {
				close(fd);
				overflow = true;
			}
		}
	}
	if (overflow || (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))) {
		for (size_t i = 0; i < got; i++)
			close(fds[i]);
		return -EMSGSIZE;
	}
	if (n_fds)
		*n_fds = got;
	return n;
}

void fd_close_from(int first)
{
	/* close_range(2) is there since 5.9, but an outer seccomp filter may deny it: nothing may stay open for that. */
	if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0) == 0)
		return;
	for (int fd = first; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
		close(fd);
}

int fd_reopen(int fd)
{
	char path[32];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, O_RDONLY | O_CLOEXEC);
	return copy < 0 ? -errno : copy;
}
