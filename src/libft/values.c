/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * values.c - makes resources and constraints, and says whether one is usable.
 *
 * Owns the public makers ftNode ... ftStorage and ftAny ... ftFar, and ftResourceText. Pure: no
 * memory, no handle, no system call. A maker cannot return an error beside its value, so a value
 * that is unusable carries it: .error is set, and a text field that has no meaning then says why
 * (.name of a resource, .excluded of a constraint). actions.c looks at both when a request is sent,
 * which is where the user reads it.
 *
 * Narrowing a constraint twice in the same way means both demands together: the larger number
 * holds. The first error is kept through later calls.
 */
#include "libft/values.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/policy.h"
#include "common/text.h"

/* ---------------------------------------------------------------- resources */

static ftRetVal_t spoil_resource(ftResource_t *resource, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static ftRetVal_t spoil_resource(ftResource_t *resource, const char *format, ...)
{
    va_list arguments;

    resource->error = FT_ERR_ARG;
    resource->name[0] = '\0';
    va_start(arguments, format);
    ft_text_vappendf(resource->name, sizeof resource->name, format, arguments);
    va_end(arguments);
    return resource->error;
}

/* Copies a name into one of the resource's fields, unless it is spoilt already. */
static void take_name(ftResource_t *resource, char field[FT_NAME_MAX], const char *name,
                      const char *what)
{
    if (resource->error != FT_OK)
        return;
    if (name == NULL)
        spoil_resource(resource, "%s is NULL", what);
    else if (name[0] == '\0')
        spoil_resource(resource, "%s is empty", what);
    else if (strnlen(name, FT_NAME_MAX) >= FT_NAME_MAX)
        spoil_resource(resource, "%s is longer than %d bytes: %.60s...", what, FT_NAME_MAX - 1,
                       name);
    else
        ft_text_copy(field, FT_NAME_MAX, name);
}

static ftResource_t blank_resource(ftKind_t kind)
{
    ftResource_t resource;

    memset(&resource, 0, sizeof resource);
    resource.kind = kind;
    return resource;
}

ftResource_t ftNode(const char *node)
{
    ftResource_t resource = blank_resource(FT_NODE);

    take_name(&resource, resource.node, node, "the node's name");
    return resource;
}

ftResource_t ftRank(int rank)
{
    ftResource_t resource = blank_resource(FT_RANK);

    resource.number = rank;
    if (rank < 0)
        spoil_resource(&resource, "the rank is negative: %d", rank);
    return resource;
}

ftResource_t ftRankOf(const char *job, int rank)
{
    ftResource_t resource = ftRank(rank);

    take_name(&resource, resource.job, job, "the job's name");
    return resource;
}

ftResource_t ftProcess(const char *node, int64_t pid)
{
    ftResource_t resource = blank_resource(FT_PROCESS);

    resource.number = pid;
    take_name(&resource, resource.node, node, "the node's name");
    if (resource.error == FT_OK && pid < 0)
        spoil_resource(&resource, "the process id is negative: %lld", (long long) pid);
    return resource;
}

ftResource_t ftDevice(const char *node, const char *device)
{
    ftResource_t resource = blank_resource(FT_DEVICE);

    take_name(&resource, resource.node, node, "the node's name");
    take_name(&resource, resource.name, device, "the device's name");
    return resource;
}

ftResource_t ftLink(const char *node, const char *other_node)
{
    ftResource_t resource = blank_resource(FT_LINK);

    take_name(&resource, resource.node, node, "the node's name");
    take_name(&resource, resource.name, other_node, "the other node's name");
    return resource;
}

ftResource_t ftStorage(const char *node, const char *path)
{
    ftResource_t resource = blank_resource(FT_STORAGE);

    take_name(&resource, resource.node, node, "the node's name");
    take_name(&resource, resource.name, path, "the storage's path");
    return resource;
}

/* Every array ends within itself: nothing below reads past one. */
static bool is_ended(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

size_t ftResourceText(const ftResource_t *R, char *text, size_t size)
{
    int n = 0;

    if (text == NULL)
        size = 0;
    if (size > 0)
        text[0] = '\0';
    if (R == NULL)
        return 0;
    /* Precisions bound what a struct made by hand may have left without an end. */
#define NAME(field) FT_NAME_MAX - 1, R->field
    if (R->error != FT_OK)
        n = snprintf(text, size, "an unusable resource (%.*s)", NAME(name));
    else if (R->kind == FT_NODE)
        n = snprintf(text, size, "node %.*s", NAME(node));
    else if (R->kind == FT_RANK && R->job[0] == '\0')
        n = snprintf(text, size, "rank %lld of this job", (long long) R->number);
    else if (R->kind == FT_RANK)
        n = snprintf(text, size, "rank %lld of job %.*s", (long long) R->number, NAME(job));
    else if (R->kind == FT_PROCESS)
        n = snprintf(text, size, "process %lld on node %.*s", (long long) R->number, NAME(node));
    else if (R->kind == FT_DEVICE)
        n = snprintf(text, size, "device %.*s of node %.*s", NAME(name), NAME(node));
    else if (R->kind == FT_LINK)
        n = snprintf(text, size, "the link between nodes %.*s and %.*s", NAME(node), NAME(name));
    else if (R->kind == FT_STORAGE)
        n = snprintf(text, size, "storage %.*s of node %.*s", NAME(name), NAME(node));
    else
        n = snprintf(text, size, "a resource of the unknown kind %d", (int) R->kind);
#undef NAME
    return n > 0 ? (size_t) n : 0;
}

static ftRetVal_t problem_is(char *problem, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static ftRetVal_t problem_is(char *problem, size_t size, const char *format, ...)
{
    va_list arguments;

    if (size > 0)
        problem[0] = '\0';
    va_start(arguments, format);
    ft_text_vappendf(problem, size, format, arguments);
    va_end(arguments);
    return FT_ERR_ARG;
}

ftRetVal_t ft_resource_check(const ftResource_t *resource, const char *what, char *problem,
                             size_t size)
{
    bool is_rank = resource->kind == FT_RANK;
    bool has_name = resource->kind == FT_DEVICE || resource->kind == FT_LINK
                    || resource->kind == FT_STORAGE;

    if (size > 0)
        problem[0] = '\0';
    if (!is_ended(resource->node, sizeof resource->node)
        || !is_ended(resource->job, sizeof resource->job)
        || !is_ended(resource->name, sizeof resource->name))
        return problem_is(problem, size, "%s has a name without an end", what);
    if (resource->error != FT_OK)
        return problem_is(problem, size, "%s is unusable: %s", what, resource->name);
    if ((int) resource->kind < FT_NODE || resource->kind > FT_STORAGE)
        return problem_is(problem, size, "%s is of the unknown kind %d", what,
                          (int) resource->kind);
    if ((is_rank || resource->kind == FT_PROCESS)
        && (resource->number < 0 || (is_rank && resource->number > INT_MAX)))
        return problem_is(problem, size, "%s has an impossible number: %lld", what,
                          (long long) resource->number);
    if (!is_rank && resource->node[0] == '\0')
        return problem_is(problem, size, "%s names no node", what);
    if (has_name && resource->name[0] == '\0')
        return problem_is(problem, size, "%s has no name", what);
    return FT_OK;
}

/* ---------------------------------------------------------------- constraints */

static ftConstraint_t spoil_constraint(ftConstraint_t C, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static ftConstraint_t spoil_constraint(ftConstraint_t C, const char *format, ...)
{
    va_list arguments;

    if (C.error != FT_OK)
        return C;
    C.error = FT_ERR_ARG;
    C.excluded[0] = '\0';
    va_start(arguments, format);
    ft_text_vappendf(C.excluded, sizeof C.excluded, format, arguments);
    va_end(arguments);
    return C;
}

ftConstraint_t ftAny(void)
{
    ftConstraint_t C;

    memset(&C, 0, sizeof C);
    return C;
}

ftConstraint_t ftNeedCores(ftConstraint_t C, int cores)
{
    if (cores < 1)
        return spoil_constraint(C, "ftNeedCores: the number of cores is %d", cores);
    if ((uint32_t) cores > C.cores_min)
        C.cores_min = (uint32_t) cores;
    return C;
}

ftConstraint_t ftNeedMemory(ftConstraint_t C, uint64_t memory_bytes)
{
    if (memory_bytes == 0)
        return spoil_constraint(C, "ftNeedMemory: the amount of memory is 0");
    if (memory_bytes > C.memory_min_bytes)
        C.memory_min_bytes = memory_bytes;
    return C;
}

static bool is_device_type(const char *type)
{
    static const char *const types[] = {"gpu", "network", "openfabrics", "storage", "coproc"};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

ftConstraint_t ftNeedDevices(ftConstraint_t C, const char *type, int count)
{
    if (type == NULL)
        return spoil_constraint(C, "ftNeedDevices: the type is NULL");
    if (!is_device_type(type))
        return spoil_constraint(C, "ftNeedDevices: \"%.40s\" is none of gpu, network, openfabrics, "
                                "storage, coproc", type);
    if (count < 1)
        return spoil_constraint(C, "ftNeedDevices: the number of devices is %d", count);
    for (size_t i = 0; i < FT_DEVICES_MAX; i++) {
        if (C.devices[i].type[0] != '\0'
            && strncmp(C.devices[i].type, type, sizeof C.devices[i].type) != 0)
            continue;
        ft_text_copy(C.devices[i].type, sizeof C.devices[i].type, type);
        if ((uint32_t) count > C.devices[i].count_min)
            C.devices[i].count_min = (uint32_t) count;
        return C;
    }
    return spoil_constraint(C, "ftNeedDevices: more than %d types of devices", FT_DEVICES_MAX);
}

ftConstraint_t ftNeedArch(ftConstraint_t C, const char *arch)
{
    if (arch == NULL || arch[0] == '\0')
        return spoil_constraint(C, "ftNeedArch: the architecture is %s",
                                arch == NULL ? "NULL" : "empty");
    if (strnlen(arch, sizeof C.arch) >= sizeof C.arch)
        return spoil_constraint(C, "ftNeedArch: the architecture is longer than %zu bytes: "
                                "%.31s...", sizeof C.arch - 1, arch);
    if (C.arch[0] != '\0' && strncmp(C.arch, arch, sizeof C.arch) != 0)
        return spoil_constraint(C, "ftNeedArch: %.31s and %s at once, which no node is", C.arch,
                                arch);
    ft_text_copy(C.arch, sizeof C.arch, arch);
    return C;
}

ftConstraint_t ftNeedAtLeast(ftConstraint_t C)
{
    C.at_least = 1;
    return C;
}

ftConstraint_t ftNeedSameKind(ftConstraint_t C)
{
    C.same_kind = 1;
    return C;
}

/* Is a node in a list that is separated by commas? */
static bool is_listed(const char *list, const char *node, size_t node_n)
{
    for (const char *at = list; *at != '\0';) {
        size_t n = strcspn(at, ",");

        if (n == node_n && memcmp(at, node, n) == 0)
            return true;
        at += n;
        at += *at == ',';
    }
    return false;
}

ftConstraint_t ftExclude(ftConstraint_t C, const char *node)
{
    size_t n, used;

    if (C.error != FT_OK)
        return C;
    if (node == NULL || node[0] == '\0')
        return spoil_constraint(C, "ftExclude: the node's name is %s",
                                node == NULL ? "NULL" : "empty");
    n = strnlen(node, FT_NAME_MAX);
    if (n >= FT_NAME_MAX)
        return spoil_constraint(C, "ftExclude: the node's name is longer than %d bytes: %.60s...",
                                FT_NAME_MAX - 1, node);
    if (strchr(node, ',') != NULL)
        return spoil_constraint(C, "ftExclude: \"%.60s\" is no node's name; exclude several nodes "
                                "one by one", node);
    if (!is_ended(C.excluded, sizeof C.excluded))
        return spoil_constraint(C, "the excluded nodes are a text without an end");
    if (is_listed(C.excluded, node, n))
        return C;
    used = strlen(C.excluded);
    if (used + (used > 0) + n >= sizeof C.excluded)
        return spoil_constraint(C, "ftExclude: the excluded nodes' names take more than %d bytes",
                                FT_EXCLUDE_MAX - 1);
    ft_text_appendf(C.excluded, sizeof C.excluded, "%s%s", used > 0 ? "," : "", node);
    return C;
}

static ftConstraint_t prefer(ftConstraint_t C, const ftResource_t *R, int distance,
                             const char *what)
{
    char problem[FT_NAME_MAX + 64];

    if (ft_resource_check(R, what, problem, sizeof problem) != FT_OK)
        return spoil_constraint(C, "%s", problem);
    C.distance = distance;
    C.from = *R;
    return C;
}

ftConstraint_t ftNear(ftConstraint_t C, const ftResource_t R)
{
    return prefer(C, &R, -1, "ftNear: the resource");
}

ftConstraint_t ftFar(ftConstraint_t C, const ftResource_t R)
{
    return prefer(C, &R, 1, "ftFar: the resource");
}

ftConstraint_t ftLadder(ftConstraint_t C, const char *ways)
{
    enum ft_way parsed[FT_WAYS_MAX];

    if (ways == NULL)
        return spoil_constraint(C, "ftLadder: the ways are NULL");
    if (ft_ways_parse(ways, parsed) != 0)
        return spoil_constraint(C, "ftLadder: \"%.60s\" is not a list of spares, expand and beside, "
                                "none of them twice", ways);
    ft_text_copy(C.ladder, sizeof C.ladder, ways);
    return C;
}

ftConstraint_t ftWhenNone(ftConstraint_t C, const char *steps)
{
    enum ft_when_none parsed[FT_WHEN_NONE_MAX];

    if (steps == NULL)
        return spoil_constraint(C, "ftWhenNone: the steps are NULL");
    if (ft_when_none_parse(steps, parsed) != 0)
        return spoil_constraint(C, "ftWhenNone: \"%.60s\" is not a list of wait and share, and "
                                "later or fewer at its end, none of them twice", steps);
    ft_text_copy(C.when_none, sizeof C.when_none, steps);
    return C;
}

ftConstraint_t ftWaitUpTo(ftConstraint_t C, ftTimeout_t wait_ms)
{
    if (wait_ms < 1 || wait_ms > FT_WAIT_MAX_MS)
        return spoil_constraint(C, "ftWaitUpTo: %lld ms is not from 1 to %d; not to wait at all is "
                                "ftWhenNone without \"wait\"", (long long) wait_ms,
                                FT_WAIT_MAX_MS);
    C.wait_ms = (uint32_t) wait_ms;
    return C;
}

/* Whether what it says of the policy can be understood. */
static bool is_policy(const ftConstraint_t *constraint)
{
    enum ft_when_none steps[FT_WHEN_NONE_MAX];
    enum ft_way ways[FT_WAYS_MAX];

    return (constraint->ladder[0] == '\0' || ft_ways_parse(constraint->ladder, ways) == 0)
           && (constraint->when_none[0] == '\0'
               || ft_when_none_parse(constraint->when_none, steps) == 0)
           && constraint->wait_ms <= FT_WAIT_MAX_MS;
}

ftRetVal_t ft_constraint_check(const ftConstraint_t *constraint, char *problem, size_t size)
{
    if (size > 0)
        problem[0] = '\0';
    if (!is_ended(constraint->excluded, sizeof constraint->excluded)
        || !is_ended(constraint->arch, sizeof constraint->arch)
        || !is_ended(constraint->ladder, sizeof constraint->ladder)
        || !is_ended(constraint->when_none, sizeof constraint->when_none))
        return problem_is(problem, size, "the constraint has a text without an end");
    if (constraint->error != FT_OK)
        return problem_is(problem, size, "the constraint is unusable: %s", constraint->excluded);
    for (size_t i = 0; i < FT_DEVICES_MAX && constraint->devices[i].type[0] != '\0'; i++) {
        const char *type = constraint->devices[i].type;

        if (!is_ended(type, sizeof constraint->devices[i].type) || !is_device_type(type))
            return problem_is(problem, size, "the constraint asks for devices of an unknown type");
    }
    if (!is_policy(constraint))
        return problem_is(problem, size, "the constraint's policy (ladder, when_none, wait_ms) "
                          "cannot be understood: make it with ftLadder, ftWhenNone, ftWaitUpTo");
    if (constraint->distance < -1 || constraint->distance > 1)
        return problem_is(problem, size, "the constraint's distance is %d, not -1, 0 or 1",
                          constraint->distance);
    if (constraint->distance != 0)
        return ft_resource_check(&constraint->from, "what near and far are measured from", problem,
                                 size);
    return FT_OK;
}
