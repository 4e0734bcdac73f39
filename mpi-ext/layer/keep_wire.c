/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_wire.c - what a rank and its partner say to each other about kept state, as bytes.
 *
 * One TCP connection, the client asks, the server answers. It begins with
 *
 *     client                                          server
 *       | "FTKEEP1\n" (8), nonce (32)  ------------->   |
 *       |  <--------------  nonce (32), proof (32)      |
 *       | proof (32)  ------------------------------->  |
 *
 * A proof is a hash, keyed with the server's key, of who makes it and of both nonces, so that
 * one that was recorded, or is sent back to its maker, proves nothing. The key is fresh in each
 * server and never sent here: it stands with the address in what the server publishes in the
 * launcher's own directory, which gives it to processes of the same user in the same session only.
 * So nobody else can put state in a rank's memory, or read it from there by asking. What is said
 * then is neither encrypted nor signed: it is what the job's MPI messages are made of, and they are
 * not either.
 *
 * After that come frames of 64 bytes, little endian:
 *
 *     kind 4 | status 4 | n 4 | rank 4 | version 4 | epoch 4 | serial 8 | bytes 8 | speaker 4 |
 *     zero 16 | CRC-32C of the 60 before 4
 *
 * PUT and IMAGE are followed by the manifest (80 bytes a buffer, keep_image.c) and the data, each
 * buffer filled up to a multiple of 64.
 *
 * Pure, but for random numbers. Called by keep_line.c (clients) and keep_server.c.
 */
#include "config.h"

#include "keep_wire.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "keep_sum.h"

const unsigned char ftm_keep_magic[8] = {'F', 'T', 'K', 'E', 'E', 'P', '1', '\n'};

/* ---------------------------------------------------------------- frames */

static void put_le(unsigned char **to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*to)++ = (unsigned char) (value >> (8 * i));
}

static uint64_t get_le(const unsigned char **from, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value |= (uint64_t) *(*from)++ << (8 * i);
    return value;
}

void ftm_keep_frame_write(const struct ftm_keep_frame *frame, unsigned char *bytes)
{
    unsigned char *at = bytes;

    memset(bytes, 0, FTM_KEEP_FRAME_BYTES);
    put_le(&at, frame->kind, 4);
    put_le(&at, frame->status, 4);
    put_le(&at, frame->n, 4);
    put_le(&at, (uint32_t) frame->rank, 4);
    put_le(&at, (uint32_t) frame->version, 4);
    put_le(&at, frame->epoch, 4);
    put_le(&at, frame->serial, 8);
    put_le(&at, frame->bytes, 8);
    put_le(&at, frame->speaker, 4);
    at = bytes + FTM_KEEP_FRAME_BYTES - 4;
    put_le(&at, ftm_keep_sum(0, bytes, FTM_KEEP_FRAME_BYTES - 4), 4);
}

static bool is_sensible(const struct ftm_keep_frame *frame)
{
    return frame->kind >= FTM_KEEP_PUT && frame->kind <= FTM_KEEP_IMAGE
        && frame->status <= FTM_KEEP_NONSENSE && frame->n <= FTM_KEEP_BUFFERS_MAX
        && frame->rank >= 0 && frame->version >= -1 && frame->bytes <= FTM_KEEP_BYTES_MAX;
}

int ftm_keep_frame_read(const unsigned char *bytes, struct ftm_keep_frame *frame)
{
    const unsigned char *at = bytes, *sum = bytes + FTM_KEEP_FRAME_BYTES - 4;

    frame->kind = (uint32_t) get_le(&at, 4);
    frame->status = (uint32_t) get_le(&at, 4);
    frame->n = (uint32_t) get_le(&at, 4);
    frame->rank = (int32_t) get_le(&at, 4);
    frame->version = (int32_t) get_le(&at, 4);
    frame->epoch = (uint32_t) get_le(&at, 4);
    frame->serial = get_le(&at, 8);
    frame->bytes = get_le(&at, 8);
    frame->speaker = (uint32_t) get_le(&at, 4);
    if (get_le(&sum, 4) == ftm_keep_sum(0, bytes, FTM_KEEP_FRAME_BYTES - 4) && is_sensible(frame))
        return 0;
    errno = EBADMSG;
    return -1;
}

