/* Frames from any bytes: never beyond the end. */
#include "frame.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame frame;
	ssize_t n;

	while ((n = frame_parse(data, size, 65536, &frame)) > 0) {
		if ((size_t)n > size || frame.payload + frame.size > data + size)
			abort();
		data += n;
		size -= (size_t)n;
	}
	return 0;
}
