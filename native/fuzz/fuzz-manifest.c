/* Manifests from any bytes. The sum is made right first, or nothing would get past it; what was accepted must be a tree. */
#include "live-manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest manifest;
	uint8_t *copy = malloc(size + 1);
	uint64_t children = 1;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (size >= 8) {
		uint64_t sum = manifest_sum(copy, size - 8);
		for (size_t i = 0; i < 8; i++)
			copy[size - 8 + i] = (uint8_t)(sum >> (8 * i));
	}
	if (manifest_parse(copy, size, &manifest) == 0) {
		for (uint32_t i = 0; i < manifest.n; i++) {
			const struct manifest_record *record = &manifest.records[i];

			children += record->n_children;
			if (record->n_children && (record->first_child <= i || record->first_child + record->n_children > manifest.n))
				abort();
			if (strlen(record->name) > 255)
				abort();
		}
		if (children != manifest.n)
			abort();
		manifest_clear(&manifest);
	}
	free(copy);
	return 0;
}
