/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * auth.c - the handshake of a keyed channel and the encryption after it.
 *
 * Called by channel.c only, which has compared the protocols already. With a key both ends hold the
 * same 32 bytes and say:
 *
 *     client                                            server
 *       | client share (32)  ------------------------->  |
 *       |  <---- server share, server proof, stream header (32 + 32 + 24)
 *       | client proof, stream header (32 + 24)  ----->  |
 *
 * and with MUNGE
 *
 *       | client share (32)  ------------------------->  |
 *       |  <---- server share, stream header, n, credential (32 + 24 + 2 + n)
 *       | stream header, n, credential (24 + 2 + n)  ->  |
 *
 * A share is a fresh X25519 public key. It is the nonce of its side, and the secret that both
 * shares give (never sent) goes into the session keys: who learns the key later still cannot read
 * what was recorded before. Proofs and session keys are BLAKE2b hashes, keyed with the key, of a
 * label of their own, of both greetings and of both shares in the order client, server. The label
 * names the side, so that a proof that is sent back to its maker proves nothing; the shares are
 * fresh, so that a recorded one proves nothing either. Everything after that is sealed by one
 * secretstream (XChaCha20-Poly1305) a direction, which notices what was changed, dropped, repeated
 * or moved.
 *
 * A credential's payload is what the proof would be, hashed without a key: MUNGE vouches that a
 * process of root (or of one's own user) made it, and the payload that it is for this connection
 * alone. The session keys rest on the shares' secret, which only the two makers of the shares have.
 * Making and opening credentials waits for MUNGE's daemon: that is left to whoever drives the
 * channel, as a struct ft_proving; nothing more is taken from the peer until it comes back.
 *
 * The client sends its proof even to a server that failed to prove itself, since both logs should
 * say that keys differ; to a server without the key a proof is worth nothing. A credential it does
 * not send to such a one.
 */
#include "config.h"

#include "wire/auth.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SHARE_BYTES crypto_scalarmult_BYTES
#define PROOF_BYTES 32
#define HEADER_BYTES crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define LENGTH_BYTES 2 /* of a credential */
#define TAG_MESSAGE crypto_secretstream_xchacha20poly1305_TAG_MESSAGE

static_assert(FT_AUTH_SEAL_BYTES == crypto_secretstream_xchacha20poly1305_ABYTES, "seal");
static_assert(FT_AUTH_KEY_BYTES == crypto_secretstream_xchacha20poly1305_KEYBYTES, "key");
static_assert(FT_AUTH_KEY_BYTES == crypto_generichash_KEYBYTES, "key");

enum purpose { CLIENT_PROOF, SERVER_PROOF, CLIENT_TO_SERVER, SERVER_TO_CLIENT };

/* All of one length, so that no label with what follows equals another. */
#define LABEL_BYTES 24
static const char labels[][LABEL_BYTES + 1] = {
    [CLIENT_PROOF] = "ft 1 proof of the client",
    [SERVER_PROOF] = "ft 1 proof of the server",
    [CLIENT_TO_SERVER] = "ft 1 client to server   ",
    [SERVER_TO_CLIENT] = "ft 1 server to client   ",
};

/* What the next part is. */
enum step { SHARE, ANSWER, PROOF, CREDENTIAL, DONE };

struct ft_auth {
    bool is_client;
    enum step step;
    size_t expects;
    struct ft_identity identity;
    struct ft_proving *proving; /* to be run; NULL once somebody has it */
    bool waits;                 /* for a proving to come back */
    uint8_t greetings[32];      /* hash of both */
    uint8_t header[HEADER_BYTES]; /* the peer's, until its credential was opened */
    uint8_t secret[crypto_scalarmult_SCALARBYTES]; /* of the own share */
    uint8_t shares[2][SHARE_BYTES];                /* client's, server's */
    crypto_secretstream_xchacha20poly1305_state sealing, opening;
};

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;
static bool sodium_works;

static void init_sodium(void)
{
    sodium_works = sodium_init() >= 0;
}

static bool is_munge(const struct ft_auth *auth)
{
    return auth->identity.mode == FT_IDENTITY_MUNGE;
}

/* ------------------------------------------------------------ hashes */

static void derive(const struct ft_auth *auth, enum purpose purpose, const uint8_t *common,
                   uint8_t out[FT_AUTH_KEY_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, is_munge(auth) ? NULL : auth->identity.key,
                            is_munge(auth) ? 0 : FT_AUTH_KEY_BYTES, FT_AUTH_KEY_BYTES);
    crypto_generichash_update(&state, (const uint8_t *) labels[purpose], LABEL_BYTES);
    crypto_generichash_update(&state, auth->greetings, sizeof auth->greetings);
    crypto_generichash_update(&state, auth->shares[0], sizeof auth->shares);
    if (common != NULL)
        crypto_generichash_update(&state, common, crypto_scalarmult_BYTES);
    crypto_generichash_final(&state, out, FT_AUTH_KEY_BYTES);
    sodium_memzero(&state, sizeof state);
}

static bool is_proof(const struct ft_auth *auth, const uint8_t *proof)
{
    uint8_t expected[PROOF_BYTES];
    bool is;

    derive(auth, auth->is_client ? SERVER_PROOF : CLIENT_PROOF, NULL, expected);
    is = sodium_memcmp(proof, expected, sizeof expected) == 0;
    sodium_memzero(expected, sizeof expected);
    return is;
}

static int unproven(void)
{
    errno = EACCES;
    return -1;
}

/* The secret of both shares. Fails for the few shares that would give a known one. */
static int agree(struct ft_auth *auth, uint8_t common[crypto_scalarmult_BYTES])
{
    const uint8_t *theirs = auth->shares[auth->is_client ? 1 : 0];

    return crypto_scalarmult(common, auth->secret, theirs) == 0 ? 0 : unproven();
}

static void start_sealing(struct ft_auth *auth, const uint8_t *common, uint8_t header[HEADER_BYTES])
{
    uint8_t key[FT_AUTH_KEY_BYTES];

    derive(auth, auth->is_client ? CLIENT_TO_SERVER : SERVER_TO_CLIENT, common, key);
    crypto_secretstream_xchacha20poly1305_init_push(&auth->sealing, header, key);
    sodium_memzero(key, sizeof key);
}

static int start_opening(struct ft_auth *auth, const uint8_t *common, const uint8_t *header)
{
    uint8_t key[FT_AUTH_KEY_BYTES];
    int result;

    derive(auth, auth->is_client ? SERVER_TO_CLIENT : CLIENT_TO_SERVER, common, key);
    result = crypto_secretstream_xchacha20poly1305_init_pull(&auth->opening, header, key);
    sodium_memzero(key, sizeof key);
    return result == 0 ? 0 : unproven();
}

/* ------------------------------------------------------------ the handshake */

static int put(struct ft_buffer *out, size_t out_limit, const void *bytes, size_t n)
{
    uint8_t *room = ft_buffer_room(out, n, out_limit);

    if (room == NULL)
        return -1;
    memcpy(room, bytes, n);
    ft_buffer_add(out, n);
    return 0;
}

/* The parts that a side waits for first. */
static void expect(struct ft_auth *auth, enum step step, size_t n)
{
    auth->step = step;
    auth->expects = n;
}

struct ft_auth *ft_auth_create(bool is_client, const struct ft_identity *identity,
                               struct ft_buffer *out, size_t out_limit)
{
    struct ft_auth *auth;

    pthread_once(&sodium_once, init_sodium);
    if (!sodium_works) {
        errno = EIO;
        return NULL;
    }
    auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return NULL;
    auth->is_client = is_client;
    auth->identity = *identity;
    randombytes_buf(auth->secret, sizeof auth->secret);
    crypto_scalarmult_base(auth->shares[is_client ? 0 : 1], auth->secret);
    if (!is_client)
        expect(auth, SHARE, SHARE_BYTES);
    else if (is_munge(auth))
        expect(auth, ANSWER, SHARE_BYTES + HEADER_BYTES + LENGTH_BYTES);
    else
        expect(auth, ANSWER, SHARE_BYTES + PROOF_BYTES + HEADER_BYTES);
    if (is_client && put(out, out_limit, auth->shares[0], SHARE_BYTES) != 0) {
        ft_auth_destroy(auth);
        errno = ENOBUFS;
        return NULL;
    }
    return auth;
}

void ft_auth_destroy(struct ft_auth *auth)
{
    if (auth == NULL)
        return;
    ft_proving_destroy(auth->proving);
    sodium_memzero(auth, sizeof *auth);
    free(auth);
}

void ft_auth_greeted(struct ft_auth *auth, const uint8_t *client, const uint8_t *server, size_t n)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof auth->greetings);
    crypto_generichash_update(&state, client, n);
    crypto_generichash_update(&state, server, n);
    crypto_generichash_final(&state, auth->greetings, sizeof auth->greetings);
}

