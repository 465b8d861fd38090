/* What is in the upper now. Everything known is looked at with statx by several threads, which only mark; lists and the table of inodes
 * are changed by one thread afterwards. */
#include "live.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

/* One refresh at a time in this process. */
static atomic_size_t next_dir;
static size_t known_dirs;

static bool same_state(const struct tree_stat *a, const struct tree_stat *b)
{
	return tree_same(a, b) && tree_time_compare(a->ctime, b->ctime) == 0;
}

static void look_at_entries(struct live_dir *dir, int fd)
{
	for (size_t i = 0; i < dir->n_entries; i++) {
		struct live_entry *entry = &dir->entries[i];
		struct tree_stat stat;

		/* A whiteout has nothing that could change, a directory is looked at by itself. */
		if (entry->dir || entry->whiteout)
			continue;
		entry->changed = tree_stat(fd, entry->name, &stat) < 0 || stat.ino != entry->ino || tree_time_compare(stat.ctime, entry->ctime) != 0;
		dir->changed = dir->changed || entry->changed;
	}
}

static void look_at_dir(struct live *live, struct live_dir *dir)
{
	struct tree_stat stat;
	int fd = tree_dir_open(dir->handle);
	int r = fd < 0 ? fd : tree_stat(fd, "", &stat);

	if (r < 0 && !live_vanished(r))
		live_failed(live, r);
	dir->relist = r < 0 || !dir->settled || !same_state(&stat, &dir->stat);
	if (!dir->relist)
		look_at_entries(dir, fd);
	tree_dir_done(dir->handle, fd);
}

static void look(struct live *live, char *buffer)
{
	size_t i;

	(void)buffer;
	while ((i = atomic_fetch_add(&next_dir, 1)) < known_dirs)
		if (live->dirs[i]->listed && !live->dirs[i]->gone)
			look_at_dir(live, live->dirs[i]);
}

/* Names one behind the other; where they begin is known only when they do not move any more. */
struct names {
	char *text;
	size_t n, size, room;
};

static int add_name(void *data, const char *name, unsigned char type, uint64_t ino)
{
	struct names *names = data;
	size_t size = strlen(name) + 1;

	(void)type;
	(void)ino;
	if (names->room - names->size < size)
		names->text = tree_grow(names->text, names->room = names->room * 2 + 1024, 1);
	memcpy(names->text + names->size, name, size);
	names->size += size;
	names->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct live_entry *)a)->name, ((const struct live_entry *)b)->name);
}

static struct live_entry *sorted_entries(const struct names *names)
{
	struct live_entry *entries = tree_alloc(names->n, sizeof(*entries));
	char *at = names->text;

	for (size_t i = 0; i < names->n; i++, at += strlen(at) + 1)
		entries[i].name = at;
	if (names->n > 0)
		qsort(entries, names->n, sizeof(*entries), compare);
	return entries;
}

static void set_state(struct live_entry *entry, struct live_object *object)
{
	entry->object = object;
	entry->ino = object->stat.ino;
	entry->ctime = object->stat.ctime;
	entry->whiteout = tree_is_whiteout(&object->stat);
}

/* Fills entry, whose name is set, with what is there; old is what had the name before. 1: nothing is there any more. */
static int take_entry(struct live *live, struct live_dir *dir, int fd, struct live_entry *entry, const struct live_entry *old)
{
	struct tree_stat stat;
	int r = tree_stat(fd, entry->name, &stat);

	if (r < 0)
		return live_vanished(r) ? 1 : r;
	if (stat.dev_major != dir->stat.dev_major || stat.dev_minor != dir->stat.dev_minor) {
		errno = EXDEV;
		return tree_fail("statx", entry->name);
	}
	if (!S_ISDIR(stat.mode))
		set_state(entry, live_object(live, &stat));
	else if (old && old->dir && !old->dir->gone && tree_same(&old->dir->stat, &stat))
		entry->dir = old->dir;
	else
		entry->dir = live_dir_new(live, dir, entry->name, &stat);
	return 0;
}

