/* The root file system: put on its mount point, and at the end made the root. */
#include "stage.h"

#include "cleanup.h"
#include "mount-api.h"
#include "mount-flags.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Nothing may propagate from here to the host, whatever the host's mounts are (systemd shares them all). */
int stage_separate_from_host(struct stage *stage)
{
	const struct rootfs *rootfs = &stage->plan.rootfs;
	cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t bits = rootfs->path ? MNT_SLAVE : MNT_PRIVATE;
	bool recursive = true;
	int r;

	stage_doing(stage, "separate the mounts from the host");
	for (size_t i = 0; i < rootfs->n_propagation; i++)
		bits = mount_propagation_bits(rootfs->propagation[i], &recursive);
	if (bits != MNT_PRIVATE)
		bits = MNT_SLAVE;
	r = root < 0 ? -errno : mnt_set(root, true, 0, 0, bits);
	return r < 0 ? stage_fail(stage, r, "rootfs", "mount_setattr", "propagation of /") : 0;
}

int stage_attach_rootfs(struct stage *stage)
{
	const char *at = stage->plan.rootfs.mount_point;
	cleanup_fd int target = -1;
	int r;

	stage_doing(stage, "mount the root file system");
	if (!stage->plan.rootfs.path) {
		stage->rootfs = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return stage->rootfs < 0 ? stage_fail(stage, -errno, "rootfs", "open", "/") : 0;
	}
	target = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return stage_fail(stage, -errno, "rootfs", "open", "%s", at);
	r = mnt_attach(stage->rootfs, target);
	if (r < 0)
		return stage_fail(stage, r, "rootfs", "move_mount", "%s on %s", stage->plan.rootfs.path, at);
	r = mnt_set(stage->rootfs, true, 0, 0, MNT_SLAVE);
	return r < 0 ? stage_fail(stage, r, "rootfs", "mount_setattr", "%s", at) : 0;
}

int stage_pivot(struct stage *stage)
{
	int r;

	stage_doing(stage, "pivot_root");
	if (!stage->plan.rootfs.path)
		return 0;
	r = mnt_pivot(stage->rootfs);
	return r < 0 ? stage_fail(stage, r, "rootfs", "pivot_root", "%s", stage->plan.rootfs.mount_point) : 0;
}
