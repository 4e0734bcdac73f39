/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * voter.c - a voter's life: its data, its founding or joining, letters and time, and who leads.
 *
 * Driven by book.c (or a simulation) through tick, receive and connected; drives libraft through
 * voterio.c, and hears from it what is agreed upon (the three fsm_ functions). What it leads to is
 * told at the end of each entry, by ft_voter_after.
 */
#include "centrald/voter_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/planted.h"

#define SNAPSHOT_EACH 1024
#define TRAILING 1024
#define CATCH_UP_MS 10000

/* ---------------------------------------------------------------- saying, dying, looking up */

void ft_voter_say(struct ft_voter *voter, const char *event, const char *node, const char *format,
                  ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!voter->closing)
        voter->env.say(voter->env.arg, event, node, text);
}

void ft_voter_die(struct ft_voter *voter, const char *format, ...)
{
    va_list arguments;

    if (voter->dead)
        return;
    voter->dead = true;
    va_start(arguments, format);
    vsnprintf(voter->why_dead, sizeof voter->why_dead, format, arguments);
    va_end(arguments);
    if (voter->io != NULL)
        ft_voterio_kill(voter->io, voter->why_dead);
}

const struct ft_voter_planned *ft_voter_planned(const struct ft_voter *voter, const char *name)
{
    for (size_t i = 0; i < voter->config.planned_n; i++)
        if (strcmp(voter->config.planned[i].name, name) == 0)
            return &voter->config.planned[i];
    return NULL;
}

struct ft_voter_peer *ft_voter_peer(struct ft_voter *voter, const char *name, bool make)
{
    struct ft_voter_peer *peer;

    for (size_t i = 0; i < voter->peers_n; i++)
        if (strcmp(voter->peers[i].name, name) == 0)
            return &voter->peers[i];
    if (!make || voter->peers_n == FT_STEWARD_VOTERS_MAX)
        return NULL;
    peer = &voter->peers[voter->peers_n++];
    memset(peer, 0, sizeof *peer);
    snprintf(peer->name, sizeof peer->name, "%s", name);
    return peer;
}

bool ft_voter_peer_is_reached(const struct ft_voter *voter, const struct ft_voter_peer *peer)
{
    return peer->greeting.id != 0 && peer->heard_ms != 0 &&
           voter->env.now_ms(voter->env.arg) - peer->heard_ms < FT_VOTER_REACHED_MS;
}

/* ---------------------------------------------------------------- the state machine */

static int fsm_apply(struct raft_fsm *fsm, const struct raft_buffer *buf, void **result)
{
    struct ft_voter *voter = fsm->data;

    *result = NULL;
    if (!voter->dead && ft_ledger_apply(voter->ledger, buf->base, buf->len, NULL) != 0)
        ft_voter_die(voter, "an entry of the central unit's log cannot be applied: %s",
                     errno == EPROTO ? "a later version wrote it; update this one" : strerror(errno));
    return 0;
}

static int fsm_snapshot(struct raft_fsm *fsm, struct raft_buffer **bufs, unsigned *n)
{
    struct ft_voter *voter = fsm->data;
    struct raft_buffer *buffer;

    /* Where two changes of the membership are agreed upon at once, libraft 0.22 would put the older
     * one into a snapshot that comes after both. It asks again soon. */
    if (voter->raft.configuration_uncommitted_index != 0 &&
        voter->raft.configuration_uncommitted_index <= raft_commit_index(&voter->raft))
        return RAFT_BUSY;
    if (raft_last_applied(&voter->raft) != raft_commit_index(&voter->raft))
        return RAFT_BUSY; /* it would hold more, or less, than it says */
    buffer = raft_malloc(sizeof *buffer);
    if (buffer == NULL)
        return RAFT_NOMEM;
    buffer->len = ft_ledger_encoded_bytes(voter->ledger);
    buffer->base = raft_malloc(buffer->len);
    if (buffer->base == NULL) {
        raft_free(buffer);
        return RAFT_NOMEM;
    }
    ft_ledger_encode(voter->ledger, buffer->base);
    *bufs = buffer;
    *n = 1;
    return 0;
}

