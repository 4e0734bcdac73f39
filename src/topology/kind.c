/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kind.c - one number that is equal for nodes with the same hardware.
 *
 * Called by ft_topology_facts. "Same" is what a program could tell: the tree of processors, caches
 * and memories with its sizes, the processor's model, how many devices of each type, and which
 * accelerators. Not in it: operating system's numbers, names, addresses, serial numbers, where a
 * device is plugged in. Memory enters by its class (ft_memory_class_bytes), because firmware keeps
 * back a little more on one node than on its twin.
 *
 * The number is written to the inventory and compared between units of different builds: changing
 * what goes in, or its order, makes every node a new kind. FNV-1a, spread by a final mix.
 */
#include "config.h"

#include <string.h>

#include "topology/internal.h"

#define FNV_PRIME UINT64_C(0x100000001b3)
#define KIND_VERSION 1 /* change it with what goes in */

uint64_t ft_hash_number(uint64_t hash, uint64_t number)
{
    for (int byte = 0; byte < 8; byte++) {
        hash ^= number >> (8 * byte) & 0xff;
        hash *= FNV_PRIME;
    }
    return hash;
}

uint64_t ft_hash_text(uint64_t hash, const char *text)
{
    for (; text && *text; text++) {
        hash ^= (unsigned char)*text;
        hash *= FNV_PRIME;
    }
    return ft_hash_number(hash, 0); /* "ab","c" is not "a","bc" */
}

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    return hash;
}

/* The tree's levels by numbers of our own: hwloc's differ between its versions. */
static uint64_t type_number(hwloc_obj_t obj)
{
    switch (obj->type) {
    case HWLOC_OBJ_MACHINE: return 1;
    case HWLOC_OBJ_PACKAGE: return 2;
    case HWLOC_OBJ_DIE: return 3;
    case HWLOC_OBJ_GROUP: return 4;
    case HWLOC_OBJ_NUMANODE: return 5;
    case HWLOC_OBJ_MEMCACHE: return 6;
    case HWLOC_OBJ_CORE: return 7;
    case HWLOC_OBJ_PU: return 8;
    default:
        return hwloc_obj_type_is_cache(obj->type)
                   ? 16 + 4 * (uint64_t)obj->attr->cache.depth + (uint64_t)obj->attr->cache.type
                   : 0;
    }
}

static uint64_t object_hash(hwloc_obj_t obj)
{
    uint64_t hash = ft_hash_number(FT_HASH_START, type_number(obj));

    if (hwloc_obj_type_is_cache(obj->type))
        hash = ft_hash_number(hash, obj->attr->cache.size);
    if (obj->type == HWLOC_OBJ_NUMANODE)
        hash = ft_hash_text(hash, obj->subtype); /* "HBM", "GPUMemory" */
    return hash;
}

/* Depth is bounded: by hwloc for a machine, by xmlcheck.c for a description. */
static uint64_t tree_hash(hwloc_obj_t obj)
{
    uint64_t hash = object_hash(obj);

    for (hwloc_obj_t child = obj->memory_first_child; child; child = child->next_sibling)
        hash = ft_hash_number(hash, tree_hash(child));
    hash = ft_hash_number(hash, obj->arity);
    for (hwloc_obj_t child = obj->first_child; child; child = child->next_sibling)
        hash = ft_hash_number(hash, tree_hash(child));
    return mix(hash);
}

/* With one NUMA node the machine's total says it all. */
static uint64_t memories_hash(hwloc_topology_t hwloc, uint64_t hash, const struct ft_facts *facts)
{
    hwloc_obj_t node = NULL;

    hash = ft_hash_number(hash, ft_memory_class_bytes(facts->memory_bytes));
    while (facts->numa_nodes > 1 &&
           (node = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, node)))
        hash = ft_hash_number(hash, ft_memory_class_bytes(node->attr->numanode.local_memory));
    return hash;
}

uint64_t ft_kind(hwloc_topology_t hwloc, const struct ft_facts *facts,
                 const struct ft_devices *devices)
{
    uint64_t hash = ft_hash_number(FT_HASH_START, KIND_VERSION);

    hash = ft_hash_text(hash, facts->arch);
    hash = ft_hash_text(hash, facts->model);
    hash = ft_hash_number(hash, tree_hash(hwloc_get_root_obj(hwloc)));
    hash = memories_hash(hwloc, hash, facts);
    for (int type = 0; type < FT_DEVICE_TYPES; type++)
        hash = ft_hash_number(hash, devices->count[type]);
    hash = mix(ft_hash_number(hash, devices->models));
    return hash ? hash : 1;
}
