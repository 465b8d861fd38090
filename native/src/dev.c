/* /dev of the container: a tmpfs with the nodes of the plan. */
#include "stage.h"

#include "cleanup.h"
#include "mount-api.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int stage_dev_tmpfs(struct stage *stage)
{
	cleanup_fd int fs = -1, mount = -1, target = -1;
	char size[32];
	int r;

	stage_doing(stage, "mount /dev");
	if (!stage->plan.dev.autodev)
		return 0;
	snprintf(size, sizeof(size), "%ju", (uintmax_t)stage->plan.dev.tmpfs_size);
	r = fs = mnt_fs_open("tmpfs");
	if (r >= 0)
		r = mnt_fs_set(fs, "source", "none");
	if (r >= 0)
		r = mnt_fs_set(fs, "size", size);
	if (r >= 0)
		r = mnt_fs_set(fs, "mode", "755");
	if (r >= 0)
		r = mount = mnt_fs_create(fs, 0);
	if (r < 0)
		return stage_fail(stage, r, "dev", "fsconfig", "tmpfs of %s bytes on dev", size);
	target = path_make_in(stage->rootfs, "dev", PATH_DIR);
	if (target < 0)
		return stage_fail(stage, target, "dev", "openat2", "dev in the root file system");
	r = mnt_attach(mount, target);
	return r < 0 ? stage_fail(stage, r, "dev", "move_mount", "tmpfs on dev") : 0;
}

/* The directory of a path below /dev, made when missing; *ret_name is the last component. */
static int open_parent(struct stage *stage, int dev, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	int fd = parent ? path_make_in(dev, parent, PATH_DIR) : path_open_in(dev, ".", O_PATH);

	*ret_name = slash ? slash + 1 : path;
	return fd < 0 ? stage_fail(stage, fd, "dev", "openat2", "directory of dev/%s", path) : fd;
}

static bool is_node(int fd, const struct dev_node *node)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev((unsigned int)node->major, (unsigned int)node->minor);
}

static int check_node(struct stage *stage, int parent, const char *name, const struct dev_node *node)
{
	cleanup_fd int fd = path_open_in(parent, name, O_PATH);

	if (fd < 0 || !is_node(fd, node))
		return stage_fail(stage, -EEXIST, "dev", NULL, "dev/%s is there and is not the device %ju:%ju", node->path, (uintmax_t)node->major,
				  (uintmax_t)node->minor);
	return 0;
}

/* A user namespace may not make nodes: the host's own is bound, after a look that it is that device (CVE-2025-52565). */
static int bind_node(struct stage *stage, int dev, const struct dev_node *node)
{
	cleanup_free char *host = NULL;
	cleanup_fd int source = -1, target = -1;
	int r;

	if (asprintf(&host, "/dev/%s", node->path) < 0)
		return stage_fail(stage, -ENOMEM, "internal", NULL, "%s", node->path);
	source = mnt_clone_path(host, false);
	if (source < 0)
		return stage_fail(stage, source, "dev", "open_tree", "%s", host);
	if (!is_node(source, node))
		return stage_fail(stage, -ENODEV, "dev", NULL, "%s of the host is not the device %ju:%ju", host, (uintmax_t)node->major,
				  (uintmax_t)node->minor);
	target = path_make_in(dev, node->path, PATH_FILE);
	if (target < 0)
		return stage_fail(stage, target, "dev", "openat2", "dev/%s", node->path);
	r = mnt_attach(source, target);
	return r < 0 ? stage_fail(stage, r, "dev", "move_mount", "%s on dev/%s", host, node->path) : 0;
}

static int make_node(struct stage *stage, int dev, const struct dev_node *node)
{
	const char *name;
	cleanup_fd int parent = open_parent(stage, dev, node->path, &name);
	int r;

	if (parent < 0)
		return parent;
	if (stage->user_namespace)
		return bind_node(stage, dev, node);
	r = mknodat(parent, name, S_IFCHR | (mode_t)node->mode, makedev((unsigned int)node->major, (unsigned int)node->minor));
	if (r == 0)
		return 0;
	if (errno == EEXIST)
		return check_node(stage, parent, name, node);
	return errno == EPERM ? bind_node(stage, dev, node) : stage_fail(stage, -errno, "dev", "mknod", "dev/%s", node->path);
}

int stage_dev_nodes(struct stage *stage)
{
	cleanup_fd int dev = -1;
	int r = 0;

	stage_doing(stage, "fill /dev");
	if (!stage->plan.dev.autodev || stage->plan.dev.n_nodes == 0)
		return 0;
	dev = path_open_in(stage->rootfs, "dev", O_PATH | O_DIRECTORY);
	if (dev < 0)
		return stage_fail(stage, dev, "dev", "openat2", "dev");
	for (size_t i = 0; r == 0 && i < stage->plan.dev.n_nodes; i++)
		r = make_node(stage, dev, &stage->plan.dev.nodes[i]);
	return r;
}

int stage_dev_links(struct stage *stage)
{
	cleanup_fd int dev = -1;

	stage_doing(stage, "link in /dev");
	if (stage->plan.dev.n_links == 0)
		return 0;
	dev = path_open_in(stage->rootfs, "dev", O_PATH | O_DIRECTORY);
	if (dev < 0)
		return stage_fail(stage, dev, "dev", "openat2", "dev");
	for (size_t i = 0; i < stage->plan.dev.n_links; i++) {
		const struct dev_link *link = &stage->plan.dev.links[i];
		const char *name;
		cleanup_fd int parent = open_parent(stage, dev, link->path, &name);
		if (parent < 0)
			return parent;
		if (symlinkat(link->target, parent, name) < 0 && errno != EEXIST)
			return stage_fail(stage, -errno, "dev", "symlink", "dev/%s -> %s", link->path, link->target);
	}
	return 0;
}
