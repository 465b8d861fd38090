/* One connection to the command socket. Nothing here blocks: what a client does not read waits in a bounded queue, and a client
 * that lets it overflow, or says what makes no sense, is dropped. */
#include "monitor.h"

#include "cleanup.h"
#include "clock.h"
#include "fd.h"
#include "frame.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { MAX_REQUEST = 64 << 10, MAX_QUEUED = 4 << 20, READ_SIZE = 16 << 10 };

/* A client that is done with and only has to read the rest is not read: its end would be reported over and over again. */
static void want(struct client *client)
{
	uint32_t out = client->out.used ? EPOLLOUT : 0, events = (client->paused ? 0 : EPOLLIN | EPOLLRDHUP) | out;

	if (client->kind == CLIENT_DONE && out)
		events = out;
	if (client->source.fd >= 0 && events != client->source.events)
		(void)loop_change(client->monitor->loop, &client->source, events);
}

void client_close(struct client *client)
{
	struct monitor *m = client->monitor;
	int tty = client->tty;

	for (struct client **at = &m->clients; *at; at = &(*at)->next) {
		if (*at == client) {
			*at = client->next;
			break;
		}
	}
	loop_drop(m->loop, &client->source);
	queue_clear(&client->in);
	queue_clear(&client->out);
	if (m->lease.client == client)
		lease_closed(m);
	free(client);
	if (m->listener.fd >= 0 && m->listener.events == 0) /* there is a descriptor again, see on_connection */
		(void)loop_change(m->loop, &m->listener, EPOLLIN);
	if (tty >= 0)
		console_client_changed(m, tty);
}

/* Marked only: callers up the stack still hold the client. The loop closes it at its next event, which the shutdown makes. */
void client_drop(struct client *client, const char *why)
{
	log_info("client dropped: %s", why);
	client->kind = CLIENT_DONE;
	queue_clear(&client->out);
	client->paused = false;
	shutdown(client->source.fd, SHUT_RDWR);
	want(client);
}

static void flush(struct client *client)
{
	if (queue_flush(&client->out, client->source.fd) < 0)
		client_drop(client, "write failed");
	want(client);
}

static void send_frame(struct client *client, enum frame_kind kind, const void *data, size_t size)
{
	uint8_t header[FRAME_HEADER];

	frame_header(header, kind, size);
	if (queue_push(&client->out, header, sizeof(header)) < 0 || queue_push(&client->out, data, size) < 0)
		client_drop(client, "does not read");
	else
		flush(client);
}

/* Descriptors go with the first bytes of the reply, in one sendmsg; the queue is empty then, as it is the first reply. */
static int send_with_fds(struct client *client, const char *text, size_t size, const int *fds, size_t n_fds)
{
	cleanup_free uint8_t *packet = malloc(FRAME_HEADER + size);

	if (!packet)
		return -ENOMEM;
	frame_header(packet, FRAME_JSON, size);
	memcpy(packet + FRAME_HEADER, text, size);
	return fd_send(client->source.fd, packet, FRAME_HEADER + size, fds, n_fds);
}

static void send_json(struct client *client, json_t *json, const int *fds, size_t n_fds)
{
	cleanup_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text)
		client_drop(client, "out of memory");
	else if (n_fds == 0)
		send_frame(client, FRAME_JSON, text, strlen(text));
	else if (send_with_fds(client, text, strlen(text), fds, n_fds) < 0)
		client_drop(client, "write failed");
}

void client_reply(struct client *client, const struct reply *reply, const int *fds, size_t n_fds)
{
	cleanup_json json_t *json = reply_encode(reply);

	send_json(client, json, fds, n_fds);
}

void client_reply_error(struct client *client, const char *code, int r, const char *message)
{
	struct reply reply = {.error = (char *)code, .message = (char *)message};

	reply.errno_ = (struct opt_uint){.set = r < 0, .value = (uint64_t)-r};
	client_reply(client, &reply, NULL, 0);
}

void client_reply_status(struct client *client, bool addresses, const int *fds, size_t n_fds)
{
	struct reply reply = {.ok = true};
	cleanup_json json_t *json = reply_encode(&reply);
	json_t *status = monitor_status_json(client->monitor, addresses);

	if (json && status)
		json_object_set_new(json, "status", status);
	send_json(client, json, fds, n_fds);
}

void client_event(struct client *client, const struct event *event)
{
	cleanup_json json_t *json = event_encode(event);

	send_json(client, json, NULL, 0);
}

void client_data(struct client *client, const void *data, size_t size)
{
	send_frame(client, FRAME_DATA, data, size);
}

size_t client_queued(const struct client *client)
{
	return client->out.used;
}

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
			want(client);
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
	want(client);
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
		want(client);
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
		flush(client);
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

void clients_event(struct monitor *m, const struct event *event)
{
	for (struct client *client = m->clients; client; client = client->next)
		if (client->kind == CLIENT_SUBSCRIBED)
			client_event(client, event);
}

void clients_frozen(struct monitor *m, bool frozen, int r)
{
	for (struct client *client = m->clients; client; client = client->next) {
		if (client->kind != CLIENT_FREEZING && client->kind != CLIENT_THAWING)
			continue;
		if (r == -ECANCELED && (client->kind == CLIENT_FREEZING) == frozen) /* who wants it the other way round cancels it */
			continue;
		if (m->lease.client == client && r == 0 && frozen) {
			lease_frozen(m);
			continue;
		}
		if (m->lease.client == client)
			lease_failed(m);
		if (r == 0 && (client->kind == CLIENT_FREEZING) == frozen)
			client_reply(client, &(struct reply){.ok = true}, NULL, 0);
		else
			client_reply_error(client, r == -ETIMEDOUT ? "timeout" : "failed", r, "not all processes did");
		client->kind = CLIENT_DONE;
	}
}

void clients_finish(struct monitor *m, int timeout_ms)
{
	uint64_t end = monotonic_ms() + (uint64_t)timeout_ms;

	while (m->clients) {
		struct client *client = m->clients;
		struct pollfd room = {.fd = client->source.fd, .events = POLLOUT};
		uint64_t now = monotonic_ms();

		if (queue_flush(&client->out, client->source.fd) == 1 && now < end && poll(&room, 1, (int)(end - now)) > 0)
			continue;
		client_close(client);
	}
}
