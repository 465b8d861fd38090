/* <linux/mount.h> defines names (struct mount_attr, MOUNT_ATTR_RDONLY) that protocol.gen.h has too: what is needed is here. */
#include "mount-host.h"

#include "cleanup.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	K_OPEN_TREE_CLONE = 1, K_AT_RECURSIVE = 0x8000,
	K_FSCONFIG_SET_FLAG = 0, K_FSCONFIG_SET_STRING = 1, K_FSCONFIG_CMD_CREATE = 6,
	K_RDONLY = 0x1, K_NOSUID = 0x2, K_NODEV = 0x4, K_NOEXEC = 0x8, K_ATIME_MASK = 0x70, K_NOATIME = 0x10, K_STRICTATIME = 0x20,
	K_MS_REC = 0x4000, K_MS_SLAVE = 0x80000, K_NODIRATIME = 0x80, K_IDMAP = 0x100000, K_NOSYMFOLLOW = 0x200000,
};

struct kernel_mount_attr {
	uint64_t set, clear, propagation, userns_fd;
};

static const struct {
	uint64_t set, clear;
	const char *flag; /* of the superblock, for fsconfig */
} attr_table[_MOUNT_ATTR_MAX] = {
	[MOUNT_ATTR_RDONLY] = {.set = K_RDONLY},
	[MOUNT_ATTR_NOSUID] = {.set = K_NOSUID},
	[MOUNT_ATTR_NODEV] = {.set = K_NODEV},
	[MOUNT_ATTR_NOEXEC] = {.set = K_NOEXEC},
	[MOUNT_ATTR_NOATIME] = {.set = K_NOATIME, .clear = K_ATIME_MASK},
	[MOUNT_ATTR_STRICTATIME] = {.set = K_STRICTATIME, .clear = K_ATIME_MASK},
	[MOUNT_ATTR_RELATIME] = {.clear = K_ATIME_MASK},
	[MOUNT_ATTR_NODIRATIME] = {.set = K_NODIRATIME},
	[MOUNT_ATTR_NOSYMFOLLOW] = {.set = K_NOSYMFOLLOW},
	[MOUNT_ATTR_SB_RDONLY] = {.flag = "ro"},
	[MOUNT_ATTR_SYNC] = {.flag = "sync"},
	[MOUNT_ATTR_DIRSYNC] = {.flag = "dirsync"},
	[MOUNT_ATTR_LAZYTIME] = {.flag = "lazytime"},
	[MOUNT_ATTR_MAND] = {.flag = "mand"},
};

struct order {
	const char *code, *source, *target, *origin;
	const enum mount_attr *attrs;
	size_t n_attrs;
	bool recursive, optional;
	struct failure *failure;
};

static int tell_stage(const struct order *request, int r, const char *syscall, const char *what)
{
	char detail[1024];

	snprintf(detail, sizeof(detail), "%s on %s%s%s%s", request->source, request->target, request->origin ? " (" : "",
		 request->origin ? request->origin : "", request->origin ? ")" : "");
	return failure_note(request->failure, r, request->code, syscall, detail, "%s %s", what, request->target);
}

static int tell(const struct order *request, int r, const char *syscall)
{
	return tell_stage(request, r, syscall, "mount");
}

static int set_attrs(int fd, const struct order *request, int userns_fd)
{
	/*
	 * A clone is a peer of what it was cloned from: what the container mounts on it would appear on the host. Attaching it in another
	 * namespace does not end that, and the stage has made its own mounts slaves by then. "shared" in an entry comes later, and is a
	 * group of the container's own.
	 */
	struct kernel_mount_attr attr = {.propagation = K_MS_SLAVE};

	for (size_t i = 0; i < request->n_attrs; i++) {
		attr.set |= attr_table[request->attrs[i]].set;
		attr.clear |= attr_table[request->attrs[i]].clear;
	}
	if (userns_fd >= 0) {
		attr.set |= K_IDMAP;
		attr.userns_fd = (uint64_t)userns_fd;
	}
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | (request->recursive ? K_AT_RECURSIVE : 0), &attr, sizeof(attr)) < 0)
		return tell_stage(request, -errno, "mount_setattr", userns_fd >= 0 ? "idmap of" : "mount");
	return 0;
}

static int clone_tree(const struct order *request)
{
	unsigned int flags = K_OPEN_TREE_CLONE | O_CLOEXEC | (request->recursive ? K_AT_RECURSIVE : 0);
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, request->source, flags);

	return fd < 0 ? tell(request, -errno, "open_tree") : fd;
}

/* What the filesystem itself said is worth more than the errno: the messages of a filesystem context, fsopen(2). */
static int tell_context(const struct order *request, int context, int r, const char *syscall)
{
	char line[512];
	ssize_t n = read(context, line, sizeof(line) - 1);

	if (n > 2) {
		line[n] = '\0';
		log_error("%s: %s", request->source, line + 2);
	}
	return tell(request, r, syscall);
}

