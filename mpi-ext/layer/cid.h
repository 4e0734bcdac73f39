/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cid.h - the making of communicators, after one that has failed.
 */
#ifndef FTM_CID_H
#define FTM_CID_H

/* Before anything can fail: what ftm_cid_unblock works with is made, once. Local. */
void ftm_cid_begin(void);

/* In MPI_Init, in mode report: the application's calls that make communicators do it, too
 * (cid_report.c). */
void ftm_cid_report(void);

/* A call that makes communicators may have failed in this process: others can be made again.
 * Local, waits for nobody, any thread. No effect before ftm_cid_begin. */
void ftm_cid_unblock(void);

#endif
