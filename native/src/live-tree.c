/* The known inodes and directories, and the threads that work on them. */
#include "live.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

void live_init(struct live *live, int upper, unsigned threads)
{
	*live = (struct live){ .threads = threads > 0 ? threads : 1, .staging = -1, .replan = true, .n_buckets = 1 << 12 };
	live->buckets = tree_alloc(live->n_buckets, sizeof(*live->buckets));
	pthread_mutex_init(&live->lock, NULL);
	live_dir_new(live, NULL, "", &(struct tree_stat){});
	live->dirs[0]->handle = tree_dir_new(NULL, "", upper, 0);
}

struct live_dir *live_dir_new(struct live *live, struct live_dir *parent, const char *name, const struct tree_stat *stat)
{
	struct live_dir *dir = tree_alloc(1, sizeof(*dir));

	if (live->n_dirs == live->room_dirs)
		live->dirs = tree_grow(live->dirs, live->room_dirs = live->room_dirs ? live->room_dirs * 2 : 256, sizeof(*live->dirs));
	live->dirs[live->n_dirs++] = dir;
	dir->parent = parent;
	dir->stat = *stat;
	dir->base = MANIFEST_NONE;
	if (parent)
		dir->handle = tree_dir_new(parent->handle, name, -1, stat->ino);
	return dir;
}

static void rehash(struct live *live)
{
	size_t n = live->n_buckets * 4;
	struct live_object **buckets = tree_alloc(n, sizeof(*buckets));

	for (size_t i = 0; i < live->n_buckets; i++) {
		struct live_object *object = live->buckets[i];

		while (object) {
			struct live_object *next = object->next;

			object->next = buckets[object->stat.ino % n];
			buckets[object->stat.ino % n] = object;
			object = next;
		}
	}
	free(live->buckets);
	live->buckets = buckets;
	live->n_buckets = n;
}

struct live_object *live_object(struct live *live, const struct tree_stat *stat)
{
	struct live_object **bucket = &live->buckets[stat->ino % live->n_buckets], *object;

	for (object = *bucket; object; object = object->next) {
		if (tree_same(&object->stat, stat) && (object->stat.mode & S_IFMT) == (stat->mode & S_IFMT)) {
			object->stat = *stat;
			return object;
		}
	}
	object = tree_alloc(1, sizeof(*object));
	object->stat = *stat;
	object->next = *bucket;
	*bucket = object;
	if (++live->n_objects > live->n_buckets)
		rehash(live);
	return object;
}

void live_remember(struct live_changed **list, size_t *n, size_t *room, struct live_dir *dir, struct live_entry *entry)
{
	if (*n == *room)
		*list = tree_grow(*list, *room = *room ? *room * 2 : 256, sizeof(**list));
	(*list)[(*n)++] = (struct live_changed){ dir, entry };
}

bool live_vanished(int r)
{
	return r == -ENOENT || r == -ESTALE || r == -ENOTDIR || r == -ELOOP;
}

void live_failed(struct live *live, int r)
{
	pthread_mutex_lock(&live->lock);
	if (!live->failed) {
		live->trouble = tree_trouble;
		live->failed = r;
	}
	pthread_mutex_unlock(&live->lock);
}

struct job {
	struct live *live;
	void (*run)(struct live *live, char *buffer);
};

static void *run_job(void *data)
{
	const struct job *job = data;
	cleanup_free char *buffer = malloc(TREE_BUFFER);

	if (!buffer)
		abort();
	job->run(job->live, buffer);
	return NULL;
}

void live_parallel(struct live *live, void (*run)(struct live *live, char *buffer))
{
	struct job job = { live, run };
	pthread_t *others = tree_alloc(live->threads, sizeof(*others));
	unsigned n = 0;

	while (n + 1 < live->threads && pthread_create(&others[n], NULL, run_job, &job) == 0)
		n++;
	run_job(&job);
	while (n > 0)
		pthread_join(others[--n], NULL);
	free(others);
}
