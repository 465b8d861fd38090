/* Which system calls change something, how their arguments are laid out, and the filter that stops at them. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_setxattrat
#define SYS_setxattrat 463
#define SYS_removexattrat 466
#endif

#define ONE(d, p) .targets = {{d, p}}, .count = 1, .flags = -1
#define TWO(d, p, e, q) .targets = {{d, p}, {e, q}}, .count = 2, .flags = -1
#define FLAGS(d, p, f) .targets = {{d, p}}, .count = 1, .flags = f
#define NOWHERE .count = 0, .attach = true, .flags = -1
#define CALL(n, ...) {.nr = SYS_##n, .name = #n, __VA_ARGS__}

const struct call calls[] = {
#ifdef SYS_open
	CALL(rename, TWO(-1, 0, -1, 1), .space = true),
	CALL(mkdir, ONE(-1, 0), .space = true),
	CALL(mknod, ONE(-1, 0), .space = true),
	CALL(link, TWO(-1, 0, -1, 1), .space = true),
	CALL(symlink, ONE(-1, 1), .space = true),
	CALL(unlink, ONE(-1, 0)),
	CALL(rmdir, ONE(-1, 0)),
	CALL(open, FLAGS(-1, 0, 1), .space = true),
	CALL(creat, ONE(-1, 0), .space = true),
	CALL(chmod, ONE(-1, 0)),
	CALL(chown, ONE(-1, 0)),
	CALL(lchown, ONE(-1, 0)),
	CALL(utime, ONE(-1, 0)),
	CALL(utimes, ONE(-1, 0)),
	CALL(futimesat, ONE(0, 1)),
#endif
	CALL(renameat, TWO(0, 1, 2, 3), .space = true),
	CALL(renameat2, TWO(0, 1, 2, 3), .space = true),
	CALL(mkdirat, ONE(0, 1), .space = true),
	CALL(mknodat, ONE(0, 1), .space = true),
	CALL(linkat, TWO(0, 1, 2, 3), .space = true),
	CALL(symlinkat, ONE(1, 2), .space = true),
	CALL(unlinkat, ONE(0, 1)),
	CALL(openat, FLAGS(0, 1, 2), .space = true),
	CALL(openat2, FLAGS(0, 1, 2), .space = true),
	CALL(truncate, ONE(-1, 0)),
	CALL(ftruncate, ONE(0, -1)),
	CALL(fallocate, ONE(0, -1), .space = true),
	CALL(write, ONE(0, -1), .space = true),
	CALL(pwrite64, ONE(0, -1), .space = true),
	CALL(writev, ONE(0, -1), .space = true),
	CALL(pwritev, ONE(0, -1), .space = true),
	CALL(pwritev2, ONE(0, -1), .space = true),
	CALL(copy_file_range, ONE(2, -1), .space = true),
	CALL(sendfile, ONE(0, -1), .space = true),
	CALL(splice, ONE(2, -1), .space = true),
	CALL(ioctl, FLAGS(0, -1, 1), .space = true),
	CALL(fsync, ONE(0, -1)),
	CALL(fdatasync, ONE(0, -1)),
	CALL(syncfs, ONE(0, -1)),
	CALL(sync_file_range, ONE(0, -1)),
	CALL(setxattr, ONE(-1, 0), .space = true),
	CALL(lsetxattr, ONE(-1, 0), .space = true),
	CALL(fsetxattr, ONE(0, -1), .space = true),
	CALL(setxattrat, ONE(0, 1), .space = true),
	CALL(removexattr, ONE(-1, 0)),
	CALL(lremovexattr, ONE(-1, 0)),
	CALL(fremovexattr, ONE(0, -1)),
	CALL(removexattrat, ONE(0, 1)),
	CALL(fchmod, ONE(0, -1)),
	CALL(fchmodat, ONE(0, 1)),
	CALL(fchmodat2, ONE(0, 1)),
	CALL(fchown, ONE(0, -1)),
	CALL(fchownat, ONE(0, 1)),
	CALL(utimensat, ONE(0, 1)),
	/* A mount of an overlay makes directories in its work directory: it may need room. */
	CALL(mount, TWO(-1, 0, -1, 1), .space = true, .attach = true),
	CALL(umount2, ONE(-1, 0), .attach = true),
	CALL(fsopen, NOWHERE),
	CALL(fspick, ONE(0, 1), .attach = true),
	{.nr = SYS_fsconfig, .name = "fsconfig", .space = true, .attach = true, .flags = 1},
	CALL(fsmount, NOWHERE),
	CALL(move_mount, TWO(0, 1, 2, 3), .attach = true),
	CALL(mount_setattr, ONE(0, 1), .attach = true),
	{.nr = SYS_open_tree, .name = "open_tree", .targets = {{0, 1}}, .count = 1, .attach = true, .flags = 2},
};
const size_t call_count = sizeof(calls) / sizeof(*calls);

