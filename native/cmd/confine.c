/*
 * confine [--links] DIR PROGRAM [ARG...]: runs a program that can write nowhere but below DIR, which is its working directory. tlxc-import
 * unpacks archives so, and tlxc-create images: whatever a tar does with what it reads, it stays there. --links: symbolic links below DIR are
 * followed, because a layer of an image may have lib -> usr/lib and then lib/file; where one leads, nothing can be written but below DIR all the
 * same. Exit status 126 when it cannot be confined, 127 without the program.
 */
#include "confine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	const char *what = "start";
	int links = argc >= 2 && strcmp(argv[1], "--links") == 0, r = -EINVAL;

	/* Nobody collects what is written on after the command that had claimed it was killed. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* For directories that an archive does not tell of. */
	umask(022);
	if (argc >= 3 + links)
		r = confine_to(argv[1 + links], links, &what);
	if (r < 0) {
		fprintf(stderr, "confine: cannot %s: %s\n", what, strerrordesc_np(-r));
		return 126;
	}
	execvp(argv[2 + links], argv + 2 + links);
	fprintf(stderr, "confine: cannot run %s: %s\n", argv[2 + links], strerrordesc_np(errno));
	return 127;
}
