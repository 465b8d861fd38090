/* Trees of files in layers: reading what an entry is, copying it with everything, removing a tree. For livesnap and compose. Whatever is
 * read belongs to a hostile container and may change meanwhile: nothing follows a link, opens a device or recurses by depth. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Of the last call in this thread that gave an error: for the report. */
struct tree_trouble {
	const char *syscall;
	char name[512];
};
extern _Thread_local struct tree_trouble tree_trouble;
/* Notes the failed call with what it was about, gives -errno. */
int tree_fail(const char *syscall, const char *name);
/* The trouble in one line for people, until the next call. */
const char *tree_cause(int r);
/* Zeroed memory; ends the program when there is none. */
void *tree_alloc(size_t n, size_t size);
void *tree_grow(void *old, size_t n, size_t size);
char *tree_strdup(const char *text);

struct tree_time {
	int64_t sec;
	uint32_t nsec;
};

static inline int tree_time_compare(struct tree_time a, struct tree_time b)
{
	return a.sec != b.sec ? (a.sec < b.sec ? -1 : 1) : a.nsec != b.nsec ? (a.nsec < b.nsec ? -1 : 1) : 0;
}

struct tree_stat {
	uint32_t mode; /* with the type */
	uint32_t uid, gid, nlink;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t ino, size, blocks;
	struct tree_time atime, mtime, ctime, btime;
};

/* Of name in dir; "" is the directory itself. Links are not followed. */
int tree_stat(int dir, const char *name, struct tree_stat *ret);
static inline bool tree_same(const struct tree_stat *a, const struct tree_stat *b)
{
	return a->ino == b->ino && tree_time_compare(a->btime, b->btime) == 0;
}
/* An overlay's "deleted": a character device 0/0. */
bool tree_is_whiteout(const struct tree_stat *stat);

/* Extended attributes, without those that mean something only in the place where they are: trusted.overlay.{origin,impure,nlink,uuid,
 * upper,protattr}; opaque and redirect apart. trusted.overlay.overlay.* (of an overlay inside) are kept. */
struct tree_xattrs {
	char *data; /* name NUL u32 size value, repeated */
	size_t size;
	char *redirect;
	bool opaque, origin;
};
int tree_xattrs_read(int dir, const char *name, struct tree_xattrs *ret);
void tree_xattrs_clear(struct tree_xattrs *xattrs);

/* Target of a symbolic link, to be freed. */
int tree_readlink(int dir, const char *name, char **ret);

/* What an entry has besides its content: owner, xattrs, ACLs, mode with set-id bits, times; in the order that lets all of them stay.
 * opaque and redirect are written only when directories are given them here. */
int tree_apply(int dir, const char *name, const struct tree_stat *stat, const struct tree_xattrs *xattrs, bool opaque, const char *redirect);
/* Makes what has no content: symbolic link, device, fifo. Without attributes. */
int tree_make_special(int dir, const char *name, const struct tree_stat *stat, const char *link);
int tree_make_whiteout(int dir, const char *name);

/* A regular file for reading, never anything else even when it was replaced: -ESTALE then. */
int tree_open_file(int dir, const char *name);
/* The content of a file up to size bytes, holes stay holes; what is not there any more ends it. buffer: TREE_BUFFER bytes. */
enum { TREE_BUFFER = 1 << 20 };
int tree_copy_data(int from, int to, const struct tree_stat *stat, char *buffer);
/* Shares all data of from with the empty file to; -EOPNOTSUPP where that is impossible. */
int tree_clone(int from, int to);

/* A directory that can be opened again from its parents: descriptors are kept while there are enough of them. */
struct tree_dir {
	struct tree_dir *parent; /* holds a reference */
	char *name;
	int fd; /* -1: too many were open */
	uint64_t ino; /* 0: not checked */
	atomic_uint refs;
};
/* Raises RLIMIT_NOFILE to the hard limit and gives most of it to directories; max 0: no limit of our own. */
void tree_dirs_setup(unsigned max);
/* Takes a reference to parent; fd (or -1) is the new one's from now on, name is copied. */
struct tree_dir *tree_dir_new(struct tree_dir *parent, const char *name, int fd, uint64_t ino);
struct tree_dir *tree_dir_ref(struct tree_dir *dir);
void tree_dir_unref(struct tree_dir *dir);
/* A descriptor (O_PATH) of dir: the kept one or, to be closed by tree_dir_done, a new one. -errno; -ESTALE: another one has its name. */
int tree_dir_open(struct tree_dir *dir);
void tree_dir_done(const struct tree_dir *dir, int fd);
/* Opens a subdirectory of an open directory, O_PATH; not through links. */
int tree_open_dir(int dir, const char *name);

/* Calls each for all names but . and .. until it gives an error. type: DT_*. Nothing of the directory is changed meanwhile. */
int tree_list(int dir, int (*each)(void *data, const char *name, unsigned char type, uint64_t ino), void *data);

/* Removes name in dir, whatever its depth. */
int tree_remove(int dir, const char *name);
