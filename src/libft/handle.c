/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handle.c - one connection, many requests, many threads, and no thread of its own.
 *
 * Called by api.c, which has looked the handle up and keeps it from being freed. Everything is
 * under one lock, which is never held while waiting. Each call pumps: it writes what can be
 * written, reads what has come, hands answers to their requests and ends those out of time.
 *
 * Threads that wait for an answer share the work: one of them, the leader, sleeps in poll on the
 * socket; the others, the followers, sleep on conditions of their own. Whoever reads an answer that
 * is another's wakes that one. A leader whose own answer came, or whose time is up, makes one of
 * the followers leader. So each thread keeps its own deadline, and nobody is needed in between
 * calls.
 *
 *     thread A   requestFT: send, lead ... poll ... reads B's answer: wake B ... reads A's, leave
 *     thread B   requestFT: send, follow .............................. returns
 *     thread C   requestFT: send, follow ......................................... lead ... poll
 *
 * The leader is woken through an eventfd, by whoever completed its request for it, changed what to
 * poll for, or closed the handle.
 *
 * A lost connection ends all requests with FT_ERR_LOST. The next call that sends connects again.
 */
#include "config.h"

#include "libft/handle.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "libft/connection.h"
#include "libft/descriptor.h"
#include "libft/request.h"
#include "wire/convert.h"

#define POST_MAX_BYTES ((size_t) 4 << 20)
#define PUMP_READS_MAX 64 /* in one call: a flood of answers must not keep a thread for ever */
#define GRACE_MAX_MS 20   /* for the unit to say itself why there is no answer in time */

struct ft_handle {
    pthread_mutex_t lock;
    bool is_closed;
    struct ft_connection *connection;
    struct ft_requests requests;
    size_t answered_n;          /* submitted requests that are done and wait for pollFT */
    struct ft_request *awaited; /* those that threads wait for, the oldest first */
    struct ft_request *leader;  /* the one whose thread sleeps in poll; NULL: none does */
    int wake;                   /* an eventfd in the leader's poll */
    struct pollfd led;          /* what the leader polls for, and until when its connection */
    int64_t led_until_ms;       /* can wait */
    struct ft_descriptor *descriptor; /* NULL until it is asked for */
};

/* ---------------------------------------------------------------- making and ending */

static int init_locks(struct ft_handle *handle)
{
    int error = pthread_mutex_init(&handle->lock, NULL);

    if (error != 0)
        return error;
    handle->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (handle->wake >= 0)
        return 0;
    error = errno;
    pthread_mutex_destroy(&handle->lock);
    return error;
}

/* Memory and descriptors only; says nothing to the unit. */
static void free_parts(struct ft_handle *handle)
{
    ft_connection_destroy(handle->connection);
    ft_descriptor_destroy(handle->descriptor);
    ft_requests_clear(&handle->requests);
    close(handle->wake);
}

void ft_handle_destroy(struct ft_handle *handle)
{
    if (handle == NULL)
        return;
    free_parts(handle);
    pthread_mutex_destroy(&handle->lock);
    free(handle);
}

void ft_handle_abandon(struct ft_handle *handle)
{
    if (pthread_mutex_trylock(&handle->lock) == 0) {
        free_parts(handle);
        free(handle); /* the lock is not destroyed: it is locked, and Linux keeps nothing for it */
        return;
    }
    if (ft_connection_fd(handle->connection) >= 0)
        close(ft_connection_fd(handle->connection));
    ft_descriptor_destroy(handle->descriptor);
    close(handle->wake);
}

/* ---------------------------------------------------------------- completing requests */

static void wake_leader(struct ft_handle *handle)
{
    eventfd_write(handle->wake, 1); /* fails only if it is woken 2^64 times over already */
}

/* The request's reply has been filled. */
static void complete(struct ft_handle *handle, struct ft_request *request)
{
    request->is_done = true;
    ft_why_complete(&request->reply);
    if (request->is_submitted)
        handle->answered_n++;
    if (!request->is_awaited)
        return;
    if (request == handle->leader)
        wake_leader(handle);
    else
        pthread_cond_signal(&request->wake);
}

