/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conftext.h - the text of a settings file, as libconfuse is to be given it.
 */
#ifndef FT_COMMON_CONFTEXT_H
#define FT_COMMON_CONFTEXT_H

#include <stddef.h>

/* Reads a settings file. Its comments are blanks in the text, its lines are where they were.
 *   path       borrowed; what is no regular file is refused
 *   size_max   bytes that it may have
 *   why        gets, after an error, what is wrong, the path included
 * Returns the text, ended by a newline, to be freed; NULL with errno after an error. */
char *ft_conftext_read(const char *path, size_t size_max, char *why, size_t size);

/* The same with its comments left in it. */
char *ft_conftext_read_whole(const char *path, size_t size_max, char *why, size_t size);

/* Makes blanks of the comments in a text; its lines stay where they are. */
void ft_conftext_blank_comments(char *text);

#endif
