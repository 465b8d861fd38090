#include "sealed-self.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

enum { ALL_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

int sealed_self(char **argv)
{
	cleanup_fd int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup_fd int copy = -1;
	int seals;

	if (self < 0)
		return -errno;
	/* -1 for a file that cannot have any */
	seals = fcntl(self, F_GET_SEALS);
	if (seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS)
		return 0;
	copy = fd_sealed_exec("/proc/self/exe");
	if (copy < 0)
		return copy;
	syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	return -errno;
}
