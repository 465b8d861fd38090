/* /sys/fs/cgroup of the container, where the plan asks for it; usually the init in a cgroup namespace mounts its own. */
#include "stage.h"

#include "cleanup.h"
#include "fd.h"
#include "mount-api.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { MAX_CGROUP_FILE = 65536 };
static const char ROOT[] = "sys/fs/cgroup";

/* The monitor may have added a -N to the plan's name, so the kernel is asked; before a cgroup namespace hides the way. */
int stage_find_cgroups(struct stage *stage)
{
	int r;

	stage_doing(stage, "find the own cgroups");
	if (stage->plan.cgroup.mount == CGROUP_MOUNT_MODE_NONE)
		return 0;
	r = fd_read_file(AT_FDCWD, "/proc/self/cgroup", MAX_CGROUP_FILE, &stage->cgroups, NULL);
	return r < 0 ? stage_fail(stage, r, "cgroup", "read", "/proc/self/cgroup") : 0;
}

static bool names_controller(const char *list, size_t size, const char *controller)
{
	size_t length = strlen(controller);

	for (const char *at = list; at < list + size;) {
		size_t n = strcspn(at, ",:");
		if (n == length && strncmp(at, controller, n) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

/* "4:cpu,cpuacct:/path" or "0::/path": the path without its leading slash, owned by the caller; NULL when not there. */
static char *own_path(const char *cgroups, const struct cgroup_hierarchy *hierarchy)
{
	for (const char *line = cgroups; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		bool match;

		if (!path)
			continue;
		if (hierarchy->version == 2)
			match = path == list + 1;
		else
			match = hierarchy->n_controllers > 0 && names_controller(list + 1, (size_t)(path - list - 1), hierarchy->controllers[0]);
		path += 1 + strspn(path + 1, "/");
		if (match)
			return strndup(path, strcspn(path, "\n"));
	}
	return NULL;
}

/* In a cgroup namespace a new mount shows its root, which is our own cgroup. */
static int mount_in_namespace(const struct cgroup_hierarchy *hierarchy)
{
	cleanup_fd int fs = mnt_fs_open(hierarchy->version == 2 ? "cgroup2" : "cgroup");
	int r = fs < 0 ? fs : mnt_fs_set(fs, "source", hierarchy->version == 2 ? "cgroup2" : "cgroup");

	for (size_t i = 0; r >= 0 && hierarchy->version == 1 && i < hierarchy->n_controllers; i++) {
		const char *controller = hierarchy->controllers[i];
		if (strncmp(controller, "name=", 5) == 0)
			r = mnt_fs_set(fs, "name", controller + 5);
		else
			r = mnt_fs_set(fs, controller, NULL);
	}
	return r < 0 ? r : mnt_fs_create(fs, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
}

static int attach(int mount, int target, bool read_only)
{
	int r = mnt_set(mount, false, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | (read_only ? MNT_RDONLY : 0), 0, 0);

	return r < 0 ? r : mnt_attach(mount, target);
}

static int bind_host(const struct cgroup_hierarchy *hierarchy, const char *below, int target, bool read_only)
{
	cleanup_free char *path = NULL;
	cleanup_fd int mount = -1;

	if (asprintf(&path, "%s/%s", hierarchy->mount, below) < 0)
		return -ENOMEM;
	mount = mnt_clone_path(path, false);
	return mount < 0 ? mount : attach(mount, target, read_only);
}

/* Our own cgroup, on the path that it has on the host. */
static int bind_own(const struct stage *stage, const struct cgroup_hierarchy *hierarchy, const char *where)
{
	cleanup_free char *own = own_path(stage->cgroups, hierarchy);
	/* opened anew, so that it is what was just mounted there */
	cleanup_fd int top = path_open_in(stage->rootfs, where, O_PATH);
	cleanup_fd int target = -1;

	if (!own || top < 0)
		return own ? top : -ENOENT;
	target = path_make_in(top, own, PATH_DIR);
	return target < 0 ? target : bind_host(hierarchy, own, target, stage->plan.cgroup.mount == CGROUP_MOUNT_MODE_RO);
}

/* Without a cgroup namespace paths must be those of the host: either everything (own part writable) or only the own part. */
static int mount_on_host_paths(const struct stage *stage, const struct cgroup_hierarchy *hierarchy, const char *where, int target)
{
	enum cgroup_mount_mode mode = stage->plan.cgroup.mount;
	int r;

	if (!stage->plan.cgroup.mount_full && hierarchy->version == 1)
		return bind_own(stage, hierarchy, where);
	r = bind_host(hierarchy, "", target, mode != CGROUP_MOUNT_MODE_RW);
	return r < 0 || mode != CGROUP_MOUNT_MODE_MIXED ? r : bind_own(stage, hierarchy, where);
}

static int mount_one(struct stage *stage, const struct cgroup_hierarchy *hierarchy, const char *where)
{
	cleanup_fd int target = path_make_in(stage->rootfs, where, PATH_DIR);
	cleanup_fd int mount = -1;
	int r = target;

	if (r >= 0 && stage->cgroup_namespace) {
		r = mount = mount_in_namespace(hierarchy);
		if (r >= 0)
			r = attach(mount, target, stage->plan.cgroup.mount == CGROUP_MOUNT_MODE_RO);
	} else if (r >= 0) {
		r = mount_on_host_paths(stage, hierarchy, where, target);
	}
	return r < 0 ? stage_fail(stage, r, "cgroup", "mount", "%s on %s", hierarchy->mount, where) : 0;
}

static int mount_tmpfs(struct stage *stage)
{
	cleanup_fd int target = path_make_in(stage->rootfs, ROOT, PATH_DIR);
	cleanup_fd int fs = mnt_fs_open("tmpfs");
	int r = target < 0 ? target : fs, mount = -1;

	if (r >= 0)
		r = mnt_fs_set(fs, "source", "none");
	if (r >= 0)
		r = mnt_fs_set(fs, "size", "10240k");
	if (r >= 0)
		r = mnt_fs_set(fs, "mode", "755");
	if (r >= 0)
		r = mount = mnt_fs_create(fs, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
	if (r >= 0)
		r = mnt_attach(mount, target);
	return r < 0 ? stage_fail(stage, r, "cgroup", "mount", "tmpfs on %s", ROOT) : mount;
}

static const struct cgroup_hierarchy *find_unified(const struct cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->n_hierarchies; i++)
		if (cgroup->hierarchies[i].version == 2 && (cgroup->mount_unified || cgroup->n_hierarchies == 1))
			return &cgroup->hierarchies[i];
	return NULL;
}

int stage_cgroups(struct stage *stage)
{
	const struct cgroup *cgroup = &stage->plan.cgroup;
	const struct cgroup_hierarchy *unified = find_unified(cgroup);
	cleanup_fd int tmpfs = -1;
	int r;

	stage_doing(stage, "mount the cgroups");
	if (cgroup->mount == CGROUP_MOUNT_MODE_NONE)
		return 0;
	if (unified)
		return mount_one(stage, unified, ROOT);
	tmpfs = mount_tmpfs(stage);
	if (tmpfs < 0)
		return tmpfs;
	for (size_t i = 0; i < cgroup->n_hierarchies; i++) {
		const struct cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
		const char *name = strrchr(hierarchy->mount, '/');
		char where[300];

		snprintf(where, sizeof(where), "%s/%.255s", ROOT, name ? name + 1 : hierarchy->mount);
		r = mount_one(stage, hierarchy, where);
		if (r < 0)
			return r;
	}
	r = cgroup->mount == CGROUP_MOUNT_MODE_RW ? 0 : mnt_set(tmpfs, false, MNT_RDONLY, 0, 0);
	return r < 0 ? stage_fail(stage, r, "cgroup", "mount_setattr", "%s", ROOT) : 0;
}
