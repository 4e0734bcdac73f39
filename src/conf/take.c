/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * take.c - puts what libconfuse read into a plan.
 *
 * Called by plan.c once the text is well formed and has no unknown options, so that sections and
 * outline agree: the n-th section of a kind is the n-th of the outline. Each section's struct gets
 * its defaults, the values of its table (options.c), and what is of a form of its own: names and
 * patterns of nodes, restart policies, delays, users. What concerns several sections is check.c's.
 */
#include "conf/take.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "common/text.h"

#define ADMINS_MAX 1024
#define NODES_MAX FT_HOSTLIST_MAX

/* What is at hand while a plan is filled. */
struct taking {
    struct ft_plan *plan;
    cfg_t *cfg;
    const struct ft_outline *outline;
    struct ft_mistakes *mistakes, *warnings;
};

static const struct ft_plan plan_defaults = {
    .detect = {.beat_ms = 500, .suspect_ms = 120, .confirm_ms = 250, .observers = 3,
               .network_pct = 50},
    .forecast = {.memory_min_pct = 3, .disk_min_pct = 2, .horizon_s = 300, .celsius_max = 95,
                 .ecc_corrected_hour_max = 1000, .check_failures = 3, .drain = true},
    .redeploy = {.on = true, .after_ms = 5000},
    .port = 7311,
    .unit_port = 7312,
    .lease_ms = 2000,
    .election_ms = 300,
    .leader_beat_ms = 50,
    .handback_ms = 10000,
    .unfit_ms = 300000,
    .metrics_port = 9311,
    .rms_nodes_max = FT_RMS_NODES_LIMIT,
    .rms_watch_ms = 10000,
    .events_max_mb = 64,
};

static const struct ft_plan_module module_defaults = {
    .enabled = true,
    .single = true,
    .restart = FT_RESTART_ALWAYS,
    .burst = 3,
    .window_ms = 60000,
    .delays_ms = {0, 1000, 5000},
    .delays_n = 3,
    .start_timeout_ms = 30000,
    .stop_timeout_ms = 10000,
    .check_ms = 10000,
    .check_timeout_ms = 5000,
    .check_failures = 3,
};

/* ---------------------------------------------------------------- lists of nodes */

/* All words of a list, as one list of nodes. NULL: out of memory, or a mistake (noted). */
static struct ft_hostlist *take_hosts(const struct ft_reading *reading, const char *option)
{
    unsigned n = cfg_size(reading->cfg, option);
    size_t size = 1;
    char problem[160] = "", *text;
    struct ft_hostlist *hosts;

    for (unsigned i = 0; i < n; i++)
        size += strlen(cfg_getnstr(reading->cfg, option, i)) + 1;
    text = calloc(1, size);
    if (text == NULL)
        return NULL;
    for (unsigned i = 0; i < n; i++)
        ft_text_appendf(text, size, "%s%s", i > 0 ? "," : "", cfg_getnstr(reading->cfg, option, i));
    hosts = ft_hostlist_parse(text, problem, sizeof problem);
    free(text);
    if (hosts == NULL && errno != ENOMEM) {
        ft_reading_mistake(reading, option, "%s: %s", option, problem);
        hosts = ft_hostlist_create();
    }
    return hosts;
}

/* ---------------------------------------------------------------- nodes */

static bool copy_node(struct ft_plan *plan, const struct ft_plan_node *like, const char *name)
{
    struct ft_plan_node *node = &plan->nodes[plan->nodes_n];

    *node = *like;
    node->name = strdup(name);
    node->address = strdup(like->address);
    node->location = strdup(like->location);
    plan->nodes_n++;
    return node->name != NULL && node->address != NULL && node->location != NULL;
}

static bool copy_nodes(struct ft_plan *plan, const struct ft_plan_node *like,
                       const struct ft_hostlist *names)
{
    size_t n = ft_hostlist_count(names);
    struct ft_plan_node *nodes = realloc(plan->nodes, (plan->nodes_n + n + 1) * sizeof *nodes);

    if (nodes == NULL)
        return false;
    plan->nodes = nodes;
    for (size_t i = 0; i < n; i++) {
        if (!copy_node(plan, like, ft_hostlist_at(names, i)))
            return false;
    }
    return true;
}