static int fsm_restore(struct raft_fsm *fsm, struct raft_buffer *buf)
{
    struct ft_voter *voter = fsm->data;
    struct ft_ledger *ledger = ft_ledger_decode(buf->base, buf->len);

    if (ledger == NULL) {
        ft_voter_die(voter, "a snapshot of the central unit's ledger cannot be read: %s",
                     errno == EPROTO ? "a later version wrote it; update this one" : strerror(errno));
        return RAFT_MALFORMED;
    }
    ft_ledger_destroy(voter->ledger);
    voter->ledger = ledger;
    raft_free(buf->base);
    return 0;
}

/* ---------------------------------------------------------------- taking part */

static uint64_t io_now(void *arg)
{
    struct ft_voter *voter = arg;

    return voter->env.now_ms(voter->env.arg);
}

static unsigned io_random(void *arg)
{
    struct ft_voter *voter = arg;

    return voter->env.random(voter->env.arg);
}

static void io_send(void *arg, const char *name, uint8_t *letter, size_t n)
{
    struct ft_voter *voter = arg;

    voter->env.send(voter->env.arg, name, letter, n);
}

static struct ft_voter *voter_of(struct ft_voterio_work *work)
{
    return (struct ft_voter *)((char *)work - offsetof(struct ft_voter, work));
}

static void run_work(struct ft_voterio_work *work)
{
    struct ft_voterio_work *inner = voter_of(work)->io_work;

    inner->run(inner);
}

/* Whatever was stored, libraft may have gone on by it. */
static void work_done(struct ft_voterio_work *work)
{
    struct ft_voter *voter = voter_of(work);
    struct ft_voterio_work *inner = voter->io_work;
    bool closing = voter->closing;

    inner->done(inner); /* closing, the voter may be gone after this */
    if (!closing)
        ft_voter_after(voter);
}

static void io_work(void *arg, struct ft_voterio_work *work)
{
    struct ft_voter *voter = arg;

    voter->io_work = work;
    voter->work.run = run_work;
    voter->work.done = work_done;
    voter->env.work(voter->env.arg, &voter->work);
}

static void io_broken(void *arg, const char *why)
{
    ft_voter_die(arg, "%s", why);
}

static void greet_all(struct ft_voter *voter);

static void io_full(void *arg, bool is_full, const char *text)
{
    struct ft_voter *voter = arg;

    ft_voter_say(voter, is_full ? "book_disk_full" : "book_disk_well", voter->config.self, "%s", text);
    greet_all(voter);
}

/* A witness is twice as patient: it would only hand the lead over. */
static void set_times(struct ft_voter *voter)
{
    const struct ft_voter_planned *self = ft_voter_planned(voter, voter->config.self);
    unsigned times = self != NULL && self->witness ? 2 : 1;

    raft_set_election_timeout(&voter->raft, times * voter->config.election_ms);
    raft_set_heartbeat_timeout(&voter->raft, voter->config.beat_ms);
    ft_voterio_set_times(voter->io, voter->config.election_ms, voter->config.beat_ms);
}

