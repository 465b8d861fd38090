/* A running container's upper in memory: what is there (scan), what of it the new layer needs (plan), copies of that (capture), and the
 * layer made of them (write). Times are compared by ctime. It shows content, owner, mode, attributes and link count; but of a page that is
 * mapped and dirty already further writes move no ctime, so that only what is older than a syncfs before the scan counts as settled. */
#pragma once
#include "live-manifest.h"
#include "tree.h"

#include <pthread.h>

/* Part of a file in memory. */
struct live_piece {
	struct live_piece *next;
	uint64_t at, size;
	char *data;
};

/* An inode that is no directory. */
struct live_object {
	struct live_object *next; /* of its hash bucket */
	struct tree_stat stat; /* as last seen */
	/* The copy, valid while captured.ctime is stat.ctime and it is settled: then whatever changed later would show. */
	bool has_copy, settled;
	struct tree_stat captured;
	struct tree_xattrs xattrs;
	char *link;
	uint32_t file; /* its number among the staged files; 0: none, the pieces are the content */
	struct live_piece *pieces;
	/* Of the plan. */
	unsigned needed; /* by the plan of this number */
	struct live_dir *dir; /* where it can be read */
	const char *name;
	/* Of the writing: where it has its first name. */
	struct tree_dir *placed_dir;
	const char *placed_name;
};

struct live_entry {
	char *name; /* in its directory's names */
	struct live_object *object; /* or */
	struct live_dir *dir;
	/* What the object's stat says: the scan under freeze reads these lists from end to end and nothing else. */
	uint64_t ino;
	struct tree_time ctime;
	uint32_t base; /* its record in the manifest, MANIFEST_NONE */
	bool changed; /* since it was looked at last */
	bool whiteout, emit, base_settled;
};

struct live_dir {
	struct live_dir *parent;
	struct tree_dir *handle, *out;
	struct tree_stat stat; /* from before it was listed */
	struct tree_xattrs xattrs;
	bool settled, listed, relist, gone;
	bool changed; /* some entry */
	char *names;
	struct live_entry *entries; /* sorted by name */
	size_t n_entries;
	/* Of the plan. */
	uint32_t base; /* its record in the manifest, MANIFEST_NONE: everything in it is emitted */
	bool emit, opaque, with_redirect;
	uint32_t *removed; /* records whose names are gone */
	size_t n_removed;
	/* Of the new manifest. */
	uint32_t record;
};

struct live_changed {
	struct live_dir *dir;
	struct live_entry *entry;
};

struct live {
	struct live_dir **dirs; /* parents before their children */
	size_t n_dirs, room_dirs;
	struct live_object **buckets;
	size_t n_buckets, n_objects;
	struct tree_time t0; /* syncfs was after it */
	int64_t grain_ns; /* of the times that the filesystem keeps */
	int64_t under_way_ns; /* a write may take so long from its time to its data */
	int64_t ahead_ns; /* the clock of files to one that nobody sets, at t0; 0: none yet */
	unsigned threads;
	const struct manifest *base; /* NULL: a full copy */
	const char *full_reason;
	/* Since the last plan: a list or an inode with several names changed; entries that did, else. */
	bool replan;
	unsigned plan;
	struct live_changed *changed;
	size_t n_changed, room_changed;
	/* What the plan needs, and names of what has several and may be needed for another one's sake. */
	struct live_object **needed;
	size_t n_needed, room_needed;
	struct live_changed *linked;
	size_t n_linked, room_linked;
	/* Copies. */
	int staging; /* directory for them */
	atomic_uint staged;
	char *memory;
	size_t budget;
	atomic_size_t memory_used;
	bool frozen; /* copies go to memory first */
	bool strict; /* nothing can change, so nothing may have */
	struct live_object **queue;
	size_t n_queue, room_queue;
	atomic_ullong captured_bytes;
	atomic_uint captured_files;
	atomic_ullong largest;
	atomic_bool no_clone;
	bool no_asking; /* whether somebody writes to a file */
	atomic_int failed; /* the first fatal -errno */
	struct tree_trouble trouble;
	pthread_mutex_t lock;
	/* What was written. */
	uint64_t files, bytes, removed;
};

void live_init(struct live *live, int upper, unsigned threads);
/* Calls job(live, buffer) in all threads; each takes its work from a counter of its own kind. buffer: TREE_BUFFER bytes. */
void live_parallel(struct live *live, void (*job)(struct live *live, char *buffer));
/* Keeps the first failure, from any thread. */
void live_failed(struct live *live, int r);
/* Something is not where it was: while the container runs that is no failure. */
bool live_vanished(int r);

/* The inode with this identity, made when it is new. */
struct live_object *live_object(struct live *live, const struct tree_stat *stat);
struct live_dir *live_dir_new(struct live *live, struct live_dir *parent, const char *name, const struct tree_stat *stat);

/* Remembers an entry in a list of such. */
void live_remember(struct live_changed **list, size_t *n, size_t *room, struct live_dir *dir, struct live_entry *entry);

/* Learns the grain of times from a directory of ours on the filesystem of the upper. */
int live_clock_setup(struct live *live, int dir);
/* Whether a process of the cgroup (NULL: of none) or below it has a file open for input and output around the page cache. */
bool live_writes_directly(const char *cgroup);
int64_t live_tick_ns(void);
/* Begins a pass: t0 is such that every change from now on gets a later time. */
int live_clock_start(struct live *live);
/* Fails when the clock was set back since: a change may have got a time that is before t0. */
int live_clock_check(const struct live *live);

/* Looks at everything known again, lists what changed. 0 or -errno. */
int live_refresh(struct live *live);
/* Decides what is emitted. A delta that is impossible becomes a full copy: live->base NULL, full_reason says why; true then. */
bool live_plan(struct live *live);
/* To be called once, when there is a directory for the copies. */
int live_capture_setup(struct live *live);
/* Copies what is needed and has no valid copy, to files or, when frozen, first to memory. Gives the number of objects, or -errno. */
long live_capture(struct live *live);
/* Gives memory for copies under freeze, the first bytes of it ready to be written. */
int live_memory(struct live *live, size_t budget, size_t ready);

/* Makes the tree below out, all but the attributes of out itself. */
int live_write(struct live *live, struct tree_dir *out);
/* The manifest of what was captured. */
void live_manifest(struct live *live, struct manifest_writer *writer);

/* What became of it all, for the report. */
struct live_result {
	bool delta;
	uint64_t frozen_us, passes, hot_files, largest_hot, sync_us;
	const char *stage;
};
struct live_options {
	const char *base, *manifest, *socket, *cgroup; /* all but the manifest may be NULL */
	uint64_t lease_ms, memory_budget, passes;
};
/* The whole snapshot of the upper that live was made for: out is an empty directory. */
int live_run(struct live *live, const struct live_options *options, struct tree_dir *out, struct live_result *result);

/* The container frozen by its monitor, as long as the connection is open. A descriptor or -errno (tree_trouble set). */
int live_freeze(const char *socket, uint64_t lease_ms);
/* Thaws. False when the monitor had ended the freeze already. */
bool live_thaw(int freeze);
