#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

int loop_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int control(int loop, int op, struct source *source)
{
	struct epoll_event event = {.events = source->events, .data.ptr = source};

	return epoll_ctl(loop, op, source->fd, &event) < 0 ? -errno : 0;
}

int loop_add(int loop, struct source *source)
{
	return control(loop, EPOLL_CTL_ADD, source);
}

int loop_change(int loop, struct source *source, uint32_t events)
{
	source->events = events;
	return control(loop, EPOLL_CTL_MOD, source);
}

void loop_drop(int loop, struct source *source)
{
	if (source->fd < 0)
		return;
	/* Explicitly: a child that was forked meanwhile may hold the description open, and epoll would go on reporting it. */
	epoll_ctl(loop, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
}

int loop_once(int loop, int timeout_ms)
{
	struct epoll_event event;
	struct source *source;
	int n = epoll_wait(loop, &event, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ETIME;
	source = event.data.ptr;
	source->ready(source, event.events);
	return 0;
}
