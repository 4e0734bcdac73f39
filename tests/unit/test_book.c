/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A voter's folder on a real file system (cut, damaged, of another version, in use), what the
 * steward decides, letters that are damaged; and three voters that talk through real sockets.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/book.h"
#include "centrald/disk.h"
#include "centrald/letters.h"
#include "centrald/store.h"
#include "common/clock.h"
#include "core/steward.h"
#include "net/link.h"

static char folder[] = "/tmp/ft-test-book-XXXXXX", why[512];
static char scratch[4096];

static void make_folder(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    snprintf(scratch, sizeof scratch, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(scratch), 0);
}

static char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---------------------------------------------------------------- the store */

#define ENTRIES 12

static void append(struct ft_store *store, uint64_t index, size_t n)
{
    char text[8][32];
    struct ft_store_entry entries[8];

    for (size_t i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "entry %d", (int)(index + i));
        entries[i] = (struct ft_store_entry){3, 1, text[i], strlen(text[i]) + 1};
    }
    ck_assert_int_eq(ft_store_append(store, index, entries, n), 0);
}

/* A store with entries 1 .. ENTRIES, each written by itself, in one file; not closed in order. */
static void fill_store(uint32_t segment_bytes)
{
    struct ft_disk *disk = ft_disk_open(folder, why, sizeof why);
    struct ft_store *store;
    struct ft_store_who who;

    ck_assert_ptr_nonnull(disk);
    store = ft_store_open(disk, "n1", 77, segment_bytes, why, sizeof why);
    ck_assert_msg(store != NULL, "%s", why);
    who = *ft_store_who(store);
    who.cluster = 5;
    ck_assert_int_eq(ft_store_set_who(store, &who), 0);
    ck_assert_int_eq(ft_store_set_term(store, 3, 77), 0);
    for (uint64_t i = 1; i <= ENTRIES; i++)
        append(store, i, 1);
    ft_store_close(store, false);
    ft_disk_close(disk);
}

static struct ft_store *open_store(struct ft_disk **disk)
{
    *disk = ft_disk_open(folder, why, sizeof why);
    ck_assert_msg(*disk != NULL, "%s", why);
    return ft_store_open(*disk, "n1", 88, 0, why, sizeof why);
}

static void must_hold(struct ft_store *store, uint64_t last)
{
    char text[32];

    ck_assert_uint_eq(ft_store_last(store), last);
    for (uint64_t i = ft_store_first(store); i <= last; i++) {
        const struct ft_store_entry *entry = ft_store_loaded(store, i);

        ck_assert_ptr_nonnull(entry);
        snprintf(text, sizeof text, "entry %d", (int)i);
        ck_assert_str_eq(entry->data, text);
        ck_assert_uint_eq(entry->term, 3);
    }
}

START_TEST(store_keeps_what_it_was_given)
{
    struct ft_disk *disk, *other;
    struct ft_store *store;
    uint64_t term, vote;

    make_folder();
    fill_store(200); /* several files */
    store = open_store(&disk);
    ck_assert_msg(store != NULL, "%s", why);
    must_hold(store, ENTRIES);
    ft_store_term(store, &term, &vote);
    ck_assert_uint_eq(term, 3);
    ck_assert_uint_eq(vote, 77);
    ck_assert_uint_eq(ft_store_who(store)->id, 77);
    ck_assert_uint_eq(ft_store_who(store)->cluster, 5);
    other = ft_disk_open(folder, why, sizeof why);
    ck_assert_ptr_null(other);
    ck_assert_ptr_nonnull(strstr(why, "in use"));
    ck_assert_int_eq(ft_store_cut(store, 7), 0);
    append(store, 7, 5); /* a batch */
    ft_store_close(store, true);
    ft_disk_close(disk);
    store = open_store(&disk);
    ck_assert_msg(store != NULL, "%s", why);
    must_hold(store, 11);
    ft_store_close(store, true);
    ck_assert_ptr_null(ft_store_open(disk, "n2", 9, 0, why, sizeof why));
    ck_assert_int_eq(errno, EPERM);
    ft_disk_close(disk);
    remove_folder();
}
END_TEST

