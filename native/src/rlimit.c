/* Apart, because <sys/resource.h> and protocol.gen.h both name a struct rlimit. */
#include "proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{"as", RLIMIT_AS}, {"core", RLIMIT_CORE}, {"cpu", RLIMIT_CPU}, {"data", RLIMIT_DATA}, {"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS}, {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"rss", RLIMIT_RSS}, {"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME}, {"sigpending", RLIMIT_SIGPENDING}, {"stack", RLIMIT_STACK},
};

static int value_of(const char *text, rlim_t *ret)
{
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno ? -errno : end == text || *end ? -EINVAL : 0;
}

int proc_set_rlimit(pid_t pid, const char *name, const char *soft, const char *hard)
{
	struct rlimit limit;
	size_t i = 0;

	while (i < sizeof(limits) / sizeof(*limits) && strcmp(limits[i].name, name) != 0)
		i++;
	if (i == sizeof(limits) / sizeof(*limits) || value_of(soft, &limit.rlim_cur) < 0 || value_of(hard, &limit.rlim_max) < 0)
		return -EINVAL;
	return prlimit(pid, limits[i].resource, &limit, NULL) < 0 ? -errno : 0;
}
