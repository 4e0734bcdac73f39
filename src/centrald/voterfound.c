/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voterfound.c - how the ledger begins: who founds it, and who agrees to that.
 *
 * Called by voter.c as long as a voter holds nothing, and when a founder asks. What passes through:
 * the founder's question (a letter), pledges (in greetings), and the first entry of the log.
 *
 * Founding. A ledger begins once. Only the preferred voter of the plan founds; only when it and so
 * many others that together they are a majority hold nothing, and have pledged themselves, on their
 * disks, to this founding; and not while anybody shows data. The founder is then the only member,
 * and takes in the others; it does not lead before a majority of the plan are members.
 */
#include "centrald/voter_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/planted.h"

static const struct ft_voter_planned *preferred(const struct ft_voter *voter)
{
    const struct ft_voter_planned *best = NULL;

    for (size_t i = 0; i < voter->config.planned_n; i++) {
        const struct ft_voter_planned *one = &voter->config.planned[i];

        if (!one->witness && (best == NULL || one->priority > best->priority))
            best = one;
    }
    return best;
}

/* Whether anybody has shown data since this voter runs: then there is something to join. */
static bool somebody_has_data(const struct ft_voter *voter)
{
    for (size_t i = 0; i < voter->peers_n; i++)
        if (voter->peers[i].greeting.cluster != 0)
            return true;
    return false;
}

static bool pledge(struct ft_voter *voter, const char *name, uint64_t founding)
{
    struct ft_store_who who = *ft_store_who(voter->store);

    if (who.pledge == founding && strcmp(who.pledged, name) == 0)
        return true;
    who.pledge = founding;
    snprintf(who.pledged, sizeof who.pledged, "%s", name);
    if (ft_store_set_who(voter->store, &who) == 0)
        return true;
    if (errno != ENOSPC && errno != EDQUOT)
        ft_voter_die(voter, "writing a pledge on the central unit's disk failed: %s",
                     strerror(errno));
    return false;
}

static void found(struct ft_voter *voter)
{
    struct ft_store_who who = *ft_store_who(voter->store);
    struct ft_store_entry entry = {.term = 1, .type = RAFT_CHANGE};
    struct raft_configuration members;
    struct raft_buffer bytes = {NULL, 0};
    char why[256];

    raft_configuration_init(&members);
    if (raft_configuration_add(&members, who.id, voter->config.self, RAFT_VOTER) != 0 ||
        raft_configuration_encode(&members, &bytes) != 0) {
        raft_configuration_close(&members);
        return; /* no memory: at the next tick */
    }
    raft_configuration_close(&members);
    entry.data = bytes.base;
    entry.n = bytes.len;
    who.cluster = who.pledge;
    if (ft_store_set_who(voter->store, &who) != 0 || ft_store_set_term(voter->store, 1, 0) != 0 ||
        ft_store_append(voter->store, 1, &entry, 1) != 0) {
        if (errno != ENOSPC && errno != EDQUOT) /* else again at the next tick */
            ft_voter_die(voter, "founding the central unit's ledger failed: %s", strerror(errno));
        raft_free(bytes.base);
        return;
    }
    raft_free(bytes.base);
    ft_store_close(voter->store, true); /* and read again, as it will be from now on */
    if (ft_voter_open_store(voter, why, sizeof why) != 0 || ft_voter_take_part(voter, why, sizeof why) != 0)
        ft_voter_die(voter, "%s", why);
}

void ft_voterfound_try(struct ft_voter *voter)
{
    const struct ft_store_who *who = ft_store_who(voter->store);
    const struct ft_voter_planned *founder = preferred(voter);
    uint64_t now = voter->env.now_ms(voter->env.arg);
    size_t pledged = 1;

    if (founder == NULL || strcmp(founder->name, voter->config.self) != 0 ||
        somebody_has_data(voter) ||
        !pledge(voter, voter->config.self,
                who->pledge != 0 && strcmp(who->pledged, voter->config.self) == 0
                    ? who->pledge
                    : voter->env.fresh_id(voter->env.arg)))
        return;
    for (size_t i = 0; i < voter->peers_n; i++) {
        const struct ft_voter_peer *peer = &voter->peers[i];

        pledged += ft_voter_planned(voter, peer->name) != NULL &&
                   ft_voter_peer_is_reached(voter, peer) && peer->greeting.cluster == 0 &&
                   peer->greeting.pledge == who->pledge &&
                   strcmp(peer->greeting.pledged, voter->config.self) == 0;
    }
    if (pledged > voter->config.planned_n / 2 || FT_PLANTED(FT_PLANT_HASTY_FOUNDER)) {
        found(voter);
        return;
    }
    if (now - voter->asked_ms < FT_VOTER_GREET_MS && voter->asked_ms != 0)
        return;
    voter->asked_ms = now;
    for (size_t i = 0; i < voter->config.planned_n; i++)
        if (strcmp(voter->config.planned[i].name, voter->config.self) != 0)
            ft_voter_greet(voter, voter->config.planned[i].name, FT_LETTER_ASK);
}

/* Who founds is asking; only who holds nothing, and knows of nobody who does, pledges itself. */
void ft_voterfound_asked(struct ft_voter *voter, const struct ft_greeting *question)
{
    const struct ft_voter_planned *founder = preferred(voter);

    if (voter->io == NULL && founder != NULL && strcmp(founder->name, question->name) == 0 &&
        question->cluster == 0 && question->pledge != 0 && !somebody_has_data(voter))
        pledge(voter, question->name, question->pledge);
    ft_voter_greet(voter, question->name, FT_LETTER_GREETING);
}
