/* Frames between a client and the monitor: u32 little-endian length of payload | u8 kind | payload. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FRAME_HEADER = 5 };
enum frame_kind { FRAME_JSON = 'J', FRAME_DATA = 'D', FRAME_RESIZE = 'Z', FRAME_DETACH = 'Q' };

struct frame {
	enum frame_kind kind;
	const uint8_t *payload;
	size_t size;
};

void frame_header(uint8_t ret[FRAME_HEADER], enum frame_kind kind, size_t size);
/* Takes the first frame of data. Returns the bytes it used, 0 when it is not all there yet, -EMSGSIZE for a payload of more
 * than max bytes and -EBADMSG for an unknown kind (both as soon as the header is there) or a resize of the wrong size. */
ssize_t frame_parse(const void *data, size_t size, size_t max, struct frame *ret);
/* Rows and columns of a FRAME_RESIZE. */
void frame_resize(const struct frame *frame, uint16_t *ret_rows, uint16_t *ret_cols);
