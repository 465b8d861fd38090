/* Detached mounts that only the host side can make: binds of host paths, filesystems on block devices, the rootfs. */
#pragma once
#include "failure.h"

/* The root filesystem (plan.rootfs.path must be set). userns_fd: the container's, or negative. Descriptor or -errno. */
int mount_host_rootfs(const struct plan *plan, int userns_fd, struct failure *failure);
/* lxc.rootfs.options for a root that is there as a detached mount. */
int mount_host_rootfs_attrs(const struct plan *plan, int tree, struct failure *failure);
/* A mount with from=host; a missing or failing optional one is /dev/null, and a log line. Descriptor or -errno. */
int mount_host_entry(const struct mount *mount, int userns_fd, struct failure *failure);
