/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wish.c - owns the form of a request to Slurm for one node more.
 *
 * Pure: a job's record and an order go in, a request comes out. The node is to be what each of the
 * job's nodes is: same partition, account, QOS and reservation, as many CPUs, as much memory, the
 * same features and devices. Whether it fits in fact is found out later, by measuring it; what
 * cannot be said of a single node (counted features) is left to that.
 */
#include "rmshelp/wish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define COPY(to, from) ft_text_copy(to, sizeof(to), from)

/* What a request is known by. */
#define NAME "ft-%" PRIu32
#define COMMENT "ft: one node more for job %" PRIu32 "; ends with it"

/* ---------------------------------------------------------------- the job */

void ft_devices_of_one(const char *tres, uint32_t nodes_n, char *devices, size_t size)
{
    static const char prefix[] = "gres/";
    const char *item = tres != NULL ? tres : "";

    devices[0] = '\0';
    while ((item = strstr(item, prefix)) != NULL) {
        size_t length = strcspn(item, ",");
        size_t name = strcspn(item, "=");
        unsigned long long count = name < length ? strtoull(item + name + 1, NULL, 10) : 0;
        char typed[128];

        /* "gres/gpu=4,gres/gpu:a100=4" says the same four twice */
        snprintf(typed, sizeof typed, "%.*s:", (int) name, item);
        if (count > 0 && nodes_n > 0 &&
            (memchr(item, ':', name) != NULL || strstr(tres, typed) == NULL))
            ft_text_appendf(devices, size, "%s%.*s:%llu", devices[0] != '\0' ? "," : "", (int) name,
                            item, (count + nodes_n - 1) / nodes_n);
        item += length;
    }
}

void ft_devices_of_detail(const char *detail, char *devices, size_t size)
{
    bool begins = true, inside = false;

    devices[0] = '\0';
    for (const char *at = detail != NULL ? detail : ""; *at != '\0'; at++) {
        inside = *at == '(' || (inside && *at != ')');
        if (inside || *at == ')')
            continue;
        if (begins)
            ft_text_appendf(devices, size, "gres/");
        begins = *at == ',';
        ft_text_appendf(devices, size, "%c", *at);
    }
}

static bool asks_devices(const char *tres)
{
    return tres != NULL && strstr(tres, "gres") != NULL;
}

/* What one node has of devices. By what was asked for each node, if it was asked so; asked
 * otherwise (--gpus, --gpus-per-task), by what a node was given, which Slurm tells the job's owner.
 * Not asked, an exclusive job was given all the same what is there: then by the count of all, which
 * Slurm keeps where AccountingStorageTRES says that they matter. */
static void read_devices(struct ft_parent *parent, const slurm_job_info_t *record)
{
    size_t size = sizeof parent->devices;
    bool asked;

    if (record->tres_per_node != NULL && record->tres_per_node[0] != '\0')
        ft_text_copy(parent->devices, size, record->tres_per_node);
    asked = asks_devices(record->tres_per_job) || asks_devices(record->tres_per_socket) ||
            asks_devices(record->tres_per_task);
    for (uint32_t i = 0; asked && i < record->gres_detail_cnt && parent->devices[0] == '\0'; i++)
        ft_devices_of_detail(record->gres_detail_str[i], parent->devices, size);
    if (parent->devices[0] == '\0')
        ft_devices_of_one(record->tres_alloc_str, parent->nodes_n, parent->devices, size);
}

/* Features that hold for one node as for all: counts and sets of alternatives by node do not. */
static const char *features_of_one(const char *features)
{
    return features != NULL && strpbrk(features, "*[(") == NULL ? features : "";
}

void ft_parent_read(struct ft_parent *parent, const slurm_job_info_t *record)
{
    uint32_t state = record->job_state & JOB_STATE_BASE;

    memset(parent, 0, sizeof *parent);
    parent->id = record->job_id;
    parent->uid = record->user_id;
    parent->gid = record->group_id;
    COPY(parent->nodes, record->nodes);
    COPY(parent->partition, record->partition);
    COPY(parent->account, record->account);
    COPY(parent->qos, record->qos);
    COPY(parent->reservation, record->resv_name);
    COPY(parent->wckey, record->wckey);
    COPY(parent->features, features_of_one(record->features));
    parent->nodes_n = record->num_nodes > 0 ? record->num_nodes : 1;
    read_devices(parent, record);
    parent->cpus = (record->num_cpus + parent->nodes_n - 1) / parent->nodes_n;
    parent->memory = record->pn_min_memory;
    parent->disk_mb = record->pn_min_tmp_disk;
    parent->shared = record->shared;
    parent->end = record->time_limit == INFINITE ? 0 : record->end_time;
    parent->runs = (state == JOB_RUNNING || state == JOB_SUSPENDED) &&
                   (record->job_state & JOB_COMPLETING) == 0;
}

