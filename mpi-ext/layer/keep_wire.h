/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_wire.h - what a rank and its partner say to each other about kept state, as bytes.
 */
#ifndef FTM_KEEP_WIRE_H
#define FTM_KEEP_WIRE_H

#include <stdint.h>

#include "keep_image.h"

#define FTM_KEEP_KEY_BYTES 32
#define FTM_KEEP_NONCE_BYTES 32
#define FTM_KEEP_PROOF_BYTES 32
#define FTM_KEEP_GREETING_BYTES 40 /* magic and nonce of the client */
#define FTM_KEEP_ANSWER_BYTES 64   /* nonce and proof of the server */
#define FTM_KEEP_FRAME_BYTES 64

enum ftm_keep_kind {
    FTM_KEEP_PUT = 1, /* keep this: manifest and data follow; answered DONE or REFUSED */
    FTM_KEEP_ASK,     /* what of `rank` is there? answered HAVE and n frames ENTRY */
    FTM_KEEP_GET,     /* give (rank, epoch, serial); answered IMAGE, which is as PUT, or REFUSED */
    FTM_KEEP_BACK,    /* `rank` went back to (epoch, serial): newer ones were never to be; DONE */
    FTM_KEEP_DONE,
    FTM_KEEP_REFUSED, /* status says why */
    FTM_KEEP_HAVE,
    FTM_KEEP_ENTRY,
    FTM_KEEP_IMAGE
};

enum ftm_keep_status {
    FTM_KEEP_OK,
    FTM_KEEP_STALE,     /* a newer process speaks for that rank */
    FTM_KEEP_NO_MEMORY, /* not enough there */
    FTM_KEEP_DAMAGED,   /* a checksum is wrong */
    FTM_KEEP_UNKNOWN,   /* not there (any more) */
    FTM_KEEP_NONSENSE
};

struct ftm_keep_frame {
    uint32_t kind;    /* enum ftm_keep_kind */
    uint32_t status;  /* enum ftm_keep_status */
    uint32_t n;       /* PUT, IMAGE: buffers; HAVE: frames that follow */
    int32_t rank, version;
    uint32_t epoch;   /* of the image */
    uint64_t serial;
    uint64_t bytes;   /* PUT, IMAGE: of the data behind the manifest */
    uint32_t speaker; /* epoch of the client; FTM_KEEP_NOBODY if it does not speak for `rank` */
};

#define FTM_KEEP_NOBODY UINT32_MAX

/* A frame and its checksum. Reading gives -1 with errno EBADMSG for what cannot be one. */
void ftm_keep_frame_write(const struct ftm_keep_frame *frame, unsigned char *bytes);
int ftm_keep_frame_read(const unsigned char *bytes, struct ftm_keep_frame *frame);

/* The frame that names an image. */
struct ftm_keep_frame ftm_keep_frame_of(enum ftm_keep_kind kind, const struct ftm_keep_image *image,
                                        uint32_t speaker);
/* Sets what the frame says of an image. */
void ftm_keep_frame_label(const struct ftm_keep_frame *frame, struct ftm_keep_image *image);

extern const unsigned char ftm_keep_magic[8];

/* Random bytes: keys and nonces. */
void ftm_keep_random(unsigned char *bytes, size_t n);

/* That this side has the key, for this connection alone. */
void ftm_keep_prove(const unsigned char key[FTM_KEEP_KEY_BYTES], bool is_client,
                    const unsigned char client_nonce[FTM_KEEP_NONCE_BYTES],
                    const unsigned char server_nonce[FTM_KEEP_NONCE_BYTES],
                    unsigned char proof[FTM_KEEP_PROOF_BYTES]);
bool ftm_keep_proof_is_right(const unsigned char *proof, const unsigned char *wanted);

/* Where a process serves, as it is published: "port;node;key;address,address,...". */
#define FTM_KEEP_ADDRESSES_MAX 8
#define FTM_KEEP_ADDRESS_MAX 64
#define FTM_KEEP_NODE_MAX 256
#define FTM_KEEP_CARD_MAX 1024

struct ftm_keep_card {
    uint16_t port;
    char node[FTM_KEEP_NODE_MAX];
    unsigned char key[FTM_KEEP_KEY_BYTES];
    int addresses_n;
    char addresses[FTM_KEEP_ADDRESSES_MAX][FTM_KEEP_ADDRESS_MAX]; /* numeric */
};

/* False: too long; not such a text. */
bool ftm_keep_card_write(const struct ftm_keep_card *card, char text[FTM_KEEP_CARD_MAX]);
bool ftm_keep_card_read(const char *text, struct ftm_keep_card *card);

#endif
