/* Where the cgroups of a container are, and who is in them. */
#include "cgroup.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int path_join(char *ret, size_t size, const char *left, const char *right)
{
	size_t n = strlen(left);

	while (n > 0 && left[n - 1] == '/')
		n--;
	while (*right == '/')
		right++;
	if (snprintf(ret, size, "%.*s%s%s", (int)n, left, *right || n == 0 ? "/" : "", right) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

bool cgroup_has_controller(char *const *controllers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(controllers[i], name) == 0)
			return true;
	return false;
}

const struct cgroup_path *cgroups_find(const struct cgroups *cgroups, const char *controller)
{
	for (size_t i = 0; i < cgroups->n_paths; i++) {
		const struct cgroup_path *path = &cgroups->paths[i];
		if (!controller ? path->version == 2 : path->version == 1 && cgroup_has_controller(path->controllers, path->n_controllers, controller))
			return path;
	}
	return NULL;
}

int cgroup_absolute(const struct cgroup_hierarchy *hierarchy, const char *name, char ret[PATH_MAX], size_t *ret_base)
{
	char base[PATH_MAX];
	int r = path_join(base, sizeof(base), hierarchy->mount, hierarchy->base);

	if (r < 0)
		return r;
	*ret_base = strlen(base);
	return path_join(ret, PATH_MAX, base, name);
}

void cgroups_undo_made(struct cgroups *cgroups, size_t keep)
{
	while (cgroups->n_made > keep) {
		char *path = cgroups->made[--cgroups->n_made];
		if (rmdir(path) < 0 && errno != ENOENT)
			log_debug("%s: not removed: %s", path, strerror(errno));
		free(path);
	}
}

int cgroup_move(const char *path, pid_t pid)
{
	char file[PATH_MAX], text[24];
	int r = path_join(file, sizeof(file), path, "cgroup.procs");

	snprintf(text, sizeof(text), "%d", (int)pid);
	return r < 0 ? r : fd_write_file(AT_FDCWD, file, text);
}

int cgroup_move_thread(const char *path, pid_t tid)
{
	char file[PATH_MAX], text[24];
	int r = path_join(file, sizeof(file), path, "tasks");

	snprintf(text, sizeof(text), "%d", (int)tid);
	if (r == 0)
		r = fd_write_file(AT_FDCWD, file, text);
	return r == -ENOENT ? cgroup_move(path, tid) : r;
}

int cgroups_open_v2(const struct cgroups *cgroups)
{
	const struct cgroup_path *path = cgroups_find(cgroups, NULL);
	int fd = path ? open(path->init, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd >= 0 ? fd : path ? -errno : -ENOENT;
}

int cgroups_enter_v2(const struct cgroups *cgroups, pid_t pid, struct failure *failure)
{
	const struct cgroup_path *path = cgroups_find(cgroups, NULL);
	int r = path ? cgroup_move(path->init, pid) : 0;

	return r < 0 ? failure_note(failure, r, "cgroup", "write", path->init, "move init to its cgroup") : 0;
}

int cgroups_open_tasks(const struct cgroups *cgroups, int *ret_fds, size_t *ret_n, struct failure *failure)
{
	*ret_n = 0;
	for (size_t i = 0; i < cgroups->n_paths; i++) {
		const struct cgroup_path *path = &cgroups->paths[i];
		char file[PATH_MAX];
		int fd;

		if (path->version != 1)
			continue;
		fd = path_join(file, sizeof(file), path->init, "tasks") < 0 ? -1 : open(file, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			return failure_note(failure, -errno, "cgroup", "open", path->init, "move init to its cgroup");
		ret_fds[(*ret_n)++] = fd;
	}
	return 0;
}

void cgroups_clear(struct cgroups *cgroups)
{
	for (size_t i = 0; i < cgroups->n_paths; i++)
		cgroup_path_clear(&cgroups->paths[i]);
	free(cgroups->paths);
	for (size_t i = 0; i < cgroups->n_made; i++)
		free(cgroups->made[i]);
	free(cgroups->made);
	*cgroups = (struct cgroups){};
}
