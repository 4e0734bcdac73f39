/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clean.h - every text of a message that came in is made valid UTF-8, as protobuf demands of it and
 * its C library does not check.
 */
#ifndef FT_WIRE_CLEAN_H
#define FT_WIRE_CLEAN_H

#include "wire/ft.pb-c.h"

/* The message must have been unpacked, not put together: its texts are changed in place. */
void ft_clean_message(Ft__Message *message);

#endif
