/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_keep.c - kept state without MPI: partners (keep_partner.c), checksums (keep_sum.c),
 * generations (keep_store.c), bytes (keep_wire.c, keep_image.c), memory (keep_memory.c), and a
 * server of this process that is asked through its port (keep_server.c, keep_line.c).
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "layer/gone.h"
#include "layer/keep_line.h"
#include "layer/keep_memory.h"
#include "layer/keep_partner.h"
#include "layer/keep_server.h"
#include "layer/keep_store.h"
#include "layer/keep_sum.h"

#define LONG_MS 20000 /* only a broken test waits so long */
#define RANKS_MAX 64

static int64_t soon(void)
{
    return ftm_deadline_ns(LONG_MS);
}

/* ---------------------------------------------------------------- partners */

static char names[RANKS_MAX][2][16];
static struct ftm_keep_place places[RANKS_MAX];

/* n ranks, `per_node` of them on each node, `per_rack` nodes in each rack (0: racks not known). */
static void machine(int n, int per_node, int per_rack)
{
    for (int i = 0; i < n; i++) {
        snprintf(names[i][0], 16, "n%d", i / per_node);
        if (per_rack > 0)
            snprintf(names[i][1], 16, "r%d", i / per_node / per_rack);
        else
            names[i][1][0] = '\0';
        places[i] = (struct ftm_keep_place){names[i][0], names[i][1]};
    }
}

static int first_partner(int n, int rank)
{
    int order[RANKS_MAX];

    ck_assert_int_eq(ftm_keep_partners(places, n, rank, order), 0);
    return order[0];
}

static void each_has_one_at(int n, enum ftm_keep_distance distance)
{
    bool taken[RANKS_MAX] = {false};

    for (int i = 0; i < n; i++) {
        int partner = first_partner(n, i);

        ck_assert_int_ne(partner, i);
        ck_assert_int_ge((int) ftm_keep_distance(&places[i], &places[partner]), (int) distance);
        ck_assert_msg(!taken[partner], "rank %d keeps two ranks' state", partner);
        taken[partner] = true;
    }
}

START_TEST(partners_are_on_other_nodes)
{
    const int shapes[][2] = {{2, 1}, {4, 1}, {4, 2}, {6, 2}, {7, 3}, {12, 4}, {64, 8}, {64, 32}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        machine(shapes[i][0], shapes[i][1], 0);
        each_has_one_at(shapes[i][0], FTM_KEEP_OTHER_NODE);
    }
}
END_TEST

START_TEST(partners_are_in_other_racks_if_racks_are_known)
{
    const int shapes[][3] = {{4, 1, 2}, {8, 2, 2}, {12, 2, 3}, {64, 4, 4}, {60, 3, 5}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        machine(shapes[i][0], shapes[i][1], shapes[i][2]);
        each_has_one_at(shapes[i][0], FTM_KEEP_OTHER_RACK);
    }
}
END_TEST

/* A rack with more than half of all cannot have all its partners elsewhere: none has two. */
START_TEST(one_large_rack_gives_other_nodes_and_still_one_each)
{
    machine(8, 1, 6);
    each_has_one_at(8, FTM_KEEP_OTHER_NODE);
    machine(9, 6, 0); /* one node has most of the ranks: what can be had is one partner each */
    each_has_one_at(9, FTM_KEEP_SAME_NODE);
    machine(5, 5, 0);
    each_has_one_at(5, FTM_KEEP_SAME_NODE);
}
END_TEST

START_TEST(an_order_has_all_others_once_the_far_ones_first)
{
    int order[RANKS_MAX], last = FTM_KEEP_OTHER_RACK;
    bool seen[RANKS_MAX] = {false};

    machine(24, 2, 3);
    ck_assert_int_eq(ftm_keep_partners(places, 24, 5, order), 0);
    for (int i = 0; i < 23; i++) {
        int distance = (int) ftm_keep_distance(&places[5], &places[order[i]]);

        ck_assert_int_ne(order[i], 5);
        ck_assert(!seen[order[i]]);
        ck_assert_int_le(distance, last);
        seen[order[i]] = true;
        last = distance;
    }
    ck_assert_int_eq(last, FTM_KEEP_SAME_NODE);
}
END_TEST

