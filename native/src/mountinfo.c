#include "mountinfo.h"

#include <stdio.h>
#include <string.h>

static bool is_octal(const char *text)
{
	return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' && text[2] >= '0' && text[2] <= '7';
}

/* The kernel writes space, tab, newline and backslash as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && is_octal(from + 1)) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static char *word(char **at)
{
	char *found = strsep(at, " ");

	return found ? found : (char *)"";
}

static bool parse(char *line, struct mount_line *ret)
{
	char *rest = strstr(line, " - "), *words = line, *root, *point;

	if (!rest)
		return false;
	*rest = '\0';
	rest += 3;
	if (sscanf(word(&words), "%lu", &ret->id) != 1 || sscanf(word(&words), "%lu", &ret->parent) != 1 ||
	    sscanf(word(&words), "%u:%u", &ret->major, &ret->minor) != 2)
		return false;
	root = strsep(&words, " ");
	point = strsep(&words, " ");
	if (!root || !point)
		return false;
	unescape(root);
	unescape(point);
	ret->root = root;
	ret->point = point;
	ret->options = word(&words);
	ret->type = word(&rest);
	ret->source = word(&rest);
	ret->super_options = rest ? rest : "";
	return true;
}

bool mount_line_next(char **at, struct mount_line *ret)
{
	char *line;

	while ((line = strsep(at, "\n")))
		if (*line && parse(line, ret))
			return true;
	return false;
}

bool mount_line_option(const char *options, const char *name, const char *value)
{
	size_t n_name = strlen(name), n_value = value ? strlen(value) : 0;

	for (const char *at = options; *at;) {
		size_t n = strcspn(at, ",");

		if (strncmp(at, name, n_name) == 0) {
			if (!value && n == n_name)
				return true;
			if (value && n == n_name + 1 + n_value && at[n_name] == '=' && strncmp(at + n_name + 1, value, n_value) == 0)
				return true;
		}
		at += n;
		at += *at == ',';
	}
	return false;
}
