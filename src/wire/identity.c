/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * identity.c - what a daemon proves itself by: read once, at its start.
 *
 * Called by the daemons' main (loading), by channel.c and by the two discovery parts (proving). A
 * key file is looked at with care: whoever can read it is the cluster, so one that others can read,
 * or that somebody else could have put there, is refused with a sentence that says how to mend it.
 * It is opened once and looked at through that descriptor, so that what was checked is what is
 * read.
 *
 * The key itself never touches a datagram: what proves those is derived from it by BLAKE2b, with
 * the label as the hash's "personal" parameter. With MUNGE a datagram ends with a credential whose
 * payload is the hash of its body. A credential that was opened on this node before is taken (a
 * datagram is sent twice on purpose, and two daemons of one node may get the same one); repetition
 * is the business of whoever counts (ft_replay).
 */
#include "config.h"

#include "wire/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

#define KEY_FILE_MAX_BYTES 256 /* 64 digits and space around them */
#define MUNGE_KEY_ID 0x4d554e47u /* "MUNG": no key has a part in it */

static const uint8_t for_datagrams[crypto_generichash_blake2b_PERSONALBYTES + 1] =
    "ft identify 1   ";

static int fail(int error, char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int fail(int error, char *why, size_t why_size, const char *format, ...)
{
    va_list arguments;

    if (why_size > 0)
        why[0] = '\0';
    va_start(arguments, format);
    ft_text_vappendf(why, why_size, format, arguments);
    va_end(arguments);
    errno = error;
    return -1;
}

/* ------------------------------------------------------------ making one */

void ft_identity_set_key(struct ft_identity *identity, const uint8_t key[FT_IDENTITY_KEY_BYTES])
{
    uint8_t derived[FT_DATAGRAM_KEY_BYTES];

    memset(identity, 0, sizeof *identity);
    identity->mode = FT_IDENTITY_KEY;
    identity->uid = geteuid();
    memcpy(identity->key, key, sizeof identity->key);
    /* Fails for wrong sizes only; these are constants. */
    (void) crypto_generichash_blake2b_salt_personal(derived, sizeof derived, NULL, 0, key,
                                                    FT_IDENTITY_KEY_BYTES, NULL, for_datagrams);
    ft_datagram_key_set(&identity->datagram_key, derived);
    sodium_memzero(derived, sizeof derived);
}

void ft_identity_set_munge(struct ft_identity *identity, const struct ft_munge *munge)
{
    memset(identity, 0, sizeof *identity);
    identity->mode = FT_IDENTITY_MUNGE;
    identity->uid = geteuid();
    identity->munge = munge;
}

void ft_identity_wipe(struct ft_identity *identity)
{
    sodium_memzero(identity, sizeof *identity);
}

const char *ft_identity_text(const struct ft_identity *identity)
{
    return identity->mode == FT_IDENTITY_MUNGE ? "MUNGE" : "a key";
}

bool ft_identity_trusts(const struct ft_identity *identity, uid_t uid)
{
    return uid == 0 || uid == identity->uid;
}

/* ------------------------------------------------------------ the key's file */

/* True if the file is what a key's file must be. */
static int check_file(const struct stat *status, const char *path, char *why, size_t why_size)
{
    if (!S_ISREG(status->st_mode))
        return fail(EINVAL, why, why_size, "the key file %s is not a regular file", path);
    if (status->st_uid != 0 && status->st_uid != geteuid())
        return fail(EPERM, why, why_size, "the key file %s belongs to user %lu, who could change it:"
                    " it has to be root's or that of user %lu, who runs this program (chown)", path,
                    (unsigned long) status->st_uid, (unsigned long) geteuid());
    if ((status->st_mode & 077) != 0)
        return fail(EPERM, why, why_size, "the key file %s has mode %04o: others than its owner have"
                    " rights on it; chmod 0400 it, and make a new key if others may have read it",
                    path, (unsigned) (status->st_mode & 07777));
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The digits, without the space around them. */
static int parse_key(char *text, size_t n, const char *path, uint8_t key[FT_IDENTITY_KEY_BYTES],
                     char *why, size_t why_size)
{
    char *begin = text;

    text[n] = '\0';
    while (n > 0 && is_space(text[n - 1]))
        text[--n] = '\0';
    while (is_space(*begin))
        begin++;
    if (strlen(begin) == n - (size_t) (begin - text) &&
        ft_text_unhex(key, FT_IDENTITY_KEY_BYTES, begin) == 0)
        return 0;
    return fail(EINVAL, why, why_size, "the key file %s does not hold %d hexadecimal digits; make"
                " one by: (umask 077; openssl rand -hex %d >%s)", path, 2 * FT_IDENTITY_KEY_BYTES,
                FT_IDENTITY_KEY_BYTES, path);
}

static int read_key(int fd, const char *path, uint8_t key[FT_IDENTITY_KEY_BYTES], char *why,
                    size_t why_size)
{
    char text[KEY_FILE_MAX_BYTES + 1];
    struct stat status;
    ssize_t n;
    int result;

    if (fstat(fd, &status) != 0)
        return fail(errno, why, why_size, "the key file %s: %s", path, strerror(errno));
    if (check_file(&status, path, why, why_size) != 0)
        return -1;
    do
        n = read(fd, text, KEY_FILE_MAX_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return fail(errno, why, why_size, "the key file %s: %s", path, strerror(errno));
    result = parse_key(text, (size_t) n, path, key, why, why_size);
    sodium_memzero(text, sizeof text);
    return result;
}

static int load_key(struct ft_identity *identity, const char *path, char *why, size_t why_size)
{
    uint8_t key[FT_IDENTITY_KEY_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int result, error;

    if (fd < 0)
        return fail(errno, why, why_size, "the key file %s cannot be opened: %s%s", path,
                    strerror(errno), errno == ENOENT
                        ? "; the same file belongs on every node of the cluster" : "");
    result = read_key(fd, path, key, why, why_size);
    error = errno;
    close(fd);
    if (result == 0)
        ft_identity_set_key(identity, key);
    sodium_memzero(key, sizeof key);
    errno = error;
    return result;
}

/* ------------------------------------------------------------ MUNGE */

/* Whether MUNGE answers here, and would say of this process what others are to believe. */
static int try_munge(const struct ft_munge *munge, char *why, size_t why_size)
{
    static const char payload[] = "ft";
    char credential[FT_MUNGE_CREDENTIAL_MAX], text[FT_IDENTITY_WHY_MAX] = "";
    uint8_t back[FT_MUNGE_PAYLOAD_MAX];
    size_t n = sizeof back;
    uid_t uid = (uid_t) -1;

    if (munge == NULL)
        return fail(ENOTSUP, why, why_size, "this program was built without MUNGE");
    if (munge->encode(munge->arg, payload, sizeof payload, credential, text, sizeof text) != 0 ||
        munge->decode(munge->arg, credential, back, &n, &uid, text, sizeof text) != 0)
        return fail(EIO, why, why_size, "MUNGE does not answer: %s", text);
    if (n != sizeof payload || memcmp(back, payload, n) != 0 || uid != geteuid())
        return fail(EIO, why, why_size, "MUNGE answers wrongly: what it gives back is not what it "
                    "was given");
    return 0;
}

int ft_identity_load(struct ft_identity *identity, const char *wish, const char *key_path,
                     const struct ft_munge *munge, char *why, size_t why_size)
{
    char no_munge[FT_IDENTITY_WHY_MAX] = "", no_key[FT_IDENTITY_WHY_MAX] = "";

    memset(identity, 0, sizeof *identity);
    if (strcmp(wish, "key") == 0)
        return load_key(identity, key_path, why, why_size);
    if (strcmp(wish, "munge") != 0 && strcmp(wish, "auto") != 0)
        return fail(EINVAL, why, why_size, "\"%s\" is no way to authenticate: auto, munge and key "
                    "are", wish);
    if (try_munge(munge, no_munge, sizeof no_munge) == 0) {
        ft_identity_set_munge(identity, munge);
        return 0;
    }
    if (strcmp(wish, "munge") == 0)
        return fail(errno, why, why_size, "%s", no_munge);
    if (load_key(identity, key_path, no_key, sizeof no_key) == 0)
        return 0;
    return fail(errno, why, why_size, "neither MUNGE nor a key can be used: %s; %s", no_munge,
                no_key);
}

/* ------------------------------------------------------------ datagrams */

/* The body, then the credential that vouches for it. */
static size_t seal_by_munge(const struct ft_identity *identity, const struct ft_datagram *datagram,
                            uint8_t *bytes, size_t size, char *why, size_t why_size)
{
    struct ft_datagram copy = *datagram;
    uint8_t digest[FT_DATAGRAM_DIGEST_BYTES];
    char credential[FT_MUNGE_CREDENTIAL_MAX];
    size_t body_n, n;

    copy.flags |= FT_DATAGRAM_SIGNED;
    body_n = ft_datagram_encode_body(&copy, MUNGE_KEY_ID, bytes, size);
    if (body_n == 0)
        return 0;
    ft_datagram_digest(bytes, body_n, digest);
    if (identity->munge->encode(identity->munge->arg, digest, sizeof digest, credential, why,
                                why_size) != 0) {
        errno = EIO;
        return 0;
    }
    n = strlen(credential);
    if (body_n + n > size || body_n + n > FT_DATAGRAM_MAX_BYTES) {
        errno = EMSGSIZE;
        return 0;
    }
    memcpy(bytes + body_n, credential, n);
    return body_n + n;
}

size_t ft_identity_seal(const struct ft_identity *identity, const struct ft_datagram *datagram,
                        uint8_t *bytes, size_t size, char *why, size_t why_size)
{
    if (why_size > 0)
        why[0] = '\0';
    if (identity->mode == FT_IDENTITY_MUNGE)
        return seal_by_munge(identity, datagram, bytes, size, why, why_size);
    return ft_datagram_encode(datagram, &identity->datagram_key, bytes, size);
}

/* A credential is a text of printable characters; libmunge gets nothing else to see. */
static bool get_credential(const uint8_t *proof, size_t n, char credential[FT_MUNGE_CREDENTIAL_MAX])
{
    if (n == 0 || n >= FT_MUNGE_CREDENTIAL_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (proof[i] <= ' ' || proof[i] > '~')
            return false;
    memcpy(credential, proof, n);
    credential[n] = '\0';
    return true;
}

static int check_credential(const struct ft_identity *identity, const char *credential,
                            const uint8_t digest[FT_DATAGRAM_DIGEST_BYTES], char *why,
                            size_t why_size)
{
    uint8_t payload[FT_MUNGE_PAYLOAD_MAX];
    size_t n = sizeof payload;
    uid_t uid = (uid_t) -1;

    if (identity->munge->decode(identity->munge->arg, credential, payload, &n, &uid, why,
                                why_size) != 0 && errno != EALREADY) {
        errno = errno == EACCES ? EACCES : EIO;
        return -1;
    }
    if (!ft_identity_trusts(identity, uid))
        return fail(EACCES, why, why_size, "the credential is that of user %lu, not of root or of "
                    "user %lu", (unsigned long) uid, (unsigned long) identity->uid);
    if (n != FT_DATAGRAM_DIGEST_BYTES || sodium_memcmp(payload, digest, n) != 0)
        return fail(EACCES, why, why_size, "the credential is another datagram's");
    return 0;
}

static int open_by_munge(const struct ft_identity *identity, const uint8_t *bytes, size_t n,
                         struct ft_datagram *datagram, char *why, size_t why_size)
{
    uint8_t digest[FT_DATAGRAM_DIGEST_BYTES];
    char credential[FT_MUNGE_CREDENTIAL_MAX];
    bool is_signed;
    size_t body_n;

    ft_datagram_clear(datagram);
    if (!ft_datagram_find_proof(bytes, n, &body_n, &is_signed))
        return fail(EPROTO, why, why_size, "it is no datagram of FT");
    if (!is_signed)
        return fail(ENOKEY, why, why_size, "it is proven by a key, and here MUNGE is used: set "
                    "auth alike on all nodes");
    if (!get_credential(bytes + body_n, n - body_n, credential))
        return fail(EPROTO, why, why_size, "it has no credential of MUNGE");
    ft_datagram_digest(bytes, body_n, digest);
    if (check_credential(identity, credential, digest, why, why_size) != 0)
        return -1;
    if (ft_datagram_decode_body(bytes, body_n, datagram) != 0)
        return fail(EBADMSG, why, why_size, "it is of another version of FT");
    datagram->flags &= (uint8_t) ~FT_DATAGRAM_SIGNED;
    return 0;
}

static const char *problem_text(int error)
{
    switch (error) {
    case EPROTO:
        return "it is no datagram of FT";
    case ENOKEY:
        return "it was made with another key, or by MUNGE: the key files, or auth, differ";
    case EACCES:
        return "it was forged, or changed on its way";
    default:
        return "it is of another version of FT";
    }
}

int ft_identity_open(const struct ft_identity *identity, const uint8_t *bytes, size_t n,
                     struct ft_datagram *datagram, char *why, size_t why_size)
{
    if (identity->mode == FT_IDENTITY_MUNGE)
        return open_by_munge(identity, bytes, n, datagram, why, why_size);
    if (ft_datagram_decode(bytes, n, &identity->datagram_key, datagram) == 0)
        return 0;
    return fail(errno, why, why_size, "%s", problem_text(errno));
}
