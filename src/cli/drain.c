/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * drain.c - `ft drain` and `ft undrain`: a node is (no longer) to be left.
 *
 * The order is kept by the central unit; waiting for the modules to go is this program's own.
 */
#include "cli/admin.h"
#include "cli/cli.h"
#include "cli/watch.h"

#include <stdio.h>

static const char drain_usage[] =
    "usage: ft drain NODE [--reason TEXT] [--no-wait]\n\n"
    "Has the modules of a node moved to others, and nothing new placed there; launchers with\n"
    "ranks there are told. Waits until the last module has left, at most 60 s (--timeout), with\n"
    "a line for each. ft undrain takes it back.\n\n"
    "  --reason TEXT  why; shown by ft nodes\n"
    "  --no-wait      only give the order\n";

static const char undrain_usage[] =
    "usage: ft undrain NODE\n\n"
    "A node that was drained may be used again. Modules do not go back by themselves: ft move.\n\n";

int cli_drain(int argc, char **argv)
{
    const char *reason = NULL;
    bool no_wait = false;
    const struct arguments_option options[] = {{"--reason", NULL, &reason, NULL},
                                               {"--no-wait", NULL, NULL, &no_wait},
                                               {NULL, NULL, NULL, NULL}};
    const struct admin_command command = {"drain", drain_usage, options, 1, 1, true};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);
    struct watch_node *watch = NULL;
    yyjson_doc *answer = NULL;

    if (code == ADMIN_GO_ON && !no_wait) {
        watch = watch_node_create(&admin, admin.words[0]);
        if (watch == NULL) {
            cli_error("drain", "out of memory");
            code = CLI_FAILED;
        }
    }
    if (code == ADMIN_GO_ON)
        answer = admin_order(&admin, &code, "do", "drain", "node", admin.words[0], "reason", reason,
                             ADMIN_END);
    if (answer != NULL) {
        yyjson_val *root = yyjson_doc_get_root(answer);

        if (!admin.json)
            printf("node %s is %s\n", admin_text(root, "node"), admin_text(root, "drained"));
        fflush(stdout);
        if (!no_wait)
            code = watch_node_empties(&admin, admin_text(root, "node"), watch);
        if (admin.json && code == CLI_OK)
            code = admin_print(root);
        else if (code == CLI_OK && !no_wait)
            printf("no module is left on node %s\n", admin_text(root, "node"));
        yyjson_doc_free(answer);
        code = cli_flush("drain", code);
    }
    watch_node_destroy(watch);
    admin_end(&admin);
    return code;
}

int cli_undrain(int argc, char **argv)
{
    const struct admin_command command = {"undrain", undrain_usage, NULL, 1, 1, true};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);
    yyjson_doc *answer = NULL;

    if (code == ADMIN_GO_ON)
        answer = admin_order(&admin, &code, "do", "undrain", "node", admin.words[0], ADMIN_END);
    if (answer != NULL) {
        yyjson_val *root = yyjson_doc_get_root(answer);

        if (admin.json)
            code = admin_print(root);
        else
            printf("node %s may be used again\n", admin_text(root, "node"));
        yyjson_doc_free(answer);
        code = cli_flush("undrain", code);
    }
    admin_end(&admin);
    return code;
}
