/* What a confined process can still do: write below its directory, and nothing else. */
#include "confine.h"

#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[] = "/var/tmp/test-confine.XXXXXX", dir[64], outside[64];

static int created(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -errno : 0;
}

static bool overlay_is_mounted(void)
{
	char line[4096];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	bool found = false;

	while (mounts && fgets(line, sizeof(line), mounts))
		found = found || (strstr(line, base) != NULL && strstr(line, " - overlay ") != NULL);
	if (mounts)
		fclose(mounts);
	return found;
}

/* In a mount namespace of the test's own, so that nothing stays. */
static void mount_overlay(void)
{
	char path[5][96], options[512];

	for (int i = 0; i < 5; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%d", base, i);
		if (mkdir(path[i], 0700) < 0)
			abort();
	}
	snprintf(options, sizeof(options), "lowerdir=%s:%s,upperdir=%s,workdir=%s", path[0], path[1], path[2], path[3]);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		abort();
	ok(mount("view", path[4], "overlay", 0, options) == 0 && overlay_is_mounted(), "there is an overlay");
}

/* Links within are followed, and lead to nothing that can be written. */
static int inside_with_links(void)
{
	const char *what = "";
	int r = confine_to(dir, true, &what);

	ok(r == 0, "confined with links (%s: %d)", what, r);
	ok(mkdir("usr", 0755) == 0 && symlink("usr", "lib") == 0 && created("lib/file") == 0, "follows a link to a place below");
	ok(symlink(base, "out-of-here") == 0 && created("out-of-here/out") == -EROFS, "writes nothing behind one that leads out");
	ok(link("out-of-here/precious", "taken") < 0 && errno == EXDEV, "links nothing from there either");
	return tap_done();
}

static int inside(void)
{
	const char *what = "";
	int r = confine_to(dir, false, &what);

	ok(r == 0, "confined (%s: %d)", what, r);
	ok(!overlay_is_mounted(), "keeps no overlay of others alive");
	ok(created("new") == 0 && access("new", F_OK) == 0, "writes below its directory, which is the working directory");
	ok(created(outside) == -EROFS, "not beside it");
	ok(created("../beside") == -EROFS, "nor by ..");
	ok(created("/proc/self/comm") == -EROFS, "nor anywhere else");
	ok(symlink("..", "up") == 0 && symlink(outside, "abs") == 0, "makes symbolic links");
	ok(created("up/beside") == -ELOOP && created("abs") == -ELOOP, "follows none");
	ok(mknod("null", S_IFCHR | 0666, 0x103) == 0 && open("null", O_RDWR | O_CLOEXEC) < 0 && errno == EACCES, "makes devices, opens none");
	ok(chown("new", 100000, 200000) == 0, "gives files away");
	ok(setuid(1000) < 0 && errno == EPERM, "has no capability that it does not need");
	ok(if_nametoindex("lo") == 1 && if_nametoindex("eth0") == 0, "has no network");
	return tap_done();
}

static int run(int (*test)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		status = test();
		fflush(stdout);
		_exit(status);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	char *argv[] = { (char *)"rm", (char *)"-rf", base, NULL };
	char view[96], precious[64];
	int status, saved;
	pid_t pid;

	if (geteuid() != 0) {
		skip("needs root");
		return tap_done();
	}
	if (!mkdtemp(base))
		abort();
	snprintf(dir, sizeof(dir), "%s/in", base);
	snprintf(outside, sizeof(outside), "%s/out", base);
	snprintf(precious, sizeof(precious), "%s/precious", base);
	if (mkdir(dir, 0700) < 0 || created(precious) < 0)
		abort();
	mount_overlay();
	status = run(inside);
	if (status == 0)
		status = run(inside_with_links);
	saved = access(outside, F_OK);
	snprintf(view, sizeof(view), "%s/4", base);
	umount2(view, MNT_DETACH);
	pid = fork();
	if (pid == 0)
		execvp(*argv, argv);
	waitpid(pid, NULL, 0);
	return saved == 0 ? 1 : status;
}
