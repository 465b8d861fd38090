/* What a client sends: one request, and after that of a console what is typed. */
#include "monitor.h"

#include "cleanup.h"
#include "frame.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { MAX_REQUEST = 64 << 10, MAX_QUEUED = 4 << 20, READ_SIZE = 16 << 10 };

static void on_request(struct client *client, const struct frame *frame)
{
	cleanup_json json_t *json = json_loadb((const char *)frame->payload, frame->size, JSON_REJECT_DUPLICATES, NULL);
	struct proto_error err = {};
	struct request request = {};
	const json_t *version = json_object_get(json, "version");

	/* first: a request of another version may well have fields that we do not know */
	if (json_is_integer(version) && json_integer_value(version) != PROTOCOL_VERSION) {
		char text[128];

		snprintf(text, sizeof(text), "its monitor speaks protocol %d, this tlxc speaks %lld", PROTOCOL_VERSION,
			 (long long)json_integer_value(version));
		client_reply_error(client, "version", 0, text);
		return;
	}
	if (!json || request_decode(json, &request, &err) < 0) {
		client_reply_error(client, "bad-request", -EINVAL, err.reason[0] ? err.reason : "no JSON");
		return;
	}
	monitor_request(client->monitor, client, &request);
	request_clear(&request);
}

/* Returns false when the frame has to wait for room at the tty. */
static bool on_frame(struct client *client, const struct frame *frame, size_t *ret_part)
{
	uint16_t rows, cols;

	if (client->kind == CLIENT_ASKING && frame->kind == FRAME_JSON) {
		client->kind = CLIENT_DONE; /* one request a connection; the handler says when it goes on */
		on_request(client, frame);
		return true;
	}
	if (client->kind != CLIENT_CONSOLE || frame->kind == FRAME_JSON) {
		client_drop(client, "unexpected frame");
		return true;
	}
	if (frame->kind == FRAME_DETACH) {
		client_drop(client, "detached");
	} else if (frame->kind == FRAME_RESIZE) {
		frame_resize(frame, &rows, &cols);
		if (client->writes)
			console_resize(client->monitor, client->tty, rows, cols);
	} else if (client->writes) {
		*ret_part = console_input(client->monitor, client->tty, frame->payload, frame->size);
		return *ret_part == frame->size;
	}
	return true;
}

/* Bytes of a D frame that the tty had no room for stay as a shorter frame. */
static void keep_rest(struct client *client, const struct frame *frame, size_t part)
{
	uint8_t *header;

	queue_drop(&client->in, part);
	header = client->in.data + client->in.start;
	frame_header(header, FRAME_DATA, frame->size - part);
}

static void parse(struct client *client)
{
	const uint8_t *data;
	struct frame frame;

	while (client->kind != CLIENT_DONE && !client->paused) {
		size_t size = queue_peek(&client->in, &data), part = 0;
		ssize_t n = frame_parse(data, size, MAX_REQUEST, &frame);

		if (n < 0)
			client_drop(client, "bad frame");
		if (n <= 0)
			return;
		if (!on_frame(client, &frame, &part)) {
			keep_rest(client, &frame, part);
			client->paused = true;
			client_want(client);
			return;
		}
		if (client->in.used)
			queue_drop(&client->in, (size_t)n);
	}
}

void client_pause(struct client *client, bool paused)
{
	bool was = client->paused;

	client->paused = paused;
	client_want(client);
	if (was && !paused)
		parse(client);
}

static void receive(struct client *client)
{
	uint8_t data[READ_SIZE];
	ssize_t n = recv(client->source.fd, data, sizeof(data), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || client->kind == CLIENT_DONE) {
		if (n <= 0)
			client->kind = CLIENT_DONE;
		client_want(client);
		return;
	}
	if (queue_push(&client->in, data, (size_t)n) < 0)
		client_drop(client, "sends too much");
	else
		parse(client);
}

static void on_ready(struct source *source, uint32_t events)
{
	struct client *client = container_of(source, struct client, source);

	if (events & EPOLLOUT) {
		client_flush(client);
		if (client->tty >= 0)
			console_client_changed(client->monitor, client->tty);
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		if (client->paused && (events & (EPOLLHUP | EPOLLERR)))
			client->kind = CLIENT_DONE;
		else if (!client->paused)
			receive(client);
	}
	/* hung up: nobody reads what is queued */
	if (client->kind == CLIENT_DONE && (client->out.used == 0 || (events & (EPOLLHUP | EPOLLERR))))
		client_close(client);
}

struct client *client_accept(struct monitor *m, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		close(fd);
		return NULL;
	}
	*client = (struct client){
		.source = {.fd = fd, .events = EPOLLIN | EPOLLRDHUP, .ready = on_ready}, .monitor = m, .next = m->clients,
		.in.max = MAX_REQUEST + FRAME_HEADER + READ_SIZE, .out.max = MAX_QUEUED, .kind = CLIENT_ASKING, .tty = -1,
	};
	m->clients = client;
	if (loop_add(m->loop, &client->source) < 0)
		client_close(client);
	return m->clients;
}
