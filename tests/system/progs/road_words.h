/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * road_words.h - the words of road_client: what a test writes, and the line of JSON it gets.
 */
#ifndef ROAD_WORDS_H
#define ROAD_WORDS_H

#include "ft.h"

/* Reads one request; `words` is cut into pieces.
 *
 *     find RESOURCE [cores=N] [memory=BYTES] [arch=A] [devices=TYPE:N] [atleast] [samekind]
 *                   [exclude=NODE] [near=RESOURCE] [far=RESOURCE]
 *     error RESOURCE [send|receive|read|write|compute|release]
 *     claim DECISION
 *     failed DECISION
 *
 * Each may end in timeout=MS. RESOURCE is rank:R, rank:R@JOB, node:N, process:N:PID,
 * device:N:NAME, link:N:N or storage:N:PATH.
 * Returns 0, or -1 if it cannot be understood. */
int words_read(char *words, ftAction_t *action, ftTimeout_t *timeout_ms);

/* Writes a reply as one line of JSON, its newline included. Returns its length. */
size_t words_write(const ftReply_t *reply, double took_ms, char *text, size_t size);

#endif
