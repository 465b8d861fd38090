/* Why something failed, on its way to a Report: the first cause wins. */
#pragma once
#include "protocol.gen.h"

struct failure {
	const char *code; /* see Report.code; NULL: nothing failed */
	char stage[256];
	char syscall[32];
	int err; /* positive errno, 0: none */
	char detail[1536];
	struct opt_int exit_status;
};

/* Notes a failure unless there is one already, and returns r (a negative errno), so that it can end a function. The
 * text after the system call and the detail (each may be NULL) says what was being done: "mount proc". */
int failure_note(struct failure *failure, int r, const char *code, const char *syscall, const char *detail, const char *stage, ...)
	__attribute__((format(printf, 6, 7)));
/* Takes over a Report that came as JSON text; -EINVAL when it is none. */
int failure_decode(struct failure *failure, const char *json, size_t size);
/* One line for people and logs. */
void failure_text(const struct failure *failure, char *ret, size_t size);
/* Writes a Report line: the failure's, or ok with the pids when failure is NULL. */
int report_write(int fd, const struct failure *failure, pid_t monitor, pid_t init);
