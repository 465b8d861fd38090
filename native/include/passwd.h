/* A line of passwd(5) from text that nobody vouches for. Pure: no name service, no locale, no allocation of what is not asked for. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct passwd_entry {
	char *name, *home, *shell;
};

/* The first well-formed entry of uid in size bytes of text. 0, -ENOENT, or -ENOMEM. */
int passwd_find(const char *text, size_t size, uint32_t uid, struct passwd_entry *ret);
void passwd_clear(struct passwd_entry *entry);