const struct call *call_find(uint64_t nr)
{
	for (size_t i = 0; i < call_count; i++)
		if ((uint64_t)calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

enum { CREATING = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) };
static const uint64_t open_bits[] = {O_CREAT, O_TRUNC, O_TMPFILE & ~O_DIRECTORY};
static const uint64_t ioctls[] = {
	FICLONE, FICLONERANGE, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, BTRFS_IOC_SUBVOL_CREATE, BTRFS_IOC_SUBVOL_CREATE_V2,
	BTRFS_IOC_SNAP_CREATE, BTRFS_IOC_SNAP_CREATE_V2, BTRFS_IOC_SNAP_DESTROY, BTRFS_IOC_SNAP_DESTROY_V2, BTRFS_IOC_SUBVOL_SETFLAGS,
};
static const uint64_t fsconfigs[] = {FSCONFIG_CMD_CREATE, FSCONFIG_CMD_RECONFIGURE};

/* One rule for each value of an argument; with masked, for each bit of it. */
static int trace_values(scmp_filter_ctx ctx, const struct call *call, const uint64_t *values, size_t count, bool masked)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		struct scmp_arg_cmp compare = masked ? SCMP_CMP((unsigned)call->flags, SCMP_CMP_MASKED_EQ, values[i], values[i])
						     : SCMP_CMP((unsigned)call->flags, SCMP_CMP_EQ, values[i]);

		r = seccomp_rule_add_exact(ctx, SCMP_ACT_TRACE(1), call->nr, 1, compare);
	}
	return r;
}

static int trace_call(scmp_filter_ctx ctx, const struct call *call)
{
	static const uint64_t clone_tree[] = {OPEN_TREE_CLONE};

	if (call->nr == SYS_ioctl)
		return trace_values(ctx, call, ioctls, sizeof(ioctls) / sizeof(*ioctls), false);
	if (call->nr == SYS_fsconfig)
		return trace_values(ctx, call, fsconfigs, 2, false);
	if (call->nr == SYS_open_tree)
		return trace_values(ctx, call, clone_tree, 1, true);
	if (call->flags >= 0 && call->nr != SYS_openat2)
		return trace_values(ctx, call, open_bits, 3, true);
	return seccomp_rule_add_exact(ctx, SCMP_ACT_TRACE(1), call->nr, 0);
}

int filter_install(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r = ctx ? 0 : -ENOMEM;

	/* Set-user-id programs stay what they are; this is for root. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	/* A binary tree instead of a list: most calls are none of ours and must not pay for seventy comparisons. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < call_count && r == 0; i++)
		r = trace_call(ctx, &calls[i]);
	/* What a ring does passes by every filter. */
	if (r == 0)
		r = seccomp_rule_add_exact(ctx, SCMP_ACT_ERRNO(ENOSYS), SYS_io_uring_setup, 0);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

bool call_needs_space(const struct call *call, const uint64_t args[6])
{
	/* Flags are bits that are there already; so is what a deletion changes. */
	static const uint64_t frugal[] = {FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR, BTRFS_IOC_SNAP_DESTROY, BTRFS_IOC_SNAP_DESTROY_V2, BTRFS_IOC_SUBVOL_SETFLAGS};

	for (size_t i = 0; call->nr == SYS_ioctl && i < sizeof(frugal) / sizeof(*frugal); i++)
		if (args[1] == frugal[i])
			return false;
	return call->space;
}

bool call_changes(const struct call *call, pid_t tid, const uint64_t args[6])
{
	struct open_how how = {0};
	struct iovec local = {&how, sizeof(how.flags)}, remote = {(void *)(uintptr_t)args[2], sizeof(how.flags)};

	if (call->nr != SYS_openat2)
		return true;
	return process_vm_readv(tid, &local, 1, &remote, 1, 0) == (ssize_t)sizeof(how.flags) && (how.flags & CREATING);
}
