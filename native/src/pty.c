#include "pty.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* UNIX98 slaves: majors 136-143 (Documentation/admin-guide/devices.txt). */
static int check_slave(int slave)
{
	struct statfs fs;
	struct stat st;

	if (fstat(slave, &st) < 0 || fstatfs(slave, &fs) < 0)
		return -errno;
	return S_ISCHR(st.st_mode) && (st.st_rdev >> 8) >= 136 && (st.st_rdev >> 8) <= 143 && fs.f_type == DEVPTS_SUPER_MAGIC ? 0 : -ENODEV;
}

int pty_open(int devpts, struct pty *ret)
{
	cleanup_fd int master = -1, slave = -1;
	struct statfs fs;
	int unlock = 0, r;

	/* Looked at first: to open what a container put there may block (FUSE) or do something (a device). */
	if (fstatfs(devpts, &fs) < 0)
		return -errno;
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return -ENODEV;
	master = openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NOFOLLOW);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &ret->number) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	r = check_slave(slave);
	if (r < 0)
		return r;
	ret->master = steal_fd(&master);
	ret->slave = steal_fd(&slave);
	return 0;
}
