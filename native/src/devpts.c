/* The container's own devpts, with /dev/ptmx pointing into it. */
#include "stage.h"

#include "cleanup.h"
#include "mount-api.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

struct attempt {
	bool gid, max;
};

static int mount_devpts(const struct tty *tty, struct attempt attempt)
{
	cleanup_fd int fs = mnt_fs_open("devpts");
	char max[32];
	int r = fs;

	snprintf(max, sizeof(max), "%ju", (uintmax_t)(tty->pty_max + tty->max));
	if (r >= 0)
		r = mnt_fs_set(fs, "source", "devpts");
	if (r >= 0)
		r = mnt_fs_set(fs, "newinstance", NULL);
	if (r >= 0)
		r = mnt_fs_set(fs, "ptmxmode", "0666");
	if (r >= 0)
		r = mnt_fs_set(fs, "mode", "0620");
	if (r >= 0 && attempt.gid)
		r = mnt_fs_set(fs, "gid", "5");
	if (r >= 0 && attempt.max)
		r = mnt_fs_set(fs, "max", max);
	return r < 0 ? r : mnt_fs_create(fs, MNT_NOSUID | MNT_NOEXEC);
}

/* gid 5 (tty) may be unmapped; max= may be more than the kernel allows. */
static int mount_with_retries(const struct tty *tty)
{
	static const struct attempt ATTEMPTS[] = { { true, true }, { false, true }, { true, false }, { false, false } };
	int fd = -EINVAL;

	for (size_t i = 0; fd < 0 && i < sizeof(ATTEMPTS) / sizeof(*ATTEMPTS); i++)
		fd = mount_devpts(tty, ATTEMPTS[i]);
	return fd;
}

/* A link where nothing is; a file or node of the root file system is covered, not deleted. */
static int set_ptmx(struct stage *stage, int devpts)
{
	cleanup_fd int dev = path_open_in(stage->rootfs, "dev", O_PATH | O_DIRECTORY);
	cleanup_fd int source = -1, ptmx = -1, target = -1;
	int r;

	if (dev < 0)
		return stage_fail(stage, dev, "dev", "openat2", "dev");
	if (symlinkat("pts/ptmx", dev, "ptmx") == 0)
		return 0;
	if (errno != EEXIST)
		return stage_fail(stage, -errno, "dev", "symlink", "dev/ptmx");
	target = path_open_in(dev, "ptmx", O_PATH);
	if (target == -ELOOP)
		return 0;
	if (target < 0)
		return stage_fail(stage, target, "dev", "openat2", "dev/ptmx");
	ptmx = path_open_in(devpts, "ptmx", O_PATH);
	source = ptmx < 0 ? ptmx : mnt_clone(ptmx, false);
	r = source < 0 ? source : mnt_attach(source, target);
	return r < 0 ? stage_fail(stage, r, "dev", "move_mount", "dev/pts/ptmx on dev/ptmx") : 0;
}

int stage_devpts(struct stage *stage)
{
	cleanup_fd int target = -1;
	struct statfs fs;
	int r;

	stage->devpts = -1;
	stage_doing(stage, "mount /dev/pts");
	if (stage->plan.tty.pty_max == 0 && stage->plan.tty.max == 0 && !stage->plan.console.enabled)
		return 0;
	target = path_make_in(stage->rootfs, "dev/pts", PATH_DIR);
	if (target < 0)
		return stage_fail(stage, target, "dev", "openat2", "dev/pts");
	stage->devpts = mount_with_retries(&stage->plan.tty);
	if (stage->devpts < 0)
		return stage_fail(stage, stage->devpts, "dev", "fsconfig", "devpts");
	r = mnt_attach(stage->devpts, target);
	if (r < 0)
		return stage_fail(stage, r, "dev", "move_mount", "devpts on dev/pts");
	if (fstatfs(stage->devpts, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return stage_fail(stage, -EINVAL, "dev", "fstatfs", "dev/pts is no devpts");
	return set_ptmx(stage, stage->devpts);
}
