/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * handle.h - what is behind an ftHandle_t: a connection, the requests on it, and the threads that
 * wait for their answers.
 *
 * Thread-safe; none of these calls is made in a child of the process that created it, but for
 * ft_handle_abandon. Results are those of the public functions, with why filled.
 */
#ifndef FT_LIBFT_HANDLE_H
#define FT_LIBFT_HANDLE_H

#include "libft/host.h"
#include "libft/why.h"

struct ft_handle;

/* Connects, waiting as openFT does; as a launcher of that session, NULL: as what it is. NULL with
 * why. */
struct ft_handle *ft_handle_create(const struct ft_host *host, const char *session,
                                   struct ft_why *why);

/* Ends all requests with FT_ERR_CANCELED; what is called later fails with FT_ERR_HANDLE. */
void ft_handle_close(struct ft_handle *handle);

/* Frees it, when no thread uses it any more. */
void ft_handle_destroy(struct ft_handle *handle);

/* Frees the copy that a child got by fork, and leaves what it shares with its parent alone. If
 * another thread of the parent was in the middle of a change just then, only the descriptors are
 * closed: following half-changed pointers would be worse than a leak. */
void ft_handle_abandon(struct ft_handle *handle);

/* The reply is filled in any case; they return its status. json: gets the text that an answer to
 * adminFT has, to be freed, or NULL; may be NULL. */
ftRetVal_t ft_handle_request(struct ft_handle *handle, const ftAction_t *action,
                             ftTimeout_t timeout_ms, ftReply_t *reply, char **json,
                             struct ft_why *why);
ftRetVal_t ft_handle_poll(struct ft_handle *handle, ftRequest_t id, ftReply_t *reply,
                          struct ft_why *why);

ftRetVal_t ft_handle_submit(struct ft_handle *handle, const ftAction_t *action,
                            ftTimeout_t timeout_ms, ftRequest_t *id, struct ft_why *why);
ftRetVal_t ft_handle_cancel(struct ft_handle *handle, ftRequest_t id, struct ft_why *why);
ftRetVal_t ft_handle_post(struct ft_handle *handle, const ftAction_t *action, struct ft_why *why);
ftRetVal_t ft_handle_serve(struct ft_handle *handle, struct ft_why *why);
ftRetVal_t ft_handle_descriptor(struct ft_handle *handle, int *descriptor, struct ft_why *why);

#endif
