/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munge.c - libmunge behind the table of wire/munge.h.
 *
 * Called by main (does MUNGE answer? At boot it may come later) and, from libuv's pool of threads,
 * for handshakes and identifications. Each call has a context of its own, since contexts must not
 * be shared by threads. libmunge waits at most 2 s for its daemon at a time and tries again a few
 * times.
 *
 * Credentials are refused when they are older than MUNGE's usual 5 minutes, or from the future:
 * then the nodes' clocks differ, which the text says.
 */
#include "config.h"

#include "net/munge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#ifdef HAVE_MUNGE
#include <munge.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define MUNGE_KEY "/etc/munge/munge.key"
#define ASK_EACH_NS 250000000L

static int fail(int error, munge_ctx_t context, munge_err_t code, char *why, size_t why_size)
{
    const char *text = context != NULL ? munge_ctx_strerror(context) : NULL;

    ft_text_copy(why, why_size, text != NULL ? text : munge_strerror(code));
    if (code == EMUNGE_CRED_EXPIRED || code == EMUNGE_CRED_REWOUND)
        ft_text_appendf(why, why_size, ": the clocks of the two nodes differ");
    if (code == EMUNGE_CRED_INVALID)
        ft_text_appendf(why, why_size, ": the two nodes' /etc/munge/munge.key differ");
    errno = error;
    return -1;
}

static int encode(void *arg, const void *payload, size_t n,
                  char credential[FT_MUNGE_CREDENTIAL_MAX], char *why, size_t why_size)
{
    munge_ctx_t context = munge_ctx_create();
    char *made = NULL;
    munge_err_t code = context != NULL ? munge_encode(&made, context, payload, (int) n)
                                       : EMUNGE_NO_MEMORY;
    int result = 0;

    (void) arg;
    if (code != EMUNGE_SUCCESS)
        result = fail(EIO, context, code, why, why_size);
    else if (!ft_text_copy(credential, FT_MUNGE_CREDENTIAL_MAX, made))
        result = fail(EIO, NULL, EMUNGE_OVERFLOW, why, why_size);
    free(made);
    munge_ctx_destroy(context);
    return result;
}

/* What is wrong with the credential, as opposed to MUNGE. */
static int errno_of(munge_err_t code)
{
    switch (code) {
    case EMUNGE_BAD_CRED:
    case EMUNGE_BAD_VERSION:
    case EMUNGE_BAD_CIPHER:
    case EMUNGE_BAD_MAC:
    case EMUNGE_BAD_ZIP:
    case EMUNGE_BAD_REALM:
    case EMUNGE_CRED_INVALID:
    case EMUNGE_CRED_EXPIRED:
    case EMUNGE_CRED_REWOUND:
    case EMUNGE_CRED_UNAUTHORIZED:
        return EACCES;
    case EMUNGE_CRED_REPLAYED:
        return EALREADY;
    default:
        return EIO;
    }
}

static int decode(void *arg, const char *credential, void *payload, size_t *n, uid_t *uid,
                  char *why, size_t why_size)
{
    munge_ctx_t context = munge_ctx_create();
    void *found = NULL;
    int found_n = 0, result = 0;
    gid_t gid;
    munge_err_t code = context != NULL
                           ? munge_decode(credential, context, &found, &found_n, uid, &gid)
                           : EMUNGE_NO_MEMORY;

    (void) arg;
    if (code != EMUNGE_SUCCESS)
        result = fail(errno_of(code), context, code, why, why_size);
    if (code == EMUNGE_SUCCESS || code == EMUNGE_CRED_REPLAYED) {
        if (found == NULL || found_n < 0 || (size_t) found_n > *n) {
            result = fail(EACCES, NULL, EMUNGE_BAD_LENGTH, why, why_size);
        } else {
            memcpy(payload, found, (size_t) found_n);
            *n = (size_t) found_n;
        }
    }
    free(found);
    munge_ctx_destroy(context);
    return result;
}

const struct ft_munge *ft_munge_system(void)
{
    static const struct ft_munge table = {.encode = encode, .decode = decode};

    return &table;
}

/* Its folder is MUNGE's own: who may not look into it knows all the same that it is there. */
static bool is_installed(void)
{
    return access(MUNGE_KEY, F_OK) == 0 || errno == EACCES;
}

bool ft_munge_await(unsigned wait_ms)
{
    const struct timespec pause = {.tv_nsec = ASK_EACH_NS};
    int64_t until_ms = ft_clock_ms() + wait_ms;
    char credential[FT_MUNGE_CREDENTIAL_MAX], why[256] = "";
    bool told = false;

    if (!is_installed())
        return true;
    while (encode(NULL, "ft", 2, credential, why, sizeof why) != 0) {
        if (!told)
            ft_log_info("this node has " MUNGE_KEY ", and MUNGE does not answer yet (%s): waiting "
                        "for it, at most %u s", why, wait_ms / 1000);
        told = true;
        if (ft_clock_ms() >= until_ms) {
            ft_log_warning("MUNGE did not come within %u s: see to munge.service, and start this "
                           "program again. With auth = \"auto\" a key file is used until then, and "
                           "nothing that goes by MUNGE is understood", wait_ms / 1000);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    if (told)
        ft_log_info("MUNGE answers");
    return true;
}

#else

const struct ft_munge *ft_munge_system(void)
{
    return NULL;
}

bool ft_munge_await(unsigned wait_ms)
{
    (void) wait_ms;
    return true;
}

#endif
