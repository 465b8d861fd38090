/* Console and ttys of a container: masters, recent output, log file, local terminal, and the clients that watch. */
#pragma once
#include "loop.h"
#include "protocol.gen.h"
#include "queue.h"
#include <termios.h>

struct monitor;
struct client;

struct tty_line {
	struct source master; /* fd -1: there is none */
	struct monitor *monitor;
	int number;
	struct queue input; /* for the master; bounded: whoever writes waits */
	bool held; /* output is left in the kernel: the writer of this tty is slow, or nobody is there */
};

struct consoles {
	struct tty_line *lines; /* [0] the console, [N] ttyN */
	size_t n_lines; /* 1 + ttys */
	int *early; /* masters of packets that are not the last */
	size_t n_early;
	struct ring ring; /* recent output of the console */
	int log_fd, path_fd;
	bool path_stalled, terminal_stalled; /* takes no output: what comes now is lost to it */
	char *logfile;
	uint64_t log_size, log_used;
	bool rotate;
	struct source terminal; /* input of the terminal of the caller (foreground) or of lxc.console.path */
	int terminal_out;
	bool raw;
	struct termios saved;
};

/* Keeps masters until the packet that says what they are; more than the plan has ttys are refused. They belong to it then, or are closed. */
int consoles_keep(struct monitor *m, int *masters, size_t n);
/* Takes over masters[0] as the console (if has_console) and the rest as tty 1…N. */
int consoles_open(struct monitor *m, int *masters, size_t n, bool has_console);
void consoles_close(struct monitor *m);
/* What the console still holds when init is dead. */
void consoles_drain(struct monitor *m);
/* A client asks for a tty; replies to it. */
void console_attach(struct monitor *m, struct client *client, const struct request *request);
/* Bytes from a client; returns how many were taken (the rest waits at the client). */
size_t console_input(struct monitor *m, int tty, const void *data, size_t size);
size_t console_input_room(const struct monitor *m, int tty);
void console_resize(struct monitor *m, int tty, uint16_t rows, uint16_t cols);
/* A client has gone or has room again. */
void console_client_changed(struct monitor *m, int tty);
void console_window_changed(struct monitor *m);
