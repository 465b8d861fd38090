/* Memory, troubles, stat and listing for the programs that copy trees. */
#include "tree.h"

#include "cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

_Thread_local struct tree_trouble tree_trouble;

int tree_fail(const char *syscall, const char *name)
{
	int err = errno;

	tree_trouble.syscall = syscall;
	snprintf(tree_trouble.name, sizeof(tree_trouble.name), "%s", name);
	return -err;
}

const char *tree_cause(int r)
{
	static char text[700];
	const char *syscall = tree_trouble.syscall ? tree_trouble.syscall : "copy";

	if (*tree_trouble.name)
		snprintf(text, sizeof(text), "%s \"%s\": %s", syscall, tree_trouble.name, strerrordesc_np(-r));
	else
		snprintf(text, sizeof(text), "%s: %s", syscall, strerrordesc_np(-r));
	return text;
}

void *tree_alloc(size_t n, size_t size)
{
	void *memory = calloc(n ? n : 1, size);

	if (!memory)
		abort();
	return memory;
}

void *tree_grow(void *old, size_t n, size_t size)
{
	void *memory = reallocarray(old, n, size);

	if (!memory)
		abort();
	return memory;
}

char *tree_strdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	return copy;
}

static struct tree_time from_statx(struct statx_timestamp t)
{
	return (struct tree_time){ .sec = t.tv_sec, .nsec = t.tv_nsec };
}

int tree_stat(int dir, const char *name, struct tree_stat *ret)
{
	struct statx st;

	/* AT_STATX_DONT_SYNC spares network filesystems a round trip and changes nothing on local ones. */
	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return tree_fail("statx", name);
	*ret = (struct tree_stat){
		.mode = st.stx_mode, .uid = st.stx_uid, .gid = st.stx_gid, .nlink = st.stx_nlink, .rdev_major = st.stx_rdev_major,
		.rdev_minor = st.stx_rdev_minor, .dev_major = st.stx_dev_major, .dev_minor = st.stx_dev_minor, .ino = st.stx_ino,
		.size = st.stx_size, .blocks = st.stx_blocks, .atime = from_statx(st.stx_atime), .mtime = from_statx(st.stx_mtime),
		.ctime = from_statx(st.stx_ctime),
	};
	if (st.stx_mask & STATX_BTIME)
		ret->btime = from_statx(st.stx_btime);
	return 0;
}

bool tree_is_whiteout(const struct tree_stat *stat)
{
	return S_ISCHR(stat->mode) && stat->rdev_major == 0 && stat->rdev_minor == 0;
}

struct dirent64_head {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

int tree_list(int dir, int (*each)(void *data, const char *name, unsigned char type, uint64_t ino), void *data)
{
	enum { LIST_BUFFER = 64 << 10 };
	cleanup_free char *buffer = tree_alloc(1, LIST_BUFFER);
	cleanup_fd int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME | O_NOFOLLOW);
	long n;

	if (fd < 0)
		return tree_fail("openat", ".");
	while ((n = syscall(SYS_getdents64, fd, buffer, LIST_BUFFER)) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64_head *entry = (const void *)(buffer + at);
			int r = 0;

			if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
				r = each(data, entry->name, entry->type, entry->ino);
			if (r < 0)
				return r;
			at += entry->reclen;
		}
	}
	return n < 0 ? tree_fail("getdents64", ".") : 0;
}

int tree_open_dir(int dir, const char *name)
{
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? tree_fail("openat", name) : fd;
}