/* The names in a node section's title; an empty list after a mistake. NULL: out of memory. */
static struct ft_hostlist *names_of(const struct ft_reading *reading)
{
    const char *title = cfg_title(reading->cfg);
    char problem[160] = "";
    struct ft_hostlist *names = ft_hostlist_parse(title, problem, sizeof problem);

    if (names == NULL && errno != ENOMEM) {
        ft_reading_mistake(reading, NULL, "node \"%.100s\": %s", title, problem);
        return ft_hostlist_create();
    }
    if (names != NULL && ft_hostlist_count(names) == 0)
        ft_reading_mistake(reading, NULL, "a node section needs a name: "
                           "node \"n3\" { location = \"row1/rack2\" }");
    return names;
}

/* node "n1" { ... }, node "n[01-64]" { ... } */
static bool take_node(struct taking *taking, const struct ft_reading *reading)
{
    struct ft_plan_node node = {.line = ft_outline_line(reading->outline, reading->section, NULL)};
    struct ft_hostlist *names = names_of(reading);
    size_t n = names != NULL ? ft_hostlist_count(names) : 0;
    bool good = names != NULL && ft_options_take(reading, &node);

    if (good && ft_reading_has(reading, "address") && n > 1)
        ft_reading_mistake(reading, "address", "%zu nodes cannot have the same address", n);
    if (good && taking->plan->nodes_n + n > NODES_MAX)
        ft_reading_mistake(reading, NULL, "there are more than %d nodes", NODES_MAX);
    else if (good)
        good = copy_nodes(taking->plan, &node, names);
    free(node.address);
    free(node.location);
    ft_hostlist_destroy(names);
    return good;
}

/* ---------------------------------------------------------------- modules */

static void check_name(const struct ft_reading *reading, const char *kind, const char *name,
                       size_t max)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = strlen(name);

    if (n == 0 || n >= max)
        ft_reading_mistake(reading, NULL, "the name of a %s has 1 to %zu bytes", kind, max - 1);
    else if (name[strspn(name, letters)] != '\0' &&
             (strspn(name, letters) == 0 || name[strcspn(name, "/")] != '\0' ||
              strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
                  n))
        ft_reading_mistake(reading, NULL, "%s \"%.80s\": a name has letters, digits, '.', '_' and "
                           "'-', and begins with a letter or digit", kind, name);
}

static void take_restart(const struct ft_reading *reading, struct ft_plan_module *module)
{
    const char *text = cfg_getstr(reading->cfg, "restart");

    if (text == NULL)
        return;
    for (int i = FT_RESTART_ALWAYS; i <= FT_RESTART_NEVER; i++) {
        if (strcmp(text, ft_restart_text((enum ft_restart) i)) == 0) {
            module->restart = (enum ft_restart) i;
            return;
        }
    }
    ft_reading_mistake(reading, "restart",
                       "restart: \"%.80s\" is none of always, on-failure, never", text);
}

static void take_delays(const struct ft_reading *reading, struct ft_plan_module *module)
{
    unsigned n = cfg_size(reading->cfg, "delays_ms");

    if (!ft_reading_has(reading, "delays_ms"))
        return;
    if (n < 1 || n > FT_MODULE_DELAYS_MAX) {
        ft_reading_mistake(reading, "delays_ms", "delays_ms has %u numbers: 1 to %d", n,
                           FT_MODULE_DELAYS_MAX);
        return;
    }
    module->delays_n = n;
    for (unsigned i = 0; i < n; i++) {
        long delay_ms = cfg_getnint(reading->cfg, "delays_ms", i);

        if (delay_ms < 0 || delay_ms > 3600000)
            ft_reading_mistake(reading, "delays_ms", "delays_ms: %ld is out of range: 0 to 3600000",
                               delay_ms);
        else
            module->delays_ms[i] = (unsigned) delay_ms;
    }
}

