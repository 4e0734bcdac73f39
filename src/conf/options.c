/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.c - owns the tables of all options, and moves values from libconfuse into structs.
 *
 * A new option is a line in a table, a member in core/plan.h, and a paragraph in ft.conf(5). What
 * is more than a number in a range, or a text of a certain form, is of kind OWN: take.c reads it.
 * Defaults of numbers are in take.c (a struct each), those of texts are here.
 */
#include "conf/options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy.h"
#include "core/inventory.h"

#define HOUR_MS 3600000
#define DAY_MS 86400000
#define TEXT_MAX_BYTES 4096
#define TEXTS_MAX 1024

enum kind {
    NUMBER,    /* unsigned */
    SIGNED,    /* int */
    PORT,      /* uint16_t */
    MEGABYTES, /* uint64_t, in bytes */
    TRUTH,     /* bool */
    REAL,      /* double */
    TEXT,      /* char *, the caller's */
    TEXTS,     /* char **, ends in NULL */
    NO_TEXTS,  /* the same, and NULL if it is not there */
    OWN_TEXT, OWN_TEXTS, OWN_NUMBERS /* for take.c */
};

struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    double min, max;      /* of numbers */
    const char *otherwise; /* of texts */
    /* Of each text: what is wrong with it, NULL if nothing. */
    const char *(*problem)(const char *text);
};

/* ---------------------------------------------------------------- the forms of texts */

static const char *not_absolute(const char *text)
{
    return text[0] == '/' ? NULL : "is not an absolute path (one that begins with /)";
}

static const char *not_absolute_nor_empty(const char *text)
{
    return text[0] == '\0' ? NULL : not_absolute(text);
}

static const char *no_location(const char *text)
{
    _Static_assert(FT_LOCATION_MAX == 128, "the message below says so");
    return strlen(text) < FT_LOCATION_MAX ? NULL : "is longer than 127 bytes";
}

static const char *no_auth(const char *text)
{
    return strcmp(text, "auto") == 0 || strcmp(text, "munge") == 0 || strcmp(text, "key") == 0
               ? NULL : "is none of auto, munge, key";
}

static bool is_file(const char *text)
{
    return strncmp(text, "file:/", 6) == 0;
}

static const char *no_cms(const char *text)
{
    return strcmp(text, "collected") == 0 || strcmp(text, "slurm") == 0 || is_file(text)
               ? NULL : "is none of collected, file:/PATH, slurm";
}

static const char *no_rms(const char *text)
{
    return strcmp(text, "auto") == 0 || strcmp(text, "pool") == 0 ||
                   strcmp(text, "slurm") == 0 || strcmp(text, "pmix") == 0
               ? NULL : "is none of auto, pool, slurm, pmix";
}

static const char *no_ladder(const char *text)
{
    enum ft_way ways[FT_WAYS_MAX];

    return ft_ways_parse(text, ways) == 0
               ? NULL : "is not a list of spares, expand and beside, none of them twice";
}

static const char *no_when_none(const char *text)
{
    enum ft_when_none steps[FT_WHEN_NONE_MAX];

    return ft_when_none_parse(text, steps) == 0
               ? NULL : "is not a list of wait and share, and later or fewer at its end, none of "
                        "them twice";
}

static const char *no_sink(const char *text)
{
    return strcmp(text, "journal") == 0 || strcmp(text, "syslog") == 0 || is_file(text)
               ? NULL : "is none of journal, syslog, file:/PATH";
}

static const char *no_assignment(const char *text)
{
    size_t n = strcspn(text, "=");

    return n > 0 && text[n] == '=' ? NULL : "is not of the form NAME=VALUE";
}

static const char *no_checksum(const char *text)
{
    static const char form[] = "sha256:";
    const char *digits = text + sizeof form - 1;

    if (text[0] == '\0')
        return NULL;
    if (strncmp(text, form, sizeof form - 1) != 0 || strlen(digits) != 64 ||
        strspn(digits, "0123456789abcdefABCDEF") != 64)
        return "is not sha256: and 64 hexadecimal digits";
    return NULL;
}

/* ---------------------------------------------------------------- the tables */

#define IN(type, member) offsetof(struct type, member)

