/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * match.c - does a node's hardware satisfy a demand, and in which words?
 *
 * Pure functions over numbers, called twice for each candidate: by the search, with what the node
 * said of itself when its unit came up, and after the probe, with what was measured just now. Every
 * refusal comes with a sentence that names what was wanted and what was found; it goes to the event
 * log and into the reason that the asker gets.
 *
 * "At least what the lost node had" allows for 1/64 less memory: nodes of one kind differ by what
 * their firmware and kernel keep for themselves. A demand in bytes is taken literally.
 */
#include "core/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "core/planted.h"

/* What it says of the policy, if that can be understood. */
static int take_words(struct ft_demand *demand, const ftConstraint_t *constraint)
{
    enum ft_when_none steps[FT_WHEN_NONE_MAX];
    enum ft_way ways[FT_WAYS_MAX];

    if ((constraint->ladder[0] != '\0' && ft_ways_parse(constraint->ladder, ways) != 0) ||
        (constraint->when_none[0] != '\0' &&
         ft_when_none_parse(constraint->when_none, steps) != 0)) {
        memset(demand, 0, sizeof *demand);
        errno = EINVAL;
        return -1;
    }
    ft_text_copy(demand->ladder, sizeof demand->ladder, constraint->ladder);
    ft_text_copy(demand->when_none, sizeof demand->when_none, constraint->when_none);
    return 0;
}

int ft_demand_make(struct ft_demand *demand, const ftConstraint_t *constraint)
{
    memset(demand, 0, sizeof *demand);
    if (constraint->error != FT_OK) {
        errno = EINVAL;
        return -1;
    }
    demand->cores_min = constraint->cores_min;
    demand->memory_min_bytes = constraint->memory_min_bytes;
    ft_text_copy(demand->arch, sizeof demand->arch, constraint->arch);
    for (int i = 0; i < FT_DEVICES_MAX && constraint->devices[i].type[0] != '\0'; i++) {
        ft_text_copy(demand->devices[i].type, sizeof demand->devices[i].type,
                     constraint->devices[i].type);
        demand->devices[i].count_min = constraint->devices[i].count_min;
    }
    demand->at_least = constraint->at_least != 0;
    demand->same_kind = constraint->same_kind != 0;
    demand->distance = constraint->distance;
    demand->wait_ms = constraint->wait_ms;
    if (take_words(demand, constraint) != 0)
        return -1;
    if (constraint->excluded[0] != '\0') {
        demand->excluded = strdup(constraint->excluded);
        if (demand->excluded == NULL) {
            errno = ENOMEM;
            return -1;
        }
    }
    return 0;
}

int ft_demand_copy(struct ft_demand *to, const struct ft_demand *from)
{
    *to = *from;
    to->from = from->from != NULL ? strdup(from->from) : NULL;
    to->excluded = from->excluded != NULL ? strdup(from->excluded) : NULL;
    if ((from->from == NULL || to->from != NULL) &&
        (from->excluded == NULL || to->excluded != NULL))
        return 0;
    ft_demand_clear(to);
    errno = ENOMEM;
    return -1;
}

void ft_demand_clear(struct ft_demand *demand)
{
    free(demand->from);
    free(demand->excluded);
    memset(demand, 0, sizeof *demand);
}

