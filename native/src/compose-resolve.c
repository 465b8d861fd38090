/* Which directories of the layers make up one directory of the merged view: as overlayfs looks names up (fs/overlayfs/namei.c). A
 * whiteout or another thing ends the search, an opaque directory ends it after itself; a redirect gives another name for the layers
 * below: relative, in the directories of the same parent; absolute, from the roots of all layers below. */
#include "compose.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

struct lookup {
	const struct compose *compose;
	char *name; /* what the layers further down are asked for */
	bool absolute, stop;
	struct compose_dir *found;
};

static bool one_name(const char *name, size_t size)
{
	return size > 0 && !(size == 1 && *name == '.') && !(size == 2 && name[0] == '.' && name[1] == '.');
}

/* As the kernel: one name, or / and names. Whatever else is there was not made by it. */
static bool redirect_valid(const char *value)
{
	if (*value != '/')
		return !strchr(value, '/') && one_name(value, strlen(value));
	while (*value == '/') {
		size_t size = strcspn(++value, "/");

		if (!one_name(value, size))
			return false;
		value += size;
	}
	return true;
}

static void add_source(struct compose_dir *found, size_t layer, struct tree_dir *dir)
{
	found->sources = tree_grow(found->sources, found->n_sources + 1, sizeof(*found->sources));
	found->sources[found->n_sources++] = (struct compose_source){ .layer = layer, .dir = dir };
}

/* Replaces the component [start, end) of the name (all of it when relative) by what a redirect says. */
static void follow(struct lookup *lookup, const char *redirect, size_t start, size_t end)
{
	size_t prefix = *redirect == '/' ? 0 : start;
	char *name = tree_alloc(prefix + strlen(redirect) + strlen(lookup->name + end) + 1, 1);

	memcpy(name, lookup->name, prefix);
	strcpy(name + prefix, redirect);
	strcat(name, lookup->name + end);
	free(lookup->name);
	lookup->name = name;
	lookup->absolute = *name == '/';
}

/* Opens a directory; 0 without one (*ret_dir NULL) when there is none, and the search ends when there is something else. */
static int look(struct lookup *lookup, struct tree_dir *parent, const char *name, struct tree_dir **ret_dir, struct tree_xattrs *ret_xattrs,
		struct tree_stat *ret_stat)
{
	int from = tree_dir_open(parent), fd, r = 0;

	*ret_dir = NULL;
	if (from < 0)
		return from;
	fd = tree_open_dir(from, name);
	tree_dir_done(parent, from);
	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP) {
		lookup->stop = true;
		return 0;
	}
	if (fd < 0)
		return fd;
	r = tree_xattrs_read(fd, "", ret_xattrs);
	if (r == 0 && ret_stat)
		r = tree_stat(fd, "", ret_stat);
	if (r == 0 && ret_xattrs->redirect && !redirect_valid(ret_xattrs->redirect)) {
		errno = EINVAL;
		r = tree_fail("trusted.overlay.redirect", ret_xattrs->redirect);
	}
	if (r < 0) {
		close(fd);
		tree_xattrs_clear(ret_xattrs);
		return r;
	}
	lookup->stop = lookup->stop || ret_xattrs->opaque;
	*ret_dir = tree_dir_new(parent, name, fd, 0);
	return 0;
}

static int look_relative(struct lookup *lookup, const struct compose_source *source)
{
	struct compose_dir *found = lookup->found;
	struct tree_xattrs xattrs = {};
	struct tree_dir *dir;
	bool top = found->n_sources == 0;
	int r = look(lookup, source->dir, lookup->name, &dir, &xattrs, top ? &found->stat : NULL);

	if (r < 0 || !dir)
		return r;
	add_source(found, source->layer, dir);
	if (!lookup->stop && xattrs.redirect)
		follow(lookup, xattrs.redirect, 0, strlen(lookup->name));
	if (top)
		found->xattrs = xattrs;
	else
		tree_xattrs_clear(&xattrs);
	return 0;
}

/* One layer, from its root. What is found on the way counts too: a redirect there changes the path for the layers below. */
static int look_absolute(struct lookup *lookup, size_t layer)
{
	cleanup_free char *path = tree_strdup(lookup->name);
	struct tree_dir *at = tree_dir_ref(lookup->compose->roots[layer]);
	char *rest = path + 1, *name;
	int r = 0;

	while (r == 0 && at && (name = strsep(&rest, "/"))) {
		struct tree_xattrs xattrs = {};
		struct tree_dir *next;

		r = look(lookup, at, name, &next, &xattrs, NULL);
		tree_dir_unref(at);
		at = r == 0 ? next : NULL;
		/* The end of the name is counted from its own end: the part before may have been replaced already. */
		if (at && !lookup->stop && xattrs.redirect) {
			size_t post = rest ? strlen(rest) + 1 : 0, end = strlen(lookup->name) - post, start = end;

			while (start > 0 && lookup->name[start - 1] != '/')
				start--;
			follow(lookup, xattrs.redirect, start, end);
		}
		tree_xattrs_clear(&xattrs);
	}
	if (r == 0 && at)
		add_source(lookup->found, layer, at);
	else
		tree_dir_unref(at);
	return r;
}

/* The attributes that make the result mean the same with what lies below the run. */
static void conclude(struct lookup *lookup, const struct compose_dir *parent, const char *name)
{
	struct compose_dir *found = lookup->found;

	found->below = !lookup->stop && (lookup->absolute ? lookup->compose->keep : parent->below);
	found->opaque = !found->below && parent->below;
	if (found->below && strcmp(lookup->name, name) != 0)
		found->redirect = steal_ptr(&lookup->name);
	free(lookup->name);
}

int compose_resolve(const struct compose *compose, const struct compose_dir *parent, const char *name, size_t first, struct compose_dir *ret)
{
	struct lookup lookup = { .compose = compose, .name = tree_strdup(name), .found = ret };
	size_t layer = 0;
	int r = 0;

	*ret = (struct compose_dir){};
	for (size_t i = first; r == 0 && !lookup.stop && !lookup.absolute && i < parent->n_sources; i++) {
		r = look_relative(&lookup, &parent->sources[i]);
		layer = parent->sources[i].layer + 1;
	}
	for (; r == 0 && !lookup.stop && lookup.absolute && layer < compose->n_roots; layer++)
		r = look_absolute(&lookup, layer);
	if (r < 0) {
		free(lookup.name);
		compose_dir_clear(ret);
		return r;
	}
	conclude(&lookup, parent, name);
	return 0;
}

void compose_dir_clear(struct compose_dir *dir)
{
	for (size_t i = 0; i < dir->n_sources; i++)
		tree_dir_unref(dir->sources[i].dir);
	free(dir->sources);
	free(dir->redirect);
	tree_xattrs_clear(&dir->xattrs);
	tree_dir_unref(dir->out);
	*dir = (struct compose_dir){};
}
