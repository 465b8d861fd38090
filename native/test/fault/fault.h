/*
 * fault: runs a command and all that descends from it, numbers the system calls that change a file system or mount something, and
 * lets one of them fail, or is the end of the command, or has the disk cloned. Crash safety is proved with it on the installed programs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { MAX_PREFIXES = 8, MAX_PATTERNS = 8, PATH_SPACE = 4096, EXIT_NOT_FOUND = 127 };

/* Where a system call has what it works on; each is an argument's index, or -1. */
struct target {
	int8_t dir; /* descriptor that a relative path begins at; -1: the working directory */
	int8_t path; /* -1: the descriptor is the file itself */
};

struct call {
	int nr;
	const char *name;
	struct target targets[2]; /* both absent: counted wherever it happens */
	uint8_t count;
	bool space; /* needs room on the disk: may fail with ENOSPC */
	bool attach; /* changes what is mounted where: counted wherever it happens */
	int8_t flags; /* argument with flags, or a command; -1: every call counts */
};

extern const struct call calls[];
extern const size_t call_count;

/* NULL: none of ours. */
const struct call *call_find(uint64_t nr);
/* 0 or -errno. From then on this process and its children stop at each of `calls`. */
int filter_install(void);
/* Does the call change anything? What the filter cannot tell: openat2 has its flags in memory. */
bool call_needs_space(const struct call *call, const uint64_t args[6]);
bool call_changes(const struct call *call, pid_t tid, const uint64_t args[6]);

/* What a call touches: absolute paths as its process sees them. */
struct touched {
	char path[2][PATH_SPACE];
	dev_t dev[2];
	int count;
};
void touched_resolve(struct touched *t, const struct call *call, pid_t tid, const uint64_t args[6]);

struct options {
	const char *below[MAX_PREFIXES];
	dev_t below_dev[MAX_PREFIXES];
	int below_count;
	const char *only[MAX_PATTERNS], *except[MAX_PATTERNS];
	int only_count, except_count;
	const char *key_call, *key_path; /* --key: what counts at all, beside below */
	FILE *list;
	enum { WATCH, KILL, KILL_AFTER, KILL_ROOT, FAIL, FAIL_FROM } mode;
	long n;
	int error;
	long at; /* --at: 0 none, -1 each */
	const char *program;
	const char *image, *clones; /* --clone */
	const char *commit; /* --commit: a file there is changed and fsynced before the clone */
};

/* Clones the image as CLONES/N if the disk below changed since the last clone; 0: cloned, 1: unchanged, or -errno. */
int clone_disk(const struct options *o, long n);
