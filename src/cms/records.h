/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.h - node records as Slurm writes them, and as a site can write them by hand:
 *
 *     # comment
 *     NodeName=n[01-64] Sockets=2 CoresPerSocket=32 ThreadsPerCore=2 RealMemory=515000
 *     Gres=gpu:a100:4
 *
 * One record a line; a backslash at its end goes on in the next. The names are those of
 * slurm.conf(5) and of `scontrol show node --oneliner`; others are ignored.
 */
#ifndef FT_CMS_RECORDS_H
#define FT_CMS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/facts.h"

struct ft_records;

/* Reads a text: all of it, or NULL with a sentence in `why` that names the line (`name`:LINE). */
struct ft_records *ft_records_parse(const char *text, const char *name, char *why, size_t size);
void ft_records_destroy(struct ft_records *records); /* takes NULL */

/* What a node should be by them: what they do not tell is 0 or "". False if there is no record. */
bool ft_records_facts(const struct ft_records *records, const char *node, struct ft_facts *facts);

size_t ft_records_count(const struct ft_records *records); /* nodes */

#endif
