/*
 * What else holds an upper: copies of a view in other mount namespaces (unshare -m, a template that runs in one), and detached
 * superblocks that live on with their users. Read-only ones do no harm; a copy is made so.
 */
#include "storage.h"

#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "mountinfo.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { MAX_NAMESPACES = 4096 };

struct search {
	char updir[STORAGE_MAX_NAME + 4];
	uint64_t inode; /* of the upper directory */
	ino_t seen[MAX_NAMESPACES];
	size_t n_seen;
	ino_t our_users;
	size_t harmless;
	struct devices others; /* overlays that have not this upper */
	struct storage_report *report;
};

static ino_t namespace_of(pid_t pid, const char *kind)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

static bool is_new(struct search *search, pid_t pid)
{
	ino_t ns = namespace_of(pid, "mnt");

	for (size_t i = 0; i < search->n_seen; i++)
		if (search->seen[i] == ns)
			return false;
	if (ns == 0 || search->n_seen == MAX_NAMESPACES)
		return false;
	search->seen[search->n_seen++] = ns;
	return true;
}

/* The mount of the line, or -EXDEV when it is of an upper of the same name in another pool. No links: what the path leads to in the
 * other namespace must be the mount that was listed. */
static int open_copy(const struct search *search, pid_t pid, const struct mount_line *line)
{
	char path[64];
	cleanup_fd int root = -1, point = -1;
	struct statx st;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	point = path_open_in(root, line->point[1] ? line->point + 1 : ".", O_PATH);
	if (point < 0)
		return point;
	if (statx(point, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_INO, &st) < 0)
		return -errno;
	if (st.stx_mnt_id != line->id)
		return -ESTALE;
	return st.stx_ino == search->inode ? steal_fd(&point) : -EXDEV;
}

static void note_other(struct search *search, const struct mount_line *line)
{
	const dev_t dev = makedev(line->major, line->minor);

	for (size_t i = 0; i < search->others.n; i++)
		if (search->others.dev[i] == dev)
			return;
	if (search->others.n < sizeof(search->others.dev) / sizeof(*search->others.dev))
		search->others.dev[search->others.n++] = dev;
}

/* Calls back with every mount of ours that has the upper, once for each mount namespace. */
static void each_mount(struct search *search, pid_t pid, void (*found)(struct search *, pid_t, const struct mount_line *))
{
	cleanup_free char *text = NULL;
	struct mount_line line;
	char path[64], *at;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	if (!is_new(search, pid) || fd_read_file(AT_FDCWD, path, MAX_MOUNTINFO, &text, NULL) < 0)
		return;
	for (at = text; mount_line_next(&at, &line);) {
		bool ours = storage_is_ours(line.source);

		if (strcmp(line.type, "overlay") != 0)
			continue;
		if (ours && mount_line_option(line.super_options, "upperdir", search->updir))
			found(search, pid, &line);
		else
			note_other(search, &line);
	}
}

/* A running container: its superblock must be left alone, and so must the copies of its view. */
static void found_root(struct search *search, pid_t pid, const struct mount_line *line)
{
	cleanup_fd int mount = strcmp(line->point, "/") == 0 ? open_copy(search, pid, line) : -ENOENT;

	if (mount >= 0)
		storage_add_user(search->report, pid, "running in", line->source);
}

/* What the root of a user namespace of its own calls a view need not be one: nothing is changed there. */
static void found_copy(struct search *search, pid_t pid, const struct mount_line *line)
{
	cleanup_fd int mount = open_copy(search, pid, line);

	if (mount == -EXDEV)
		note_other(search, line);
	else if (mount >= 0 && namespace_of(pid, "user") == search->our_users && mnt_fs_switch(mnt_fs_pick(mount), "ro") == 0)
		search->harmless++;
	else
		storage_add_user(search->report, pid, "mount namespace with", line->point);
}

static int look_at_root(pid_t pid, void *arg)
{
	each_mount(arg, pid, found_root);
	return 0;
}

static int look_at_copies(pid_t pid, void *arg)
{
	each_mount(arg, pid, found_copy);
	return 0;
}

int storage_disarm_holders(const char *pool, const char *upper, struct storage_report *report)
{
	cleanup_free struct search *search = calloc(1, sizeof(*search));
	cleanup_fd int in = storage_open_pool(pool, report);
	int r;

	if (!search)
		return storage_note(report, -ENOMEM, NULL, "%s", upper);
	r = in < 0 ? in : storage_upper_inode(in, upper, &search->inode, report);
	if (r < 0)
		return r;
	snprintf(search->updir, sizeof(search->updir), "%s/up", upper);
	search->our_users = namespace_of(getpid(), "user");
	search->report = report;
	(void)storage_each_process(look_at_root, search);
	if (report->n_busy == 0) {
		search->n_seen = 0;
		(void)storage_each_process(look_at_copies, search);
	}
	if (search->harmless == 0 && report->n_busy == 0)
		search->harmless = storage_find_detached(in, upper, search->inode, &search->others, report);
	if (report->n_busy == 0 && search->harmless > 0)
		return 0;
	return storage_note(report, -EBUSY, "fsconfig", "%s is in use by another mount", upper);
}
