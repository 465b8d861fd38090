/* Whether some superblock, attached anywhere or not, has an upper. */
#include "storage.h"

#include "cleanup.h"
#include "mount-api.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * With index=on the kernel refuses an upper that is in use with EBUSY, and looks for that before it finds with EINVAL that the
 * work directory is on another mount: nothing is written and nothing mounted, whatever the answer.
 */
static int ask(const char *upper, struct storage_report *report)
{
	cleanup_fd int fs = mnt_fs_open("overlay");
	char updir[STORAGE_MAX_NAME + 4];
	int r = fs;

	snprintf(updir, sizeof(updir), "%s/up", upper);
	if (r >= 0)
		r = mnt_fs_set(fs, "index", "on");
	if (r == 0)
		r = mnt_fs_set(fs, "lowerdir", "/proc/sys");
	if (r == 0)
		r = mnt_fs_set(fs, "upperdir", updir);
	if (r == 0)
		r = mnt_fs_set(fs, "workdir", "/proc");
	if (r < 0)
		return storage_note(report, r, "fsconfig", "probe of %s", upper);
	r = mnt_fs_create(fs, 0);
	if (r == -EINVAL)
		return 0;
	if (r >= 0) { /* it must not happen; it is not attached anywhere and goes with its descriptor */
		close(r);
		r = -EEXIST;
	}
	return storage_note(report, r, "fsconfig", "%s %s", upper, r == -EBUSY ? "is in use by a mount" : "cannot be probed");
}

bool storage_is_destroyed(dev_t superblock)
{
#ifdef SYS_ustat /* not on the newer architectures */
	char unused[64]; /* struct ustat */

	return superblock != 0 && syscall(SYS_ustat, (unsigned int)superblock, unused) < 0 && errno == EINVAL;
#else
	(void)superblock;
	return false;
#endif
}

int storage_probe(const char *pool, const char *upper, struct storage_report *report)
{
	cleanup_fd int in = storage_open_pool(pool, report);
	int r;

	if (in < 0)
		return in;
	if (!storage_name_ok(upper))
		return storage_note(report, -EINVAL, NULL, "%s: no name of an upper", upper);
	if (fchdir(in) < 0)
		return storage_note(report, -errno, "fchdir", "%s", pool);
	r = ask(upper, report);
	if (chdir("/") < 0 && r == 0)
		r = storage_note(report, -errno, "chdir", "/");
	return r;
}
