/* Capabilities of what runs in a container. 0 or -errno (EINVAL: a name that libcap does not know, in *ret_unknown). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* A mask of capability numbers from names without cap_. */
int caps_mask(char *const names[], size_t n, uint64_t *ret_mask, const char **ret_unknown);
/* Drops all but mask from the bounding set, and clears the inheritable and ambient sets (CVE-2022-24769). */
int caps_limit(uint64_t mask);
/* As caps_limit, with nothing dropped from the bounding set. */
int caps_clear_inherited(void);
/* Takes permitted and effective capabilities beyond keep away from the calling process. */
int caps_give_up(uint64_t keep);
