/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * talk.c - owns the form of the lines between a backend (slurm.c) and its helper (src/rmshelp).
 *
 * Pure: texts in, texts out. Both sides are of one build and one version, so a line that cannot be
 * understood is a helper that went wrong, and is treated as one.
 */
#include "rms/talk.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place. False if it is not what ft_talk_add wrote. */
static bool decode(char *text)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        if (*text != '%') {
            *to++ = *text;
            continue;
        }
        if (digit(text[1]) < 0 || digit(text[2]) < 0 || (text[1] == '0' && text[2] == '0'))
            return false;
        *to++ = (char) (digit(text[1]) * 16 + digit(text[2]));
        text += 2;
    }
    *to = '\0';
    return true;
}

static bool is_name(const char *text)
{
    if (*text == '\0')
        return false;
    while (islower((unsigned char) *text) || *text == '_')
        text++;
    return *text == '\0';
}

int ft_talk_parse(char *line, struct ft_talk *talk)
{
    char *rest = line, *item = strsep(&rest, " ");

    *talk = (struct ft_talk){.word = item};
    if (!is_name(item))
        goto bad;
    while ((item = strsep(&rest, " ")) != NULL) {
        char *value = strchr(item, '=');

        if (value == NULL || talk->n == FT_TALK_PAIRS_MAX)
            goto bad;
        *value++ = '\0';
        if (!is_name(item) || !decode(value))
            goto bad;
        talk->pairs[talk->n].key = item;
        talk->pairs[talk->n++].value = value;
    }
    return 0;
bad:
    errno = EBADMSG;
    return -1;
}

const char *ft_talk_text(const struct ft_talk *talk, const char *key)
{
    for (size_t i = 0; i < talk->n; i++) {
        if (strcmp(talk->pairs[i].key, key) == 0)
            return talk->pairs[i].value;
    }
    return NULL;
}

int64_t ft_talk_number(const struct ft_talk *talk, const char *key, int64_t otherwise)
{
    const char *text = ft_talk_text(talk, key);
    char *end;
    long long number;

    if (text == NULL || text[0] == '\0')
        return otherwise;
    errno = 0;
    number = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0 ? number : otherwise;
}

int ft_talk_add(char *line, size_t size, const char *key, const char *value)
{
    size_t n = strlen(line), was = n;

    if (value == NULL)
        return 0;
    if (n + strlen(key) + 3 > size)
        goto full;
    n += (size_t) sprintf(line + n, " %s=", key);
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char) *value;
        bool plain = c > ' ' && c != '%' && c != 127;

        if (n + (plain ? 2 : 4) > size)
            goto full;
        n += plain ? (size_t) sprintf(line + n, "%c", c) : (size_t) sprintf(line + n, "%%%02x", c);
    }
    return 0;
full:
    if (size > was)
        line[was] = '\0';
    errno = ENOBUFS;
    return -1;
}

int ft_talk_add_number(char *line, size_t size, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    return ft_talk_add(line, size, key, text);
}
