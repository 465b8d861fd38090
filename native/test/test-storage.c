/* Uppers, views and letting go of them, with real mounts below /var/tmp; most of it needs root. */
#include "cleanup.h"
#include "fd.h"
#include "inode-flags.h"
#include "mount-api.h"
#include "mountinfo.h"
#include "storage.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char scratch[] = "/var/tmp/tlxc-storage-XXXXXX";
static char pool[64], view[64];
static char *lowers[] = {(char *)"top01", (char *)"base01"};
static struct storage_report report;

static const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *format, ...)
{
	static char path[4][256];
	static int turn;
	va_list args;
	char *ret = path[turn++ % 4];
	int n = snprintf(ret, 256, "%s/", scratch);

	va_start(args, format);
	vsnprintf(ret + n, 256 - (size_t)n, format, args);
	va_end(args);
	return ret;
}

static bool write_text(const char *path, const char *text)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0;
}

static bool has_text(const char *path, const char *text)
{
	cleanup_free char *found = NULL;

	return fd_read_file(AT_FDCWD, path, 4096, &found, NULL) == 0 && strcmp(found, text) == 0;
}

/* One step as the program gets it; the outcome, or NULL with the report filled. */
static const char *step(const struct storage_step *wanted)
{
	const char *outcome;

	storage_report_clear(&report);
	return storage_step_run(wanted, &outcome, &report) == 0 ? outcome : NULL;
}

static bool is(const char *outcome, const char *wanted)
{
	if (!outcome || strcmp(outcome, wanted) != 0)
		printf("# %s; %s %s %d\n", outcome ? outcome : "failed", report.syscall ? report.syscall : "", report.detail ? report.detail : "",
		       (int)report.errno_.value);
	return outcome && strcmp(outcome, wanted) == 0;
}

static const char *mount_view(const char *upper, bool readonly)
{
	struct storage_step wanted = {
		.op = STORAGE_OP_MOUNT, .path = view, .pool = pool, .lowers = lowers, .n_lowers = 2, .has_lowers = true, .upper = (char *)upper,
		.readonly = {readonly, readonly},
	};

	return step(&wanted);
}

static const char *unmount_view(const char *upper)
{
	return step(&(struct storage_step){.op = STORAGE_OP_UNMOUNT, .path = view, .pool = upper ? pool : NULL, .upper = (char *)upper});
}

static const char *probe(void)
{
	return step(&(struct storage_step){.op = STORAGE_OP_PROBE, .pool = pool, .upper = (char *)"u00001"});
}

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

static void test_names(void)
{
	static char *const good[] = {(char *)"a", (char *)"u12345", (char *)"abcdefg"};
	static char *const bad[] = {(char *)"", (char *)"abcdefgh", (char *)"..", (char *)"a/b", (char *)"a:b", (char *)"a,b", (char *)"A", (char *)"a\\"};
	cleanup_free char *options = NULL;
	struct stack stack = {.lowers = good, .n_lowers = 3, .upper = "u00001"};
	bool refused = true;

	ok(overlay_options(&stack, &options) == 0 &&
	   strcmp(options, "redirect_dir=on,index=off,metacopy=off,lowerdir=a:u12345:abcdefg,upperdir=u00001/up,workdir=u00001/wk") == 0, "options, all of them");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_free char *none = NULL;
		struct stack wrong = {.lowers = &bad[i], .n_lowers = 1};

		refused &= overlay_options(&wrong, &none) == -EINVAL;
		wrong = (struct stack){.lowers = good, .n_lowers = 1, .upper = bad[i]};
		refused &= overlay_options(&wrong, &none) == -EINVAL;
	}
	ok(refused, "names that could leave the pool, or end an option, are refused");
	stack = (struct stack){.lowers = good, .n_lowers = 2, .upper = "u00001", .memory = true};
	free(steal_ptr(&options));
	ok(overlay_options(&stack, &options) == 0 &&
	   strcmp(options, "redirect_dir=on,index=off,metacopy=off,lowerdir=u00001/up:a:u12345,upperdir=u00001/wk/up,workdir=u00001/wk/wk") == 0,
	   "an upper in memory is on top of what the disk has of it");
}

