#include "mount-host.h"

#include "cleanup.h"
#include "log.h"
#include "mount-api.h"
#include "mount-flags.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct order {
	const char *code, *source, *target, *origin;
	const enum mount_attr *attrs;
	size_t n_attrs;
	bool recursive;
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

/*
 * A clone is a peer of what it was cloned from: what the container mounts on it would appear on the host. Attaching it in another
 * namespace does not end that, and the stage has made its own mounts slaves by then. "shared" in an entry comes later, and is a
 * group of the container's own.
 */
static int set_attrs(int fd, const struct order *request, int userns_fd)
{
	uint64_t set = mount_attr_bits(request->attrs, request->n_attrs), clear = mount_attr_atime(request->attrs, request->n_attrs);
	int r = mnt_set(fd, request->recursive, set, clear, MNT_SLAVE);

	if (r < 0)
		return tell(request, r, "mount_setattr");
	r = userns_fd < 0 ? 0 : mnt_idmap(fd, request->recursive, userns_fd);
	return r < 0 ? tell_stage(request, r, "mount_setattr", "idmap of") : 0;
}

static int clone_tree(const struct order *request)
{
	int fd = mnt_clone_path(request->source, request->recursive);

	return fd < 0 ? tell(request, fd, "open_tree") : fd;
}

/* What the filesystem itself said is worth more than the errno. */
static int tell_context(const struct order *request, int fs, int r)
{
	char why[512];

	mnt_fs_message(fs, why, sizeof(why));
	if (*why)
		log_error("%s: %s", request->source, why);
	return tell(request, r, "fsconfig");
}

static int new_filesystem(const struct order *request, const struct mount *mount)
{
	cleanup_fd int fs = mnt_fs_open(mount->type);
	int r;

	if (fs < 0)
		return tell(request, fs, "fsopen");
	r = mnt_fs_set(fs, "source", mount->source);
	for (size_t i = 0; r == 0 && i < mount->n_attrs; i++)
		if (mount_attr_superblock_key(mount->attrs[i]))
			r = mnt_fs_set(fs, mount_attr_superblock_key(mount->attrs[i]), NULL);
	for (size_t i = 0; r == 0 && i < mount->n_options; i++)
		r = mnt_fs_set(fs, mount->options[i].key, mount->options[i].value);
	if (r == 0)
		r = mnt_fs_create(fs, 0);
	return r < 0 ? tell_context(request, fs, r) : r;
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
		.recursive = mount->bind == BIND_KIND_RBIND,
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
