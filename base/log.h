/* The daemon's diagnostics: one line per event on stderr ("<6>..." prefixes when the journal reads
 * it, a timestamp otherwise). Commands talk to people through cmd/output, never through here. */
#pragma once

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above the level are dropped. Default: warning; VMSTEAD_LOG=error|warning|info|debug. */
void log_set_level(enum log_level level);
void log_set_level_from_environment(void);
/* What stands before every message, e.g. "vmstead daemon"; a string that lives on. */
void log_set_name(const char *name);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