static void test_many_names(void)
{
	static char *many[STORAGE_MAX_LOWERS + 1];
	cleanup_free char *options = NULL, *more = NULL;
	struct stack stack = {.lowers = many, .n_lowers = STORAGE_MAX_LOWERS, .upper = "u000001", .volatile_ = true};

	for (size_t i = 0; i <= STORAGE_MAX_LOWERS; i++)
		many[i] = (char *)"abcdefg";
	ok(overlay_options(&stack, &options) == 0 && strlen(options) < 4096, "500 of the longest names fit into a page");
	stack.memory = true;
	ok(overlay_options(&stack, &more) == -E2BIG, "with an upper in memory, which is one more, they are refused");
	stack.memory = false;
	stack.n_lowers++;
	ok(overlay_options(&stack, &more) == -E2BIG, "501 are refused");
	stack.n_lowers = 0;
	ok(overlay_options(&stack, &more) == -EINVAL, "none are refused");
}

static void test_mountinfo(void)
{
	char text[] = "36 35 98:0 /a\\040b /mnt\\134x rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
		      "nonsense\n"
		      "37 36 0:41 / /v ro,nosuid - overlay tlxc-view rw,lowerdir=a:b,upperdir=u1/up\n";
	struct mount_line line;
	char *rest = text;

	ok(mount_line_next(&rest, &line) && line.id == 36 && line.major == 98 && strcmp(line.root, "/a b") == 0 && strcmp(line.point, "/mnt\\x") == 0 &&
	   strcmp(line.type, "ext3") == 0 && strcmp(line.source, "/dev/root") == 0, "a line of mountinfo, escapes undone");
	ok(mount_line_next(&rest, &line) && line.id == 37 && mount_line_option(line.super_options, "lowerdir", "a:b") &&
	   !mount_line_option(line.super_options, "lowerdir", "a") && mount_line_option(line.options, "ro", NULL) &&
	   !mount_line_option(line.options, "r", NULL), "its options");
	ok(!mount_line_next(&rest, &line), "the end");
	strcpy(text, "8 3 3:3 - -\n8 3 3:3 / - - -");
	rest = text;
	ok(!mount_line_next(&rest, &line), "lines that end too early are none");
}

static void make_layers(void)
{
	mkdir(at("pool"), 0700);
	mkdir(at("view"), 0700);
	mkdir(at("pool/base01"), 0755);
	mkdir(at("pool/top01"), 0750);
	(void)!chown(at("pool/top01"), 12, 34);
	(void)setxattr(at("pool/top01"), "user.colour", "red", 3, 0);
	(void)setxattr(at("pool/top01"), "trusted.overlay.origin", "x", 1, 0);
	write_text(at("pool/base01/file"), "base");
	write_text(at("pool/top01/more"), "top");
	mkdir(at("pool/base01/dir"), 0755);
}

static void test_upper(void)
{
	struct storage_step wanted = {
		.op = STORAGE_OP_UPPER, .pool = pool, .name = (char *)"u00001", .lowers = lowers, .n_lowers = 2, .has_lowers = true,
	};
	char value[8];
	struct stat up, below, work;

	ok(is(step(&wanted), "made"), "an upper");
	stat(at("pool/top01"), &below);
	ok(stat(at("pool/u00001/up"), &up) == 0 && up.st_mode == below.st_mode && up.st_uid == 12 && up.st_gid == 34 &&
	   up.st_mtim.tv_sec == below.st_mtim.tv_sec && up.st_mtim.tv_nsec == below.st_mtim.tv_nsec, "mode, owner and times are those of the root below");
	ok(getxattr(at("pool/u00001/up"), "user.colour", value, sizeof(value)) == 3, "attributes too");
	ok(getxattr(at("pool/u00001/up"), "trusted.overlay.origin", value, sizeof(value)) < 0, "but not the overlay's own");
	ok(stat(at("pool/u00001/wk"), &work) == 0 && (work.st_mode & 07777) == 0700, "a work directory");
	ok(!step(&wanted) && report.errno_.value == EEXIST, "not twice");
	wanted.name = (char *)"u00002";
	wanted.lowers = &(char *){(char *)"gone01"};
	ok(!step(&wanted) && report.errno_.value == ENOENT && access(at("pool/u00002"), F_OK) < 0, "without its layer nothing is made");
	wanted.name = (char *)"../x";
	ok(!step(&wanted) && report.errno_.value == EINVAL, "not outside of the pool");
}

