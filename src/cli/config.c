/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.c - `ft config check`: looks at an ft.conf without a central unit; `ft reload`: has the
 * central unit read its own anew.
 */
#include "config.h"

#include "cli/admin.h"
#include "cli/cli.h"
#include "conf/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config_usage[] =
    "usage: ft config check [--json] [FILE]\n\n"
    "Checks an ft.conf(5) as a whole, as the central unit does before it takes one: everything\n"
    "that is wrong is told, with its line. FILE is /etc/ft/ft.conf if it is not given. Warnings\n"
    "are about what is allowed and hardly meant. Exit code 1 if the file is not good.\n\n"
    "  --json         print JSON: file, good, errors, warnings (each: line, text), and how many\n"
    "                 nodes, modules, voters there are\n"
    "  -h, --help     this text\n";

static const char reload_usage[] =
    "usage: ft reload\n\n"
    "Has the central unit that leads read its ft.conf(5) anew, and tells what has changed. A file\n"
    "that is not good changes nothing. Modules that are not concerned run on.\n\n";

/* ---------------------------------------------------------------- ft config check */

/* "FILE:12: text" lines -> [{"line": 12, "text": "text"}, ...] */
static bool add_lines(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *file, char *lines)
{
    size_t n = strlen(file);
    char *rest = NULL;
    bool good = true;

    for (char *line = strtok_r(lines, "\n", &rest); good && line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        yyjson_mut_val *object = yyjson_mut_arr_add_obj(doc, list);
        long number = 0;
        char *text = line;

        if (strncmp(line, file, n) == 0 && line[n] == ':') {
            number = strtol(line + n + 1, &text, 10);
            text += strspn(text, ": ");
        }
        good = object != NULL && yyjson_mut_obj_add_int(doc, object, "line", number) &&
               yyjson_mut_obj_add_strcpy(doc, object, "text", text);
    }
    return good;
}

static int print_json(const char *file, const struct ft_plan *plan, char *errors, char *warnings)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = doc != NULL ? yyjson_mut_obj(doc) : NULL;
    char *text = NULL;
    bool good = root != NULL && yyjson_mut_obj_add_strcpy(doc, root, "file", file) &&
                yyjson_mut_obj_add_bool(doc, root, "good", plan != NULL);

    good = good && add_lines(doc, yyjson_mut_obj_add_arr(doc, root, "errors"), file, errors) &&
           add_lines(doc, yyjson_mut_obj_add_arr(doc, root, "warnings"), file, warnings);
    if (good && plan != NULL)
        good = yyjson_mut_obj_add_uint(doc, root, "nodes", plan->nodes_n) &&
               yyjson_mut_obj_add_uint(doc, root, "modules", plan->modules_n) &&
               yyjson_mut_obj_add_uint(doc, root, "voters", plan->voters_n);
    if (good) {
        yyjson_mut_doc_set_root(doc, root);
        text = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
    }
    if (text != NULL)
        puts(text);
    else
        cli_error("config", "out of memory");
    free(text);
    yyjson_mut_doc_free(doc);
    return text != NULL && plan != NULL ? CLI_OK : CLI_FAILED;
}

static int check(const char *path, bool json)
{
    const char *file = path != NULL ? path : ft_plan_default_path();
    char why[FT_CONF_WHY_MAX] = "", warnings[FT_CONF_WHY_MAX] = "";
    /* By its name: a file that is not there is no good file, though a daemon may do without. */
    struct ft_plan *plan = ft_plan_load(file, NULL, why, sizeof why);
    int code = plan != NULL ? CLI_OK : CLI_FAILED;

    if (plan != NULL)
        snprintf(warnings, sizeof warnings, "%s", plan->warnings);
    if (json) {
        code = print_json(file, plan, why, warnings);
    } else if (plan == NULL) {
        fprintf(stderr, "%s\n", why);
    } else {
        if (warnings[0] != '\0')
            fprintf(stderr, "%s\n", warnings);
        printf("%s is good: %zu nodes, %zu modules, %zu voters\n", file, plan->nodes_n,
               plan->modules_n, plan->voters_n);
    }
    ft_plan_destroy(plan);
    return cli_flush("config", code);
}

int cli_config(int argc, char **argv)
{
    bool json = false, help = false;
    const struct arguments_option options[] = {{"--json", NULL, NULL, &json},
                                               {"--help", "-h", NULL, &help},
                                               {NULL, NULL, NULL, NULL}};
    const struct arguments_option *const tables[] = {options, NULL};
    const char **words = calloc((size_t) argc + 1, sizeof *words);
    char why[300] = "";
    int n = words != NULL ? arguments_parse(argc, argv, tables, words, why, sizeof why) : -1;
    int code = CLI_USAGE;

    if (words == NULL)
        snprintf(why, sizeof why, "out of memory");
    if (n >= 0 && help) {
        fputs(config_usage, stdout);
        code = cli_flush("config", CLI_OK);
    } else if (n >= 1 && n <= 2 && strcmp(words[0], "check") == 0) {
        code = check(n > 1 ? words[1] : NULL, json);
    } else {
        cli_error("config", "%s; see ft config --help",
                  n < 0 ? why : n == 0 ? "it needs an order: check" : "it takes: check [FILE]");
    }
    free(words);
    return code;
}

/* ---------------------------------------------------------------- ft reload */

int cli_reload(int argc, char **argv)
{
    const struct admin_command command = {"reload", reload_usage, NULL, 0, 0, true};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);
    yyjson_doc *answer = NULL;

    if (code == ADMIN_GO_ON)
        answer = admin_order(&admin, &code, "do", "reload", ADMIN_END);
    if (answer != NULL) {
        yyjson_val *root = yyjson_doc_get_root(answer);

        if (admin.json)
            code = admin_print(root);
        else
            puts(admin_truth(root, "changed") ? admin_text(root, "changes")
                                              : "nothing has changed");
        yyjson_doc_free(answer);
        code = cli_flush("reload", code);
    }
    admin_end(&admin);
    return code;
}