/* ---------------------------------------------------------------- the request */

uint32_t ft_minutes_until(time_t end, time_t now)
{
    if (end == 0)
        return INFINITE;
    return end > now + 60 ? (uint32_t) ((end - now + 59) / 60) : 1;
}

static char *or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? (char *) (uintptr_t) text : NULL;
}

static int exclude(struct ft_wish *wish, const char *names)
{
    size_t n = strlen(wish->excluded);

    if (names == NULL || names[0] == '\0')
        return 0;
    if (n + strlen(names) + 2 > sizeof wish->excluded) {
        errno = ENOBUFS;
        return -1;
    }
    snprintf(wish->excluded + n, sizeof wish->excluded - n, "%s%s", n > 0 ? "," : "", names);
    return 0;
}

/* As much of the node as the job has of its others; all of it, if it shares with nobody. */
static void ask_like(job_desc_msg_t *desc, const struct ft_parent *parent,
                     const struct ft_talk *order)
{
    int64_t cores = ft_talk_number(order, "cores", 0);
    int64_t memory_mb = ft_talk_number(order, "memory_mb", 0);
    uint32_t cpus = parent->cpus;

    if (parent->shared == JOB_SHARED_NONE && cores > cpus && cores < NO_VAL16)
        cpus = (uint32_t) cores;
    if (cpus < 1 || cpus >= NO_VAL16)
        cpus = 1;
    desc->min_cpus = desc->pn_min_cpus = (uint16_t) cpus;
    desc->cpus_per_task = (uint16_t) cpus;
    desc->num_tasks = 1;
    desc->pn_min_memory = parent->memory > 0 ? parent->memory : NO_VAL64;
    if (memory_mb > 0)
        desc->pn_min_memory = (uint64_t) memory_mb;
    if (parent->disk_mb > 0)
        desc->pn_min_tmp_disk = parent->disk_mb;
    if (parent->shared == JOB_SHARED_NONE || parent->shared == JOB_SHARED_USER ||
        parent->shared == JOB_SHARED_MCS)
        desc->shared = parent->shared;
    desc->features = or_null(parent->features);
    desc->tres_per_node = or_null(parent->devices);
}

int ft_wish_make(struct ft_wish *wish, const struct ft_parent *parent, const struct ft_talk *order,
                 time_t now)
{
    job_desc_msg_t *desc = &wish->desc;
    const char *partition = ft_talk_text(order, "partition");

    memset(wish, 0, sizeof *wish);
    slurm_init_job_desc_msg(desc);
    if (exclude(wish, parent->nodes) != 0 || exclude(wish, ft_talk_text(order, "exclude")) != 0)
        return -1;
    snprintf(wish->name, sizeof wish->name, NAME, parent->id);
    snprintf(wish->comment, sizeof wish->comment, COMMENT, parent->id);
    desc->name = wish->name;
    desc->comment = wish->comment;
    desc->user_id = parent->uid;
    desc->group_id = parent->gid;
    desc->work_dir = (char *) (uintptr_t) "/";
    desc->partition = or_null(partition != NULL ? partition : parent->partition);
    desc->account = or_null(parent->account);
    desc->qos = or_null(parent->qos);
    desc->reservation = or_null(parent->reservation);
    desc->wckey = or_null(parent->wckey);
    desc->exc_nodes = or_null(wish->excluded);
    desc->min_nodes = desc->max_nodes = 1;
    desc->time_limit = wish->time_limit = ft_minutes_until(parent->end, now);
    desc->kill_on_node_fail = 1;
    desc->requeue = 0;
    desc->wait_all_nodes = 0;
    ask_like(desc, parent, order);
    return 0;
}

uint32_t ft_wish_parent(const char *name, const char *comment)
{
    char own_name[64], own_comment[200];
    uint32_t id;

    if (name == NULL || comment == NULL || strncmp(name, "ft-", 3) != 0)
        return 0;
    id = (uint32_t) strtoul(name + 3, NULL, 10);
    snprintf(own_name, sizeof own_name, NAME, id);
    snprintf(own_comment, sizeof own_comment, COMMENT, id);
    return strcmp(name, own_name) == 0 && strcmp(comment, own_comment) == 0 ? id : 0;
}

void ft_wish_joins(struct ft_wish *wish, const struct ft_parent *parent)
{
    snprintf(wish->dependency, sizeof wish->dependency, "expand:%" PRIu32, parent->id);
    wish->desc.dependency = wish->dependency;
    /* its time is the job's as soon as it has joined; left alone, it is over in a minute */
    wish->desc.time_limit = 1;
}

void ft_wish_stands_alone(struct ft_wish *wish)
{
    wish->desc.dependency = NULL;
    wish->desc.time_limit = wish->time_limit;
    wish->desc.deadline = 0;
}
