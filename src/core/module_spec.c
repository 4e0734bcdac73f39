/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module_spec.c - a module of the plan as its node's unit gets to see it: the order with its
 * settings, and two hashes that tell whether a new plan changes it.
 *
 * Two kinds of change. The *program* is what a process is given when it starts: command, user,
 * folder, environment, checksum, limits, and what it was told of its watchdog; a change counts when
 * it is started again. The *policy* is how its unit treats it: restarts, time limits, health
 * checks; it can change under a running process. The hash of the program travels with the placement
 * through the ledger, so that a new leader also sees that ft.conf was changed in between.
 */
#include <string.h>

#include "core/fleet_state.h"

#define FNV_START UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

/* ---------------------------------------------------------------- hashes */

static void hash_text(uint64_t *hash, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        *hash = (*hash ^ (unsigned char) *text) * FNV_PRIME;
    *hash = (*hash ^ 256) * FNV_PRIME; /* an end that no text contains */
}

static void hash_list(uint64_t *hash, char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        hash_text(hash, *list);
    *hash = (*hash ^ 257) * FNV_PRIME;
}

static void hash_number(uint64_t *hash, uint64_t number)
{
    for (int i = 0; i < 64; i += 8)
        *hash = (*hash ^ (number >> i & 255)) * FNV_PRIME;
}

static uint64_t program_of(const struct ft_plan_module *spec)
{
    uint64_t hash = FNV_START;

    hash_list(&hash, spec->argv);
    hash_text(&hash, spec->user);
    hash_text(&hash, spec->dir);
    hash_list(&hash, spec->environment);
    hash_text(&hash, spec->checksum);
    hash_number(&hash, spec->memory_max_bytes);
    hash_number(&hash, spec->notifies);
    hash_number(&hash, spec->watchdog_ms);
    hash_number(&hash, spec->deadline_ms);
    hash_number(&hash, spec->single);
    return hash;
}

static uint64_t policy_of(const struct ft_plan_module *spec)
{
    uint64_t hash = FNV_START;

    hash_number(&hash, spec->restart);
    hash_number(&hash, spec->burst);
    hash_number(&hash, spec->window_ms);
    for (unsigned i = 0; i < spec->delays_n && i < FT_MODULE_DELAYS_MAX; i++)
        hash_number(&hash, spec->delays_ms[i]);
    hash_number(&hash, spec->start_timeout_ms);
    hash_number(&hash, spec->stop_timeout_ms);
    hash_list(&hash, spec->check);
    hash_number(&hash, spec->check_ms);
    hash_number(&hash, spec->check_timeout_ms);
    hash_number(&hash, spec->check_failures);
    hash_number(&hash, (uint64_t) (int64_t) spec->priority);
    return hash;
}

void ft_fleet_hash(struct ft_fleet_module *module)
{
    module->program = program_of(module->spec);
    module->policy = policy_of(module->spec);
}

/* ---------------------------------------------------------------- the order */

static size_t count_of(char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* protobuf-c wants non-const texts; nobody changes them. */
static char *text_of(const char *text)
{
    return (char *) (text != NULL ? text : "");
}

static void fill_spec(Ft__ModuleSpec *to, const struct ft_plan_module *spec,
                      uint32_t delays_ms[FT_MODULE_DELAYS_MAX])
{
    ft__module_spec__init(to);
    to->name = text_of(spec->name);
    to->argv = spec->argv;
    to->n_argv = count_of(spec->argv);
    to->user = text_of(spec->user);
    to->dir = text_of(spec->dir);
    to->environment = spec->environment;
    to->n_environment = count_of(spec->environment);
    to->restart = (uint32_t) spec->restart;
    to->burst = spec->burst;
    to->window_ms = spec->window_ms;
    for (unsigned i = 0; i < spec->delays_n && i < FT_MODULE_DELAYS_MAX; i++)
        delays_ms[to->n_delays_ms++] = spec->delays_ms[i];
    to->delays_ms = delays_ms;
    to->start_timeout_ms = spec->start_timeout_ms;
    to->stop_timeout_ms = spec->stop_timeout_ms;
    to->watchdog_ms = spec->watchdog_ms;
    to->deadline_ms = spec->deadline_ms;
    to->notifies = spec->notifies;
    to->check = spec->check;
    to->n_check = count_of(spec->check);
    to->check_ms = spec->check_ms;
    to->check_timeout_ms = spec->check_timeout_ms;
    to->check_failures = spec->check_failures;
    to->checksum = text_of(spec->checksum);
    to->leased = spec->single;
    to->priority = spec->priority;
    to->memory_max_bytes = spec->memory_max_bytes;
}

void ft_fleet_order(const struct ft_fleet_module *module, const struct ft_berth *berth,
                     enum ft_order action, const char *why)
{
    const struct ft_fleet *fleet = module->fleet;
    uint32_t delays_ms[FT_MODULE_DELAYS_MAX];
    Ft__ModuleOrder order;
    Ft__ModuleSpec spec;

    ft__module_order__init(&order);
    order.term = fleet->config.term;
    order.epoch = module->epoch;
    order.name = text_of(module->name);
    order.action = (uint32_t) action;
    order.why = text_of(why);
    if (action != FT_ORDER_STOP && module->spec != NULL) {
        fill_spec(&spec, module->spec, delays_ms);
        order.spec = &spec;
    }
    fleet->env.order(fleet->env.arg, berth->name, &order);
}
