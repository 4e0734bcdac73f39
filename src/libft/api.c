/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * api.c - the public functions that take or give a handle.
 *
 * Each one looks at its arguments, finds the handle, lets handle.c do the work and says how it
 * ended: in its result, in the reply if it has one, and in ftLastError. None of them is a
 * cancellation point, since a thread that vanished in the middle would leave a lock locked; and
 * errno is left as it was, unless the result is FT_ERR_SYSTEM.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "ft_admin.h"
#include "ft_runtime.h"
#include "libft/actions.h"
#include "libft/handle.h"
#include "libft/host.h"
#include "libft/registry.h"
#include "libft/why.h"
#include "wire/verbs.h"

/* ---------------------------------------------------------------- around every call */

struct call {
    int cancel_state;
    int error; /* the caller's errno */
    struct ft_entry *entry;
    struct ft_why why;
};

static void begin(struct call *call)
{
    call->error = errno;
    call->entry = NULL;
    call->why.status = FT_OK;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel_state);
}

static ftRetVal_t end(struct call *call, ftRetVal_t status)
{
    int error = errno;

    if (status < 0)
        ft_why_keep(&call->why);
    if (call->entry != NULL)
        ft_registry_put(call->entry);
    pthread_setcancelstate(call->cancel_state, NULL);
    errno = status == FT_ERR_SYSTEM ? error : call->error;
    return status;
}

/* NULL with call->why. */
static struct ft_handle *get_handle(struct call *call, ftHandle_t handle)
{
    call->entry = ft_registry_get(handle, &call->why);
    return call->entry != NULL ? ft_entry_handle(call->entry) : NULL;
}

static ftRetVal_t null_argument(struct call *call, const char *function, const char *argument)
{
    return ft_why_set(&call->why, FT_ERR_ARG, NULL, "%s: %s is NULL", function, argument);
}

static ftRetVal_t check_timeout(struct call *call, const char *function, ftTimeout_t T,
                                ftTimeout_t least)
{
    if (T == FT_FOREVER || T >= least)
        return FT_OK;
    return ft_why_set(&call->why, FT_ERR_ARG, "give milliseconds, or FT_FOREVER",
                      "%s: the time is %lld ms", function, (long long) T);
}

/* ---------------------------------------------------------------- opening and closing */

static ftRetVal_t open_handle(const char *name, const char *session, ftHandle_t *id,
                              struct ft_why *why)
{
    struct ft_handle *handle = NULL;
    struct ft_host host;

    if (ft_host_read(&host, name, why) == FT_OK)
        handle = ft_handle_create(&host, session, why);
    ft_host_clear(&host);
    if (handle == NULL)
        return why->status;
    if (ft_registry_add(handle, id, why) != FT_OK) {
        ft_handle_destroy(handle);
        return why->status;
    }
    return FT_OK;
}

ftRetVal_t openFT(const ftHost_t host, ftHandle_t *handle)
{
    struct call call;

    begin(&call);
    if (handle == NULL)
        return end(&call, null_argument(&call, "openFT", "handle"));
    handle->id = 0;
    return end(&call, open_handle(host, NULL, handle, &call.why));
}

ftRetVal_t openLauncherFT(const ftHost_t host, const char *session, ftHandle_t *handle)
{
    struct call call;

    begin(&call);
    if (handle == NULL)
        return end(&call, null_argument(&call, "openLauncherFT", "handle"));
    handle->id = 0;
    if (session == NULL)
        return end(&call, null_argument(&call, "openLauncherFT", "session"));
    if (session[0] == '\0' || strnlen(session, FT_NAME_MAX) >= FT_NAME_MAX)
        return end(&call, ft_why_set(&call.why, FT_ERR_ARG, NULL, "openLauncherFT: the session's "
                                     "name is empty or longer than %d bytes", FT_NAME_MAX - 1));
    return end(&call, open_handle(host, session, handle, &call.why));
}

ftRetVal_t closeFT(const ftHandle_t handle)
{
    struct call call;
    ftRetVal_t status;

    begin(&call);
    status = ft_registry_take(handle, &call.entry, &call.why);
    if (status == FT_ERR_FORKED)
        return end(&call, FT_OK); /* the child's copy is freed, as was asked for */
    if (status == FT_OK) {
        ft_handle_close(ft_entry_handle(call.entry));
        ft_registry_wait_others(call.entry);
    }
    return end(&call, status);
}

