/* SPDX-License-Identifier: BSD-3-Clause */
/* stale_send.h - Open MPI's request of a blocking send that has failed is not used again. */
#ifndef FTM_STALE_SEND_H
#define FTM_STALE_SEND_H

/* To be called once MPI is up, in every mode. Does nothing where it does not find what it looks
 * for: then this is not the Open MPI that needs it. */
void ftm_stale_send_begin(void);

#endif
