/* The label that the next exec(2) of the caller gets. */
#pragma once

/* proc is a directory of a real procfs that shows the caller. 0 or -errno. */
int lsm_set_exec_apparmor(int proc, const char *profile);
int lsm_set_exec_selinux(int proc, const char *context);
int lsm_set_keyring_selinux(int proc, const char *context);
