/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * policy.c - the words of two settings: the ladder, and what is done when no node is free.
 *
 * Read by whoever meets them: conf (rms_ladder, rms_when_none), libft (ftLadder, ftWhenNone), the
 * wire, core and the backends of rms; so that all of them take the same texts and no others. What
 * the words mean is decided in core/policy.c and carried out in core/recovery.c and rms.
 *
 * Both are lists of words with commas between, without blanks: each word once, in the order in
 * which it is to be tried. A list is never empty. "later" and "fewer" end the search for a node:
 * one of them at the most, and at the end.
 */
#include "common/policy.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char *const way_words[] = {
    [FT_WAY_SPARES] = "spares", [FT_WAY_EXPAND] = "expand", [FT_WAY_BESIDE] = "beside"};
static const char *const none_words[] = {[FT_NONE_WAIT] = "wait",
                                         [FT_NONE_SHARE] = "share",
                                         [FT_NONE_LATER] = "later",
                                         [FT_NONE_FEWER] = "fewer"};

_Static_assert(sizeof "spares,expand,beside" <= FT_POLICY_TEXT_MAX &&
               sizeof "share,wait,later" <= FT_POLICY_TEXT_MAX, "the longest lists");

/* The number of the word that text begins with, from 1; 0: none of them. */
static int word_of(const char *text, const char *const words[], int words_n, size_t *length)
{
    int word = words_n;

    *length = strcspn(text, ",");
    while (word > 0 && (strlen(words[word]) != *length || strncmp(words[word], text, *length) != 0))
        word--;
    return word;
}

/* Reads a list into found, of room numbers. 0, or -1 if it is none: an unknown word, one that is
 * there twice, more of them than there is room for. */
static int parse(const char *text, const char *const words[], int words_n, int found[], int room)
{
    unsigned seen = 0;
    size_t length;
    int n = 0;

    do {
        int word = word_of(text, words, words_n, &length);

        if (word == 0 || (seen & 1u << word) != 0 || n == room) {
            errno = EINVAL;
            return -1;
        }
        seen |= 1u << word;
        found[n++] = word;
        text += length;
    } while (*text++ == ',');
    return 0;
}

int ft_ways_parse(const char *text, enum ft_way ways[FT_WAYS_MAX])
{
    int found[FT_WAYS_MAX] = {0};

    if (parse(text, way_words, FT_WAY_BESIDE, found, FT_WAYS_MAX) != 0)
        return -1;
    for (int i = 0; i < FT_WAYS_MAX; i++)
        ways[i] = (enum ft_way) found[i];
    return 0;
}

int ft_when_none_parse(const char *text, enum ft_when_none steps[FT_WHEN_NONE_MAX])
{
    int found[FT_WHEN_NONE_MAX] = {0};

    if (parse(text, none_words, FT_NONE_FEWER, found, FT_WHEN_NONE_MAX) != 0)
        return -1;
    for (int i = 0; i + 1 < FT_WHEN_NONE_MAX; i++) {
        if (found[i] >= FT_NONE_LATER && found[i + 1] != 0) {
            errno = EINVAL;
            return -1;
        }
    }
    for (int i = 0; i < FT_WHEN_NONE_MAX; i++)
        steps[i] = (enum ft_when_none) found[i];
    return 0;
}

bool ft_ways_have(const enum ft_way ways[FT_WAYS_MAX], enum ft_way way)
{
    for (int i = 0; i < FT_WAYS_MAX; i++) {
        if (ways[i] == way)
            return true;
    }
    return false;
}

bool ft_when_none_has(const enum ft_when_none steps[FT_WHEN_NONE_MAX], enum ft_when_none step)
{
    for (int i = 0; i < FT_WHEN_NONE_MAX; i++) {
        if (steps[i] == step)
            return true;
    }
    return false;
}
