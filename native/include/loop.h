/* The event loop: one event at a time, so that a handler may close or free any source. Returns 0 or -errno; never logs. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct source {
	int fd;
	uint32_t events;
	void (*ready)(struct source *source, uint32_t events);
};

/* The epoll descriptor, or -errno. */
int loop_open(void);
int loop_add(int loop, struct source *source);
/* Asks for other events; also makes an edge-triggered source report again what is there. */
int loop_change(int loop, struct source *source, uint32_t events);
/* Forgets the source and closes its descriptor; nothing when fd is -1. */
void loop_drop(int loop, struct source *source);
/* Waits for one event (-1: for ever) and handles it; -ETIME when none came. */
int loop_once(int loop, int timeout_ms);

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
