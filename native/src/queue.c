#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int queue_push(struct queue *queue, const void *data, size_t size)
{
	size_t room = queue->room ? queue->room : 4096;
	uint8_t *more;

	if (size > queue->max || queue->used > queue->max - size)
		return -ENOBUFS;
	if (queue->start && queue->start + queue->used + size > queue->room) {
		memmove(queue->data, queue->data + queue->start, queue->used);
		queue->start = 0;
	}
	while (room < queue->used + size)
		room *= 2;
	if (room != queue->room) {
		more = realloc(queue->data, room);
		if (!more)
			return -ENOMEM;
		queue->data = more;
		queue->room = room;
	}
	if (size)
		memcpy(queue->data + queue->start + queue->used, data, size);
	queue->used += size;
	return 0;
}

size_t queue_peek(const struct queue *queue, const uint8_t **ret)
{
	*ret = queue->used ? queue->data + queue->start : NULL;
	return queue->used;
}

void queue_drop(struct queue *queue, size_t size)
{
	queue->start += size;
	queue->used -= size;
	if (queue->used == 0)
		queue_clear(queue);
}

int queue_flush(struct queue *queue, int fd)
{
	const uint8_t *data;
	size_t size;

	while ((size = queue_peek(queue, &data)) > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK)
			n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		queue_drop(queue, (size_t)n);
	}
	return 0;
}

void queue_clear(struct queue *queue)
{
	free(queue->data);
	*queue = (struct queue){.max = queue->max};
}

int ring_open(struct ring *ring, size_t size)
{
	size_t rounded = 4096;

	*ring = (struct ring){};
	if (size == 0)
		return 0;
	if (size > SIZE_MAX / 4)
		return -EINVAL;
	while (rounded < size)
		rounded *= 2;
	ring->data = mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring->data == MAP_FAILED) {
		ring->data = NULL;
		return -errno;
	}
	ring->size = rounded;
	return 0;
}

void ring_write(struct ring *ring, const void *data, size_t size)
{
	const uint8_t *from = data;

	if (size > ring->size) {
		from += size - ring->size;
		ring->written += size - ring->size;
		size = ring->size;
	}
	while (size > 0) {
		size_t at = (size_t)(ring->written & (ring->size - 1));
		size_t n = ring->size - at < size ? ring->size - at : size;
		memcpy(ring->data + at, from, n);
		ring->written += n;
		from += n;
		size -= n;
	}
}

size_t ring_pieces(const struct ring *ring, const uint8_t *ret_piece[2], size_t ret_size[2])
{
	size_t kept = ring->written < ring->size ? (size_t)ring->written : ring->size;
	size_t at = ring->size ? (size_t)((ring->written - kept) & (ring->size - 1)) : 0;

	ret_piece[0] = kept ? ring->data + at : NULL;
	ret_size[0] = ring->size - at < kept ? ring->size - at : kept;
	ret_piece[1] = ring->data;
	ret_size[1] = kept - ret_size[0];
	return kept;
}

void ring_close(struct ring *ring)
{
	if (ring->data)
		munmap(ring->data, ring->size);
	*ring = (struct ring){};
}
