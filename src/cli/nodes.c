/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nodes.c - `ft nodes`: the nodes, what they are and how they are.
 */
#include "cli/admin.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

static const char usage[] =
    "usage: ft nodes [NODE]...\n\n"
    "Lists the nodes: how each is, where, what it has and has left. NODE may be a pattern:\n"
    "n[1-4]. One node alone is told with all its readings.\n\n"
    "  well      its unit is connected and heard        lost     declared lost\n"
    "  silent    not heard; being asked after           no-unit  its unit is not there\n"
    "  cut       heard by others only                   left     its unit ended in order\n\n";

/* What there is to say about it, most important first. */
static void note_of(yyjson_val *node, char *note, size_t size)
{
    static const char *const keys[] = {"failing", "drained", "why"};
    size_t i, n;
    yyjson_val *trouble;

    note[0] = '\0';
    for (size_t k = 0; k < 3; k++) {
        const char *text = admin_text(node, keys[k]);

        if (text[0] != '\0')
            ft_text_appendf(note, size, "%s%s%s", note[0] != '\0' ? "; " : "",
                            k == 0 ? "going down: " : "", text);
    }
    yyjson_arr_foreach(yyjson_obj_get(node, "troubles"), i, n, trouble)
        ft_text_appendf(note, size, "%s%s", note[0] != '\0' ? "; " : "",
                        admin_text(trouble, "text"));
    if (admin_truth(node, "spare"))
        ft_text_appendf(note, size, "%sspare", note[0] != '\0' ? "; " : "");
}

static void number_cell(struct table *table, yyjson_val *object, const char *key, int digits)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    if (yyjson_is_num(value))
        table_cellf(table, "%.*f", digits, yyjson_get_num(value));
    else
        table_cell(table, NULL);
}

static void bytes_cell(struct table *table, yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    char text[64];

    table_cell(table, yyjson_is_num(value)
                          ? admin_bytes(yyjson_get_num(value), text, sizeof text) : NULL);
}

static int say_table(yyjson_val *nodes)
{
    static const char *const headers[] = {"NODE", "STATE", "LOCATION", "CORES>", "MEMORY>", "FREE>",
                                          "LOAD>", "MODULES>", "NOTE", NULL};
    struct table *table = table_create(headers);
    size_t i, n;
    yyjson_val *node;
    int result = -1;

    if (table != NULL) {
        yyjson_arr_foreach(nodes, i, n, node) {
            yyjson_val *hardware = yyjson_obj_get(node, "hardware");
            char note[1000];

            table_cell(table, admin_text(node, "name"));
            table_cell(table, admin_text(node, "state"));
            table_cell(table, admin_text(node, "location"));
            number_cell(table, hardware, "cores", 0);
            bytes_cell(table, hardware, "memory_bytes");
            bytes_cell(table, node, "memory_free_bytes");
            number_cell(table, node, "load", 2);
            number_cell(table, node, "modules", 0);
            note_of(node, note, sizeof note);
            table_cell(table, note);
        }
        result = table_print(table, stdout);
    }
    table_destroy(table);
    return result;
}

/* ---------------------------------------------------------------- one node alone */

static void say_line(const char *what, const char *text)
{
    if (text[0] != '\0')
        printf("%-12s %s\n", what, text);
}

static void say_hardware(yyjson_val *hardware)
{
    char text[300] = "", memory[64];
    size_t i, n;
    yyjson_val *key, *count;

    if (!yyjson_is_obj(hardware))
        return;
    ft_text_appendf(text, sizeof text, "%s, %.0f packages, %.0f cores, %.0f threads, %s",
                    admin_text(hardware, "arch"), admin_number(hardware, "packages"),
                    admin_number(hardware, "cores"), admin_number(hardware, "pus"),
                    admin_bytes(admin_number(hardware, "memory_bytes"), memory, sizeof memory));
    yyjson_obj_foreach(yyjson_obj_get(hardware, "devices"), i, n, key, count)
        ft_text_appendf(text, sizeof text, ", %.0f %s", yyjson_get_num(count),
                        yyjson_get_str(key));
    say_line("hardware", text);
    say_line("processor", admin_text(hardware, "model"));
}

static void say_readings(yyjson_val *readings)
{
    size_t i, n;
    yyjson_val *reading;

    yyjson_arr_foreach(readings, i, n, reading) {
        const char *what = admin_text(reading, "what"), *of = admin_text(reading, "of");
        double value = admin_number(reading, "value");
        char text[64];

        printf("%-12s %s%s%s = ", i == 0 ? "readings" : "", what, of[0] != '\0' ? " " : "", of);
        if (strstr(what, "bytes") != NULL)
            printf("%s\n", admin_bytes(value, text, sizeof text));
        else
            printf("%.10g\n", value);
    }
}

static void say_one(yyjson_val *node)
{
    char note[1000], text[64];

    say_line("node", admin_text(node, "name"));
    say_line("state", admin_text(node, "state"));
    note_of(node, note, sizeof note);
    say_line("note", note);
    say_line("location", admin_text(node, "location"));
    if (yyjson_is_num(yyjson_obj_get(node, "silent_ms"))) {
        ft_text_copy(note, sizeof note, "");
        ft_text_appendf(note, sizeof note, "%s ago",
                        admin_ago(admin_number(node, "silent_ms"), text, sizeof text));
        say_line("heard", note);
    }
    say_hardware(yyjson_obj_get(node, "hardware"));
    printf("%-12s %.0f\n", "modules", admin_number(node, "modules"));
    printf("%-12s %.0f\n", "ranks", admin_number(node, "processes"));
    say_readings(yyjson_obj_get(node, "readings"));
}

int cli_nodes(int argc, char **argv)
{
    const struct admin_command command = {"nodes", usage, NULL, 0, -1, false};
    struct admin admin;
    int code = admin_begin(&admin, &command, argc, argv);
    yyjson_mut_doc *gathered =
        code == ADMIN_GO_ON ? listing_gather(&admin, "nodes", "node", NULL, &code) : NULL;
    yyjson_doc *answer = gathered != NULL ? yyjson_mut_doc_imut_copy(gathered, NULL) : NULL;

    if (answer != NULL) {
        yyjson_val *root = yyjson_doc_get_root(answer), *nodes = yyjson_obj_get(root, "nodes");

        if (admin.json)
            code = admin_print(root);
        else if (admin.words_n == 1 && yyjson_arr_size(nodes) == 1)
            say_one(yyjson_arr_get_first(nodes));
        else if (say_table(nodes) < 0)
            code = CLI_FAILED;
        code = cli_flush("nodes", code);
    } else if (gathered != NULL) {
        cli_error("nodes", "out of memory");
        code = CLI_FAILED;
    }
    yyjson_doc_free(answer);
    yyjson_mut_doc_free(gathered);
    admin_end(&admin);
    return code;
}
