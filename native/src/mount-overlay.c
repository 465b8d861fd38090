/*
 * The root of a container as a stack of layers, and the host's view of it. The overlay is mounted by a child: it needs a mount
 * namespace of its own for the id-mapped pool (Linux 6.1 and 6.12 take no detached mounts as layers; 6.18 does), and the
 * identity of the container's root, so that what the container writes lands on the disk as written by id 0.
 */
#include "mount-overlay.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "mount-api.h"
#include "mount-host.h"
#include "spawn.h"
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* From the child: how it went; with two clones of the mount when it went well. */
struct answer {
	int r;
	char syscall[24], detail[512];
};

static int note(struct answer *answer, int r, const char *syscall, const char *detail)
{
	answer->r = r;
	snprintf(answer->syscall, sizeof(answer->syscall), "%s", syscall);
	snprintf(answer->detail, sizeof(answer->detail), "%s", detail);
	return r;
}

struct stack overlay_stack(const struct overlay *overlay)
{
	return (struct stack){
		.lowers = overlay->lowers, .n_lowers = overlay->n_lowers, .upper = overlay->upper, .volatile_ = overlay->volatile_,
		.memory = overlay->memory,
	};
}

/* In place of a system call's name: a filesystem that cannot be id-mapped is told apart from other refusals of mount_setattr. */
static const char IDMAP[] = "idmap";

/* The pool, seen through the container's id map, becomes the working directory: the names of layers are relative to it. */
static int enter_pool(const struct plan *plan, int userns, struct answer *answer)
{
	const char *pool = plan->rootfs.overlay->pool, *at = plan->rootfs.mount_point;
	cleanup_fd int dir = open(pool, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), tree = -1, target = -1;
	int r;

	if (dir < 0)
		return note(answer, -errno, "open", pool);
	tree = mnt_clone(dir, false);
	if (tree < 0)
		return note(answer, tree, "open_tree", pool);
	/* A clone is a peer of what it was cloned from: what is mounted on it would appear on the host's pool. */
	r = mnt_set(tree, false, 0, 0, MNT_PRIVATE);
	if (r < 0)
		return note(answer, r, "mount_setattr", pool);
	r = userns >= 0 ? mnt_idmap(tree, false, userns) : 0;
	if (r < 0)
		return note(answer, r, IDMAP, pool);
	r = mnt_private_namespace();
	if (r < 0)
		return note(answer, r, "unshare", "mount namespace");
	target = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return note(answer, -errno, "open", at);
	r = mnt_attach(tree, target);
	if (r < 0)
		return note(answer, r, "move_mount", at);
	return fchdir(tree) < 0 ? note(answer, -errno, "fchdir", pool) : 0;
}

/* In the pool, as the working directory is. */
static int enter_memory(const struct overlay *overlay, int userns, struct answer *answer)
{
	struct storage_report report = {};
	int r = overlay->memory ? storage_memory_upper(AT_FDCWD, overlay->pool, overlay->upper, userns, &report) : 0;

	if (r < 0)
		note(answer, r, report.syscall ? report.syscall : "", report.detail ? report.detail : overlay->upper);
	storage_report_clear(&report);
	return r;
}

/* Overlayfs keeps the credentials of whoever mounts it, and works with these on the layers: capabilities must survive the change. */
static int become(uint32_t uid, uint32_t gid, struct answer *answer)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
		return note(answer, -errno, "prctl", "securebits");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return note(answer, -errno, "setresuid", "the container's root");
	return 0;
}

static int mount_stack(const struct plan *plan, int fds[2], struct answer *answer)
{
	const struct stack stack = overlay_stack(plan->rootfs.overlay);
	const char *at = plan->rootfs.mount_point;
	cleanup_free char *options = NULL;
	char source[sizeof(STORAGE_ROOT_PREFIX) + MAX_NAME];
	int r = overlay_options(&stack, &options);

	if (r < 0)
		return note(answer, r, "", "names of layers");
	snprintf(source, sizeof(source), STORAGE_ROOT_PREFIX "%s", plan->name);
	/* on top of the pool, which stays our working directory */
	r = mnt_overlay(source, at, 0, options);
	if (r < 0)
		return note(answer, r, "mount", "overlay (the kernel log says why)");
	for (int i = 0; i < 2; i++) {
		fds[i] = mnt_clone_path(at, false);
		if (fds[i] < 0)
			return note(answer, fds[i], "open_tree", at);
	}
	return 0;
}

