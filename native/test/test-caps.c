#include "caps.h"

#include "cleanup.h"
#include "fd.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

static bool child_has(uint64_t mask, const char *line)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		cleanup_free char *text = NULL;
		int r = caps_limit(mask);
		if (r == 0)
			r = fd_read_file(AT_FDCWD, "/proc/self/status", 65536, &text, NULL);
		_exit(r == 0 && strstr(text, line) && strstr(text, "CapInh:\t0000000000000000") && strstr(text, "CapAmb:\t0000000000000000") ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
	char *names[] = { (char *)"chown", (char *)"kill", (char *)"setpcap", (char *)"checkpoint_restore" };
	char *bad[] = { (char *)"chown", (char *)"fly" };
	const char *unknown = NULL;
	uint64_t mask = 1;

	ok(caps_mask(NULL, 0, &mask, &unknown) == 0 && mask == 0, "none");
	ok(caps_mask(names, 4, &mask, &unknown) == 0 && mask == (1 | 1 << 5 | 1 << 8 | UINT64_C(1) << 40), "names to bits");
	ok(caps_mask(bad, 2, &mask, &unknown) == -EINVAL && strcmp(unknown, "fly") == 0, "an unknown name is named");
	if (geteuid() != 0) {
		skip("needs root");
		return tap_done();
	}
	ok(child_has(0, "CapBnd:\t0000000000000000\n"), "all dropped");
	ok(child_has(1 | 1 << 5, "CapBnd:\t0000000000000021\n"), "all but two dropped");
	return tap_done();
}
