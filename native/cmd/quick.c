/*
 * What the quick programs are links to: runs PREFIX/lib/tlxc/tlxc under the same name, without the runtime's compiler. A command that
 * ends within milliseconds never gets back what compiling costs: without it, it takes a third less processor time and a tenth less of
 * everybody's. JavaScriptCore reads its options from the environment only; main.ts takes this one out again, before anybody inherits it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char EXECUTABLE[] = "/lib/tlxc/tlxc";

/* PREFIX/libexec/tlxc/quick → PREFIX/lib/tlxc/tlxc */
static int find_executable(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(EXECUTABLE));

	if (n <= 0)
		return n < 0 ? -errno : -ENOENT;
	path[n] = '\0';
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return -ENOENT;
		*slash = '\0';
	}
	strcat(path, EXECUTABLE);
	return 0;
}

/*
 * The runtime refuses to start in a directory that is no more, as that of a shell in a root file system after a restore. Nothing is lost:
 * relative paths lead nowhere from there.
 */
static void leave_deleted_directory(void)
{
	char cwd[PATH_MAX];

	if (!getcwd(cwd, sizeof(cwd)) && errno == ENOENT && chdir("/") < 0)
		perror("chdir");
}

int main(int argc, char *argv[])
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL, *name = slash ? slash + 1 : argc > 0 ? argv[0] : "tlxc";
	char path[PATH_MAX] = "its executable";
	int r = find_executable(path);

	leave_deleted_directory();
	if (r == 0) {
		if (setenv("BUN_JSC_useJIT", "0", 1) == 0)
			execv(path, argv);
		r = -errno;
	}
	fprintf(stderr, "%s: cannot run %s: %s\n%s: hint: install tlxc again\n", name, path, strerror(-r), name);
	return EXIT_FAILURE;
}