size_t ft_auth_expects(const struct ft_auth *auth)
{
    return auth->expects;
}

bool ft_auth_waits(const struct ft_auth *auth)
{
    return auth->waits;
}

/* From here on only the streams are needed. */
static void finish(struct ft_auth *auth)
{
    expect(auth, DONE, 0);
    ft_identity_wipe(&auth->identity);
    sodium_memzero(auth->secret, sizeof auth->secret);
}

/* ------------------------------------------------------------ with a key */

/* Server: the client's share. */
static int take_share(struct ft_auth *auth, struct ft_buffer *out, size_t out_limit)
{
    uint8_t common[crypto_scalarmult_BYTES];
    struct {
        uint8_t share[SHARE_BYTES], proof[PROOF_BYTES], header[HEADER_BYTES];
    } answer;

    if (agree(auth, common) != 0)
        return -1;
    memcpy(answer.share, auth->shares[1], sizeof answer.share);
    derive(auth, SERVER_PROOF, NULL, answer.proof);
    start_sealing(auth, common, answer.header);
    sodium_memzero(common, sizeof common);
    expect(auth, PROOF, PROOF_BYTES + HEADER_BYTES);
    return put(out, out_limit, &answer, sizeof answer);
}

/* Server: the client's proof and stream header. */
static int take_proof(struct ft_auth *auth, const uint8_t *part)
{
    uint8_t common[crypto_scalarmult_BYTES];
    int result;

    if (!is_proof(auth, part))
        return unproven();
    result = agree(auth, common);
    if (result == 0)
        result = start_opening(auth, common, part + PROOF_BYTES);
    sodium_memzero(common, sizeof common);
    if (result == 0)
        finish(auth);
    return result;
}