static void complete_all(struct ft_handle *handle, const struct ft_why *why)
{
    for (size_t i = 0; i < handle->requests.size; i++) {
        struct ft_request *request = handle->requests.slots[i];

        if (request != NULL && !request->is_done) {
            ft_why_reply(why, &request->reply);
            complete(handle, request);
        }
    }
}

/* Tells the unit that nobody waits any more. That is a courtesy: if it finds no room, the unit
 * answers in vain. */
static void send_cancel(struct ft_handle *handle, const struct ft_request *request)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Cancel cancel = FT__CANCEL__INIT;
    struct ft_why ignored;

    if (ft_connection_state(handle->connection) != FT_CONNECTION_UP)
        return;
    message.id = request->id;
    message.body_case = FT__MESSAGE__BODY_CANCEL;
    message.cancel = &cancel;
    ft_connection_send(handle->connection, &message, &ignored);
}

static void time_out(struct ft_handle *handle, struct ft_request *request)
{
    struct ft_why why;

    ft_why_set(&why, FT_ERR_TIMEOUT, NULL, "no answer from the unit at %s within %lld ms",
               ft_connection_host(handle->connection), (long long) request->timeout_ms);
    ft_why_reply(&why, &request->reply);
    complete(handle, request);
}

static void time_out_due(struct ft_handle *handle)
{
    int64_t now_ms = ft_clock_ms();

    for (size_t i = 0; i < handle->requests.size; i++) {
        struct ft_request *request = handle->requests.slots[i];

        if (request != NULL && !request->is_done && request->deadline_ms <= now_ms) {
            send_cancel(handle, request);
            time_out(handle, request);
        }
    }
}

static void take_reply(struct ft_handle *handle, const Ft__Message *message)
{
    struct ft_request *request = ft_requests_find(&handle->requests, message->id);
    struct ft_why why;

    if (request == NULL || request->is_done)
        return; /* nobody waits any more */
    if (ft_get_reply(message->reply, &request->reply) != 0) {
        ft_why_set(&why, FT_ERR_PROTOCOL, NULL, "the answer of the unit at %s cannot be "
                   "understood: a field is out of its range",
                   ft_connection_host(handle->connection));
        ft_why_reply(&why, &request->reply);
    } else if (request->wants_json && message->reply->json[0] != '\0') {
        request->json = strdup(message->reply->json);
        if (request->json == NULL) {
            ft_why_system(&why, ENOMEM, "keeping the answer");
            ft_why_reply(&why, &request->reply);
        }
    }
    complete(handle, request);
}

/* ---------------------------------------------------------------- pumping */

/* Makes what others sleep on agree with what there is to wait for. */
static void update(struct ft_handle *handle)
{
    struct ft_connection *connection = handle->connection;
    int64_t wakeup_ms = ft_connection_wakeup_ms(connection);
    int64_t deadline_ms;

    if (handle->leader != NULL
        && (handle->led.fd != ft_connection_fd(connection)
            || handle->led.events != ft_connection_events(connection)
            || handle->led_until_ms > wakeup_ms))
        wake_leader(handle);
    if (handle->descriptor == NULL)
        return;
    deadline_ms = ft_requests_deadline_ms(&handle->requests);
    if (wakeup_ms < deadline_ms)
        deadline_ms = wakeup_ms;
    /* If the kernel has no memory to watch the socket with, the user is called at once instead, and
     * that call tries again: busy, but nothing is missed. */
    bool is_blind = ft_connection_rewatch(connection) != 0
                    || ft_descriptor_set_time(handle->descriptor, deadline_ms) != 0;
    ft_descriptor_set_ready(handle->descriptor, handle->answered_n > 0 || is_blind);
}

