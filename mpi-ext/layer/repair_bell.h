/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_bell.h - that somebody was lost, for who repairs the world, and for spares that sleep.
 * (What others call of it is in repair.h: ftm_repair_news, ftm_repair_bell, ftm_repair_nap_ms.)
 */
#ifndef FTM_REPAIR_BELL_H
#define FTM_REPAIR_BELL_H

#include <stdbool.h>
#include <stdint.h>

/* In a spare: the bell is hung up; and taken down, in any process. */
void ftm_bell_begin(void);
void ftm_bell_end(void);

/* Was somebody lost since it was taken last? Cheap. */
bool ftm_news_is_there(void);
bool ftm_news_take(void);

/* When a rank's first loss since the last repair was heard of; 0: there was none. */
int64_t ftm_news_since_ns(void);
/* There was a repair. */
void ftm_news_over(void);

#endif
