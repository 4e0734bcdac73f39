/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hello.c - the first words on every connection of the central unit.
 *
 * Used by units.c and clients.c. Both sides say Hello before anything else; the answer either
 * carries this side's name and version, or the reason why it hangs up. Pings are answered here too,
 * as they are the same on all connections.
 */
#include "centrald/hello.h"

#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "ft.h"

bool ft_hello_answer(struct ft_link *link, const Ft__Hello *hello, const char *node, uint64_t term,
                     bool name_needed)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello answer = FT__HELLO__INIT;

    answer.protocol = FT_PROTOCOL;
    answer.program = (char *) "ft-centrald " FT_VERSION;
    answer.node = (char *) node;
    answer.rank = -1;
    answer.pid = getpid();
    answer.role = FT_ROLE_CENTRAL;
    answer.term = term;
    if (hello->protocol != FT_PROTOCOL)
        answer.refused = FT_ERR_VERSION;
    else if (name_needed && (hello->node[0] == '\0' || strlen(hello->node) >= FT_NAME_MAX))
        answer.refused = FT_ERR_PROTOCOL;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &answer;
    if (ft_link_send(link, &message) == 0 && answer.refused == FT_OK)
        return true;
    if (answer.refused != FT_OK)
        ft_log_warning("%s at %s (protocol %u) is refused: this is ft-centrald %s, protocol %d; "
                       "use one version of FT on all nodes", hello->program, ft_link_peer(link),
                       hello->protocol, FT_VERSION, FT_PROTOCOL);
    ft_link_close(link);
    return false;
}

void ft_hello_redirect(struct ft_link *link, const char *node, const char *leader)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Hello answer = FT__HELLO__INIT;

    answer.protocol = FT_PROTOCOL;
    answer.program = (char *) "ft-centrald " FT_VERSION;
    answer.node = (char *) (uintptr_t) node;
    answer.rank = -1;
    answer.pid = getpid();
    answer.role = FT_ROLE_CENTRAL;
    answer.refused = FT_ERR_BUSY;
    answer.leader = (char *) (uintptr_t) leader;
    message.body_case = FT__MESSAGE__BODY_HELLO;
    message.hello = &answer;
    ft_link_send(link, &message); /* if not, it tries the next one */
    ft_link_close(link);
}

void ft_hello_pong(struct ft_link *link, const Ft__Ping *ping)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Pong pong = FT__PONG__INIT;

    pong.sent_ns = ping->sent_ns;
    message.body_case = FT__MESSAGE__BODY_PONG;
    message.pong = &pong;
    /* If it cannot be sent, the peer notices the silence. */
    ft_link_send(link, &message);
}
