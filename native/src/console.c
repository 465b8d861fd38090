/* Output goes to the ring, the log, the terminal and every client; input to the master through a bounded queue: when it is full, its
 * writer is not read any more (back-pressure). A client of tty N that does not read holds that tty up, as a terminal would; a watcher
 * of the console never does: with more than 4 MiB unread it is dropped. */
#include "monitor.h"

#include "cleanup.h"
#include "console-output.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

enum { CHUNK = 8192, MAX_CHUNKS = 8, INPUT_ROOM = 64 << 10, HOLD_ABOVE = 256 << 10, MAX_DRAINED = 1 << 20 };

/* Edge-triggered: a master without any open slave hangs up for good until somebody opens one, and would spin otherwise. */
enum { READING = (int)(EPOLLIN | EPOLLET), WRITING = (int)(EPOLLIN | EPOLLOUT | EPOLLET) };

static struct client *writer_of(const struct monitor *m, int tty)
{
	for (struct client *client = m->clients; client; client = client->next)
		if (client->kind == CLIENT_CONSOLE && client->tty == tty && client->writes)
			return client;
	return NULL;
}

static bool must_hold(const struct monitor *m, const struct tty_line *line)
{
	const struct client *writer;

	if (line->number == 0)
		return false;
	/* nobody there: what is written waits in the kernel for who comes, as with LXC */
	writer = writer_of(m, line->number);
	return !writer || client_queued(writer) > HOLD_ABOVE;
}

static void give_out(struct tty_line *line, const char *data, size_t size)
{
	struct monitor *m = line->monitor;

	if (line->number == 0)
		console_output(&m->consoles, data, size);
	for (struct client *client = m->clients; client; client = client->next)
		if (client->kind == CLIENT_CONSOLE && client->tty == line->number)
			client_data(client, data, size);
}

static void rearm(struct tty_line *line)
{
	if (line->master.fd >= 0)
		(void)loop_change(line->monitor->loop, &line->master, (uint32_t)(line->input.used ? WRITING : READING));
}

static void read_output(struct tty_line *line)
{
	char data[CHUNK];

	for (int i = 0; i < MAX_CHUNKS; i++) {
		ssize_t n;
		line->held = must_hold(line->monitor, line);
		if (line->held)
			return;
		n = read(line->master.fd, data, sizeof(data));
		if (n <= 0) /* EAGAIN, or EIO: no slave is open */
			return;
		give_out(line, data, (size_t)n);
	}
	rearm(line); /* more may be there: others first */
}

/* Also when nothing is left to be written: a client that had no room for more may have written out all itself. */
static void write_input(struct tty_line *line)
{
	if (queue_flush(&line->input, line->master.fd) < 0)
		queue_clear(&line->input);
	rearm(line);
	if (line->input.used == line->input.max)
		return;
	if (line->number == 0)
		console_terminal_resume(line->monitor);
	for (struct client *client = line->monitor->clients, *next; client; client = next) {
		next = client->next;
		if (client->kind == CLIENT_CONSOLE && client->tty == line->number && client->paused)
			client_pause(client, false);
	}
}

static void on_master(struct source *source, uint32_t events)
{
	struct tty_line *line = container_of(source, struct tty_line, master);

	if (events & EPOLLOUT)
		write_input(line);
	if (events & (EPOLLIN | EPOLLHUP))
		read_output(line);
}

size_t console_input_room(const struct monitor *m, int tty)
{
	const struct queue *input = &m->consoles.lines[tty].input;

	return input->max - input->used;
}

size_t console_input(struct monitor *m, int tty, const void *data, size_t size)
{
	struct tty_line *line = &m->consoles.lines[tty];
	size_t room = line->input.max - line->input.used, part = size < room ? size : room;

	if (line->master.fd < 0)
		return size;
	if (part && queue_push(&line->input, data, part) < 0)
		return 0;
	if (queue_flush(&line->input, line->master.fd) < 0)
		queue_clear(&line->input);
	if (line->input.used)
		rearm(line);
	return part;
}

void console_resize(struct monitor *m, int tty, uint16_t rows, uint16_t cols)
{
	struct winsize size = {.ws_row = rows, .ws_col = cols};

	if ((size_t)tty < m->consoles.n_lines && m->consoles.lines[tty].master.fd >= 0 && rows && cols)
		(void)ioctl(m->consoles.lines[tty].master.fd, TIOCSWINSZ, &size);
}

void console_client_changed(struct monitor *m, int tty)
{
	struct tty_line *line;

	if ((size_t)tty >= m->consoles.n_lines)
		return;
	line = &m->consoles.lines[tty];
	if (line->held && !must_hold(m, line)) {
		line->held = false;
		rearm(line);
	}
}

