/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * central.c - `ft central`: who leads the central unit, who votes, how far each one's log is; and
 * handing the lead over.
 */
#include "cli/admin.h"
#include "cli/cli.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: ft central\n"
    "       ft central hand-over [VOTER]\n\n"
    "Shows the voters of the central unit: who leads, how far each one's log is, when it was\n"
    "heard last. hand-over gives the lead to VOTER, or to the best one besides the leader.\n\n";

static void voter_row(struct table *table, yyjson_val *voter)
{
    yyjson_val *heard = yyjson_obj_get(voter, "heard_ms");
    char text[64];

    table_cell(table, admin_text(voter, "name"));
    table_cell(table, admin_text(voter, "state"));
    table_cell(table, admin_truth(voter, "witness") ? "witness"
                      : admin_truth(voter, "votes") ? "voter" : "no voter yet");
    table_cellf(table, "%.0f", admin_number(voter, "priority"));
    table_cellf(table, "%.0f", admin_number(voter, "last_index"));
    table_cellf(table, "%.0f", admin_number(voter, "lag"));
    table_cell(table, yyjson_is_num(heard) && !admin_truth(voter, "leads")
                          ? admin_ago(yyjson_get_num(heard), text, sizeof text) : NULL);
    table_cell(table, admin_text(voter, "address"));
}

static int say(yyjson_val *root)
{
    static const char *const headers[] = {"VOTER", "STATE", "ROLE", "PRIORITY>", "LOG>",
                                          "BEHIND>", "HEARD>", "ADDRESS", NULL};
    struct table *table = table_create(headers);
    size_t i, n;
    yyjson_val *voter;
    int result = -1;

    if (table != NULL) {
        printf("term %.0f, log %.0f (safe up to %.0f), ledger %.0f entries: %s\n",
               admin_number(root, "term"), admin_number(root, "last_index"),
               admin_number(root, "commit_index"), admin_number(root, "ledger_keys"),
               admin_text(root, "text"));
        yyjson_arr_foreach(yyjson_obj_get(root, "voters"), i, n, voter)
            voter_row(table, voter);
        result = table_print(table, stdout);
    }
    table_destroy(table);
    return result;
}

static int hand_over(struct admin *admin)
{
    const char *voter = admin->words_n > 1 ? admin->words[1] : NULL;
    int code;
    yyjson_doc *answer = admin_order(admin, &code, "do", "hand-over", "voter", voter, ADMIN_END);

    if (answer == NULL)
        return code;
    if (admin->json)
        code = admin_print(yyjson_doc_get_root(answer));
    else
        printf("the lead goes to %s\n", voter != NULL ? voter : "the best of the others");
    yyjson_doc_free(answer);
    return cli_flush("central", code);
}

static int show(struct admin *admin)
{
    int code;
    yyjson_doc *answer = admin_ask(admin, &code, "do", "central", ADMIN_END);

    if (answer == NULL)
        return code;
    if (admin->json)
        code = admin_print(yyjson_doc_get_root(answer));
    else if (say(yyjson_doc_get_root(answer)) < 0)
        code = CLI_FAILED;
    yyjson_doc_free(answer);
    return cli_flush("central", code);
}

int cli_central(int argc, char **argv)
{
    const struct admin_command command = {"central", usage, NULL, 0, 2, true};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);

    if (code == ADMIN_GO_ON && admin.words_n > 0 && strcmp(admin.words[0], "hand-over") != 0) {
        cli_error("central", "'%s' is no order; see ft central --help", admin.words[0]);
        code = CLI_USAGE;
    } else if (code == ADMIN_GO_ON) {
        code = admin.words_n > 0 ? hand_over(&admin) : show(&admin);
    }
    admin_end(&admin);
    return code;
}