START_TEST(store_keeps_snapshots)
{
    struct ft_disk *disk;
    struct ft_store *store;
    struct ft_store_snapshot snapshot = {.index = 9, .term = 3, .conf_index = 1, .conf = "conf",
                                         .conf_n = 4, .data = "ledger", .data_n = 6}, read;
    void *block;

    make_folder();
    fill_store(100);
    store = open_store(&disk);
    ck_assert_ptr_nonnull(store);
    ft_store_forget_loaded(store);
    ck_assert_int_eq(ft_store_put_snapshot(store, &snapshot, 4), 0);
    ck_assert_uint_gt(ft_store_first(store), 1);
    ck_assert_uint_le(ft_store_first(store), 6);
    ft_store_close(store, true);
    store = ft_store_open(disk, "n1", 88, 100, why, sizeof why);
    ck_assert_msg(store != NULL, "%s", why);
    must_hold(store, ENTRIES);
    ck_assert_uint_eq(ft_store_loaded_snapshot(store)->index, 9);
    snapshot.index = 50; /* installed: the log begins behind it */
    snapshot.term = 4;
    ck_assert_int_eq(ft_store_put_snapshot(store, &snapshot, 0), 0);
    ck_assert_uint_eq(ft_store_last(store), 50);
    append(store, 51, 2);
    ft_store_close(store, false);
    store = ft_store_open(disk, "n1", 88, 100, why, sizeof why);
    ck_assert_msg(store != NULL, "%s", why);
    ck_assert_uint_eq(ft_store_first(store), 51);
    ck_assert_uint_eq(ft_store_last(store), 52);
    ck_assert_int_eq(ft_store_read_snapshot(store, &read, &block), 0);
    ck_assert_uint_eq(read.term, 4);
    ck_assert_int_eq(memcmp(read.data, "ledger", 6), 0);
    free(block);
    ft_store_close(store, true);
    ft_disk_close(disk);
    remove_folder();
}
END_TEST

static size_t read_log(uint8_t *bytes, size_t size)
{
    int fd = open(path_of("log-00000000000000000001"), O_RDONLY);
    ssize_t n = read(fd, bytes, size);

    ck_assert_int_gt(n, 0);
    close(fd);
    return (size_t)n;
}

static void write_log(const uint8_t *bytes, size_t n)
{
    int fd = open(path_of("log-00000000000000000001"), O_WRONLY | O_TRUNC);

    ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
    close(fd);
}

/* Where record `index` begins, in a log of one file whose records are all small. */
static size_t record_at(const uint8_t *bytes, unsigned index)
{
    size_t at = 32;

    for (unsigned i = 1; i < index; i++)
        at += 40 + (size_t)(bytes[at + 4] | bytes[at + 5] << 8);
    return at;
}

/* The power goes while the last record is written: wherever it is cut, whatever of it is zero, the
 * records before it are there and it is not, and the store goes on. */
START_TEST(store_mends_a_torn_tail)
{
    uint8_t whole[4096], torn[4096];
    size_t n, last;

    make_folder();
    fill_store(0);
    n = read_log(whole, sizeof whole);
    last = record_at(whole, ENTRIES);
    for (size_t end = last; end <= n; end++)
        for (int how = 0; how < 3; how++) {
            struct ft_disk *disk;
            struct ft_store *store;
            size_t kept = end < n ? ENTRIES - 1 : ENTRIES;

            memcpy(torn, whole, n);
            if (how == 1)
                memset(torn + end, 0, n - end);
            else if (how == 2 && end < n)
                torn[end] ^= 0x81;
            if (how == 1 && memcmp(torn, whole, n) == 0)
                kept = ENTRIES; /* it ended in zeros anyway */
            write_log(torn, how == 0 ? end : n);
            store = open_store(&disk);
            ck_assert_msg(store != NULL, "cut at %zu (%d): %s", end, how, why);
            must_hold(store, kept);
            ck_assert_int_eq(ft_store_note(store)[0] != '\0',
                             kept < ENTRIES && (how > 0 || end > last));
            append(store, kept + 1, 1);
            ft_store_close(store, false);
            store = ft_store_open(disk, "n1", 88, 0, why, sizeof why);
            ck_assert_msg(store != NULL, "%s", why);
            must_hold(store, kept + 1);
            ft_store_close(store, false);
            ft_disk_close(disk);
        }
    remove_folder();
}
END_TEST

