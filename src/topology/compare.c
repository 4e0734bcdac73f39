/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compare.c - two nodes' differences in words.
 *
 * The central unit calls it when a candidate is not of the lost node's kind: the sentence goes
 * into the event log and, if no candidate is left, into the reply to the application. Only what
 * counts is named: memory by its class (a few megabytes kept back by firmware are no difference),
 * devices by type. Facts do not tell caches and arrangement; topologies do.
 */
#include "config.h"

#include "topology/compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "topology/internal.h"

struct parts {
    char *text;
    size_t size;
    size_t used;
    unsigned n;
};

/* Adds a part, whole or not at all. */
__attribute__((format(printf, 2, 3))) static void add(struct parts *parts, const char *format, ...)
{
    const char *separator = parts->used > 0 ? "; " : "";
    char part[256];
    va_list args;
    size_t need;

    va_start(args, format);
    vsnprintf(part, sizeof part, format, args);
    va_end(args);
    parts->n++;
    need = strlen(separator) + strlen(part);
    if (parts->used + need >= parts->size)
        return;
    snprintf(parts->text + parts->used, parts->size - parts->used, "%s%s", separator, part);
    parts->used += need;
}

static struct parts begin(char *text, size_t size)
{
    if (size > 0)
        *text = '\0';
    return (struct parts){.text = text, .size = size};
}

const char *ft_bytes_text(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    uint64_t tenths;
    double amount = (double)bytes;

    while (amount >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        amount /= 1024;
        unit++;
    }
    tenths = (uint64_t)(amount * 10 + 0.5);
    if (tenths % 10 == 0)
        snprintf(text, size, "%" PRIu64 " %s", tenths / 10, units[unit]);
    else
        snprintf(text, size, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10, tenths % 10, units[unit]);
    return text;
}

static void compare_number(struct parts *parts, uint32_t is, uint32_t wanted, const char *one,
                           const char *many)
{
    if (is == wanted)
        return;
    if (is == 0)
        add(parts, "no %s instead of %" PRIu32, one, wanted);
    else
        add(parts, "%" PRIu32 " %s instead of %" PRIu32, is, is == 1 ? one : many, wanted);
}

static void compare_text(struct parts *parts, const char *what, const char *is, const char *wanted)
{
    if (strcmp(is, wanted) != 0)
        add(parts, "%s %s instead of %s", what, *is ? is : "unknown", *wanted ? wanted : "unknown");
}

static void compare_memory(struct parts *parts, uint64_t is, uint64_t wanted)
{
    char a[32], b[32];

    if (ft_memory_class_bytes(is) == ft_memory_class_bytes(wanted))
        return;
    ft_bytes_text(is, a, sizeof a);
    ft_bytes_text(wanted, b, sizeof b);
    add(parts, "memory %s instead of %s", a, b);
}

static uint32_t devices_of(const struct ft_facts *facts, const char *type)
{
    for (size_t i = 0; i < FT_FACTS_DEVICES_MAX && facts->devices[i].type[0]; i++)
        if (strcmp(facts->devices[i].type, type) == 0)
            return facts->devices[i].count;
    return 0;
}

static void compare_devices(struct parts *parts, const struct ft_facts *is,
                            const struct ft_facts *wanted)
{
    char one[64];

    for (size_t i = 0; i < FT_FACTS_DEVICES_MAX && wanted->devices[i].type[0]; i++) {
        const char *type = wanted->devices[i].type;
        snprintf(one, sizeof one, "devices of type %s", type);
        compare_number(parts, devices_of(is, type), wanted->devices[i].count, one, one);
    }
    for (size_t i = 0; i < FT_FACTS_DEVICES_MAX && is->devices[i].type[0]; i++) {
        const char *type = is->devices[i].type;
        if (devices_of(wanted, type) == 0)
            add(parts, "%" PRIu32 " devices of type %s instead of none", is->devices[i].count,
                type);
    }
}

static void compare_facts(struct parts *parts, const struct ft_facts *is,
                          const struct ft_facts *wanted)
{
    compare_text(parts, "architecture", is->arch, wanted->arch);
    compare_number(parts, is->packages, wanted->packages, "package", "packages");
    compare_number(parts, is->numa_nodes, wanted->numa_nodes, "NUMA node", "NUMA nodes");
    compare_number(parts, is->cores, wanted->cores, "core", "cores");
    compare_number(parts, is->pus, wanted->pus, "hardware thread", "hardware threads");
    compare_memory(parts, is->memory_bytes, wanted->memory_bytes);
    compare_devices(parts, is, wanted);
    compare_text(parts, "processor", is->model, wanted->model);
}

unsigned ft_facts_explain(const struct ft_facts *is, const struct ft_facts *wanted, char *text,
                          size_t size)
{
    struct parts parts = begin(text, size);

    compare_facts(&parts, is, wanted);
    if (parts.n == 0 && is->kind != wanted->kind)
        add(&parts, "the same numbers of everything, but other caches, another arrangement of them "
            "or other models of devices");
    return parts.n;
}

static const hwloc_obj_type_t caches[] = {
    HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE,
};

static uint64_t cache_bytes(hwloc_topology_t hwloc, hwloc_obj_type_t type)
{
    hwloc_obj_t obj = hwloc_get_obj_by_type(hwloc, type, 0);

    return obj ? obj->attr->cache.size : 0;
}

static void compare_caches(struct parts *parts, hwloc_topology_t is, hwloc_topology_t wanted)
{
    for (size_t i = 0; i < sizeof caches / sizeof caches[0]; i++) {
        int a = hwloc_get_nbobjs_by_type(is, caches[i]);
        int b = hwloc_get_nbobjs_by_type(wanted, caches[i]);
        uint64_t a_bytes = cache_bytes(is, caches[i]);
        uint64_t b_bytes = cache_bytes(wanted, caches[i]);
        char one[32], many[32], a_text[32], b_text[32];

        snprintf(one, sizeof one, "L%zu cache", i + 1);
        snprintf(many, sizeof many, "L%zu caches", i + 1);
        if (a != b && a >= 0 && b >= 0)
            compare_number(parts, (uint32_t)a, (uint32_t)b, one, many);
        else if (a > 0 && a_bytes != b_bytes)
            add(parts, "%s %s instead of %s", many, ft_bytes_text(a_bytes, a_text, sizeof a_text),
                ft_bytes_text(b_bytes, b_text, sizeof b_text));
    }
}

unsigned ft_topology_explain(const struct ft_topology *is, const struct ft_topology *wanted,
                             char *text, size_t size)
{
    struct parts parts = begin(text, size);
    struct ft_facts a, b;

    ft_topology_facts(is, &a);
    ft_topology_facts(wanted, &b);
    if (a.kind == b.kind)
        return 0;
    compare_facts(&parts, &a, &b);
    compare_caches(&parts, is->hwloc, wanted->hwloc);
    if (parts.n == 0)
        add(&parts, "the same numbers of everything, but arranged in another way, or other models "
            "of devices");
    return parts.n;
}
