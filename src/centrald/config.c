/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * config.c - reads ft.conf, and merges the environment and the command line into it.
 *
 * main.c calls it once, before anything else is made. The options of a per-job central unit are one
 * table: name, where the value goes, what is allowed, default. Anything the file says that is not
 * in the table, or out of its range, is an error with file and line: an option that was mistyped
 * must not silently leave a job without its spare nodes.
 */
#include "centrald/config.h"

#include <confuse.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conftext.h"
#include "common/text.h"
#include "core/inventory.h"

#ifndef FT_SYSCONFDIR
#define FT_SYSCONFDIR "/etc"
#endif
#define CONF_DEFAULT FT_SYSCONFDIR "/ft/ft.conf"
#define WAIT_MAX_MS 3600000
#define FILE_MAX_BYTES (1 << 20)

/* Numbers of the file. */
static const struct number {
    const char *name;
    size_t offset; /* in struct ft_central_config */
    long min, max;
} numbers[] = {
    {"settle_ms", offsetof(struct ft_central_config, settle_ms), 0, WAIT_MAX_MS},
    {"probe_timeout_ms", offsetof(struct ft_central_config, probe_timeout_ms), 1, WAIT_MAX_MS},
    {"probe_fresh_ms", offsetof(struct ft_central_config, probe_fresh_ms), 0, WAIT_MAX_MS},
    {"probes_max", offsetof(struct ft_central_config, probes_max), 1, FT_PROBES_LIMIT},
    {"unit_timeout_ms", offsetof(struct ft_central_config, unit_timeout_ms), 1, WAIT_MAX_MS},
    {"rms_timeout_ms", offsetof(struct ft_central_config, rms_timeout_ms), 1, WAIT_MAX_MS},
    {"start_timeout_ms", offsetof(struct ft_central_config, start_timeout_ms), 1, WAIT_MAX_MS},
    {"unfit_ms", offsetof(struct ft_central_config, unfit_ms), 0, WAIT_MAX_MS},
};
#define NUMBERS (sizeof numbers / sizeof numbers[0])

/* libconfuse reports through a function without an argument of ours; there is one config at a
 * time. */
static const char *parsed_path;
static char *why_text;
static size_t why_size;

static void report(cfg_t *cfg, const char *format, va_list arguments)
{
    if (why_text[0] != '\0')
        return; /* the first problem is the one to mend */
    if (cfg != NULL)
        ft_text_appendf(why_text, why_size, "%s:%d: ", parsed_path, cfg->line);
    ft_text_vappendf(why_text, why_size, format, arguments);
}

static unsigned *number_of(struct ft_central_config *config, const struct number *number)
{
    return (unsigned *) ((char *) config + number->offset);
}

/* ---------------------------------------------------------------- checks, while it is parsed */

static int check_number(cfg_t *cfg, cfg_opt_t *option)
{
    long value = cfg_opt_getnint(option, cfg_opt_size(option) - 1);

    for (size_t i = 0; i < NUMBERS; i++) {
        if (strcmp(numbers[i].name, option->name) != 0 ||
            (value >= numbers[i].min && value <= numbers[i].max))
            continue;
        cfg_error(cfg, "%s = %ld is out of range: %ld to %ld", option->name, value, numbers[i].min,
                  numbers[i].max);
        return -1;
    }
    return 0;
}

static int check_pool(cfg_t *cfg, cfg_opt_t *option)
{
    const char *text = cfg_opt_getnstr(option, cfg_opt_size(option) - 1);
    char why[200];
    struct ft_hostlist *list = ft_hostlist_parse(text, why, sizeof why);

    if (list == NULL) {
        cfg_error(cfg, "pool: %s", errno == ENOMEM ? "out of memory" : why);
        return -1;
    }
    ft_hostlist_destroy(list);
    return 0;
}

static int check_location(cfg_t *cfg, cfg_opt_t *option)
{
    const char *text = cfg_opt_getnstr(option, cfg_opt_size(option) - 1);

    if (strlen(text) < FT_LOCATION_MAX)
        return 0;
    cfg_error(cfg, "the location is longer than %d bytes", FT_LOCATION_MAX - 1);
    return -1;
}

static int check_node(cfg_t *cfg, cfg_opt_t *option)
{
    cfg_t *section = cfg_opt_getnsec(option, cfg_opt_size(option) - 1);
    const char *name = section != NULL ? cfg_title(section) : NULL;

    if (name != NULL && name[0] != '\0' && strlen(name) < FT_NAME_MAX)
        return 0;
    cfg_error(cfg, "a node section needs a name: node \"n3\" { location = \"row1/rack2\" }");
    return -1;
}

/* ---------------------------------------------------------------- reading */

static bool parse_text(cfg_t *cfg, const char *path)
{
    char *text = ft_conftext_read(path, FILE_MAX_BYTES, why_text, why_size);
    bool good;

    if (text == NULL)
        return false;
    parsed_path = path;
    good = cfg_parse_buf(cfg, text) == CFG_SUCCESS;
    if (!good && why_text[0] == '\0')
        snprintf(why_text, why_size, "%s cannot be understood", path);
    free(text);
    return good;
}

