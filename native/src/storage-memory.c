/*
 * An upper in memory: a tmpfs with up/ and wk/, on the wk/ of the upper on the disk, which nothing else uses meanwhile. It is mounted in a
 * mount namespace that only the caller has; the overlay keeps it, so it lives exactly as long as the overlay does, and nobody reaches it
 * by another way. Its size is the kernel's own limit for a tmpfs, half of the memory; what is written counts for the container's control group.
 */
#include "storage.h"

#include "cleanup.h"
#include "mount-api.h"

#include <errno.h>
#include <fcntl.h>

/* Not attached yet. Root's alone: who is in the container passes through the overlay. */
static int make_tmpfs(const char *upper, struct storage_report *report)
{
	cleanup_fd int fs = mnt_fs_open("tmpfs");
	int r = fs;

	if (r >= 0)
		r = mnt_fs_set(fs, "source", "tlxc-upper");
	if (r == 0)
		r = mnt_fs_set(fs, "mode", "0700");
	if (r == 0)
		r = mnt_fs_create(fs, 0);
	return r < 0 ? storage_note(report, r, "fsmount", "tmpfs for %s", upper) : r;
}

/* What the root of the merged view is to look like, with ids as on the disk. */
static int open_below(const char *pool, const char *upper, struct storage_report *report)
{
	cleanup_fd int in = storage_open_pool(pool, report);
	char path[STORAGE_MAX_NAME + 4];
	int fd;

	if (in < 0)
		return in;
	snprintf(path, sizeof(path), "%s/up", upper);
	fd = openat(in, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? storage_note(report, -errno, "open", "%s", path) : fd;
}

int storage_memory_upper(int mapped, const char *pool, const char *upper, int userns, struct storage_report *report)
{
	cleanup_fd int below = -1, tree = -1, target = -1;
	char path[STORAGE_MAX_NAME + 4];
	int r;

	if (!storage_name_ok(upper))
		return storage_note(report, -EINVAL, NULL, "%s: no name of an upper", upper);
	r = below = open_below(pool, upper, report);
	if (r >= 0)
		r = tree = make_tmpfs(upper, report);
	/* Before its ids are mapped: through the map, root of this machine is nobody. */
	if (r >= 0)
		r = storage_fill_upper(tree, below, upper, report);
	if (r < 0)
		return r;
	r = userns < 0 ? 0 : mnt_idmap(tree, false, userns);
	if (r < 0)
		return storage_note(report, r, "mount_setattr", "tmpfs for %s, whose ids only Linux 6.3 and newer map", upper);
	snprintf(path, sizeof(path), "%s/wk", upper);
	target = openat(mapped, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return storage_note(report, -errno, "open", "%s", path);
	r = mnt_set(tree, false, 0, 0, MNT_PRIVATE);
	if (r == 0)
		r = mnt_attach(tree, target);
	return r < 0 ? storage_note(report, r, "move_mount", "%s", path) : 0;
}
