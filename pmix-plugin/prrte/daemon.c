/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemon.c - in prted: the master says which daemons are lost.
 *
 * In a flat tree nothing of a daemon's routing depends on the others. It keeps its node table right
 * (a DVM maps jobs on every daemon), and refuses data of processes that are gone (modex.c). That it
 * ends itself, and its processes, when its connection to the master is gone, stock PRRTE sees to:
 * closed connections at once, silent ones after the time that silence.c sets.
 *
 * The same message reaches the master itself, where it says nothing new.
 */
#include "ft_prrte.h"

#include "units.h"

static void on_lost(int status, pmix_proc_t *sender, pmix_data_buffer_t *buffer,
                    prte_rml_tag_t tag, void *cbdata)
{
    uint32_t n = 0;
    int32_t one = 1;

    (void) status;
    (void) tag;
    (void) cbdata;
    ftp_silence_limit();
    if (PMIx_Data_unpack(NULL, buffer, &n, &one, PMIX_UINT32) != PMIX_SUCCESS)
        return;
    for (uint32_t i = 0; i < n; i++) {
        pmix_rank_t rank;
        prte_proc_t *daemon;

        one = 1;
        if (PMIx_Data_unpack(NULL, buffer, &rank, &one, PMIX_PROC_RANK) != PMIX_SUCCESS)
            return;
        if (ftp_routing_is_lost(rank) || rank == PRTE_PROC_MY_NAME->rank
            || rank == PRTE_PROC_MY_HNP->rank)
            continue;
        ftp_say(1, "told by %s that daemon %u is lost", PRTE_NAME_PRINT(sender), rank);
        ftp_routing_lose(rank);
        daemon = ftp_daemon_of(rank);
        if (daemon != NULL)
            ftp_daemon_mark_down(daemon);
        ftp_modex_lose(rank);
    }
}

int ftp_daemon_init(void)
{
    PRTE_RML_RECV(PRTE_NAME_WILDCARD, FTP_TAG_LOST, PRTE_RML_PERSISTENT, on_lost, NULL);
    return ftp_units_daemon_init();
}

/* An end that nobody ordered: mpirun is gone, with its node perhaps. ft-srun, around the daemon in a job of
 * Slurm, knows by this code. */
void ftp_daemon_fini(void)
{
    if (!prte_prteds_term_ordered)
        prte_exit_status = FTP_EXIT_FORSAKEN;
    PRTE_RML_CANCEL(PRTE_NAME_WILDCARD, FTP_TAG_LOST);
    ftp_units_fini();
}
