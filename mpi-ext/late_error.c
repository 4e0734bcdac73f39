/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late_error.c - keeps a message that fails twice from ending the process that sent it.
 *
 * A peer is lost while a message to it is still with the network. Open MPI 5.0 completes the
 * message with an error as soon as it hears of the loss, and the application is told. When the
 * connection itself breaks, maybe much later (a node that was cut off is back), the network's part
 * hands in its own failure, and Open MPI ends the process: "An error occurred in Send error after
 * request freed". It means an application that freed a request which then failed, but asks for that
 * the wrong way around: those were sorted out before, and what comes to this place was told its
 * error.
 *
 * Open MPI does it by a function of its own that is called from other places, too, with other
 * words. It calls it as any other library would: what is loaded before it can stand in front. So
 * does this file, in libftmpi.so, and for these words does nothing; everything else goes on to Open
 * MPI.
 *
 * The same for receives. Needs nothing but libc, as everything in libftmpi.so.
 */
#include <stdarg.h>
#include <string.h>

#include "next.h"

typedef void fatal_fn(void *comm, int *code, ...);

/* ompi/errhandler/errhandler_predefined.h */
__attribute__((visibility("default"))) fatal_fn ompi_mpi_errors_are_fatal_comm_handler;

void ompi_mpi_errors_are_fatal_comm_handler(void *comm, int *code, ...)
{
    fatal_fn *next;
    const char *words;
    va_list rest;

    va_start(rest, code); /* Open MPI always gives words, and looks at nothing behind them */
    words = va_arg(rest, const char *);
    va_end(rest);
    if (comm == NULL && words != NULL
        && (strcmp(words, "Send error after request freed") == 0
            || strcmp(words, "Recv error after request freed") == 0))
        return;
    *(void **) &next = ftm_next_function("ompi_mpi_errors_are_fatal_comm_handler");
    if (next != NULL) /* it is: the call comes from where it is */
        next(comm, code, words, NULL);
}
