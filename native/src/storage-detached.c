/* Superblocks that are mounted nowhere and live on with the processes that use them: umount -l of a busy view leaves one. */
#include "storage.h"

#include "cleanup.h"
#include "fd.h"
#include "mountinfo.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { MAX_DEPTH = 512 };

struct search {
	uint64_t inode;
	/* What statfs(2) tells of an overlay with the upper, and of the file system of the pool. */
	bool has_fsid;
	fsid_t fsid, below;
	const struct devices *others;
	struct storage_report *report;
	size_t harmless;
};

/* From Linux 6.6 on an overlay has an id of its own, kept at its upper; folded as uuid_to_fsid() of the kernel does it. */
static void find_fsid(struct search *search, int pool, const char *upper)
{
	char updir[STORAGE_MAX_NAME + 4];
	cleanup_fd int dir = -1;
	uint64_t uuid[2], folded;
	struct statfs fs;

	snprintf(updir, sizeof(updir), "%s/up", upper);
	dir = openat(pool, updir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fgetxattr(dir, "trusted.overlay.uuid", uuid, sizeof(uuid)) != sizeof(uuid) || fstatfs(dir, &fs) < 0)
		return;
	folded = le64toh(uuid[0]) ^ le64toh(uuid[1]);
	search->fsid = (fsid_t){{(int)(uint32_t)folded, (int)(uint32_t)(folded >> 32)}};
	search->below = fs.f_fsid;
	search->has_fsid = true;
}

/* An older kernel tells the id of the file system below instead, of ours as of others. */
static bool is_anothers(const struct search *search, const struct statfs *fs)
{
	return search->has_fsid && memcmp(&fs->f_fsid, &search->fsid, sizeof(fsid_t)) != 0 &&
	       memcmp(&fs->f_fsid, &search->below, sizeof(fsid_t)) != 0;
}

/* Whether the mount is in no list of the process's namespace. */
static bool is_mounted_nowhere(pid_t pid, uint64_t id)
{
	cleanup_free char *text = NULL;
	struct mount_line line;
	char path[64], *at;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	if (fd_read_file(AT_FDCWD, path, MAX_MOUNTINFO, &text, NULL) < 0)
		return false;
	for (at = text; mount_line_next(&at, &line);)
		if (line.id == id)
			return false;
	return true;
}

/* From any directory in a detached mount, .. leads to its root and no further. */
static uint64_t root_inode(const char *link)
{
	cleanup_fd int fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statx here, above;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_INO, &here) < 0)
		return 0;
	for (int i = 0; i < MAX_DEPTH; i++) {
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (up < 0)
			return 0;
		close(fd);
		fd = up;
		if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &above) < 0)
			return 0;
		if (above.stx_ino == here.stx_ino)
			return here.stx_ino;
		here = above;
	}
	return 0;
}

/* From a file nothing leads to the root: it may be ours when its superblock is not known to be another's. */
static bool may_be_ours(const struct search *search, const char *link, const struct statx *st)
{
	if (S_ISDIR(st->stx_mode))
		return root_inode(link) == search->inode;
	for (size_t i = 0; i < search->others->n; i++)
		if (search->others->dev[i] == makedev(st->stx_dev_major, st->stx_dev_minor))
			return false;
	return true;
}

static void judge(struct search *search, pid_t pid, const char *link, const char *what)
{
	struct statx st;
	struct statfs fs;

	if (statfs(link, &fs) < 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC || is_anothers(search, &fs))
		return;
	if (statx(AT_FDCWD, link, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &st) < 0)
		return;
	if (!is_mounted_nowhere(pid, st.stx_mnt_id) || !may_be_ours(search, link, &st))
		return;
	if (fs.f_flags & ST_RDONLY)
		search->harmless++;
	else
		storage_add_user(search->report, pid, what, "in a detached view");
}

static int look_at(pid_t pid, void *arg)
{
	struct search *search = arg;
	char path[PATH_MAX];
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	judge(search, pid, path, "cwd");
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	judge(search, pid, path, "root");
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		if (entry->d_name[0] != '.')
			judge(search, pid, path, "open file");
	}
	return 0;
}

size_t storage_find_detached(int pool, const char *upper, uint64_t inode, const struct devices *others, struct storage_report *report)
{
	struct search search = {.inode = inode, .others = others, .report = report};

	find_fsid(&search, pool, upper);
	(void)storage_each_process(look_at, &search);
	return search.harmless;
}