START_TEST(an_order_follows_from_the_places_alone)
{
    int order[RANKS_MAX], again[RANKS_MAX];

    machine(20, 3, 2);
    for (int rank = 0; rank < 20; rank++) {
        ck_assert_int_eq(ftm_keep_partners(places, 20, rank, order), 0);
        ck_assert_int_eq(ftm_keep_partners(places, 20, rank, again), 0);
        ck_assert_mem_eq(order, again, 19 * sizeof *order);
    }
    machine(1, 1, 0);
    ck_assert_int_eq(ftm_keep_partners(places, 1, 0, order), 0); /* nobody else: nothing written */
}
END_TEST

/* ---------------------------------------------------------------- checksums */

START_TEST(the_checksum_is_crc_32c)
{
    ck_assert_uint_eq(ftm_keep_sum(0, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq(ftm_keep_sum_plain(0, "123456789", 9), 0xe3069283);
    ck_assert_uint_eq(ftm_keep_sum(0, "", 0), 0);
    ck_assert_uint_eq(ftm_keep_sum(ftm_keep_sum(0, "1234", 4), "56789", 5), 0xe3069283);
}
END_TEST

START_TEST(both_ways_to_compute_it_agree)
{
    static unsigned char bytes[100000];
    const size_t sizes[] = {1, 7, 8, 9, 63, 4095, 4096, 12287, 12288, 12289, 24576, 99991};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char) (i * 2654435761u >> 13);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t from = 0; from < 9; from += 3)
            ck_assert_uint_eq(ftm_keep_sum(17, bytes + from, sizes[i]),
                              ftm_keep_sum_plain(17, bytes + from, sizes[i]));
}
END_TEST

/* ---------------------------------------------------------------- images */

static struct ftm_keep_entry entry(const char *name, uint64_t bytes)
{
    struct ftm_keep_entry made = {.bytes = bytes};

    snprintf(made.name, sizeof made.name, "%s", name);
    return made;
}

static struct ftm_keep_image *image(int rank, int version, uint32_t epoch, uint64_t serial)
{
    const struct ftm_keep_entry entries[] = {entry("a", 1000), entry("none", 0), entry("b", 333)};
    struct ftm_keep_image *made = ftm_keep_image_create(entries, 3);

    ck_assert_ptr_nonnull(made);
    made->rank = rank;
    made->version = version;
    made->epoch = epoch;
    made->serial = serial;
    for (uint64_t i = 0; i < made->bytes; i++)
        made->data[i] = (unsigned char) (i * 7 + serial);
    ftm_keep_image_sum(made);
    return made;
}

START_TEST(damage_in_any_buffer_is_noticed)
{
    struct ftm_keep_image *one = image(0, 1, 0, 1);

    ck_assert_ptr_null(ftm_keep_image_damage(one));
    for (uint32_t i = 0; i < one->n; i += 2) {
        const struct ftm_keep_entry *damaged;
        unsigned char *last = one->data + one->entries[i].offset + one->entries[i].bytes - 1;

        *last ^= 1;
        damaged = ftm_keep_image_damage(one);
        ck_assert_ptr_nonnull(damaged);
        ck_assert_str_eq(damaged->name, one->entries[i].name);
        *last ^= 1;
    }
    ck_assert_ptr_null(ftm_keep_image_damage(one));
    ftm_keep_image_drop(one);
}
END_TEST

START_TEST(a_manifest_travels)
{
    struct ftm_keep_image *one = image(0, 1, 0, 1);
    unsigned char bytes[3 * FTM_KEEP_ENTRY_BYTES];
    struct ftm_keep_entry read[3];

    ftm_keep_manifest_write(one, bytes);
    ck_assert_int_eq(ftm_keep_manifest_read(bytes, 3, read), 0);
    ck_assert(ftm_keep_image_fits(one, read, 3));
    ck_assert_uint_eq(read[2].sum, one->entries[2].sum);
    bytes[FTM_KEEP_NAME_MAX - 1] = 'x'; /* a name without an end */
    ck_assert_int_eq(ftm_keep_manifest_read(bytes, 3, read), -1);
    bytes[0] = bytes[FTM_KEEP_NAME_MAX - 1] = 0; /* none */
    ck_assert_int_eq(ftm_keep_manifest_read(bytes, 3, read), -1);
    ftm_keep_image_drop(one);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused)
{
    const struct ftm_keep_entry entries[] = {entry("a", FTM_KEEP_BYTES_MAX),
                                             entry("b", UINT64_MAX - 10)};

    ck_assert_ptr_null(ftm_keep_image_create(entries, 2));
    ck_assert_int_eq(errno, EFBIG);
}
END_TEST

