/* The walk: each thread takes a directory, makes what is in it and puts its subdirectories on the stack. A directory gets its own
 * attributes (times, default ACL, maybe no write permission) when all its names are there. */
#include "compose.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

struct name {
	char *name;
	size_t source;
	bool directory;
};

struct names {
	struct name *list;
	size_t n, room, source;
};

static int add_name(void *data, const char *name, unsigned char type, uint64_t ino)
{
	struct names *names = data;

	(void)ino;
	if (names->n == names->room) {
		names->room = names->room ? names->room * 2 : 64;
		names->list = tree_grow(names->list, names->room, sizeof(*names->list));
	}
	names->list[names->n++] = (struct name){ .name = tree_strdup(name), .source = names->source, .directory = type == DT_DIR };
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r != 0 ? r : x->source < y->source ? -1 : x->source > y->source;
}

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i].name);
	free(names->list);
}

static int read_names(const struct compose_dir *dir, struct names *names)
{
	for (; names->source < dir->n_sources; names->source++) {
		struct tree_dir *source = dir->sources[names->source].dir;
		int fd = tree_dir_open(source), r = fd < 0 ? fd : tree_list(fd, add_name, names);

		tree_dir_done(source, fd);
		if (r < 0)
			return r;
	}
	/* One source: each name is there once, in the order of the directory, which is often that of the disk. */
	if (dir->n_sources > 1 && names->n > 0)
		qsort(names->list, names->n, sizeof(*names->list), compare);
	return 0;
}

static void push(struct compose *compose, struct compose_dir *dir)
{
	pthread_mutex_lock(&compose->lock);
	dir->next = compose->todo;
	compose->todo = dir;
	pthread_cond_signal(&compose->changed);
	pthread_mutex_unlock(&compose->lock);
}

static int make_subdirectory(struct compose *compose, struct compose_dir *parent, const struct name *name, int to)
{
	struct compose_dir *dir = tree_alloc(1, sizeof(*dir));
	int r = compose_resolve(compose, parent, name->name, name->source, dir), fd = -1;

	if (r == 0 && mkdirat(to, name->name, 0700) < 0)
		r = tree_fail("mkdirat", name->name);
	if (r == 0)
		r = fd = tree_open_dir(to, name->name);
	if (r < 0) {
		compose_dir_clear(dir);
		free(dir);
		return r;
	}
	dir->out = tree_dir_new(parent->out, name->name, fd, 0);
	push(compose, dir);
	return 0;
}

static int make_other(struct compose *compose, struct compose_dir *parent, const struct name *name, int to, char *buffer)
{
	struct tree_dir *source = parent->sources[name->source].dir;
	struct tree_stat stat;
	int from = tree_dir_open(source), r = from < 0 ? from : tree_stat(from, name->name, &stat);

	if (r < 0)
		; /* told below */
	else if (S_ISDIR(stat.mode)) /* a filesystem that does not say it in the listing */
		r = make_subdirectory(compose, parent, name, to);
	else if (!tree_is_whiteout(&stat))
		r = compose_entry(compose, from, name->name, &stat, parent->out, to, buffer);
	else if (parent->below)
		r = tree_make_whiteout(to, name->name);
	tree_dir_done(source, from);
	return r;
}

static int make_names(struct compose *compose, struct compose_dir *dir, int to, char *buffer)
{
	struct names names = {};
	int r = read_names(dir, &names);

	for (size_t i = 0; r == 0 && i < names.n && !compose->failed; i++) {
		const struct name *name = &names.list[i];

		if (i > 0 && strcmp(name->name, name[-1].name) == 0)
			continue;
		r = name->directory ? make_subdirectory(compose, dir, name, to) : make_other(compose, dir, name, to, buffer);
	}
	names_clear(&names);
	return r;
}

static int make_directory(struct compose *compose, struct compose_dir *dir, char *buffer)
{
	int to = tree_dir_open(dir->out), r = to < 0 ? to : make_names(compose, dir, to, buffer);

	if (r == 0)
		r = tree_apply(to, "", &dir->stat, &dir->xattrs, dir->opaque, dir->redirect);
	tree_dir_done(dir->out, to);
	return r;
}

/* Under the lock. NULL: all is done, or failed. */
static struct compose_dir *take(struct compose *compose)
{
	struct compose_dir *dir;

	while (!compose->todo && compose->busy > 0 && !compose->failed)
		pthread_cond_wait(&compose->changed, &compose->lock);
	if (compose->failed || !compose->todo)
		return NULL;
	dir = compose->todo;
	compose->todo = dir->next;
	compose->busy++;
	return dir;
}

static void *work(void *data)
{
	struct compose *compose = data;
	cleanup_free char *buffer = tree_alloc(1, TREE_BUFFER);
	struct compose_dir *dir;

	pthread_mutex_lock(&compose->lock);
	while ((dir = take(compose))) {
		int r;

		pthread_mutex_unlock(&compose->lock);
		r = make_directory(compose, dir, buffer);
		compose_dir_clear(dir);
		free(dir);
		pthread_mutex_lock(&compose->lock);
		compose->busy--;
		if (r < 0 && !compose->failed) {
			compose->failed = r;
			compose->trouble = tree_trouble;
		}
		if (compose->failed || (compose->busy == 0 && !compose->todo))
			pthread_cond_broadcast(&compose->changed);
	}
	pthread_mutex_unlock(&compose->lock);
	return NULL;
}

static int start_at_roots(struct compose *compose, struct tree_dir *out)
{
	struct compose_dir *dir = tree_alloc(1, sizeof(*dir));
	int fd = compose->roots[0]->fd, r = tree_stat(fd, "", &dir->stat);

	if (r == 0)
		r = tree_xattrs_read(fd, "", &dir->xattrs);
	if (r < 0) {
		compose->trouble = tree_trouble;
		free(dir);
		return r;
	}
	dir->out = tree_dir_ref(out);
	dir->below = compose->keep;
	dir->sources = tree_alloc(compose->n_roots, sizeof(*dir->sources));
	for (; dir->n_sources < compose->n_roots; dir->n_sources++)
		dir->sources[dir->n_sources] = (struct compose_source){ dir->n_sources, tree_dir_ref(compose->roots[dir->n_sources]) };
	push(compose, dir);
	return 0;
}

int compose_run(struct compose *compose, struct tree_dir *out, unsigned threads)
{
	pthread_t *others = tree_alloc(threads, sizeof(*others));
	unsigned n = 0;
	int r;

	pthread_mutex_init(&compose->lock, NULL);
	pthread_mutex_init(&compose->links_lock, NULL);
	pthread_cond_init(&compose->changed, NULL);
	r = start_at_roots(compose, out);
	if (r == 0) {
		/* Fewer threads than wanted are only slower. */
		while (n + 1 < threads && pthread_create(&others[n], NULL, work, compose) == 0)
			n++;
		work(compose);
	}
	while (n > 0)
		pthread_join(others[--n], NULL);
	free(others);
	return r < 0 ? r : compose->failed;
}