/* What a module runs, and as whom. */
static void check_command(struct taking *taking, const struct ft_reading *reading,
                          const struct ft_plan_module *module)
{
    if (module->argv[0] == NULL)
        ft_reading_mistake(reading, "command", "module \"%.80s\" has no command", module->name);
    else if (module->argv[0][0] != '/')
        ft_reading_mistake(reading, "command", "command: \"%.80s\" is not an absolute path (one "
                           "that begins with /)", module->argv[0]);
    if (module->check != NULL && module->check[0][0] != '/')
        ft_reading_mistake(reading, "check", "check: \"%.80s\" is not an absolute path (one that "
                           "begins with /)", module->check[0]);
    if (module->check != NULL && module->check_timeout_ms > module->check_ms)
        ft_reading_mistake(reading, "check_timeout_ms", "a check may take longer (%u ms) than "
                           "there is time between two (check_ms = %u)", module->check_timeout_ms,
                           module->check_ms);
    if (module->user[0] != '\0' && getpwnam(module->user) == NULL)
        ft_mistake(taking->warnings, ft_outline_line(reading->outline, reading->section, "user"),
                   "module \"%s\": there is no user '%.80s' on this node", module->name,
                   module->user);
    if (module->memory_max_bytes > 0 && module->memory_min_bytes > module->memory_max_bytes)
        ft_mistake(taking->warnings,
                   ft_outline_line(reading->outline, reading->section, "memory_min_mb"),
                   "module \"%s\" wants more memory free than it may use", module->name);
}

static bool take_module(struct taking *taking, const struct ft_reading *reading)
{
    struct ft_plan *plan = taking->plan;
    struct ft_plan_module *modules, *module;

    if (plan->modules_n == FT_PLAN_MODULES_MAX) {
        ft_reading_mistake(reading, NULL, "there are more than %d modules", FT_PLAN_MODULES_MAX);
        return true;
    }
    if ((plan->modules_n & (plan->modules_n - 1)) == 0) {
        modules = realloc(plan->modules, (2 * plan->modules_n + 1) * sizeof *modules);
        if (modules == NULL)
            return false;
        plan->modules = modules;
    }
    module = &plan->modules[plan->modules_n++];
    *module = module_defaults;
    module->line = ft_outline_line(reading->outline, reading->section, NULL);
    module->name = strdup(cfg_title(reading->cfg));
    if (module->name == NULL || !ft_options_take(reading, module))
        return false;
    module->nodes = take_hosts(reading, "nodes");
    if (module->nodes == NULL)
        return false;
    check_name(reading, "module", module->name, FT_MODULE_NAME_MAX);
    take_restart(reading, module);
    take_delays(reading, module);
    check_command(taking, reading, module);
    return true;
}

/* ---------------------------------------------------------------- voters */

static bool take_voter(struct taking *taking, const struct ft_reading *reading)
{
    struct ft_plan *plan = taking->plan;
    struct ft_plan_voter *voter;

    if (plan->voters_n == FT_PLAN_VOTERS_MAX) {
        ft_reading_mistake(reading, NULL, "there are more than %d voters", FT_PLAN_VOTERS_MAX);
        return true;
    }
    if (plan->voters == NULL)
        plan->voters = calloc(FT_PLAN_VOTERS_MAX, sizeof *plan->voters);
    if (plan->voters == NULL)
        return false;
    voter = &plan->voters[plan->voters_n++];
    voter->line = ft_outline_line(reading->outline, reading->section, NULL);
    voter->name = strdup(cfg_title(reading->cfg));
    check_name(reading, "voter", cfg_title(reading->cfg), FT_HOST_NAME_MAX);
    return voter->name != NULL && ft_options_take(reading, voter);
}

/* ---------------------------------------------------------------- the file's own */