int ft_voter_take_part(struct ft_voter *voter, char *why, size_t size)
{
    struct ft_voterio_env env = {
        .arg = voter, .now_ms = io_now, .random = io_random, .send = io_send, .work = io_work,
        .broken = io_broken, .full = io_full,
    };
    int result;

    voter->io = ft_voterio_create(voter->store, voter->disk, &env);
    if (voter->io == NULL) {
        voter->store = NULL;
        snprintf(why, size, "no memory");
        return -1;
    }
    voter->fsm = (struct raft_fsm){.version = 1, .data = voter, .apply = fsm_apply,
                                   .snapshot = fsm_snapshot, .restore = fsm_restore};
    result = raft_init(&voter->raft, ft_voterio_raft(voter->io), &voter->fsm,
                       ft_store_who(voter->store)->id, voter->config.self);
    if (result != 0) {
        snprintf(why, size, "libraft: %s", raft_strerror(result));
        ft_voterio_destroy(voter->io);
        voter->io = NULL;
        voter->store = NULL;
        return -1;
    }
    set_times(voter);
    raft_set_pre_vote(&voter->raft, true);
    raft_set_install_snapshot_timeout(&voter->raft, CATCH_UP_MS);
    raft_set_max_catch_up_round_duration(&voter->raft, CATCH_UP_MS);
    /* libraft's own refusal would also meet the entry that a new leader begins with, and leave it
     * half a leader: voterlead.c looks for room instead. */
    raft_set_capacity_threshold(&voter->raft, 0);
    raft_set_snapshot_threshold(
        &voter->raft, voter->config.snapshot_each > 0 ? voter->config.snapshot_each : SNAPSHOT_EACH);
    raft_set_snapshot_trailing(&voter->raft,
                               voter->config.trailing > 0 ? voter->config.trailing : TRAILING);
    ft_voterio_tick(voter->io); /* looks how much room there is; libraft does not tick yet */
    result = raft_start(&voter->raft);
    if (result != 0 && !voter->dead) {
        snprintf(why, size, "libraft: %s", raft_errmsg(&voter->raft));
        ft_voter_die(voter, "%s", why);
    }
    return 0;
}

/* ---------------------------------------------------------------- the data */

static bool holds_nothing(const struct ft_store *store)
{
    return ft_store_last(store) == 0 && ft_store_snapshot_index(store) == 0;
}

static uint64_t fresh_id(struct ft_voter *voter)
{
    uint64_t id = 14695981039346656037u;

    if (!FT_PLANTED(FT_PLANT_OLD_IDENTITY))
        return voter->env.fresh_id(voter->env.arg);
    for (const char *at = voter->config.self; *at != '\0'; at++)
        id = (id ^ (uint8_t)*at) * 1099511628211u;
    return id;
}

bool ft_voter_is_alone(const struct ft_voter *voter)
{
    return voter->config.planned_n == 1;
}

