#include "process.h"

#include "cleanup.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <unistd.h>

void process_reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i <= SIGRTMAX; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int process_set_ids(uid_t uid, gid_t gid, const uint64_t *groups, size_t n_groups)
{
	cleanup_free gid_t *list = calloc(n_groups + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n_groups; i++)
		list[i] = (gid_t)groups[i];
	/* Where it is refused none may be left over from the caller either. */
	if (setgroups(n_groups, list) < 0) {
		int r = -errno;
		if (n_groups > 0 || getgroups(0, NULL) != 0)
			return r;
	}
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return 0;
}
