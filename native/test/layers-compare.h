/* Whether two directory trees are the same: names, types, owners, modes, times, xattrs, contents, and which names are one inode. */
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

struct groups { /* inode → number of the group, in the order of the walk */
	ino_t *inos;
	size_t n;
};

struct comparison {
	struct groups a, b;
	bool bad;
	bool merged; /* got: an inode of which some names are hidden has fewer links there than the layer says */
	char what[4096];
};

static size_t group_of(struct groups *groups, ino_t ino)
{
	for (size_t i = 0; i < groups->n; i++)
		if (groups->inos[i] == ino)
			return i;
	groups->inos = realloc(groups->inos, (groups->n + 1) * sizeof(ino_t));
	groups->inos[groups->n] = ino;
	return groups->n++;
}

static void differ(struct comparison *c, const char *path, const char *what)
{
	if (!c->bad)
		(void)!snprintf(c->what, sizeof(c->what), "%.1000s: %.3000s", path, what);
	c->bad = true;
}

static int sorted(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All attributes as one text, sorted. */
static size_t attributes(int dir, const char *name, char *ret, size_t room)
{
	char path[512], names[4096], *list[64];
	ssize_t n;
	size_t count = 0, used = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	n = llistxattr(path, names, sizeof(names));
	for (char *at = names; n > 0 && at < names + n && count < 64; at += strlen(at) + 1)
		list[count++] = at;
	qsort(list, count, sizeof(*list), by_text);
	for (size_t i = 0; i < count; i++) {
		char value[4096];
		ssize_t size = lgetxattr(path, list[i], value, sizeof(value));

		/* The overlay's own are no part of a plain tree that it is compared with. */
		if (strncmp(list[i], "trusted.overlay.", 16) == 0 && strncmp(list[i], "trusted.overlay.overlay.", 24) != 0 && size < 0)
			continue;
		used += (size_t)snprintf(ret + used, room - used, "%s=", list[i]);
		for (ssize_t j = 0; j < size; j++)
			used += (size_t)snprintf(ret + used, room - used, "%02x", (unsigned char)value[j]);
		used += (size_t)snprintf(ret + used, room - used, " ");
	}
	ret[used] = '\0';
	return used;
}

static bool same_content(int a, int b, const char *name)
{
	int x = openat(a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), y = openat(b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	static char p[65536], q[65536];
	bool same = x >= 0 && y >= 0;
	ssize_t n, m;

	while (same) {
		n = read(x, p, sizeof(p));
		m = read(y, q, sizeof(q));
		same = n == m && n >= 0 && memcmp(p, q, (size_t)n) == 0;
		if (n <= 0)
			break;
	}
	if (x >= 0)
		close(x);
	if (y >= 0)
		close(y);
	return same;
}

static bool same_link(int a, int b, const char *name)
{
	char p[4096], q[4096];
	ssize_t n = readlinkat(a, name, p, sizeof(p)), m = readlinkat(b, name, q, sizeof(q));

	return n == m && n >= 0 && memcmp(p, q, (size_t)n) == 0;
}

static void compare_stat(struct comparison *c, const char *path, const struct stat *x, const struct stat *y)
{
	char text[300];

	if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid) {
		snprintf(text, sizeof(text), "mode %o %u:%u, not %o %u:%u", y->st_mode, y->st_uid, y->st_gid, x->st_mode, x->st_uid, x->st_gid);
		differ(c, path, text);
	}
	if (x->st_mtim.tv_sec != y->st_mtim.tv_sec || x->st_mtim.tv_nsec != y->st_mtim.tv_nsec)
		differ(c, path, "mtime");
	if (S_ISDIR(x->st_mode))
		return;
	if (x->st_size != y->st_size || x->st_rdev != y->st_rdev)
		differ(c, path, "size or device");
	if (x->st_nlink != y->st_nlink && !(c->merged && y->st_nlink < x->st_nlink)) {
		snprintf(text, sizeof(text), "%lu links, not %lu", (unsigned long)y->st_nlink, (unsigned long)x->st_nlink);
		differ(c, path, text);
	}
	if (x->st_nlink > 1 && group_of(&c->a, x->st_ino) != group_of(&c->b, y->st_ino))
		differ(c, path, "linked to another name");
}

static void compare_dirs(struct comparison *c, int a, int b, const char *path);

static void compare_entry(struct comparison *c, int a, int b, const char *name, const char *path)
{
	static char x_attributes[70000], y_attributes[70000];
	struct stat x, y;

	if (fstatat(a, name, &x, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(b, name, &y, AT_SYMLINK_NOFOLLOW) < 0) {
		differ(c, path, strerror(errno));
		return;
	}
	compare_stat(c, path, &x, &y);
	attributes(a, name, x_attributes, sizeof(x_attributes));
	attributes(b, name, y_attributes, sizeof(y_attributes));
	if (strcmp(x_attributes, y_attributes) != 0) {
		char text[3000];
		(void)!snprintf(text, sizeof(text), "xattrs %.1000s, not %.1000s", y_attributes, x_attributes);
		differ(c, path, text);
	}
	if (c->bad)
		return;
	if (S_ISREG(x.st_mode) && !same_content(a, b, name))
		differ(c, path, "content");
	if (S_ISLNK(x.st_mode) && !same_link(a, b, name))
		differ(c, path, "target");
	if (S_ISDIR(x.st_mode)) {
		int p = openat(a, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int q = openat(b, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (p < 0 || q < 0)
			differ(c, path, "cannot be opened");
		else
			compare_dirs(c, p, q, path);
		if (p >= 0)
			close(p);
		if (q >= 0)
			close(q);
	}
}

static void compare_dirs(struct comparison *c, int a, int b, const char *path)
{
	struct dirent **p, **q;
	int n = scandirat(a, ".", &p, no_dots, sorted), m = scandirat(b, ".", &q, no_dots, sorted);

	for (int i = 0, j = 0; (i < n || j < m) && !c->bad;) {
		int order = i >= n ? 1 : j >= m ? -1 : strcmp(p[i]->d_name, q[j]->d_name);
		char below[4096];

		(void)!snprintf(below, sizeof(below), "%.3800s/%s", path, order <= 0 ? p[i]->d_name : q[j]->d_name);
		if (order < 0)
			differ(c, below, "is missing");
		else if (order > 0)
			differ(c, below, "should not be there");
		else
			compare_entry(c, a, b, p[i]->d_name, below);
		i += order <= 0;
		j += order >= 0;
	}
	for (int i = 0; i < n; i++)
		free(p[i]);
	for (int j = 0; j < m; j++)
		free(q[j]);
	if (n >= 0)
		free(p);
	if (m >= 0)
		free(q);
	if (n < 0 || m < 0)
		differ(c, path, "cannot be listed");
}

/* NULL when they are the same, else what differs in got. */
static inline const char *compare_trees(const char *want, const char *got, bool merged)
{
	static struct comparison c;
	int a = open(want, O_RDONLY | O_DIRECTORY | O_CLOEXEC), b = open(got, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat x, y;

	free(c.a.inos);
	free(c.b.inos);
	c = (struct comparison){ .merged = merged };
	if (a < 0 || b < 0 || fstat(a, &x) < 0 || fstat(b, &y) < 0) {
		differ(&c, got, "cannot be opened");
	} else {
		compare_stat(&c, "/", &x, &y);
		compare_dirs(&c, a, b, "");
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return c.bad ? c.what : NULL;
}
