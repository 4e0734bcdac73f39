/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_others.h - before a repair of a program that expects none: the others come as far as this
 * rank.
 */
#ifndef FTM_REPAIR_OTHERS_H
#define FTM_REPAIR_OTHERS_H

#include <stdint.h>

/* Waits until each rank that is in ftm_active and lives has begun as many collectives on the world
 * as this one, or begins no more; or until somebody calls for a repair.
 *   repairs   the number of them since which this rank counts like the others
 *   begun     by this rank */
void ftm_repair_await_others(int repairs, uint64_t begun);

#endif
