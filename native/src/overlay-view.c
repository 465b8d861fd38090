/*
 * The host's view of a container's files, when the container starts and when it has stopped. One upper has one superblock at a time.
 * With an id map the view of the stopped container is another one than the container's root, so they take turns. Without one both are
 * the same: the superblock of the view becomes the container's root, and stays. Nothing needs to be unmounted then, which would write
 * all that is dirty in the file system below (ovl_sync_fs in the kernel's fs/overlayfs/super.c).
 */
#include "mount-overlay.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "mount-api.h"
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* The mount at the view's place, if any; *ret_parent is where to look for *ret_name. */
static int look_at_view(const char *view, int *ret_parent, const char **ret_name, uint64_t *ret_id)
{
	struct storage_report report = {};
	struct statx st;
	int r = *ret_parent = storage_open_parent(view, ret_name, &report);

	storage_report_clear(&report);
	*ret_id = 0;
	if (r < 0)
		return r;
	if (statx(*ret_parent, *ret_name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &st) < 0)
		return -errno;
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		*ret_id = st.stx_mnt_id;
	return 0;
}

int overlay_attach_view(struct monitor *m, int tree)
{
	const char *view = m->plan->rootfs.overlay->view, *name;
	cleanup_fd int parent = -1, target = -1;
	struct statx st = {};
	uint64_t id;
	int r = look_at_view(view, &parent, &name, &id);

	if (r == 0) {
		target = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = target < 0 ? -errno : 0;
	}
	if (r == 0)
		r = mnt_set(tree, false, MNT_NOSUID | MNT_NODEV, 0, 0);
	if (r == 0)
		r = mnt_attach(tree, target);
	/* attached, it took on the propagation of where it is */
	if (r == 0)
		r = mnt_set(tree, false, 0, 0, MNT_PRIVATE);
	if (r < 0)
		return failure_note(&m->failure, r, "rootfs", "move_mount", view, "show the root file system on the host");
	if (statx(tree, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) == 0) {
		m->view_id = st.stx_mnt_id;
		m->view_dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	}
	m->view = strdup(view);
	return 0;
}

/* Without an id map the container's root can be the superblock of the view. Not a volatile one: the view writes safely. */
static bool is_shared(const struct monitor *m)
{
	const struct overlay *overlay = m->plan->rootfs.overlay;

	return m->plan->n_idmap == 0 && !overlay->volatile_ && !overlay->memory;
}

/* Whether the mount there is the view of this stack, and no other's. */
static bool shows_stack(const struct overlay *overlay, uint64_t id)
{
	struct stack stack = overlay_stack(overlay);
	struct storage_report report = {};
	bool shows = storage_view_shows(overlay->view, id, overlay->pool, &stack, &report) == 0;

	storage_report_clear(&report);
	return shows;
}

/* Whether the mount there is what we attached: the kernel gives the number of a mount that is gone to the next one. */
static bool is_own(const struct monitor *m, uint64_t id)
{
	const struct overlay *overlay = m->plan->rootfs.overlay;

	/* the options of an upper in memory are those of another mount namespace */
	return m->view && id == m->view_id && (overlay->memory || shows_stack(overlay, id));
}

/* A privileged container that shuts down remounts its root read-only, and with it the superblock. */
static int make_writable(int parent, const char *name)
{
	return mnt_fs_switch(mnt_fs_pick_at(parent, name), "rw");
}

int overlay_take_from_view(struct monitor *m)
{
	cleanup_fd int parent = -1, tree = -1;
	const char *name;
	uint64_t id;
	int r = look_at_view(m->view, &parent, &name, &id);

	if (r == 0 && !is_own(m, id))
		r = -ESTALE;
	if (r == 0)
		r = make_writable(parent, name);
	if (r < 0)
		return failure_note(&m->failure, r, "rootfs", "open", m->view, "take the root file system from its view");
	tree = mnt_clone_at(parent, name);
	r = tree < 0 ? tree : mnt_set(tree, false, 0, MNT_NOSUID | MNT_NODEV, MNT_PRIVATE);
	if (r < 0)
		return failure_note(&m->failure, r, "rootfs", "open_tree", m->view, "take the root file system from its view");
	return steal_fd(&tree);
}

