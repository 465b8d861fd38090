#include "confine.h"

#include "caps.h"
#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* <sys/mount.h> does not go with mount-api.h. */
int umount2(const char *target, int flags);
enum { DETACH = 2 }; /* MNT_DETACH */

#define CAP(name) (UINT64_C(1) << (name))
/* CAP_SYS_ADMIN: trusted.* attributes, by which overlayfs marks its directories. */
#define KEPT \
	(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_DAC_READ_SEARCH) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) | CAP(CAP_MKNOD) | \
	 CAP(CAP_SETFCAP) | CAP(CAP_SYS_ADMIN))

static int failed(int r, const char **ret_what, const char *what)
{
	if (r < 0)
		*ret_what = what;
	return r < 0 ? r : 0;
}

/*
 * The new namespace has a copy of every mount of the machine, the views of stopped containers among them. A copy keeps the superblock of
 * an overlay alive although it was unmounted, and its upper could then be mounted a second time; so they go at once. (What the root file
 * system is, or a directory above path, is no view.)
 */
static int let_go_of_overlays(const char *path, const char **ret_what)
{
	cleanup_free char *text = NULL;
	struct mount_line line;
	char *at;
	int r = fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTINFO, &text, NULL);

	if (r < 0)
		return failed(r, ret_what, "read the mounts");
	for (at = text; mount_line_next(&at, &line);) {
		size_t n = strlen(line.point);
		bool above = strcmp(line.point, "/") == 0 || (strncmp(path, line.point, n) == 0 && (path[n] == '/' || path[n] == '\0'));

		/* One below another went with it: EINVAL, ENOENT. */
		if (strcmp(line.type, "overlay") == 0 && !above && umount2(line.point, DETACH) < 0 && errno != EINVAL && errno != ENOENT)
			return failed(-errno, ret_what, "umount2");
	}
	return 0;
}

static int own_namespaces(int *ret_root, const char **ret_what)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
		return failed(-errno, ret_what, "unshare");
	*ret_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_root < 0)
		return failed(-errno, ret_what, "open the root");
	return failed(mnt_set(*ret_root, true, 0, 0, MNT_PRIVATE), ret_what, "make the mounts private");
}

/* dir was opened in this mount namespace: open_tree(2) takes nothing of another. */
static int close_all_but(int root, int dir, bool links, const char **ret_what)
{
	/* Before everything is read-only: a clone has the flags of where it comes from. */
	cleanup_fd int place = mnt_clone(dir, false);
	int r = failed(place, ret_what, "open_tree");

	if (r == 0)
		r = failed(mnt_set(place, false, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | (links ? 0 : MNT_NOSYMFOLLOW), 0, 0), ret_what, "mount_setattr");
	if (r == 0)
		r = failed(mnt_set(root, true, MNT_RDONLY, 0, 0), ret_what, "make the mounts read-only");
	if (r == 0)
		r = failed(mnt_attach(place, dir), ret_what, "move_mount");
	/* By the mount's own descriptor: dir still names what lies beneath it. */
	return r == 0 && fchdir(place) < 0 ? failed(-errno, ret_what, "fchdir") : r;
}

int confine_to(const char *path, bool links, const char **ret_what)
{
	cleanup_fd int root = -1, dir = -1;
	int r = own_namespaces(&root, ret_what);

	if (r == 0)
		r = let_go_of_overlays(path, ret_what);
	if (r < 0)
		return r;
	dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return failed(-errno, ret_what, "open the directory");
	r = close_all_but(root, dir, links, ret_what);
	if (r == 0)
		r = failed(caps_limit(KEPT), ret_what, "drop capabilities");
	if (r == 0)
		r = failed(caps_give_up(KEPT), ret_what, "drop capabilities");
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = failed(-errno, ret_what, "prctl");
	return r;
}
