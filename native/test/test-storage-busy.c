/* A view that somebody uses: who only looks keeps what he has, who writes is named. With real mounts below /var/tmp; needs root. */
#include "storage-scratch.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* A child that has done something and then waits to be killed. */
static pid_t child(void (*work)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work();
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	(void)!read(ready[0], &byte, 1);
	close(ready[0]);
	return pid;
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void sit_in_view(void)
{
	(void)!chdir(view);
}

static void write_in_view(void)
{
	(void)open(at("view/open"), O_WRONLY | O_CREAT, 0600);
}

static void map_in_view(void)
{
	int fd = open(at("view/mapped"), O_RDWR | O_CREAT, 0600);

	if (fd >= 0 && ftruncate(fd, 4096) == 0)
		(void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

static void copy_mounts(void)
{
	(void)mnt_private_namespace();
}

static void write_in_copy(void)
{
	(void)mnt_private_namespace();
	write_in_view();
}

static bool is_named(pid_t pid, const char *what)
{
	for (size_t i = 0; i < report.n_busy; i++)
		if (report.busy[i].pid == (uint64_t)pid && strncmp(report.busy[i].what, what, strlen(what)) == 0)
			return true;
	printf("# %zu users\n", report.n_busy);
	return false;
}

static void test_busy(void)
{
	pid_t pid;

	mount_view("u00001", false);
	pid = child(sit_in_view);
	ok(is(unmount_view("u00001"), "detached-readonly"), "who only sits in it is left with what he has");
	ok(!probe() && is(unmount_view("u00001"), "detached-readonly"), "the superblock lives on, and is known to be harmless");
	reap(pid);
	ok(is(probe(), "free"), "until he goes");

	mount_view("u00001", false);
	pid = child(write_in_view);
	ok(!unmount_view("u00001") && report.errno_.value == EBUSY && is_named(pid, "open "), "who writes is named");
	ok(has_text(at("view/more"), "top"), "and the view stays");
	reap(pid);
	pid = child(map_in_view);
	ok(!unmount_view("u00001") && report.errno_.value == EBUSY && is_named(pid, "mapped "), "so is who has a file mapped");
	reap(pid);
	ok(is(unmount_view("u00001"), "unmounted"), "then it goes");
}

static void test_copies(void)
{
	pid_t pid;

	mount_view("u00001", false);
	pid = child(copy_mounts);
	ok(is(unmount_view("u00001"), "detached-readonly"), "a copy in another mount namespace is made read-only");
	reap(pid);
	mount_view("u00001", false);
	pid = child(write_in_copy);
	ok(!unmount_view("u00001") && report.errno_.value == EBUSY && is_named(pid, "mount namespace "), "one that is written to is named");
	reap(pid);
	ok(is(unmount_view("u00001"), "nothing") && is(probe(), "free"), "then it is free");
}

/* A lazy unmount by somebody else: the superblock is in no mountinfo. */
static void test_detached(void)
{
	cleanup_fd int parent = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid_t pid;

	mount_view("u00001", false);
	pid = child(write_in_view);
	ok(mnt_unmount_at(parent, "view", true) == 0 && !unmount_view("u00001") && report.errno_.value == EBUSY && is_named(pid, "open file"),
	   "a writer in a detached view is named");
	reap(pid);
	ok(is(unmount_view("u00001"), "nothing"), "then nothing is left");
}

/* The names in the options are only good in their pool. */
static void test_other_pool(void)
{
	struct storage_step other = {
		.op = STORAGE_OP_UPPER, .pool = (char *)at("pool2"), .name = (char *)"u00001", .lowers = lowers, .n_lowers = 2, .has_lowers = true,
	};
	cleanup_fd int parent = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[256], pool2[256];
	pid_t pid;

	snprintf(path, sizeof(path), "%s", at("view2"));
	snprintf(pool2, sizeof(pool2), "%s", other.pool);
	other.pool = pool2;
	mkdir(pool2, 0700);
	mkdir(at("pool2/base01"), 0755);
	mkdir(at("pool2/top01"), 0755);
	mkdir(path, 0700);
	ok(is(step(&other), "made"), "an upper of the same name in another pool");
	other.op = STORAGE_OP_MOUNT;
	other.name = NULL;
	other.path = path;
	other.upper = (char *)"u00001";
	ok(is(step(&other), "mounted"), "with a view");
	mount_view("u00001", false);
	pid = child(write_in_view);
	(void)mnt_unmount_at(parent, "view", true);
	ok(!unmount_view("u00001") && report.errno_.value == EBUSY && is_named(pid, "open file") && report.n_busy == 1, "is no holder of ours");
	ok(write_text(at("view2/still"), "x"), "and stays writable");
	reap(pid);
	ok(is(step(&(struct storage_step){.op = STORAGE_OP_UNMOUNT, .path = path, .pool = pool2, .upper = (char *)"u00001"}), "unmounted"), "until it is unmounted");
}

/* An overlay of nobody of ours, in a mount namespace of its own, and detached there. */
static void write_in_stranger(void)
{
	int parent;

	mkdir(at("strange"), 0700);
	mkdir(at("strange/l"), 0700);
	mkdir(at("strange/up"), 0700);
	mkdir(at("strange/wk"), 0700);
	mkdir(at("m"), 0700);
	(void)mnt_private_namespace();
	parent = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (chdir(at("strange")) == 0 && mnt_overlay("strange", at("m"), 0, "lowerdir=l,upperdir=up,workdir=wk") == 0 &&
	    open(at("m/f"), O_WRONLY | O_CREAT, 0600) >= 0)
		(void)mnt_unmount_at(parent, "m", true);
}

static void test_stranger(void)
{
	pid_t stranger, sitter;

	if (getxattr(at("pool/u00001/up"), "trusted.overlay.uuid", NULL, 0) < 0) {
		skip("overlays are not told apart here (before Linux 6.6)");
		return;
	}
	stranger = child(write_in_stranger);
	mount_view("u00001", false);
	sitter = child(sit_in_view);
	ok(is(unmount_view("u00001"), "detached-readonly"), "a file that somebody has open in an overlay that is none of ours keeps nothing");
	reap(sitter);
	reap(stranger);
	ok(is(probe(), "free"), "and it is free");
}

int main(void)
{
	if (!enter_scratch())
		return tap_done();
	ok(is(step(&(struct storage_step){
		.op = STORAGE_OP_UPPER, .pool = pool, .name = (char *)"u00001", .lowers = lowers, .n_lowers = 2, .has_lowers = true,
	}), "made"), "an upper");
	test_busy();
	test_copies();
	test_detached();
	test_other_pool();
	test_stranger();
	return leave_scratch();
}
