/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * why.c - results in words: one sentence a result (ftStrError), what to do about it in general, and
 * what exactly happened in the latest failure of a thread (ftLastError).
 *
 * Called by all of libft where something fails. What passes through is a struct ft_why, made where
 * the failure is found, carried up unchanged, and shown to the user by the public function: in the
 * reply, if the call has one, and in ftLastError always. The thread's text is a plain array in
 * thread-local storage: nothing is allocated, nothing has to be freed when a thread ends or when
 * the library is unloaded.
 */
#include "config.h"

#include "libft/why.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

static _Thread_local char last_error[2 * FT_TEXT_MAX + 8];

static const struct {
    ftRetVal_t result;
    const char *meaning;
    const char *hint;
} results[] = {
    {FT_PENDING, "not answered yet",
     "call pollFT again when descriptorFT's descriptor is readable"},
    {FT_OK, "success", ""},
    {FT_ERR_ARG, "an argument is NULL or out of its range", "correct the call"},
    {FT_ERR_HANDLE, "the handle was never opened, or is closed",
     "use a handle that openFT gave and closeFT has not taken back"},
    {FT_ERR_ACTION, "the action was not made well", "correct what the action was made from"},
    {FT_ERR_HOST, "the FT host's name cannot be understood or resolved",
     "give unix:PATH, HOST:PORT or NULL; look at FT_HOST if it was NULL"},
    {FT_ERR_CONNECT, "no unit answers at the FT host",
     "run the program by `ft run`, or see that the node's unit (ft-noded) runs"},
    {FT_ERR_AUTH, "the unit, or this process, could not prove who it is",
     "see that FT_KEY_FILE names the unit's key, or that the unit runs as root or as this user"},
    {FT_ERR_VERSION, "the unit speaks another version of the protocol",
     "use the library and the units of one release on all nodes"},
    {FT_ERR_TIMEOUT, "no answer within the time given",
     "ask again: what was decided in the meantime is the answer; or give more time"},
    {FT_ERR_LOST, "the unit went away in the middle",
     "ask again, which is safe: the next call connects again"},
    {FT_ERR_NONE, "there is no alternative", "weaken the constraint, or add nodes to the pool"},
    {FT_ERR_UNKNOWN, "the runtime does not know this resource or decision",
     "see that it is named as the runtime does: nodes by their host names, ranks of a running job"},
    {FT_ERR_DENIED, "known, but not the caller's to ask about",
     "ask as the user, or from the job, that it belongs to"},
    {FT_ERR_BUSY, "a queue is full", "try again when earlier requests are answered"},
    {FT_ERR_MEMORY, "out of memory", "free memory and try again"},
    {FT_ERR_FORKED, "the handle was opened by the parent of this process",
     "open a handle of its own in this process"},
    {FT_ERR_CANCELED, "cancelFT, or closeFT in another thread, ended the request",
     "ask again on an open handle if the answer is still wanted"},
    {FT_ERR_PROTOCOL, "the unit sent something that cannot be understood",
     "see that FT_HOST names a unit of FT, of the same release as this library"},
    {FT_ERR_SYSTEM, "the operating system refused", "see errno and the limits of this process"},
    {FT_ERR_UNFIT, "the alternative of this decision proved to be unusable",
     "call findAlternative again: it gives the next one"},
};
#define RESULTS (sizeof results / sizeof results[0])

static const char *general_hint(ftRetVal_t result)
{
    for (size_t i = 0; i < RESULTS; i++) {
        if (results[i].result == result)
            return results[i].hint;
    }
    return "see that the library and the units are of one release";
}

const char *ftStrError(ftRetVal_t result)
{
    for (size_t i = 0; i < RESULTS; i++) {
        if (results[i].result == result)
            return results[i].meaning;
    }
    return "unknown result";
}

const char *ftLastError(void)
{
    return last_error;
}

ftRetVal_t ft_why_set(struct ft_why *why, ftRetVal_t status, const char *hint, const char *format,
                      ...)
{
    va_list arguments;

    why->status = status;
    why->reason[0] = '\0';
    va_start(arguments, format);
    ft_text_vappendf(why->reason, sizeof why->reason, format, arguments);
    va_end(arguments);
    ft_text_copy(why->hint, sizeof why->hint, hint != NULL ? hint : general_hint(status));
    return status;
}

ftRetVal_t ft_why_system(struct ft_why *why, int error, const char *what)
{
    char text[128];
    ftRetVal_t status = error == ENOMEM || error == ENOBUFS ? FT_ERR_MEMORY : FT_ERR_SYSTEM;
    const char *hint = NULL;

    if (error == EMFILE)
        hint = "close descriptors that are not needed, or raise this process's limit (ulimit -n)";
    else if (error == ENFILE)
        hint = "the whole node has no descriptors left: raise fs.file-max, or end what holds them";
    /* GNU's strerror_r, which may leave `text` alone. */
    ft_why_set(why, status, hint, "%s: %s", what, strerror_r(error, text, sizeof text));
    errno = error;
    return status;
}

ftRetVal_t ft_why_keep(const struct ft_why *why)
{
    last_error[0] = '\0';
    ft_text_appendf(last_error, sizeof last_error, "%s; %s", why->reason, why->hint);
    return why->status;
}

ftRetVal_t ft_why_reply(const struct ft_why *why, ftReply_t *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = why->status;
    ft_text_copy(reply->reason, sizeof reply->reason, why->reason);
    ft_text_copy(reply->hint, sizeof reply->hint, why->hint);
    return why->status;
}

void ft_why_complete(ftReply_t *reply)
{
    if (reply->status == FT_OK)
        return;
    if (reply->reason[0] == '\0')
        ft_text_copy(reply->reason, sizeof reply->reason, ftStrError(reply->status));
    if (reply->hint[0] == '\0')
        ft_text_copy(reply->hint, sizeof reply->hint, general_hint(reply->status));
}
