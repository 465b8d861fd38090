/* The seccomp filter of a plan, through libseccomp. */
#pragma once
#include "protocol.gen.h"

/* Loads it into the caller, for the native and every compatible architecture. skipped is called for each rule whose system call
 * libseccomp does not know. 0 or -errno; *ret_rule is the rule that failed, or NULL. */
int seccomp_filter_load(const struct seccomp *filter, void (*skipped)(const char *syscall), const struct seccomp_rule **ret_rule);
