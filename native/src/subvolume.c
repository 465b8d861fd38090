/*
 * A snapshot of a subvolume leaves out what subvolumes are in it (systemd makes some, by lines "v" and "q" of tmpfiles.d(5)): it has an empty
 * directory in place of each. Here each of them gets a snapshot of its own there. The source may be a running container's, which moves its
 * directories about as it likes: its subvolumes are found by their numbers and opened below it, without links.
 */
#include "subvolume.h"

#include "cleanup.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 64, MAX_TRIES = 16 };

/* A subvolume in another one: its number, and the directory that it is in, by inode. */
struct child {
	uint64_t id, dir;
	char name[BTRFS_VOL_NAME_MAX + 1];
};

struct children {
	struct child *list;
	size_t n;
};

static int fail(struct subvolume_failure *failure, int r, const char *call, const char *where)
{
	failure->call = call;
	snprintf(failure->where, sizeof(failure->where), "%s", where);
	return r;
}

/* Where the child is now: its name, and the path of its directory, "" or with a slash at the end. -ENOENT, -EINVAL: not there any more. */
static int locate(int subvolume, uint64_t id, uint64_t dir, char name[static BTRFS_VOL_NAME_MAX + 1], char path[static BTRFS_INO_LOOKUP_USER_PATH_MAX])
{
	struct btrfs_ioctl_ino_lookup_user_args args = { .dirid = dir, .treeid = id };

	if (ioctl(subvolume, BTRFS_IOC_INO_LOOKUP_USER, &args) < 0)
		return -errno;
	memcpy(name, args.name, BTRFS_VOL_NAME_MAX + 1);
	memcpy(path, args.path, BTRFS_INO_LOOKUP_USER_PATH_MAX);
	name[BTRFS_VOL_NAME_MAX] = path[BTRFS_INO_LOOKUP_USER_PATH_MAX - 1] = '\0';
	return 0;
}

static int add_child(int subvolume, struct children *children, uint64_t id, uint64_t dir)
{
	struct child *list = reallocarray(children->list, children->n + 1, sizeof(*list));
	char path[BTRFS_INO_LOOKUP_USER_PATH_MAX];

	if (!list)
		return -ENOMEM;
	children->list = list;
	list[children->n] = (struct child){ .id = id, .dir = dir };
	return locate(subvolume, id, dir, list[children->n++].name, path);
}

/* Sorted by number. */
static int list_children(int subvolume, struct children *ret)
{
	struct btrfs_ioctl_get_subvol_rootref_args args = {};
	bool more = true;
	int r = 0;

	while (r == 0 && more) {
		more = false;
		if (ioctl(subvolume, BTRFS_IOC_GET_SUBVOL_ROOTREF, &args) < 0) {
			if (errno != EOVERFLOW)
				return -errno;
			more = true;
		}
		for (unsigned i = 0; r == 0 && i < args.num_items; i++)
			r = add_child(subvolume, ret, args.rootref[i].treeid, args.rootref[i].dirid);
		if (args.num_items > 0)
			args.min_treeid = args.rootref[args.num_items - 1].treeid + 1;
	}
	return r;
}

static bool same_children(const struct children *a, const struct children *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = a->list[i].id == b->list[i].id && a->list[i].dir == b->list[i].dir && strcmp(a->list[i].name, b->list[i].name) == 0;
	return same;
}

static int take(int from, int parent, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = from };

	if (strlen(name) >= sizeof(args.name))
		return -ENAMETOOLONG;
	strcpy(args.name, name);
	return ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

static int drop(int parent, const char *name)
{
	struct btrfs_ioctl_vol_args args = {};

	strcpy(args.name, name);
	return ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) < 0 ? -errno : 0;
}

/* A snapshot, and what subvolumes the source had at that moment: it was taken again as long as they changed meanwhile. */
static int take_with_list(int from, int parent, const char *name, struct children *ret, struct subvolume_failure *failure)
{
	int r = -EAGAIN;

	for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++) {
		struct children before = {};
		bool taken;

		r = list_children(from, &before);
		taken = r == 0 && (r = take(from, parent, name)) == 0;
		if (r < 0 && r != -ENOENT && r != -EINVAL) {
			free(before.list);
			return fail(failure, r, "ioctl", name);
		}
		free(ret->list);
		*ret = (struct children){};
		if (r == 0)
			r = list_children(from, ret);
		if (r < 0 || !same_children(&before, ret))
			r = -EAGAIN;
		free(before.list);
		if (r < 0 && taken && drop(parent, name) < 0)
			return fail(failure, -errno, "ioctl", name);
	}
	return r < 0 ? fail(failure, r, "ioctl", name) : 0;
}

