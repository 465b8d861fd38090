#include "log.h"

#include "cleanup.h"
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

enum { MAX_LINE = 2048, MAX_CATEGORY = 32 };

static struct {
	int fd;
	enum log_level level;
	bool syslog;
	char name[MAX_NAME + 1];
} state = {.fd = -1, .level = LOG_LEVEL_ERROR};

static int facility(const char *text)
{
	if (strncmp(text, "local", 5) == 0 && text[5] >= '0' && text[5] <= '7' && !text[6])
		return LOG_LOCAL0 + ((text[5] - '0') << 3);
	return LOG_DAEMON;
}

int log_open(const struct log *log, const char *name)
{
	log_close();
	state.level = log->level;
	snprintf(state.name, sizeof(state.name), "%s", name);
	if (log->syslog) {
		openlog("tlxc", LOG_PID, facility(log->syslog));
		state.syslog = true;
	}
	if (!log->file)
		return 0;
	/* a FIFO that nobody reads must not hold us up, neither now nor when it is full */
	state.fd = open(log->file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
	return state.fd < 0 ? -errno : 0;
}

void log_close(void)
{
	cleanup_close_fd(&state.fd);
	state.fd = -1;
	if (state.syslog)
		closelog();
	state.syslog = false;
}

bool log_enabled(enum log_level level)
{
	return level >= state.level && (state.fd >= 0 || state.syslog);
}

static int syslog_priority(enum log_level level)
{
	static const int priorities[_LOG_LEVEL_MAX] = {
		[LOG_LEVEL_TRACE] = LOG_DEBUG, [LOG_LEVEL_DEBUG] = LOG_DEBUG, [LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_NOTICE] = LOG_NOTICE, [LOG_LEVEL_WARN] = LOG_WARNING, [LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_CRIT] = LOG_CRIT, [LOG_LEVEL_ALERT] = LOG_ALERT, [LOG_LEVEL_FATAL] = LOG_EMERG,
	};

	return priorities[level];
}

/* "net-host.c" becomes "net_host": LXC's categories are its file names. */
static void category(const char *file, char ret[MAX_CATEGORY])
{
	size_t i;

	for (i = 0; file[i] && file[i] != '.' && i < MAX_CATEGORY - 1; i++)
		ret[i] = file[i] == '-' ? '_' : file[i];
	ret[i] = '\0';
}

static void write_line(enum log_level level, const char *file, const char *func, int line, const char *message)
{
	char text[MAX_LINE + 256], stamp[32], kind[MAX_CATEGORY];
	struct timespec now;
	struct tm tm;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
	category(file, kind);
	n = snprintf(text, sizeof(text), "tlxc %s %s.%03ld %-8s %s - %s:%s:%d - %s\n", state.name, stamp,
		     now.tv_nsec / 1000000, log_level_to_string(level), kind, file, func, line, message);
	if (n > (int)sizeof(text) - 1)
		n = sizeof(text) - 1;
	(void)fd_write_all(state.fd, text, (size_t)n);
}

void log_line(enum log_level level, const char *file, const char *func, int line, const char *format, ...)
{
	char message[MAX_LINE];
	int saved = errno;
	va_list args;

	if (!log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* Output of hooks and names from inside are in it: they must not end the line, nor speak to the reader's terminal. */
	for (char *at = message; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = *at == '\t' ? '\t' : '?';
	if (state.fd >= 0)
		write_line(level, file, func, line, message);
	if (state.syslog)
		syslog(syslog_priority(level), "%s: %s", state.name, message);
	errno = saved;
}
