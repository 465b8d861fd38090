#include "tasks.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct task *first;
static pid_t root_pid;

struct task *tasks_first(void)
{
	return first;
}

pid_t tasks_root(void)
{
	return root_pid;
}

static pid_t group_of(pid_t tid)
{
	char path[64], line[256];
	pid_t tgid = tid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return tid;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "Tgid:", 5) == 0) {
			tgid = (pid_t)strtol(line + 5, NULL, 10);
			break;
		}
	fclose(file);
	return tgid;
}

struct task *task_find(pid_t tid)
{
	struct task *task;

	for (task = first; task; task = task->next)
		if (task->tid == tid)
			return task;
	task = calloc(1, sizeof(*task));
	if (!task)
		return NULL;
	*task = (struct task){.next = first, .tid = tid, .tgid = group_of(tid)};
	first = task;
	return task;
}

struct task *task_root(pid_t pid)
{
	struct task *task = task_find(pid);

	root_pid = pid;
	if (task)
		task->known = true;
	return task;
}

struct task *task_born(pid_t tid, const struct task *parent)
{
	struct task *task = task_find(tid);

	if (task) {
		task->known = true;
		task->excluded = parent->excluded;
	}
	return task;
}

void task_gone(pid_t tid)
{
	for (struct task **link = &first; *link; link = &(*link)->next)
		if ((*link)->tid == tid) {
			struct task *task = *link;

			*link = task->next;
			free(task);
			return;
		}
}

bool tasks_at_work(void)
{
	for (struct task *task = first; task; task = task->next)
		if (!task->excluded)
			return true;
	return false;
}

static void read_name(pid_t pid, const char *what, char *out, size_t size)
{
	char path[64];
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	file = fopen(path, "re");
	if (file) {
		n = fread(out, 1, size - 1, file);
		fclose(file);
	}
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static bool matches(const char *const *patterns, int count, const char *comm, const char *title)
{
	for (int i = 0; i < count; i++)
		if (fnmatch(patterns[i], comm, 0) == 0 || fnmatch(patterns[i], title, 0) == 0)
			return true;
	return false;
}

bool task_counts(const struct options *o, struct task *task)
{
	char comm[64], title[256];

	if (o->only_count == 0 && o->except_count == 0)
		return true;
	read_name(task->tgid, "comm", comm, sizeof(comm));
	/* The first argument, or what a daemon calls itself there. */
	read_name(task->tgid, "cmdline", title, sizeof(title));
	if (matches(o->except, o->except_count, comm, title)) {
		for (struct task *other = first; other; other = other->next)
			if (other->tgid == task->tgid)
				other->excluded = true;
		return false;
	}
	return o->only_count == 0 || matches(o->only, o->only_count, comm, title);
}

/* The names are bytes; the log is JSON: what is no UTF-8 becomes '?'. */
static json_t *text(char *bytes)
{
	json_t *value = json_string(bytes);

	if (value)
		return value;
	for (char *c = bytes; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(bytes);
}

static void list_line(const struct options *o, json_t *line)
{
	if (o->list && line) {
		json_dumpf(line, o->list, JSON_COMPACT);
		fputc('\n', o->list);
		fflush(o->list);
	}
	json_decref(line);
}

void list_call(const struct options *o, long n, const struct task *task, const struct call *call, bool space, const struct touched *t)
{
	char comm[64];
	json_t *paths, *line;

	if (!o->list)
		return;
	read_name(task->tgid, "comm", comm, sizeof(comm));
	paths = json_array();
	for (int i = 0; i < t->count; i++)
		json_array_append_new(paths, text((char *)(uintptr_t)t->path[i]));
	line = json_pack("{s:I, s:s, s:i, s:b, s:b, s:o, s:o}", "n", (json_int_t)n, "call", call->name, "pid", task->tgid, "root",
			 task->tgid == root_pid, "space", space, "comm", text(comm), "paths", paths);
	list_line(o, line);
}

void list_result(const struct options *o, long n, long result)
{
	list_line(o, json_pack("{s:I, s:I}", "n", (json_int_t)n, "result", (json_int_t)result));
}

void list_clone(const struct options *o, long n, int result)
{
	/* 1: the disk is as at the clone before. */
	list_line(o, json_pack("{s:I, s:i}", "n", (json_int_t)n, "cloned", result));
}
