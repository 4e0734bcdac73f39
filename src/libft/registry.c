/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry.c - the process-wide table of handles.
 *
 * Called by api.c at the beginning and the end of every function that takes a handle. An ftHandle_t
 * is a slot's number and a generation that begins at random in each process: a closed, made-up or
 * uninitialised one finds nothing.
 *
 * Fork. A child has a copy of the table, and of a lock that another thread of its parent may have
 * held. Handlers (pthread_atfork) would have to take the locks of a library that may be unloaded;
 * instead, every entry notes its process, and the first call in a child, seeing that the table's
 * owner is another process, makes the lock anew. The table itself is always fit to be copied: its
 * slots are changed by single stores. A copied handle is never used, only freed.
 */
#include "config.h"

#include "libft/registry.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define OTHERS_MAX_MS 1000

struct ft_entry {
    uint64_t id;
    pid_t pid;       /* the process that opened it */
    unsigned users;  /* threads that use it, and the table */
    bool is_awaited; /* a thread in ft_registry_wait_others wants to know when they leave */
    struct ft_handle *handle;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t left = PTHREAD_COND_INITIALIZER;
static _Atomic pid_t owner; /* whose lock it is; negative: that process is just making it */
static struct ft_entry *entries[FT_HANDLES_MAX];
static uint64_t generation;

/* ---------------------------------------------------------------- the lock, across forks */

static void make_anew(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&left, NULL);
    if (getrandom(&generation, sizeof generation, GRND_NONBLOCK) != (ssize_t) sizeof generation)
        generation = ft_clock_ns() ^ (uint64_t) getpid() << 32;
    generation &= (UINT64_C(1) << 52) - 1;
}

static void enter(void)
{
    pid_t self = getpid();
    pid_t is = atomic_load(&owner);

    while (is != self) {
        if (is == -self) {
            sched_yield(); /* another thread makes the lock, which takes a moment */
            is = atomic_load(&owner);
        } else if (atomic_compare_exchange_weak(&owner, &is, -self)) {
            make_anew();
            atomic_store(&owner, self);
            is = self;
        }
    }
    pthread_mutex_lock(&lock);
}

static void leave(void)
{
    pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------- adding and finding */

static uint64_t next_id(size_t slot)
{
    generation = (generation + 1) & ((UINT64_C(1) << 54) - 1);
    if (generation == 0)
        generation = 1; /* {0} is never a handle */
    return generation * FT_HANDLES_MAX + slot;
}

ftRetVal_t ft_registry_add(struct ft_handle *handle, ftHandle_t *id, struct ft_why *why)
{
    struct ft_entry *entry = calloc(1, sizeof *entry);
    size_t slot = 0;

    if (entry == NULL)
        return ft_why_set(why, FT_ERR_MEMORY, NULL, "out of memory for a handle");
    entry->pid = getpid();
    entry->users = 1;
    entry->handle = handle;
    enter();
    while (slot < FT_HANDLES_MAX && entries[slot] != NULL)
        slot++;
    if (slot < FT_HANDLES_MAX) {
        entry->id = next_id(slot);
        id->id = entry->id;
        entries[slot] = entry;
    }
    leave();
    if (slot < FT_HANDLES_MAX)
        return FT_OK;
    free(entry);
    return ft_why_set(why, FT_ERR_BUSY, "close handles that are not needed: threads can share one",
                      "this process has %d handles open", FT_HANDLES_MAX);
}

/* With the lock held. */
static struct ft_entry *find(ftHandle_t id, struct ft_why *why)
{
    struct ft_entry *entry = entries[id.id % FT_HANDLES_MAX];

    if (entry != NULL && entry->id == id.id)
        return entry;
    ft_why_set(why, FT_ERR_HANDLE, NULL, id.id == 0 ? "the handle was never opened"
                                                    : "the handle is not open");
    return NULL;
}

static ftRetVal_t forked(const struct ft_entry *entry, struct ft_why *why)
{
    return ft_why_set(why, FT_ERR_FORKED, NULL,
                      "the handle belongs to process %ld, from which this one (%ld) was forked",
                      (long) entry->pid, (long) getpid());
}

struct ft_entry *ft_registry_get(ftHandle_t id, struct ft_why *why)
{
    struct ft_entry *entry;

    enter();
    entry = find(id, why);
    if (entry != NULL && entry->pid != getpid()) {
        forked(entry, why);
        entry = NULL;
    }
    if (entry != NULL)
        entry->users++;
    leave();
    return entry;
}

struct ft_handle *ft_entry_handle(const struct ft_entry *entry)
{
    return entry->handle;
}

void ft_registry_put(struct ft_entry *entry)
{
    bool is_last;

    enter();
    is_last = --entry->users == 0;
    if (entry->is_awaited)
        pthread_cond_broadcast(&left);
    leave();
    if (is_last) {
        ft_handle_destroy(entry->handle);
        free(entry);
    }
}

/* ---------------------------------------------------------------- taking out */

ftRetVal_t ft_registry_take(ftHandle_t id, struct ft_entry **entry, struct ft_why *why)
{
    ftRetVal_t status = FT_OK;

    enter();
    *entry = find(id, why);
    if (*entry != NULL)
        entries[id.id % FT_HANDLES_MAX] = NULL; /* the table's use of it becomes the caller's */
    leave();
    if (*entry == NULL)
        return why->status;
    if ((*entry)->pid != getpid()) {
        status = forked(*entry, why);
        ft_handle_abandon((*entry)->handle);
        free(*entry);
        *entry = NULL;
    }
    return status;
}

void ft_registry_wait_others(struct ft_entry *entry)
{
    int64_t until_ms = ft_clock_ms() + OTHERS_MAX_MS;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int error = 0;

    enter();
    entry->is_awaited = true;
    while (entry->users > 1 && error == 0)
        error = pthread_cond_clockwait(&left, &lock, CLOCK_MONOTONIC, &until);
    entry->is_awaited = false;
    leave();
}
