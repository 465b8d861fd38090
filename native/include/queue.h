/* Byte queues: a growing FIFO with a bound, and a ring that keeps the newest bytes. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct queue {
	uint8_t *data;
	size_t start, used, room;
	size_t max; /* bytes that may wait */
};

/* Appends all of it or nothing: -ENOBUFS beyond max, -ENOMEM. */
int queue_push(struct queue *queue, const void *data, size_t size);
/* What waits, in one piece; *ret is valid until the next call. */
size_t queue_peek(const struct queue *queue, const uint8_t **ret);
/* Forgets the first bytes; gives the memory back when nothing waits. */
void queue_drop(struct queue *queue, size_t size);
/* Writes what fd takes without blocking: 0 all written, 1 some waits, or -errno. */
int queue_flush(struct queue *queue, int fd);
void queue_clear(struct queue *queue);

struct ring {
	uint8_t *data;
	size_t size; /* a power of two; 0: keeps nothing */
	uint64_t written;
};

/* size is rounded up to a power of two. Memory is mapped: pages cost nothing until they are written. */
int ring_open(struct ring *ring, size_t size);
void ring_write(struct ring *ring, const void *data, size_t size);
/* The kept bytes, oldest first, as at most two pieces; returns how many bytes in all. */
size_t ring_pieces(const struct ring *ring, const uint8_t *ret_piece[2], size_t ret_size[2]);
void ring_close(struct ring *ring);
