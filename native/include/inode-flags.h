/* Flags of inodes, as chattr(1) sets them (ioctl_iflags(2)). */
#pragma once
#include <stdbool.h>

enum {
	INODE_IMMUTABLE = 0x10,
	/* ext4: the directories in this one have nothing in common; each starts in a part of the disk of its own. */
	INODE_TOPDIR = 0x20000,
};

/* 0 or -errno; inode_has_no_flags() for those of a file system that does not have them. */
int inode_set_flag(int fd, int flag, bool on);
bool inode_has_no_flags(int r);
