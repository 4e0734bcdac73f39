/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.h - texts of bounded size, and bytes as hexadecimal digits.
 *
 * Sizes count the ending 0; a size of 0 writes nothing. Cutting never splits a UTF-8 character.
 */
#ifndef FT_COMMON_TEXT_H
#define FT_COMMON_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Copies `from` (NULL reads as ""), cut to size. True if all of it fitted. */
bool ft_text_copy(char *to, size_t size, const char *from);

/* Puts a formatted text behind the one that is there already, cut to size. True if all fitted. */
bool ft_text_appendf(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool ft_text_vappendf(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* Makes one line of a text: control characters become spaces. */
void ft_text_one_line(char *text);

/* Makes valid UTF-8 of a text: each byte that belongs to no character becomes '?'. */
void ft_text_make_utf8(char *text);

/* Writes n bytes as 2 n lower-case digits and a 0. Returns 0, or -1 with errno ENOBUFS and an empty
 * text if size is less than 2 n + 1. */
int ft_text_hex(char *to, size_t size, const void *bytes, size_t n);

/* Reads exactly 2 n digits (upper or lower case, nothing behind them) into n bytes. Returns 0, or
 * -1 with errno EINVAL; the bytes are all zero then, so that half a key is never left behind. */
int ft_text_unhex(void *bytes, size_t n, const char *text);

#endif
