/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mistakes.h - what is wrong with a file: a bounded list, told in the order of its lines.
 */
#ifndef FT_CONF_MISTAKES_H
#define FT_CONF_MISTAKES_H

#include <stdarg.h>
#include <stddef.h>

#include "conf/plan.h"

#define FT_MISTAKE_TEXT_MAX 240

struct ft_mistakes {
    struct {
        int line; /* 0: of the file as a whole */
        char text[FT_MISTAKE_TEXT_MAX];
    } at[FT_CONF_ERRORS_MAX];
    unsigned n;
    unsigned more; /* that did not fit */
};

void ft_mistake(struct ft_mistakes *mistakes, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ft_mistake_v(struct ft_mistakes *mistakes, int line, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* Writes them all: "NAME:LINE: TEXT", a line each, the last one without its end. */
void ft_mistakes_text(const struct ft_mistakes *mistakes, const char *name, char *text,
                      size_t size);

#endif
