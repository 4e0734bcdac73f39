/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.h - a program that is run for what it prints and how it ends, within a time.
 */
#ifndef FT_NODED_CHILD_H
#define FT_NODED_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct ft_child;

/* What to run. All borrowed for the call of ft_child_start. */
struct ft_child_wish {
    const char *file;        /* path of the program */
    const char *const *argv; /* ends in NULL */
    const char *const *environment; /* ends in NULL; the program gets nothing else */
    unsigned timeout_ms;     /* then it is killed, and all processes of its group with it */
    size_t output_max;       /* bytes kept of what it prints; the rest is read and dropped */
    bool as_user;            /* it runs as uid and gid, without other groups; needs privileges */
    unsigned uid, gid;
    bool with_stderr;        /* its standard error counts as output, else it goes to /dev/null */
};

/* How it ended. */
struct ft_child_end {
    bool timed_out;
    int code;               /* exit code */
    int signal;             /* not 0: it was ended by this signal */
    const uint8_t *output;  /* borrowed for the call */
    size_t n;
    bool cut;               /* it printed more than output_max */
    double took_ms;
};

typedef void (*ft_child_fn)(void *arg, const struct ft_child_end *end);

/* Starts it. `ended` is called once, from the loop, at the latest shortly after timeout_ms, even if
 * the kernel does not let the process die. NULL with errno if it cannot be started: then `ended` is
 * not called. */
struct ft_child *ft_child_start(uv_loop_t *loop, const struct ft_child_wish *wish,
                                ft_child_fn ended, void *arg);

/* Kills it, as if its time were over; `ended` is not called any more. */
void ft_child_cancel(struct ft_child *child);

/* How many were given up that the kernel has not let die yet. */
unsigned ft_child_stuck(void);

#endif
