/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * book_world.c - see book_world.h. One event at a time out of a heap: a tick of a voter, a letter
 * that arrives, a disk's work that is done, a put, a fault that begins or ends.
 *
 * A machine that loses power does so in the middle of a disk's operation, of which any part that
 * disk.h allows is then done; a program that is killed loses what it had not given to the disk.
 */
#include "book_world.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/letters.h"
#include "centrald/voter_impl.h"
#include "common/crc.h"
#include "core/planted.h"
#include "core/steward.h"

#define MACHINES 5
#define FILES_MAX 64
#define EVENTS_MAX 16384
#define PUTS_MAX 4096
#define TERMS_MAX 512
#define VOTES_MAX 2048
#define INDEXES_MAX 8192
#define IDS_MAX 256
#define HOT_KEYS 4
#define BEAT_MS 50
#define ELECTION_MS 300
#define HANDBACK_MS 1500
#define CALM_MS 30000 /* all must be well so long after the last fault */

struct file {
    char name[48];
    uint8_t *bytes;
    size_t n, synced; /* synced: what a loss of power leaves; less than n only with a planted fault */
};

struct machine {
    char name[8];
    struct ft_disk disk;
    struct file files[FILES_MAX];
    size_t files_n;
    bool no_room, slow;
    unsigned power_in;  /* operations until the power is lost; 0: it is not */
    bool power_lost;    /* the rest of what the voter does does not happen */
    struct ft_voter *voter;
    struct ft_voterio_work *work;
    uint64_t run;       /* counts its starts: events of an earlier one are void */
    uint64_t paused_until;
    bool down, wanted;  /* wanted: the plan has it, or had it */
    bool data_lost;     /* and not yet back as a voter */
    uint64_t id;        /* as last seen */
    bool leads;
    uint64_t lead_term;
    uint64_t checked;   /* applied index that was looked at last */
};

enum fault {
    KILL, POWER, START, CUT_ONE, CUT_ONE_WAY, LOSSY, JITTER, PAUSE, SLOW, FULL, LOSE_DATA, DAMAGE,
    PLAN, RUSH, HAND, FAULTS
};

enum what { TICK, LETTER, DONE, REFUSED, PUT, FAULT, HEAL };

struct event {
    uint64_t at_ms, order;
    enum what what;
    unsigned machine, from;
    uint64_t run, from_run;
    uint8_t *letter;
    size_t n;
    unsigned fault;
};

struct put {
    char key[24];
    uint64_t number, mark, run, term;
    unsigned machine;
    bool safe;
};

static struct world {
    struct machine machines[MACHINES];
    unsigned planned;   /* machines 0 .. planned - 1 are in the plan */
    unsigned witness;   /* MACHINES: none */
    struct event events[EVENTS_MAX];
    size_t events_n;
    uint64_t now_ms, order, random, hash, last_id;
    bool cut[MACHINES][MACHINES];
    unsigned loss_pct;
    bool jitter;
    uint64_t arrives[MACHINES][MACHINES]; /* the last letter: links keep the order */
    struct put puts[PUTS_MAX];
    size_t puts_n;
    uint64_t number;
    uint64_t term_of[TERMS_MAX];
    uint64_t leader_of[TERMS_MAX];
    size_t terms_n;
    struct { uint64_t id, term, candidate; } votes[VOTES_MAX];
    size_t votes_n;
    uint64_t ledger_hash[INDEXES_MAX];
    uint64_t gone_ids[IDS_MAX];
    size_t gone_n;
    bool talk, calm, led;
    uint64_t calm_from_ms, put_every_ms;
    struct world_result *result;
} world;

/* ---------------------------------------------------------------- chance, words, rules */

