/* Where console output is kept and shown besides the clients: ring, log file, lxc.console.path, the terminal of a foreground start. */
#pragma once
#include "console.h"

int console_output_open(struct monitor *m, const struct console *plan);
void console_output(struct consoles *consoles, const char *data, size_t size);
/* The console takes input again. */
void console_terminal_resume(struct monitor *m);
void console_output_close(struct monitor *m);
