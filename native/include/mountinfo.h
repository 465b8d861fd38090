/* Lines of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_MOUNTINFO = 16 << 20 };

/* All strings point into the text, with \040 and the like made plain. */
struct mount_line {
	uint64_t id, parent;
	unsigned int major, minor;
	const char *root, *point, *options, *type, *source, *super_options;
};

/* Takes the next line; *at goes behind it. Destroys the text. False at the end; lines that make no sense are passed over. */
bool mount_line_next(char **at, struct mount_line *ret);
/* One option of a comma-separated list: whether NAME, or NAME=VALUE when value is not NULL, is in it. */
bool mount_line_option(const char *options, const char *name, const char *value);
