/* What /proc says about processes, and the title of this one. All return 0 or -errno; none logs. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat, clock ticks since boot: with the pid it names a process for ever (proc_pid_stat(5)). */
int proc_start_time(pid_t pid, uint64_t *ret_ticks);
/* The set of blocked signals, SigBlk of /proc/PID/status; bit N-1 is signal N. */
int proc_blocked_signals(pid_t pid, uint64_t *ret_set);
/* Writes /proc/PID/FILE. */
int proc_write(pid_t pid, const char *file, const char *text);
/* Replaces what ps(1) shows as the arguments; cut to the room that the arguments and the environment had. Destroys environ. */
void proc_set_title(int argc, char **argv, const char *title);
/* pidfd_open(2), pidfd_send_signal(2); the first returns the descriptor. */
int proc_pidfd_open(pid_t pid);
int proc_pidfd_signal(int pidfd, int signal);
/* prlimit(2) by the lower-case name of the resource; values are numbers or "unlimited". */
int proc_set_rlimit(pid_t pid, const char *name, const char *soft, const char *hard);
