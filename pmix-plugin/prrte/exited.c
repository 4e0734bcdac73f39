/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * exited.c - on each node: a process that exits without MPI_Finalize is lost, whatever its exit code.
 *
 * Who calls: PRRTE's process state machine, when a child of this daemon has ended. An exit without
 * MPI_Finalize is a failure if its code is 0; if it is any other, stock makes nothing of it but the
 * code, and tells the other processes by one that Open MPI 5.0.7 does not listen to: who waits for
 * that process waits for ever. (In a job without fault tolerance either ends the job.)
 *
 *   TERM_NON_ZERO, connected and never finalized -> TERM_WO_SYNC
 */
#include "ft_prrte.h"

static prte_state_cbfunc_t stock_error;

static prte_proc_t *child_of_ours(const pmix_proc_t *name)
{
    for (int i = 0; i < prte_local_children->size; i++) {
        prte_proc_t *child
            = (prte_proc_t *) pmix_pointer_array_get_item(prte_local_children, i);

        if (child != NULL && PMIX_CHECK_PROCID(&child->name, name))
            return child;
    }
    return NULL;
}

static bool exited_alone(const prte_proc_t *child)
{
    return child != NULL && PRTE_FLAG_TEST(child, PRTE_PROC_FLAG_WAITPID)
           && PRTE_FLAG_TEST(child, PRTE_PROC_FLAG_REG)
           && !PRTE_FLAG_TEST(child, PRTE_PROC_FLAG_HAS_DEREG) && child->state < PRTE_PROC_STATE_UNTERMINATED
           && ftp_job_is_tolerant(prte_get_job_data_object(child->name.nspace));
}

static void on_error(int fd, short args, void *cbdata)
{
    prte_state_caddy_t *caddy = (prte_state_caddy_t *) cbdata;

    if (caddy->proc_state == PRTE_PROC_STATE_TERM_NON_ZERO
        && exited_alone(child_of_ours(&caddy->name))) {
        PRTE_ACTIVATE_PROC_STATE(&caddy->name, PRTE_PROC_STATE_TERM_WO_SYNC);
        PMIX_RELEASE(caddy);
        return;
    }
    stock_error(fd, args, cbdata);
}

int ftp_exited_init(void)
{
    stock_error = ftp_hook_proc_state(PRTE_PROC_STATE_ERROR, on_error);
    return stock_error != NULL ? PRTE_SUCCESS : PRTE_ERR_NOT_FOUND;
}
