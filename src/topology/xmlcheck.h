/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * xmlcheck.h - is this text whole and sane enough to be handed to hwloc's XML reader?
 */
#ifndef FT_TOPOLOGY_XMLCHECK_H
#define FT_TOPOLOGY_XMLCHECK_H

#include <stddef.h>

/* Returns 0, or -1 with a sentence in `why` that names the place. */
int ft_xml_check(const char *xml, size_t n, char *why, size_t why_size);

#endif
