/* All clients together. */
#include "monitor.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>

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
