/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proving.c - opens the peer's credential of MUNGE and makes the own one.
 *
 * auth.c makes such an object where a handshake needs MUNGE; net/link has it run by libuv's pool of
 * threads and hands it back. It holds copies of all that it needs: the channel may be gone by the
 * time that MUNGE's daemon answers.
 *
 * A credential that was opened on this node before counts: it is bound to this handshake by its
 * payload, and whoever has seen it pass by could otherwise spoil it by opening it first.
 */
#include "config.h"

#include "wire/proving.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

struct ft_proving {
    const struct ft_munge *munge;
    struct ft_identity identity; /* mode and user only */
    bool opens, makes;
    char theirs[FT_MUNGE_CREDENTIAL_MAX], own[FT_MUNGE_CREDENTIAL_MAX];
    uint8_t expected[FT_PROVING_DIGEST_BYTES], payload[FT_PROVING_DIGEST_BYTES];
    int error;
    char why[256];
};

struct ft_proving *ft_proving_create(const struct ft_identity *identity, const char *credential,
                                     const uint8_t *expected, const uint8_t *own)
{
    struct ft_proving *proving = calloc(1, sizeof *proving);

    if (proving == NULL)
        return NULL;
    proving->munge = identity->munge;
    ft_identity_set_munge(&proving->identity, identity->munge);
    proving->identity.uid = identity->uid;
    proving->error = EINVAL;
    if (expected != NULL && credential != NULL) {
        proving->opens = true;
        ft_text_copy(proving->theirs, sizeof proving->theirs, credential);
        memcpy(proving->expected, expected, sizeof proving->expected);
    }
    if (own != NULL) {
        proving->makes = true;
        memcpy(proving->payload, own, sizeof proving->payload);
    }
    return proving;
}

void ft_proving_destroy(struct ft_proving *proving)
{
    free(proving);
}

static int refuse(struct ft_proving *proving, const char *why)
{
    ft_text_copy(proving->why, sizeof proving->why, why);
    return EACCES;
}

static int open_theirs(struct ft_proving *proving)
{
    uint8_t payload[FT_MUNGE_PAYLOAD_MAX];
    size_t n = sizeof payload;
    uid_t uid = (uid_t) -1;

    if (proving->munge->decode(proving->munge->arg, proving->theirs, payload, &n, &uid,
                               proving->why, sizeof proving->why) != 0 && errno != EALREADY)
        return errno == EACCES ? EACCES : EIO;
    proving->why[0] = '\0';
    if (n != sizeof proving->expected || sodium_memcmp(payload, proving->expected, n) != 0)
        return refuse(proving, "its credential was made for another connection");
    if (ft_identity_trusts(&proving->identity, uid))
        return 0;
    ft_text_appendf(proving->why, sizeof proving->why, "it is a process of user %lu, not of root "
                    "or of user %lu", (unsigned long) uid, (unsigned long) proving->identity.uid);
    return EACCES;
}

static int make_own(struct ft_proving *proving)
{
    return proving->munge->encode(proving->munge->arg, proving->payload, sizeof proving->payload,
                                  proving->own, proving->why, sizeof proving->why) == 0 ? 0 : EIO;
}

void ft_proving_run(struct ft_proving *proving)
{
    proving->error = proving->opens ? open_theirs(proving) : 0;
    if (proving->error == 0 && proving->makes)
        proving->error = make_own(proving);
}

int ft_proving_error(const struct ft_proving *proving)
{
    return proving->error;
}

const char *ft_proving_why(const struct ft_proving *proving)
{
    return proving->why;
}

const char *ft_proving_credential(const struct ft_proving *proving)
{
    return proving->own;
}