static int tell_busy(struct monitor *m, int r, const struct storage_report *report)
{
	char detail[1024];
	int n = snprintf(detail, sizeof(detail), "%s", report->detail ? report->detail : m->plan->rootfs.overlay->view);

	for (size_t i = 0; i < report->n_busy && i < 5 && n >= 0 && (size_t)n < sizeof(detail); i++)
		n += snprintf(detail + n, sizeof(detail) - (size_t)n, "%s process %llu (%s: %s)", i ? "," : " is in use by",
			      (unsigned long long)report->busy[i].pid, report->busy[i].comm, report->busy[i].what);
	return failure_note(&m->failure, r, "rootfs", report->syscall, detail, "take the view of the files away");
}

/* With the host's view still there, its superblock has the upper; a second one would destroy data. */
int overlay_take_view_away(struct monitor *m)
{
	const struct overlay *overlay = m->plan->rootfs.overlay;
	cleanup_fd int parent = -1, before = -1;
	struct storage_report report = {};
	const char *name, *outcome;
	uint64_t id;
	int r;

	if (!overlay || !overlay->view)
		return 0;
	r = look_at_view(overlay->view, &parent, &name, &id);
	if (r < 0)
		return failure_note(&m->failure, r, "rootfs", "open", overlay->view, "mount the layers");
	if (is_own(m, id)) /* after a reboot, and it stays */
		return 0;
	free(steal_ptr(&m->view));
	m->view_dev = 0;
	if (id && is_shared(m) && shows_stack(overlay, id)) {
		m->view_id = id;
		m->view = strdup(overlay->view);
		return m->view ? 0 : -ENOMEM;
	}
	before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC); /* the probe changes the working directory */
	r = storage_unmount(overlay->view, overlay->pool, overlay->upper, &outcome, &report);
	if (r < 0)
		tell_busy(m, r, &report);
	storage_report_clear(&report);
	if (before >= 0 && fchdir(before) < 0)
		log_debug("cannot return to the working directory: %s", strerror(errno));
	return r;
}

static void warn(const char *what, const char *view, int r, const struct storage_report *report)
{
	log_warn("cannot %s %s: %s%s%s", what, view, report->detail ? report->detail : "", report->detail ? ": " : "", strerror(-r));
	for (size_t i = 0; i < report->n_busy; i++)
		log_warn("%s is used by process %llu (%s): %s", view, (unsigned long long)report->busy[i].pid, report->busy[i].comm, report->busy[i].what);
}

/* In a child, as it changes the working directory. */
static void change_view(const struct overlay *overlay, dev_t superblock)
{
	struct stack stack = overlay_stack(overlay);
	struct storage_report report = {};
	const char *outcome;
	bool anew = !overlay->volatile_; /* that one is deleted now */
	int r;

	stack.memory = false; /* that went with the root */
	r = storage_unmount(overlay->view, NULL, NULL, &outcome, &report);
	/* A copy of the view in another mount namespace has the upper yet. When somebody writes there the next command says who. */
	if (r == 0 && anew && !storage_is_destroyed(superblock))
		r = storage_unmount(overlay->view, overlay->pool, overlay->upper, &outcome, &report);
	if (r < 0) {
		warn("unmount", overlay->view, r, &report);
	} else if (anew) {
		r = storage_mount_view(overlay->view, overlay->pool, &stack, &outcome, &report);
		if (r < 0)
			warn("mount the layers on", overlay->view, r, &report);
	}
	storage_report_clear(&report);
}

/* The view that has the container's superblock shows its files already. */
static bool keep_view(struct monitor *m)
{
	cleanup_fd int parent = -1;
	const char *name;
	uint64_t id;

	/* a namespace of the monitor's own ends with it, and the view in it */
	if (!m->view || !is_shared(m) || m->plan->monitor_unshare)
		return false;
	return look_at_view(m->view, &parent, &name, &id) == 0 && is_own(m, id) && make_writable(parent, name) == 0;
}

void overlay_stopped(struct monitor *m)
{
	const struct overlay *overlay = m->plan ? m->plan->rootfs.overlay : NULL;
	pid_t pid;

	if (!overlay || !overlay->view)
		return;
	if (keep_view(m)) {
		free(steal_ptr(&m->view));
		return;
	}
	pid = fork();
	if (pid == 0) {
		change_view(overlay, m->view_dev);
		_exit(0);
	}
	if (pid < 0)
		log_warn("cannot fork: %s shows the container's files no more", overlay->view);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(steal_ptr(&m->view));
}
