/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slots.c - on the master: the slot of a process that failed is free at once.
 *
 * Stock PRRTE gives the slots and cores of a job back when the whole job has ended; until then a
 * stand-in on the same node is refused ("All nodes ... are already filled"). A failed process of a
 * tolerant job is taken out of its node here, as stock does it at the end of the job, which then
 * finds it gone. Processes that ended well keep their slots, as on stock.
 */
#include "ft_prrte.h"

#include <hwloc.h>

/* Of the cores that a process was bound to, PRRTE marks the first one that was free as used. */
static void free_core(prte_node_t *node, const prte_job_t *job, const char *cpuset)
{
    bool threads = prte_get_attribute((pmix_list_t *) &job->attributes, PRTE_JOB_HWT_CPUS, NULL,
                                      PMIX_BOOL);
    hwloc_bitmap_t used;
    hwloc_obj_t core;

    if (node->topology == NULL || node->topology->topo == NULL || node->available == NULL)
        return;
    used = hwloc_bitmap_alloc();
    if (used != NULL && hwloc_bitmap_list_sscanf(used, cpuset) == 0) {
        hwloc_bitmap_andnot(used, used, node->available);
        core = hwloc_get_obj_inside_cpuset_by_type(node->topology->topo, used,
                                                   threads ? HWLOC_OBJ_PU : HWLOC_OBJ_CORE, 0);
        if (core != NULL)
            hwloc_bitmap_or(node->available, node->available, core->cpuset);
    }
    hwloc_bitmap_free(used);
}

void ftp_slots_free(prte_proc_t *proc)
{
    prte_job_t *job = prte_get_job_data_object(proc->name.nspace);
    prte_node_t *node = proc->node;

    if (job == NULL || node == NULL)
        return;
    for (int i = 0; i < node->procs->size; i++) {
        if (pmix_pointer_array_get_item(node->procs, i) != proc)
            continue;
        ftp_say(2, "process %u of %s: its slot on %s is free (%d of %d in use)", proc->name.rank,
                proc->name.nspace, node->name, (int) node->slots_inuse - 1, (int) node->slots);
        node->slots_inuse--;
        node->num_procs--;
        if (proc->cpuset != NULL)
            free_core(node, job, proc->cpuset);
        pmix_pointer_array_set_item(node->procs, i, NULL);
        PMIX_RELEASE(proc);
        return;
    }
}
