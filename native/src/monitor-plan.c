#include "monitor.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static int bad_plan(struct monitor *m, int r, const char *where, const char *why)
{
	char detail[512];

	snprintf(detail, sizeof(detail), "%s%s%s", where, *where ? ": " : "", why);
	return failure_note(&m->failure, r, "plan", NULL, detail, "read the plan");
}

static int decode(struct monitor *m, const char *text, size_t size)
{
	json_error_t where;
	cleanup_json json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	struct proto_error err = {};
	struct plan *plan;
	int r;

	if (!json)
		return bad_plan(m, -EINVAL, "", where.text);
	plan = calloc(1, sizeof(*plan));
	if (!plan)
		return bad_plan(m, -ENOMEM, "", "out of memory");
	r = plan_decode(json, plan, &err);
	if (r < 0) {
		free(plan);
		return bad_plan(m, r, err.path, err.reason);
	}
	m->plan = plan;
	if (plan->version != PROTOCOL_VERSION)
		return bad_plan(m, -EPROTO, "version", "made for another version of tlxc");
	if (plan->rootfs.overlay && !plan->rootfs.path)
		return bad_plan(m, -EINVAL, "rootfs.overlay", "a stack of layers without the path that it is known by");
	if (!*plan->name || strlen(plan->name) > MAX_NAME || strchr(plan->name, '/'))
		return bad_plan(m, -EINVAL, "name", "no name of a container");
	return 0;
}

int monitor_load_plan(struct monitor *m)
{
	struct stat st;
	char *text;
	int r;

	if (m->plan)
		return 0;
	if (fstat(m->plan_fd, &st) < 0)
		return bad_plan(m, -errno, "", "no sealed copy");
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, m->plan_fd, 0);
	if (text == MAP_FAILED)
		return bad_plan(m, -errno, "", "cannot map the sealed copy");
	r = decode(m, text, (size_t)st.st_size);
	munmap(text, (size_t)st.st_size);
	return r;
}

/* Code and constants that only a start or a stop needs leave our page tables; they come back from the page cache when touched. */
static int drop_pages(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)getpagesize();

	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			(void)madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 1; /* only ourselves */
}

void monitor_drop_plan(struct monitor *m)
{
	if (m->plan) {
		plan_clear(m->plan);
		free(m->plan);
		m->plan = NULL;
	}
	malloc_trim(0);
	dl_iterate_phdr(drop_pages, NULL);
}

static int keep(struct monitor *m)
{
	const struct plan *plan = m->plan;

	m->name = strdup(plan->name);
	m->lxcpath = strdup(plan->lxcpath);
	m->run_dir = strdup(plan->run_dir);
	m->events_dir = strdup(plan->events_dir);
	m->pidfile = plan->pidfile ? strdup(plan->pidfile) : NULL;
	m->foreground = plan->foreground;
	m->execute = plan->init.execute;
	m->signal_numbers = plan->signals;
	return m->name && m->lxcpath && m->run_dir && m->events_dir ? 0 : -ENOMEM;
}

int monitor_read_plan(struct monitor *m, const char *file)
{
	cleanup_free char *text = NULL;
	size_t size;
	int r = fd_read_file(AT_FDCWD, file, MAX_PLAN, &text, &size);

	if (r < 0)
		return failure_note(&m->failure, r, "plan", "read", file, "read the plan");
	m->plan_fd = fd_sealed_copy("tlxc-plan", text, size);
	if (m->plan_fd < 0)
		return failure_note(&m->failure, m->plan_fd, "internal", "memfd_create", NULL, "keep a sealed copy of the plan");
	r = monitor_load_plan(m);
	return r < 0 ? r : keep(m);
}
