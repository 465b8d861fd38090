/* The log of a helper, in the line format of LXC's log files. One log a process; it may be off. Never fails loudly. */
#pragma once
#include "protocol.gen.h"

/* Opens what the plan asks for; 0 or -errno of the file (logging to syslog goes on). */
int log_open(const struct log *log, const char *name);
void log_close(void);
bool log_enabled(enum log_level level);
void log_line(enum log_level level, const char *file, const char *func, int line, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

#define log_trace(...) log_line(LOG_LEVEL_TRACE, __FILE_NAME__, __func__, __LINE__, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __FILE_NAME__, __func__, __LINE__, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __FILE_NAME__, __func__, __LINE__, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __FILE_NAME__, __func__, __LINE__, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __FILE_NAME__, __func__, __LINE__, __VA_ARGS__)