__attribute__((noreturn)) static void child(const struct plan *plan, int userns, int back)
{
	uint32_t uid = userns >= 0 ? idmap_root(plan->idmap, plan->n_idmap, ID_KIND_UID) : 0;
	uint32_t gid = userns >= 0 ? idmap_root(plan->idmap, plan->n_idmap, ID_KIND_GID) : 0;
	struct answer answer = {};
	int fds[2] = {-1, -1}, r;

	if (uid == (uint32_t)-1 || gid == (uint32_t)-1)
		r = note(&answer, -EINVAL, "", "the id map has no root, so nobody could own what is copied up");
	else
		r = enter_pool(plan, userns, &answer);
	if (r == 0)
		r = enter_memory(plan->rootfs.overlay, userns, &answer);
	if (r == 0 && userns >= 0)
		r = become(uid, gid, &answer);
	if (r == 0)
		r = mount_stack(plan, fds, &answer);
	_exit(fd_send(back, &answer, sizeof(answer), fds, r == 0 ? 2 : 0) < 0);
}

/* Two detached clones of the new mount in fds. */
static int make(const struct plan *plan, int userns, int fds[2], struct failure *failure)
{
	const char *name = plan->rootfs.path;
	cleanup_fd int ours = -1, theirs = -1;
	struct answer answer = {};
	size_t n_fds = 2;
	int pair[2];
	ssize_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return failure_note(failure, -errno, "rootfs", "socketpair", name, "mount the layers");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid == 0)
		child(plan, userns, theirs);
	if (pid < 0)
		return failure_note(failure, -errno, "rootfs", "fork", name, "mount the layers");
	close(steal_fd(&theirs));
	n = fd_receive(ours, &answer, sizeof(answer), fds, &n_fds);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != sizeof(answer))
		return failure_note(failure, n < 0 ? (int)n : -ECHILD, "rootfs", "recvmsg", name, "mount the layers");
	answer.syscall[sizeof(answer.syscall) - 1] = answer.detail[sizeof(answer.detail) - 1] = '\0';
	if (answer.r < 0 || n_fds != 2) {
		char detail[1024];

		if (strcmp(answer.syscall, IDMAP) == 0)
			return failure_note(failure, answer.r, "rootfs", "mount_setattr", answer.detail, "idmap of the layers");
		snprintf(detail, sizeof(detail), "%s: %s", name, answer.detail);
		return failure_note(failure, answer.r < 0 ? answer.r : -EBADMSG, strcmp(answer.syscall, "unshare") == 0 ? "namespace" : "rootfs",
				    *answer.syscall ? answer.syscall : NULL, detail, "mount the layers");
	}
	return 0;
}

static int make_new(struct monitor *m, int userns)
{
	const struct overlay *overlay = m->plan->rootfs.overlay;
	cleanup_fd int root = -1, view = -1;
	int fds[2] = {-1, -1}, r = 0;

	if (overlay->volatile_ && !overlay->memory) { /* what the last mount left in it would forbid this one */
		struct storage_report report = {};

		r = storage_remake_workdir(overlay->pool, overlay->upper, &report);
		if (r < 0)
			failure_note(&m->failure, r, "rootfs", report.syscall, report.detail, "remake the work directory");
		storage_report_clear(&report);
	}
	if (r == 0)
		r = make(m->plan, userns, fds, &m->failure);
	root = fds[0];
	view = fds[1];
	if (r == 0 && overlay->view) {
		r = overlay_attach_view(m, view);
		monitor_write_state(m); /* a killed monitor leaves the view behind */
	}
	return r < 0 ? r : steal_fd(&root);
}

int overlay_root(struct monitor *m, int userns)
{
	/* Whatever keeps it from being taken: with the superblock of the view still there a second one would destroy data. */
	cleanup_fd int tree = m->view ? overlay_take_from_view(m) : make_new(m, userns);
	int r;

	if (tree < 0)
		return tree;
	r = mount_host_rootfs_attrs(m->plan, tree, &m->failure);
	return r < 0 ? r : steal_fd(&tree);
}
