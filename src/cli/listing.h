/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listing.h - nodes or modules, some or all of them: one JSON object of all pages.
 */
#ifndef FT_CLI_LISTING_H
#define FT_CLI_LISTING_H

#include "cli/admin.h"

/* Gathers them: all (of a node, if it is not NULL), or those that the command line names, which may
 * be patterns such as n[1-4]. list is "nodes" or "modules", one is "node" or "module".
 * Returns an object {list: [...]}, for yyjson_mut_doc_free; NULL after a message, with *code. */
yyjson_mut_doc *listing_gather(struct admin *admin, const char *list, const char *one,
                               const char *node, int *code);

#endif