/* Client: all that the server says. */
static int take_answer(struct ft_auth *auth, const uint8_t *part, struct ft_buffer *out,
                       size_t out_limit)
{
    uint8_t common[crypto_scalarmult_BYTES];
    struct {
        uint8_t proof[PROOF_BYTES], header[HEADER_BYTES];
    } answer;
    int result;

    if (agree(auth, common) != 0)
        return -1;
    derive(auth, CLIENT_PROOF, NULL, answer.proof);
    start_sealing(auth, common, answer.header);
    result = put(out, out_limit, &answer, sizeof answer);
    if (result == 0 && !is_proof(auth, part + SHARE_BYTES))
        result = unproven();
    if (result == 0)
        result = start_opening(auth, common, part + SHARE_BYTES + PROOF_BYTES);
    sodium_memzero(common, sizeof common);
    if (result == 0)
        finish(auth);
    return result;
}

/* ------------------------------------------------------------ with MUNGE */

/* Something for MUNGE: the peer's credential to be opened, the own one to be made. */
static int need_munge(struct ft_auth *auth, const char *credential, bool makes_own)
{
    uint8_t theirs[FT_AUTH_KEY_BYTES], own[FT_AUTH_KEY_BYTES];

    static_assert(FT_PROVING_DIGEST_BYTES == FT_AUTH_KEY_BYTES, "digest");
    derive(auth, auth->is_client ? SERVER_PROOF : CLIENT_PROOF, NULL, theirs);
    derive(auth, auth->is_client ? CLIENT_PROOF : SERVER_PROOF, NULL, own);
    auth->proving = ft_proving_create(&auth->identity, credential,
                                      credential != NULL ? theirs : NULL, makes_own ? own : NULL);
    if (auth->proving == NULL)
        return -1;
    auth->waits = true;
    return 0;
}

/* A header and the length of the credential that follows. */
static int take_length(struct ft_auth *auth, const uint8_t *part)
{
    size_t n = (size_t) part[HEADER_BYTES] << 8 | part[HEADER_BYTES + 1];

    if (n == 0 || n >= FT_MUNGE_CREDENTIAL_MAX)
        return unproven();
    memcpy(auth->header, part, HEADER_BYTES);
    expect(auth, CREDENTIAL, n);
    return 0;
}

