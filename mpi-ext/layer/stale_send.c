/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stale_send.c - Open MPI's request of a blocking send that has failed is not used again.
 *
 * A node goes without a word, and its peers go on sending until the socket's buffer is full; the
 * next message waits in the TCP module, and MPI_Send for it. Once the node is known to be lost,
 * MPI_Send returns the error. The message still waits in the module, though, and will until the
 * connection breaks: when the node is back and its kernel refuses it, or after a quarter of an
 * hour. Then the module says so to the request that it belongs to. But Open MPI 5.0 (pml/ob1) has
 * one request for all blocking sends: by then it belongs to a message to somebody else, *that* one
 * is taken off the TCP module, and the next MPI_Send to it waits for ever.
 *
 * So a blocking send that has failed leaves its request to what still points to it, and the next
 * one gets another: 500 bytes a failed send. All of them, also those within collective operations,
 * go through one entry of one table (mca_pml), in which the function is replaced here; in all
 * modes, programs that mend themselves need it as well.
 *
 * With MPI_THREAD_MULTIPLE the request goes back to a list whose last is used first: there a
 * request that nobody starts takes it out again, unless another thread was quicker.
 */
#include "config.h"

#include "stale_send.h"

#include <dlfcn.h>
#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define ENTRIES_MAX 24 /* of mca_pml: the send is the twelfth */

/* Open MPI's types are not to be had outside it; what is passed on need not be known. */
typedef int send_fn(const void *buffer, size_t count, void *type, int to, int tag, int mode,
                    void *comm);

static send_fn *real_send;
static _Atomic(void *) *common_request;
static bool with_threads;

static void take_from_list(void)
{
    MPI_Request never_started;

    PMPI_Send_init(NULL, 0, MPI_BYTE, 0, 0, MPI_COMM_SELF, &never_started);
}

static int guarded_send(const void *buffer, size_t count, void *type, int to, int tag, int mode,
                        void *comm)
{
    int rc = real_send(buffer, count, type, to, tag, mode, comm);

    if (__builtin_expect(rc != MPI_SUCCESS, 0)) {
        if (with_threads)
            take_from_list();
        else
            atomic_store(common_request, NULL);
    }
    return rc;
}

void ftm_stale_send_begin(void)
{
    void **entries = dlsym(RTLD_DEFAULT, "mca_pml"), *ob1 = dlsym(RTLD_DEFAULT, "mca_pml_ob1_send");
    int provided = MPI_THREAD_SINGLE, i = 0;
    send_fn *ours = guarded_send;

    common_request = dlsym(RTLD_DEFAULT, "mca_pml_ob1_sendreq");
    if (!entries || !ob1 || !common_request || real_send)
        return;
    while (i < ENTRIES_MAX && entries[i] != ob1)
        i++;
    if (i == ENTRIES_MAX)
        return; /* another module than ob1 sends */
    PMPI_Query_thread(&provided);
    with_threads = provided == MPI_THREAD_MULTIPLE;
    memcpy(&real_send, &ob1, sizeof real_send);
    memcpy(&entries[i], &ours, sizeof ours);
}
