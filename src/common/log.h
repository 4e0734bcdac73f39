/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - a daemon's log: one line an entry, to a file or to stderr. Never used by libft, nor by
 * anything else that lives in another's process.
 *
 *     2026-03-01T12:34:56.789Z ft-noded[4711] warning: central unit 10.0.0.1:7400 refused ...
 *
 * On a stderr that goes to systemd's journal: the level as it wants it, and the text.
 */
#ifndef FT_COMMON_LOG_H
#define FT_COMMON_LOG_H

enum ft_log_level { FT_LOG_ERROR, FT_LOG_WARNING, FT_LOG_INFO, FT_LOG_DEBUG };

/* Sends the log to a file (made with mode 0600; appended to; beyond 16 MiB it is renamed to PATH.1
 * and begun anew) or, with path NULL, to stderr. Until the first call everything up to INFO goes to
 * stderr. `program` is borrowed for good. Returns 0, or -1 with errno; the log stays as it was. */
int ft_log_open(const char *program, const char *path);

/* Entries above this level are dropped; FT_LOG_INFO at first. */
void ft_log_set_level(enum ft_log_level level);

/* Closes the file; what comes later goes to stderr. */
void ft_log_close(void);

/* Writes an entry, cut to 2 KiB, line breaks in it made spaces. Keeps errno. Any thread. What could
 * not be written (a full disk) is counted, and the count reported with the next entry that can. */
void ft_log(enum ft_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define ft_log_error(...) ft_log(FT_LOG_ERROR, __VA_ARGS__)
#define ft_log_warning(...) ft_log(FT_LOG_WARNING, __VA_ARGS__)
#define ft_log_info(...) ft_log(FT_LOG_INFO, __VA_ARGS__)
#define ft_log_debug(...) ft_log(FT_LOG_DEBUG, __VA_ARGS__)

#endif
