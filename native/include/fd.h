/* Reading, writing and passing descriptors. All return 0 or -errno unless said otherwise; none logs. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

/* Writes everything; retries EINTR and short writes. */
int fd_write_all(int fd, const void *data, size_t size);
/* Reads to the end of file, at most max bytes (-EFBIG beyond). *ret_data is NUL-terminated and owned by the caller. */
int fd_read_all(int fd, size_t max, char **ret_data, size_t *ret_size);
/* Opens below dirfd (AT_FDCWD allowed), reads it all. */
int fd_read_file(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_size);
/* Writes a string with one write(2), as /proc and cgroup files want it; O_WRONLY, never creates. */
int fd_write_file(int dirfd, const char *path, const char *text);
/* A sealed memfd with a copy of data; seals: no write, no size change, no further seals. Returns the descriptor or -errno. */
int fd_sealed_copy(const char *name, const void *data, size_t size);
/* A sealed memfd with a copy of an executable file, read by sendfile. Returns the descriptor or -errno. */
int fd_sealed_exec(const char *path);
/* One packet (SOCK_SEQPACKET or SOCK_STREAM) with descriptors. */
int fd_send(int sock, const void *data, size_t size, const int *fds, size_t n_fds);
/* Receives one message; close-on-exec is set on what comes in. *n_fds is capacity on entry, count on return; more than that are closed and
 * -EMSGSIZE is given. Returns the number of bytes (0: end of file) or -errno. */
ssize_t fd_receive(int sock, void *data, size_t size, int *fds, size_t *n_fds);
/* Closes every descriptor >= first. */
void fd_close_from(int first);
/* A read-only description of the same file with an offset of its own (through /proc/self/fd), or -errno. */
int fd_reopen(int fd);