static void test_spread(void)
{
	cleanup_fd int fd = open(pool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	int flags = 0;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != EXT4_SUPER_MAGIC)
		skip("only ext4 has the flag for it");
	else
		ok(ioctl(fd, _IOR('f', 1, long), &flags) == 0 && flags & INODE_TOPDIR, "each entry of the pool starts in a part of the disk of its own");
}

static bool is_nosuid_nodev(const char *path)
{
	cleanup_free char *text = NULL;
	struct mount_line line;
	char *rest;
	bool good = false;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTINFO, &text, NULL) < 0)
		return false;
	for (rest = text; mount_line_next(&rest, &line);)
		if (strcmp(line.point, path) == 0)
			good = mount_line_option(line.options, "nosuid", NULL) && mount_line_option(line.options, "nodev", NULL);
	return good;
}

static void test_view(void)
{
	ok(is(mount_view("u00001", false), "mounted") && has_text(at("view/file"), "base") && has_text(at("view/more"), "top"), "a view of the stack");
	ok(is_nosuid_nodev(view), "it is nosuid and nodev");
	ok(write_text(at("view/new"), "n") && has_text(at("pool/u00001/up/new"), "n") && rename(at("view/dir"), at("view/dir2")) == 0 &&
	   unlink(at("view/file")) == 0, "it can be written, directories of layers renamed");
	ok(is(mount_view("u00001", false), "already"), "mounted twice is mounted once");
	ok(!mount_view(NULL, true) && report.errno_.value == EBUSY, "another view is not taken for it");
	ok(!probe() && report.errno_.value == EBUSY, "a mounted upper is in use");
	ok(is(unmount_view("u00001"), "unmounted") && access(at("view/more"), F_OK) < 0, "unmounted");
	ok(is(probe(), "free") && is(unmount_view("u00001"), "nothing"), "and free");
	ok(is(mount_view(NULL, true), "mounted") && !write_text(at("view/no"), "") && errno == EROFS && is(mount_view(NULL, true), "already"), "read-only without an upper");
	ok(is(unmount_view(NULL), "unmounted") && access(at("view/more"), F_OK) < 0, "and unmounted");
	ok(is(step(&(struct storage_step){.op = STORAGE_OP_MOUNT, .path = view, .pool = pool, .lowers = lowers, .n_lowers = 1, .has_lowers = true}), "mounted") &&
	   has_text(at("view/more"), "top") && !write_text(at("view/no"), "") && errno == EROFS && is_nosuid_nodev(view), "a single layer");
	ok(is(unmount_view(NULL), "unmounted"), "and unmounted");
	ok(is(step(&(struct storage_step){.op = STORAGE_OP_WORKDIR, .pool = pool, .name = (char *)"u00001"}), "remade") &&
	   access(at("pool/u00001/wk/work"), F_OK) < 0 && access(at("pool/u00001/wk"), F_OK) == 0, "the work directory anew");
}

