/* Copies of inodes. While the container runs they go to numbered files below the new layer; an old copy is never overwritten or removed
 * before the thaw, since freeing blocks is what a freeze must not wait for. While it is frozen they go to memory first. */
#include "live.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* From here on sharing blocks is faster than copying; smaller dirty files would be written out for it. */
enum { WORTH_CLONING = 1 << 20 };

static atomic_size_t next_object;

static int to_file(struct live *live, struct live_object *object, int from, const struct tree_stat *stat, char *buffer, bool *ret_cloned)
{
	unsigned number = atomic_fetch_add(&live->staged, 1) + 1;
	cleanup_fd int to = -1;
	char name[16];
	int r = -EOPNOTSUPP;

	snprintf(name, sizeof(name), "%u", number);
	to = openat(live->staging, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return tree_fail("openat", name);
	if (stat->size >= WORTH_CLONING && !live->no_clone) {
		r = tree_clone(from, to);
		*ret_cloned = r == 0;
		if (r == -EOPNOTSUPP)
			live->no_clone = true;
	}
	if (r == -EOPNOTSUPP)
		r = tree_copy_data(from, to, stat, buffer);
	if (r == 0)
		object->file = number;
	return r;
}

static char *take_memory(struct live *live, uint64_t size)
{
	size_t at, rounded = (size + 63) & ~(size_t)63;

	if (!live->memory || rounded > live->budget)
		return NULL;
	at = atomic_fetch_add(&live->memory_used, rounded);
	if (at + rounded <= live->budget)
		return live->memory + at;
	atomic_fetch_sub(&live->memory_used, rounded);
	return NULL;
}

/* Adds [at, end) to the pieces. 1: there is no memory left for it. */
static int piece_to_memory(struct live *live, struct live_object *object, int from, uint64_t at, uint64_t end)
{
	struct live_piece *piece;
	char *data = take_memory(live, end - at);

	if (!data)
		return 1;
	piece = tree_alloc(1, sizeof(*piece));
	*piece = (struct live_piece){ .next = object->pieces, .at = at, .data = data };
	object->pieces = piece;
	while (at + piece->size < end) {
		ssize_t n = pread(from, data + piece->size, end - at - piece->size, (off_t)(at + piece->size));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tree_fail("pread", "");
		if (n == 0)
			break;
		piece->size += (uint64_t)n;
	}
	return 0;
}

static int sparse_to_memory(struct live *live, struct live_object *object, int from, uint64_t size)
{
	off_t at = 0;
	int r = 0;

	while (r == 0 && (uint64_t)at < size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;

		if (data < 0)
			return errno == ENXIO ? 0 : tree_fail("lseek", "");
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return tree_fail("lseek", "");
		if ((uint64_t)data >= size)
			break;
		r = piece_to_memory(live, object, from, (uint64_t)data, (uint64_t)hole < size ? (uint64_t)hole : size);
		at = hole;
	}
	return r;
}

static void drop_pieces(struct live_object *object)
{
	while (object->pieces) {
		struct live_piece *next = object->pieces->next;

		free(object->pieces);
		object->pieces = next;
	}
}

static int copy_content(struct live *live, struct live_object *object, int from, const struct tree_stat *stat, char *buffer, bool *ret_cloned)
{
	int r = 1;

	drop_pieces(object);
	object->file = 0;
	if (stat->size == 0)
		return 0;
	if (live->frozen && (stat->size < WORTH_CLONING || live->no_clone))
		r = stat->blocks * 512 < stat->size ? sparse_to_memory(live, object, from, stat->size) :
						      piece_to_memory(live, object, from, 0, stat->size);
	if (r == 1) {
		drop_pieces(object);
		r = to_file(live, object, from, stat, buffer, ret_cloned);
	}
	return r;
}

/*
 * Somebody is in the middle of a write(2): it noted its time when it began, and what it writes from now on will show in none. Asked by a read
 * past the end, around the cache and without waiting: nothing is left of that but the try for the lock that a writer holds. btrfs waits for
 * the lock; filesystems that cannot be asked (tmpfs) say nothing.
 */
static bool being_written(int fd)
{
	enum { BLOCK = 4096 };
	static _Alignas(BLOCK) char nothing[BLOCK];
	struct iovec piece = { nothing, sizeof(nothing) };
	int flags = fcntl(fd, F_GETFL);
	bool busy;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_DIRECT) < 0)
		return false;
	busy = preadv2(fd, &piece, 1, (off_t)1 << 60, RWF_NOWAIT) < 0 && errno == EAGAIN;
	(void)fcntl(fd, F_SETFL, flags);
	return busy;
}

