#include "monitor.h"

#include "cleanup.h"
#include "fd.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

json_t *monitor_status_json(struct monitor *m, bool addresses)
{
	cleanup_free char **names = calloc(m->net.n_links + 1, sizeof(char *));
	struct status status = {
		.version = PROTOCOL_VERSION, .name = m->name, .lxcpath = m->lxcpath, .state = m->state,
		.monitor_pid = (uint64_t)m->pid, .monitor_start = m->start_ticks, .init_pid = (uint64_t)m->init_pid,
		.started = m->started_ms, .cgroups = m->cgroups.paths, .n_cgroups = m->cgroups.n_paths,
		.host_interfaces = names, .ttys = m->consoles.n_lines ? m->consoles.n_lines - 1 : 0,
		.view = m->view,
	};
	json_t *json;

	for (size_t i = 0; names && i < m->net.n_links; i++)
		if (!m->net.links[i].physical && m->net.links[i].host_name)
			names[status.n_host_interfaces++] = m->net.links[i].host_name;
	if (addresses && m->net.inside >= 0) {
		int r = net_status(&m->net, &status.interfaces, &status.n_interfaces);
		if (r < 0)
			log_warn("cannot read the addresses: %s", strerror(-r));
	}
	json = status_encode(&status);
	for (size_t i = 0; i < status.n_interfaces; i++)
		interface_status_clear(&status.interfaces[i]);
	free(status.interfaces);
	return json;
}

void monitor_write_state(struct monitor *m)
{
	cleanup_json json_t *json = monitor_status_json(m, false);
	cleanup_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	cleanup_fd int dir = open(m->run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = -1;

	if (!text || dir < 0)
		return;
	/* a fixed temporary name: only the holder of the lock writes here, in a directory of mode 0700 */
	fd = openat(dir, "state.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0 || renameat(dir, "state.json.new", dir, "state.json") < 0)
		log_warn("%s/state.json: %s", m->run_dir, strerror(errno));
}

/* One line to every FIFO; a FIFO that nobody reads was left by a dead listener. */
static void tell_listeners(struct monitor *m, const char *line, size_t size)
{
	cleanup_dir DIR *dir = opendir(m->events_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		cleanup_fd int fd = -1;
		struct stat st;

		if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISFIFO(st.st_mode))
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno == ENXIO)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
		else if (fd >= 0 && write(fd, line, size) < 0)
			log_debug("%s: listener does not read: %s", entry->d_name, strerror(errno));
	}
}

static void tell(struct monitor *m, const struct event *event)
{
	cleanup_json json_t *json = event_encode(event);
	cleanup_free char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	cleanup_free char *line = NULL;

	if (text && asprintf(&line, "%s\n", text) > 0 && strlen(line) <= 4096)
		tell_listeners(m, line, strlen(line));
	clients_event(m, event);
	if (m->n_history < MAX_HISTORY)
		m->history[m->n_history++] = *event;
}

void monitor_set_state(struct monitor *m, enum state state)
{
	struct event event = {.name = m->name, .lxcpath = m->lxcpath, .state = state, .time = now_ms()};

	if (state == STATE_STARTING)
		m->n_history = 0;
	if (state == STATE_RUNNING && m->init_pid > 0)
		event.pid = (struct opt_uint){.set = true, .value = (uint64_t)m->init_pid};
	m->state = state;
	log_debug("state %s", state_to_string(state));
	if (m->lock_fd >= 0)
		monitor_write_state(m);
	tell(m, &event);
	/* what the container then is */
	if (state == STATE_THAWED)
		monitor_set_state(m, STATE_RUNNING);
}

void monitor_tell_exit(struct monitor *m)
{
	struct event event = {
		.name = m->name, .lxcpath = m->lxcpath, .state = _STATE_INVALID, .time = now_ms(),
		.exit_status = {.set = true, .value = m->exit_status},
	};

	tell(m, &event);
}