/* ---------------------------------------------------------------- generations */

static int version_at(struct ftm_keep_store *store, int age)
{
    const struct ftm_keep_image *there = ftm_keep_store_at(store, 5, age);

    return there ? there->version : -1;
}

START_TEST(the_last_two_stay)
{
    struct ftm_keep_store *store = ftm_keep_store_create();

    for (int i = 1; i <= 4; i++)
        ck_assert_int_eq(ftm_keep_store_add(store, image(5, 10 * i, 0, (uint64_t) i)), 0);
    ck_assert_int_eq(version_at(store, 0), 40);
    ck_assert_int_eq(version_at(store, 1), 30);
    ck_assert_int_eq(version_at(store, 2), -1);
    ck_assert_ptr_null(ftm_keep_store_find(store, 5, 20));
    ck_assert_ptr_nonnull(ftm_keep_store_find(store, 5, 30));
    ck_assert_int_eq(ftm_keep_store_find(store, 5, FTM_KEEP_LATEST)->version, 40);
    ck_assert_ptr_null(ftm_keep_store_find(store, 6, FTM_KEEP_LATEST));
    ftm_keep_store_destroy(store);
}
END_TEST

START_TEST(they_are_ordered_by_when_they_were_made_not_by_when_they_come)
{
    struct ftm_keep_store *store = ftm_keep_store_create();

    ftm_keep_store_add(store, image(5, 3, 0, 3));
    ftm_keep_store_add(store, image(5, 2, 0, 2));
    ck_assert_int_eq(version_at(store, 0), 3);
    ck_assert_int_eq(version_at(store, 1), 2);
    ftm_keep_store_add(store, image(5, 1, 0, 1)); /* too old for anybody */
    ck_assert_int_eq(version_at(store, 1), 2);
    ftm_keep_store_add(store, image(5, 9, 0, 3)); /* the same once more */
    ck_assert_int_eq(version_at(store, 0), 9);
    ck_assert_int_eq(version_at(store, 1), 2);
    ck_assert_uint_eq(ftm_keep_store_bytes(store), 2 * ftm_keep_store_at(store, 5, 0)->bytes);
    ftm_keep_store_destroy(store);
}
END_TEST

START_TEST(room_is_made_by_the_one_before_the_last)
{
    struct ftm_keep_store *store = ftm_keep_store_create();
    struct ftm_keep_image *first = image(5, 1, 0, 1), *room;

    ftm_keep_store_add(store, first);
    room = ftm_keep_store_room(store, 5, first->entries, first->n);
    ck_assert_ptr_ne(room, first); /* the only whole one stays */
    ck_assert_int_eq(version_at(store, 0), 1);
    ftm_keep_image_drop(room);
    ftm_keep_store_add(store, image(5, 2, 0, 2));
    ck_assert(ftm_keep_store_has_room(store, 5, first->entries, first->n));
    room = ftm_keep_store_room(store, 5, first->entries, first->n);
    ck_assert_ptr_eq(room, first); /* its memory, used again */
    ck_assert(!room->summed);
    ck_assert_int_eq(version_at(store, 0), 2);
    ck_assert_int_eq(version_at(store, 1), -1);
    ck_assert(!ftm_keep_store_has_room(store, 5, room->entries, room->n));
    ftm_keep_image_drop(room);
    ftm_keep_store_destroy(store);
}
END_TEST

START_TEST(room_in_use_elsewhere_is_left_alone)
{
    struct ftm_keep_store *store = ftm_keep_store_create();
    struct ftm_keep_image *first = image(5, 1, 0, 1), *room;

    ftm_keep_store_add(store, ftm_keep_image_hold(first)); /* somebody is sending it */
    ftm_keep_store_add(store, image(5, 2, 0, 2));
    room = ftm_keep_store_room(store, 5, first->entries, first->n);
    ck_assert_ptr_ne(room, first);
    ck_assert_ptr_null(ftm_keep_image_damage(first));
    ftm_keep_image_drop(room);
    ftm_keep_image_drop(first);
    ftm_keep_store_destroy(store);
}
END_TEST

