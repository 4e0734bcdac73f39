/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mistakes.c - collects what is wrong with a file.
 *
 * Used by everything in this room while one file is read. Whoever corrects a file wants to see all
 * that is wrong, from the top down, and not one thing after each try; a file that is no ft.conf at
 * all should not fill the screen either. So the list keeps the first ones by line, and counts the
 * rest.
 */
#include "conf/mistakes.h"

#include <string.h>

#include "common/text.h"

/* Makes room for one more at its place, behind those of the same line; the last one makes way.
 * FT_CONF_ERRORS_MAX if its place is beyond the last. */
static unsigned make_room(struct ft_mistakes *mistakes, int line)
{
    unsigned at = mistakes->n;

    while (at > 0 && mistakes->at[at - 1].line > line)
        at--;
    if (mistakes->n == FT_CONF_ERRORS_MAX)
        mistakes->more++;
    else
        mistakes->n++;
    if (at < mistakes->n)
        memmove(&mistakes->at[at + 1], &mistakes->at[at],
                (mistakes->n - 1 - at) * sizeof mistakes->at[0]);
    return at;
}

void ft_mistake_v(struct ft_mistakes *mistakes, int line, const char *format, va_list arguments)
{
    unsigned at = make_room(mistakes, line);

    if (at >= FT_CONF_ERRORS_MAX)
        return;
    mistakes->at[at].line = line;
    mistakes->at[at].text[0] = '\0';
    ft_text_vappendf(mistakes->at[at].text, sizeof mistakes->at[at].text, format, arguments);
    ft_text_one_line(mistakes->at[at].text);
    ft_text_make_utf8(mistakes->at[at].text);
}

void ft_mistake(struct ft_mistakes *mistakes, int line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    ft_mistake_v(mistakes, line, format, arguments);
    va_end(arguments);
}

void ft_mistakes_text(const struct ft_mistakes *mistakes, const char *name, char *text,
                      size_t size)
{
    if (size == 0)
        return;
    text[0] = '\0';
    for (unsigned i = 0; i < mistakes->n; i++) {
        ft_text_appendf(text, size, "%s%s:", i > 0 ? "\n" : "", name);
        if (mistakes->at[i].line > 0)
            ft_text_appendf(text, size, "%d:", mistakes->at[i].line);
        ft_text_appendf(text, size, " %s", mistakes->at[i].text);
    }
    if (mistakes->more > 0)
        ft_text_appendf(text, size, "\n%s: and %u more", name, mistakes->more);
}
