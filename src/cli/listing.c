/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listing.c - gathers nodes or modules, page after page or one by one, into one object: for `ft
 * nodes` and `ft modules`.
 */
#include "cli/listing.h"

#include <string.h>

#include "cli/cli.h"
#include "common/hostlist.h"

struct gathering {
    yyjson_mut_doc *doc;
    yyjson_mut_val *items;
    bool failed;
};

static void take(void *arg, yyjson_val *item)
{
    struct gathering *gathering = arg;
    yyjson_mut_val *copy = yyjson_val_mut_copy(gathering->doc, item);

    if (copy == NULL || !yyjson_mut_arr_append(gathering->items, copy))
        gathering->failed = true;
}

static int take_named(struct admin *admin, const char *list, const char *one, const char *name,
                      struct gathering *gathering)
{
    int code;
    yyjson_doc *doc = admin_ask(admin, &code, "do", list, one, name, ADMIN_END);
    yyjson_val *item = yyjson_arr_get_first(yyjson_obj_get(yyjson_doc_get_root(doc), list));

    if (item != NULL)
        take(gathering, item);
    yyjson_doc_free(doc);
    return code;
}

/* A word of the command line: a name, or a pattern of names. */
static int take_word(struct admin *admin, const char *list, const char *one, const char *word,
                     struct gathering *gathering)
{
    char why[200] = "";
    struct ft_hostlist *names = ft_hostlist_parse(word, why, sizeof why);
    int code = CLI_OK;

    if (names == NULL) {
        cli_error(admin->command->name, "%s: %s", word, why);
        return CLI_USAGE;
    }
    for (size_t i = 0; code == CLI_OK && i < ft_hostlist_count(names); i++)
        code = take_named(admin, list, one, ft_hostlist_at(names, i), gathering);
    ft_hostlist_destroy(names);
    return code;
}

yyjson_mut_doc *listing_gather(struct admin *admin, const char *list, const char *one,
                               const char *node, int *code)
{
    struct gathering gathering = {.doc = yyjson_mut_doc_new(NULL)};
    yyjson_mut_val *root = gathering.doc != NULL ? yyjson_mut_obj(gathering.doc) : NULL;

    gathering.items = root != NULL ? yyjson_mut_obj_add_arr(gathering.doc, root, list) : NULL;
    *code = CLI_OK;
    gathering.failed = gathering.items == NULL;
    if (!gathering.failed) {
        yyjson_mut_doc_set_root(gathering.doc, root);
        if (admin->words_n == 0)
            *code = admin_each(admin, list, node, take, &gathering);
        for (int i = 0; *code == CLI_OK && i < admin->words_n; i++)
            *code = take_word(admin, list, one, admin->words[i], &gathering);
    }
    if (gathering.failed && *code == CLI_OK) {
        cli_error(admin->command->name, "out of memory");
        *code = CLI_FAILED;
    }
    if (*code == CLI_OK)
        return gathering.doc;
    yyjson_mut_doc_free(gathering.doc);
    return NULL;
}
