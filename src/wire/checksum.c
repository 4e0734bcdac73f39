/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * checksum.c - the SHA-256 of a file, by libsodium, read in pieces.
 *
 * Called by noded/module.c, in a thread of libuv's pool, before each start of a module that has a
 * checksum in ft.conf: the program staged on a node is to be the one that the administrator meant
 * (the paper's backup software for each part). What is not a regular file is refused, so that a
 * FIFO cannot hold up the thread.
 */
#include "config.h"

#include "wire/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

#define PIECE_BYTES 65536

static int sum_file(int fd, uint8_t hash[crypto_hash_sha256_BYTES])
{
    uint8_t piece[PIECE_BYTES];
    crypto_hash_sha256_state state;
    ssize_t n;

    if (crypto_hash_sha256_init(&state) != 0) {
        errno = EIO;
        return -1;
    }
    do {
        n = read(fd, piece, sizeof piece);
        if (n > 0)
            crypto_hash_sha256_update(&state, piece, (unsigned long long)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0)
        return -1;
    crypto_hash_sha256_final(&state, hash);
    return 0;
}

int ft_checksum_file(const char *path, char text[FT_CHECKSUM_TEXT_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    size_t n = strlen(FT_CHECKSUM_PREFIX);
    struct stat is;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result = -1, error;

    text[0] = '\0';
    if (fd < 0)
        return -1;
    if (fstat(fd, &is) == 0) {
        errno = EINVAL;
        if (S_ISREG(is.st_mode))
            result = sum_file(fd, hash);
    }
    if (result == 0) {
        memcpy(text, FT_CHECKSUM_PREFIX, n);
        result = ft_text_hex(text + n, FT_CHECKSUM_TEXT_BYTES - n, hash, sizeof hash);
    }
    error = errno;
    close(fd);
    errno = error;
    return result;
}

bool ft_checksum_is_valid(const char *text)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    size_t n = strlen(FT_CHECKSUM_PREFIX);

    return strncmp(text, FT_CHECKSUM_PREFIX, n) == 0 &&
           ft_text_unhex(hash, sizeof hash, text + n) == 0;
}

bool ft_checksum_equal(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}
