/*
 * The storage program's work, shared with the monitor: layers in a pool, overlay views of them, and letting go of a view. Every
 * function returns 0 or -errno, and on failure has filled syscall, errno, detail (and busy) of the report; none logs.
 */
#pragma once
#include "protocol.gen.h"

#include <sys/types.h>

enum {
	/* of a layer or an upper: 500 lowers then fit into the page that mount(2) takes as options */
	STORAGE_MAX_NAME = 7,
	/* OVL_MAX_STACK of the kernel */
	STORAGE_MAX_LOWERS = 500,
};

/* What mounts of ours are called in /proc/mounts: views that the host uses; a running container's root is tlxc:NAME. Without an id map
 * both are one superblock, which keeps the name that it got first. */
#define STORAGE_VIEW_SOURCE "tlxc-view"
#define STORAGE_ROOT_PREFIX "tlxc:"
bool storage_is_ours(const char *source);

/* A stack of layers; names in the pool. */
struct stack {
	char *const *lowers; /* top first */
	size_t n_lowers;
	const char *upper; /* NULL: read-only */
	bool volatile_;
	bool memory; /* storage_memory_upper() put a tmpfs on its wk/; what the disk has of the upper is the top layer */
};

/* Fills the report unless it tells of a failure already, and returns r. */
int storage_note(struct storage_report *report, int r, const char *syscall, const char *detail, ...) __attribute__((format(printf, 4, 5)));
/* A name that cannot leave the pool and needs no quoting in the options of a mount. */
bool storage_name_ok(const char *name);
/* The pool as a descriptor (O_PATH); it is no symbolic link. */
int storage_open_pool(const char *pool, struct storage_report *report);
/* The directory in which path's last component is; *ret_name points into path. -EINVAL for what has none. */
int storage_open_parent(const char *path, const char **ret_name, struct storage_report *report);

/* The inode number of an upper directory. The root of an overlay has that of its upper, which tells mounts apart: the names in
 * their options are only good in their pool. */
int storage_upper_inode(int pool, const char *upper, uint64_t *ret, struct storage_report *report);

/* overlay.c: the options; a string to free in *ret. -EINVAL for names that are none, -E2BIG for more than the kernel takes. */
int overlay_options(const struct stack *stack, char **ret);

/* storage-upper.c */
int storage_make_upper(const char *pool, const char *name, char *const *lowers, size_t n_lowers, struct storage_report *report);
int storage_remake_workdir(const char *pool, const char *name, struct storage_report *report);
/* Makes up/ and wk/ in the directory dir; up/ looks like the directory below, which name is of. */
int storage_fill_upper(int dir, int below, const char *name, struct storage_report *report);

/* storage-memory.c: an upper in memory, for a stack that says so. mapped: the pool as the stack is going to be mounted from it, in a mount
 * namespace of our own. userns: what its ids go through, or negative. */
int storage_memory_upper(int mapped, const char *pool, const char *upper, int userns, struct storage_report *report);

/* storage-view.c: the unshifted view at path: *ret_outcome "mounted" or "already". Changes the working directory. */
int storage_mount_view(const char *path, const char *pool, const struct stack *stack, const char **ret_outcome, struct storage_report *report);

/* 0 when the mount with this id at path is the view of this stack, which has an upper. */
int storage_view_shows(const char *path, uint64_t id, const char *pool, const struct stack *stack, struct storage_report *report);

/* storage-unmount.c: *ret_outcome "nothing", "unmounted" or "detached-readonly". -EBUSY: somebody writes; the report names them.
 * With pool and upper it also makes sure that no other mount of the upper can be written through. */
int storage_unmount(const char *path, const char *pool, const char *upper, const char **ret_outcome, struct storage_report *report);

/* storage-probe.c: 0 when no superblock has the upper, -EBUSY when one has. Changes the working directory. */
int storage_probe(const char *pool, const char *upper, struct storage_report *report);
/* Whether the superblock that had this device number is no more: ustat(2) takes microseconds, a probe 1–2 ms. false: it lives, the number is
 * another's by now, or the kernel does not say. */
bool storage_is_destroyed(dev_t superblock);

/* storage-busy.c: puts who uses a file system (by its device number), or mapped files below where it is mounted, into report->busy. */
void storage_find_users(const char *path, unsigned int major, unsigned int minor, struct storage_report *report);
/* Puts one more into report->busy; what may be NULL. */
void storage_add_user(struct storage_report *report, pid_t pid, const char *what, const char *path);
/* The processes of this machine: calls back with each pid until it returns other than 0, which is what is returned. */
int storage_each_process(int (*each)(pid_t pid, void *arg), void *arg);

/* storage-holders.c: an upper is in use though its view is gone: what holds it is made read-only. -EBUSY, and report->busy, when that fails. */
int storage_disarm_holders(const char *pool, const char *upper, struct storage_report *report);

/* Device numbers of superblocks. */
struct devices {
	dev_t dev[1024];
	size_t n;
};

/* storage-detached.c: processes in an overlay that is mounted nowhere and may have the upper: its id is (from Linux 6.6 on), and its root has
 * the inode number, or, for files, it is none of others. Those who can write go into report->busy; how many cannot is returned. */
size_t storage_find_detached(int pool, const char *upper, uint64_t inode, const struct devices *others, struct storage_report *report);

/* storage-step.c: one step; *ret_outcome is a static word. */
int storage_step_run(const struct storage_step *step, const char **ret_outcome, struct storage_report *report);
