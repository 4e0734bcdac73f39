/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * talk.h - the lines that a backend and its helper program exchange: WORD KEY=VALUE ...
 *
 * Values are percent-encoded where they hold a blank, '%' or a control character, so that one line
 * is always one message. Keys and words are ours: letters and '_'.
 */
#ifndef FT_RMS_TALK_H
#define FT_RMS_TALK_H

#include <stddef.h>
#include <stdint.h>

#define FT_TALK_LINE_MAX 16384 /* bytes of a line, its end included */
#define FT_TALK_PAIRS_MAX 24

struct ft_talk {
    const char *word;
    struct {
        const char *key, *value;
    } pairs[FT_TALK_PAIRS_MAX];
    size_t n;
};

/* Takes a line (without its newline) apart, in place: the talk points into it. Returns 0, or -1
 * with errno EBADMSG; the line is spoilt then. */
int ft_talk_parse(char *line, struct ft_talk *talk);

/* The value of a key, NULL if it is not there. */
const char *ft_talk_text(const struct ft_talk *talk, const char *key);

/* The same as a number: `otherwise` if it is not there, or is none. */
int64_t ft_talk_number(const struct ft_talk *talk, const char *key, int64_t otherwise);

/* Puts " KEY=VALUE" behind the text that is there. Nothing for a value of NULL. Returns 0, or -1
 * with errno ENOBUFS and the text as it was. */
int ft_talk_add(char *line, size_t size, const char *key, const char *value);
int ft_talk_add_number(char *line, size_t size, const char *key, int64_t value);

#endif