int ft_voter_open_store(struct ft_voter *voter, char *why, size_t size)
{
    struct ft_store_who who;
    char damage[256];

    voter->store = ft_store_open(voter->disk, voter->config.self, fresh_id(voter),
                                 voter->config.segment_bytes, why, size);
    if (voter->store == NULL && errno == EBADMSG && !ft_voter_is_alone(voter)) {
        snprintf(damage, sizeof damage, "%s", why);
        if (ft_store_abandon(voter->disk) != 0) {
            snprintf(why, size, "the data are damaged (%s) and cannot be set aside: %s", damage,
                     strerror(errno));
            return -1;
        }
        ft_voter_say(voter, "voter_data_lost", voter->config.self,
                     "%s's data of the central unit are damaged: %s. They are set aside; it joins "
                     "the other voters under a new identity", voter->config.self, damage);
        voter->store = ft_store_open(voter->disk, voter->config.self, fresh_id(voter),
                                     voter->config.segment_bytes, why, size);
    } else if (voter->store == NULL && errno == EBADMSG) {
        snprintf(damage, sizeof damage, "%s", why);
        snprintf(why, size, "the central unit's data are damaged: %s. There is no other voter that "
                 "has them: restore the folder, or empty it to begin anew", damage);
    }
    if (voter->store == NULL)
        return -1;
    if (ft_store_note(voter->store)[0] != '\0')
        ft_voter_say(voter, "book_mended", voter->config.self, "%s", ft_store_note(voter->store));
    who = *ft_store_who(voter->store);
    if (who.cluster != 0 && holds_nothing(voter->store)) {
        who.cluster = 0; /* it stopped before the first entry: it has promised nothing yet */
        if (ft_store_set_who(voter->store, &who) != 0) {
            snprintf(why, size, "writing who this voter is: %s", strerror(errno));
            return -1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- greeting */

void ft_voter_greet(struct ft_voter *voter, const char *to, enum ft_letter_kind kind)
{
    const struct ft_store_who *who = ft_store_who(voter->store);
    struct ft_greeting greeting = {.id = who->id, .cluster = who->cluster, .pledge = who->pledge};
    uint8_t *letter;
    size_t n;

    if (voter->dead || voter->closing)
        return;
    snprintf(greeting.name, sizeof greeting.name, "%s", voter->config.self);
    snprintf(greeting.pledged, sizeof greeting.pledged, "%s", who->pledged);
    if (voter->io != NULL) {
        greeting.term = raft_current_term(&voter->raft);
        greeting.last_index = raft_last_index(&voter->raft);
        greeting.full = ft_voterio_is_full(voter->io);
        greeting.leads = voter->announced;
    }
    letter = ft_greeting_encode(kind, &greeting, &n);
    if (letter != NULL)
        voter->env.send(voter->env.arg, to, letter, n);
}

static void greet_all(struct ft_voter *voter)
{
    for (size_t i = 0; i < voter->config.planned_n; i++)
        if (strcmp(voter->config.planned[i].name, voter->config.self) != 0)
            ft_voter_greet(voter, voter->config.planned[i].name, FT_LETTER_GREETING);
}

void ft_voter_connected(struct ft_voter *voter, const char *name)
{
    if (!voter->closing)
        ft_voter_greet(voter, name, FT_LETTER_GREETING);
}

/* ---------------------------------------------------------------- a leader that is gone */

/* How many should lead rather than this one, if `gone` is not there. */
static unsigned before_self(const struct ft_voter *voter, const char *gone)
{
    const struct ft_voter_planned *self = ft_voter_planned(voter, voter->config.self);
    unsigned n = 0;

    for (size_t i = 0; self != NULL && i < voter->config.planned_n; i++) {
        const struct ft_voter_planned *one = &voter->config.planned[i];

        if (one == self || strcmp(one->name, gone) == 0)
            continue;
        if (one->witness != self->witness)
            n += self->witness;
        else if (one->priority != self->priority)
            n += one->priority > self->priority;
        else
            n += one < self;
    }
    return n;
}

/* One after the other, so that votes are not split: the next one only where those before it are not
 * there either. */
void ft_voter_refused(struct ft_voter *voter, const char *name)
{
    const char *leader = NULL;
    raft_id id = 0;

    if (voter->closing || voter->dead || voter->io == NULL ||
        raft_state(&voter->raft) != RAFT_FOLLOWER)
        return;
    raft_leader(&voter->raft, &id, &leader);
    if (id != 0 && leader != NULL && strcmp(leader, name) == 0)
        ft_voterio_leader_gone(voter->io, before_self(voter, name) * 2 * voter->config.beat_ms);
}

/* ---------------------------------------------------------------- letters */

/* The leader has taken this voter in: whatever comes next may be stored. */
static bool join(struct ft_voter *voter, const struct ft_letter *letter)
{
    struct ft_store_who who = *ft_store_who(voter->store);
    char why[256];

    if (letter->to != who.id || letter->cluster == 0)
        return false;
    who.cluster = letter->cluster;
    if (ft_store_set_who(voter->store, &who) != 0) {
        if (errno != ENOSPC && errno != EDQUOT)
            ft_voter_die(voter, "joining the voters failed: %s", strerror(errno));
        return false;
    }
    if (ft_voter_take_part(voter, why, sizeof why) != 0) {
        ft_voter_die(voter, "%s", why);
        return false;
    }
    ft_voter_say(voter, "voter_joined", voter->config.self,
                 "%s joins the voters of the central unit as %016" PRIx64, voter->config.self,
                 who.id);
    return true;
}

static void take_raft(struct ft_voter *voter, struct ft_voter_peer *peer, struct ft_letter *letter)
{
    if ((voter->io == NULL && !join(voter, letter)) ||
        letter->cluster != ft_store_who(voter->store)->cluster) {
        ft_letter_drop(letter);
        return;
    }
    if (letter->message.type == RAFT_TIMEOUT_NOW && letter->to == ft_store_who(voter->store)->id) {
        voter->timeout_now_ms = voter->env.now_ms(voter->env.arg);
        snprintf(voter->handed_by, sizeof voter->handed_by, "%s", peer->name);
    }
    ft_voterio_receive(voter->io, peer->name, letter);
}

void ft_voter_receive(struct ft_voter *voter, const char *name, const uint8_t *bytes, size_t n)
{
    struct ft_voter_peer *peer;
    struct ft_letter letter;

    if (voter->closing || voter->dead || ft_letter_decode(&letter, bytes, n) != 0)
        return;
    peer = ft_voter_peer(voter, name, true);
    if (peer == NULL || (letter.kind != FT_LETTER_RAFT && strcmp(letter.greeting.name, name) != 0)) {
        ft_letter_drop(&letter);
        return;
    }
    peer->heard_ms = voter->env.now_ms(voter->env.arg);
    if (letter.kind == FT_LETTER_RAFT) {
        if (letter.from != peer->greeting.id)
            peer->greeting.id = 0; /* another one than greeted: its greeting is on the way */
        take_raft(voter, peer, &letter);
    } else {
        if (peer->greeting.id != letter.greeting.id)
            peer->told_foreign = false;
        peer->greeting = letter.greeting;
        if (letter.kind == FT_LETTER_ASK)
            ft_voterfound_asked(voter, &letter.greeting);
    }
    ft_voter_after(voter);
}

/* ---------------------------------------------------------------- telling */

void ft_voter_tell_leader(struct ft_voter *voter)
{
    const char *name = "";
    raft_id id = 0;

    if (voter->announced || voter->closing)
        return;
    if (voter->io != NULL && !voter->dead)
        raft_leader(&voter->raft, &id, &name);
    if (id == 0 || name == NULL || id == ft_store_who(voter->store)->id)
        name = ""; /* a leader that has not said so yet is none */
    if (voter->told == FT_TOLD_FOLLOW && strcmp(name, voter->leader_told) == 0)
        return;
    voter->told = FT_TOLD_FOLLOW;
    snprintf(voter->leader_told, sizeof voter->leader_told, "%s", name);
    voter->env.follow(voter->env.arg, voter->leader_told);
}

static void look_at_raft(struct ft_voter *voter)
{
    bool leads = voter->io != NULL && !voter->dead && raft_state(&voter->raft) == RAFT_LEADER;

    if (voter->leader && (!leads || raft_current_term(&voter->raft) != voter->term)) {
        ft_voterlead_end(voter);
        ft_voter_tell_leader(voter); /* before it may lead again */
    }
    if (voter->closing)
        return;
    if (leads && !voter->leader)
        ft_voterlead_begin(voter);
    if (voter->leader)
        ft_voterlead_step(voter);
}

void ft_voter_after(struct ft_voter *voter)
{
    if (voter->telling || voter->closing)
        return;
    voter->telling = true;
    look_at_raft(voter);
    if (!voter->closing && voter->announced && voter->safe_mark > voter->told_safe) {
        voter->told_safe = voter->safe_mark;
        voter->env.safe(voter->env.arg, voter->safe_mark);
    }
    ft_voter_tell_leader(voter);
    if (!voter->closing && voter->dead && !voter->dead_told) {
        voter->dead_told = true;
        voter->env.broken(voter->env.arg, voter->why_dead);
    }
    voter->telling = false;
}

/* ---------------------------------------------------------------- time */

void ft_voter_tick(struct ft_voter *voter)
{
    uint64_t now = voter->env.now_ms(voter->env.arg);

    if (voter->closing || voter->dead) {
        ft_voter_after(voter); /* which may not have been told yet */
        return;
    }
    if (now - voter->greeted_ms >= FT_VOTER_GREET_MS || voter->greeted_ms == 0) {
        voter->greeted_ms = now;
        greet_all(voter);
    }
    if (voter->io == NULL) {
        ft_voterfound_try(voter);
    } else {
        ft_voterio_tick(voter->io);
        if (voter->leader && raft_state(&voter->raft) == RAFT_LEADER &&
            raft_current_term(&voter->raft) == voter->term)
            ft_voterlead_tick(voter);
    }
    ft_voter_after(voter);
}

/* ---------------------------------------------------------------- making and ending */

static void set_config(struct ft_voter *voter, const struct ft_voter_config *config)
{
    voter->config = *config;
    if (voter->config.planned_n == 0) {
        voter->config.planned_n = 1;
        memset(&voter->config.planned[0], 0, sizeof voter->config.planned[0]);
        snprintf(voter->config.planned[0].name, sizeof voter->config.planned[0].name, "%s",
                 config->self);
    }
}

struct ft_voter *ft_voter_create(struct ft_disk *disk, const struct ft_voter_config *config,
                                 const struct ft_voter_env *env, char *why, size_t size)
{
    struct ft_voter *voter = calloc(1, sizeof *voter);

    if (voter == NULL) {
        snprintf(why, size, "no memory");
        return NULL;
    }
    voter->env = *env;
    voter->disk = disk;
    set_config(voter, config);
    voter->ledger = ft_ledger_create();
    if (voter->ledger == NULL) {
        snprintf(why, size, "no memory");
        goto error;
    }
    if (ft_voter_open_store(voter, why, size) != 0 ||
        (!holds_nothing(voter->store) && ft_voter_take_part(voter, why, size) != 0))
        goto error;
    return voter;

error:
    ft_ledger_destroy(voter->ledger);
    ft_store_close(voter->store, false);
    free(voter);
    return NULL;
}

void ft_voter_replan(struct ft_voter *voter, const struct ft_voter_config *config)
{
    set_config(voter, config);
    if (voter->io != NULL && raft_state(&voter->raft) != RAFT_LEADER && !voter->dead)
        set_times(voter);
    greet_all(voter);
}

static void raft_closed(struct raft *raft)
{
    struct ft_voter *voter = (struct ft_voter *)((char *)raft - offsetof(struct ft_voter, raft));

    voter->closed(voter->closed_arg);
}

void ft_voter_close(struct ft_voter *voter, void (*closed)(void *arg), void *arg)
{
    voter->closing = true;
    voter->closed = closed;
    voter->closed_arg = arg;
    if (voter->io != NULL)
        raft_close(&voter->raft, raft_closed);
    else
        closed(arg);
}

void ft_voter_destroy(struct ft_voter *voter)
{
    if (voter == NULL)
        return;
    ft_voterlead_end(voter);
    if (voter->io != NULL)
        ft_voterio_destroy(voter->io);
    else
        ft_store_close(voter->store, !voter->dead);
    ft_ledger_destroy(voter->ledger);
    free(voter);
}

/* ---------------------------------------------------------------- looking */

uint64_t ft_voter_mark(const struct ft_voter *voter)
{
    return voter->marks;
}

bool ft_voter_is_safe(const struct ft_voter *voter, uint64_t mark)
{
    return mark <= voter->safe_mark && !(mark > voter->lost_from && mark <= voter->lost_to);
}

const struct ft_ledger *ft_voter_ledger(const struct ft_voter *voter)
{
    return voter->ledger;
}

bool ft_voter_is_leader(const struct ft_voter *voter)
{
    return voter->leader;
}

uint64_t ft_voter_applied(const struct ft_voter *voter)
{
    return voter->io != NULL ? voter->raft.last_applied : 0;
}

uint64_t ft_voter_id(const struct ft_voter *voter)
{
    return ft_store_who(voter->store)->id;
}

uint64_t ft_voter_term(const struct ft_voter *voter)
{
    return voter->io != NULL ? raft_current_term(&voter->raft) : 0;
}