/* A byte of an earlier record, or of the head, has changed: these data are not to be used. */
START_TEST(store_notices_damage)
{
    uint8_t whole[4096], bad[4096];
    size_t n, last;

    make_folder();
    fill_store(0);
    n = read_log(whole, sizeof whole);
    last = record_at(whole, ENTRIES);
    for (size_t at = 0; at < last; at++) {
        struct ft_disk *disk;
        struct ft_store *store;

        memcpy(bad, whole, n);
        bad[at] ^= 0x20;
        write_log(bad, n);
        store = open_store(&disk);
        ck_assert_msg(store == NULL, "byte %zu changed, and nobody noticed", at);
        ck_assert_int_eq(errno, EBADMSG);
        ft_disk_close(disk);
    }
    remove_folder();
}
END_TEST

/* Files that are gone, or damaged. */
START_TEST(store_notices_lost_files)
{
    static const struct { const char *command; bool damaged; } cases[] = {
        {"rm %s/mark", true}, {"rm %s/voter", true}, {"rm %s/log-*", true},
        {"rm %s/state1 %s/state2", true}, {"rm %s/state1", false}, {"rm %s/state2", false},
        {"printf x >%s/state2", false}, {"printf x >%s/mark", true}, {"printf x >%s/voter", true},
        {"printf x >%s/snap", true}, {"printf x >%s/other; printf x >%s/voter.new", false},
        {"cd %s && mv log-00000000000000000001 log-00000000000000000003", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ft_disk *disk;
        struct ft_store *store;
        char format[128];

        make_folder();
        fill_store(0);
        snprintf(format, sizeof format, "%s", cases[i].command);
        snprintf(scratch, sizeof scratch, format, folder, folder);
        ck_assert_int_eq(system(scratch), 0);
        store = open_store(&disk);
        ck_assert_msg((store == NULL) == cases[i].damaged, "%s: %s", cases[i].command, why);
        if (store == NULL) {
            ck_assert_int_eq(errno, EBADMSG);
            snprintf(scratch, sizeof scratch, "touch %s/events.jsonl", folder);
            ck_assert_int_eq(system(scratch), 0);
            ck_assert_int_eq(ft_store_abandon(disk), 0);
            snprintf(scratch, sizeof scratch, "test -e %s/events.jsonl", folder);
            ck_assert_int_eq(system(scratch), 0); /* the event log is none of the store's */
            store = ft_store_open(disk, "n1", 99, 0, why, sizeof why);
            ck_assert_msg(store != NULL, "%s", why);
            ck_assert_uint_eq(ft_store_who(store)->id, 99);
            ck_assert_uint_eq(ft_store_last(store), 0);
        } else {
            must_hold(store, ENTRIES);
            ck_assert_uint_eq(ft_store_who(store)->id, 77);
        }
        ft_store_close(store, true);
        ft_disk_close(disk);
        remove_folder();
    }
}
END_TEST

START_TEST(store_that_ended_in_order_misses_nothing)
{
    struct ft_disk *disk;
    struct ft_store *store;
    uint8_t whole[4096];
    size_t n;

    make_folder();
    fill_store(0);
    store = open_store(&disk);
    ft_store_close(store, true);
    ft_disk_close(disk);
    n = read_log(whole, sizeof whole);
    write_log(whole, n - 1); /* no loss of power: somebody cut it */
    ck_assert_ptr_null(open_store(&disk));
    ck_assert_int_eq(errno, EBADMSG);
    ft_disk_close(disk);
    remove_folder();
}
END_TEST

START_TEST(store_of_a_later_version_is_left_alone)
{
    struct ft_disk *disk;

    make_folder();
    fill_store(0);
    snprintf(scratch, sizeof scratch, "sed -i 's/ft-voter 1/ft-voter 2/' %s/voter", folder);
    ck_assert_int_eq(system(scratch), 0);
    ck_assert_ptr_null(open_store(&disk));
    ck_assert_int_eq(errno, EPROTO);
    ck_assert_ptr_nonnull(strstr(why, "version 2"));
    ft_disk_close(disk);
    remove_folder();
}
END_TEST

/* ---------------------------------------------------------------- letters */

START_TEST(letters_come_back_the_same)
{
    static char text[] = "abcdefghi";
    struct raft_entry entries[3];
    struct raft_message message = {.type = RAFT_APPEND_ENTRIES};
    struct ft_letter letter;
    uint8_t *bytes, *cut;
    size_t n;

    for (int i = 0; i < 3; i++)
        entries[i] = (struct raft_entry){
            .term = 2, .type = RAFT_COMMAND, .buf = {text, (size_t)(3 * i)}};
    message.append_entries = (struct raft_append_entries){
        .version = 1, .term = 4, .prev_log_index = 5, .prev_log_term = 3, .leader_commit = 5,
        .entries = entries, .n_entries = 3};
    bytes = ft_letter_encode_raft(11, 22, 33, &message, &n);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(ft_letter_decode(&letter, bytes, n), 0);
    ck_assert_uint_eq(letter.from, 11);
    ck_assert_uint_eq(letter.to, 22);
    ck_assert_uint_eq(letter.cluster, 33);
    ck_assert_uint_eq(letter.message.append_entries.n_entries, 3);
    ck_assert_uint_eq(letter.message.append_entries.prev_log_index, 5);
    ck_assert_int_eq(memcmp(letter.message.append_entries.entries[2].buf.base, "abcdef", 6), 0);
    ft_letter_drop(&letter);
    for (size_t i = 0; i < n; i++) {
        cut = malloc(i > 0 ? i : 1);
        memcpy(cut, bytes, i);
        ck_assert_int_eq(ft_letter_decode(&letter, cut, i), -1);
        free(cut);
    }
    for (size_t i = 0; i < n; i++) /* changed bytes may be another letter, but never harm */
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            if (ft_letter_decode(&letter, bytes, n) == 0)
                ft_letter_drop(&letter);
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    free(bytes);
}
END_TEST

/* ---------------------------------------------------------------- the steward */

static struct ft_steward_voter three[3];

static struct ft_steward_view view_of(int64_t now_ms, size_t self)
{
    return (struct ft_steward_view){.now_ms = now_ms, .self = self, .last_index = 100,
                                    .handback_ms = 1000, .voters = three, .n = 3};
}

static void all_well(void)
{
    static const char *const names[] = {"n0", "n1", "n2"};

    for (int i = 0; i < 3; i++)
        three[i] = (struct ft_steward_voter){.name = names[i], .planned = true,
            .priority = 30 - 10 * i, .member_id = (uint64_t)i + 1, .votes = true,
            .shown_id = (uint64_t)i + 1, .reached = true, .match = 100};
}

static struct ft_steward_act act_at(struct ft_steward *steward, int64_t now_ms, size_t self)
{
    struct ft_steward_view view = view_of(now_ms, self);
    struct ft_steward_act act;

    ft_steward_look(steward, &view, &act);
    return act;
}

START_TEST(steward_hands_back_to_who_is_well_for_a_while)
{
    struct ft_steward steward = {0};
    struct ft_steward_act act;

    all_well();
    ck_assert_int_eq(act_at(&steward, 5000, 1).what, FT_STEWARD_NOTHING);
    ck_assert_int_eq(act_at(&steward, 5900, 1).what, FT_STEWARD_NOTHING);
    three[0].match = 10; /* it lags: the time begins anew */
    ck_assert_int_eq(act_at(&steward, 6000, 1).what, FT_STEWARD_NOTHING);
    three[0].match = 95;
    ck_assert_int_eq(act_at(&steward, 6100, 1).what, FT_STEWARD_NOTHING);
    ck_assert_int_eq(act_at(&steward, 7000, 1).what, FT_STEWARD_NOTHING);
    act = act_at(&steward, 7100, 1);
    ck_assert_int_eq(act.what, FT_STEWARD_TRANSFER);
    ck_assert_uint_eq(act.id, 1);
    ck_assert(act.handed_back);
    ft_steward_failed(&steward, 7100);
    ck_assert_int_eq(act_at(&steward, 7200, 1).what, FT_STEWARD_NOTHING);
    ck_assert_int_eq(act_at(&steward, 9200, 1).what, FT_STEWARD_TRANSFER);
    ck_assert_int_eq(act_at(&steward, 9900, 0).what, FT_STEWARD_NOTHING); /* it is the one */
    three[0].priority = three[1].priority;
    ck_assert_int_eq(act_at(&steward, 20000, 1).what, FT_STEWARD_NOTHING); /* as good as this one */
}
END_TEST

START_TEST(steward_never_lets_a_witness_lead)
{
    struct ft_steward steward = {0};
    struct ft_steward_act act;

    all_well();
    three[0].witness = true;
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_TRANSFER);
    ck_assert_uint_eq(act.id, 2);
    three[1].match = 20; /* lags: the other one */
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_TRANSFER);
    ck_assert_uint_eq(act.id, 3);
    ft_steward_failed(&steward, 5000); /* nobody leads: it tries on */
    ck_assert_int_eq(act_at(&steward, 5200, 0).what, FT_STEWARD_TRANSFER);
    three[2].reached = false;
    ck_assert_int_eq(act_at(&steward, 5000, 0).what, FT_STEWARD_NOTHING);
    all_well();
    three[0].witness = true;
    ck_assert_int_eq(act_at(&steward, 5000, 1).what, FT_STEWARD_NOTHING);
    ck_assert_int_eq(act_at(&steward, 99000, 1).what, FT_STEWARD_NOTHING);
}
END_TEST

