/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.h - waits for modules to be where an order wants them, and says how they get there.
 */
#ifndef FT_CLI_WATCH_H
#define FT_CLI_WATCH_H

#include "cli/admin.h"

#define WATCH_TIMEOUT_DEFAULT_S 60

/* What is waited for. Lines are printed unless admin->json. */

/* The module runs (or is done) with a later epoch than this one. Returns the exit code, after a
 * message if it is not CLI_OK. *module gets what it is then, for yyjson_doc_free; NULL after an
 * error. */
int watch_module(struct admin *admin, const char *name, double epoch, yyjson_doc **module);

/* Notes what is on a node, before it is told to empty: a module may have left before one looks
 * again. NULL: out of memory. */
struct watch_node *watch_node_create(struct admin *admin, const char *node);
void watch_node_destroy(struct watch_node *watch); /* takes NULL */

/* No module is on the node any more: a line for each as it leaves. */
int watch_node_empties(struct admin *admin, const char *node, struct watch_node *watch);

#endif
