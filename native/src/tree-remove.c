/* Removal of a tree that somebody hostile made: what lies too deep is first moved up, so that neither stack nor descriptors grow with it. */
#include "tree.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { DEEPEST = 48 };

struct removal {
	int top; /* where deep directories are moved to */
	unsigned moved;
	bool again; /* some were, or a name was missed */
};

static int remove_children(struct removal *removal, int dir, int depth);

static int move_up(struct removal *removal, int dir, const char *name)
{
	char target[32];

	for (;;) {
		snprintf(target, sizeof(target), ".tlxc-deep-%u", removal->moved++);
		if (renameat2(dir, name, removal->top, target, RENAME_NOREPLACE) == 0) {
			removal->again = true;
			return 0;
		}
		if (errno != EEXIST)
			return tree_fail("renameat2", name);
	}
}

static int remove_directory(struct removal *removal, int dir, const char *name, int depth)
{
	int fd, r;

	if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return tree_fail("unlinkat", name);
	if (depth >= DEEPEST)
		return move_up(removal, dir, name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tree_fail("openat", name);
	r = remove_children(removal, fd, depth + 1);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0) {
		r = errno == ENOTEMPTY ? 0 : tree_fail("unlinkat", name);
		removal->again = true;
	}
	return r;
}

/* Takes over fd. */
static int remove_children(struct removal *removal, int fd, int depth)
{
	cleanup_dir DIR *listing = fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!listing) {
		r = tree_fail("fdopendir", ".");
		close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(listing))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type != DT_DIR && unlinkat(fd, entry->d_name, 0) == 0)
			continue;
		if (entry->d_type == DT_DIR || errno == EISDIR)
			r = remove_directory(removal, fd, entry->d_name, depth);
		else if (errno != ENOENT)
			r = tree_fail("unlinkat", entry->d_name);
	}
	return r;
}

int tree_remove(int dir, const char *name)
{
	struct removal removal = {};
	cleanup_fd int top = -1;
	int r = 0;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	top = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return tree_fail("openat", name);
	removal.top = top;
	do {
		int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		unsigned before = removal.moved;

		if (fd < 0)
			return tree_fail("openat", name);
		removal.again = false;
		r = remove_children(&removal, fd, 0);
		/* Names that readdir missed come again; nothing moved and nothing gone would be for ever. */
		if (r == 0 && removal.again && removal.moved == before && unlinkat(dir, name, AT_REMOVEDIR) == 0)
			return 0;
	} while (r == 0 && removal.again);
	if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		r = tree_fail("unlinkat", name);
	return r;
}
