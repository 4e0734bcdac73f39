/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * move.c - `ft move` and `ft restart`: a module is to run elsewhere, or anew.
 */
#include "cli/admin.h"
#include "cli/cli.h"
#include "cli/watch.h"

#include <stdio.h>

static const char move_usage[] =
    "usage: ft move MODULE [NODE] [--no-wait]\n\n"
    "Stops a module where it is and starts it on another node: NODE, or the best one there is.\n"
    "Waits until it runs, at most 60 s (--timeout).\n\n"
    "  --no-wait      only give the order\n";

static const char restart_usage[] =
    "usage: ft restart MODULE [--no-wait]\n\n"
    "Stops a module and starts it anew; one that was given up is tried again, wherever it may\n"
    "run. Waits until it runs, at most 60 s (--timeout).\n\n"
    "  --no-wait      only give the order\n";

/* Gives the order and waits for the module. */
static int order(struct admin *admin, const char *what, bool no_wait)
{
    int code;
    yyjson_doc *answer = admin_order(admin, &code, "do", what, "module", admin->words[0], "node",
                                     admin->words_n > 1 ? admin->words[1] : NULL, ADMIN_END);
    yyjson_val *root = yyjson_doc_get_root(answer);
    yyjson_doc *module = NULL;

    if (answer == NULL)
        return code;
    if (!no_wait)
        code = watch_module(admin, admin->words[0], admin_number(root, "epoch_before"), &module);
    else if (!admin->json)
        printf("the order is given: %s module %s\n", what, admin->words[0]);
    if (admin->json && code == CLI_OK)
        code = admin_print(module != NULL ? yyjson_arr_get_first(yyjson_obj_get(
                                                yyjson_doc_get_root(module), "modules"))
                                          : root);
    yyjson_doc_free(module);
    yyjson_doc_free(answer);
    return cli_flush(what, code);
}

int cli_move(int argc, char **argv)
{
    bool no_wait = false;
    const struct arguments_option options[] = {{"--no-wait", NULL, NULL, &no_wait},
                                               {NULL, NULL, NULL, NULL}};
    const struct admin_command command = {"move", move_usage, options, 1, 2, true};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);

    if (code == ADMIN_GO_ON)
        code = order(&admin, "move", no_wait);
    admin_end(&admin);
    return code;
}

int cli_restart(int argc, char **argv)
{
    bool no_wait = false;
    const struct arguments_option options[] = {{"--no-wait", NULL, NULL, &no_wait},
                                               {NULL, NULL, NULL, NULL}};
    const struct admin_command command = {"restart", restart_usage, options, 1, 1, true};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);

    if (code == ADMIN_GO_ON)
        code = order(&admin, "restart", no_wait);
    admin_end(&admin);
    return code;
}
