#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { MAX_STATE = 1 << 20 };

/* A frozen v1 task does not die; a v2 one does, but thawing it harms nobody. */
static void thaw(const struct cgroup_path *path)
{
	char file[PATH_MAX];

	if (path_join(file, sizeof(file), path->payload, path->version == 2 ? "cgroup.freeze" : "freezer.state") == 0)
		(void)fd_write_file(AT_FDCWD, file, path->version == 2 ? "0" : "THAWED");
}

/* When somebody writes there it stays: whoever needs the layers next is told who it is. */
static void unmount_view(const char *view)
{
	struct storage_report report = {};
	const char *outcome;

	(void)storage_unmount(view, NULL, NULL, &outcome, &report);
	storage_report_clear(&report);
}

static int clean(const struct status *status, const char *run_dir)
{
	int result;

	for (size_t i = 0; i < status->n_cgroups; i++)
		if (*status->cgroups[i].payload)
			thaw(&status->cgroups[i]);
	result = cgroups_remove_payload(status->cgroups, status->n_cgroups);
	for (size_t i = 0; i < status->n_cgroups; i++)
		if (*status->cgroups[i].monitor)
			cgroup_leave_leaf(status->cgroups[i].monitor, status->cgroups[i].version);
	for (size_t i = 0; i < status->n_host_interfaces; i++) {
		/* not one of another container that has taken the name since */
		int r = net_is_ours(run_dir, status->host_interfaces[i]) ? net_delete(status->host_interfaces[i]) : -ENODEV;
		if (r < 0 && r != -ENODEV)
			result = r;
	}
	if (status->view)
		unmount_view(status->view);
	return result;
}

int cleanup_run_dir(const char *run_dir)
{
	struct monitor m = {.run_dir = (char *)run_dir, .lock_fd = -1};
	cleanup_free char *text = NULL;
	cleanup_json json_t *json = NULL;
	struct proto_error err = {};
	struct status status = {};
	char file[PATH_MAX];
	size_t size;
	int r = monitor_lock(&m);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (path_join(file, sizeof(file), run_dir, "state.json") == 0 && fd_read_file(AT_FDCWD, file, MAX_STATE, &text, &size) == 0)
		json = json_loadb(text, size, 0, NULL);
	if (json && status_decode(json, &status, &err) == 0) {
		r = clean(&status, run_dir);
		status_clear(&status);
	}
	if (r == 0)
		monitor_remove_run_dir(&m);
	cleanup_close_fd(&m.lock_fd);
	return r;
}
