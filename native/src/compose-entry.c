/* Entries that are no directories. Never a link to the layer's own inode: link counts show inside a container. */
#include "compose.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>

static int copy_content(struct compose *compose, int from, int to, const struct tree_stat *stat, char *buffer)
{
	int r = -EOPNOTSUPP;

	if (compose->reflink && stat->size > 0 && !compose->no_reflink) {
		r = tree_clone(from, to);
		compose->reflinked += r == 0;
		/* Of one pool, on one filesystem: what fails once fails always. */
		if (r == -EOPNOTSUPP)
			compose->no_reflink = true;
	}
	return r == -EOPNOTSUPP ? tree_copy_data(from, to, stat, buffer) : r;
}

static int copy_file(struct compose *compose, int from, const char *name, const struct tree_stat *stat, int to, char *buffer)
{
	cleanup_fd int source = tree_open_file(from, name), target = -1;
	int r;

	if (source < 0)
		return source;
	target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (target < 0)
		return tree_fail("openat", name);
	r = copy_content(compose, source, target, stat, buffer);
	compose->files++;
	compose->bytes += stat->size;
	return r;
}

static int copy_entry(struct compose *compose, int from, const char *name, const struct tree_stat *stat, int to, char *buffer)
{
	struct tree_xattrs xattrs;
	cleanup_free char *link = NULL;
	int r = 0;

	if (S_ISLNK(stat->mode))
		r = tree_readlink(from, name, &link);
	if (r == 0)
		r = S_ISREG(stat->mode) ? copy_file(compose, from, name, stat, to, buffer) : tree_make_special(to, name, stat, link);
	if (r < 0)
		return r;
	r = tree_xattrs_read(from, name, &xattrs);
	if (r == 0)
		r = tree_apply(to, name, stat, &xattrs, false, NULL);
	tree_xattrs_clear(&xattrs);
	return r;
}

/* Layers may be subvolumes, each with numbers of its own. */
static bool is_of(const struct compose_link *link, const struct tree_stat *stat)
{
	return link->ino == stat->ino && link->dev_major == stat->dev_major && link->dev_minor == stat->dev_minor;
}

static int link_to_first(const struct compose_link *first, int to, const char *name)
{
	int from = tree_dir_open(first->out), r = 0;

	if (from < 0)
		return from;
	if (linkat(from, first->name, to, name, 0) < 0)
		r = tree_fail("linkat", name);
	tree_dir_done(first->out, from);
	return r;
}

int compose_entry(struct compose *compose, int from, const char *name, const struct tree_stat *stat, struct tree_dir *out, int to, char *buffer)
{
	struct compose_link **bucket = &compose->links[stat->ino % COMPOSE_LINKS], *link;
	int r;

	if (stat->nlink < 2)
		return copy_entry(compose, from, name, stat, to, buffer);
	/* Held while it is copied: another name of it may only be linked to the finished file. */
	pthread_mutex_lock(&compose->links_lock);
	for (link = *bucket; link && !is_of(link, stat); link = link->next)
		;
	if (link) {
		r = link_to_first(link, to, name);
	} else {
		r = copy_entry(compose, from, name, stat, to, buffer);
		link = tree_alloc(1, sizeof(*link));
		*link = (struct compose_link){
			.next = *bucket, .ino = stat->ino, .dev_major = stat->dev_major, .dev_minor = stat->dev_minor,
			.out = tree_dir_ref(out), .name = tree_strdup(name),
		};
		*bucket = link;
	}
	pthread_mutex_unlock(&compose->links_lock);
	return r;
}
