/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair.c - two callbacks of PRRTE 3.0.8 that do not understand what they are called with, and
 * threads that lose the end of a process.
 *
 * In a collective of PMIx (fence, connect, group) the daemons of all participants gather what each
 * has to say. The result that comes back begins with the collective's controls, a byte object. Two
 * of the callbacks that get it do not know that:
 *
 *   fence    pmix_server_release (pmix_server_fence.c) hands all of it to PMIx, which takes the
 *            empty controls for the end of the data. So the addresses that MPI_Init exchanges are
 *            lost, and each process asks for those of a peer when it first talks to it. After a
 *            failure that is too late: Open MPI's failure notice goes to neighbours that were never
 *            talked to, and a process that cannot have the address of one that is dead crashes
 *            (ompi_comm_rbcast_send_msg). Repaired for tolerant jobs: the controls are taken off.
 *
 *   connect  (MPI_Comm_spawn, connect, accept) connect_release (pmix_server_dyn.c) reads all that
 *            follows shifted, and so stores nothing (PMIX_ERROR at line 1048). Were it to store
 *            something, PMIx 5.0 would crash: it calls a function that its default data store
 *            (gds/shmem2) lacks. And it has allocated one info, registers two and destructs the
 *            second: the daemon's heap is damaged, and it crashes now or later. In effect, the one
 *            thing it does is to say that the connect has ended. Replaced, for all jobs, by a
 *            callback that does that.
 *
 * Which is which shows in the caller's callback, where a gathering is handed to the collectives.
 *
 * A daemon forks processes in threads (up to odls_base_max_threads, 16; mpirun itself does from 32
 * processes on), while its main thread reaps those that end, and knows one by the number that the
 * thread notes when its fork has returned. One that has ended before that is reaped as nobody's: its
 * daemon waits for it ever after, and so does mpirun. On a busy machine that was one in forty runs
 * of a short program. So all is forked by the main thread, unless somebody has set the parameter;
 * that costs a node with many processes a millisecond for each. It has to be set before the launcher
 * of local processes (odls) is opened, which is after this component is.
 */
#include "ft_prrte.h"

#include <stdlib.h>

static prte_grpcomm_base_API_allgather_fn_t stock_allgather;
static prte_grpcomm_cbfunc_t stock_fenced;

static void on_connected(int status, pmix_data_buffer_t *result, void *cbdata)
{
    prte_pmix_mdx_caddy_t *connect = (prte_pmix_mdx_caddy_t *) cbdata;

    (void) result;
    ftp_say(2, "connect ends with %s", PMIx_Error_string(status));
    connect->opcbfunc(status, connect->cbdata);
    PMIX_RELEASE(connect);
}

static void on_fenced(int status, pmix_data_buffer_t *result, void *cbdata)
{
    pmix_byte_object_t controls;
    int32_t one = 1;
    pmix_status_t rc;

    if (status == PMIX_SUCCESS && result != NULL) {
        rc = PMIx_Data_unpack(NULL, result, &controls, &one, PMIX_BYTE_OBJECT);
        if (rc == PMIX_SUCCESS)
            PMIX_BYTE_OBJECT_DESTRUCT(&controls);
        else
            PMIX_ERROR_LOG(rc);
    }
    stock_fenced(status, result, cbdata);
}

static bool of_tolerant_jobs(const prte_grpcomm_signature_t *processes)
{
    if (processes == NULL || processes->sz == 0)
        return false;
    for (size_t i = 0; i < processes->sz; i++)
        if (!ftp_job_is_tolerant(prte_get_job_data_object(processes->signature[i].nspace)))
            return false;
    return true;
}

static int allgather(prte_pmix_mdx_caddy_t *caddy)
{
    bool fence = caddy->mdxcbfunc != NULL;
    bool connect = caddy->opcbfunc != NULL && !fence && caddy->infocbfunc == NULL;

    if (connect) {
        caddy->grpcbfunc = on_connected;
    } else if (fence && of_tolerant_jobs(caddy->sig)) {
        stock_fenced = caddy->grpcbfunc; /* there is one such function */
        caddy->grpcbfunc = on_fenced;
    }
    return stock_allgather(caddy);
}

void ftp_repair_init(void)
{
    if (setenv("PRTE_MCA_odls_base_max_threads", "0", 0) != 0)
        PRTE_ERROR_LOG(PRTE_ERR_OUT_OF_RESOURCE);
    stock_allgather = prte_grpcomm.allgather;
    prte_grpcomm.allgather = allgather;
}

void ftp_repair_fini(void)
{
    if (prte_grpcomm.allgather == allgather)
        prte_grpcomm.allgather = stock_allgather;
}
