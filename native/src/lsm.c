#include "lsm.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <stdio.h>

int lsm_set_exec_apparmor(int proc, const char *profile)
{
	cleanup_free char *text = NULL;
	int r;

	if (asprintf(&text, "exec %s", profile) < 0)
		return -ENOMEM;
	/* The file of AppArmor's own appeared in 5.1 (LSM stacking); before, attr/exec belongs to the only LSM. */
	r = fd_write_file(proc, "self/attr/apparmor/exec", text);
	return r == -ENOENT ? fd_write_file(proc, "self/attr/exec", text) : r;
}

int lsm_set_exec_selinux(int proc, const char *context)
{
	return fd_write_file(proc, "self/attr/exec", context);
}

int lsm_set_keyring_selinux(int proc, const char *context)
{
	return fd_write_file(proc, "self/attr/keycreate", context);
}
