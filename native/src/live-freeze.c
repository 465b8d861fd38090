/* The freeze belongs to the monitor: it ends with the connection, whatever becomes of us. */
#include "live.h"

#include "cleanup.h"
#include "fd.h"
#include "frame.h"
#include "protocol.gen.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { FREEZE_TIMEOUT_MS = 5000, ANSWER_TIMEOUT_MS = 10000, LARGEST_ANSWER = 64 << 10 };

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return tree_fail("connect", path);
	}
	strcpy(address.sun_path, path);
	if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		return tree_fail("connect", path);
	return steal_fd(&sock);
}

static int ask(int sock, uint64_t lease_ms)
{
	/* Without one it would be a freeze that does not end with us: the monitor refuses 0. */
	struct request request = {
		.version = PROTOCOL_VERSION, .op = OP_FREEZE, .timeout_ms = { true, FREEZE_TIMEOUT_MS }, .lease_ms = { true, lease_ms },
	};
	cleanup_json json_t *json = request_encode(&request);
	cleanup_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	uint8_t packet[FRAME_HEADER + 512];
	size_t size = text ? strlen(text) : 0;

	if (size == 0 || size > sizeof(packet) - FRAME_HEADER)
		return -ENOMEM;
	frame_header(packet, FRAME_JSON, size);
	memcpy(packet + FRAME_HEADER, text, size);
	return fd_send(sock, packet, FRAME_HEADER + size, NULL, 0);
}

static int receive(int sock, char *data, struct frame *frame)
{
	size_t got = 0;
	ssize_t n;

	while ((n = frame_parse(data, got, LARGEST_ANSWER - FRAME_HEADER, frame)) == 0) {
		struct pollfd ready = { .fd = sock, .events = POLLIN };

		if (poll(&ready, 1, ANSWER_TIMEOUT_MS) == 0)
			return -ETIMEDOUT;
		n = recv(sock, data + got, LARGEST_ANSWER - got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		got += (size_t)n;
	}
	if (n < 0)
		return (int)n;
	/* What comes after the answer is the end of the lease, and would be missed when we look for it. */
	return frame->kind != FRAME_JSON ? -EPROTO : (size_t)n != got ? -ECANCELED : 0;
}

/* A monitor may be newer and say more than we know: only ok and the error matter. */
static int judge(const struct frame *frame)
{
	cleanup_json json_t *json = json_loadb((const char *)frame->payload, frame->size, 0, NULL);
	const char *message;

	if (json_is_true(json_object_get(json, "ok")))
		return 0;
	message = json_string_value(json_object_get(json, "message"));
	errno = json_is_integer(json_object_get(json, "errno")) ? (int)json_integer_value(json_object_get(json, "errno")) : EPROTO;
	return tree_fail("freeze", message ? message : "the monitor refused");
}

int live_freeze(const char *path, uint64_t lease_ms)
{
	cleanup_free char *answer = tree_alloc(1, LARGEST_ANSWER);
	cleanup_fd int sock = connect_to(path);
	struct frame frame;
	int r;

	if (sock < 0)
		return sock;
	r = ask(sock, lease_ms);
	if (r == 0)
		r = receive(sock, answer, &frame);
	if (r < 0) {
		errno = -r;
		return tree_fail("freeze", r == -ECANCELED ? "it ended at once" : "no answer of the monitor");
	}
	r = judge(&frame);
	return r < 0 ? r : steal_fd(&sock);
}

bool live_thaw(int freeze)
{
	/* A monitor that ends the freeze first says so, or dies: either can be read. */
	struct pollfd ended = { .fd = freeze, .events = POLLIN | POLLRDHUP };
	bool held = poll(&ended, 1, 0) == 0;

	close(freeze);
	return held;
}
