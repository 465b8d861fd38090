#include "passwd.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>

enum { FIELDS = 7, NAME = 0, UID = 2, HOME = 5, SHELL = 6 };

struct span {
	const char *at;
	size_t size;
};

/* Exactly seven fields and no NUL byte, else it is no entry. */
static int split(const char *line, size_t size, struct span fields[FIELDS])
{
	size_t n = 0, start = 0;

	if (memchr(line, '\0', size))
		return -EINVAL;
	for (size_t i = 0; i <= size; i++) {
		if (i < size && line[i] != ':')
			continue;
		if (n == FIELDS)
			return -EINVAL;
		fields[n++] = (struct span){ line + start, i - start };
		start = i + 1;
	}
	return n == FIELDS && fields[NAME].size > 0 ? 0 : -EINVAL;
}

static int parse_id(struct span text, uint32_t *ret)
{
	uint64_t value = 0;

	if (text.size == 0 || text.size > 10)
		return -EINVAL;
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text.at[i] - '0');
	}
	*ret = (uint32_t)value;
	return value > UINT32_MAX ? -ERANGE : 0;
}

static int copy(const struct span fields[FIELDS], struct passwd_entry *ret)
{
	ret->name = strndup(fields[NAME].at, fields[NAME].size);
	ret->home = strndup(fields[HOME].at, fields[HOME].size);
	ret->shell = strndup(fields[SHELL].at, fields[SHELL].size);
	if (ret->name && ret->home && ret->shell)
		return 0;
	passwd_clear(ret);
	return -ENOMEM;
}

int passwd_find(const char *text, size_t size, uint32_t uid, struct passwd_entry *ret)
{
	const char *end = text + size;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((stop ? stop : end) - text);
		struct span fields[FIELDS];
		uint32_t id;

		if (split(text, length, fields) == 0 && parse_id(fields[UID], &id) == 0 && id == uid)
			return copy(fields, ret);
		text += length + 1;
	}
	return -ENOENT;
}

void passwd_clear(struct passwd_entry *entry)
{
	free(entry->name);
	free(entry->home);
	free(entry->shell);
	*entry = (struct passwd_entry){ 0 };
}
