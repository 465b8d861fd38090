#include "frame.h"

#include <errno.h>

void frame_header(uint8_t ret[FRAME_HEADER], enum frame_kind kind, size_t size)
{
	for (int i = 0; i < 4; i++)
		ret[i] = (uint8_t)(size >> (8 * i));
	ret[4] = (uint8_t)kind;
}

static int known(uint8_t kind)
{
	return kind == FRAME_JSON || kind == FRAME_DATA || kind == FRAME_RESIZE || kind == FRAME_DETACH;
}

ssize_t frame_parse(const void *data, size_t size, size_t max, struct frame *ret)
{
	const uint8_t *bytes = data;
	size_t length;

	if (size < FRAME_HEADER)
		return 0;
	length = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
	if (length > max)
		return -EMSGSIZE;
	if (!known(bytes[4]) || (bytes[4] == FRAME_RESIZE && length != 4))
		return -EBADMSG;
	if (size - FRAME_HEADER < length)
		return 0;
	*ret = (struct frame){.kind = bytes[4], .payload = bytes + FRAME_HEADER, .size = length};
	return (ssize_t)(FRAME_HEADER + length);
}

void frame_resize(const struct frame *frame, uint16_t *ret_rows, uint16_t *ret_cols)
{
	const uint8_t *b = frame->payload;

	*ret_rows = (uint16_t)(b[0] | b[1] << 8);
	*ret_cols = (uint16_t)(b[2] | b[3] << 8);
}
