/* Merging a run of layers into one. Directories are the units of work of the threads; nothing recurses. */
#pragma once
#include "tree.h"

#include <pthread.h>

struct compose_source {
	size_t layer;
	struct tree_dir *dir;
};

/* A directory of the result: where its names come from. */
struct compose_dir {
	struct compose_dir *next;
	struct tree_dir *out;
	struct compose_source *sources; /* top first */
	size_t n_sources;
	bool below; /* directories below the run show through */
	bool opaque; /* to be written */
	char *redirect;
	struct tree_stat stat; /* of the topmost source */
	struct tree_xattrs xattrs;
};

/* The first name of an inode that has several. */
struct compose_link {
	struct compose_link *next;
	uint64_t ino;
	uint32_t dev_major, dev_minor;
	struct tree_dir *out;
	char *name;
};

enum { COMPOSE_LINKS = 4096 };

struct compose {
	struct tree_dir **roots; /* of the layers */
	size_t n_roots;
	bool keep, reflink;
	atomic_bool no_reflink; /* the filesystem cannot */
	atomic_ullong files, bytes, reflinked;
	pthread_mutex_t links_lock;
	struct compose_link *links[COMPOSE_LINKS];
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct compose_dir *todo;
	unsigned busy;
	atomic_int failed; /* the first -errno */
	struct tree_trouble trouble;
};

/* Merges all of compose->roots into the empty directory out; threads >= 1. 0 or -errno with compose->trouble. */
int compose_run(struct compose *compose, struct tree_dir *out, unsigned threads);
/* The directory that name means below parent, first seen in source first; its .out is not set. */
int compose_resolve(const struct compose *compose, const struct compose_dir *parent, const char *name, size_t first, struct compose_dir *ret);
void compose_dir_clear(struct compose_dir *dir);
/* Copies or links one entry that is no directory. buffer: TREE_BUFFER bytes. */
int compose_entry(struct compose *compose, int from, const char *name, const struct tree_stat *stat, struct tree_dir *out, int to, char *buffer);