START_TEST(steward_replaces_lost_identities)
{
    struct ft_steward steward = {0};
    struct ft_steward_act act;

    all_well();
    three[2].shown_id = 77;
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_REMOVE);
    ck_assert_uint_eq(act.id, 3);
    three[1].reached = false; /* without it no majority would be there */
    ck_assert_int_eq(act_at(&steward, 5000, 0).what, FT_STEWARD_NOTHING);
    all_well();
    three[2].shown_id = 77;
    three[2].foreign = true;
    ck_assert_int_eq(act_at(&steward, 5000, 0).what, FT_STEWARD_NOTHING);
    three[2].foreign = false;
    three[2].member_id = 0;
    three[2].votes = false;
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_ADD);
    ck_assert_uint_eq(act.id, 77);
    three[2].member_id = 77;
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_PROMOTE);
    three[2].planned = false;
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_REMOVE);
    ck_assert_uint_eq(act.id, 77);
}
END_TEST

START_TEST(steward_leaves_a_full_disk_and_obeys)
{
    struct ft_steward steward = {0};
    struct ft_steward_view view;
    struct ft_steward_act act;

    all_well();
    three[0].full = true;
    act = act_at(&steward, 5000, 0);
    ck_assert_int_eq(act.what, FT_STEWARD_TRANSFER);
    ck_assert_uint_eq(act.id, 2);
    three[1].full = three[2].full = true;
    ck_assert_int_eq(act_at(&steward, 5000, 0).what, FT_STEWARD_NOTHING);
    all_well();
    view = view_of(5000, 0);
    view.told_to_go = true;
    view.told_whom = "n2";
    ft_steward_look(&steward, &view, &act);
    ck_assert_int_eq(act.what, FT_STEWARD_TRANSFER);
    ck_assert_uint_eq(act.id, 3);
    view.busy = true;
    ft_steward_look(&steward, &view, &act);
    ck_assert_int_eq(act.what, FT_STEWARD_NOTHING);
}
END_TEST

