#include "monitor.h"

#include "cleanup.h"
#include "clock.h"
#include "fd.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

/* A look every 10 ms: a try lasts 100 ms. */
enum { V1_LOOKS_A_TRY = 10, V1_PERIOD_MS = 2, MAX_STATE_FILE = 4096 };

/* v2 wherever the payload is in it, also when it has no controllers (hybrid): it notifies, and what it froze dies of SIGKILL. */
static const struct cgroup_path *freezer(const struct monitor *m)
{
	const struct cgroup_path *path = cgroups_find(&m->cgroups, NULL);
	char file[PATH_MAX];

	if (path && path_join(file, sizeof(file), path->payload, "cgroup.freeze") == 0 && access(file, W_OK) == 0)
		return path;
	return cgroups_find(&m->cgroups, "freezer");
}

static int write_wanted(const struct cgroup_path *path, bool freeze)
{
	char file[PATH_MAX];
	int r = path_join(file, sizeof(file), path->payload, path->version == 2 ? "cgroup.freeze" : "freezer.state");

	if (r < 0)
		return r;
	return fd_write_file(AT_FDCWD, file, path->version == 2 ? (freeze ? "1" : "0") : freeze ? "FROZEN" : "THAWED");
}

/* 1: as wanted, 0: not yet. */
static int reached(const struct cgroup_path *path, bool freeze)
{
	cleanup_free char *text = NULL;
	char file[PATH_MAX];
	int r = path_join(file, sizeof(file), path->payload, path->version == 2 ? "cgroup.events" : "freezer.state");

	if (r == 0)
		r = fd_read_file(AT_FDCWD, file, MAX_STATE_FILE, &text, NULL);
	if (r < 0)
		return r;
	if (path->version == 2)
		return strstr(text, freeze ? "frozen 1" : "frozen 0") != NULL;
	return strncmp(text, freeze ? "FROZEN" : "THAWED", 6) == 0;
}

bool freeze_is(const struct monitor *m, bool frozen)
{
	const struct cgroup_path *path = freezer(m);

	return path ? reached(path, frozen) == 1 : !frozen;
}

void freeze_close(struct monitor *m)
{
	loop_drop(m->loop, &m->freeze.events);
	loop_drop(m->loop, &m->freeze.timer);
	m->freeze.wanted = -1;
}

static void finish(struct monitor *m, int r)
{
	bool freeze = m->freeze.wanted == 1;

	freeze_close(m);
	if (r == 0 && freeze)
		monitor_set_state(m, STATE_FROZEN);
	else if (r == 0)
		monitor_set_state(m, STATE_THAWED);
	clients_frozen(m, freeze, r);
	/* A freeze that does not complete is taken back: nothing may stay half frozen. */
	if (r < 0 && freeze) {
		freeze_thaw_now(m);
		monitor_set_state(m, STATE_THAWED);
	}
}

/*
 * v1: a task that was in fork(2) while it happened is caught by asking again; one that waits for a child which is frozen already
 * (vfork(2), a read of its pipe in an old kernel) never comes to rest: all are let go, and asked anew.
 */
static void ask_again(struct monitor *m, const struct cgroup_path *path)
{
	bool freeze = m->freeze.wanted == 1;

	if (freeze && ++m->freeze.looks % V1_LOOKS_A_TRY == 0)
		(void)write_wanted(path, false);
	(void)write_wanted(path, freeze);
}

static void look(struct monitor *m)
{
	const struct cgroup_path *path = freezer(m);
	int r = path ? reached(path, m->freeze.wanted == 1) : -ENOENT;

	if (r == 0 && path->version == 1)
		ask_again(m, path);
	if (r == 0 && m->freeze.deadline_ms && monotonic_ms() >= m->freeze.deadline_ms)
		r = -ETIMEDOUT;
	if (r != 0)
		finish(m, r > 0 ? 0 : r);
}

static void on_events(struct source *source, uint32_t events)
{
	(void)events;
	look(container_of(source, struct monitor, freeze.events));
}

static void on_timer(struct source *source, uint32_t events)
{
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) > 0)
		look(container_of(source, struct monitor, freeze.timer));
}

static int watch(struct monitor *m, const struct cgroup_path *path, uint64_t timeout_ms)
{
	uint64_t period = path->version == 2 ? timeout_ms : V1_PERIOD_MS;
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(period / 1000), .tv_nsec = (long)(period % 1000) * 1000000},
		.it_interval = {.tv_nsec = 10000000},
	};
	char file[PATH_MAX];
	int fd = -1;

	if (path->version == 2) {
		if (path_join(file, sizeof(file), path->payload, "cgroup.events") == 0)
			fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		m->freeze.events = (struct source){.fd = fd, .events = EPOLLPRI, .ready = on_events};
		if (loop_add(m->loop, &m->freeze.events) < 0)
			return -errno;
	}
	if (period == 0)
		return 0;
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	m->freeze.timer = (struct source){.fd = fd, .events = EPOLLIN, .ready = on_timer};
	if (timerfd_settime(fd, 0, &when, NULL) < 0)
		return -errno;
	return loop_add(m->loop, &m->freeze.timer);
}

int freeze_begin(struct monitor *m, bool freeze, uint64_t timeout_ms)
{
	const struct cgroup_path *path = freezer(m);
	int r;

	if (!path)
		return -ENOENT;
	if (!freeze)
		lease_lost(m);
	if (m->freeze.wanted == !freeze) { /* who waits for the other way round is told */
		freeze_close(m);
		clients_frozen(m, freeze, -ECANCELED);
	}
	if (m->freeze.wanted >= 0) { /* asked for already */
		look(m);
		return 0;
	}
	if (freeze)
		monitor_set_state(m, STATE_FREEZING);
	r = write_wanted(path, freeze);
	if (r == 0) {
		m->freeze.wanted = freeze;
		m->freeze.looks = 0;
		m->freeze.deadline_ms = timeout_ms ? monotonic_ms() + timeout_ms : 0;
		r = watch(m, path, timeout_ms);
	}
	if (r < 0) { /* it may be frozen by now, and nobody would see that */
		freeze_close(m);
		if (freeze) {
			freeze_thaw_now(m);
			monitor_set_state(m, STATE_THAWED);
		}
		return r;
	}
	look(m);
	return 0;
}

void freeze_thaw_now(struct monitor *m)
{
	const struct cgroup_path *v1 = cgroups_find(&m->cgroups, "freezer"), *path = freezer(m);

	freeze_close(m);
	lease_lost(m);
	if (path)
		(void)write_wanted(path, false);
	if (v1 && v1 != path && *v1->payload) /* somebody froze it by hand */
		(void)write_wanted(v1, false);
}
