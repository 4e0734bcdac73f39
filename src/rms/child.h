/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.h - a helper program of a backend, which speaks lines (talk.h) over its standard input and
 * output.
 *
 *     static const struct ft_child_events events = {.said = on_said, .ended = on_ended};
 *     struct ft_child *child = ft_child_start(&config, &events, arg, why, sizeof why);
 *
 *     ft_child_tell(child, "get job=7");     ... on_said(arg, {"got", node=n3}) ...
 *     ft_child_let_end(child);               ... on_ended(arg, "") ...
 */
#ifndef FT_RMS_CHILD_H
#define FT_RMS_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "rms/talk.h"

struct ft_child;

struct ft_child_config {
    uv_loop_t *loop;
    const char *program;
    const char *argument;    /* its only one; NULL: none */
    char **environment;      /* NULL: as this process's */
    bool reap;               /* the loop goes on after ft_child_forget: its process is waited for
                              * then, too, without keeping the loop */
};

/* From the loop. None comes after ft_child_forget. */
struct ft_child_events {
    void (*said)(void *arg, const struct ft_talk *said);
    /* What was awaited (ft_child_await) is late. */
    void (*late)(void *arg);
    /* It has ended, and with this call it is gone. `words`: the last that it wrote to its standard
     * error and the signal that ended it; "": neither. */
    void (*ended)(void *arg, const char *words);
};

/* NULL if it cannot be started, and why. The config is not kept. */
struct ft_child *ft_child_start(const struct ft_child_config *config,
                                const struct ft_child_events *events, void *arg, char *why,
                                size_t size);

/* Tells it a line. 0, or -1 with errno: ENOMEM, or EPIPE as it was told to end. */
int ft_child_tell(struct ft_child *child, const char *line);

/* `late` comes unless this is called again within timeout_ms; 0: nothing is awaited. */
void ft_child_await(struct ft_child *child, unsigned timeout_ms);

/* Closes its standard input, which tells it to give back what it holds, and to end. */
void ft_child_let_end(struct ft_child *child);

/* The same, and nobody cares any more: the loop is left with handles that are being closed. Takes
 * NULL. */
void ft_child_forget(struct ft_child *child);

/* Those that were forgotten and are still waited for (config.reap) are not any more: the loop is
 * about to end. */
void ft_child_forget_all(void);

#endif
