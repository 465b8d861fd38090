/* Random changes to a tree. Few names, so that everything soon lies over something else. */
#pragma once
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static uint64_t random_state = 1;

static unsigned pick(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 20) % n);
}

static void random_path(char *ret)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "\xff\nf", "g g", "..h" };
	unsigned depth = 1 + pick(4);

	strcpy(ret, names[pick(8)]);
	for (unsigned i = 1; i < depth; i++) {
		strcat(ret, "/");
		strcat(ret, names[pick(8)]);
	}
}

static void fill(int fd, size_t size)
{
	char data[8192];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)('a' + pick(26));
	for (size_t done = 0; done < size; done += sizeof(data))
		if (write(fd, data, size - done < sizeof(data) ? size - done : sizeof(data)) < 0)
			return;
}

static void op_write(int root, const char *path)
{
	static const int how[] = { O_CREAT | O_TRUNC, O_CREAT | O_EXCL, O_APPEND, 0 };
	int fd = openat(root, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | how[pick(4)], 0600 + pick(0200));

	if (fd < 0)
		return;
	if (pick(3) == 0)
		(void)!lseek(fd, pick(200000), SEEK_SET);
	fill(fd, pick(4) == 0 ? pick(3 << 20) : pick(5000));
	close(fd);
}

static void op_map(int root, const char *path)
{
	int fd = openat(root, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		char *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED) {
			map[pick((unsigned)st.st_size)] = (char)pick(256);
			munmap(map, (size_t)st.st_size);
		}
	}
	close(fd);
}

static void op_truncate(int root, const char *path)
{
	int fd = openat(root, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, pick(300000)) < 0 && pick(2))
		(void)!ftruncate(fd, 0);
	if (fd >= 0)
		close(fd);
}

static void remove_deep(int root, const char *path)
{
	char below[2048];
	DIR *dir;
	int fd;
	struct dirent *entry;

	if (unlinkat(root, path, 0) == 0)
		return;
	fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir && (entry = readdir(dir))) {
		(void)!snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strlen(path) < 200)
			remove_deep(root, below);
	}
	if (dir)
		closedir(dir);
	(void)!unlinkat(root, path, AT_REMOVEDIR);
}

static void op_node(int root, const char *path)
{
	static const mode_t types[] = { S_IFIFO, S_IFCHR, S_IFBLK, S_IFSOCK };
	mode_t type = types[pick(4)];

	(void)!mknodat(root, path, type | 0640, type == S_IFCHR || type == S_IFBLK ? makedev(1 + pick(8), pick(300)) : 0);
}

static void op_attribute(int root, const char *path)
{
	/* user::rwx user:1:r-x group::r-x mask::rwx other::--- */
	static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 5, 0, 1, 0, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255,
					     16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255 };
	static const unsigned char capability[] = { 1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	char whole[400], value[300];

	snprintf(whole, sizeof(whole), "/proc/self/fd/%d/%s", root, path);
	memset(value, 'v', sizeof(value));
	switch (pick(8)) {
	case 0:
		(void)!lsetxattr(whole, "system.posix_acl_access", acl, sizeof(acl), 0);
		break;
	case 1:
		(void)!lsetxattr(whole, "system.posix_acl_default", acl, sizeof(acl), 0);
		break;
	case 2:
		(void)!lsetxattr(whole, "security.capability", capability, sizeof(capability), 0);
		break;
	case 3:
		(void)!lsetxattr(whole, "user.x", value, pick(300), 0);
		break;
	case 4:
		(void)!lsetxattr(whole, "trusted.y", value, pick(300), 0);
		break;
	case 5: /* of an overlay inside: escaped where the kernel can */
		(void)!lsetxattr(whole, "trusted.overlay.opaque", "y", 1, 0);
		break;
	case 6:
		(void)!lremovexattr(whole, "user.x");
		break;
	default:
		(void)!lremovexattr(whole, "system.posix_acl_access");
		break;
	}
}

static void op_times(int root, const char *path)
{
	struct timespec times[2] = { { pick(1000000), pick(1000000000) }, { pick(1000000), pick(1000000000) } };

	(void)!utimensat(root, path, times, AT_SYMLINK_NOFOLLOW);
}

/* One page again and again: only the first write after a writeback shows in the ctime. */
static void op_dirty_page(int root)
{
	static char *map;
	static int count;

	if (map && pick(20) == 0) {
		munmap(map, 4096);
		map = NULL;
	}
	if (!map) {
		int fd = openat(root, "mapped", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd >= 0 && ftruncate(fd, 4096) == 0)
			map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			map = NULL;
		if (fd >= 0)
			close(fd);
	}
	if (map)
		snprintf(map, 4096, "write %d", ++count);
}

static void random_change(int root, bool overlay)
{
	char path[100], other[100];

	random_path(path);
	random_path(other);
	switch (pick(24)) {
	case 0 ... 4:
		op_write(root, path);
		break;
	case 5:
		op_map(root, path);
		break;
	case 6:
		op_truncate(root, path);
		break;
	case 7:
		(void)!unlinkat(root, path, 0);
		break;
	case 8:
		remove_deep(root, path);
		break;
	case 9: /* over what was deleted */
		remove_deep(root, path);
		(void)!mkdirat(root, path, 0700 + pick(0100));
		break;
	case 10 ... 12:
		(void)!mkdirat(root, path, 0700 + pick(0100));
		break;
	case 13 ... 14:
		(void)!renameat(root, path, root, other);
		break;
	case 15:
		(void)!renameat2(root, path, root, other, RENAME_EXCHANGE);
		break;
	case 16:
		(void)!linkat(root, path, root, other, 0);
		break;
	case 17:
		(void)!symlinkat(other, root, path);
		break;
	case 18:
		op_node(root, path);
		break;
	case 19:
		(void)!fchmodat(root, path, pick(010000) | 0600, 0);
		break;
	case 20:
		(void)!fchownat(root, path, pick(70000), pick(70000), AT_SYMLINK_NOFOLLOW);
		break;
	case 21 ... 22:
		op_attribute(root, path);
		break;
	default:
		op_times(root, path);
		break;
	}
	if (overlay && pick(3) == 0)
		op_dirty_page(root);
}
