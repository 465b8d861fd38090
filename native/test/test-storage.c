/* Uppers and views, with real mounts below /var/tmp; needs root. */
#include "storage-scratch.h"

#include "inode-flags.h"
#include "mountinfo.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

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

int main(void)
{
	if (!enter_scratch())
		return tap_done();
	test_upper();
	test_spread();
	test_view();
	test_links();
	test_immutable();
	test_propagation();
	test_many_layers();
	test_sync();
	return leave_scratch();
}