/* ---------------------------------------------------------------- real books */

struct place {
    uv_loop_t *loop;
    struct ft_listener *listener;
    struct ft_book *book;
    char folder[64], name[8], leader[64], said[4096];
    bool leads, stopped;
    uint64_t term, safe, follows;
};

static struct ft_plan plan;
static struct ft_plan_voter voters[3];
static struct ft_identity identity;

static void place_lead(void *arg, uint64_t term)
{
    struct place *place = arg;

    place->leads = true;
    place->term = term;
}

static void place_follow(void *arg, const char *leader)
{
    struct place *place = arg;

    place->leads = false;
    place->follows++;
    snprintf(place->leader, sizeof place->leader, "%s", leader);
}

static void place_safe(void *arg, uint64_t mark)
{
    ((struct place *)arg)->safe = mark;
}

static void place_broken(void *arg, const char *text)
{
    (void)arg;
    ck_abort_msg("broken: %s", text);
}

static void place_say(void *arg, const char *event, const char *node, const char *text)
{
    struct place *place = arg;

    (void)node;
    (void)text;
    if (strlen(place->said) + strlen(event) + 2 < sizeof place->said)
        strcat(strcat(place->said, event), " ");
}

static void place_stopped(void *arg)
{
    ((struct place *)arg)->stopped = true;
}

