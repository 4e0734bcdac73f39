/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_munge.c - see the header. Nothing in it is secret: who knows the form can forge.
 */
#include "config.h"

#include "fake_munge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

static int fail(int error, char *why, size_t why_size, const char *text)
{
    ft_text_copy(why, why_size, text);
    errno = error;
    return -1;
}

static int encode(void *arg, const void *payload, size_t n,
                  char credential[FT_MUNGE_CREDENTIAL_MAX], char *why, size_t why_size)
{
    struct fake_munge *munge = arg;
    char hex[2 * FT_MUNGE_PAYLOAD_MAX + 1];

    usleep(munge->delay_ms * 1000);
    if (munge->down)
        return fail(EIO, why, why_size, "no socket of MUNGE's daemon");
    munge->encoded++;
    ft_text_hex(hex, sizeof hex, payload, n);
    snprintf(credential, FT_MUNGE_CREDENTIAL_MAX, "FAKE:%lu:%u:%s", (unsigned long) munge->uid,
             munge->numbers++, hex);
    return 0;
}

static int decode(void *arg, const char *credential, void *payload, size_t *n, uid_t *uid,
                  char *why, size_t why_size)
{
    struct fake_munge *munge = arg;
    unsigned long who;
    unsigned number;
    char hex[2 * FT_MUNGE_PAYLOAD_MAX + 1];

    usleep(munge->delay_ms * 1000);
    if (munge->down)
        return fail(EIO, why, why_size, "no socket of MUNGE's daemon");
    munge->decoded++;
    if (sscanf(credential, "FAKE:%lu:%u:%128[0-9a-f]", &who, &number, hex) != 3 ||
        strlen(hex) % 2 != 0 || strlen(hex) / 2 > *n)
        return fail(EACCES, why, why_size, "invalid credential");
    if (munge->expired)
        return fail(EACCES, why, why_size, "expired credential");
    *n = strlen(hex) / 2;
    *uid = (uid_t) who;
    if (ft_text_unhex(payload, *n, hex) != 0)
        return fail(EACCES, why, why_size, "invalid credential");
    if (munge->lies)
        ((uint8_t *) payload)[0] ^= 1;
    return munge->replayed ? fail(EALREADY, why, why_size, "replayed credential") : 0;
}

void fake_munge_init(struct fake_munge *munge)
{
    memset(munge, 0, sizeof *munge);
    munge->uid = geteuid();
    munge->table.arg = munge;
    munge->table.encode = encode;
    munge->table.decode = decode;
}
