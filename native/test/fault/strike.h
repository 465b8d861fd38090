/* What the options say that happens at a call. */
#pragma once
#include "tasks.h"

enum struck {
	STRUCK_NOT,
	STRUCK_SKIPPED, /* the call is not executed, and has failed */
	STRUCK_DEAD, /* the task ends and is not to be resumed */
};

/* Whether the call counts, by what it touches. */
bool is_meant(const struct options *o, const struct call *call, const struct touched *t);
/* What happens before call n, and after it (true: the task is not to be resumed). */
enum struck strike_before(const struct options *o, struct task *task, const struct call *call, long n, bool space);
bool strike_after(const struct options *o, long n);
/* The whole tree is being killed: nothing goes on, what is born is killed as well. */
bool strike_kills_all(void);