static void link_message(void *arg, struct ft_link *link, const Ft__Message *message)
{
    struct place *place = arg;

    if (message->body_case == FT__MESSAGE__BODY_HELLO && place->book != NULL)
        ft_book_take(place->book, link, message->hello);
    else
        ft_link_close(link);
}

static void link_closed(void *arg, struct ft_link *link, int error, const char *text)
{
    (void)arg;
    (void)link;
    (void)error;
    (void)text;
}

static void accepted(void *arg, struct ft_link *link)
{
    static const struct ft_link_events events = {.message = link_message, .closed = link_closed};

    ft_link_accept(link, &events, arg);
}

static void place_begin(struct place *place, uv_loop_t *loop, int i)
{
    static const struct ft_book_events events = {place_lead, place_follow, place_safe, place_broken,
                                                 place_say};
    struct ft_book_config config = {.plan = &plan, .self = voters[i].name, .folder = place->folder,
                                    .identity = &identity};

    place->loop = loop;
    place->leads = place->stopped = false;
    place->said[0] = '\0';
    place->book = ft_book_open(loop, &config, &events, place, why, sizeof why);
    ck_assert_msg(place->book != NULL, "%s", why);
}

static void place_end(struct place *place)
{
    if (place->book == NULL)
        return;
    ft_book_stop(place->book, place_stopped, place);
    while (!place->stopped)
        uv_run(place->loop, UV_RUN_ONCE);
    ft_book_destroy(place->book);
    place->book = NULL;
    place->leads = false;
}

