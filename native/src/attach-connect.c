#include "attach.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { FRAME_HEADER_SIZE = 5 };

int attach_fail(struct attach *attach, int r, const char *hint, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	vsnprintf(attach->what, sizeof(attach->what), what, args);
	va_end(args);
	attach->hint = hint;
	attach->error = r;
	return r;
}

static int open_socket(struct attach *attach)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const char *path = attach->request.socket;

	if (strlen(path) >= sizeof(address.sun_path))
		return attach_fail(attach, -ENAMETOOLONG, "use a shorter run directory", "reach the monitor at %s", path);
	strcpy(address.sun_path, path);
	if (sock >= 0 && connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0)
		return steal_fd(&sock);
	if (errno == ENOENT || errno == ECONNREFUSED)
		return attach_fail(attach, -ESRCH, "start it first with tlxc-start", "attach");
	return attach_fail(attach, -errno, "run it as root or as the container's owner", "reach the monitor at %s", path);
}

static int ask(struct attach *attach, int sock)
{
	char frame[128];
	char *body = frame + FRAME_HEADER_SIZE;
	int size = snprintf(body, sizeof(frame) - FRAME_HEADER_SIZE, "{\"version\":%d,\"op\":\"attach\"}", PROTOCOL_VERSION);
	int r;

	memcpy(frame, (unsigned char[]){ (unsigned char)size, 0, 0, 0, 'J' }, FRAME_HEADER_SIZE);
	r = fd_send(sock, frame, (size_t)size + FRAME_HEADER_SIZE, NULL, 0);
	return r < 0 ? attach_fail(attach, r, "look at the log of the container", "ask the monitor") : 0;
}

/* One frame with the two descriptors that come with its first byte. */
static int receive(int sock, char **ret_text, size_t *ret_size, int fds[2])
{
	cleanup_free char *text = NULL;
	unsigned char header[FRAME_HEADER_SIZE];
	size_t size, got = 0, n = 2;
	ssize_t r = fd_receive(sock, header, sizeof(header), fds, &n);

	if (r != sizeof(header) || header[4] != 'J')
		return r < 0 ? (int)r : -EPROTO;
	if (n != 2)
		fds[0] = fds[1] = -1;
	size = header[0] | header[1] << 8 | header[2] << 16 | (size_t)header[3] << 24;
	if (size > MAX_MESSAGE)
		return -EMSGSIZE;
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	while (got < size) {
		r = recv(sock, text + got, size - got, 0);
		if (r <= 0)
			return r < 0 ? -errno : -EPROTO;
		got += (size_t)r;
	}
	*ret_text = steal_ptr(&text);
	*ret_size = size;
	return 0;
}

static int read_plan(struct attach *attach, int fd)
{
	cleanup_free char *text = NULL;
	cleanup_json json_t *json = NULL;
	struct proto_error wrong;
	size_t size;
	int r;

	/* from its start, wherever whoever gave it was */
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = fd_read_all(fd, MAX_PLAN, &text, &size);
	if (r < 0)
		return r;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	return plan_decode(json, &attach->plan, &wrong);
}

static int take_reply(struct attach *attach, const char *text, size_t size, int fds[2])
{
	cleanup_json json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	struct proto_error wrong;
	struct reply reply;
	int r = reply_decode(json, &reply, &wrong);

	if (r < 0)
		return attach_fail(attach, r, "use helpers of the same version", "understand the monitor (%s: %s)", wrong.path, wrong.reason);
	if (!reply.ok || !reply.status || fds[0] < 0) {
		bool stopped = reply.error && strcmp(reply.error, "not-running") == 0;
		const char *hint = stopped ? "start it first with tlxc-start" : "look at the log of the container";
		return attach_fail(attach, stopped ? -ESRCH : -ECONNREFUSED, hint, "attach%s%s%s", reply.message ? " (" : "", reply.message ? reply.message : "", reply.message ? ")" : "");
	}
	attach->status = *reply.status;
	attach->pidfd = fds[0];
	r = read_plan(attach, fds[1]);
	close(fds[1]);
	return r < 0 ? attach_fail(attach, r, "use helpers of the same version", "read the plan of the container") : 0;
}

int attach_connect(struct attach *attach)
{
	cleanup_free char *text = NULL;
	cleanup_fd int sock = open_socket(attach);
	int fds[2] = { -1, -1 }, r;
	size_t size = 0;

	if (sock < 0)
		return sock;
	r = ask(attach, sock);
	if (r < 0)
		return r;
	r = receive(sock, &text, &size, fds);
	if (r < 0)
		return attach_fail(attach, r, "look at the log of the container", "get an answer from the monitor");
	return take_reply(attach, text, size, fds);
}
