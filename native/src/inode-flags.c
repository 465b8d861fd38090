#include "inode-flags.h"

#include <errno.h>
#include <sys/ioctl.h>

/* <linux/fs.h> has these, and <linux/mount.h> with names of protocol.gen.h. */
#define IOC_GETFLAGS _IOR('f', 1, long)
#define IOC_SETFLAGS _IOW('f', 2, long)

bool inode_has_no_flags(int r)
{
	return r == -ENOTTY || r == -EOPNOTSUPP || r == -ENOSYS;
}

int inode_set_flag(int fd, int flag, bool on)
{
	int flags, wanted;

	if (ioctl(fd, IOC_GETFLAGS, &flags) < 0)
		return -errno;
	wanted = on ? flags | flag : flags & ~flag;
	return wanted != flags && ioctl(fd, IOC_SETFLAGS, &wanted) < 0 ? -errno : 0;
}
