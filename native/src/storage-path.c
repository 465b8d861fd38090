/* Reports of failures, and the way to pools and mount points. */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool storage_is_ours(const char *source)
{
	return strcmp(source, STORAGE_VIEW_SOURCE) == 0 || strncmp(source, STORAGE_ROOT_PREFIX, strlen(STORAGE_ROOT_PREFIX)) == 0;
}

int storage_note(struct storage_report *report, int r, const char *syscall, const char *detail, ...)
{
	va_list args;

	if (report->errno_.set)
		return r;
	report->errno_ = (struct opt_uint){.set = true, .value = (uint64_t)-r};
	report->syscall = syscall ? strdup(syscall) : NULL;
	va_start(args, detail);
	if (vasprintf(&report->detail, detail, args) < 0)
		report->detail = NULL;
	va_end(args);
	return r;
}

int storage_open_pool(const char *pool, struct storage_report *report)
{
	int fd = pool[0] == '/' ? open(pool, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

	if (pool[0] != '/')
		return storage_note(report, -EINVAL, NULL, "%s: not an absolute path", pool);
	return fd < 0 ? storage_note(report, -errno, "open", "%s", pool) : fd;
}

int storage_upper_inode(int pool, const char *upper, uint64_t *ret, struct storage_report *report)
{
	char updir[STORAGE_MAX_NAME + 4];
	struct stat st;

	if (!storage_name_ok(upper))
		return storage_note(report, -EINVAL, NULL, "%s: no name of an upper", upper);
	snprintf(updir, sizeof(updir), "%s/up", upper);
	if (fstatat(pool, updir, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return storage_note(report, -errno, "stat", "%s", updir);
	*ret = st.st_ino;
	return 0;
}

int storage_open_parent(const char *path, const char **ret_name, struct storage_report *report)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : "";
	char *parent;
	int fd;

	if (path[0] != '/' || !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return storage_note(report, -EINVAL, NULL, "%s: not an absolute path of something in a directory", path);
	parent = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	if (!parent)
		return storage_note(report, -ENOMEM, NULL, "%s", path);
	fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		storage_note(report, -errno, "open", "%s", parent);
	free(parent);
	*ret_name = name;
	return fd < 0 ? -(int)report->errno_.value : fd;
}
