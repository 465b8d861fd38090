/* The disk as a power cut would leave it: the image of a loop device, cloned in an instant by the file system that it lies on. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Writes that the device has finished since it was made; -1 when that cannot be known. */
static long long writes(dev_t dev)
{
	char path[64];
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major(dev), minor(dev));
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%*s %*s %*s %*s %lld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/*
 * Makes the file system commit all names, sizes and attributes so far, but not the data of any other file: the worst moment for a
 * program that counts on the order of its writes.
 */
static int commit_names(const char *path)
{
	static mode_t toggle = 0600;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return -errno;
	/* Its mode, because a write within the same tick of the clock would change nothing that is to be committed. */
	toggle ^= 0100;
	r = fchmod(fd, toggle) == 0 && fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return r;
}

static int clone_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;

	r = in < 0 || out < 0 || ioctl(out, FICLONE, in) < 0 ? -errno : 0;
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return r;
}

int clone_disk(const struct options *o, long n)
{
	static long long last = -2;
	char to[PATH_SPACE];
	long long now;
	int r = o->commit ? commit_names(o->commit) : 0;

	if (r < 0)
		return r;
	now = writes(o->below_dev[0]);
	if (now >= 0 && now == last)
		return 1;
	last = now;
	snprintf(to, sizeof(to), "%s/%ld", o->clones, n);
	return clone_file(o->image, to);
}
