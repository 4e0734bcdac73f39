/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay.h - the requests under way between this node's clients and the central unit.
 */
#ifndef FT_NODED_RELAY_H
#define FT_NODED_RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "ft.h"
#include "wire/ft.pb-c.h"

#define FT_RELAY_REQUESTS_MAX 16384          /* of all clients */
#define FT_RELAY_CLIENT_REQUESTS_MAX 1024    /* of one client */
#define FT_RELAY_BYTES_MAX (16u << 20)       /* of all requests together */
#define FT_RELAY_REQUEST_BYTES_MAX (1u << 20)

struct ft_relay;

/* Who asks, as the unit knows it. Its owner keeps it until ft_relay_client_gone. */
struct ft_relay_client {
    void *owner;
    char job[FT_NAME_MAX]; /* "" if none */
    int32_t rank;          /* -1 if none */
    pid_t pid;
    uid_t uid;
    bool launcher;         /* it, or one of its daemons; job is its session then */
    uint32_t slurm_job;    /* launcher: the job of Slurm that it says it is in; 0: none */
    char *spares;          /* launcher: nodes of that job that it keeps idle; NULL: none */
    unsigned requests;     /* the relay's: how many it waits for */
};

/* The ways out. Both return 0, or -1 with errno; to_central gives ENOTCONN while there is no link.
 * */
struct ft_relay_ways {
    int (*to_central)(void *arg, const Ft__Message *message);
    int (*to_client)(void *arg, struct ft_relay_client *client, const Ft__Message *message);
    /* What the unit does itself: RANKS_HERE. Returns an ftRetVal_t, with `why`. NULL: not done. */
    int (*ranks_here)(void *arg, const struct ft_relay_client *client, const Ft__Request *request,
                      char *why, size_t size);
    /* A client has closed its connection, or its process has ended. NULL: nobody cares. */
    void (*client_left)(void *arg, const struct ft_relay_client *client);
};

/* node is borrowed for the relay's life. NULL with errno ENOMEM. */
struct ft_relay *ft_relay_create(uv_loop_t *loop, const char *node,
                                 const struct ft_relay_ways *ways, void *arg);

/* What clients send. */
void ft_relay_request(struct ft_relay *relay, struct ft_relay_client *client,
                      const Ft__Message *message);
/* The unit's own request: without an asker, kept until the central unit has answered it (its answer
 * is not looked at). False with errno if it is not taken. */
bool ft_relay_own(struct ft_relay *relay, const Ft__Request *request);
void ft_relay_cancel(struct ft_relay *relay, struct ft_relay_client *client, uint64_t id);
void ft_relay_client_gone(struct ft_relay *relay, struct ft_relay_client *client);

/* What the central unit does. down: `why` is for those who run out of time meanwhile. */
void ft_relay_reply(struct ft_relay *relay, const Ft__Message *message);
void ft_relay_up(struct ft_relay *relay);
void ft_relay_down(struct ft_relay *relay, const char *why);

/* Answers all that wait with FT_ERR_LOST and takes nothing more. To be destroyed after the loop has
 * run once more. */
void ft_relay_stop(struct ft_relay *relay, const char *why);
void ft_relay_destroy(struct ft_relay *relay); /* takes NULL */

/* How many requests wait. */
unsigned ft_relay_waiting(const struct ft_relay *relay);

#endif