/* Moves the connection on and takes what came. FT_OK, or how it failed, all requests with it. */
static ftRetVal_t pump_connection(struct ft_handle *handle, struct ft_why *why)
{
    Ft__Message *message;
    int came = 1, got = 0;

    for (int i = 0; i < PUMP_READS_MAX && came > 0 && got >= 0; i++) {
        came = ft_connection_progress(handle->connection, why);
        while (came > 0 && (got = ft_connection_next(handle->connection, &message, why)) > 0) {
            take_reply(handle, message);
            ft__message__free_unpacked(message, NULL);
        }
    }
    if (came >= 0 && got >= 0)
        return FT_OK;
    complete_all(handle, why);
    return why->status;
}

static ftRetVal_t pump(struct ft_handle *handle, struct ft_why *why)
{
    ftRetVal_t status = pump_connection(handle, why);

    time_out_due(handle);
    update(handle);
    return status;
}

/* For when its failure has been told to all whom it concerns. */
static void pump_quietly(struct ft_handle *handle)
{
    struct ft_why ignored;

    pump(handle, &ignored);
}

/* ---------------------------------------------------------------- sleeping */

static struct timespec time_until(int64_t deadline_ms)
{
    int64_t ms = deadline_ms - ft_clock_ms();
    struct timespec left = {0, 0};

    if (ms > 0) {
        left.tv_sec = ms / 1000;
        left.tv_nsec = ms % 1000 * 1000000;
    }
    return left;
}

/* Sleeps until there is something to read or write, somebody wakes us, or the time has come. The
 * lock is given up in the meantime. request: what this thread waits for, if anything. */
static void lead(struct ft_handle *handle, struct ft_request *request, int64_t deadline_ms)
{
    struct pollfd fds[2] = {{.fd = handle->wake, .events = POLLIN}};
    struct timespec left;
    eventfd_t value;

    handle->led.fd = ft_connection_fd(handle->connection);
    handle->led.events = ft_connection_events(handle->connection);
    handle->led_until_ms = ft_connection_wakeup_ms(handle->connection);
    fds[1] = handle->led; /* a descriptor of -1 is passed over by poll */
    if (handle->led_until_ms < deadline_ms)
        deadline_ms = handle->led_until_ms;
    left = time_until(deadline_ms);
    handle->leader = request;
    pthread_mutex_unlock(&handle->lock);
    ppoll(fds, 2, deadline_ms == FT_NEVER_MS ? NULL : &left, NULL);
    pthread_mutex_lock(&handle->lock);
    handle->leader = NULL;
    if (fds[0].revents != 0)
        eventfd_read(handle->wake, &value);
}

static void follow(struct ft_handle *handle, struct ft_request *request)
{
    struct timespec at = {.tv_sec = request->deadline_ms / 1000,
                          .tv_nsec = request->deadline_ms % 1000 * 1000000};

    if (request->deadline_ms == FT_NEVER_MS)
        pthread_cond_wait(&request->wake, &handle->lock);
    else
        pthread_cond_clockwait(&request->wake, &handle->lock, CLOCK_MONOTONIC, &at);
}

static void begin_waiting(struct ft_handle *handle, struct ft_request *request)
{
    struct ft_request **last = &handle->awaited;

    while (*last != NULL)
        last = &(*last)->next_awaited;
    *last = request;
    pthread_cond_init(&request->wake, NULL); /* cannot fail on Linux: it takes no memory */
    request->is_awaited = true;
}

/* Makes another thread leader, if there is one and nobody leads. */
static void end_waiting(struct ft_handle *handle, struct ft_request *request)
{
    struct ft_request **link = &handle->awaited;

    while (*link != request)
        link = &(*link)->next_awaited;
    *link = request->next_awaited;
    request->is_awaited = false;
    pthread_cond_destroy(&request->wake);
    if (handle->leader == NULL && handle->awaited != NULL)
        pthread_cond_signal(&handle->awaited->wake);
}

