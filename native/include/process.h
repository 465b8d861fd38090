/* What a process sheds before it executes something of a container. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Default dispositions and an empty mask: both survive exec(2). */
void process_reset_signals(void);
/* Supplementary groups, gid, uid, in this order. -EPERM of setgroups is let pass where it is denied (user_namespaces(7)) and
 * nothing was to be set. */
int process_set_ids(uid_t uid, gid_t gid, const uint64_t *groups, size_t n_groups);