/* The new list. Directories of the old one that are not in it are gone. Takes over the names. */
static int merge(struct live *live, struct live_dir *dir, int fd, struct names *names)
{
	struct live_entry *entries = sorted_entries(names), *old = dir->entries;
	size_t n = 0, at = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < names->n; i++) {
		struct live_entry *entry = &entries[n];
		bool known;

		*entry = (struct live_entry){ .name = entries[i].name };
		while (at < dir->n_entries && strcmp(old[at].name, entry->name) < 0)
			at++;
		known = at < dir->n_entries && strcmp(old[at].name, entry->name) == 0;
		r = take_entry(live, dir, fd, entry, known ? &old[at] : NULL);
		if (r == 1)
			dir->settled = false;
		if (r == 0)
			n++;
		if (r == 0 && known && entry->dir == old[at].dir)
			old[at].dir = NULL;
	}
	for (size_t i = 0; i < dir->n_entries; i++)
		if (old[i].dir)
			old[i].dir->gone = true;
	free(old);
	free(dir->names);
	dir->entries = entries;
	dir->n_entries = n;
	dir->names = steal_ptr(&names->text);
	return r < 0 ? r : 0;
}

static int list_open(struct live *live, struct live_dir *dir, int fd)
{
	struct names names = {};
	int r;

	/* Its state from before the listing: a change meanwhile makes a difference the next time. */
	r = tree_stat(fd, "", &dir->stat);
	tree_xattrs_clear(&dir->xattrs);
	if (r == 0)
		r = tree_xattrs_read(fd, "", &dir->xattrs);
	if (r == 0)
		r = tree_list(fd, add_name, &names);
	dir->settled = tree_time_compare(dir->stat.ctime, live->t0) < 0;
	dir->listed = true;
	dir->relist = dir->changed = false;
	/* Pointers into its list are void now. */
	live->replan = true;
	if (r == 0)
		r = merge(live, dir, fd, &names);
	free(names.text);
	return r;
}

static int list(struct live *live, struct live_dir *dir)
{
	int fd, r;

	/* A directory gets its kept descriptor when it is listed first. */
	if (dir->handle->fd < 0 && dir->parent && !dir->listed) {
		struct tree_dir *old = dir->handle;

		fd = tree_dir_open(old);
		if (fd < 0)
			return fd;
		dir->handle = tree_dir_new(dir->parent->handle, old->name, fd, old->ino);
		tree_dir_unref(old);
	}
	fd = tree_dir_open(dir->handle);
	if (fd < 0)
		return fd;
	r = list_open(live, dir, fd);
	tree_dir_done(dir->handle, fd);
	return r;
}

static int restat(struct live *live, struct live_dir *dir)
{
	int fd = -1, r = 0;

	for (size_t i = 0; r == 0 && i < dir->n_entries; i++) {
		struct live_entry *entry = &dir->entries[i];
		struct tree_stat stat;

		if (!entry->changed)
			continue;
		entry->changed = false;
		if (fd < 0)
			r = fd = tree_dir_open(dir->handle);
		if (fd >= 0)
			r = tree_stat(fd, entry->name, &stat);
		/* Another inode without a change of the directory: within one tick of the clock. */
		if (r == 0 && !tree_same(&stat, &entry->object->stat))
			r = -ESTALE;
		if (r == 0) {
			entry->object->stat = stat;
			set_state(entry, entry->object);
			live->replan = live->replan || stat.nlink > 1;
			live_remember(&live->changed, &live->n_changed, &live->room_changed, dir, entry);
		}
	}
	dir->changed = false;
	tree_dir_done(dir->handle, fd);
	return live_vanished(r) ? list(live, dir) : r;
}

int live_refresh(struct live *live)
{
	next_dir = 0;
	known_dirs = live->n_dirs;
	live_parallel(live, look);
	/* The list grows while directories are found; all are behind their parents. */
	for (size_t i = 0; i < live->n_dirs && !live->failed; i++) {
		struct live_dir *dir = live->dirs[i];
		int r;

		dir->gone = dir->gone || (dir->parent && dir->parent->gone);
		if (dir->gone)
			continue;
		r = dir->relist || !dir->listed ? list(live, dir) : dir->changed ? restat(live, dir) : 0;
		if (live_vanished(r) && dir->parent && !live->strict) {
			dir->gone = live->replan = true; /* its parent, changed after we looked at it, shows it the next time */
			dir->parent->settled = false;
		} else if (r < 0) {
			live_failed(live, r);
		}
	}
	return live->failed;
}