/* A filesystem that answers as if it were always so would have everything copied under freeze: a file of ours tells. */
int live_capture_setup(struct live *live)
{
	cleanup_fd int fd = openat(live->staging, "0", O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return tree_fail("openat", "0");
	live->no_asking = being_written(fd);
	return 0;
}

/* To be copied later. While it is frozen, no write is under way: the freeze waits for its end. */
static int put_off(struct live *live, const struct tree_stat *stat)
{
	live->captured_bytes += stat->size;
	return -ESTALE;
}

static int capture_file(struct live *live, struct live_object *object, int dir, struct tree_stat *ret_stat, char *buffer)
{
	cleanup_fd int from = tree_open_file(dir, object->name);
	bool cloned = false;
	int r;

	if (from < 0)
		return from;
	r = tree_stat(from, "", ret_stat);
	if (r == 0 && !tree_same(ret_stat, &object->stat))
		r = -ESTALE;
	if (r == 0 && !live->frozen && !live->no_asking && being_written(from))
		r = put_off(live, ret_stat);
	if (r == 0)
		r = copy_content(live, object, from, ret_stat, buffer, &cloned);
	if (r == 0) {
		unsigned long long most = live->largest;

		live->captured_files++;
		live->captured_bytes += ret_stat->size;
		/* of those whose size costs time */
		while (!cloned && ret_stat->size > most && !atomic_compare_exchange_weak(&live->largest, &most, ret_stat->size))
			;
	}
	return r;
}

static int capture_special(struct live_object *object, int dir, struct tree_stat *ret_stat)
{
	int r = tree_stat(dir, object->name, ret_stat);

	if (r == 0 && (!tree_same(ret_stat, &object->stat) || (ret_stat->mode & S_IFMT) != (object->stat.mode & S_IFMT)))
		r = -ESTALE;
	free(object->link);
	object->link = NULL;
	if (r == 0 && S_ISLNK(ret_stat->mode)) {
		r = tree_readlink(dir, object->name, &object->link);
		r = r == -EINVAL ? -ESTALE : r; /* no link any more */
	}
	return r;
}

static int capture(struct live *live, struct live_object *object, char *buffer)
{
	struct tree_stat stat;
	int dir = tree_dir_open(object->dir->handle), r = dir < 0 ? dir : 0;

	object->has_copy = false;
	if (r == 0)
		r = S_ISREG(object->stat.mode) ? capture_file(live, object, dir, &stat, buffer) : capture_special(object, dir, &stat);
	if (r == 0) {
		tree_xattrs_clear(&object->xattrs);
		r = tree_xattrs_read(dir, object->name, &object->xattrs);
	}
	tree_dir_done(object->dir->handle, dir);
	if (r < 0)
		return r;
	object->has_copy = true;
	object->captured = stat;
	object->settled = tree_time_compare(stat.ctime, live->t0) < 0;
	return 0;
}

static void work(struct live *live, char *buffer)
{
	size_t i;

	while (!live->failed && (i = atomic_fetch_add(&next_object, 1)) < live->n_queue) {
		int r = capture(live, live->queue[i], buffer);

		/* Gone or replaced while it runs: the next look at the upper knows. */
		if (r < 0 && (live->strict || !live_vanished(r)))
			live_failed(live, r);
	}
}

static void enqueue(struct live *live, struct live_object *object)
{
	if (object->has_copy && object->settled && tree_time_compare(object->captured.ctime, object->stat.ctime) == 0)
		return;
	if (live->n_queue == live->room_queue) {
		live->room_queue = live->room_queue ? live->room_queue * 2 : 256;
		live->queue = tree_grow(live->queue, live->room_queue, sizeof(struct live_object *));
	}
	live->queue[live->n_queue++] = object;
}

long live_capture(struct live *live)
{
	live->n_queue = 0;
	live->captured_bytes = 0;
	live->captured_files = 0;
	live->largest = 0;
	for (size_t i = 0; i < live->n_needed; i++)
		enqueue(live, live->needed[i]);
	next_object = 0;
	if (live->n_queue > 0)
		live_parallel(live, work);
	return live->failed ? live->failed : (long)live->n_queue;
}
