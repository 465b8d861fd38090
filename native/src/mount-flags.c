#include "mount-flags.h"

#include "mount-api.h"

static const uint32_t ATTR_BITS[_MOUNT_ATTR_MAX] = {
	[MOUNT_ATTR_RDONLY] = MNT_RDONLY,
	[MOUNT_ATTR_NOSUID] = MNT_NOSUID,
	[MOUNT_ATTR_NODEV] = MNT_NODEV,
	[MOUNT_ATTR_NOEXEC] = MNT_NOEXEC,
	[MOUNT_ATTR_NOATIME] = MNT_NOATIME,
	[MOUNT_ATTR_STRICTATIME] = MNT_STRICTATIME,
	[MOUNT_ATTR_NODIRATIME] = MNT_NODIRATIME,
	[MOUNT_ATTR_NOSYMFOLLOW] = MNT_NOSYMFOLLOW,
};

static const char *const SUPERBLOCK_KEYS[_MOUNT_ATTR_MAX] = {
	[MOUNT_ATTR_SB_RDONLY] = "ro",
	[MOUNT_ATTR_SYNC] = "sync",
	[MOUNT_ATTR_DIRSYNC] = "dirsync",
	[MOUNT_ATTR_LAZYTIME] = "lazytime",
	[MOUNT_ATTR_MAND] = "mand",
};

static const uint32_t PROPAGATION_BITS[_PROPAGATION_MAX] = {
	[PROPAGATION_PRIVATE] = MNT_PRIVATE,       [PROPAGATION_RPRIVATE] = MNT_PRIVATE,
	[PROPAGATION_SHARED] = MNT_SHARED,         [PROPAGATION_RSHARED] = MNT_SHARED,
	[PROPAGATION_SLAVE] = MNT_SLAVE,           [PROPAGATION_RSLAVE] = MNT_SLAVE,
	[PROPAGATION_UNBINDABLE] = MNT_UNBINDABLE, [PROPAGATION_RUNBINDABLE] = MNT_UNBINDABLE,
};

uint64_t mount_attr_bits(const enum mount_attr *attrs, size_t n)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= ATTR_BITS[attrs[i]];
	return bits;
}

uint64_t mount_attr_atime(const enum mount_attr *attrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (attrs[i] == MOUNT_ATTR_NOATIME || attrs[i] == MOUNT_ATTR_STRICTATIME || attrs[i] == MOUNT_ATTR_RELATIME)
			return MNT_ATIME_MASK;
	return 0;
}

uint64_t mount_attr_clear(const enum mount_attr *attrs, size_t n)
{
	uint64_t all = MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_NODIRATIME | MNT_NOSYMFOLLOW;

	return (all & ~mount_attr_bits(attrs, n)) | mount_attr_atime(attrs, n);
}

const char *mount_attr_superblock_key(enum mount_attr attr)
{
	return SUPERBLOCK_KEYS[attr];
}

uint64_t mount_propagation_bits(enum propagation propagation, bool *ret_recursive)
{
	*ret_recursive = propagation & 1;
	return PROPAGATION_BITS[propagation];
}
