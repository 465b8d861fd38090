/*
 * dump-stacks SCRATCH: reads lines "LABEL TAB DIRECTORY [TAB DIRECTORY…]" (the top first), merges each stack as overlayfs does, and prints
 * "= LABEL" and one line for each file: all that a person would miss. Read only, in a mount namespace of its own. An oracle that uses
 * nothing of tlxc.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static uint64_t add(uint64_t hash, const char *bytes, size_t n)
{
	/* FNV-1a; nobody attacks a test. */
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
	return hash;
}

static uint64_t hash_content(const char *path)
{
	static char buffer[65536];
	uint64_t hash = 0xcbf29ce484222325;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		hash = add(hash, buffer, (size_t)n);
	close(fd);
	return n < 0 ? 0 : hash;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_xattrs(const char *path)
{
	static char list[65536], value[65536];
	ssize_t size = llistxattr(path, list, sizeof(list));
	char *names[64];
	int count = 0;

	for (char *name = list; size > 0 && name < list + size && count < 64; name += strlen(name) + 1)
		if (strncmp(name, "trusted.overlay.", 16) != 0)
			names[count++] = name;
	qsort(names, (size_t)count, sizeof(*names), by_text);
	for (int i = 0; i < count; i++) {
		ssize_t n = lgetxattr(path, names[i], value, sizeof(value));

		printf(" %s=%016llx", names[i], (unsigned long long)add(0, value, n < 0 ? 0 : (size_t)n));
	}
}

static void print_file(const FTSENT *entry, size_t skip)
{
	const struct stat *st = entry->fts_statp;
	const char *path = entry->fts_path[skip] ? entry->fts_path + skip : "/";

	printf("%s %o %u:%u", path, st->st_mode, st->st_uid, st->st_gid);
	if (S_ISREG(st->st_mode)) {
		printf(" %lld %lld.%09ld %016llx", (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		       (unsigned long long)hash_content(entry->fts_accpath));
	} else if (S_ISLNK(st->st_mode)) {
		char target[4096];
		ssize_t n = readlink(entry->fts_accpath, target, sizeof(target) - 1);

		printf(" -> %.*s", (int)(n < 0 ? 0 : n), target);
	} else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		printf(" %llx", (unsigned long long)st->st_rdev);
	}
	print_xattrs(entry->fts_accpath);
	putchar('\n');
}

static int print_tree(char *root)
{
	char *roots[] = {root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	size_t skip = strlen(root);
	FTSENT *entry;

	if (!fts)
		return -1;
	while ((entry = fts_read(fts)))
		if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS)
			printf("%s cannot be read: %s\n", entry->fts_path + skip, strerror(entry->fts_errno));
		else if (entry->fts_info != FTS_DP)
			print_file(entry, skip);
	fts_close(fts);
	return 0;
}

static int mount_stack(const char *scratch, char *dirs)
{
	static char options[65536];
	char *tab = strchr(dirs, '\t');

	if (!tab)
		return mount(dirs, scratch, NULL, MS_BIND, NULL);
	for (char *c = dirs; *c; c++)
		if (*c == '\t')
			*c = ':';
	snprintf(options, sizeof(options), "redirect_dir=on,index=off,metacopy=off,lowerdir=%s", dirs);
	return mount("dump", scratch, "overlay", MS_RDONLY, options);
}

int main(int argc, char **argv)
{
	static char line[65536];

	if (argc != 2 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("usage: dump-stacks SCRATCH <LINES");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		char *dirs = strchr(line, '\t');

		line[strcspn(line, "\n")] = '\0';
		if (!dirs)
			continue;
		*dirs++ = '\0';
		printf("= %s\n", line);
		if (mount_stack(argv[1], dirs) < 0) {
			printf("cannot be mounted: %s\n", strerror(errno));
			continue;
		}
		print_tree(argv[1]);
		umount2(argv[1], MNT_DETACH);
	}
	return 0;
}
