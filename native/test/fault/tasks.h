/* The threads that are traced, and the log of what they did. */
#pragma once
#include "fault.h"

struct task {
	struct task *next;
	pid_t tid, tgid;
	long pending; /* number of the call that it is in */
	bool excluded; /* a daemon that lives on, or a descendant of one */
	bool known; /* its parent is known */
	bool held; /* stopped until its parent is known */
};

struct task *tasks_first(void);
pid_t tasks_root(void);
struct task *task_root(pid_t pid);
/* Makes one for an id that was never seen. */
struct task *task_find(pid_t tid);
struct task *task_born(pid_t tid, const struct task *parent);
void task_gone(pid_t tid);
/* Others than daemons. */
bool tasks_at_work(void);
/* By the names of its process; marks a daemon as excluded. */
bool task_counts(const struct options *o, struct task *task);

void list_call(const struct options *o, long n, const struct task *task, const struct call *call, bool space,
	       const struct touched *t);
void list_result(const struct options *o, long n, long result);
void list_clone(const struct options *o, long n, int result);

int trace_start(char *const argv[]);
/* Waits for one event; 0: nobody is left. */
int trace_step(const struct options *o, int *root_status);
