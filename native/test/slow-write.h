/* One write(2) that lasts as long as somebody wants: the memory that it takes its data from is not there yet. */
#pragma once
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOW_SIZE = 64 << 12 };

struct slow_write {
	pid_t pid;
	atomic_int *step; /* SLOW_* */
};
enum { SLOW_BEGINS, SLOW_WRITES, SLOW_MAY_END, SLOW_TOLD };

/* Gives pages of 'b' when it may: the first one stands for that the write is under way. */
static void slow_memory(int faults, atomic_int *step)
{
	static char page[4096];
	struct uffd_msg fault;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(page, 'b', sizeof(page));
	while (read(faults, &fault, sizeof(fault)) == sizeof(fault)) {
		struct uffdio_copy copy = { .dst = fault.arg.pagefault.address & ~4095ULL, .src = (uintptr_t)page, .len = sizeof(page) };

		if (*step == SLOW_BEGINS)
			*step = SLOW_WRITES;
		while (*step == SLOW_WRITES)
			usleep(1000);
		(void)ioctl(faults, UFFDIO_COPY, &copy);
	}
	_exit(0);
}

static bool slow_run(const char *path, const char *told, atomic_int *step)
{
	char *data = mmap(NULL, SLOW_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC), fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .range = { (uintptr_t)data, SLOW_SIZE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	bool good;

	if (fd < 0 || faults < 0 || ioctl(faults, UFFDIO_API, &api) < 0 || ioctl(faults, UFFDIO_REGISTER, &range) < 0)
		return false;
	if (fork() == 0)
		slow_memory(faults, step);
	good = pwrite(fd, data, SLOW_SIZE, 0) == SLOW_SIZE;
	close(open(told, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	*step = SLOW_TOLD;
	while (good)
		pause();
	return false;
}

/* Overwrites path and makes the file told at once when that has ended. False: this kernel cannot. */
static bool slow_write_start(struct slow_write *ret, const char *path, const char *told)
{
	atomic_int *step = mmap(NULL, sizeof(*step), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*step = SLOW_BEGINS;
	fflush(stdout);
	*ret = (struct slow_write){ .pid = fork(), .step = step };
	if (ret->pid == 0)
		_exit(slow_run(path, told, step) ? 0 : 1);
	while (*step == SLOW_BEGINS && waitpid(ret->pid, NULL, WNOHANG) == 0)
		usleep(1000);
	return *step == SLOW_WRITES;
}

static void slow_write_end(const struct slow_write *slow)
{
	*slow->step = SLOW_MAY_END;
	while (*slow->step != SLOW_TOLD)
		usleep(1000);
}
