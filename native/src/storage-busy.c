/* Who keeps a mount busy: working directories, roots, open files and mapped files of all processes. */
#include "storage.h"

#include "cleanup.h"
#include "fd.h"
#include "mountinfo.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_USERS = 64, MAX_COMM = 64 };

struct wanted {
	const char *path;
	unsigned int major, minor;
	struct storage_report *report;
};

int storage_each_process(int (*each)(pid_t pid, void *arg), void *arg)
{
	cleanup_dir DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	while (proc && r == 0 && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]))
			r = each((pid_t)atoi(entry->d_name), arg);
	return r;
}

void storage_add_user(struct storage_report *report, pid_t pid, const char *what, const char *path)
{
	cleanup_free char *comm = NULL;
	char file[64];
	struct storage_user *more, *user;

	if (report->n_busy >= MAX_USERS)
		return;
	more = reallocarray(report->busy, report->n_busy + 1, sizeof(*more));
	if (!more)
		return;
	report->busy = more;
	user = &more[report->n_busy];
	snprintf(file, sizeof(file), "/proc/%d/comm", (int)pid);
	if (pid == 0 || fd_read_file(AT_FDCWD, file, MAX_COMM, &comm, NULL) < 0)
		comm = strdup("");
	*user = (struct storage_user){.pid = (uint64_t)pid};
	if (comm)
		comm[strcspn(comm, "\n")] = '\0';
	user->comm = steal_ptr(&comm);
	if (asprintf(&user->what, "%s%s%s", what, path ? " " : "", path ? path : "") < 0)
		user->what = NULL;
	if (user->comm && user->what)
		report->n_busy++;
	else
		storage_user_clear(user);
}

/* AT_STATX_DONT_SYNC: a dead server of some other file system must not hang this. */
static bool is_on(const struct wanted *wanted, const char *link)
{
	struct statx st;

	return statx(AT_FDCWD, link, AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 && st.stx_dev_major == wanted->major &&
	       st.stx_dev_minor == wanted->minor;
}

static bool look_at_files(const struct wanted *wanted, pid_t pid)
{
	char path[PATH_MAX], target[PATH_MAX];
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		if (entry->d_name[0] == '.' || !is_on(wanted, path))
			continue;
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		storage_add_user(wanted->report, pid, "open", target);
		return true;
	}
	return false;
}

/* Older kernels show the file of the layer with the path of the view: so by path, too. */
static bool is_mapped(const struct wanted *wanted, const char *line, const char **ret_file)
{
	unsigned int major, minor;
	const char *file = strchr(line, '/');
	size_t n = strlen(wanted->path);

	if (!file || sscanf(line, "%*s %*s %*s %x:%x", &major, &minor) != 2)
		return false;
	*ret_file = file;
	return (major == wanted->major && minor == wanted->minor) || (strncmp(file, wanted->path, n) == 0 && file[n] == '/');
}

static bool look_at_maps(const struct wanted *wanted, pid_t pid)
{
	char path[64];
	cleanup_file FILE *maps = NULL;
	cleanup_free char *line = NULL;
	size_t room = 0;
	const char *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (maps && getline(&line, &room, maps) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!is_mapped(wanted, line, &file))
			continue;
		storage_add_user(wanted->report, pid, "mapped", file);
		return true;
	}
	return false;
}

/* One line for each process is enough. */
static int look_at(pid_t pid, void *arg)
{
	static const char *const links[] = {"cwd", "root"};
	const struct wanted *wanted = arg;
	char path[64];

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, links[i]);
		if (is_on(wanted, path)) {
			storage_add_user(wanted->report, pid, links[i], NULL);
			return 0;
		}
	}
	if (!look_at_files(wanted, pid))
		(void)look_at_maps(wanted, pid);
	return 0;
}

static void look_at_submounts(const struct wanted *wanted)
{
	cleanup_free char *text = NULL;
	struct mount_line line;
	size_t n = strlen(wanted->path);
	char *at;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_MOUNTINFO, &text, NULL) < 0)
		return;
	for (at = text; mount_line_next(&at, &line);)
		if (strncmp(line.point, wanted->path, n) == 0 && line.point[n] == '/')
			storage_add_user(wanted->report, 0, "mounted on", line.point);
}

void storage_find_users(const char *path, unsigned int major, unsigned int minor, struct storage_report *report)
{
	struct wanted wanted = {.path = path, .major = major, .minor = minor, .report = report};

	(void)storage_each_process(look_at, &wanted);
	look_at_submounts(&wanted);
}
