/* What the stage says while it sets up the inside: the kinds of packets in src/protocol/README.md. */
#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

enum { MAX_PACKET = 64 << 10, MAX_PASSED = 64 };

static bool stage_done(const struct monitor *m)
{
	return m->stage_done || m->failure.code || m->init_gone;
}

static void on_warning(const char *text)
{
	char level[16] = "";
	size_t n = strcspn(text, " ");
	enum log_level value;

	snprintf(level, sizeof(level), "%.*s", (int)n, text);
	value = log_level_from_string(level);
	log_line(value == _LOG_LEVEL_INVALID ? LOG_LEVEL_WARN : value, "stage.c", "stage", 0, "%s", text[n] ? text + n + 1 : text);
}

static void take_ttys(struct monitor *m, const char *text, size_t size, int *fds, size_t n_fds)
{
	cleanup_json json_t *json = json_loadb(text, size, 0, NULL);
	struct consoles *consoles = &m->consoles;
	int *masters = fds, r = 0;

	if (consoles->n_early > 0) {
		r = n_fds > 0 ? consoles_keep(m, fds, n_fds) : 0;
		masters = consoles->early;
		n_fds = consoles->n_early;
	}
	if (r == 0 && !json)
		r = -EBADMSG;
	if (r == 0) {
		consoles->n_early = 0; /* they are the lines' now */
		r = consoles_open(m, masters, n_fds, json_is_true(json_object_get(json, "console")));
	}
	if (r < 0)
		failure_note(&m->failure, r, "console", NULL, NULL, "take over the console");
}

/* Once the command runs (execute mode), what is at the other end is in the hands of the container's root. */
static bool is_expected(const struct monitor *m, char kind)
{
	if (kind == 'X')
		return m->execute;
	return m->phase == PHASE_STARTING && ((kind != 'T' && kind != 't') || !m->consoles.lines);
}

static void on_packet(struct monitor *m, const char *data, size_t size, int *fds, size_t n_fds)
{
	switch (is_expected(m, data[0]) ? data[0] : '\0') {
	case 'T':
		take_ttys(m, data + 1, size - 1, fds, n_fds);
		m->stage_done = true;
		return;
	case 't':
		if (consoles_keep(m, fds, n_fds) < 0)
			failure_note(&m->failure, -EPROTO, "console", NULL, NULL, "take over the ttys");
		return;
	case 'F':
		if (failure_decode(&m->failure, data + 1, size - 1) < 0)
			failure_note(&m->failure, -EBADMSG, "internal", NULL, NULL, "understand the stage");
		break;
	case 'W':
		on_warning(data + 1);
		break;
	case 'R':
		m->stage_done = true;
		break;
	case 'X':
		if (size == 5)
			m->command_status = (struct opt_int){
				.set = true, .value = (uint8_t)data[1] | (uint8_t)data[2] << 8 | (uint8_t)data[3] << 16 | (uint8_t)data[4] << 24};
		break;
	default:
		log_debug("unexpected packet from the stage: %d", data[0]);
		break;
	}
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
}

void monitor_hear_stage(struct source *source, uint32_t events)
{
	struct monitor *m = container_of(source, struct monitor, stage);
	cleanup_free char *data = malloc(MAX_PACKET + 1);
	int fds[MAX_PASSED];
	size_t n_fds = MAX_PASSED;
	ssize_t n = data ? fd_receive(source->fd, data, MAX_PACKET, fds, &n_fds) : -ENOMEM;

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) { /* closed by the exec of init, or by death: who waits looks which */
		loop_drop(m->loop, source);
		m->stage_done = true;
		return;
	}
	data[n] = '\0';
	on_packet(m, data, (size_t)n, fds, n_fds);
}

int monitor_wait_stage(struct monitor *m, const char *what)
{
	int r;

	m->stage_done = false;
	if (m->stage.fd < 0)
		return failure_note(&m->failure, -ECONNRESET, "init", NULL, NULL, "%s", what);
	r = monitor_wait(m, stage_done, -1);
	if (r == -ECANCELED)
		return failure_note(&m->failure, r, "aborted", NULL, "it was killed while it started", "%s", what);
	if (m->failure.code)
		return -EIO;
	return r < 0 ? failure_note(&m->failure, r, "internal", "epoll_wait", NULL, "%s", what) : 0;
}

void monitor_prefer_cause(struct monitor *m)
{
	struct failure ours = m->failure;
	struct pollfd waiting = {.fd = m->stage.fd, .events = POLLIN};

	m->failure = (struct failure){};
	while (m->stage.fd >= 0 && !m->failure.code && poll(&waiting, 1, 0) > 0)
		monitor_hear_stage(&m->stage, EPOLLIN);
	if (!m->failure.code)
		m->failure = ours;
}
