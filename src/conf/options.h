/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.h - the options of ft.conf, as tables: name, kind, where the value goes, what is allowed.
 */
#ifndef FT_CONF_OPTIONS_H
#define FT_CONF_OPTIONS_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/mistakes.h"
#include "conf/outline.h"

/* Sections, by what they are called; "" is the file itself. */
enum ft_section { FT_SECTION_TOP, FT_SECTION_NODE, FT_SECTION_MODULE, FT_SECTION_VOTER,
                  FT_SECTION_DETECT, FT_SECTION_FORECAST, FT_SECTION_CENTRAL,
                  FT_SECTIONS };

extern const char *const ft_section_names[FT_SECTIONS];

/* One section while it is read. */
struct ft_reading {
    enum ft_section kind;
    cfg_t *cfg;
    const struct ft_outline *outline;
    size_t section;       /* of the outline */
    struct ft_mistakes *mistakes;
};

/* For ft_outline_create. */
char ft_option_known(const char *section, const char *name);

/* A parser that knows them all. NULL: out of memory. */
cfg_t *ft_options_parser(void);

/* Puts the section's values into its struct: those that the file has, checked; texts and lists that
 * it does not have get their defaults, all else is left as it is. False: out of memory. */
bool ft_options_take(const struct ft_reading *reading, void *target);

/* A mistake in the line of an option of the section (NULL: of the section). */
void ft_reading_mistake(const struct ft_reading *reading, const char *option, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/* Is it in the file? */
bool ft_reading_has(const struct ft_reading *reading, const char *option);

#endif
