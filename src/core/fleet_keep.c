/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_keep.c - what of the modules outlives this central unit: into the ledger, and out of it.
 *
 * "module/NAME" (KeptModule): where it is placed and with which epoch, what a person wants of it,
 * and where it failed lately. Written before each order to start. "drain/NODE" (KeptDrain): that a
 * node takes no modules. "meta/fleet" (KeptFleet): that this ledger knows of all modules that were
 * ever placed, and the last epoch, for modules that are in it no more.
 *
 * Clocks of two central units have nothing in common: what is kept of a time is what was left of
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/fleet_state.h"
#include "wire/kept.pb-c.h"

#define KEY_MAX (sizeof "module/" + FT_NAME_MAX)
/* A module's entry at its largest: names, and for each of FT_UNFIT_MAX nodes one more. */
#define ENTRY_MAX (1024 + (FT_UNFIT_MAX + 3) * (FT_NAME_MAX + 64))

static char *text_of(const char *text)
{
    return (char *) (text != NULL ? text : "");
}

static char *name_of(const struct ft_berth *berth)
{
    return berth != NULL ? berth->name : text_of("");
}

static void put(struct ft_fleet *fleet, const char *key, const ProtobufCMessage *message)
{
    uint8_t bytes[ENTRY_MAX];

    /* Every text in it is bounded, so this holds; if it did not, nothing must be overrun. */
    if (protobuf_c_message_get_packed_size(message) > sizeof bytes)
        return;
    fleet->env.keep(fleet->env.arg, key, bytes, protobuf_c_message_pack(message, bytes));
}

/* ---------------------------------------------------------------- in */

