/* One connection to the command socket. Nothing here blocks: what a client does not read waits in a bounded queue, and a client
 * that lets it overflow, or says what makes no sense, is dropped. */
#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "frame.h"
#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void client_want(struct client *client)
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
	client_want(client);
}

void client_flush(struct client *client)
{
	if (queue_flush(&client->out, client->source.fd) < 0)
		client_drop(client, "write failed");
	client_want(client);
}

static void send_frame(struct client *client, enum frame_kind kind, const void *data, size_t size)
{
	uint8_t header[FRAME_HEADER];

	frame_header(header, kind, size);
	if (queue_push(&client->out, header, sizeof(header)) < 0 || queue_push(&client->out, data, size) < 0)
		client_drop(client, "does not read");
	else
		client_flush(client);
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