struct ftm_keep_frame ftm_keep_frame_of(enum ftm_keep_kind kind, const struct ftm_keep_image *image,
                                        uint32_t speaker)
{
    return (struct ftm_keep_frame){.kind = kind,
                                   .n = image->n,
                                   .rank = image->rank,
                                   .version = image->version,
                                   .epoch = image->epoch,
                                   .serial = image->serial,
                                   .bytes = image->bytes,
                                   .speaker = speaker};
}

void ftm_keep_frame_label(const struct ftm_keep_frame *frame, struct ftm_keep_image *image)
{
    image->rank = frame->rank;
    image->version = frame->version;
    image->epoch = frame->epoch;
    image->serial = frame->serial;
}

/* ---------------------------------------------------------------- proofs */

void ftm_keep_random(unsigned char *bytes, size_t n)
{
    randombytes_buf(bytes, n);
}

void ftm_keep_prove(const unsigned char key[FTM_KEEP_KEY_BYTES], bool is_client,
                    const unsigned char client_nonce[FTM_KEEP_NONCE_BYTES],
                    const unsigned char server_nonce[FTM_KEEP_NONCE_BYTES],
                    unsigned char proof[FTM_KEEP_PROOF_BYTES])
{
    static const char *const labels[] = {"ft keep 1 server", "ft keep 1 client"};
    crypto_generichash_state state;

    crypto_generichash_init(&state, key, FTM_KEEP_KEY_BYTES, FTM_KEEP_PROOF_BYTES);
    crypto_generichash_update(&state, (const unsigned char *) labels[is_client],
                              strlen(labels[is_client]));
    crypto_generichash_update(&state, client_nonce, FTM_KEEP_NONCE_BYTES);
    crypto_generichash_update(&state, server_nonce, FTM_KEEP_NONCE_BYTES);
    crypto_generichash_final(&state, proof, FTM_KEEP_PROOF_BYTES);
}

bool ftm_keep_proof_is_right(const unsigned char *proof, const unsigned char *wanted)
{
    return sodium_memcmp(proof, wanted, FTM_KEEP_PROOF_BYTES) == 0;
}

/* ---------------------------------------------------------------- cards */

bool ftm_keep_card_write(const struct ftm_keep_card *card, char text[FTM_KEEP_CARD_MAX])
{
    char key[2 * FTM_KEEP_KEY_BYTES + 1];
    size_t at;
    int n;

    sodium_bin2hex(key, sizeof key, card->key, sizeof card->key);
    n = snprintf(text, FTM_KEEP_CARD_MAX, "%u;%s;%s;", card->port, card->node, key);
    sodium_memzero(key, sizeof key);
    if (n < 0 || n >= FTM_KEEP_CARD_MAX || strpbrk(card->node, ";"))
        return false;
    at = (size_t) n;
    for (int i = 0; i < card->addresses_n; i++) {
        n = snprintf(text + at, FTM_KEEP_CARD_MAX - at, "%s%s", i > 0 ? "," : "",
                     card->addresses[i]);
        if (n < 0 || (size_t) n >= FTM_KEEP_CARD_MAX - at)
            return false;
        at += (size_t) n;
    }
    return card->addresses_n > 0;
}

/* The text up to `end`, which is stepped over. False: too long, or there is no end. */
static bool take_field(const char **text, const char *end, char *field, size_t size)
{
    size_t n = strcspn(*text, end);

    if (n == 0 || n >= size)
        return false;
    memcpy(field, *text, n);
    field[n] = '\0';
    *text += n;
    return true;
}

bool ftm_keep_card_read(const char *text, struct ftm_keep_card *card)
{
    char key[2 * FTM_KEEP_KEY_BYTES + 1], port[8];
    size_t n;
    unsigned number;

    memset(card, 0, sizeof *card);
    if (!take_field(&text, ";", port, sizeof port) || *text++ != ';'
        || sscanf(port, "%u", &number) != 1 || number == 0 || number > UINT16_MAX
        || !take_field(&text, ";", card->node, sizeof card->node) || *text++ != ';'
        || !take_field(&text, ";", key, sizeof key) || *text++ != ';'
        || sodium_hex2bin(card->key, sizeof card->key, key, strlen(key), NULL, &n, NULL) != 0
        || n != sizeof card->key)
        return false;
    card->port = (uint16_t) number;
    while (card->addresses_n < FTM_KEEP_ADDRESSES_MAX
           && take_field(&text, ",", card->addresses[card->addresses_n], FTM_KEEP_ADDRESS_MAX)) {
        card->addresses_n++;
        if (*text == ',')
            text++;
    }
    return card->addresses_n > 0;
}
