/* The console and the ttys: allocated from the container's devpts, slaves bound on their names, masters for the monitor. */
#include "stage.h"

#include "cleanup.h"
#include "mount-api.h"
#include "path.h"
#include "pty.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int allocate(struct stage *stage, const char *name, struct pty *ret)
{
	int *masters, r = pty_open(stage->devpts, ret);

	if (r < 0)
		return stage_fail(stage, r, "console", "ioctl", "a pty for %s from the container's devpts", name);
	masters = realloc(stage->masters, (stage->n_masters + 1) * sizeof(*masters));
	if (!masters)
		return stage_fail(stage, -ENOMEM, "internal", NULL, "%s", name);
	stage->masters = masters;
	stage->masters[stage->n_masters++] = ret->master;
	return 0;
}

/* The slave itself is what is bound, by descriptor: pty_open has looked that it is a pty of a devpts. */
static int bind_slave(struct stage *stage, int slave, const char *path)
{
	cleanup_fd int source = mnt_clone(slave, false);
	cleanup_fd int target = path_make_in(stage->rootfs, path, PATH_FILE);
	int r = source < 0 ? source : target;

	if (r >= 0)
		r = mnt_attach(source, target);
	return r < 0 ? stage_fail(stage, r, "console", "move_mount", "a pty on %s", path) : 0;
}

/* With lxc.tty.dir: dev/DIR/NAME is the device and dev/NAME leads to it; /dev/console is no link, as programs open it by O_NOFOLLOW. */
static int place(struct stage *stage, int slave, const char *name)
{
	const char *dir = stage->plan.tty.dir;
	char path[128], link[128];
	cleanup_fd int dev = -1;
	int r;

	snprintf(path, sizeof(path), "dev/%s", name);
	if (!dir)
		return bind_slave(stage, slave, path);
	snprintf(link, sizeof(link), "%s/%s", dir, name);
	snprintf(path, sizeof(path), "dev/%s/%s", dir, name);
	r = bind_slave(stage, slave, path);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "dev/%s", name);
	if (strcmp(name, "console") == 0)
		return bind_slave(stage, slave, path);
	dev = path_open_in(stage->rootfs, "dev", O_PATH | O_DIRECTORY);
	if (dev < 0)
		return stage_fail(stage, dev, "console", "openat2", "dev");
	if (symlinkat(link, dev, name) == 0)
		return 0;
	return errno == EEXIST ? bind_slave(stage, slave, path) : stage_fail(stage, -errno, "console", "symlink", "%s", path);
}

static int own_by_init(struct stage *stage, int slave)
{
	const struct init *init = &stage->plan.init;

	if (init->uid == 0 || fchown(slave, (uid_t)init->uid, (gid_t)-1) == 0)
		return 0;
	return stage_fail(stage, -errno, "console", "fchown", "the console to uid %ju", (uintmax_t)init->uid);
}

int stage_console(struct stage *stage)
{
	struct pty pty;
	int r;

	stage_doing(stage, "set up /dev/console");
	stage->console = -1;
	if (!stage->plan.console.enabled)
		return 0;
	r = allocate(stage, "the console", &pty);
	if (r == 0)
		r = own_by_init(stage, pty.slave);
	if (r == 0)
		r = place(stage, pty.slave, "console");
	stage->console = pty.slave;
	return r;
}

static int add_name(struct stage *stage, unsigned int number)
{
	char *names, *before = stage->container_ttys;

	if (asprintf(&names, "%s%spts/%u", before ? before : "", before ? " " : "", number) < 0)
		return stage_fail(stage, -ENOMEM, "internal", NULL, "ttys");
	free(before);
	stage->container_ttys = names;
	return 0;
}

int stage_ttys(struct stage *stage)
{
	for (size_t i = 1; i <= stage->plan.tty.max; i++) {
		struct pty pty;
		char name[32];
		int r;

		snprintf(name, sizeof(name), "tty%zu", i);
		stage_doing(stage, "set up /dev/%s", name);
		r = allocate(stage, name, &pty);
		if (r == 0)
			r = place(stage, pty.slave, name);
		if (r == 0)
			r = add_name(stage, pty.number);
		if (r < 0)
			return r;
		close(pty.slave);
	}
	return 0;
}