START_TEST(a_replaced_process_is_refused)
{
    struct ftm_keep_store *store = ftm_keep_store_create();

    ck_assert_int_eq(ftm_keep_store_meet(store, 5, 0), 0);
    ftm_keep_store_add(store, image(5, 7, 0, 7));
    ck_assert_int_eq(ftm_keep_store_meet(store, 5, 1), 0); /* its replacement */
    ck_assert_int_eq(ftm_keep_store_meet(store, 5, 0), -1);
    ck_assert_int_eq(errno, ESTALE);
    ck_assert_int_eq(version_at(store, 0), 7); /* what it had kept is its replacement's */
    ftm_keep_store_add(store, image(5, 1, 1, 1)); /* newer, whatever it counts */
    ck_assert_int_eq(version_at(store, 0), 1);
    ck_assert_int_eq(version_at(store, 1), 7);
    ftm_keep_store_destroy(store);
}
END_TEST

START_TEST(going_back_forgets_what_was_never_to_be)
{
    struct ftm_keep_store *store = ftm_keep_store_create();

    ftm_keep_store_add(store, image(5, 1, 0, 1));
    ftm_keep_store_add(store, image(5, 2, 0, 2));
    ftm_keep_store_go_back(store, 5, 0, 1);
    ck_assert_int_eq(version_at(store, 0), 1);
    ck_assert_int_eq(version_at(store, 1), -1);
    ftm_keep_store_add(store, image(5, 2, 0, 3)); /* version 2 once more, another one */
    ck_assert_int_eq(version_at(store, 0), 2);
    ck_assert_int_eq(version_at(store, 1), 1);
    ftm_keep_store_go_back(store, 6, 0, 0); /* of nobody */
    ftm_keep_store_destroy(store);
}
END_TEST

/* ---------------------------------------------------------------- bytes */

START_TEST(frames_travel_and_damage_in_them_is_noticed)
{
    const struct ftm_keep_frame sent = {.kind = FTM_KEEP_PUT, .n = 3, .rank = 77, .version = -1,
                                        .epoch = 2, .serial = 1ull << 40, .bytes = 1234567890123,
                                        .speaker = FTM_KEEP_NOBODY};
    unsigned char bytes[FTM_KEEP_FRAME_BYTES];
    struct ftm_keep_frame got;

    ftm_keep_frame_write(&sent, bytes);
    ck_assert_int_eq(ftm_keep_frame_read(bytes, &got), 0);
    ck_assert_uint_eq(got.serial, sent.serial);
    ck_assert_uint_eq(got.bytes, sent.bytes);
    ck_assert_uint_eq(got.speaker, sent.speaker);
    ck_assert_int_eq(got.version, -1);
    for (int i = 0; i < FTM_KEEP_FRAME_BYTES; i++) {
        bytes[i] ^= 0x10;
        ck_assert_int_eq(ftm_keep_frame_read(bytes, &got), -1);
        bytes[i] ^= 0x10;
    }
}
END_TEST

START_TEST(cards_travel_and_nonsense_is_none)
{
    struct ftm_keep_card card = {.port = 4711, .node = "n1.example", .addresses_n = 2,
                                 .addresses = {"10.0.0.1", "fd00::1"}}, got;
    char text[FTM_KEEP_CARD_MAX];
    const char *const bad[] = {"", "1", "0;n;00;a", "1;n;zz;a", "1;;00;a", "70000;n;00;a",
                               "1;n;00;"};

    ftm_keep_random(card.key, sizeof card.key);
    ck_assert(ftm_keep_card_write(&card, text));
    ck_assert(ftm_keep_card_read(text, &got));
    ck_assert_uint_eq(got.port, 4711);
    ck_assert_str_eq(got.node, card.node);
    ck_assert_mem_eq(got.key, card.key, sizeof card.key);
    ck_assert_int_eq(got.addresses_n, 2);
    ck_assert_str_eq(got.addresses[1], "fd00::1");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!ftm_keep_card_read(bad[i], &got), "'%s' passed", bad[i]);
}
END_TEST

/* ---------------------------------------------------------------- memory */

static char root[64];

static void put_file(const char *folder, const char *name, const char *text)
{
    char command[512];

    snprintf(command, sizeof command, "mkdir -p '%s%s' && printf '%s' >'%s%s/%s'", root, folder, text,
             root, folder, name);
    ck_assert_int_eq(system(command), 0);
}

