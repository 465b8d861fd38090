/* What an upper was at a running snapshot: a compact file, so that the next snapshot can tell what changed since. Little-endian:
 * "TLXCMAN1", u32 number of records, records, u64 FNV-1a of all before. Record 0 is the root (empty name). The children of a directory
 * follow each other, sorted by name, behind the directory itself. */
#pragma once
#include "tree.h"

enum manifest_flag {
	MANIFEST_OPAQUE = 1,
	MANIFEST_ORIGIN = 2,
	MANIFEST_REDIRECT = 4, /* a value follows the name */
	MANIFEST_WHITEOUT = 8,
	MANIFEST_SETTLED = 16, /* whatever changes it later shows in its ctime */
	MANIFEST_FLAGS = 31,
};

enum { MANIFEST_NONE = 0xffffffffU };

struct manifest_record {
	uint32_t parent; /* record of the directory */
	uint32_t mode;
	uint8_t flags;
	uint64_t ino;
	struct tree_time btime, ctime;
	const char *name, *redirect; /* into the manifest's own text */
	uint32_t first_child, n_children;
};

struct manifest {
	struct manifest_record *records;
	uint32_t n;
	char *text;
};

/* -EBADMSG for anything that manifest_write would not have written. */
int manifest_parse(const void *data, size_t size, struct manifest *ret);
int manifest_read(const char *path, struct manifest *ret);
void manifest_clear(struct manifest *manifest);
uint64_t manifest_sum(const void *data, size_t size);

/* A manifest that is being written. */
struct manifest_writer {
	char *data;
	size_t size, room;
	uint32_t n;
};
/* The record's number; parent MANIFEST_NONE: the root. Only parent, mode, flags, ino, times, name and redirect are read. */
uint32_t manifest_add(struct manifest_writer *writer, const struct manifest_record *record);
/* Completes data and size: to be written to a file and freed. */
void manifest_finish(struct manifest_writer *writer);