/* Waits until the request is done: answered, out of time, lost or canceled. */
static void wait_for(struct ft_handle *handle, struct ft_request *request)
{
    begin_waiting(handle, request);
    for (;;) {
        if (!request->is_done)
            pump_quietly(handle);
        if (request->is_done)
            break;
        if (handle->leader == NULL)
            lead(handle, request, request->deadline_ms);
        else
            follow(handle, request);
    }
    end_waiting(handle, request);
}

/* ---------------------------------------------------------------- opening and closing */

static uint64_t random_seed(const void *address)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t) sizeof seed)
        return seed;
    return ft_clock_ns() ^ ((uint64_t) (uintptr_t) address << 16) ^ (uint64_t) getpid();
}

/* No other thread knows the handle yet. */
static ftRetVal_t connect_now(struct ft_handle *handle, struct ft_why *why)
{
    struct ft_connection *connection = handle->connection;

    if (ft_connection_start(connection, true, why) != FT_OK)
        return why->status;
    for (;;) {
        if (pump(handle, why) != FT_OK)
            return why->status;
        if (ft_connection_state(connection) == FT_CONNECTION_UP)
            return FT_OK;
        lead(handle, NULL, FT_NEVER_MS); /* the connection has a deadline of its own */
    }
}

struct ft_handle *ft_handle_create(const struct ft_host *host, const char *session,
                                   struct ft_why *why)
{
    struct ft_handle *handle = calloc(1, sizeof *handle);
    ftRetVal_t status;
    int error;

    if (handle == NULL) {
        ft_why_system(why, ENOMEM, "making a handle");
        return NULL;
    }
    error = init_locks(handle);
    if (error != 0) {
        free(handle);
        ft_why_system(why, error, "making a handle");
        return NULL;
    }
    ft_requests_init(&handle->requests, random_seed(handle));
    handle->connection = ft_connection_create(host, session);
    if (handle->connection == NULL) {
        ft_why_system(why, errno, "making a connection");
        ft_handle_destroy(handle);
        return NULL;
    }
    pthread_mutex_lock(&handle->lock);
    status = connect_now(handle, why);
    pthread_mutex_unlock(&handle->lock);
    if (status == FT_OK)
        return handle;
    ft_handle_destroy(handle);
    return NULL;
}

void ft_handle_close(struct ft_handle *handle)
{
    struct ft_why why;

    pthread_mutex_lock(&handle->lock);
    /* Also leaves nothing unread: closing TCP on unread bytes would take back what was posted. */
    pump_quietly(handle);
    handle->is_closed = true;
    ft_why_set(&why, FT_ERR_CANCELED, NULL, "the handle was closed under the request");
    complete_all(handle, &why);
    wake_leader(handle);
    pthread_mutex_unlock(&handle->lock);
}

/* ---------------------------------------------------------------- requests */

static ftRetVal_t lock_open(struct ft_handle *handle, struct ft_why *why)
{
    pthread_mutex_lock(&handle->lock);
    if (!handle->is_closed)
        return FT_OK;
    pthread_mutex_unlock(&handle->lock);
    return ft_why_set(why, FT_ERR_HANDLE, NULL, "the handle was closed by another thread");
}

/* Notices a connection that was lost since, and begins to make it again: what is sent next finds
 * one that is up, or on its way. */
static ftRetVal_t ensure_connection(struct ft_handle *handle, struct ft_why *why)
{
    pump_quietly(handle);
    if (ft_connection_state(handle->connection) != FT_CONNECTION_DOWN)
        return FT_OK;
    return ft_connection_start(handle->connection, false, why);
}

