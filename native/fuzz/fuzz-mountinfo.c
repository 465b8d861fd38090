/* A mountinfo: its lines hold names that anybody may choose. */
#include "cleanup.h"
#include "mountinfo.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	struct mount_line line;
	char *at = text;
	size_t all = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	while (mount_line_next(&at, &line)) {
		all += strlen(line.root) + strlen(line.point) + strlen(line.type) + strlen(line.source);
		all += mount_line_option(line.options, "ro", NULL);
		all += mount_line_option(line.super_options, "upperdir", "u00001/up");
	}
	return all > size * 4 + 4; /* 1 would be a bug: libFuzzer then stops */
}