static bool equal_texts(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

bool ft_demand_equal(const struct ft_demand *a, const struct ft_demand *b)
{
    if (a->cores_min != b->cores_min || a->memory_min_bytes != b->memory_min_bytes ||
        strcmp(a->arch, b->arch) != 0 || a->at_least != b->at_least ||
        a->same_kind != b->same_kind || a->distance != b->distance || a->wait_ms != b->wait_ms ||
        strcmp(a->ladder, b->ladder) != 0 || strcmp(a->when_none, b->when_none) != 0)
        return false;
    for (int i = 0; i < FT_DEVICES_MAX; i++) {
        if (strcmp(a->devices[i].type, b->devices[i].type) != 0 ||
            a->devices[i].count_min != b->devices[i].count_min)
            return false;
    }
    return equal_texts(a->from, b->from) && equal_texts(a->excluded, b->excluded);
}

bool ft_demand_needs_original(const struct ft_demand *demand)
{
    return demand->at_least || demand->same_kind;
}

static uint64_t memory_bytes(const struct ft_demand *demand, const struct ft_facts *original)
{
    uint64_t bytes = demand->memory_min_bytes;

    if (demand->at_least && original != NULL) {
        uint64_t had = original->memory_bytes - original->memory_bytes / 64;

        if (had > bytes)
            bytes = had;
    }
    return bytes;
}

static void bytes_text(uint64_t bytes, char text[32])
{
    if (bytes >= 1u << 30)
        snprintf(text, 32, "%.1f GiB", (double) bytes / (1u << 30));
    else
        snprintf(text, 32, "%.1f MiB", (double) bytes / (1u << 20));
}

static uint32_t devices_of(const struct ft_facts *facts, const char *type)
{
    for (int i = 0; i < FT_FACTS_DEVICES_MAX && facts->devices[i].type[0] != '\0'; i++) {
        if (strcmp(facts->devices[i].type, type) == 0)
            return facts->devices[i].count;
    }
    return 0;
}

/* Whether there are enough of one thing; if not, says so. */
static bool enough(uint32_t found, uint32_t wanted, const char *what, const char *whose, char *why,
                   size_t size)
{
    if (found >= wanted)
        return true;
    if (why != NULL)
        snprintf(why, size, "has %u %s, %u %s", found, what, wanted, whose);
    return false;
}

static bool enough_memory(const struct ft_demand *demand, const struct ft_facts *facts,
                          const struct ft_facts *original, char *why, size_t size)
{
    uint64_t wanted = memory_bytes(demand, original);
    bool by_original = wanted > demand->memory_min_bytes;
    char has[32], needs[32];

    if (facts->memory_bytes >= wanted)
        return true;
    if (why == NULL)
        return false;
    bytes_text(facts->memory_bytes, has);
    bytes_text(by_original ? original->memory_bytes : wanted, needs);
    snprintf(why, size, "has %s of memory, %s wanted%s", has, needs,
             by_original ? " (what the lost node had)" : "");
    return false;
}

static bool right_arch(const char *found, const char *wanted, char *why, size_t size)
{
    if (wanted[0] == '\0' || strcmp(found, wanted) == 0)
        return true;
    if (why != NULL)
        snprintf(why, size, "is %s, wanted is %s",
                 found[0] != '\0' ? found : "of unknown architecture", wanted);
    return false;
}

/* What the constraint says itself. */
static bool match_numbers(const struct ft_demand *demand, const struct ft_facts *facts, char *why,
                          size_t size)
{
    if (!right_arch(facts->arch, demand->arch, why, size) ||
        !enough(facts->cores, demand->cores_min, "cores", "wanted", why, size))
        return false;
    for (int i = 0; i < FT_DEVICES_MAX && demand->devices[i].type[0] != '\0'; i++) {
        const char *type = demand->devices[i].type;
        char what[64];

        snprintf(what, sizeof what, "%s devices", type);
        if (!enough(devices_of(facts, type), demand->devices[i].count_min, what, "wanted", why,
                    size))
            return false;
    }
    return true;
}

/* What the lost node had. */
static bool match_original(const struct ft_facts *facts, const struct ft_facts *original, char *why,
                           size_t size)
{
    static const char whose[] = "wanted (what the lost node had)";

    if (!right_arch(facts->arch, original->arch, why, size) ||
        !enough(facts->cores, original->cores, "cores", whose, why, size))
        return false;
    for (int i = 0; i < FT_FACTS_DEVICES_MAX && original->devices[i].type[0] != '\0'; i++) {
        const char *type = original->devices[i].type;
        char what[64];

        snprintf(what, sizeof what, "%s devices", type);
        if (!enough(devices_of(facts, type), original->devices[i].count, what, whose, why, size))
            return false;
    }
    return true;
}

bool ft_match_facts(const struct ft_demand *demand, const struct ft_facts *facts,
                    const struct ft_facts *original, char *why, size_t size)
{
    if (ft_demand_needs_original(demand) && original == NULL) {
        if (why != NULL)
            snprintf(why, size, "cannot be compared: the hardware of the lost node is not known");
        return false;
    }
    if (!match_numbers(demand, facts, why, size) ||
        !enough_memory(demand, facts, original, why, size))
        return false;
    if (demand->at_least && !match_original(facts, original, why, size))
        return false;
    if (demand->same_kind && facts->kind != original->kind) {
        if (why != NULL)
            snprintf(why, size,
                     "is of another kind than the lost node: %u packages, %u cores, %u hardware "
                     "threads against %u, %u, %u",
                     facts->packages, facts->cores, facts->pus, original->packages,
                     original->cores, original->pus);
        return false;
    }
    return true;
}

static bool enough_free(const struct ft_demand *demand, const struct ft_measured *measured,
                        const struct ft_facts *original, char *why, size_t size)
{
    uint64_t wanted = memory_bytes(demand, original) / 2;
    char has[32], needs[32];

    /* Facts that are told by configuration say nothing of this machine's memory. */
    if (measured->facts.shown || measured->memory_free_bytes >= wanted)
        return true;
    bytes_text(measured->memory_free_bytes, has);
    bytes_text(wanted, needs);
    snprintf(why, size, "has %s of memory free, at least %s (half of what is wanted) needed", has,
             needs);
    return false;
}

/* A check that ended by itself has an exit code; of one that was not run, or did not end in time,
 * the unit says so in a sentence, and its code means nothing to anybody. */
static void say_check(const struct ft_measured *measured, char *why, size_t size)
{
    static const char by_the_unit[] = "the site's check ";

    if (strncmp(measured->check_text, by_the_unit, sizeof by_the_unit - 1) == 0)
        snprintf(why, size, "did not pass: %s", measured->check_text);
    else
        snprintf(why, size, "failed the site's check (exit code %d)%s%s", measured->check_code,
                 measured->check_text[0] != '\0' ? ": " : "", measured->check_text);
}

bool ft_match_measured(const struct ft_demand *demand, const struct ft_measured *measured,
                       const struct ft_facts *original, const struct ft_env *env, char *why,
                       size_t size)
{
    char difference[256];

    if (FT_PLANTED(FT_PLANT_IGNORE_MISMATCH))
        return true;
    if (measured->error[0] != '\0') {
        snprintf(why, size, "could not be measured: %s", measured->error);
        return false;
    }
    if (!measured->facts_known) {
        snprintf(why, size, "did not say what hardware it has");
        return false;
    }
    if (!ft_match_facts(demand, &measured->facts, original, why, size)) {
        if (demand->same_kind && original != NULL && measured->facts.kind != original->kind &&
            env != NULL && env->explain != NULL &&
            env->explain(env->arg, &measured->facts, original, difference, sizeof difference))
            snprintf(why, size, "is of another kind than the lost node: %s", difference);
        return false;
    }
    if (!enough_free(demand, measured, original, why, size))
        return false;
    if (!measured->check_ran || measured->check_code == 0)
        return true;
    say_check(measured, why, size);
    return false;
}

void ft_match_text(const struct ft_demand *demand, const struct ft_facts *facts,
                   const struct ft_facts *original, char *text, size_t size)
{
    char memory[32], wanted[32];

    bytes_text(facts->memory_bytes, memory);
    snprintf(text, size, "%s, %u cores",
             facts->arch[0] != '\0' ? facts->arch : "unknown architecture", facts->cores);
    if (demand->cores_min > 0)
        ft_text_appendf(text, size, " (%u wanted)", demand->cores_min);
    ft_text_appendf(text, size, ", %s of memory", memory);
    if (demand->memory_min_bytes > 0) {
        bytes_text(demand->memory_min_bytes, wanted);
        ft_text_appendf(text, size, " (%s wanted)", wanted);
    }
    for (int i = 0; i < FT_DEVICES_MAX && demand->devices[i].type[0] != '\0'; i++)
        ft_text_appendf(text, size, ", %u %s devices (%u wanted)",
                        devices_of(facts, demand->devices[i].type), demand->devices[i].type,
                        demand->devices[i].count_min);
    if (original == NULL)
        return;
    if (original->kind == facts->kind)
        ft_text_appendf(text, size, "; the same kind of hardware as the lost node");
    else if (demand->at_least)
        ft_text_appendf(text, size, "; at least what the lost node had (%u cores)",
                        original->cores);
    else
        ft_text_appendf(text, size, "; another kind of hardware than the lost node (%u cores)",
                        original->cores);
}
