/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_bell.c - that somebody was lost, for who repairs the world, and for spares that sleep.
 *
 *   PMIx's thread, an error of Open MPI's
 *     world.c: ftm_repair_news --> news       a rank looks whether a repair is due (repair.c)
 *                              --> heard_ns   how long ago the loss was heard of: a step of the
 *                                             repair's time; how lightly a spare sleeps
 *                              --> bell       an eventfd that wakes a spare (role.c)
 *
 * A spare that has heard of a loss looks for a call every ms at first, then less and less often.
 */
#include "config.h"

#include "repair_bell.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gone.h"
#include "repair.h"
#include "role.h"

#define AWAKE_MS 2000   /* after a loss a spare looks for a call every ms, */
#define DROWSY_MS 60000 /* then less often */
#define DROWSY_NAP_MS 20

static atomic_bool news;         /* somebody was lost since it was looked at last */
static _Atomic int64_t heard_ns; /* of a rank's first loss since the last repair */
static int bell = -1;
/* PMIx's thread may ring as the bell is taken down: its number is somebody else's then. */
static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER;

void ftm_bell_begin(void)
{
    bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void ftm_bell_end(void)
{
    pthread_mutex_lock(&bell_lock);
    if (bell >= 0)
        close(bell);
    bell = -1;
    pthread_mutex_unlock(&bell_lock);
}

static void ring(void)
{
    uint64_t one = 1;

    pthread_mutex_lock(&bell_lock);
    if (bell >= 0)
        (void) !write(bell, &one, sizeof one); /* full: it has been rung already */
    pthread_mutex_unlock(&bell_lock);
}

void ftm_repair_news(bool is_rank)
{
    int64_t none = 0;

    if (is_rank || ftm_role()->virtual_rank < 0) /* a waiting spare's table is of the first hour */
        atomic_compare_exchange_strong(&heard_ns, &none, ftm_now_ns());
    atomic_store(&news, true);
    ring();
}

bool ftm_news_is_there(void)
{
    return atomic_load_explicit(&news, memory_order_relaxed);
}

bool ftm_news_take(void)
{
    return atomic_exchange(&news, false);
}

int64_t ftm_news_since_ns(void)
{
    return atomic_load(&heard_ns);
}

void ftm_news_over(void)
{
    atomic_store(&heard_ns, 0);
}

int ftm_repair_bell(void)
{
    return bell;
}

int ftm_repair_nap_ms(int otherwise_ms)
{
    int64_t heard = atomic_load(&heard_ns), ago_ms = (ftm_now_ns() - heard) / 1000000;
    uint64_t rung;

    if (bell >= 0 && read(bell, &rung, sizeof rung) < 0)
        rung = 0; /* it was not rung since */
    if (!ftm_repair_is_on() || heard == 0 || ago_ms >= DROWSY_MS)
        return otherwise_ms;
    return ago_ms < AWAKE_MS ? 1 : DROWSY_NAP_MS;
}