static int set_flag(int context, const char *key, const char *value)
{
	int command = value ? K_FSCONFIG_SET_STRING : K_FSCONFIG_SET_FLAG;

	return syscall(SYS_fsconfig, context, command, key, value, 0) < 0 ? -errno : 0;
}

static int new_filesystem(const struct order *request, const struct mount *mount)
{
	cleanup_fd int context = (int)syscall(SYS_fsopen, mount->type, 1 /* FSOPEN_CLOEXEC */);
	int fd, r = 0;

	if (context < 0)
		return tell(request, -errno, "fsopen");
	r = set_flag(context, "source", mount->source);
	for (size_t i = 0; r == 0 && i < mount->n_attrs; i++)
		if (attr_table[mount->attrs[i]].flag)
			r = set_flag(context, attr_table[mount->attrs[i]].flag, NULL);
	for (size_t i = 0; r == 0 && i < mount->n_options; i++)
		r = set_flag(context, mount->options[i].key, mount->options[i].value);
	if (r < 0)
		return tell_context(request, context, r, "fsconfig");
	if (syscall(SYS_fsconfig, context, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return tell_context(request, context, -errno, "fsconfig");
	fd = (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0);
	return fd < 0 ? tell_context(request, context, -errno, "fsmount") : fd;
}

static int open_userns(const struct order *request, const char *idmap, int userns_fd)
{
	int fd;

	if (strcmp(idmap, "container") == 0)
		fd = userns_fd < 0 ? -1 : fcntl(userns_fd, F_DUPFD_CLOEXEC, 0);
	else
		fd = open(idmap, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tell(request, userns_fd < 0 && strcmp(idmap, "container") == 0 ? -EINVAL : -errno, "open user namespace");
	return fd;
}

static int finish(const struct order *request, int tree, const char *idmap, int userns_fd)
{
	cleanup_fd int fd = tree, userns = -1;
	int r;

	if (idmap) {
		userns = open_userns(request, idmap, userns_fd);
		if (userns < 0)
			return userns;
	}
	r = set_attrs(fd, request, userns);
	return r < 0 ? r : steal_fd(&fd);
}

int mount_host_rootfs(const struct plan *plan, int userns_fd, struct failure *failure)
{
	const struct rootfs *rootfs = &plan->rootfs;
	struct order request = {
		.code = "rootfs", .source = rootfs->path, .target = rootfs->mount_point, .origin = "lxc.rootfs.path",
		.attrs = rootfs->attrs, .n_attrs = rootfs->n_attrs, .failure = failure,
	};
	const char *idmap = rootfs->idmap_path ? rootfs->idmap_path : rootfs->idmap ? "container" : NULL;
	int tree;

	/* Mounts below the rootfs come along, as with LXC's rbind; only an idmap cannot be recursive over everything. */
	request.recursive = !idmap;
	tree = clone_tree(&request);
	return tree < 0 ? tree : finish(&request, tree, idmap, userns_fd);
}

int mount_host_rootfs_attrs(const struct plan *plan, int tree, struct failure *failure)
{
	const struct rootfs *rootfs = &plan->rootfs;
	const struct order request = {
		.code = "rootfs", .source = rootfs->path, .target = rootfs->mount_point, .origin = "lxc.rootfs.options",
		.attrs = rootfs->attrs, .n_attrs = rootfs->n_attrs, .failure = failure,
	};

	return set_attrs(tree, &request, -1);
}

static int make_entry(const struct mount *mount, int userns_fd, struct failure *failure)
{
	struct order request = {
		.code = "mount", .source = mount->source, .target = mount->target, .origin = mount->origin,
		.attrs = mount->attrs, .n_attrs = mount->n_attrs, .failure = failure,
		.recursive = mount->bind == BIND_KIND_RBIND, .optional = mount->optional,
	};
	int tree = mount->bind == BIND_KIND_NONE ? new_filesystem(&request, mount) : clone_tree(&request);

	return tree < 0 ? tree : finish(&request, tree, mount->idmap, userns_fd);
}

int mount_host_entry(const struct mount *mount, int userns_fd, struct failure *failure)
{
	struct failure local = {};
	int fd = make_entry(mount, userns_fd, &local);

	if (fd >= 0)
		return fd;
	if (!mount->optional) {
		if (!failure->code)
			*failure = local;
		return fd;
	}
	log_warn("optional mount left out: %s: %s", local.detail, strerror(-fd));
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int mount_host_unshare(void)
{
	if (unshare(CLONE_NEWNS) < 0 || syscall(SYS_mount, NULL, "/", NULL, K_MS_REC | K_MS_SLAVE, NULL) < 0)
		return -errno;
	return 0;
}