/* ---------------------------------------------------------------- requests */

ftRetVal_t requestFT(const ftHandle_t handle, const ftAction_t A, ftReply_t *res,
                     const ftTimeout_t T)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if (res == NULL)
        return end(&call, null_argument(&call, "requestFT", "res"));
    if (check_timeout(&call, "requestFT", T, 0) != FT_OK
        || (found = get_handle(&call, handle)) == NULL || ft_action_check(&A, &call.why) != FT_OK)
        return end(&call, ft_why_reply(&call.why, res));
    return end(&call, ft_handle_request(found, &A, T, res, NULL, &call.why));
}

ftRetVal_t submitFT(const ftHandle_t handle, const ftAction_t A, const ftTimeout_t T,
                    ftRequest_t *request)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if (request == NULL)
        return end(&call, null_argument(&call, "submitFT", "request"));
    request->id = 0;
    if (check_timeout(&call, "submitFT", T, 1) != FT_OK
        || (found = get_handle(&call, handle)) == NULL || ft_action_check(&A, &call.why) != FT_OK)
        return end(&call, call.why.status);
    return end(&call, ft_handle_submit(found, &A, T, request, &call.why));
}

ftRetVal_t pollFT(const ftHandle_t handle, const ftRequest_t request, ftReply_t *res)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if (res == NULL)
        return end(&call, null_argument(&call, "pollFT", "res"));
    if ((found = get_handle(&call, handle)) == NULL)
        return end(&call, ft_why_reply(&call.why, res));
    return end(&call, ft_handle_poll(found, request, res, &call.why));
}

ftRetVal_t descriptorFT(const ftHandle_t handle, int *descriptor)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if (descriptor == NULL)
        return end(&call, null_argument(&call, "descriptorFT", "descriptor"));
    *descriptor = -1;
    if ((found = get_handle(&call, handle)) == NULL)
        return end(&call, call.why.status);
    return end(&call, ft_handle_descriptor(found, descriptor, &call.why));
}

ftRetVal_t cancelFT(const ftHandle_t handle, const ftRequest_t request)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if ((found = get_handle(&call, handle)) == NULL)
        return end(&call, call.why.status);
    return end(&call, ft_handle_cancel(found, request, &call.why));
}

/* ---------------------------------------------------------------- ft_runtime.h */

ftRetVal_t postFT(const ftHandle_t handle, const ftAction_t A)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if ((found = get_handle(&call, handle)) == NULL || ft_action_check(&A, &call.why) != FT_OK)
        return end(&call, call.why.status);
    return end(&call, ft_handle_post(found, &A, &call.why));
}

ftRetVal_t serveFT(const ftHandle_t handle)
{
    struct ft_handle *found;
    struct call call;

    begin(&call);
    if ((found = get_handle(&call, handle)) == NULL)
        return end(&call, call.why.status);
    return end(&call, ft_handle_serve(found, &call.why));
}

/* ---------------------------------------------------------------- ft_admin.h */

/* The action that carries a command. FT_OK, or FT_ERR_ARG. */
static ftRetVal_t command_action(ftAction_t *action, const char *command, struct ft_why *why)
{
    size_t n = strnlen(command, FT_COMMAND_MAX);

    if (n == 0 || n >= FT_COMMAND_MAX)
        return ft_why_set(why, FT_ERR_ARG, NULL, "adminFT: the command is empty or longer than %d "
                          "bytes", FT_COMMAND_MAX - 1);
    memset(action, 0, sizeof *action);
    action->verb = FT_VERB_ADMIN;
    action->borrowed = command;
    action->borrowed_n = n;
    return FT_OK;
}

ftRetVal_t adminFT(const ftHandle_t handle, const char *command, char **answer,
                   ftTimeout_t timeout_ms)
{
    struct ft_handle *found;
    ftAction_t action;
    ftReply_t reply;
    struct call call;

    begin(&call);
    if (answer == NULL)
        return end(&call, null_argument(&call, "adminFT", "answer"));
    *answer = NULL;
    if (command == NULL)
        return end(&call, null_argument(&call, "adminFT", "command"));
    if (check_timeout(&call, "adminFT", timeout_ms, 1) != FT_OK
        || command_action(&action, command, &call.why) != FT_OK
        || (found = get_handle(&call, handle)) == NULL)
        return end(&call, call.why.status);
    return end(&call, ft_handle_request(found, &action, timeout_ms, &reply, answer, &call.why));
}
