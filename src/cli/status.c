/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * status.c - `ft status`: how the system is, on one screen.
 */
#include "cli/admin.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

static const char usage[] =
    "usage: ft status\n\n"
    "Shows how the system is: who leads the central unit, how many nodes and modules are well,\n"
    "and what is about to break. Exit code 1 if something is not well.\n\n";

/* "9 well, 1 lost": every count of an object but `all` that is not 0. */
static void say_counts(const char *what, yyjson_val *counts, const char *words[])
{
    char text[300] = "";

    for (size_t i = 0; words[i] != NULL; i++) {
        double n = admin_number(counts, words[i]);

        if (n > 0)
            ft_text_appendf(text, sizeof text, "%s%.0f %s", text[0] != '\0' ? ", " : "", n,
                            words[i]);
    }
    printf("%-14s %.0f%s%s\n", what, admin_number(counts, "all"), text[0] != '\0' ? ": " : "",
           text);
}

static void say_central(yyjson_val *root)
{
    yyjson_val *voters = yyjson_obj_get(root, "voters");
    const char *leader = admin_text(root, "leader");
    char up[64];

    printf("%-14s %s leads", "central unit", leader[0] != '\0' ? leader : "nobody");
    if (strcmp(admin_text(root, "mode"), "job") == 0)
        printf(", of session %s", admin_text(root, "session"));
    else
        printf(" (term %.0f), %.0f of %.0f voters well", admin_number(root, "term"),
               admin_number(voters, "well"), admin_number(voters, "all"));
    printf(", up %s, ft %s\n", admin_time(admin_number(root, "uptime_s"), up, sizeof up),
           admin_text(root, "version"));
}

static void say_troubles(yyjson_val *troubles)
{
    size_t i, n;
    yyjson_val *trouble;

    yyjson_arr_foreach(troubles, i, n, trouble)
        printf("%-14s %s %s: %s\n", i == 0 ? "troubles" : "", admin_text(trouble, "node"),
               admin_text(trouble, "grade"), admin_text(trouble, "text"));
}

static void say(yyjson_val *root)
{
    static const char *nodes[] = {"well", "silent", "cut", "no-unit", "lost", "left", "drained",
                                  "failing", NULL};
    static const char *modules[] = {"runs", "starting", "waiting", "stopped", "other", NULL};
    yyjson_val *config = yyjson_obj_get(root, "config");

    say_central(root);
    say_counts("nodes", yyjson_obj_get(root, "nodes"), nodes);
    if (strcmp(admin_text(root, "mode"), "job") != 0) {
        say_counts("modules", yyjson_obj_get(root, "modules"), modules);
        printf("%-14s %.0f\n", "launchers", admin_number(root, "sessions"));
    }
    printf("%-14s %.0f in use or under way\n", "decisions", admin_number(root, "decisions"));
    say_troubles(yyjson_obj_get(root, "troubles"));
    printf("%-14s %s\n", "settings", admin_text(config, "path"));
    if (admin_text(config, "warnings")[0] != '\0')
        printf("%-14s %s\n", "warnings", admin_text(config, "warnings"));
}

int cli_status(int argc, char **argv)
{
    const struct admin_command command = {"status", usage, NULL, 0, 0, false};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);
    yyjson_doc *answer = NULL;

    if (code == ADMIN_GO_ON)
        answer = admin_ask(&admin, &code, "do", "status", ADMIN_END);
    if (answer != NULL) {
        yyjson_val *root = yyjson_doc_get_root(answer);

        if (admin.json)
            code = admin_print(root);
        else
            say(root);
        if (code == CLI_OK && !admin_truth(root, "well"))
            code = CLI_FAILED;
        yyjson_doc_free(answer);
        code = cli_flush("status", code);
    }
    admin_end(&admin);
    return code;
}
