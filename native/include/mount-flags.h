/* From the words of the plan to the bits of the kernel. Pure. */
#pragma once
#include "protocol.gen.h"

/* MNT_* bits of attrs; superblock flags are left out. */
uint64_t mount_attr_bits(const enum mount_attr *attrs, size_t n);
/* What must be cleared before these can be set: all of the access time mode, if attrs names one (mount_setattr(2)). */
uint64_t mount_attr_atime(const enum mount_attr *attrs, size_t n);
/* What must be cleared so that former flags do not count (mount -o remount). */
uint64_t mount_attr_clear(const enum mount_attr *attrs, size_t n);
/* The key for fsconfig(2), or NULL for a flag of the mount. */
const char *mount_attr_superblock_key(enum mount_attr attr);
/* MNT_PRIVATE and the like; *ret_recursive for the r-forms. */
uint64_t mount_propagation_bits(enum propagation propagation, bool *ret_recursive);