static void make_root(const char *groups)
{
    snprintf(root, sizeof root, "/tmp/test_keep.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    put_file("/proc/self", "cgroup", groups);
}

static void remove_root(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(memory_is_what_the_node_has_left)
{
    make_root("0::/\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), UINT64_MAX);
    put_file("/proc", "meminfo", "MemTotal:  8000 kB\nMemAvailable:   3000 kB\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), 3000 * 1024);
    remove_root();
    ck_assert_uint_gt(ftm_keep_memory_left(""), 0);
}
END_TEST

START_TEST(memory_is_what_a_group_above_has_left)
{
    make_root("0::/slurm/job_7/step_0\n");
    put_file("/proc", "meminfo", "MemAvailable:   3000 kB\n");
    put_file("/sys/fs/cgroup/slurm/job_7/step_0", "memory.max", "max\n");
    put_file("/sys/fs/cgroup/slurm/job_7/step_0", "memory.current", "900000\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), 3000 * 1024);
    put_file("/sys/fs/cgroup/slurm/job_7", "memory.max", "1000000\n");
    put_file("/sys/fs/cgroup/slurm/job_7", "memory.current", "900000\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), 100000);
    put_file("/sys/fs/cgroup/slurm/job_7", "memory.stat", "active_file 5\ninactive_file 50000\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), 150000);
    put_file("/sys/fs/cgroup/slurm/job_7", "memory.current", "1100000\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), 0);
    remove_root();
}
END_TEST

START_TEST(memory_groups_of_version_1_count_too)
{
    make_root("5:cpu,memory:/job_7\n4:memoryless:/other\n1:name=x:/\n0::/\n");
    put_file("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "9223372036854771712\n");
    put_file("/sys/fs/cgroup/memory", "memory.usage_in_bytes", "4096\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), UINT64_C(9223372036854771712) - 4096);
    put_file("/sys/fs/cgroup/memory/job_7", "memory.limit_in_bytes", "5000\n");
    put_file("/sys/fs/cgroup/memory/job_7", "memory.usage_in_bytes", "4096\n");
    ck_assert_uint_eq(ftm_keep_memory_left(root), 904);
    remove_root();
}
END_TEST

/* ---------------------------------------------------------------- a server, through its port */

static struct ftm_keep_server *server;
static struct ftm_keep_card card;

static void start_server(void)
{
    server = ftm_keep_server_create(&card);
    ck_assert_ptr_nonnull(server);
    card.addresses_n = 1;
    snprintf(card.addresses[0], FTM_KEEP_ADDRESS_MAX, "127.0.0.1");
}

static void stop_server(void)
{
    ftm_keep_server_destroy(server);
}

static struct ftm_keep_line open_line(void)
{
    struct ftm_keep_line line;

    ck_assert_int_eq(ftm_keep_line_open(&line, &card, -1, soon()), 0);
    return line;
}

/* How many images of rank 5 there are; their versions, the newest first. */
static int list(struct ftm_keep_line *line, uint32_t speaker, int versions[2])
{
    struct ftm_keep_frame found[FTM_KEEP_GENERATIONS];
    int n = ftm_keep_line_list(line, 5, speaker, found, soon());

    for (int i = 0; i < n; i++)
        versions[i] = found[i].version;
    return n;
}

START_TEST(what_is_put_is_got)
{
    struct ftm_keep_line line = open_line(), other = open_line();
    struct ftm_keep_image *sent = image(5, 42, 0, 1), *got;
    struct ftm_keep_frame found[FTM_KEEP_GENERATIONS];
    int versions[2];

    ck_assert_int_eq(list(&line, 0, versions), 0);
    ck_assert_int_eq(ftm_keep_line_put(&line, sent, 0, soon()), 0);
    ck_assert_int_eq(ftm_keep_line_list(&other, 5, FTM_KEEP_NOBODY, found, soon()), 1);
    got = ftm_keep_line_get(&other, &found[0], FTM_KEEP_NOBODY, NULL, soon());
    ck_assert_ptr_nonnull(got);
    ck_assert_int_eq(got->version, 42);
    ck_assert(ftm_keep_image_fits(got, sent->entries, sent->n));
    ck_assert_mem_eq(got->data, sent->data, sent->bytes);
    ftm_keep_image_drop(got);
    ftm_keep_image_drop(sent);
    ftm_keep_line_close(&line);
    ftm_keep_line_close(&other);
}
END_TEST

START_TEST(a_commit_without_buffers_is_one_too)
{
    struct ftm_keep_line line = open_line();
    struct ftm_keep_image *sent = ftm_keep_image_create(NULL, 0);
    int versions[2];

    sent->rank = 5;
    sent->version = 3;
    sent->serial = 1;
    ck_assert_int_eq(ftm_keep_line_put(&line, sent, 0, soon()), 0);
    ck_assert_int_eq(list(&line, 0, versions), 1);
    ck_assert_int_eq(versions[0], 3);
    ftm_keep_image_drop(sent);
    ftm_keep_line_close(&line);
}
END_TEST

/* Says that it puts the image, all but its data. */
static void begin_put(struct ftm_keep_line *line, const struct ftm_keep_image *image)
{
    const struct ftm_keep_frame frame = ftm_keep_frame_of(FTM_KEEP_PUT, image, image->epoch);
    unsigned char manifest[3 * FTM_KEEP_ENTRY_BYTES], bytes[FTM_KEEP_FRAME_BYTES];
    struct ftm_keep_frame answer;

    ck_assert_uint_eq(image->n, 3);
    ftm_keep_manifest_write(image, manifest);
    ftm_keep_frame_write(&frame, bytes);
    ck_assert_int_eq(ftm_keep_line_send(line, bytes, sizeof bytes, soon()), 0);
    ck_assert_int_eq(ftm_keep_line_send(line, manifest, sizeof manifest, soon()), 0);
    ck_assert_int_eq(ftm_keep_line_receive(line, bytes, sizeof bytes, soon()), 0);
    ck_assert_int_eq(ftm_keep_frame_read(bytes, &answer), 0);
    ck_assert_uint_eq(answer.kind, FTM_KEEP_DONE);
}

START_TEST(one_that_dies_in_the_middle_leaves_the_one_before)
{
    struct ftm_keep_line line = open_line(), other = open_line();
    struct ftm_keep_image *first = image(5, 1, 0, 1), *second = image(5, 2, 0, 2);
    int versions[2];

    ck_assert_int_eq(ftm_keep_line_put(&line, first, 0, soon()), 0);
    begin_put(&line, second);
    ck_assert_int_eq(ftm_keep_line_send(&line, second->data, second->bytes - 1, soon()), 0);
    ck_assert_int_eq(list(&other, FTM_KEEP_NOBODY, versions), 1);
    ftm_keep_line_close(&line); /* one byte was missing */
    ck_assert_int_eq(list(&other, FTM_KEEP_NOBODY, versions), 1);
    ck_assert_int_eq(versions[0], 1);
    ftm_keep_line_close(&other);
    ftm_keep_image_drop(first);
    ftm_keep_image_drop(second);
}
END_TEST

START_TEST(what_was_damaged_on_its_way_is_refused)
{
    struct ftm_keep_line line = open_line();
    struct ftm_keep_image *good = image(5, 1, 0, 1), *bad = image(5, 2, 0, 2);
    int versions[2];

    ck_assert_int_eq(ftm_keep_line_put(&line, good, 0, soon()), 0);
    bad->data[500] ^= 8;
    ck_assert_int_eq(ftm_keep_line_put(&line, bad, 0, soon()), -1);
    ck_assert_int_eq(errno, EILSEQ);
    ck_assert_int_eq(list(&line, 0, versions), 1); /* and the line goes on */
    ck_assert_int_eq(versions[0], 1);
    bad->data[500] ^= 8;
    ck_assert_int_eq(ftm_keep_line_put(&line, bad, 0, soon()), 0);
    ck_assert_int_eq(list(&line, 0, versions), 2);
    ftm_keep_image_drop(good);
    ftm_keep_image_drop(bad);
    ftm_keep_line_close(&line);
}
END_TEST

START_TEST(one_that_is_replaced_in_the_middle_is_refused)
{
    struct ftm_keep_line old = open_line(), new = open_line();
    struct ftm_keep_image *late = image(5, 9, 0, 9);
    unsigned char bytes[FTM_KEEP_FRAME_BYTES];
    struct ftm_keep_frame answer;
    int versions[2];

    begin_put(&old, late);
    ck_assert_int_eq(list(&new, 1, versions), 0); /* the replacement asks, and begins anew */
    ck_assert_int_eq(ftm_keep_line_send(&old, late->data, late->bytes, soon()), 0);
    ck_assert_int_eq(ftm_keep_line_receive(&old, bytes, sizeof bytes, soon()), 0);
    ck_assert_int_eq(ftm_keep_frame_read(bytes, &answer), 0);
    ck_assert_uint_eq(answer.kind, FTM_KEEP_REFUSED);
    ck_assert_uint_eq(answer.status, FTM_KEEP_STALE);
    ck_assert_int_eq(list(&new, 1, versions), 0); /* what was never to be is not there */
    ftm_keep_image_drop(late);
    ftm_keep_line_close(&old);
    ftm_keep_line_close(&new);
}
END_TEST

static double cpu_s(void)
{
    struct timespec used;

    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (double) used.tv_sec + (double) used.tv_nsec / 1e9;
}

START_TEST(a_guest_that_cannot_be_let_in_is_waited_for_asleep)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(card.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned char greeting[FTM_KEEP_GREETING_BYTES] = {0}, answer[FTM_KEEP_ANSWER_BYTES];
    struct ftm_keep_line line = FTM_KEEP_NO_LINE;
    struct rlimit few = {.rlim_cur = 128};
    int fds[128], n = 0;
    double cpu_before_s;

    memcpy(greeting, ftm_keep_magic, sizeof ftm_keep_magic);
    line.fd = socket(AF_INET, SOCK_STREAM, 0);
    few.rlim_max = few.rlim_cur;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < 128 && (fds[n] = dup(line.fd)) >= 0)
        n++;
    ck_assert_int_eq(connect(line.fd, (const struct sockaddr *) &address, sizeof address), 0);
    ck_assert_int_eq(ftm_keep_line_send(&line, greeting, sizeof greeting, soon()), 0);
    cpu_before_s = cpu_s();
    poll(NULL, 0, 500);
    ck_assert(cpu_s() - cpu_before_s < 0.1);
    while (n > 0)
        close(fds[--n]);
    ck_assert_int_eq(ftm_keep_line_receive(&line, answer, sizeof answer, soon()), 0);
    close(line.fd);
}
END_TEST

START_TEST(a_process_of_few_descriptors_serves_too)
{
    struct ftm_keep_line line, again;
    struct rlimit limit;
    rlim_t before;
    int versions[2];

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = 32;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    line = open_line();
    ck_assert_int_eq(list(&line, 0, versions), 0);
    limit.rlim_cur = 1; /* less than what is open already */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    shutdown(line.fd, SHUT_WR); /* it is woken, and cannot sleep again */
    poll(NULL, 0, 100);
    limit.rlim_cur = before;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    again = open_line();
    ck_assert_int_eq(list(&again, 0, versions), 0);
    ftm_keep_line_close(&line);
    ftm_keep_line_close(&again);
}
END_TEST

START_TEST(a_process_of_no_descriptors_any_more_can_end)
{
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit) {.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ftm_keep_server_destroy(server);
    server = NULL;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0); /* who looks for leaks opens files */
}
END_TEST

START_TEST(a_replaced_process_hears_that_it_is)
{
    struct ftm_keep_line old = open_line(), new = open_line();
    struct ftm_keep_image *late = image(5, 9, 0, 9);
    int versions[2];

    ck_assert_int_eq(ftm_keep_line_put(&old, late, 0, soon()), 0);
    ck_assert_int_eq(list(&new, 1, versions), 1); /* the replacement asks */
    late->serial++;
    ck_assert_int_eq(ftm_keep_line_put(&old, late, 0, soon()), -1);
    ck_assert_int_eq(errno, ESTALE);
    ck_assert_int_eq(list(&old, 0, versions), -1);
    ck_assert_int_eq(errno, ESTALE);
    ftm_keep_image_drop(late);
    ftm_keep_line_close(&old);
    ftm_keep_line_close(&new);
}
END_TEST

START_TEST(a_client_without_the_key_leaves)
{
    struct ftm_keep_card wrong = card;
    struct ftm_keep_line line;

    wrong.key[0] ^= 1; /* to this one, the server's proof is worth nothing */
    ck_assert_int_eq(ftm_keep_line_open(&line, &wrong, -1, soon()), -1);
    ck_assert_int_eq(errno, EACCES);
}
END_TEST

START_TEST(a_client_without_a_proof_gets_nothing)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(card.port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct ftm_keep_frame ask = {.kind = FTM_KEEP_ASK, .rank = 5,
                                       .speaker = FTM_KEEP_NOBODY};
    unsigned char said[FTM_KEEP_GREETING_BYTES + FTM_KEEP_PROOF_BYTES + FTM_KEEP_FRAME_BYTES] = {0};
    unsigned char heard[FTM_KEEP_ANSWER_BYTES + 1];
    struct ftm_keep_line line = FTM_KEEP_NO_LINE;

    memcpy(said, ftm_keep_magic, sizeof ftm_keep_magic);
    ftm_keep_frame_write(&ask, said + FTM_KEEP_GREETING_BYTES + FTM_KEEP_PROOF_BYTES);
    line.fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(ftm_keep_fd_add(line.fd));
    ck_assert_int_eq(connect(line.fd, (const struct sockaddr *) &address, sizeof address), 0);
    ck_assert_int_eq(ftm_keep_line_send(&line, said, sizeof said, soon()), 0);
    ck_assert_int_eq(ftm_keep_line_receive(&line, heard, FTM_KEEP_ANSWER_BYTES, soon()), 0);
    ck_assert_int_eq(ftm_keep_line_receive(&line, heard, 1, soon()), -1); /* the door is closed */
    ck_assert_int_eq(errno, ECONNRESET);
    ftm_keep_line_close(&line);
}
END_TEST

START_TEST(a_child_does_not_hold_the_door)
{
    struct ftm_keep_line line = open_line(), again;
    int versions[2], status;
    pid_t child = fork();

    if (child == 0) { /* its copies are closed: the parent's end alone ends the connection */
        char byte;

        _exit(read(line.fd, &byte, 1) == -1 && errno == EBADF ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(list(&line, 0, versions), 0);
    ftm_keep_line_close(&line);
    ftm_keep_server_destroy(server);
    server = NULL;
    ck_assert_int_eq(ftm_keep_line_open(&again, &card, -1, soon()), -1);
    ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("keep");
    TCase *pure = tcase_create("pure"), *served = tcase_create("served");

    tcase_add_test(pure, partners_are_on_other_nodes);
    tcase_add_test(pure, partners_are_in_other_racks_if_racks_are_known);
    tcase_add_test(pure, one_large_rack_gives_other_nodes_and_still_one_each);
    tcase_add_test(pure, an_order_has_all_others_once_the_far_ones_first);
    tcase_add_test(pure, an_order_follows_from_the_places_alone);
    tcase_add_test(pure, the_checksum_is_crc_32c);
    tcase_add_test(pure, both_ways_to_compute_it_agree);
    tcase_add_test(pure, damage_in_any_buffer_is_noticed);
    tcase_add_test(pure, a_manifest_travels);
    tcase_add_test(pure, sizes_that_cannot_be_are_refused);
    tcase_add_test(pure, the_last_two_stay);
    tcase_add_test(pure, they_are_ordered_by_when_they_were_made_not_by_when_they_come);
    tcase_add_test(pure, room_is_made_by_the_one_before_the_last);
    tcase_add_test(pure, room_in_use_elsewhere_is_left_alone);
    tcase_add_test(pure, a_replaced_process_is_refused);
    tcase_add_test(pure, going_back_forgets_what_was_never_to_be);
    tcase_add_test(pure, frames_travel_and_damage_in_them_is_noticed);
    tcase_add_test(pure, cards_travel_and_nonsense_is_none);
    tcase_add_test(pure, memory_is_what_the_node_has_left);
    tcase_add_test(pure, memory_is_what_a_group_above_has_left);
    tcase_add_test(pure, memory_groups_of_version_1_count_too);
    suite_add_tcase(suite, pure);
    tcase_add_checked_fixture(served, start_server, stop_server);
    tcase_set_timeout(served, 60);
    tcase_add_test(served, what_is_put_is_got);
    tcase_add_test(served, a_commit_without_buffers_is_one_too);
    tcase_add_test(served, one_that_dies_in_the_middle_leaves_the_one_before);
    tcase_add_test(served, what_was_damaged_on_its_way_is_refused);
    tcase_add_test(served, one_that_is_replaced_in_the_middle_is_refused);
    tcase_add_test(served, a_guest_that_cannot_be_let_in_is_waited_for_asleep);
    tcase_add_test(served, a_process_of_few_descriptors_serves_too);
    tcase_add_test(served, a_process_of_no_descriptors_any_more_can_end);
    tcase_add_test(served, a_replaced_process_hears_that_it_is);
    tcase_add_test(served, a_client_without_the_key_leaves);
    tcase_add_test(served, a_client_without_a_proof_gets_nothing);
    tcase_add_test(served, a_child_does_not_hold_the_door);
    suite_add_tcase(suite, served);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