static ftRetVal_t send_request(struct ft_handle *handle, uint64_t id, const ftAction_t *action,
                               ftTimeout_t timeout_ms, bool is_silent, struct ft_why *why)
{
    Ft__Message message = FT__MESSAGE__INIT;
    struct ft_put_request put;
    ftRetVal_t status;

    if (ft_put_request(&put, action, timeout_ms) != 0) {
        if (errno == ENOMEM)
            return ft_why_system(why, ENOMEM, "making a request");
        return ft_why_set(why, FT_ERR_ACTION, NULL, "the action cannot be sent: a field is out of "
                          "its range");
    }
    put.request.silent = is_silent;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &put.request;
    if (is_silent
        && ft_connection_waiting_bytes(handle->connection) + ft__message__get_packed_size(&message)
               > POST_MAX_BYTES)
        status = ft_why_set(why, FT_ERR_BUSY, "post again when descriptorFT's descriptor is "
                            "readable and serveFT was called", "%zu bytes wait for the unit at %s "
                            "to take them", ft_connection_waiting_bytes(handle->connection),
                            ft_connection_host(handle->connection));
    else
        status = ft_connection_send(handle->connection, &message, why);
    ft_put_request_clear(&put);
    return status;
}

static int64_t deadline_of(ftTimeout_t timeout_ms)
{
    int64_t grace_ms = timeout_ms / 5 < GRACE_MAX_MS ? timeout_ms / 5 : GRACE_MAX_MS;

    if (timeout_ms == FT_FOREVER || timeout_ms > INT64_MAX / 2)
        return FT_NEVER_MS;
    return ft_clock_ms() + timeout_ms + grace_ms + 1; /* 1: the clock cuts off what is less */
}

/* Sends an action as a request of its own. NULL with why. */
static struct ft_request *begin(struct ft_handle *handle, const ftAction_t *action,
                                ftTimeout_t timeout_ms, bool is_submitted, struct ft_why *why)
{
    struct ft_request *request;

    if (ensure_connection(handle, why) != FT_OK)
        return NULL;
    request = ft_requests_add(&handle->requests, why);
    if (request == NULL)
        return NULL;
    request->is_submitted = is_submitted;
    request->timeout_ms = timeout_ms;
    if (send_request(handle, request->id, action, timeout_ms, false, why) != FT_OK) {
        ft_requests_remove(&handle->requests, request);
        return NULL;
    }
    request->deadline_ms = deadline_of(timeout_ms);
    return request;
}

/* Takes the answer of a request that is done, and forgets the request. */
static ftRetVal_t finish(struct ft_handle *handle, struct ft_request *request, ftReply_t *reply,
                         struct ft_why *why)
{
    *reply = request->reply;
    if (request->is_submitted)
        handle->answered_n--;
    ft_requests_remove(&handle->requests, request);
    update(handle);
    if (reply->status != FT_OK)
        ft_why_set(why, reply->status, reply->hint, "%s", reply->reason);
    return reply->status;
}

ftRetVal_t ft_handle_request(struct ft_handle *handle, const ftAction_t *action,
                             ftTimeout_t timeout_ms, ftReply_t *reply, char **json,
                             struct ft_why *why)
{
    struct ft_request *request;

    if (lock_open(handle, why) != FT_OK)
        return ft_why_reply(why, reply);
    request = begin(handle, action, timeout_ms, false, why);
    if (request == NULL) {
        ft_why_reply(why, reply);
        update(handle);
    } else {
        request->wants_json = json != NULL; /* no answer has been looked at yet */
        if (timeout_ms != 0) {
            wait_for(handle, request);
        } else {
            request->deadline_ms = FT_NEVER_MS; /* no Cancel: it is to be done */
            pump_quietly(handle);
            if (!request->is_done)
                time_out(handle, request);
        }
        if (json != NULL) {
            *json = request->json;
            request->json = NULL;
        }
        finish(handle, request, reply, why);
    }
    pthread_mutex_unlock(&handle->lock);
    return reply->status;
}

