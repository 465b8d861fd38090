/* When a change shows: the times that files get, and from where on they can be trusted. */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

enum {
	TICKS = 2, /* kernels before 6.13 stamp with the time of the last tick */
	SECOND = 1000000000,
};

static int64_t read_clock(clockid_t which)
{
	struct timespec time;

	clock_gettime(which, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

int64_t live_tick_ns(void)
{
	struct timespec tick;

	return clock_getres(CLOCK_REALTIME_COARSE, &tick) == 0 ? tick.tv_sec * SECOND + tick.tv_nsec : SECOND / 100;
}

/* Both of the same tick: their difference is exact then, and changes only when somebody sets the clock (or a leap second does). */
static int64_t ahead(int64_t *ret_now)
{
	int64_t steady, again = read_clock(CLOCK_MONOTONIC_COARSE);

	do {
		steady = again;
		*ret_now = read_clock(CLOCK_REALTIME_COARSE);
		again = read_clock(CLOCK_MONOTONIC_COARSE);
	} while (again != steady);
	return *ret_now - steady;
}

/* What is set as a time is cut as what a change notes. ext4 with inodes of 128 bytes keeps whole seconds. */
int live_clock_setup(struct live *live, int dir)
{
	const struct timespec times[2] = { { .tv_nsec = SECOND - 1 }, { .tv_nsec = SECOND - 1 } };
	struct tree_stat stat;
	int r;

	if (utimensat(dir, ".", times, 0) < 0)
		return tree_fail("utimensat", ".");
	r = tree_stat(dir, "", &stat);
	if (r == 0)
		live->grain_ns = SECOND - stat.mtime.nsec;
	return r;
}

int live_clock_start(struct live *live)
{
	int r = live->ahead_ns ? live_clock_check(live) : 0;
	int64_t ns;

	live->ahead_ns = ahead(&ns);
	ns -= TICKS * live_tick_ns() + live->under_way_ns;
	ns -= ns % live->grain_ns;
	live->t0 = (struct tree_time){ .sec = ns / SECOND, .nsec = (uint32_t)(ns % SECOND) };
	return r;
}

int live_clock_check(const struct live *live)
{
	int64_t now;

	if (ahead(&now) >= live->ahead_ns)
		return 0;
	errno = EAGAIN;
	return tree_fail("clock", "it was set back meanwhile");
}