static void wake(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until the condition holds, 60 s at the most. */
#define AWAIT(loop, condition)                                           \
    do {                                                                 \
        int64_t until_ = ft_clock_ms() + 60000;                          \
        while (!(condition)) {                                           \
            ck_assert_msg(ft_clock_ms() < until_, "in vain: " #condition); \
            uv_run(loop, UV_RUN_ONCE);                                   \
        }                                                                \
    } while (0)

static void prepare_plan(size_t n)
{
    static const uint8_t key[FT_IDENTITY_KEY_BYTES] = {1, 2, 3};
    static char names[3][8] = {"n0", "n1", "n2"}, address[] = "127.0.0.1";

    signal(SIGPIPE, SIG_IGN);
    memset(&plan, 0, sizeof plan);
    ft_identity_set_key(&identity, key);
    plan.voters = voters;
    plan.voters_n = n;
    plan.election_ms = 300;
    plan.leader_beat_ms = 50;
    plan.handback_ms = 500;
    for (int i = 0; i < 3; i++)
        voters[i] = (struct ft_plan_voter){.name = names[i], .address = address,
                                           .priority = 30 - 10 * i};
}

START_TEST(one_voter_alone)
{
    uv_loop_t loop;
    struct place place = {0};
    struct ft_book_status status;
    size_t n;

    uv_loop_init(&loop);
    make_folder();
    prepare_plan(0);
    snprintf(place.folder, sizeof place.folder, "%s/a/b", folder);
    for (int round = 0; round < 3; round++) {
        place_begin(&place, &loop, 0);
        ck_assert(!place.leads); /* no callback before the return */
        AWAIT(&loop, place.leads);
        if (round > 0)
            ck_assert_ptr_nonnull(ft_ledger_get(ft_book_ledger(place.book), "job/1", &n));
        ft_book_put(place.book, "job/1", "x", 1);
        ft_book_put(place.book, "job/2", "y", 1);
        ck_assert(!ft_book_is_safe(place.book, ft_book_mark(place.book)));
        AWAIT(&loop, place.safe >= ft_book_mark(place.book));
        ck_assert(ft_book_is_safe(place.book, ft_book_mark(place.book)));
        ck_assert_ptr_nonnull(ft_ledger_get(ft_book_ledger(place.book), "job/2", &n));
        ft_book_put(place.book, "job/2", NULL, 0);
        AWAIT(&loop, place.safe >= ft_book_mark(place.book));
        ck_assert_ptr_null(ft_ledger_get(ft_book_ledger(place.book), "job/2", &n));
        ft_book_status(place.book, &status);
        ck_assert_uint_eq(status.voters_n, 1);
        ck_assert_str_eq(status.leader, "n0");
        ck_assert_str_eq(status.voters[0].state, "leads");
        place_end(&place);
        place.safe = 0;
    }
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    remove_folder();
}
END_TEST

/* Three on one loop, each with a port: one founds, two join; the leader goes, another one leads
 * with all that was safe; it comes back and leads again; one whose folder is emptied votes
 * again. */
START_TEST(three_voters_on_sockets)
{
    uv_loop_t loop;
    uv_timer_t timer;
    struct place places[3] = {0};
    struct ft_book_status status;
    size_t n;
    int64_t begun;

    uv_loop_init(&loop);
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, wake, 20, 20);
    make_folder();
    prepare_plan(3);
    for (int i = 0; i < 3; i++) {
        snprintf(places[i].folder, sizeof places[i].folder, "%s/n%d", folder, i);
        places[i].listener =
            ft_listener_tcp_as(&loop, "127.0.0.1", 0, &identity, accepted, &places[i]);
        ck_assert_ptr_nonnull(places[i].listener);
        voters[i].port = ft_listener_port(places[i].listener);
    }
    for (int i = 0; i < 3; i++)
        place_begin(&places[i], &loop, i);
    AWAIT(&loop, places[0].leads);
    ft_book_put(places[0].book, "job/1", "first", 5);
    AWAIT(&loop, ft_book_is_safe(places[0].book, ft_book_mark(places[0].book)));
    for (;;) { /* all three vote */
        ft_book_status(places[0].book, &status);
        if (status.voters_n == 3 && status.voters[0].votes && status.voters[1].votes &&
            status.voters[2].votes && status.voters[2].lag == 0)
            break;
        uv_run(&loop, UV_RUN_ONCE);
    }
    begun = ft_clock_ms();
    place_end(&places[0]); /* hands over, or is missed */
    AWAIT(&loop, places[1].leads || places[2].leads);
    ck_assert_int_lt(ft_clock_ms() - begun, 30000);
    for (int i = 1; i < 3; i++)
        if (places[i].leads) {
            ck_assert_ptr_nonnull(ft_ledger_get(ft_book_ledger(places[i].book), "job/1", &n));
            ft_book_put(places[i].book, "job/2", "second", 6);
            AWAIT(&loop, !places[i].leads || places[i].safe >= ft_book_mark(places[i].book));
        }
    place_begin(&places[0], &loop, 0);
    AWAIT(&loop, places[0].leads); /* again, after handback_ms */
    ck_assert_ptr_nonnull(ft_ledger_get(ft_book_ledger(places[0].book), "job/2", &n));
    place_end(&places[1]);
    snprintf(scratch, sizeof scratch, "rm -rf '%s'", places[1].folder);
    ck_assert_int_eq(system(scratch), 0);
    place_begin(&places[1], &loop, 1);
    AWAIT(&loop, ft_ledger_get(ft_book_ledger(places[1].book), "job/2", &n) != NULL);
    AWAIT(&loop, strstr(places[1].said, "voter_joined") != NULL);
    for (int i = 0; i < 3; i++) {
        place_end(&places[i]);
        ft_listener_close(places[i].listener);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    remove_folder();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("book");
    TCase *tests = tcase_create("book");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, store_keeps_what_it_was_given);
    tcase_add_test(tests, store_keeps_snapshots);
    tcase_add_test(tests, store_mends_a_torn_tail);
    tcase_add_test(tests, store_notices_damage);
    tcase_add_test(tests, store_notices_lost_files);
    tcase_add_test(tests, store_that_ended_in_order_misses_nothing);
    tcase_add_test(tests, store_of_a_later_version_is_left_alone);
    tcase_add_test(tests, letters_come_back_the_same);
    tcase_add_test(tests, steward_hands_back_to_who_is_well_for_a_while);
    tcase_add_test(tests, steward_never_lets_a_witness_lead);
    tcase_add_test(tests, steward_replaces_lost_identities);
    tcase_add_test(tests, steward_leaves_a_full_disk_and_obeys);
    tcase_add_test(tests, one_voter_alone);
    tcase_add_test(tests, three_voters_on_sockets);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