/* The child in the source, wherever it was moved meanwhile. 1: it was deleted. */
static int open_child(int from, const struct child *child)
{
	char name[BTRFS_VOL_NAME_MAX + 1], path[BTRFS_INO_LOOKUP_USER_PATH_MAX];
	struct btrfs_ioctl_get_subvol_rootref_args now = { .min_treeid = child->id };
	struct btrfs_ioctl_get_subvol_info_args info;
	cleanup_fd int dir = -1, fd = -1;
	int r;

	if (ioctl(from, BTRFS_IOC_GET_SUBVOL_ROOTREF, &now) < 0 && errno != EOVERFLOW)
		return -errno;
	if (now.num_items == 0 || now.rootref[0].treeid != child->id)
		return -ENODATA;
	r = locate(from, child->id, now.rootref[0].dirid, name, path);
	if (r < 0)
		return r == -ENOENT || r == -EINVAL ? -EAGAIN : r;
	dir = path_open_in(from, path, O_RDONLY | O_DIRECTORY);
	fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, &info) < 0 || info.treeid != child->id)
		return -EAGAIN;
	return steal_fd(&fd);
}

/* Where the snapshot of the subvolume has the directory: inodes have the same numbers there. */
static int open_place(int to, uint64_t inode)
{
	struct btrfs_ioctl_ino_lookup_args args = { .objectid = inode };

	if (ioctl(to, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return -errno;
	args.name[sizeof(args.name) - 1] = '\0';
	return path_open_in(to, args.name, O_RDONLY | O_DIRECTORY);
}

static int copy(int from, int parent, const char *name, unsigned depth, struct subvolume_failure *failure);

static int copy_child(int from, int to, const struct child *child, unsigned depth, struct subvolume_failure *failure)
{
	cleanup_fd int place = -1, source = -EAGAIN, made = -1;
	uint64_t flags = 0;
	struct stat st;
	int r;

	for (int i = 0; i < MAX_TRIES && source == -EAGAIN; i++)
		source = open_child(from, child);
	if (source == -ENODATA) /* deleted meanwhile: as empty as the container would find it */
		return 0;
	if (source < 0)
		return fail(failure, source, "open", child->name);
	place = child->dir == BTRFS_FIRST_FREE_OBJECTID ? path_open_in(to, "", O_RDONLY | O_DIRECTORY) : open_place(to, child->dir);
	if (place < 0)
		return fail(failure, place, "open", child->name);
	if (fstatat(place, child->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != BTRFS_EMPTY_SUBVOL_DIR_OBJECTID)
		return fail(failure, -ESTALE, "stat", child->name);
	if (unlinkat(place, child->name, AT_REMOVEDIR) < 0)
		return fail(failure, -errno, "rmdir", child->name);
	r = copy(source, place, child->name, depth + 1, failure);
	if (r < 0)
		return r;
	if (ioctl(source, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return fail(failure, -errno, "ioctl", child->name);
	if (!(flags & BTRFS_SUBVOL_RDONLY))
		return 0;
	flags = BTRFS_SUBVOL_RDONLY;
	made = openat(place, child->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || ioctl(made, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0)
		return fail(failure, -errno, "ioctl", child->name);
	return 0;
}

static int copy(int from, int parent, const char *name, unsigned depth, struct subvolume_failure *failure)
{
	struct children children = {};
	cleanup_fd int to = -1;
	int r;

	if (depth > MAX_DEPTH)
		return fail(failure, -ELOOP, "ioctl", name);
	r = take_with_list(from, parent, name, &children, failure);
	if (r == 0 && children.n > 0) {
		to = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = to < 0 ? fail(failure, -errno, "open", name) : 0;
	}
	for (size_t i = 0; r == 0 && i < children.n; i++)
		r = copy_child(from, to, &children.list[i], depth, failure);
	free(children.list);
	return r;
}

int subvolume_copy(int from, int parent, const char *name, struct subvolume_failure *failure)
{
	return copy(from, parent, name, 0, failure);
}
