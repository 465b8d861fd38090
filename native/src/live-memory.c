/* Memory for copies that are made while the container waits: got before, handed out by a counter. */
#include "live.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int live_memory(struct live *live, size_t budget, size_t ready)
{
	void *memory;

	if (budget == 0 || live->memory)
		return 0;
	memory = mmap(NULL, budget, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return tree_fail("mmap", "memory budget");
	live->memory = memory;
	live->budget = budget;
	(void)madvise(memory, budget, MADV_HUGEPAGE);
	/* Faults would cost a quarter of the time of the copies. Kernels before 5.14 do without. */
	(void)madvise(memory, ready < budget ? ready : budget, MADV_POPULATE_WRITE);
	return 0;
}
