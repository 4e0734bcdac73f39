/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shell.h - text for a shell to read.
 */
#ifndef FT_CLI_SHELL_H
#define FT_CLI_SHELL_H

enum shell_kind { SHELL_SH, SHELL_CSH };

/* "sh" (also bash, dash, zsh, ksh) or "csh" (also tcsh) into *kind. Returns 0, -1 for another. */
int shell_kind_parse(const char *name, enum shell_kind *kind);

/* One word for that shell, whatever bytes are in it: 'it'\''s'. The caller frees it; NULL if out of
 * memory. */
char *shell_quote(const char *text, enum shell_kind kind);

#endif