/* libmunge gets nothing to see but printable characters. */
static int take_credential(struct ft_auth *auth, const uint8_t *part)
{
    char credential[FT_MUNGE_CREDENTIAL_MAX];

    for (size_t i = 0; i < auth->expects; i++)
        if (part[i] <= ' ' || part[i] > '~')
            return unproven();
    memcpy(credential, part, auth->expects);
    credential[auth->expects] = '\0';
    return need_munge(auth, credential, auth->is_client);
}

static int take_by_munge(struct ft_auth *auth, const uint8_t *part)
{
    uint8_t common[crypto_scalarmult_BYTES];

    switch (auth->step) {
    case SHARE: /* a bad one is refused before MUNGE is asked for anything */
        if (agree(auth, common) != 0)
            return -1;
        sodium_memzero(common, sizeof common);
        return need_munge(auth, NULL, true);
    case ANSWER:
        return take_length(auth, part + SHARE_BYTES);
    case PROOF:
        return take_length(auth, part);
    case CREDENTIAL:
        return take_credential(auth, part);
    case DONE:
        break;
    }
    return unproven();
}

/* The own share (if it was not sent yet), header and credential. */
static int put_credential(struct ft_auth *auth, const uint8_t *common, const char *credential,
                          struct ft_buffer *out, size_t out_limit)
{
    size_t n = strlen(credential);
    uint8_t length[LENGTH_BYTES] = {(uint8_t) (n >> 8), (uint8_t) n};
    uint8_t header[HEADER_BYTES];

    start_sealing(auth, common, header);
    if (!auth->is_client && put(out, out_limit, auth->shares[1], SHARE_BYTES) != 0)
        return -1;
    return put(out, out_limit, header, sizeof header) == 0 &&
                   put(out, out_limit, length, sizeof length) == 0 &&
                   put(out, out_limit, credential, n) == 0
               ? 0
               : -1;
}

struct ft_proving *ft_auth_proving(struct ft_auth *auth)
{
    struct ft_proving *proving = auth->proving;

    auth->proving = NULL;
    return proving;
}

int ft_auth_proven(struct ft_auth *auth, const struct ft_proving *proving, struct ft_buffer *out,
                   size_t out_limit)
{
    uint8_t common[crypto_scalarmult_BYTES];
    int result;

    auth->waits = false;
    errno = ft_proving_error(proving);
    if (errno != 0 || agree(auth, common) != 0)
        return -1;
    result = ft_proving_credential(proving)[0] != '\0'
                 ? put_credential(auth, common, ft_proving_credential(proving), out, out_limit)
                 : 0;
    if (result == 0 && auth->step == SHARE)
        expect(auth, PROOF, HEADER_BYTES + LENGTH_BYTES);
    else if (result == 0) {
        result = start_opening(auth, common, auth->header);
        finish(auth);
    }
    sodium_memzero(common, sizeof common);
    return result;
}

/* ------------------------------------------------------------ either way */

int ft_auth_take(struct ft_auth *auth, const uint8_t *part, struct ft_buffer *out, size_t out_limit)
{
    if (auth->step == SHARE || auth->step == ANSWER)
        memcpy(auth->shares[auth->is_client ? 1 : 0], part, SHARE_BYTES);
    if (is_munge(auth))
        return take_by_munge(auth, part);
    if (auth->is_client)
        return take_answer(auth, part, out, out_limit);
    return auth->step == SHARE ? take_share(auth, out, out_limit) : take_proof(auth, part);
}

/* ------------------------------------------------------------ after the handshake */

void ft_auth_seal(struct ft_auth *auth, uint8_t *sealed, const uint8_t *plain, size_t n,
                  const uint8_t *header, size_t header_n)
{
    /* Fails only for more than 2^38 bytes; frames are 4 MiB at most. */
    (void) crypto_secretstream_xchacha20poly1305_push(&auth->sealing, sealed, NULL, plain, n,
                                                      header, header_n, TAG_MESSAGE);
}

int ft_auth_open(struct ft_auth *auth, uint8_t *plain, const uint8_t *sealed, size_t n,
                 const uint8_t *header, size_t header_n)
{
    uint8_t tag;

    if (crypto_secretstream_xchacha20poly1305_pull(&auth->opening, plain, NULL, &tag, sealed, n,
                                                   header, header_n) != 0 ||
        tag != TAG_MESSAGE)
        return unproven();
    return 0;
}