/* Where it failed and when that ends; what is over is left out. */
static void fill_unfit(struct ft_fleet_module *module, Ft__KeptModule *to,
                       Ft__KeptModuleUnfit *entries, Ft__KeptModuleUnfit **list)
{
    int64_t now_ns = ft_fleet_now_ns(module->fleet);

    to->unfit = list;
    for (unsigned i = 0; i < module->unfit_n; i++) {
        const struct ft_unfit *unfit = &module->unfit[i];
        Ft__KeptModuleUnfit *entry = &entries[to->n_unfit];

        if (unfit->until_ns <= now_ns)
            continue;
        ft__kept_module_unfit__init(entry);
        entry->node = unfit->berth->name;
        entry->left_ms = (unfit->until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
        entry->end = (uint32_t) unfit->end;
        list[to->n_unfit++] = entry;
    }
}

void ft_fleet_keep(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;
    Ft__KeptModuleUnfit entries[FT_UNFIT_MAX], *list[FT_UNFIT_MAX];
    Ft__KeptModule kept;
    char key[KEY_MAX];

    module->kept = true;
    if (fleet->env.keep == NULL)
        return;
    ft__kept_module__init(&kept);
    kept.name = module->name;
    kept.node = name_of(module->at);
    kept.epoch = module->epoch;
    kept.term = fleet->config.term;
    kept.done = module->done;
    if (!FT_PLANTED(FT_PLANT_FLEET_FORGET_MOVE)) {
        kept.leave = module->leave;
        kept.to = name_of(module->to);
        kept.why = module->why;
    }
    kept.program = module->started;
    kept.single = module->single;
    fill_unfit(module, &kept, entries, list);
    snprintf(key, sizeof key, "module/%s", module->name);
    put(fleet, key, &kept.base);
}

void ft_fleet_forget(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;
    char key[KEY_MAX];

    if (fleet->env.keep == NULL || !module->kept)
        return;
    /* Its epoch would be forgotten with it. */
    ft_fleet_keep_meta(fleet);
    snprintf(key, sizeof key, "module/%s", module->name);
    fleet->env.keep(fleet->env.arg, key, NULL, 0);
    module->kept = false;
}

void ft_fleet_keep_drain(struct ft_fleet *fleet, const struct ft_berth *berth)
{
    Ft__KeptDrain kept;
    char key[KEY_MAX];

    if (fleet->env.keep == NULL || FT_PLANTED(FT_PLANT_FLEET_FORGET_DRAIN))
        return;
    snprintf(key, sizeof key, "drain/%s", berth->name);
    if (berth->drained == NULL && berth->failing == NULL) {
        fleet->env.keep(fleet->env.arg, key, NULL, 0);
        return;
    }
    ft__kept_drain__init(&kept);
    kept.drained = text_of(berth->drained);
    kept.failing = text_of(berth->failing);
    put(fleet, key, &kept.base);
}

void ft_fleet_keep_meta(struct ft_fleet *fleet)
{
    Ft__KeptFleet kept;

    fleet->founded = true;
    if (fleet->env.keep == NULL)
        return;
    ft__kept_fleet__init(&kept);
    kept.epoch = fleet->epoch;
    put(fleet, "meta/fleet", &kept.base);
}

/* ---------------------------------------------------------------- out */

static int restore_unfit(struct ft_fleet_module *module, const Ft__KeptModule *kept)
{
    struct ft_fleet *fleet = module->fleet;
    int64_t now_ns = ft_fleet_now_ns(fleet);

    for (size_t i = 0; i < kept->n_unfit && module->unfit_n < FT_UNFIT_MAX; i++) {
        const Ft__KeptModuleUnfit *from = kept->unfit[i];
        struct ft_berth *berth = ft_berths_get(fleet->berths, from->node);

        if (berth == NULL)
            return -1;
        if (from->left_ms < 0 || from->left_ms > INT64_MAX / NS_PER_MS / 4 ||
            from->end >= FT_MODULE_ENDS) {
            errno = EINVAL;
            return -1;
        }
        module->unfit[module->unfit_n++] =
            (struct ft_unfit) {.berth = berth,
                               .until_ns = now_ns + from->left_ms * NS_PER_MS,
                               .end = (enum ft_module_end) from->end};
    }
    return 0;
}

static int restore_module(struct ft_fleet *fleet, const Ft__KeptModule *kept)
{
    struct ft_berth *at = NULL, *to = NULL;
    struct ft_fleet_module *module = ft_fleet_module(fleet, kept->name);
    bool added = module == NULL;

    if (kept->node[0] != '\0' && (at = ft_berths_get(fleet->berths, kept->node)) == NULL)
        return -1;
    if (kept->to[0] != '\0' && (to = ft_berths_get(fleet->berths, kept->to)) == NULL)
        return -1;
    if (added)
        module = ft_fleet_add(fleet, kept->name);
    if (module == NULL)
        return -1;
    if (restore_unfit(module, kept) < 0) {
        int error = errno;

        module->unfit_n = 0;
        if (added)
            ft_fleet_remove(fleet, module);
        errno = error;
        return -1;
    }
    module->kept = true;
    module->epoch = kept->epoch;
    module->done = kept->done;
    module->started = kept->program;
    module->single = kept->single;
    module->leave = kept->leave;
    module->to = to;
    ft_text_copy(module->why, sizeof module->why, kept->why);
    if (kept->epoch > fleet->epoch)
        fleet->epoch = kept->epoch;
    if (module->at != NULL)
        ft_fleet_unlink(module);
    if (at != NULL)
        ft_fleet_link(module, at);
    return 0;
}

static int restore_drain(struct ft_fleet *fleet, const char *node, const Ft__KeptDrain *kept)
{
    struct ft_berth *berth = ft_berths_get(fleet->berths, node);

    if (berth == NULL)
        return -1;
    if (ft_berth_set_drained(fleet->berths, berth,
                             kept->drained[0] != '\0' ? kept->drained : NULL) < 0)
        return -1;
    return ft_berth_set_failing(fleet->berths, berth,
                                kept->failing[0] != '\0' ? kept->failing : NULL);
}

static int restore_entry(struct ft_fleet *fleet, const char *key, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    if (type == &ft__kept_module__descriptor)
        return restore_module(fleet, (const Ft__KeptModule *) message);
    if (type == &ft__kept_drain__descriptor)
        return restore_drain(fleet, key + strlen("drain/"), (const Ft__KeptDrain *) message);
    fleet->founded = true;
    if (((const Ft__KeptFleet *) message)->epoch > fleet->epoch)
        fleet->epoch = ((const Ft__KeptFleet *) message)->epoch;
    return 0;
}

int ft_fleet_restore(struct ft_fleet *fleet, const char *key, const void *data, size_t n)
{
    const ProtobufCMessageDescriptor *type;
    ProtobufCMessage *message;
    int result, error;

    if (strncmp(key, "module/", strlen("module/")) == 0)
        type = &ft__kept_module__descriptor;
    else if (strncmp(key, "drain/", strlen("drain/")) == 0)
        type = &ft__kept_drain__descriptor;
    else if (strcmp(key, "meta/fleet") == 0)
        type = &ft__kept_fleet__descriptor;
    else
        return 0;
    message = protobuf_c_message_unpack(type, NULL, n, data);
    if (message == NULL) {
        errno = EINVAL;
        return -1;
    }
    result = restore_entry(fleet, key, message);
    error = errno;
    protobuf_c_message_free_unpacked(message, NULL);
    errno = error;
    return result;
}
