/*
 * A freeze on a lease: the container is thawed when the connection of its holder closes, however that happens, or when the time is up.
 * A frozen task of v1 does not even die of SIGKILL: a command that was killed must never leave a frozen container.
 */
#include "monitor.h"

#include "log.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct client *take(struct monitor *m)
{
	struct client *client = m->lease.client;

	m->lease.client = NULL;
	loop_drop(m->loop, &m->lease.timer);
	return client;
}

static void thaw(struct monitor *m)
{
	if (m->phase == PHASE_RUNNING && (m->state == STATE_FROZEN || m->freeze.wanted == 1))
		(void)freeze_begin(m, false, 0);
}

/* The holder hears it, so that it does not believe in what it copied. */
static void withdraw(struct monitor *m, const char *code, const char *why)
{
	struct client *client = take(m);

	log_info("lease of the freeze ends: %s", why);
	client_reply_error(client, code, code[0] == 't' ? -ETIMEDOUT : -ECANCELED, why);
	client_drop(client, why);
}

static void on_deadline(struct source *source, uint32_t events)
{
	struct monitor *m = container_of(source, struct monitor, lease.timer);
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) <= 0)
		return;
	withdraw(m, "timeout", "the time is up");
	if (!m->lease.keep)
		thaw(m);
}

static int start_timer(struct monitor *m)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(m->lease.ms / 1000), .tv_nsec = (long)(m->lease.ms % 1000) * 1000000},
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	m->lease.timer = (struct source){.fd = fd, .events = EPOLLIN, .ready = on_deadline};
	if (timerfd_settime(fd, 0, &when, NULL) < 0)
		return -errno;
	return loop_add(m->loop, &m->lease.timer);
}

void lease_frozen(struct monitor *m)
{
	struct client *client = m->lease.client;
	int r = start_timer(m);

	if (r < 0) { /* no freeze without its end */
		take(m);
		client->kind = CLIENT_DONE;
		client_reply_error(client, "failed", r, "cannot set a timer");
		if (!m->lease.keep)
			thaw(m);
		return;
	}
	client->kind = CLIENT_LEASE;
	client_reply(client, &(struct reply){.ok = true, .was_frozen = {.set = true, .value = m->lease.keep}}, NULL, 0);
}

void lease_request(struct monitor *m, struct client *client, uint64_t lease_ms, uint64_t timeout_ms)
{
	bool frozen = freeze_is(m, true);
	int r;

	if (m->lease.client) {
		client_reply_error(client, "busy", -EBUSY, "somebody else holds a lease of its freeze");
		return;
	}
	if (lease_ms == 0 || lease_ms > MAX_LEASE_MS) {
		client_reply_error(client, "bad-request", -EINVAL, "lease_ms out of range");
		return;
	}
	m->lease.client = client;
	m->lease.ms = lease_ms;
	m->lease.keep = frozen || m->freeze.wanted == 1;
	if (frozen && m->state == STATE_FROZEN && m->freeze.wanted < 0) {
		lease_frozen(m);
		return;
	}
	client->kind = CLIENT_FREEZING;
	r = freeze_begin(m, true, timeout_ms ? timeout_ms : lease_ms);
	if (r < 0) {
		take(m);
		client->kind = CLIENT_DONE;
		client_reply_error(client, "failed", r, "cannot freeze: no freezer");
	}
}

void lease_keep(struct monitor *m)
{
	m->lease.keep = true;
}

void lease_lost(struct monitor *m)
{
	if (m->lease.client && m->lease.client->kind == CLIENT_LEASE)
		withdraw(m, "canceled", "the container was thawed by somebody else");
}

void lease_failed(struct monitor *m)
{
	(void)take(m);
}

void lease_closed(struct monitor *m)
{
	(void)take(m);
	if (!m->lease.keep)
		thaw(m);
}
