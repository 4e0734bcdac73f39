/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * letters.h - what voters write to each other, as bytes: a greeting (who I am, how I am), the
 * founder's question, and libraft's messages. They travel in VoterBytes; doc/protocol.md has the
 * format. What is read here comes from a peer that proved itself, and is checked all the same.
 */
#ifndef FT_CENTRALD_LETTERS_H
#define FT_CENTRALD_LETTERS_H

#include <raft.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FT_LETTER_NAME_MAX 256
#define FT_LETTER_MAX_BYTES (96u << 20)

enum ft_letter_kind {
    FT_LETTER_GREETING = 1, /* sent each second, and when something in it changes */
    FT_LETTER_ASK,          /* the founder asks for the pledge; answered by a greeting */
    FT_LETTER_RAFT
};

struct ft_greeting {
    char name[FT_LETTER_NAME_MAX];
    uint64_t id;        /* identity of its data */
    uint64_t cluster;   /* the founding that they belong to; 0: it holds nothing */
    char pledged[FT_LETTER_NAME_MAX];
    uint64_t pledge;
    uint64_t term, last_index;
    bool full;          /* no room on its disk */
    bool leads;
};

struct ft_letter {
    enum ft_letter_kind kind;
    struct ft_greeting greeting;          /* GREETING; of ASK: name, id and pledge */
    uint64_t from, to, cluster;           /* RAFT: identities */
    struct raft_message message;          /* RAFT: its memory is raft_malloc'ed, as libraft takes it */
};

/* Makes bytes of it, the caller frees them; NULL with errno ENOMEM or EINVAL (no such message). */
uint8_t *ft_greeting_encode(enum ft_letter_kind kind, const struct ft_greeting *greeting, size_t *n);
uint8_t *ft_letter_encode_raft(uint64_t from, uint64_t to, uint64_t cluster,
                               const struct raft_message *message, size_t *n);

/* Reads one. 0, or -1 with errno EBADMSG or ENOMEM. Of a raft message that libraft does not take,
 * ft_letter_drop frees the memory. */
int ft_letter_decode(struct ft_letter *letter, const uint8_t *bytes, size_t n);
void ft_letter_drop(struct ft_letter *letter);

#endif
