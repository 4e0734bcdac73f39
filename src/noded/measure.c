/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * measure.c - what is this node, and what has it left, right now?
 *
 * probe.c runs it as a process of its own (this program with --measure), because looking at
 * hardware and at file systems can hang in a driver or a server that is gone, and because hwloc's
 * memory and its dependence on the environment then stay out of the unit. The answer is one packed
 * message on standard output: ProbeResult (facts, free memory, free scratch space, load), or
 * Topology (XML). What could not be measured is told in its field `error`; the unit passes it on.
 */
#include "config.h"

#include "noded/measure.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/text.h"
#include "noded/memory.h"
#include "topology/topology.h"
#include "wire/convert.h"
#include "wire/ft.pb-c.h"

static int write_all(const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        ssize_t k = write(STDOUT_FILENO, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return -1;
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

static int write_message(const ProtobufCMessage *message)
{
    size_t n = protobuf_c_message_get_packed_size(message);
    void *bytes = malloc(n ? n : 1);
    int result = -1;

    if (bytes)
        result = write_all(bytes, protobuf_c_message_pack(message, bytes));
    free(bytes);
    return result;
}

static void measure_memory(Ft__ProbeResult *result, char *error, size_t size)
{
    uint64_t bytes;

    if (ft_memory_free("", &bytes) == 0)
        result->memory_free_bytes = bytes;
    else
        ft_text_appendf(error, size, "%s/proc/meminfo: %s", *error ? "; " : "", strerror(errno));
}

static void measure_scratch(const char *folder, Ft__ProbeResult *result, char *error, size_t size)
{
    struct statvfs info;

    if (statvfs(folder, &info) == 0)
        result->scratch_free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    else
        ft_text_appendf(error, size, "%sscratch folder %s: %s", *error ? "; " : "", folder,
                        strerror(errno));
}

static int measure_facts(const char *source, const char *scratch)
{
    Ft__ProbeResult result = FT__PROBE_RESULT__INIT;
    char error[FT_TOPOLOGY_WHY_MAX + 512] = "";
    struct ft_topology *topology = ft_topology_load(source, error, sizeof error);
    struct ft_put_facts put;
    struct ft_facts facts;

    if (topology) {
        error[0] = '\0';
        ft_topology_facts(topology, &facts);
        ft_put_facts(&put, &facts);
        result.facts = &put.facts;
        ft_topology_destroy(topology);
    }
    measure_memory(&result, error, sizeof error);
    measure_scratch(scratch, &result, error, sizeof error);
    if (getloadavg(&result.load, 1) != 1)
        result.load = 0;
    result.error = error;
    return write_message(&result.base);
}

static int measure_topology(const char *source)
{
    Ft__Topology message = FT__TOPOLOGY__INIT;
    char why[FT_TOPOLOGY_WHY_MAX];
    struct ft_topology *topology = ft_topology_load(source, why, sizeof why);
    struct ft_facts facts;
    char *xml = NULL;
    int result = -1;

    if (topology && ft_topology_export(topology, &xml, &message.xml.len, why, sizeof why) == 0) {
        ft_topology_facts(topology, &facts);
        message.kind = facts.kind;
        message.xml.data = (uint8_t *)xml;
        result = write_message(&message.base);
    } else {
        fprintf(stderr, "ft-noded: %s\n", why);
    }
    free(xml);
    ft_topology_destroy(topology);
    return result;
}

int ft_measure_main(const char *what, const char *topology, const char *scratch)
{
    int result = -1;

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no unit, no use */
    ft_topology_shield();
    if (strcmp(what, FT_MEASURE_FACTS) == 0)
        result = measure_facts(topology, scratch);
    else if (strcmp(what, FT_MEASURE_TOPOLOGY) == 0)
        result = measure_topology(topology);
    else
        fprintf(stderr, "ft-noded: --measure takes \"%s\" or \"%s\"\n", FT_MEASURE_FACTS,
                FT_MEASURE_TOPOLOGY);
    return result == 0 ? 0 : 1;
}
