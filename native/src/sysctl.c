/*
 * /proc entries, written through a procfs of our own: the container's may be masked read-only, and what lies at /proc in a
 * root file system may be anything (CVE-2015-1334, CVE-2025-52881).
 */
#include "stage.h"

#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static bool is_procfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Before pivot_root: a user namespace gets a procfs only while another, whole one is visible to it. */
int stage_open_proc(struct stage *stage)
{
	const struct security *security = &stage->plan.security;
	cleanup_fd int fs = -1;

	stage->proc = -1;
	stage_doing(stage, "open a procfs");
	if (stage->plan.n_sysctls == 0 && !security->apparmor_profile && !security->selinux_context)
		return 0;
	fs = mnt_fs_open("proc");
	stage->proc = fs < 0 ? fs : mnt_fs_create(fs, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
	if (stage->proc < 0)
		return stage_fail(stage, stage->proc, "mount", "fsmount", "a procfs for the stage");
	return 0;
}

/* sysctl(8): dots and slashes change places, so that net/ipv4/conf/eth0.5 can be named. */
static void key_to_path(const char *key, char *path, size_t size)
{
	size_t used = (size_t)snprintf(path, size, "sys/");

	for (; *key && used + 1 < size; key++)
		path[used++] = *key == '.' ? '/' : *key == '/' ? '.' : *key;
	path[used] = '\0';
}

int stage_sysctls(struct stage *stage)
{
	for (size_t i = 0; i < stage->plan.n_sysctls; i++) {
		const struct key_value *sysctl = &stage->plan.sysctls[i];
		char path[512];
		cleanup_fd int fd = -1;
		int r;

		stage_doing(stage, "set sysctl %s", sysctl->key);
		key_to_path(sysctl->key, path, sizeof(path));
		fd = path_open_in(stage->proc, path, O_WRONLY | O_NOCTTY);
		if (fd < 0)
			return stage_fail(stage, fd, "security", "openat2", "%s", path);
		if (!is_procfs(fd))
			return stage_fail(stage, -EINVAL, "security", "fstatfs", "%s is no procfs", path);
		r = fd_write_all(fd, sysctl->value, strlen(sysctl->value));
		if (r < 0)
			return stage_fail(stage, r, "security", "write", "%s = %s", sysctl->key, sysctl->value);
	}
	return 0;
}

static void random_uuid(char text[38])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		memset(b, 0, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(text, 38,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
		 b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static int bind_boot_id(int dev, int target)
{
	static const char NAME[] = ".boot_id";
	cleanup_fd int file = openat(dev, NAME, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	cleanup_fd int source = -1;
	char text[38];
	int r;

	if (file < 0)
		return -errno;
	random_uuid(text);
	r = fd_write_all(file, text, strlen(text));
	source = mnt_clone(file, false);
	if (r >= 0)
		r = source < 0 ? source : mnt_set(source, false, MNT_RDONLY | MNT_NOSUID | MNT_NOEXEC | MNT_NODEV, 0, 0);
	if (r >= 0)
		r = mnt_attach(source, target);
	unlinkat(dev, NAME, 0); /* not before: what has no name cannot be mounted */
	return r;
}

/* Each start is a boot of its own for journald. Only nice to have: without procfs or our own tmpfs on /dev it is left out. */
int stage_boot_id(struct stage *stage)
{
	cleanup_fd int dev = -1, target = -1;

	if (!stage->plan.rootfs.path || !stage->plan.dev.autodev)
		return 0;
	dev = path_open_in(stage->rootfs, "dev", O_RDONLY | O_DIRECTORY);
	target = path_open_in(stage->rootfs, "proc/sys/kernel/random/boot_id", O_PATH);
	if (dev >= 0 && target >= 0 && is_procfs(target))
		bind_boot_id(dev, target);
	return 0;
}
