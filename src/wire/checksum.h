/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * checksum.h - is a file the one that is meant? Its SHA-256.
 */
#ifndef FT_WIRE_CHECKSUM_H
#define FT_WIRE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

#define FT_CHECKSUM_PREFIX "sha256:"
#define FT_CHECKSUM_TEXT_BYTES 72 /* "sha256:", 64 digits, and their 0 */

/* Reads a whole file: "sha256:HEX" in lower case. Any thread; takes as long as reading the file
 * does. Returns 0, or -1 with errno and an empty text: EINVAL is a file that is no regular one. */
int ft_checksum_file(const char *path, char text[FT_CHECKSUM_TEXT_BYTES]);

/* "sha256:" and 64 digits, of either case. */
bool ft_checksum_is_valid(const char *text);

/* Whether both name the same sum, whatever the case of their digits. */
bool ft_checksum_equal(const char *a, const char *b);

#endif