ftRetVal_t ft_handle_submit(struct ft_handle *handle, const ftAction_t *action,
                            ftTimeout_t timeout_ms, ftRequest_t *id, struct ft_why *why)
{
    struct ft_request *request;

    if (lock_open(handle, why) != FT_OK)
        return why->status;
    request = begin(handle, action, timeout_ms, true, why);
    if (request != NULL) {
        id->id = request->id;
        pump_quietly(handle); /* on a new connection: the greeting goes out */
    } else {
        update(handle);
    }
    pthread_mutex_unlock(&handle->lock);
    return request != NULL ? FT_OK : why->status;
}

static struct ft_request *find_submitted(struct ft_handle *handle, ftRequest_t id,
                                         struct ft_why *why)
{
    struct ft_request *request = ft_requests_find(&handle->requests, id.id);

    if (request != NULL && request->is_submitted)
        return request;
    ft_why_set(why, FT_ERR_ARG, "use a request that submitFT gave for this handle, and that "
               "neither pollFT nor cancelFT has finished", "the request is not under way");
    return NULL;
}

ftRetVal_t ft_handle_poll(struct ft_handle *handle, ftRequest_t id, ftReply_t *reply,
                          struct ft_why *why)
{
    struct ft_request *request;
    ftRetVal_t status = FT_PENDING;

    if (lock_open(handle, why) != FT_OK)
        return ft_why_reply(why, reply);
    pump_quietly(handle);
    request = find_submitted(handle, id, why);
    if (request == NULL)
        status = ft_why_reply(why, reply);
    else if (request->is_done)
        status = finish(handle, request, reply, why);
    pthread_mutex_unlock(&handle->lock);
    return status;
}

ftRetVal_t ft_handle_cancel(struct ft_handle *handle, ftRequest_t id, struct ft_why *why)
{
    struct ft_request *request;
    ftRetVal_t status;

    if (lock_open(handle, why) != FT_OK)
        return why->status;
    request = find_submitted(handle, id, why);
    status = request != NULL ? FT_OK : why->status;
    if (request != NULL) {
        if (request->is_done)
            handle->answered_n--;
        else
            send_cancel(handle, request);
        ft_requests_remove(&handle->requests, request);
        pump_quietly(handle);
    }
    pthread_mutex_unlock(&handle->lock);
    return status;
}

/* ---------------------------------------------------------------- posts and descriptor */

ftRetVal_t ft_handle_post(struct ft_handle *handle, const ftAction_t *action, struct ft_why *why)
{
    ftRetVal_t status;

    if (lock_open(handle, why) != FT_OK)
        return why->status;
    status = ensure_connection(handle, why);
    if (status == FT_OK)
        status = send_request(handle, 0, action, FT_FOREVER, true, why);
    pump_quietly(handle);
    pthread_mutex_unlock(&handle->lock);
    return status;
}

ftRetVal_t ft_handle_serve(struct ft_handle *handle, struct ft_why *why)
{
    ftRetVal_t status = FT_OK;

    if (lock_open(handle, why) != FT_OK)
        return why->status;
    if (ft_connection_state(handle->connection) == FT_CONNECTION_DOWN)
        status = ft_connection_start(handle->connection, false, why);
    if (status == FT_OK)
        status = pump(handle, why);
    pthread_mutex_unlock(&handle->lock);
    return status;
}

ftRetVal_t ft_handle_descriptor(struct ft_handle *handle, int *descriptor, struct ft_why *why)
{
    ftRetVal_t status = FT_OK;
    struct ft_descriptor *made;

    if (lock_open(handle, why) != FT_OK)
        return why->status;
    if (handle->descriptor == NULL) {
        made = ft_descriptor_create();
        if (made == NULL
            || ft_connection_watch(handle->connection, ft_descriptor_fd(made)) != 0) {
            status = ft_why_system(why, errno, "making a descriptor to wait on");
            ft_connection_watch(handle->connection, -1);
            ft_descriptor_destroy(made);
        } else {
            handle->descriptor = made;
        }
    }
    if (status == FT_OK) {
        update(handle);
        *descriptor = ft_descriptor_fd(handle->descriptor);
    }
    pthread_mutex_unlock(&handle->lock);
    return status;
}
