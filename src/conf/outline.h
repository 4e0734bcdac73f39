/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outline.h - which sections and options a file has, and on which lines they are.
 *
 * libconfuse ends at the first option that it does not know, takes the last of two that are the
 * same, and forgets where a value was. The outline is made before, and knows.
 */
#ifndef FT_CONF_OUTLINE_H
#define FT_CONF_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/mistakes.h"

#define FT_OUTLINE_TOP ((size_t) -1) /* the section that everything outside of sections is in */

struct ft_outline;

/* Asks whether a section may have an option (or, in "", the file a section) of this name.
 * Returns 'o' an option, 's' a section, 't' a section with a title, 0: there is no such thing. */
typedef char (*ft_outline_known_t)(const char *section, const char *name);

/* Goes through a text without comments (ft_conftext_blank_comments). What is unknown, or there for
 * the second time, is a mistake, and blanked; a text that is not well formed is outlined up to
 * where it is not: libconfuse says what is wrong there. NULL: out of memory. */
struct ft_outline *ft_outline_create(char *text, ft_outline_known_t known,
                                     struct ft_mistakes *mistakes);
void ft_outline_destroy(struct ft_outline *outline); /* takes NULL */

/* The next section of a kind, from this one on; FT_OUTLINE_TOP if there is none. */
size_t ft_outline_section(const struct ft_outline *outline, const char *kind, size_t from);

/* Line of an option; if it is not there (or NULL) that of its section, 0 for FT_OUTLINE_TOP. */
int ft_outline_line(const struct ft_outline *outline, size_t section, const char *option);

/* 0 if the text was well formed to its end, else the line where it no longer was. */
int ft_outline_broken(const struct ft_outline *outline);

bool ft_outline_has(const struct ft_outline *outline, size_t section, const char *option);

#endif
