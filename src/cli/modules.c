/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modules.c - `ft modules`: the modules, where they run, and why not.
 */
#include "cli/admin.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

static const char usage[] =
    "usage: ft modules [--node NODE] [MODULE]...\n\n"
    "Lists the modules: where each runs, how often it was started again there, how it ended last,\n"
    "and what it waits for if it does not run.\n\n"
    "  --node NODE    only those that are on this node\n";

static void note_of(yyjson_val *module, char *note, size_t size)
{
    const char *waits = admin_text(module, "waits"), *text = admin_text(module, "text");

    note[0] = '\0';
    if (!admin_truth(module, "enabled"))
        ft_text_appendf(note, size, "not enabled");
    if (waits[0] != '\0')
        ft_text_appendf(note, size, "%s%s", note[0] != '\0' ? "; " : "", waits);
    if (text[0] != '\0')
        ft_text_appendf(note, size, "%s%s", note[0] != '\0' ? "; " : "", text);
}

/* How it ended last: "code 3", "crash 11", "memory". */
static void end_cell(struct table *table, yyjson_val *module)
{
    const char *end = admin_text(module, "last_end");

    if (strcmp(end, "code") == 0 || strcmp(end, "crash") == 0)
        table_cellf(table, "%s %.0f", end, admin_number(module, "code"));
    else
        table_cell(table, end);
}

static int say_table(yyjson_val *modules)
{
    static const char *const headers[] = {"MODULE", "STATE", "NODE", "HOME", "PID>", "EPOCH>",
                                          "RESTARTS>", "LAST END", "NOTE", NULL};
    struct table *table = table_create(headers);
    size_t i, n;
    yyjson_val *module;
    int result = -1;

    if (table != NULL) {
        yyjson_arr_foreach(modules, i, n, module) {
            yyjson_val *pid = yyjson_obj_get(module, "pid");
            char note[1000];

            table_cell(table, admin_text(module, "name"));
            table_cellf(table, "%s%s", admin_text(module, "state"),
                        admin_truth(module, "leaving") ? " (leaving)" : "");
            table_cell(table, admin_text(module, "node"));
            table_cell(table, admin_text(module, "home"));
            if (yyjson_is_num(pid))
                table_cellf(table, "%.0f", yyjson_get_num(pid));
            else
                table_cell(table, NULL);
            table_cellf(table, "%.0f", admin_number(module, "epoch"));
            table_cellf(table, "%.0f", admin_number(module, "restarts"));
            end_cell(table, module);
            note_of(module, note, sizeof note);
            table_cell(table, note);
        }
        result = table_print(table, stdout);
    }
    table_destroy(table);
    return result;
}

int cli_modules(int argc, char **argv)
{
    const char *node = NULL;
    const struct arguments_option options[] = {{"--node", NULL, &node, NULL},
                                               {NULL, NULL, NULL, NULL}};
    const struct admin_command command = {"modules", usage, options, 0, -1, false};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);
    yyjson_mut_doc *gathered =
        code == ADMIN_GO_ON ? listing_gather(&admin, "modules", "module", node, &code) : NULL;
    yyjson_doc *answer = gathered != NULL ? yyjson_mut_doc_imut_copy(gathered, NULL) : NULL;

    if (answer != NULL) {
        yyjson_val *root = yyjson_doc_get_root(answer);

        if (admin.json)
            code = admin_print(root);
        else if (say_table(yyjson_obj_get(root, "modules")) < 0)
            code = CLI_FAILED;
        code = cli_flush("modules", code);
    } else if (gathered != NULL) {
        cli_error("modules", "out of memory");
        code = CLI_FAILED;
    }
    yyjson_doc_free(answer);
    yyjson_mut_doc_free(gathered);
    admin_end(&admin);
    return code;
}