static void test_links(void)
{
	struct storage_step wanted = {
		.op = STORAGE_OP_MOUNT, .path = (char *)at("link"), .pool = pool, .lowers = lowers, .n_lowers = 2, .has_lowers = true, .upper = (char *)"u00001",
	};
	char poollink[256];

	(void)!symlink(view, at("link"));
	snprintf(poollink, sizeof(poollink), "%s", at("plink"));
	(void)!symlink(pool, poollink);
	ok(!step(&wanted), "a mount point that is a link is refused");
	wanted.path = view;
	wanted.pool = poollink;
	ok(!step(&wanted), "a pool that is one too");
	wanted.pool = pool;
	wanted.path = (char *)"view";
	ok(!step(&wanted) && report.errno_.value == EINVAL, "and a relative path");
	ok(!step(&(struct storage_step){.op = STORAGE_OP_MOUNT}) && report.errno_.value == EINVAL, "and a step without its fields");
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

static void test_immutable(void)
{
	struct storage_step wanted = {.op = STORAGE_OP_IMMUTABLE, .path = view, .on = {true, true}};
	const char *outcome = step(&wanted);

	if (outcome && strcmp(outcome, "unsupported") == 0) {
		skip("this file system has no immutable directories");
		return;
	}
	ok(is(outcome, "immutable") && mkdir(at("view/under"), 0700) < 0 && errno == EPERM, "nobody writes under the view");
	ok(is(mount_view("u00001", false), "mounted") && mkdir(at("view/over"), 0700) == 0, "mounting over it works");
	wanted.on.value = false;
	ok(is(step(&wanted), "mutable") && is(unmount_view("u00001"), "unmounted") && mkdir(at("view/under"), 0700) == 0 && rmdir(at("view/under")) == 0,
	   "the flag is taken from what is below the view");
}

/* What is mounted where mounts are shared would be copied to everybody who shares them. */
static void test_propagation(void)
{
	cleanup_fd int dir = -1, clone = -1;
	cleanup_free char *text = NULL;

	mkdir(at("shared"), 0700);
	mkdir(at("shared/v"), 0700);
	dir = open(at("shared"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	clone = mnt_clone(dir, false);
	if (clone < 0 || mnt_attach(clone, dir) < 0 || mnt_set(clone, false, 0, 0, MNT_SHARED) < 0) {
		ok(false, "a shared mount");
		return;
	}
	ok(is(step(&(struct storage_step){.op = STORAGE_OP_MOUNT, .path = (char *)at("shared/v"), .pool = pool, .lowers = lowers, .n_lowers = 2,
					  .has_lowers = true, .upper = (char *)"u00001"}), "mounted"), "a view on a shared mount");
	ok(fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTINFO, &text, NULL) == 0 && strstr(text, "/shared/v rw,nosuid,nodev,relatime - overlay"),
	   "is private itself");
	ok(is(step(&(struct storage_step){.op = STORAGE_OP_UNMOUNT, .path = (char *)at("shared/v"), .pool = pool, .upper = (char *)"u00001"}), "unmounted"),
	   "and goes");
	close(steal_fd(&dir));
	dir = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ok(mnt_unmount_at(dir, "shared", true) == 0, "the shared mount goes");
}

static void test_many_layers(void)
{
	enum { MANY = 300 };
	static char names[MANY][8], *many[MANY];
	struct storage_step wanted = {
		.op = STORAGE_OP_MOUNT, .path = view, .pool = pool, .lowers = many, .n_lowers = MANY, .has_lowers = true, .upper = (char *)"u00001",
	};

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "l%05u", i % 1000);
		many[i] = names[i];
		mkdir(at("pool/%s", names[i]), 0755);
		write_text(at("pool/%s/f%u", names[i], i), "x");
	}
	ok(is(step(&wanted), "mounted") && access(at("view/f0"), F_OK) == 0 && access(at("view/f299"), F_OK) == 0, "300 layers");
	ok(is(step(&wanted), "already"), "are recognized");
	ok(is(unmount_view("u00001"), "unmounted"), "and unmounted");
}

static void test_sync(void)
{
	ok(is(step(&(struct storage_step){.op = STORAGE_OP_SYNC, .path = pool}), "synced") && report.sync_us > 0, "synced, and timed");
	ok(!step(&(struct storage_step){.op = STORAGE_OP_SYNC, .path = (char *)at("none")}) && report.errno_.value == ENOENT, "not what is not there");
}

static void remove_scratch(void)
{
	cleanup_free char *command = NULL;

	if (asprintf(&command, "rm -rf --one-file-system %s", scratch) > 0)
		(void)!system(command);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0); /* children must not print what we have printed */
	test_names();
	test_many_names();
	test_mountinfo();
	if (geteuid() != 0) {
		skip("everything that mounts needs root");
		return tap_done();
	}
	/* of our own, so that a failed test leaves no mount on the machine */
	if (mnt_private_namespace() < 0 || !mkdtemp(scratch)) {
		skip("no mount namespace: %s", strerror(errno));
		return tap_done();
	}
	snprintf(pool, sizeof(pool), "%s/pool", scratch);
	snprintf(view, sizeof(view), "%s/view", scratch);
	make_layers();
	test_upper();
	test_spread();
	test_view();
	test_links();
	test_busy();
	test_copies();
	test_detached();
	test_other_pool();
	test_immutable();
	test_propagation();
	test_many_layers();
	test_sync();
	storage_report_clear(&report);
	remove_scratch();
	return tap_done();
}
