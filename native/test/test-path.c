/* Resolution below a root against what its owner could put there. */
#include "path.h"

#include "cleanup.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int root;

static int opened(int fd)
{
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static bool exists(const char *path, mode_t type)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

static void make_tree(char *dir)
{
	if (!mkdtemp(dir))
		abort();
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(root, "a", 0755) < 0 || symlinkat("/tmp", root, "abs") < 0 || symlinkat("../..", root, "a/up") < 0 ||
	    symlinkat("nowhere", root, "dangling") < 0)
		abort();
}

int main(void)
{
	char dir[] = "/tmp/test-path.XXXXXX", escape[80], *argv[] = { (char *)"rm", (char *)"-rf", dir, NULL };
	struct stat inside, here;
	int fd;

	make_tree(dir);
	ok(opened(path_open_in(root, "a", O_PATH)) == 0, "a directory");
	ok(opened(path_open_in(root, "", O_PATH)) == 0 && opened(path_open_in(root, "/a", O_PATH)) == 0, "empty is the root, / is the root");
	ok(opened(path_open_in(root, "abs", O_PATH)) == -ELOOP, "a link at the end is refused");
	ok(opened(path_open_in(root, "abs/x", O_PATH)) == -ELOOP && opened(path_open_in(root, "a/up/etc", O_PATH)) == -ELOOP, "and on the way");
	ok(opened(path_open_in(root, "nothing", O_PATH)) == -ENOENT, "missing");
	fd = path_open_in(root, "a/../../../..", O_PATH);
	ok(fd >= 0 && fstat(fd, &inside) == 0 && fstat(root, &here) == 0 && inside.st_ino == here.st_ino, ".. stops at the root");
	opened(fd);
	fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ok(opened(path_open_in(fd, "self/root/etc", O_PATH)) == -ELOOP, "magic links are refused");
	opened(fd);

	ok(opened(path_make_in(root, "n/e/w", PATH_DIR)) == 0 && exists("n/e/w", S_IFDIR), "directories are made");
	ok(opened(path_make_in(root, "n/e/file", PATH_FILE)) == 0 && exists("n/e/file", S_IFREG), "a file is made");
	ok(opened(path_make_in(root, "n//./e/file", PATH_FILE)) == 0, "what is there is taken");
	ok(opened(path_make_in(root, "n/e/file/x", PATH_DIR)) == -ENOTDIR, "a file is no directory");
	ok(opened(path_make_in(root, "n/../../etc", PATH_DIR)) == -EXDEV, ".. is refused when making");
	ok(opened(path_make_in(root, "abs/made", PATH_DIR)) == -ELOOP, "nothing is made through a link");
	ok(opened(path_make_in(root, "dangling", PATH_FILE)) == -ELOOP && !exists("nowhere", S_IFREG), "nor at the end of a dangling one");
	snprintf(escape, sizeof(escape), "%s/../x", dir);
	ok(opened(path_open_in(root, escape, O_PATH)) == -ENOENT, "an absolute path is below the root");
	fd = fork();
	if (fd == 0)
		execvp(*argv, argv);
	waitpid(fd, NULL, 0);
	return tap_done();
}
