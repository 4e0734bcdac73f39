/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exposition.c - owns the text of one page of metrics while it is written. Used by figures.c for
 * every request of metrics.c. What there is no memory for fails the page as a whole: half a page
 * would look like nodes that are gone.
 */
#include "centrald/exposition.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ft_exposition {
    char *text;
    size_t n, room;
    bool failed;
    char name[128]; /* of the family under way */
};

struct ft_exposition *ft_exposition_create(void)
{
    return calloc(1, sizeof(struct ft_exposition));
}

void ft_exposition_destroy(struct ft_exposition *page)
{
    if (page == NULL)
        return;
    free(page->text);
    free(page);
}

static bool make_room(struct ft_exposition *page, size_t n)
{
    size_t room = page->room > 0 ? page->room : 4096;
    char *text;

    if (page->failed)
        return false;
    while (room < page->n + n + 1)
        room *= 2;
    if (room == page->room)
        return true;
    text = room <= FT_EXPOSITION_MAX_BYTES ? realloc(page->text, room) : NULL;
    if (text == NULL) {
        page->failed = true;
        return false;
    }
    page->text = text;
    page->room = room;
    return true;
}

static void put(struct ft_exposition *page, const char *text)
{
    size_t n = strlen(text);

    if (!make_room(page, n))
        return;
    memcpy(page->text + page->n, text, n + 1);
    page->n += n;
}

/* Backslashes, line ends and, in labels, quotes are escaped. */
static void put_escaped(struct ft_exposition *page, const char *text, bool is_label)
{
    for (; *text != '\0'; text++) {
        char one[2] = {*text, '\0'};

        if (*text == '\\')
            put(page, "\\\\");
        else if (*text == '\n')
            put(page, "\\n");
        else if (*text == '"' && is_label)
            put(page, "\\\"");
        else
            put(page, one);
    }
}

void ft_exposition_family(struct ft_exposition *page, const char *name, const char *type,
                          const char *help)
{
    snprintf(page->name, sizeof page->name, "%s", name);
    put(page, "# HELP ");
    put(page, name);
    put(page, " ");
    put_escaped(page, help, false);
    put(page, "\n# TYPE ");
    put(page, name);
    put(page, " ");
    put(page, type);
    put(page, "\n");
}

void ft_exposition_value(struct ft_exposition *page, double value, const char *const *labels)
{
    const char *separator = "{";
    char number[48];

    if (isnan(value))
        return;
    put(page, page->name);
    for (; labels != NULL && *labels != NULL; labels += 2) {
        put(page, separator);
        put(page, labels[0]);
        put(page, "=\"");
        put_escaped(page, labels[1], true);
        put(page, "\"");
        separator = ",";
    }
    if (isinf(value))
        snprintf(number, sizeof number, "%s\n", value > 0 ? "+Inf" : "-Inf");
    else
        snprintf(number, sizeof number, value == floor(value) && fabs(value) < 1e15 ? "%.0f\n"
                                                                                    : "%.6g\n",
                 value);
    put(page, separator[0] == '{' ? " " : "} ");
    put(page, number);
}

char *ft_exposition_take(struct ft_exposition *page, size_t *n)
{
    char *text = page->failed ? NULL : page->text;

    if (text == NULL) {
        free(page->text);
    } else {
        *n = page->n;
    }
    page->text = NULL;
    page->n = page->room = 0;
    return text;
}