static uint64_t random64(void)
{
    uint64_t z = (world.random += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
    return (unsigned)(random64() % n);
}

static bool chance(unsigned pct)
{
    return below(100) < pct;
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    char text[768];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (const char *at = text; *at != '\0'; at++)
        world.hash = (world.hash ^ (uint8_t)*at) * 1099511628211u;
    if (world.talk)
        printf("%7" PRIu64 " %s\n", world.now_ms, text);
}

static void broke(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void broke(const char *format, ...)
{
    va_list arguments;

    if (world.result->broken[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(world.result->broken, sizeof world.result->broken, format, arguments);
    va_end(arguments);
    note("BROKEN: %s", world.result->broken);
}

/* ---------------------------------------------------------------- the heap */

static bool earlier(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void add_event(struct event event)
{
    size_t i = world.events_n;

    if (i == EVENTS_MAX) {
        free(event.letter);
        broke("the simulation's own queue is full");
        return;
    }
    world.events_n++;
    event.order = world.order++;
    while (i > 0 && earlier(&event, &world.events[(i - 1) / 2])) {
        world.events[i] = world.events[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    world.events[i] = event;
}

static struct event take_event(void)
{
    struct event first = world.events[0], last = world.events[--world.events_n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= world.events_n)
            break;
        if (child + 1 < world.events_n && earlier(&world.events[child + 1], &world.events[child]))
            child++;
        if (!earlier(&world.events[child], &last))
            break;
        world.events[i] = world.events[child];
        i = child;
    }
    world.events[i] = last;
    return first;
}

/* ---------------------------------------------------------------- disks */

static struct file *find_file(struct machine *machine, const char *name, bool make)
{
    struct file *file;

    for (size_t i = 0; i < machine->files_n; i++)
        if (strcmp(machine->files[i].name, name) == 0)
            return &machine->files[i];
    if (!make)
        return NULL;
    if (machine->files_n == FILES_MAX) {
        broke("%s has too many files", machine->name);
        exit(2);
    }
    file = &machine->files[machine->files_n++];
    memset(file, 0, sizeof *file);
    snprintf(file->name, sizeof file->name, "%s", name);
    return file;
}

static void set_bytes(struct file *file, size_t at, const void *bytes, size_t n)
{
    if (at + n > file->n) {
        file->bytes = realloc(file->bytes, at + n + 1);
        if (at > file->n) /* a hole reads as zeros */
            memset(file->bytes + file->n, 0, at - file->n);
        file->n = at + n;
    }
    memcpy(file->bytes + at, bytes, n);
}

/* Whether the operation happens. ALL: it does. PART: the power goes in the middle of it. */
enum { NOTHING, PART, ALL };

static int operate(struct machine *machine)
{
    if (machine->power_lost) {
        errno = EIO;
        return NOTHING;
    }
    if (machine->power_in > 0 && --machine->power_in == 0) {
        machine->power_lost = true;
        errno = EIO;
        return PART;
    }
    return ALL;
}

static int disk_list(void *arg, void (*visit)(void *to, const char *name), void *to)
{
    struct machine *machine = arg;

    for (size_t i = 0; i < machine->files_n; i++)
        visit(to, machine->files[i].name);
    return 0;
}

static int disk_read(void *arg, const char *name, uint8_t **bytes, size_t *n)
{
    struct file *file = find_file(arg, name, false);

    if (file == NULL) {
        errno = ENOENT;
        return -1;
    }
    *n = file->n;
    *bytes = malloc(file->n + 1);
    if (file->n > 0)
        memcpy(*bytes, file->bytes, file->n);
    return 0;
}

static bool no_room(const struct machine *machine)
{
    if (machine->no_room)
        errno = ENOSPC;
    return machine->no_room;
}

static int disk_replace(void *arg, const char *name, const void *bytes, size_t n)
{
    struct machine *machine = arg;
    int how = operate(machine);
    struct file *file;

    if (how == NOTHING || (how == PART && chance(50)) || (how == ALL && no_room(machine)))
        return -1;
    file = find_file(machine, name, true);
    file->n = 0;
    set_bytes(file, 0, bytes, n);
    file->synced = n;
    return how == ALL ? 0 : -1;
}

/* Pages of what is written arrive in any order, or as zeros. */
static void tear(uint8_t *bytes, size_t n)
{
    for (size_t at = 0; at < n; at += 64)
        if (chance(40))
            memset(bytes + at, 0, n - at < 64 ? n - at : 64);
}

static int disk_append(void *arg, const char *name, uint64_t size, const void *bytes, size_t n)
{
    struct machine *machine = arg;
    int how = operate(machine);
    struct file *file;
    size_t part = n;

    if (how == NOTHING || (how == ALL && no_room(machine)))
        return -1;
    if (how == PART) {
        part = below((unsigned)n + 1);
        world.result->torn++;
        if (part == 0)
            return -1;
    }
    file = find_file(machine, name, true);
    if (file->n != size)
        broke("%s appends to %s at %" PRIu64 ", and it has %zu bytes", machine->name, name, size,
              file->n);
    set_bytes(file, (size_t)size, bytes, part);
    if (how == PART && chance(50))
        tear(file->bytes + size, part);
    file->synced = FT_PLANTED(FT_PLANT_ACK_UNSTORED) && how == ALL ? (size_t)size : file->n;
    return how == ALL ? 0 : -1;
}

static int disk_overwrite(void *arg, const char *name, const void *bytes, size_t n)
{
    struct machine *machine = arg;
    int how = operate(machine);
    struct file *file = find_file(machine, name, false);

    if (file == NULL || file->n < n) {
        broke("%s writes over %s, which is not there", machine->name, name);
        return -1;
    }
    if (how == NOTHING)
        return -1;
    if (how == PART)
        n = below((unsigned)n + 1);
    memcpy(file->bytes, bytes, n);
    return how == ALL ? 0 : -1;
}

static int disk_cut(void *arg, const char *name, uint64_t size)
{
    struct machine *machine = arg;
    int how = operate(machine);
    struct file *file = find_file(machine, name, false);

    if (how == NOTHING || (how == PART && chance(50)))
        return -1;
    if (file != NULL && size < file->n)
        file->n = (size_t)size;
    if (file != NULL && file->synced > file->n)
        file->synced = file->n;
    return how == ALL ? 0 : -1;
}

static void remove_file(struct machine *machine, struct file *file)
{
    free(file->bytes);
    memmove(file, file + 1,
            (size_t)(&machine->files[machine->files_n] - (file + 1)) * sizeof *file);
    machine->files_n--;
}

static int disk_remove(void *arg, const char *name)
{
    struct machine *machine = arg;
    int how = operate(machine);
    struct file *file = find_file(machine, name, false);

    if (how == NOTHING || (how == PART && chance(50)))
        return -1;
    if (file != NULL)
        remove_file(machine, file);
    return how == ALL ? 0 : -1;
}

static void wipe(struct machine *machine)
{
    while (machine->files_n > 0)
        remove_file(machine, &machine->files[machine->files_n - 1]);
}

static int disk_set_aside(void *arg, bool (*ours)(const char *name))
{
    struct machine *machine = arg;
    int how = operate(machine);

    if (how != ALL)
        return -1;
    for (size_t i = machine->files_n; i-- > 0;)
        if (ours(machine->files[i].name))
            remove_file(machine, &machine->files[i]);
    if (machine->files_n > 0)
        broke("%s leaves %s when it sets its data aside", machine->name, machine->files[0].name);
    return 0;
}

static uint64_t disk_room(void *arg)
{
    struct machine *machine = arg;

    return machine->no_room ? 0 : 1u << 30;
}

/* What is not on the disk is gone. */
static void lose_unsynced(struct machine *machine)
{
    for (size_t i = 0; i < machine->files_n; i++)
        if (machine->files[i].synced < machine->files[i].n)
            machine->files[i].n = machine->files[i].synced;
}

/* ---------------------------------------------------------------- what a voter is given */

static uint64_t env_now(void *arg)
{
    (void)arg;
    return world.now_ms;
}

static unsigned env_random(void *arg)
{
    (void)arg;
    return (unsigned)random64() >> 1;
}

static uint64_t env_fresh_id(void *arg)
{
    (void)arg;
    return 1000 + ++world.last_id;
}

static unsigned index_of(const struct machine *machine)
{
    return (unsigned)(machine - world.machines);
}

static void check_vote(const struct machine *machine, uint64_t id, const struct ft_letter *letter)
{
    const struct raft_request_vote_result *vote = &letter->message.request_vote_result;

    if (letter->message.type != RAFT_REQUEST_VOTE_RESULT || !vote->vote_granted || vote->pre_vote)
        return;
    for (size_t i = 0; i < world.votes_n; i++) {
        if (world.votes[i].id != id || world.votes[i].term != vote->term)
            continue;
        if (world.votes[i].candidate != letter->to)
            broke("identity %" PRIu64 " votes twice in term %llu", id, vote->term);
        return;
    }
    if (!world.calm && chance(10)) /* who has just voted is stopped, and is soon asked again */
        add_event((struct event){.what = HEAL, .fault = KILL, .machine = index_of(machine),
                                 .at_ms = world.now_ms + 1});
    if (world.votes_n < VOTES_MAX) {
        world.votes[world.votes_n].id = id;
        world.votes[world.votes_n].term = vote->term;
        world.votes[world.votes_n++].candidate = letter->to;
    }
}

static void check_letter(const struct machine *machine, const uint8_t *bytes, size_t n)
{
    struct ft_letter letter;

    if (bytes[1] != FT_LETTER_RAFT)
        return;
    if (ft_letter_decode(&letter, bytes, n) != 0) {
        broke("%s writes a letter that cannot be read", machine->name);
        return;
    }
    for (size_t i = 0; i < world.gone_n; i++)
        if (world.gone_ids[i] == letter.from)
            broke("%s goes on under identity %" PRIu64 ", whose data are gone", machine->name,
                  letter.from);
    check_vote(machine, letter.from, &letter);
    ft_letter_drop(&letter);
}

static void env_send(void *arg, const char *name, uint8_t *letter, size_t n)
{
    struct machine *machine = arg;
    unsigned from = index_of(machine), to = (unsigned)(name[1] - '0');
    struct event event = {.what = LETTER, .machine = to, .from = from, .from_run = machine->run,
                          .letter = letter, .n = n};

    if (!machine->power_lost)
        check_letter(machine, letter, n);
    if (machine->power_lost || to >= MACHINES || world.cut[from][to] ||
        (world.loss_pct > 0 && chance(world.loss_pct))) {
        free(letter);
        return;
    }
    event.at_ms = world.now_ms + 1 + below(world.jitter ? 120 : 3);
    if (event.at_ms < world.arrives[from][to]) /* links keep the order */
        event.at_ms = world.arrives[from][to];
    world.arrives[from][to] = event.at_ms;
    event.run = world.machines[to].run;
    add_event(event);
}

static void env_work(void *arg, struct ft_voterio_work *work)
{
    struct machine *machine = arg;
    struct event event = {.what = DONE, .machine = index_of(machine), .run = machine->run};

    machine->work = work;
    event.at_ms = world.now_ms + (machine->slow ? 300 + below(900) : below(8));
    add_event(event);
}

static bool ledger_has(const struct ft_ledger *ledger, const char *key, uint64_t at_least)
{
    size_t n;
    const char *value = ft_ledger_get(ledger, key, &n);

    return value != NULL && n >= 20 && strtoull(value, NULL, 10) >= at_least;
}

/* What was safe in this term or before it. A leader that was asleep while others went on may say
 * for a moment that it leads, in its old term: nothing that it does then is ever agreed upon. */
static void check_safe_is_there(const struct machine *machine, uint64_t term, const char *when)
{
    const struct ft_ledger *ledger = ft_voter_ledger(machine->voter);

    for (size_t i = 0; i < world.puts_n; i++)
        if (world.puts[i].safe && world.puts[i].term <= term &&
            !ledger_has(ledger, world.puts[i].key, world.puts[i].number)) {
            broke("%s %s without %s, which was safe", machine->name, when, world.puts[i].key);
            return;
        }
}

static void env_lead(void *arg, uint64_t term)
{
    struct machine *machine = arg;

    note("%s leads in term %" PRIu64, machine->name, term);
    world.result->leads++;
    world.led = true;
    machine->leads = true;
    machine->lead_term = term;
    if (index_of(machine) == world.witness)
        broke("%s leads and is a witness", machine->name);
    if (!machine->power_lost)
        check_safe_is_there(machine, term, "leads");
}

static void env_follow(void *arg, const char *leader)
{
    struct machine *machine = arg;

    machine->leads = false;
    note("%s follows %s", machine->name, leader);
    for (size_t i = 0; i < world.puts_n; i++)
        if (world.puts[i].run == machine->run && world.puts[i].machine == index_of(machine))
            world.puts[i].run = 0; /* given up */
}

static void env_safe(void *arg, uint64_t mark)
{
    struct machine *machine = arg;

    if (machine->power_lost)
        return;
    for (size_t i = world.puts_n; i-- > 0;) {
        struct put *put = &world.puts[i];

        if (put->safe || put->run != machine->run || put->machine != index_of(machine) ||
            put->mark > mark)
            continue;
        if (!ft_voter_is_safe(machine->voter, put->mark))
            broke("%s says that %" PRIu64 " is safe, and that it is not", machine->name, mark);
        put->safe = true;
        world.result->safe++;
    }
}

static void env_broken(void *arg, const char *why)
{
    struct machine *machine = arg;

    note("%s is broken: %s", machine->name, why);
    if (!machine->power_lost)
        broke("%s is broken: %s", machine->name, why);
}

static void check_hand_over(const struct machine *machine, const char *to)
{
    struct ft_book_status status;
    uint64_t last = 0, has = 0;

    ft_voter_status(machine->voter, &status);
    last = status.last_index;
    for (size_t i = 0; i < status.voters_n; i++)
        if (strcmp(status.voters[i].name, to) == 0)
            has = status.voters[i].last_index;
    if (has + FT_STEWARD_LAG_MAX < last)
        broke("%s hands over to %s, which has %" PRIu64 " of %" PRIu64 " entries", machine->name, to,
              has, last);
}

static void env_say(void *arg, const char *event, const char *node, const char *text)
{
    struct machine *machine = arg;

    note("%s: %s %s: %s", machine->name, event, node, text);
    if (strcmp(event, "central_handing_over") == 0)
        check_hand_over(machine, node);
    if (strcmp(event, "central_handed_back") == 0)
        world.result->hand_backs++;
    if (strcmp(event, "voter_data_lost") == 0) {
        world.result->damaged++;
        if (!machine->data_lost)
            broke("%s takes its data for damaged, and they are not: %s", machine->name, text);
    }
}

static const struct ft_voter_env env_table = {
    .now_ms = env_now, .random = env_random, .fresh_id = env_fresh_id, .send = env_send,
    .work = env_work, .lead = env_lead, .follow = env_follow, .safe = env_safe,
    .broken = env_broken, .say = env_say,
};

/* ---------------------------------------------------------------- machines */

static void make_config(const struct machine *machine, struct ft_voter_config *config)
{
    memset(config, 0, sizeof *config);
    snprintf(config->self, sizeof config->self, "%s", machine->name);
    config->planned_n = world.planned;
    for (unsigned i = 0; i < world.planned; i++) {
        snprintf(config->planned[i].name, sizeof config->planned[i].name, "n%u", i);
        config->planned[i].priority = (int)(100 - 10 * i);
        config->planned[i].witness = i == world.witness;
    }
    config->election_ms = ELECTION_MS;
    config->beat_ms = BEAT_MS;
    config->handback_ms = HANDBACK_MS;
    config->snapshot_each = 24;
    config->trailing = 12;
    config->segment_bytes = 2048;
}

static void kill_voter(struct machine *machine);

static void start_voter(struct machine *machine)
{
    struct ft_voter_config config;
    struct ft_voter_env env = env_table;
    struct event tick = {.what = TICK, .machine = index_of(machine)};
    char why[256] = "";

    make_config(machine, &config);
    env.arg = machine;
    machine->run++;
    machine->down = machine->power_lost = machine->leads = false;
    machine->checked = 0;
    machine->work = NULL;
    machine->paused_until = 0;
    machine->voter = ft_voter_create(&machine->disk, &config, &env, why, sizeof why);
    if (machine->voter == NULL) {
        machine->down = true;
        if (machine->no_room) /* it is started again and again */
            add_event((struct event){.what = HEAL, .fault = START, .machine = index_of(machine),
                                     .at_ms = world.now_ms + 500});
        else if (!machine->power_lost)
            broke("%s does not start: %s", machine->name, why);
        note("%s does not start: %s", machine->name, why);
        return;
    }
    note("%s starts, identity %" PRIu64, machine->name, ft_voter_id(machine->voter));
    machine->id = ft_voter_id(machine->voter);
    for (unsigned i = 0; i < MACHINES; i++)
        if (world.machines[i].voter != NULL && i != index_of(machine)) {
            ft_voter_connected(machine->voter, world.machines[i].name);
            ft_voter_connected(world.machines[i].voter, machine->name);
        }
    tick.at_ms = world.now_ms + 1 + below(BEAT_MS);
    tick.run = machine->run;
    add_event(tick);
}

static void nothing(void *arg)
{
    (void)arg;
}

/* A host whose program was killed says so to those that it is connected with. */
static void tell_refused(const struct machine *gone)
{
    unsigned from = index_of(gone);

    for (unsigned i = 0; i < MACHINES; i++)
        if (world.machines[i].voter != NULL && i != from && !world.cut[i][from] &&
            !world.cut[from][i])
            add_event((struct event){.what = REFUSED, .machine = i, .from = from,
                                     .run = world.machines[i].run, .from_run = gone->run,
                                     .at_ms = world.now_ms + 1 + below(4)});
}

/* The program ends where it is. What a thread was doing may be done wholly, in part, or not. */
static void kill_voter(struct machine *machine)
{
    struct ft_voter *voter = machine->voter;
    struct ft_voterio_work *work = machine->work;

    if (voter == NULL)
        return;
    note("%s ends%s", machine->name, machine->power_lost ? " for want of power" : "");
    machine->voter = NULL;
    machine->work = NULL;
    if (work != NULL && !machine->power_lost && chance(60)) {
        if (chance(50))
            machine->power_in = 1 + below(3);
        work->run(work);
    }
    if (!machine->power_lost)
        tell_refused(machine);
    machine->power_in = 0;
    machine->power_lost = true;
    ft_voter_close(voter, nothing, NULL);
    if (work != NULL)
        work->done(work);
    ft_voter_destroy(voter);
    lose_unsynced(machine);
    machine->down = true;
    machine->leads = false;
    world.result->crashes++;
    for (size_t i = 0; i < world.puts_n; i++)
        if (world.puts[i].run == machine->run && world.puts[i].machine == index_of(machine))
            world.puts[i].run = 0;
}

static void look_at_power(struct machine *machine)
{
    if (machine->voter != NULL && machine->power_lost)
        kill_voter(machine);
}

/* ---------------------------------------------------------------- rules after each event */

static void check_leader(const struct machine *machine)
{
    uint64_t term = ft_voter_term(machine->voter), id = ft_voter_id(machine->voter);

    if (!ft_voter_is_leader(machine->voter))
        return;
    for (size_t i = world.terms_n; i-- > 0;) {
        if (world.term_of[i] != term)
            continue;
        if (world.leader_of[i] != id)
            broke("two lead in term %" PRIu64 ": %" PRIu64 " and %" PRIu64, term,
                  world.leader_of[i], id);
        return;
    }
    if (world.terms_n < TERMS_MAX) {
        world.term_of[world.terms_n] = term;
        world.leader_of[world.terms_n++] = id;
    }
}

/* A leader takes nobody to have what it has not: what is agreed upon rests on that. */
static void check_match(const struct machine *leader, const struct machine *other)
{
    struct raft *raft = &leader->voter->raft;
    raft_index match = 0;

    if (other->voter == NULL || other->voter->io == NULL || other == leader ||
        ft_voter_term(other->voter) > ft_voter_term(leader->voter) ||
        raft_state(raft) != RAFT_LEADER || raft_match_index(raft, other->id, &match) != 0)
        return;
    if (match > ft_store_last(other->voter->store))
        broke("%s takes %s to have %llu entries, and it has %" PRIu64, leader->name, other->name,
              match, ft_store_last(other->voter->store));
}

static void check_matches(const struct machine *machine)
{
    for (unsigned i = 0; i < MACHINES && ft_voter_is_leader(machine->voter); i++)
        check_match(machine, &world.machines[i]);
}

static void check_ledger(struct machine *machine)
{
    uint64_t applied = ft_voter_applied(machine->voter), hash;

    if (applied == machine->checked || applied >= INDEXES_MAX)
        return;
    machine->checked = applied;
    hash = ft_ledger_hash(ft_voter_ledger(machine->voter)) | 1;
    if (world.ledger_hash[applied] == 0)
        world.ledger_hash[applied] = hash;
    else if (world.ledger_hash[applied] != hash)
        broke("%s has another ledger than others at entry %" PRIu64, machine->name, applied);
}

static void check(struct machine *machine)
{
    look_at_power(machine);
    if (machine->voter == NULL)
        return;
    machine->id = ft_voter_id(machine->voter);
    check_leader(machine);
    check_matches(machine);
    check_ledger(machine);
}

/* ---------------------------------------------------------------- faults */

static void heal_later(enum fault fault, unsigned machine, unsigned after_ms)
{
    add_event((struct event){.what = HEAL, .fault = fault, .machine = machine,
                             .at_ms = world.now_ms + after_ms});
}

/* Is a member that votes, by what a leader knows to be agreed upon. */
static bool is_back(const struct machine *machine)
{
    for (unsigned i = 0; i < MACHINES; i++) {
        const struct machine *other = &world.machines[i];
        const struct raft *raft;

        if (other->voter == NULL || !other->leads || other->power_lost || machine->voter == NULL)
            continue;
        raft = &other->voter->raft;
        for (unsigned k = 0; raft->configuration_uncommitted_index == 0 && k < raft->configuration.n;
             k++)
            if (raft->configuration.servers[k].id == machine->id &&
                raft->configuration.servers[k].role == RAFT_VOTER)
                return true;
    }
    return false;
}

/* Data may only be lost where the others still are a majority: never two at a time. */
static bool may_lose(const struct machine *machine)
{
    if (world.planned < 3 || !world.led || machine->data_lost)
        return false;
    for (unsigned i = 0; i < MACHINES; i++) {
        struct machine *one = &world.machines[i];

        if (one->data_lost && is_back(one))
            one->data_lost = false;
        if (one->data_lost || (one->wanted && i < world.planned && !is_back(one) && one != machine))
            return false;
    }
    return is_back(machine);
}

static void forget_identity(struct machine *machine)
{
    if (world.gone_n < IDS_MAX)
        world.gone_ids[world.gone_n++] = machine->id;
    machine->data_lost = true;
    world.result->losses++;
}

static void lose_data(struct machine *machine)
{
    if (!may_lose(machine))
        return;
    kill_voter(machine);
    wipe(machine);
    forget_identity(machine);
    note("%s loses its data", machine->name);
    heal_later(START, index_of(machine), 1 + below(1500));
}

static uint64_t number_at(const uint8_t *bytes, int n)
{
    uint64_t number = 0;

    while (n-- > 0)
        number = number << 8 | bytes[n];
    return number;
}

/* Whether something was written after the first batch of a part of the log: what decays in the very
 * last batch cannot be told from what the power was lost under (doc/protocol.md has the
 * records). */
static bool has_two_batches(const struct file *file)
{
    uint64_t first = 0;
    size_t n;

    for (size_t at = 32; at + 40 <= file->n; at += 40 + n) {
        const uint8_t *head = file->bytes + at;
        uint64_t batch = number_at(head + 24, 8);

        n = (size_t)number_at(head + 4, 4);
        if (n > file->n - at - 40 || ft_crc32c(0, head + 4, 36 + n) != number_at(head, 4))
            break;
        if (first != 0 && batch != first)
            return true;
        first = batch;
    }
    return false;
}

/* Something in the middle of the log decays, or a file goes. */
static void damage_data(struct machine *machine)
{
    struct file *file = NULL;

    if (!may_lose(machine))
        return;
    kill_voter(machine);
    for (size_t i = 0; i < machine->files_n; i++)
        if (strncmp(machine->files[i].name, "log-", 4) == 0 &&
            (file == NULL || strcmp(machine->files[i].name, file->name) < 0))
            file = &machine->files[i];
    if (file == NULL || file->n < 200 || !has_two_batches(file)) {
        machine->down = true;
        heal_later(START, index_of(machine), 1 + below(1500));
        return;
    }
    note("%s's %s is damaged", machine->name, file->name);
    switch (below(3)) {
    case 0:
        file->bytes[40 + below(60)] ^= 0x10; /* the first record; others follow */
        break;
    case 1:
        remove_file(machine, find_file(machine, "mark", false));
        break;
    default:
        remove_file(machine, find_file(machine, "voter", false));
    }
    forget_identity(machine);
    heal_later(START, index_of(machine), 1 + below(1500));
}

static void change_plan(void)
{
    unsigned planned = world.planned == 3 ? 5 : world.planned == 5 ? 3 : world.planned == 1 ? 3 : 0;

    if (planned == 0 || (world.witness != MACHINES && world.witness >= planned))
        return;
    for (unsigned i = 0; i < world.planned; i++)
        if (world.machines[i].data_lost || !is_back(&world.machines[i]))
            return; /* one change at a time */
    world.planned = planned;
    note("the plan has %u voters", planned);
    for (unsigned i = 0; i < MACHINES; i++) {
        struct machine *machine = &world.machines[i];
        struct ft_voter_config config;

        make_config(machine, &config);
        if (machine->voter != NULL) {
            ft_voter_replan(machine->voter, &config);
            check(machine);
        } else if (i < planned && !machine->wanted) {
            machine->wanted = true;
            start_voter(machine);
        }
    }
}

static void begin_fault(void)
{
    static const uint8_t weights[FAULTS] = {
        [KILL] = 14, [POWER] = 16, [CUT_ONE] = 12, [CUT_ONE_WAY] = 5, [LOSSY] = 4, [JITTER] = 3,
        [PAUSE] = 8, [SLOW] = 6, [FULL] = 5, [LOSE_DATA] = 9, [DAMAGE] = 5, [PLAN] = 4, [RUSH] = 4,
        [HAND] = 5,
    };
    unsigned at = below(100), fault = 0, i = below(world.planned), other = below(world.planned);
    struct machine *machine = &world.machines[i];
    char why[128];

    while (fault + 1 < FAULTS && at >= weights[fault])
        at -= weights[fault++];
    if (chance(40)) /* who leads is the more interesting one */
        for (unsigned k = 0; k < MACHINES; k++)
            if (world.machines[k].leads)
                machine = &world.machines[i = k];
    switch ((enum fault)fault) {
    case KILL:
        kill_voter(machine);
        heal_later(START, i, 1 + below(2500));
        break;
    case POWER:
        if (machine->voter != NULL)
            machine->power_in = 1 + below(30);
        break;
    case CUT_ONE:
        for (unsigned k = 0; k < MACHINES; k++)
            world.cut[i][k] = world.cut[k][i] = true;
        heal_later(CUT_ONE, i, 200 + below(3000));
        break;
    case CUT_ONE_WAY:
        world.cut[i][other] = true;
        heal_later(CUT_ONE, i, 200 + below(3000));
        break;
    case LOSSY:
        world.loss_pct = 5 + below(30);
        heal_later(LOSSY, i, 200 + below(3000));
        break;
    case JITTER:
        world.jitter = true;
        heal_later(JITTER, i, 200 + below(2000));
        break;
    case PAUSE:
        machine->paused_until = world.now_ms + 100 + below(2500);
        note("%s is paused", machine->name);
        break;
    case SLOW:
        machine->slow = true;
        heal_later(SLOW, i, 500 + below(4000));
        break;
    case FULL:
        machine->no_room = true;
        heal_later(FULL, i, 200 + below(3000));
        break;
    case LOSE_DATA:
        lose_data(machine);
        break;
    case DAMAGE:
        damage_data(machine);
        break;
    case PLAN:
        change_plan();
        break;
    case RUSH:
        world.put_every_ms = 3;
        heal_later(RUSH, i, 1000 + below(2000));
        break;
    case HAND:
        if (machine->leads && machine->voter != NULL)
            ft_voter_hand_over(machine->voter, NULL, why, sizeof why);
        break;
    case START:
    case FAULTS:
        break;
    }
}

static void heal(enum fault fault, unsigned i)
{
    struct machine *machine = &world.machines[i];

    switch (fault) {
    case START:
        if (machine->voter == NULL && machine->down)
            start_voter(machine);
        break;
    case KILL:
        kill_voter(machine);
        heal_later(START, i, 1 + below(40));
        break;
    case CUT_ONE:
        for (unsigned k = 0; k < MACHINES; k++)
            world.cut[i][k] = world.cut[k][i] = false;
        break;
    case LOSSY:
        world.loss_pct = 0;
        break;
    case JITTER:
        world.jitter = false;
        break;
    case SLOW:
        machine->slow = false;
        break;
    case FULL:
        machine->no_room = false;
        break;
    case RUSH:
        world.put_every_ms = 60;
        break;
    default:
        break;
    }
}

static void calm_down(void)
{
    note("all faults are over");
    world.calm = true;
    world.calm_from_ms = world.now_ms;
    memset(world.cut, 0, sizeof world.cut);
    world.loss_pct = 0;
    world.jitter = false;
    world.put_every_ms = 200;
    for (unsigned i = 0; i < MACHINES; i++) {
        struct machine *machine = &world.machines[i];

        machine->slow = machine->no_room = false;
        machine->power_in = 0;
        machine->paused_until = 0;
        if (machine->wanted && machine->voter == NULL)
            start_voter(machine);
    }
}

/* ---------------------------------------------------------------- the course of things */

static void put_something(void)
{
    for (unsigned i = 0; i < MACHINES; i++) {
        struct machine *machine = &world.machines[i];
        struct put *put;
        char value[128];

        if (!machine->leads || machine->voter == NULL || machine->paused_until > world.now_ms ||
            world.puts_n == PUTS_MAX)
            continue;
        put = &world.puts[world.puts_n];
        memset(put, 0, sizeof *put);
        put->number = ++world.number;
        if (chance(30))
            snprintf(put->key, sizeof put->key, "hot/%u", below(HOT_KEYS));
        else if (world.puts_n < 300)
            snprintf(put->key, sizeof put->key, "put/%zu", world.puts_n);
        else
            return; /* enough to look through */
        world.puts_n++;
        put->machine = i;
        put->run = machine->run;
        put->term = machine->lead_term;
        snprintf(value, sizeof value, "%020" PRIu64 "%.*s", put->number, (int)below(60),
                 "............................................................");
        ft_voter_put(machine->voter, put->key, value, strlen(value) + 1);
        put->mark = ft_voter_mark(machine->voter);
        world.result->puts++;
        if (chance(70))
            ft_voter_flush(machine->voter);
        check(machine);
    }
}

static void tick(struct event *event)
{
    struct machine *machine = &world.machines[event->machine];

    ft_voter_tick(machine->voter);
    check(machine);
    event->at_ms = world.now_ms + BEAT_MS - 5 + below(10);
    if (machine->voter != NULL && machine->run == event->run)
        add_event(*event);
}

/* The answer about a vote that is no longer asked for. */
static bool is_late_answer(const struct machine *machine, const struct event *event)
{
    const struct ft_voter *voter = machine->voter;
    struct ft_letter letter;
    bool answer;

    if (voter->io == NULL || raft_state((struct raft *)&voter->raft) == RAFT_CANDIDATE ||
        event->letter[1] != FT_LETTER_RAFT ||
        ft_letter_decode(&letter, event->letter, event->n) != 0)
        return false;
    answer = letter.message.type == RAFT_REQUEST_VOTE_RESULT;
    ft_letter_drop(&letter);
    return answer;
}

static void receive(struct machine *machine, struct event *event)
{
    bool late = is_late_answer(machine, event);
    uint64_t term = ft_voter_term(machine->voter);

    ft_voter_receive(machine->voter, world.machines[event->from].name, event->letter, event->n);
    free(event->letter);
    if (late && ft_voter_term(machine->voter) != term)
        broke("a late answer about a vote takes %s from term %" PRIu64 " to %" PRIu64,
              machine->name, term, ft_voter_term(machine->voter));
    check(machine);
}

static void work_done(struct machine *machine)
{
    struct ft_voterio_work *work = machine->work;

    machine->work = NULL;
    work->run(work);
    if (!machine->power_lost)
        work->done(work);
    else
        machine->work = work; /* it does not hear of it; kill_voter ends it */
    check(machine);
}

static void happen(struct event *event)
{
    struct machine *machine = &world.machines[event->machine];
    bool for_voter = event->what <= REFUSED;

    if (for_voter && (machine->voter == NULL || machine->run != event->run)) {
        free(event->letter);
        return;
    }
    if (for_voter && event->what != DONE && machine->paused_until > world.now_ms) {
        event->at_ms = machine->paused_until;
        add_event(*event);
        return;
    }
    switch (event->what) {
    case TICK:
        tick(event);
        break;
    case LETTER:
        receive(machine, event);
        break;
    case DONE:
        work_done(machine);
        break;
    case REFUSED:
        if (world.machines[event->from].run == event->from_run &&
            world.machines[event->from].voter == NULL)
            ft_voter_refused(machine->voter, world.machines[event->from].name);
        check(machine);
        break;
    case PUT:
        put_something();
        event->at_ms = world.now_ms + 1 + below((unsigned)world.put_every_ms * 2);
        add_event(*event);
        break;
    case FAULT:
        if (world.calm)
            break;
        begin_fault();
        event->at_ms = world.now_ms + 1 + below(1200);
        add_event(*event);
        break;
    case HEAL:
        if (!world.calm)
            heal((enum fault)event->fault, event->machine);
        break;
    }
    /* Power that was lost takes the machine down for a while. */
    if (!world.calm)
        for (unsigned i = 0; i < MACHINES; i++)
            if (world.machines[i].wanted && world.machines[i].voter == NULL &&
                world.machines[i].power_lost && world.machines[i].down) {
                world.machines[i].power_lost = false;
                heal_later(START, i, 1 + below(2000));
            }
}

/* Whether everything is as it should be in the end; why not, otherwise. */
static bool is_well(char *why, size_t size)
{
    unsigned preferred = world.witness == 0 ? 1 : 0;
    struct machine *leader = &world.machines[preferred];
    struct ft_book_status status;

    if (leader->voter == NULL || !leader->leads) {
        snprintf(why, size, "%s does not lead", leader->name);
        return false;
    }
    ft_voter_status(leader->voter, &status);
    for (unsigned i = 0; i < world.planned; i++) {
        struct machine *machine = &world.machines[i];
        bool votes = false;

        for (size_t k = 0; k < status.voters_n; k++)
            votes = votes || (strcmp(status.voters[k].name, machine->name) == 0 &&
                              status.voters[k].votes && status.voters[k].id == machine->id);
        if (!votes || machine->voter == NULL ||
            ft_voter_applied(machine->voter) + 8 < ft_voter_applied(leader->voter)) {
            snprintf(why, size, "%s does not vote, or lags", machine->name);
            return false;
        }
    }
    if (status.voters_n != world.planned) {
        snprintf(why, size, "%zu members, %u planned", status.voters_n, world.planned);
        return false;
    }
    return true;
}

static void end_world(void)
{
    for (unsigned i = 0; i < MACHINES; i++) {
        if (world.machines[i].voter != NULL && world.result->broken[0] == '\0' &&
            i < world.planned && world.machines[i].leads)
            check_safe_is_there(&world.machines[i], UINT64_MAX, "ends");
        world.machines[i].power_lost = true;
        kill_voter(&world.machines[i]);
        wipe(&world.machines[i]);
    }
    while (world.events_n > 0)
        free(world.events[--world.events_n].letter);
}

static void begin_world(uint64_t seed, bool talk, struct world_result *result)
{
    static const uint8_t sizes[] = {1, 3, 3, 3, 3, 3, 5, 2};

    memset(&world, 0, sizeof world);
    memset(result, 0, sizeof *result);
    world.random = seed * 0x2545f4914f6cdd1du + 1;
    world.hash = 14695981039346656037u;
    world.result = result;
    world.talk = talk;
    world.now_ms = 1000;
    world.put_every_ms = 60;
    world.planned = sizes[below(sizeof sizes)];
    world.witness = world.planned >= 3 && chance(30) ? below(world.planned) : MACHINES;
    result->voters = world.planned;
    for (unsigned i = 0; i < MACHINES; i++) {
        struct machine *machine = &world.machines[i];

        snprintf(machine->name, sizeof machine->name, "n%u", i);
        machine->disk = (struct ft_disk){
            .arg = machine, .list = disk_list, .read = disk_read, .replace = disk_replace,
            .append = disk_append, .overwrite = disk_overwrite, .cut = disk_cut,
            .remove = disk_remove, .set_aside = disk_set_aside, .room = disk_room,
        };
        machine->down = true;
        machine->wanted = i < world.planned;
        if (machine->wanted)
            add_event((struct event){.what = HEAL, .fault = START, .machine = i,
                                     .at_ms = world.now_ms + below(1500)});
    }
    add_event((struct event){.what = PUT, .at_ms = world.now_ms + 100});
    add_event((struct event){.what = FAULT, .at_ms = world.now_ms + 300 + below(4000)});
}

void world_run(uint64_t seed, bool talk, struct world_result *result)
{
    char why[128] = "";
    uint64_t faults_until;

    begin_world(seed, talk, result);
    faults_until = world.now_ms + 3000 + below(12000);
    while (result->broken[0] == '\0') {
        struct event event = take_event();

        world.now_ms = event.at_ms;
        happen(&event);
        if (!world.calm && world.now_ms >= faults_until)
            calm_down();
        if (world.calm && world.now_ms > world.calm_from_ms + 1000 && event.what == PUT &&
            is_well(why, sizeof why))
            break;
        if (world.calm && world.now_ms > world.calm_from_ms + CALM_MS)
            broke("%d s after the last fault: %s", CALM_MS / 1000, why);
    }
    result->hash = world.hash;
    end_world();
}