static cfg_t *parse(const char *path, bool must_exist)
{
    cfg_opt_t node_options[] = {CFG_STR("location", "", CFGF_NONE), CFG_END()};
    cfg_opt_t options[4 + NUMBERS + 1] = {
        CFG_STR_LIST("pool", NULL, CFGF_NONE),
        CFG_BOOL("share", cfg_false, CFGF_NONE),
        CFG_BOOL("check", cfg_true, CFGF_NONE),
        CFG_SEC("node", node_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
    };
    struct ft_central_config defaults = ft_central_defaults;
    cfg_t *cfg;

    for (size_t i = 0; i < NUMBERS; i++) {
        cfg_opt_t option =
            CFG_INT(numbers[i].name, (long) *number_of(&defaults, &numbers[i]), CFGF_NONE);

        options[4 + i] = option;
    }
    options[4 + NUMBERS] = (cfg_opt_t) CFG_END();
    cfg = cfg_init(options, CFGF_NONE);
    if (cfg == NULL) {
        snprintf(why_text, why_size, "out of memory");
        return NULL;
    }
    cfg_set_error_function(cfg, report);
    for (size_t i = 0; i < NUMBERS; i++)
        cfg_set_validate_func(cfg, numbers[i].name, check_number);
    cfg_set_validate_func(cfg, "pool", check_pool);
    cfg_set_validate_func(cfg, "node", check_node);
    cfg_set_validate_func(cfg, "node|location", check_location);
    if (!must_exist && access(path, F_OK) < 0 && errno == ENOENT)
        return cfg;
    if (parse_text(cfg, path))
        return cfg;
    cfg_free(cfg);
    return NULL;
}

static int take_pool(struct ft_config *config, cfg_t *cfg, const char *pool)
{
    char *text = NULL;
    size_t n = 1;
    char problem[200] = "";

    if (pool == NULL) {
        for (unsigned i = 0; i < cfg_size(cfg, "pool"); i++)
            n += strlen(cfg_getnstr(cfg, "pool", i)) + 1;
        text = calloc(1, n);
        for (unsigned i = 0; text != NULL && i < cfg_size(cfg, "pool"); i++)
            ft_text_appendf(text, n, "%s%s", i > 0 ? "," : "", cfg_getnstr(cfg, "pool", i));
        if (text == NULL) {
            snprintf(why_text, why_size, "out of memory");
            return -1;
        }
    }
    config->pool = ft_hostlist_parse(pool != NULL ? pool : text, problem, sizeof problem);
    free(text);
    if (config->pool != NULL)
        return 0;
    snprintf(why_text, why_size, "the pool of spare nodes: %s",
             errno == ENOMEM ? "out of memory" : problem);
    return -1;
}

static int take_nodes(struct ft_config *config, cfg_t *cfg)
{
    unsigned n = cfg_size(cfg, "node");

    config->nodes = calloc(n + 1, sizeof *config->nodes);
    for (unsigned i = 0; config->nodes != NULL && i < n; i++) {
        cfg_t *section = cfg_getnsec(cfg, "node", i);
        struct ft_config_node *node = &config->nodes[config->nodes_n++];

        node->name = strdup(cfg_title(section));
        node->location = strdup(cfg_getstr(section, "location"));
        if (node->name == NULL || node->location == NULL)
            break;
        if (i + 1 == n)
            return 0;
    }
    if (config->nodes != NULL && n == 0)
        return 0;
    snprintf(why_text, why_size, "out of memory");
    return -1;
}

static int take(struct ft_config *config, cfg_t *cfg, const char *pool)
{
    const char *share = getenv("FT_SHARE");

    config->central = ft_central_defaults;
    config->central.share = cfg_getbool(cfg, "share") == cfg_true;
    config->central.run_check = cfg_getbool(cfg, "check") == cfg_true;
    if (share != NULL && share[0] != '\0')
        config->central.share = strcmp(share, "0") != 0;
    for (size_t i = 0; i < NUMBERS; i++)
        *number_of(&config->central, &numbers[i]) = (unsigned) cfg_getint(cfg, numbers[i].name);
    return take_pool(config, cfg, pool) < 0 || take_nodes(config, cfg) < 0 ? -1 : 0;
}

struct ft_config *ft_config_load(const char *path, const char *pool, char *why, size_t size)
{
    struct ft_config *config = calloc(1, sizeof *config);
    cfg_t *cfg;

    why_text = why;
    why_size = size;
    why[0] = '\0';
    if (config == NULL) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    cfg = parse(path != NULL ? path : CONF_DEFAULT, path != NULL);
    if (cfg == NULL || take(config, cfg, pool) < 0) {
        ft_config_destroy(config);
        config = NULL;
    }
    if (cfg != NULL)
        cfg_free(cfg);
    return config;
}

void ft_config_destroy(struct ft_config *config)
{
    if (config == NULL)
        return;
    ft_hostlist_destroy(config->pool);
    for (size_t i = 0; i < config->nodes_n; i++) {
        free(config->nodes[i].name);
        free(config->nodes[i].location);
    }
    free(config->nodes);
    free(config);
}