static bool take_admins(struct taking *taking, const struct ft_reading *reading)
{
    unsigned n = cfg_size(reading->cfg, "admins");
    struct ft_plan *plan = taking->plan;

    plan->admins = calloc(n + 1, sizeof *plan->admins);
    if (n > ADMINS_MAX)
        ft_reading_mistake(reading, "admins", "there are more than %d admins", ADMINS_MAX);
    for (unsigned i = 0; plan->admins != NULL && i < n; i++) {
        const char *text = cfg_getnstr(reading->cfg, "admins", i);
        struct passwd *user = getpwnam(text);
        char *end;
        unsigned long number = strtoul(text, &end, 10);

        if (user != NULL)
            plan->admins[plan->admins_n++] = user->pw_uid;
        else if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number < UINT32_MAX)
            plan->admins[plan->admins_n++] = (unsigned) number;
        else
            ft_mistake(taking->warnings, ft_outline_line(reading->outline, FT_OUTLINE_TOP,
                                                         "admins"),
                       "admins: there is no user '%.80s' on this node", text);
    }
    return plan->admins != NULL;
}

/* Spare nodes: the override's, or the file's. */
static bool take_pool(struct taking *taking, const struct ft_reading *reading, const char *instead)
{
    struct ft_plan *plan = taking->plan;
    char problem[160] = "";

    if (instead != NULL) {
        plan->pool = ft_hostlist_parse(instead, problem, sizeof problem);
        if (plan->pool == NULL && errno != ENOMEM) {
            ft_mistake(taking->mistakes, 0, "the pool of spare nodes (instead of the file's): %s",
                       problem);
            plan->pool = ft_hostlist_create();
        }
        return plan->pool != NULL;
    }
    plan->pool = take_hosts(reading, "pool");
    for (size_t i = 0; plan->pool != NULL && i < plan->nodes_n; i++) {
        if (plan->nodes[i].spare && ft_hostlist_add(plan->pool, plan->nodes[i].name) < 0)
            return false;
    }
    return plan->pool != NULL;
}

static bool take_sections(struct taking *taking, enum ft_section kind,
                          bool (*take)(struct taking *taking, const struct ft_reading *reading))
{
    const char *name = ft_section_names[kind];
    size_t section = ft_outline_section(taking->outline, name, 0);

    for (unsigned i = 0; i < cfg_size(taking->cfg, name); i++) {
        struct ft_reading reading = {.kind = kind, .cfg = cfg_getnsec(taking->cfg, name, i),
                                     .outline = taking->outline, .section = section,
                                     .mistakes = taking->mistakes};

        if (section == FT_OUTLINE_TOP)
            break; /* an untitled section that the file does not have is there all the same */
        if (!take(taking, &reading))
            return false;
        section = ft_outline_section(taking->outline, name, section + 1);
    }
    return true;
}

static bool take_settings(struct taking *taking, const struct ft_reading *reading)
{
    return ft_options_take(reading, taking->plan);
}

bool ft_take(struct ft_plan *plan, cfg_t *cfg, const struct ft_outline *outline,
             const struct ft_plan_overrides *overrides, struct ft_mistakes *mistakes,
             struct ft_mistakes *warnings)
{
    struct taking taking = {.plan = plan, .cfg = cfg, .outline = outline, .mistakes = mistakes,
                            .warnings = warnings};
    struct ft_reading top = {.kind = FT_SECTION_TOP, .cfg = cfg, .outline = outline,
                             .section = FT_OUTLINE_TOP, .mistakes = mistakes};
    const char *share = overrides != NULL ? overrides->share : NULL;

    *plan = plan_defaults;
    plan->central = ft_central_defaults;
    if (!take_sections(&taking, FT_SECTION_NODE, take_node) ||
        !take_sections(&taking, FT_SECTION_MODULE, take_module) ||
        !take_sections(&taking, FT_SECTION_VOTER, take_voter) ||
        !take_sections(&taking, FT_SECTION_DETECT, take_settings) ||
        !take_sections(&taking, FT_SECTION_FORECAST, take_settings) ||
        !take_sections(&taking, FT_SECTION_CENTRAL, take_settings) ||
        !ft_options_take(&top, plan) || !take_admins(&taking, &top) ||
        !take_pool(&taking, &top, overrides != NULL ? overrides->pool : NULL))
        return false;
    if (ft_when_none_parse(plan->rms_when_none, plan->central.when_none) != 0)
        plan->central.when_none[0] = FT_NONE_WAIT; /* a mistake, told by now: nothing is taken */
    if (share != NULL && share[0] != '\0')
        plan->central.share = strcmp(share, "0") != 0;
    return true;
}