static int open_line(struct monitor *m, int number, int master)
{
	struct tty_line *line = &m->consoles.lines[number];
	int flags;

	*line = (struct tty_line){.master.fd = -1, .monitor = m, .number = number, .input.max = INPUT_ROOM};
	if (master < 0)
		return 0;
	flags = fcntl(master, F_GETFL);
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0) {
		close(master);
		return -errno;
	}
	line->master = (struct source){.fd = master, .events = (uint32_t)READING, .ready = on_master};
	return loop_add(m->loop, &line->master);
}

int consoles_keep(struct monitor *m, int *masters, size_t n)
{
	struct consoles *consoles = &m->consoles;
	bool fits = n > 0 && m->plan && consoles->n_early + n <= (uint64_t)m->plan->tty.max + 1;
	int *more = fits ? reallocarray(consoles->early, consoles->n_early + n, sizeof(*more)) : NULL;

	if (!more) {
		while (n > 0)
			close(masters[--n]);
		return fits ? -ENOMEM : -EPROTO;
	}
	memcpy(more + consoles->n_early, masters, n * sizeof(*more));
	consoles->early = more;
	consoles->n_early += n;
	return 0;
}

static void forget_early(struct consoles *consoles)
{
	while (consoles->n_early > 0)
		close(consoles->early[--consoles->n_early]);
	free(consoles->early);
	consoles->early = NULL;
}

int consoles_open(struct monitor *m, int *masters, size_t n, bool has_console)
{
	size_t ttys = n - (has_console && n > 0);
	int r;

	m->consoles.lines = calloc(ttys + 1, sizeof(*m->consoles.lines));
	if (!m->consoles.lines)
		return -ENOMEM;
	m->consoles.n_lines = ttys + 1;
	r = open_line(m, 0, has_console && n > 0 ? masters[0] : -1);
	for (size_t i = 0; i < ttys; i++) {
		int one = open_line(m, (int)i + 1, masters[i + (n - ttys)]);
		r = r < 0 ? r : one;
	}
	if (r == 0 && has_console)
		r = console_output_open(m, &m->plan->console);
	return r;
}

void consoles_drain(struct monitor *m)
{
	struct tty_line *line = m->consoles.n_lines ? &m->consoles.lines[0] : NULL;
	char data[CHUNK];
	ssize_t n;

	/* what outlives init (it may: lxc.namespace.keep) could write for ever */
	for (size_t all = 0; line && line->master.fd >= 0 && all < MAX_DRAINED && (n = read(line->master.fd, data, sizeof(data))) > 0; all += (size_t)n)
		give_out(line, data, (size_t)n);
}

void consoles_close(struct monitor *m)
{
	for (struct client *client = m->clients; client; client = client->next) {
		if (client->kind != CLIENT_CONSOLE)
			continue;
		client->kind = CLIENT_DONE; /* closed when what is queued has been read */
		client->tty = -1;
		client_pause(client, false);
	}
	for (size_t i = 0; i < m->consoles.n_lines; i++) {
		loop_drop(m->loop, &m->consoles.lines[i].master);
		queue_clear(&m->consoles.lines[i].input);
	}
	forget_early(&m->consoles);
	free(m->consoles.lines);
	m->consoles.lines = NULL;
	m->consoles.n_lines = 0;
	console_output_close(m);
}

static int first_free(const struct monitor *m)
{
	for (size_t i = 1; i < m->consoles.n_lines; i++)
		if (!writer_of(m, (int)i))
			return (int)i;
	return -1;
}

static void send_recent(struct client *client, const struct ring *ring)
{
	const uint8_t *piece[2];
	size_t size[2];

	ring_pieces(ring, piece, size);
	for (int i = 0; i < 2; i++)
		if (size[i])
			client_data(client, piece[i], size[i]);
}

void console_attach(struct monitor *m, struct client *client, const struct request *request)
{
	bool watch = request->watch.set && request->watch.value;
	int64_t wanted = request->tty.set ? request->tty.value : 0;
	int tty = wanted == -1 ? first_free(m) : (int)wanted;
	struct reply reply = {.ok = true, .tty = {.set = true, .value = (uint64_t)tty}};

	if (wanted == -1 && tty < 0) {
		client_reply_error(client, "busy", 0, m->consoles.n_lines > 1 ? "every tty is in use" : "the container has no ttys");
		return;
	}
	if (wanted < -1 || wanted >= (int64_t)m->consoles.n_lines || m->consoles.lines[tty].master.fd < 0) {
		client_reply_error(client, wanted == 0 ? "no-console" : "no-tty", 0, "the container does not have this tty");
		return;
	}
	if (tty > 0 && !watch && writer_of(m, tty)) {
		client_reply_error(client, "busy", 0, "somebody else uses this tty");
		return;
	}
	client_reply(client, &reply, NULL, 0);
	if (tty == 0)
		send_recent(client, &m->consoles.ring);
	client->kind = CLIENT_CONSOLE;
	client->tty = tty;
	client->writes = !watch;
	if (!watch && request->rows.set && request->cols.set)
		console_resize(m, tty, (uint16_t)request->rows.value, (uint16_t)request->cols.value);
	console_client_changed(m, tty);
}
