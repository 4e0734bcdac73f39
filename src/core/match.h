/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * match.h - does a node's hardware satisfy a demand, and in which words?
 */
#ifndef FT_CORE_MATCH_H
#define FT_CORE_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/facts.h"
#include "common/policy.h"
#include "core/env.h"

/* A constraint in the form that core keeps: small, and with its parts resolved. */
struct ft_demand {
    uint32_t cores_min;
    uint64_t memory_min_bytes;
    char arch[32];
    struct {
        char type[32];
        uint32_t count_min;
    } devices[FT_DEVICES_MAX];
    bool at_least;
    bool same_kind;
    int distance;
    char ladder[FT_POLICY_TEXT_MAX];    /* what the request says of the policy; "": nothing */
    char when_none[FT_POLICY_TEXT_MAX];
    unsigned wait_ms;                   /* 0: nothing */
    char *from;     /* node that near and far are measured from; NULL: the lost one */
    char *excluded; /* names with commas between; NULL if none */
};

/* Copies what a constraint asks for. Returns 0, or -1 with errno ENOMEM, or EINVAL for a constraint
 * that carries an error; the demand is empty then. Made empty again by ft_demand_clear. */
int ft_demand_make(struct ft_demand *demand, const ftConstraint_t *constraint);
int ft_demand_copy(struct ft_demand *to, const struct ft_demand *from); /* -1: ENOMEM */
void ft_demand_clear(struct ft_demand *demand);
bool ft_demand_equal(const struct ft_demand *a, const struct ft_demand *b);

/* True if the demand is relative to the lost node, whose hardware must then be known. */
bool ft_demand_needs_original(const struct ft_demand *demand);

/* Compares facts with a demand. original: of the lost node, NULL if not known (a relative demand
 * then never fits). why (size bytes; may be NULL) gets the first thing that does not fit. */
bool ft_match_facts(const struct ft_demand *demand, const struct ft_facts *facts,
                    const struct ft_facts *original, char *why, size_t size);

/* Judges what was measured at a candidate: the facts, the free memory (at least half of the demand,
 * unless the facts are shown rather than measured), the site's check. env explains how kinds
 * differ; may be NULL. */
bool ft_match_measured(const struct ft_demand *demand, const struct ft_measured *measured,
                       const struct ft_facts *original, const struct ft_env *env, char *why,
                       size_t size);

/* Says how facts satisfy a demand: "4 cores (2 asked), 8.0 GiB memory (as much as n2 had) ...". */
void ft_match_text(const struct ft_demand *demand, const struct ft_facts *facts,
                   const struct ft_facts *original, char *text, size_t size);

#endif
