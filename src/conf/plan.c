/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan.c - makes a plan out of ft.conf, whole or not at all. Called by the central unit at its
 * start and at each reload, by whoever takes the lead (with the text that the ledger keeps), and by
 * `ft config check`.
 *
 *     text -> comments blanked -> outline.c: what is where; unknown and double things
 *          -> libconfuse: values -> take.c, options.c: values that are good one by one
 *          -> check.c: parts that go together -> plan, or all mistakes by line
 *
 * An option that was mistyped must not silently leave a job without its spare nodes, or a node
 * without its modules: what is not known is an error, never passed over.
 */
#include "conf/plan.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conftext.h"
#include "common/hash.h"
#include "common/text.h"
#include "conf/check.h"
#include "conf/mistakes.h"
#include "conf/options.h"
#include "conf/outline.h"
#include "conf/take.h"

#ifndef FT_SYSCONFDIR
#define FT_SYSCONFDIR "/etc"
#endif
#define FILE_MAX_BYTES ((size_t) 4 << 20)

/* One file, while it is read. */
struct parse {
    const char *name;
    const struct ft_plan_overrides *overrides;
    struct ft_mistakes mistakes, warnings;
};

/* libconfuse reports through a function without an argument of ours. */
static struct ft_mistakes *reported;

static void report(cfg_t *cfg, const char *format, va_list arguments)
{
    ft_mistake_v(reported, cfg != NULL ? cfg->line : 0, format, arguments);
}

/* Copies a text so that libconfuse leaves ${NAME} in double quotes alone: the same file has to mean
 * the same on all nodes, whatever the environment there is. */
static char *keep_dollars(const char *text)
{
    char *copy = malloc(2 * strlen(text) + 2), *to = copy;
    char quote = '\0';

    if (copy == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        if (quote != '\0' && text[0] == '\\' && text[1] != '\0') {
            *to++ = *text++;
        } else if (*text == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*text == '"' || *text == '\'')) {
            quote = *text;
        } else if (quote == '"' && text[0] == '$' && text[1] == '{') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '\n';
    *to = '\0';
    return copy;
}

/* ---------------------------------------------------------------- text to plan */

/* True if libconfuse understands it; else it has said why. */
static bool read_values(struct parse *parse, cfg_t *cfg, const char *text)
{
    char *kept = keep_dollars(text);
    bool good;

    if (kept == NULL)
        return false;
    reported = &parse->mistakes;
    cfg_set_error_function(cfg, report);
    errno = 0; /* libconfuse takes one that was there before for its own */
    good = cfg_parse_buf(cfg, kept) == CFG_SUCCESS;
    reported = NULL;
    free(kept);
    if (!good && parse->mistakes.n == 0)
        ft_mistake(&parse->mistakes, 0, "it cannot be understood");
    return good;
}

/* NULL: there are mistakes, or no memory (and no mistakes). */
static struct ft_plan *make(struct parse *parse, cfg_t *cfg, const struct ft_outline *outline)
{
    struct ft_plan *plan = calloc(1, sizeof *plan);

    if (plan == NULL)
        return NULL;
    if (!ft_take(plan, cfg, outline, parse->overrides, &parse->mistakes, &parse->warnings) ||
        !ft_check(plan, outline, &parse->mistakes, &parse->warnings)) {
        memset(&parse->mistakes, 0, sizeof parse->mistakes);
    } else if (parse->mistakes.n == 0) {
        return plan;
    }
    ft_plan_destroy(plan);
    return NULL;
}

static struct ft_plan *parse_outlined(struct parse *parse, char *text)
{
    struct ft_outline *outline =
        ft_outline_create(text, ft_option_known, &parse->mistakes);
    cfg_t *cfg = outline != NULL ? ft_options_parser() : NULL;
    struct ft_plan *plan = NULL;

    if (cfg != NULL && read_values(parse, cfg, text)) {
        if (ft_outline_broken(outline) > 0)
            ft_mistake(&parse->mistakes, ft_outline_broken(outline), "this cannot be understood: "
                       "is something not in quotes that should be?");
        else
            plan = make(parse, cfg, outline);
    }
    if (cfg != NULL)
        cfg_free(cfg);
    ft_outline_destroy(outline);
    return plan;
}

/* Gives the plan what it keeps of its file. NULL (and the plan freed): out of memory. */
static struct ft_plan *complete(struct ft_plan *plan, const struct parse *parse, const char *text)
{
    char warnings[FT_CONF_WHY_MAX];

    ft_mistakes_text(&parse->warnings, parse->name, warnings, sizeof warnings);
    plan->path = strdup(parse->name);
    plan->text = strdup(text);
    plan->warnings = strdup(warnings);
    plan->hash = ft_hash(text, strlen(text));
    if (plan->path != NULL && plan->text != NULL && plan->warnings != NULL)
        return plan;
    ft_plan_destroy(plan);
    return NULL;
}

struct ft_plan *ft_plan_parse_text(const char *text, const char *name,
                                   const struct ft_plan_overrides *overrides, char *why,
                                   size_t size)
{
    struct parse parse = {.name = name, .overrides = overrides};
    char *copy = strdup(text);
    struct ft_plan *plan = NULL;

    if (copy != NULL) {
        ft_conftext_blank_comments(copy);
        plan = parse_outlined(&parse, copy);
        free(copy);
    }
    if (plan != NULL)
        plan = complete(plan, &parse, text);
    if (plan != NULL)
        return plan;
    if (parse.mistakes.n > 0)
        ft_mistakes_text(&parse.mistakes, name, why, size);
    else
        snprintf(why, size, "%s: out of memory", name);
    errno = parse.mistakes.n > 0 ? EINVAL : ENOMEM;
    return NULL;
}

struct ft_plan *ft_plan_load(const char *path, const struct ft_plan_overrides *overrides, char *why,
                             size_t size)
{
    struct ft_plan *plan;
    char *text;

    if (path == NULL && access(ft_plan_default_path(), F_OK) < 0 && errno == ENOENT)
        return ft_plan_parse_text("", ft_plan_default_path(), overrides, why, size);
    if (path == NULL)
        path = ft_plan_default_path();
    text = ft_conftext_read_whole(path, FILE_MAX_BYTES, why, size);
    if (text == NULL)
        return NULL;
    plan = ft_plan_parse_text(text, path, overrides, why, size);
    free(text);
    return plan;
}

const char *ft_plan_default_path(void)
{
    return FT_SYSCONFDIR "/ft/ft.conf";
}