static const struct option top_options[] = {
    {"pool", OWN_TEXTS, 0, 0, 0, NULL, NULL},
    {"share", TRUTH, IN(ft_plan, central.share), 0, 0, NULL, NULL},
    {"check", TRUTH, IN(ft_plan, central.run_check), 0, 0, NULL, NULL},
    {"settle_ms", NUMBER, IN(ft_plan, central.settle_ms), 0, HOUR_MS, NULL, NULL},
    {"probe_timeout_ms", NUMBER, IN(ft_plan, central.probe_timeout_ms), 1, HOUR_MS, NULL, NULL},
    {"probe_fresh_ms", NUMBER, IN(ft_plan, central.probe_fresh_ms), 0, HOUR_MS, NULL, NULL},
    {"probes_max", NUMBER, IN(ft_plan, central.probes_max), 1, FT_PROBES_LIMIT, NULL, NULL},
    {"scratch_min_mb", NUMBER, IN(ft_plan, central.scratch_min_mb), 0, 1048576, NULL, NULL},
    {"unit_timeout_ms", NUMBER, IN(ft_plan, central.unit_timeout_ms), 1, HOUR_MS, NULL, NULL},
    {"rms_timeout_ms", NUMBER, IN(ft_plan, central.rms_timeout_ms), 1, HOUR_MS, NULL, NULL},
    {"start_timeout_ms", NUMBER, IN(ft_plan, central.start_timeout_ms), 1, HOUR_MS, NULL, NULL},
    {"spare_begin_ms", NUMBER, IN(ft_plan, central.spare_begin_ms), 1, HOUR_MS, NULL, NULL},
    {"unfit_ms", NUMBER, IN(ft_plan, central.unfit_ms), 0, HOUR_MS, NULL, NULL},
    {"port", PORT, IN(ft_plan, port), 1, 65535, NULL, NULL},
    {"unit_port", PORT, IN(ft_plan, unit_port), 1, 65535, NULL, NULL},
    {"lease_ms", NUMBER, IN(ft_plan, lease_ms), 100, HOUR_MS, NULL, NULL},
    {"election_ms", NUMBER, IN(ft_plan, election_ms), 50, 60000, NULL, NULL},
    {"leader_beat_ms", NUMBER, IN(ft_plan, leader_beat_ms), 5, 10000, NULL, NULL},
    {"handback_ms", NUMBER, IN(ft_plan, handback_ms), 0, DAY_MS, NULL, NULL},
    {"module_unfit_ms", NUMBER, IN(ft_plan, unfit_ms), 0, DAY_MS, NULL, NULL},
    {"auth", TEXT, IN(ft_plan, auth), 0, 0, "auto", no_auth},
    {"key", TEXT, IN(ft_plan, key), 0, 0, "/etc/ft/key", not_absolute},
    {"folder", TEXT, IN(ft_plan, folder), 0, 0, "/var/lib/ft/central", not_absolute},
    {"cms", TEXT, IN(ft_plan, cms), 0, 0, "collected", no_cms},
    {"rms", TEXT, IN(ft_plan, rms), 0, 0, "auto", no_rms},
    {"rms_ladder", TEXT, IN(ft_plan, rms_ladder), 0, 0, "spares,beside", no_ladder},
    {"rms_partition", TEXT, IN(ft_plan, rms_partition), 0, 0, "", NULL},
    {"rms_when_none", TEXT, IN(ft_plan, rms_when_none), 0, 0, "wait", no_when_none},
    {"rms_nodes_max", NUMBER, IN(ft_plan, rms_nodes_max), 0, FT_RMS_NODES_LIMIT, NULL, NULL},
    {"rms_drain", TRUTH, IN(ft_plan, rms_drain), 0, 0, NULL, NULL},
    {"rms_give_time_max_s", NUMBER, IN(ft_plan, rms_give_time_max_s), 0, 7 * DAY_MS / 1000, NULL, NULL},
    {"rms_watch_ms", NUMBER, IN(ft_plan, rms_watch_ms), 0, HOUR_MS, NULL, NULL},
    {"hook", TEXT, IN(ft_plan, hook), 0, 0, "", not_absolute_nor_empty},
    {"sinks", TEXTS, IN(ft_plan, sinks), 0, 0, NULL, no_sink},
    {"metrics_port", NUMBER, IN(ft_plan, metrics_port), 0, 65535, NULL, NULL},
    {"admins", OWN_TEXTS, 0, 0, 0, NULL, NULL},
    {"events", TEXT, IN(ft_plan, events), 0, 0, "", not_absolute_nor_empty},
    {"events_max_mb", NUMBER, IN(ft_plan, events_max_mb), 0, 1048576, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};

static const struct option node_options[] = {
    {"address", TEXT, IN(ft_plan_node, address), 0, 0, "", NULL},
    {"location", TEXT, IN(ft_plan_node, location), 0, 0, "", no_location},
    {"priority", SIGNED, IN(ft_plan_node, priority), -1000, 1000, NULL, NULL},
    {"spare", TRUTH, IN(ft_plan_node, spare), 0, 0, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};

#define M(member) IN(ft_plan_module, member)
static const struct option module_options[] = {
    {"command", TEXTS, M(argv), 0, 0, NULL, NULL},
    {"home", TEXT, M(home), 0, 0, "", NULL},
    {"user", TEXT, M(user), 0, 0, "", NULL},
    {"dir", TEXT, M(dir), 0, 0, "", not_absolute_nor_empty},
    {"environment", TEXTS, M(environment), 0, 0, NULL, no_assignment},
    {"after", TEXTS, M(after), 0, 0, NULL, NULL},
    {"nodes", OWN_TEXTS, 0, 0, 0, NULL, NULL},
    {"checksum", TEXT, M(checksum), 0, 0, "", no_checksum},
    {"priority", SIGNED, M(priority), -1000, 1000, NULL, NULL},
    {"enabled", TRUTH, M(enabled), 0, 0, NULL, NULL},
    {"single", TRUTH, M(single), 0, 0, NULL, NULL},
    {"notifies", TRUTH, M(notifies), 0, 0, NULL, NULL},
    {"restart", OWN_TEXT, 0, 0, 0, NULL, NULL},
    {"burst", NUMBER, M(burst), 1, 100, NULL, NULL},
    {"window_ms", NUMBER, M(window_ms), 1, DAY_MS, NULL, NULL},
    {"delays_ms", OWN_NUMBERS, 0, 0, HOUR_MS, NULL, NULL},
    {"start_timeout_ms", NUMBER, M(start_timeout_ms), 1, HOUR_MS, NULL, NULL},
    {"stop_timeout_ms", NUMBER, M(stop_timeout_ms), 0, HOUR_MS, NULL, NULL},
    {"watchdog_ms", NUMBER, M(watchdog_ms), 0, HOUR_MS, NULL, NULL},
    {"deadline_ms", NUMBER, M(deadline_ms), 0, HOUR_MS, NULL, NULL},
    {"check", NO_TEXTS, M(check), 0, 0, NULL, NULL},
    {"check_ms", NUMBER, M(check_ms), 10, DAY_MS, NULL, NULL},
    {"check_timeout_ms", NUMBER, M(check_timeout_ms), 1, HOUR_MS, NULL, NULL},
    {"check_failures", NUMBER, M(check_failures), 1, 100, NULL, NULL},
    {"cores_min", NUMBER, M(cores_min), 0, 1 << 20, NULL, NULL},
    {"memory_min_mb", MEGABYTES, M(memory_min_bytes), 0, 1 << 30, NULL, NULL},
    {"memory_max_mb", MEGABYTES, M(memory_max_bytes), 0, 1 << 30, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};
#undef M

static const struct option voter_options[] = {
    {"address", TEXT, IN(ft_plan_voter, address), 0, 0, "", NULL},
    {"port", PORT, IN(ft_plan_voter, port), 0, 65535, NULL, NULL},
    {"priority", SIGNED, IN(ft_plan_voter, priority), -1000, 1000, NULL, NULL},
    {"witness", TRUTH, IN(ft_plan_voter, witness), 0, 0, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};

#define D(member) IN(ft_plan, detect.member)
static const struct option detect_options[] = {
    {"beat_ms", NUMBER, D(beat_ms), 10, 60000, NULL, NULL},
    {"suspect_ms", NUMBER, D(suspect_ms), 1, HOUR_MS, NULL, NULL},
    {"confirm_ms", NUMBER, D(confirm_ms), 1, HOUR_MS, NULL, NULL},
    {"observers", NUMBER, D(observers), 0, 16, NULL, NULL},
    {"network_pct", NUMBER, D(network_pct), 1, 100, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};
#undef D

#define F(member) IN(ft_plan, forecast.member)
static const struct option forecast_options[] = {
    {"memory_min_pct", NUMBER, F(memory_min_pct), 0, 99, NULL, NULL},
    {"disk_min_pct", NUMBER, F(disk_min_pct), 0, 99, NULL, NULL},
    {"horizon_s", NUMBER, F(horizon_s), 1, 86400, NULL, NULL},
    {"celsius_max", REAL, F(celsius_max), 1, 1000, NULL, NULL},
    {"ecc_uncorrected_max", NUMBER, F(ecc_uncorrected_max), 0, 1 << 30, NULL, NULL},
    {"ecc_corrected_hour_max", NUMBER, F(ecc_corrected_hour_max), 0, 1 << 30, NULL, NULL},
    {"check_failures", NUMBER, F(check_failures), 1, 100, NULL, NULL},
    {"drain", TRUTH, F(drain), 0, 0, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};
#undef F

static const struct option central_options[] = {
    {"redeploy", TRUTH, IN(ft_plan, redeploy.on), 0, 0, NULL, NULL},
    {"redeploy_after_ms", NUMBER, IN(ft_plan, redeploy.after_ms), 500, HOUR_MS, NULL, NULL},
    {NULL, NUMBER, 0, 0, 0, NULL, NULL},
};

const char *const ft_section_names[FT_SECTIONS] = {"", "node", "module", "voter", "detect",
                                                   "forecast", "central"};
static const struct option *const tables[FT_SECTIONS] = {
    top_options, node_options, module_options, voter_options, detect_options, forecast_options,
    central_options};
static const bool is_titled[FT_SECTIONS] = {false, true, true, true, false, false,
                                                  false};

#define OPTIONS_MAX 40 /* of one section, and the sections themselves */

/* ---------------------------------------------------------------- knowing them */

static const struct option *find(enum ft_section kind, const char *name)
{
    for (const struct option *option = tables[kind]; option->name != NULL; option++) {
        if (strcmp(option->name, name) == 0)
            return option;
    }
    return NULL;
}

char ft_option_known(const char *section, const char *name)
{
    for (unsigned i = 0; i < FT_SECTIONS; i++) {
        if (section[0] == '\0' && i > 0 && strcmp(ft_section_names[i], name) == 0)
            return is_titled[i] ? 't' : 's';
        if (strcmp(ft_section_names[i], section) == 0 && find((enum ft_section) i, name) != NULL)
            return 'o';
    }
    return 0;
}

static cfg_opt_t for_libconfuse(const struct option *option)
{
    switch (option->kind) {
    case TRUTH:
        return (cfg_opt_t) CFG_BOOL(option->name, cfg_false, CFGF_NONE);
    case REAL:
        return (cfg_opt_t) CFG_FLOAT(option->name, 0, CFGF_NONE);
    case TEXT: case OWN_TEXT:
        return (cfg_opt_t) CFG_STR(option->name, NULL, CFGF_NONE);
    case TEXTS: case NO_TEXTS: case OWN_TEXTS:
        return (cfg_opt_t) CFG_STR_LIST(option->name, NULL, CFGF_NONE);
    case OWN_NUMBERS:
        return (cfg_opt_t) CFG_INT_LIST(option->name, NULL, CFGF_NONE);
    default:
        return (cfg_opt_t) CFG_INT(option->name, 0, CFGF_NONE);
    }
}

cfg_t *ft_options_parser(void)
{
    cfg_opt_t options[FT_SECTIONS][OPTIONS_MAX + FT_SECTIONS];
    size_t n[FT_SECTIONS] = {0};

    for (unsigned i = 0; i < FT_SECTIONS; i++) {
        for (const struct option *option = tables[i]; option->name != NULL; option++)
            options[i][n[i]++] = for_libconfuse(option);
        options[i][n[i]] = (cfg_opt_t) CFG_END();
    }
    for (unsigned i = 1; i < FT_SECTIONS; i++)
        options[0][n[0]++] = (cfg_opt_t) CFG_SEC(ft_section_names[i], options[i],
                                                 is_titled[i] ? CFGF_MULTI | CFGF_TITLE
                                                              : CFGF_NONE);
    options[0][n[0]] = (cfg_opt_t) CFG_END();
    return cfg_init(options[0], CFGF_NONE);
}

/* ---------------------------------------------------------------- one section */

void ft_reading_mistake(const struct ft_reading *reading, const char *option, const char *format,
                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    ft_mistake_v(reading->mistakes, ft_outline_line(reading->outline, reading->section, option),
                 format, arguments);
    va_end(arguments);
}

bool ft_reading_has(const struct ft_reading *reading, const char *option)
{
    return ft_outline_has(reading->outline, reading->section, option);
}

static char **texts_of(const struct ft_reading *reading, const char *option)
{
    unsigned n = cfg_size(reading->cfg, option);
    char **texts = calloc((size_t) n + 1, sizeof *texts);

    for (unsigned i = 0; texts != NULL && i < n; i++) {
        texts[i] = strdup(cfg_getnstr(reading->cfg, option, i));
        if (texts[i] == NULL) {
            while (i > 0)
                free(texts[--i]);
            free(texts);
            return NULL;
        }
    }
    return texts;
}

static bool in_range(const struct ft_reading *reading, const struct option *option, double value)
{
    if (value >= option->min && value <= option->max)
        return true;
    ft_reading_mistake(reading, option->name, "%s = %.10g is out of range: %.10g to %.10g",
                       option->name, value, option->min, option->max);
    return false;
}

static void check_text(const struct ft_reading *reading, const struct option *option,
                       const char *text)
{
    const char *problem = strlen(text) > TEXT_MAX_BYTES ? "is longer than 4096 bytes"
                        : option->problem != NULL ? option->problem(text) : NULL;

    if (problem != NULL)
        ft_reading_mistake(reading, option->name, "%s: \"%.80s\" %s", option->name, text, problem);
}

static void take_number(const struct ft_reading *reading, const struct option *option, void *to)
{
    long value = cfg_getint(reading->cfg, option->name);

    if (!in_range(reading, option, (double) value))
        return;
    switch (option->kind) {
    case SIGNED: *(int *) to = (int) value; break;
    case PORT: *(uint16_t *) to = (uint16_t) value; break;
    case MEGABYTES: *(uint64_t *) to = (uint64_t) value << 20; break;
    default: *(unsigned *) to = (unsigned) value;
    }
}

static bool take_text(const struct ft_reading *reading, const struct option *option, char **to)
{
    const char *text = ft_reading_has(reading, option->name)
                           ? cfg_getstr(reading->cfg, option->name) : NULL;

    if (text != NULL)
        check_text(reading, option, text);
    *to = strdup(text != NULL ? text : option->otherwise);
    return *to != NULL;
}

static bool take_texts(const struct ft_reading *reading, const struct option *option, char ***to)
{
    if (option->kind == NO_TEXTS && cfg_size(reading->cfg, option->name) == 0)
        return true;
    if (cfg_size(reading->cfg, option->name) > TEXTS_MAX)
        ft_reading_mistake(reading, option->name, "%s has more than %d words", option->name,
                           TEXTS_MAX);
    *to = texts_of(reading, option->name);
    for (char **text = *to; text != NULL && *text != NULL; text++)
        check_text(reading, option, *text);
    return *to != NULL;
}

static bool take_option(const struct ft_reading *reading, const struct option *option, void *to)
{
    bool has = ft_reading_has(reading, option->name);

    switch (option->kind) {
    case TEXT:
        return take_text(reading, option, to);
    case TEXTS: case NO_TEXTS:
        return take_texts(reading, option, to);
    case TRUTH:
        if (has)
            *(bool *) to = cfg_getbool(reading->cfg, option->name) == cfg_true;
        return true;
    case REAL:
        if (has && in_range(reading, option, cfg_getfloat(reading->cfg, option->name)))
            *(double *) to = cfg_getfloat(reading->cfg, option->name);
        return true;
    case OWN_TEXT: case OWN_TEXTS: case OWN_NUMBERS:
        return true;
    default:
        if (has)
            take_number(reading, option, to);
        return true;
    }
}

bool ft_options_take(const struct ft_reading *reading, void *target)
{
    for (const struct option *option = tables[reading->kind]; option->name != NULL; option++) {
        if (!take_option(reading, option, (char *) target + option->offset))
            return false;
    }
    return true;
}
