/* One cgroup: made, handed its controllers, given to the container. */
#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_CGROUP_FILE = 1 << 20 };

/* A new cpuset of v1 has no cpus and no memory nodes, and takes no process before it has (unless cgroup.clone_children of
 * the parent is on): cpusets(7). */
static int inherit_cpuset(const char *path)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *own = NULL, *parent = NULL;
		char file[PATH_MAX], above[PATH_MAX];
		int r;

		if (path_join(file, sizeof(file), path, files[i]) < 0 || snprintf(above, sizeof(above), "%s/../%s", path, files[i]) >= PATH_MAX)
			return -ENAMETOOLONG;
		r = fd_read_file(AT_FDCWD, file, MAX_CGROUP_FILE, &own, NULL);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (*own && *own != '\n')
			continue;
		r = fd_read_file(AT_FDCWD, above, MAX_CGROUP_FILE, &parent, NULL);
		if (r == 0)
			r = fd_write_file(AT_FDCWD, file, parent);
		if (r < 0)
			return r;
	}
	return 0;
}

static int note_made(struct cgroups *cgroups, const char *path)
{
	char **more = reallocarray(cgroups->made, cgroups->n_made + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	cgroups->made = more;
	more[cgroups->n_made] = strdup(path);
	if (!more[cgroups->n_made])
		return -ENOMEM;
	cgroups->n_made++;
	return 0;
}

int cgroup_make_dir(struct cgroups *cgroups, const struct cgroup_hierarchy *hierarchy, const char *path)
{
	int r;

	if (mkdir(path, 0755) < 0)
		return -errno;
	r = note_made(cgroups, path);
	if (r == 0 && hierarchy->version == 1 && cgroup_has_controller(hierarchy->controllers, hierarchy->n_controllers, "cpuset"))
		r = inherit_cpuset(path);
	return r;
}

/* v2: children see a controller only when every level above hands it on; one write each, since one that is refused
 * ("no internal processes", threaded domains) must not keep the others back. What a limit then lacks is told there. */
void cgroup_enable_controllers(const struct cgroup_hierarchy *hierarchy, const char *path)
{
	char file[PATH_MAX], word[64];

	if (hierarchy->version != 2 || path_join(file, sizeof(file), path, "cgroup.subtree_control") < 0)
		return;
	for (size_t i = 0; i < hierarchy->n_controllers; i++) {
		int r;
		snprintf(word, sizeof(word), "+%s", hierarchy->controllers[i]);
		r = fd_write_file(AT_FDCWD, file, word);
		if (r < 0)
			log_info("%s: cannot enable controller %s: %s", path, hierarchy->controllers[i], strerror(-r));
	}
}

/* /sys/kernel/cgroup/delegate lists what may be given away; before 4.15 it is these. */
void cgroup_delegate(const char *path, uid_t uid, gid_t gid)
{
	static const char fallback[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\nmemory.oom.group\n";
	cleanup_free char *text = NULL;
	cleanup_fd int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *save = NULL;

	if (dir < 0 || fchownat(dir, "", uid, gid, AT_EMPTY_PATH) < 0)
		log_warn("%s: cannot give it to the container: %s", path, strerror(errno));
	if (fd_read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, &text, NULL) < 0)
		text = strdup(fallback);
	for (char *file = text ? strtok_r(text, "\n", &save) : NULL; file; file = strtok_r(NULL, "\n", &save))
		if (fchownat(dir, file, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			log_warn("%s/%s: cannot give it to the container: %s", path, file, strerror(errno));
	/* v1 knows this one beside cgroup.procs */
	if (fchownat(dir, "tasks", uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		log_warn("%s/tasks: %s", path, strerror(errno));
}
