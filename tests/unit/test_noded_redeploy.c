/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_noded_redeploy.c - a unit's part in getting its node's central unit back: who may want what,
 * what is looked at, how a program arrives, and how it is started. Files in a folder of its own.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/log.h"
#include "core/redeploy.h"
#include "noded/conf.h"
#include "noded/program.h"
#include "noded/redeploy.h"

#define TERM 7
#define PROGRAM_BYTES 700000
#define WAIT_MS 60000

static uv_loop_t loop;
static struct ft_repairer *repairer;
static struct ft_noded_config config;
static char folder[] = "/tmp/ft-redeploy.XXXXXX";
static char program[100], ended[100], said[100];
static char *start_by[4];
static char nobody[1], no_such_user[] = "no-such-user";
static struct utsname machine;
static struct ft_repairer_wish wish;

/* the answer */
static bool answered;
static uint64_t answer_id;
static char problem[700], says[100], checksum[100], unwanted[300], version[40];
static bool there, data;
static int64_t pid;
static uint64_t held;

static int take_answer(void *arg, const Ft__Message *message)
{
    const Ft__Repaired *repaired = message->repaired;

    (void)arg;
    ck_assert_int_eq(message->body_case, FT__MESSAGE__BODY_REPAIRED);
    ck_assert_msg(!answered, "two answers to one question");
    answered = true;
    answer_id = message->id;
    snprintf(problem, sizeof problem, "%s", repaired->problem);
    snprintf(says, sizeof says, "%s", repaired->says);
    snprintf(checksum, sizeof checksum, "%s", repaired->checksum);
    snprintf(unwanted, sizeof unwanted, "%s", repaired->unwanted);
    snprintf(version, sizeof version, "%s", repaired->version);
    there = repaired->there;
    data = repaired->data;
    pid = repaired->pid;
    held = repaired->held;
    return 0;
}

/* ---------------------------------------------------------------- files */

static void path_of(char *to, const char *name)
{
    snprintf(to, 100, "%s/%s", folder, name);
}

static void write_file(const char *path, const void *bytes, size_t n, mode_t mode)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, bytes, n), (ssize_t)n);
    ck_assert_int_eq(fchmod(file, mode), 0);
    close(file);
}

static bool exists(const char *name)
{
    char path[100];

    path_of(path, name);
    return access(path, F_OK) == 0;
}

/* As much of a program as anybody looks at: its magic, and somewhere its mark. */
static uint8_t *make_program(const char *which)
{
    uint8_t *bytes = malloc(PROGRAM_BYTES);
    char mark[100];
    int n = snprintf(mark, sizeof mark, FT_REDEPLOY_MARK "%s", which);

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < PROGRAM_BYTES; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    memcpy(bytes, "\177ELF", 4);
    memcpy(bytes + 65536 - 20, mark, (size_t)n + 1); /* across two pieces of what reads it */
    return bytes;
}

static void sum_of(const uint8_t *bytes, char text[FT_CHECKSUM_TEXT_BYTES])
{
    char path[100];

    path_of(path, "summed");
    write_file(path, bytes, PROGRAM_BYTES, 0600);
    ck_assert_int_eq(ft_checksum_file(path, text), 0);
    unlink(path);
}

/* ---------------------------------------------------------------- asking */

static void make(void)
{
    wish = (struct ft_repairer_wish){.config = &config, .version = "1.2", .ended = ended,
                                     .process = "ft-no-such-one", .send = take_answer};
    repairer = ft_repairer_create(&loop, &wish);
    ck_assert_ptr_nonnull(repairer);
    ft_repairer_welcome(repairer, TERM);
}

static void setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path_of(program, "prog");
    path_of(ended, "ended");
    path_of(said, "said");
    ck_assert_int_eq(uname(&machine), 0);
    config = (struct ft_noded_config){.redeploy = true, .central_program = program,
                                      .central_start = start_by, .central_owner = nobody,
                                      .central_mode = 0750};
    memset(start_by, 0, sizeof start_by);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    make();
}

static void teardown(void)
{
    char command[120];

    ft_repairer_stop(repairer);
    uv_run(&loop, UV_RUN_DEFAULT);
    ft_repairer_destroy(repairer);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void on_wait_over(uv_timer_t *timer)
{
    (void)timer;
    ck_abort_msg("no answer");
}

static void await(void)
{
    uv_timer_t timer;

    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_wait_over, WAIT_MS, 0);
    while (!answered)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void say(Ft__Repair *repair)
{
    static uint64_t id;

    answered = false;
    ft_repairer_take(repairer, ++id, repair);
    await();
    ck_assert_uint_eq(answer_id, id);
}

static void ask(uint32_t step)
{
    Ft__Repair repair = FT__REPAIR__INIT;

    repair.term = TERM;
    repair.step = step;
    repair.folder = folder;
    say(&repair);
}

static void describe(Ft__Repair *repair, char *sum)
{
    ft__repair__init(repair);
    repair->term = TERM;
    repair->step = FT_REPAIR_PIECE;
    repair->version = (char *)(uintptr_t)"1.2";
    repair->machine = machine.machine;
    repair->total = PROGRAM_BYTES;
    repair->checksum = sum;
}

static void send_piece(uint8_t *bytes, char *sum, size_t at, size_t n)
{
    Ft__Repair repair;

    describe(&repair, sum);
    repair.offset = at;
    repair.piece.data = bytes + at;
    repair.piece.len = n;
    say(&repair);
}

static void send_all(uint8_t *bytes, char *sum)
{
    size_t n = 0;

    for (size_t at = 0; at < PROGRAM_BYTES; at += n) {
        n = PROGRAM_BYTES - at < FT_REDEPLOY_PIECE_MAX_BYTES ? PROGRAM_BYTES - at
                                                             : FT_REDEPLOY_PIECE_MAX_BYTES;
        send_piece(bytes, sum, at, n);
        ck_assert_str_eq(problem, "");
        ck_assert_uint_eq(held, at + n);
    }
}

static void refused(const char *words)
{
    ck_assert_msg(strstr(problem, words) != NULL, "\"%s\" says nothing of \"%s\"", problem, words);
}

/* ---------------------------------------------------------------- looking */

START_TEST(test_nothing_there)
{
    ask(FT_REPAIR_LOOK);
    ck_assert_str_eq(problem, "");
    ck_assert(!there && !data && pid == 0);
    ck_assert_str_eq(says, "");
    ck_assert_str_eq(checksum, "");
    ck_assert_str_eq(version, "1.2");
}
END_TEST

START_TEST(test_a_whole_program)
{
    uint8_t *bytes = make_program("3.4-5~x");
    char sum[FT_CHECKSUM_TEXT_BYTES], path[100];

    sum_of(bytes, sum);
    write_file(program, bytes, PROGRAM_BYTES, 0755);
    path_of(path, "voter");
    write_file(path, "id 1\n", 5, 0600);
    ask(FT_REPAIR_LOOK);
    ck_assert(there && data && pid == 0);
    ck_assert_str_eq(says, "3.4-5~x");
    ck_assert_str_eq(checksum, sum);
    free(bytes);
}
END_TEST

START_TEST(test_damaged_programs)
{
    uint8_t *bytes = make_program("1.2");

    write_file(program, bytes, PROGRAM_BYTES, 0644); /* cannot be executed */
    ask(FT_REPAIR_LOOK);
    ck_assert(there && says[0] == '\0' && checksum[0] != '\0');
    write_file(program, bytes, 65536, 0755); /* cut off within its mark */
    ask(FT_REPAIR_LOOK);
    ck_assert(there && says[0] == '\0' && checksum[0] != '\0');
    memset(bytes, 'x', 4); /* no program */
    write_file(program, bytes, PROGRAM_BYTES, 0755);
    ask(FT_REPAIR_LOOK);
    ck_assert(there && says[0] == '\0');
    write_file(program, "", 0, 0755);
    ask(FT_REPAIR_LOOK);
    ck_assert(there && says[0] == '\0' && checksum[0] != '\0');
    unlink(program);
    ck_assert_int_eq(mkdir(program, 0755), 0);
    ask(FT_REPAIR_LOOK);
    ck_assert(there && says[0] == '\0' && checksum[0] == '\0');
    ck_assert_int_eq(rmdir(program), 0);
    ck_assert_int_eq(mkfifo(program, 0755), 0); /* holds up nobody */
    ask(FT_REPAIR_LOOK);
    ck_assert(there && says[0] == '\0' && checksum[0] == '\0');
    free(bytes);
}
END_TEST

START_TEST(test_ended_in_order)
{
    write_file(ended, "", 0, 0644);
    ask(FT_REPAIR_LOOK);
    ck_assert_ptr_nonnull(strstr(unwanted, "in order"));
    unlink(ended);
}
END_TEST

/* A process of that name, with and without an argument. */
START_TEST(test_does_it_run)
{
    char path[100], command[250];
    pid_t child;
    int status;

    path_of(path, "ft-red-test");
    snprintf(command, sizeof command, "cp /bin/sleep %s", path);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(ft_program_runs("ft-red-test", "--job"), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execl(path, "ft-red-test", "100", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 6000 && ft_program_runs("ft-red-test", "--job") != child; i++)
        usleep(10000);
    ck_assert_int_eq(ft_program_runs("ft-red-test", "--job"), child);
    ck_assert_int_eq(ft_program_runs("ft-red-test", "100"), 0);
    ck_assert_int_eq(ft_program_runs("ft-red-other", "--job"), 0);
    wish.process = "ft-red-test";
    ft_repairer_stop(repairer);
    ft_repairer_destroy(repairer);
    repairer = ft_repairer_create(&loop, &wish);
    ft_repairer_welcome(repairer, TERM);
    ask(FT_REPAIR_LOOK);
    ck_assert_int_eq(pid, child);
    start_by[0] = (char *)(uintptr_t)"/bin/false"; /* and so is not even tried */
    ask(FT_REPAIR_START);
    ck_assert_str_eq(problem, "");
    kill(child, SIGKILL);
    for (int i = 0; i < 6000 && ft_program_runs("ft-red-test", "--job") != 0; i++)
        usleep(10000);
    ck_assert_int_eq(ft_program_runs("ft-red-test", "--job"), 0); /* a zombie runs no more */
    waitpid(child, &status, 0);
}
END_TEST

/* ---------------------------------------------------------------- who may want what */

START_TEST(test_only_the_leader_may)
{
    Ft__Repair repair = FT__REPAIR__INIT;

    repair.step = FT_REPAIR_LOOK;
    repair.term = TERM - 1;
    say(&repair);
    refused("term 6");
    repair.term = TERM + 1; /* one that has not welcomed this unit */
    say(&repair);
    refused("term 8");
    ft_repairer_welcome(repairer, TERM + 1);
    say(&repair);
    ck_assert_str_eq(problem, "");
    repair.term = TERM;
    say(&repair);
    refused("term 7");
    ft_repairer_stop(repairer);
    ft_repairer_destroy(repairer);
    repairer = ft_repairer_create(&loop, &wish); /* that nobody has welcomed */
    repair.term = 0;
    say(&repair);
    refused("term 0");
}
END_TEST

START_TEST(test_switched_off)
{
    config.redeploy = false;
    for (uint32_t step = FT_REPAIR_LOOK; step <= FT_REPAIR_START; step++) {
        ask(step);
        refused("redeploy = false");
    }
}
END_TEST

START_TEST(test_unknown_steps)
{
    ask(0);
    refused("not known");
    ask(99);
    refused("not known");
    ask(FT_REPAIR_PUT);
    refused("0 of 0 bytes");
}
END_TEST

START_TEST(test_one_step_at_a_time)
{
    Ft__Repair repair = FT__REPAIR__INIT;

    repair.term = TERM;
    repair.step = FT_REPAIR_LOOK;
    answered = false;
    ft_repairer_take(repairer, 1001, &repair);
    ft_repairer_take(repairer, 1002, &repair);
    ck_assert(answered && answer_id == 1002);
    refused("not done yet");
    answered = false;
    await();
    ck_assert(answer_id == 1001 && problem[0] == '\0');
}
END_TEST

/* ---------------------------------------------------------------- a program arrives */

START_TEST(test_program_arrives)
{
    uint8_t *bytes = make_program("1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES], is[FT_CHECKSUM_TEXT_BYTES];
    struct stat status;

    sum_of(bytes, sum);
    if (_i == 1)
        write_file(program, "what was there", 14, 0755);
    send_all(bytes, sum);
    ck_assert(exists("prog.sent") && (_i == 1) == exists("prog"));
    ask(FT_REPAIR_PUT);
    ck_assert_str_eq(problem, "");
    ck_assert_int_eq(ft_checksum_file(program, is), 0);
    ck_assert_str_eq(is, sum);
    ck_assert_int_eq(stat(program, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0750);
    ck_assert(!exists("prog.sent") && (_i == 1) == exists("prog.replaced"));
    ask(FT_REPAIR_LOOK);
    ck_assert_str_eq(says, "1.2");
    ask(FT_REPAIR_PUT); /* once is enough */
    refused("0 of");
    free(bytes);
}
END_TEST

START_TEST(test_what_arrives_damaged_is_not_used)
{
    uint8_t *bytes = make_program(_i == 2 ? "1.3" : "1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES], was[FT_CHECKSUM_TEXT_BYTES], is[FT_CHECKSUM_TEXT_BYTES];

    write_file(program, "what was there", 14, 0755);
    ck_assert_int_eq(ft_checksum_file(program, was), 0);
    if (_i == 1)
        memset(bytes, 'x', 4); /* intact, and no program */
    sum_of(bytes, sum);
    if (_i == 0)
        bytes[PROGRAM_BYTES - 1] ^= 1;
    send_all(bytes, sum);
    ask(FT_REPAIR_PUT);
    refused(_i == 0 ? "checksum" : "not version 1.2");
    ck_assert_int_eq(ft_checksum_file(program, is), 0);
    ck_assert_str_eq(is, was);
    ck_assert(!exists("prog.sent") && !exists("prog.replaced"));
    free(bytes);
}
END_TEST

START_TEST(test_programs_that_are_not_for_this_node)
{
    uint8_t *bytes = make_program("1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES];
    Ft__Repair repair;

    sum_of(bytes, sum);
    describe(&repair, sum);
    repair.piece.data = bytes;
    repair.piece.len = 1000;
    repair.version = (char *)(uintptr_t)"1.3";
    say(&repair);
    refused("version 1.3, and 1.2 is installed");
    describe(&repair, sum);
    repair.machine = (char *)(uintptr_t)"vax";
    say(&repair);
    refused("for vax");
    describe(&repair, sum);
    repair.total = 0;
    say(&repair);
    refused("0 bytes");
    repair.total = FT_REDEPLOY_PROGRAM_MAX_BYTES + UINT64_C(1);
    say(&repair);
    refused("is not taken");
    describe(&repair, (char *)(uintptr_t)"sha256:short");
    say(&repair);
    refused("of the form");
    ck_assert(!exists("prog.sent"));
    free(bytes);
}
END_TEST

START_TEST(test_pieces_out_of_order)
{
    uint8_t *bytes = make_program("1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES], other[FT_CHECKSUM_TEXT_BYTES];
    Ft__Repair repair;

    sum_of(bytes, sum);
    bytes[5] ^= 1;
    sum_of(bytes, other);
    bytes[5] ^= 1;
    send_piece(bytes, sum, 1000, 1000);
    refused("begun");
    send_piece(bytes, sum, 0, 1000);
    ck_assert_uint_eq(held, 1000);
    send_piece(bytes, sum, 2000, 1000); /* a gap */
    refused("1000 of");
    send_piece(bytes, sum, 500, 1000);
    refused("1000 of");
    send_piece(bytes, other, 1000, 1000); /* of another program */
    refused("begun");
    send_piece(bytes, sum, 1000, 0);
    refused("next piece");
    describe(&repair, sum); /* more than there is to be */
    repair.total = 1500;
    repair.piece.data = bytes;
    repair.piece.len = 1600;
    say(&repair);
    refused("next piece");
    send_piece(bytes, sum, 0, 1000); /* begun anew */
    ck_assert_uint_eq(held, 1000);
    ask(FT_REPAIR_PUT);
    refused("1000 of 700000");
    send_all(bytes, sum);
    ask(FT_REPAIR_PUT);
    ck_assert_str_eq(problem, "");
    free(bytes);
}
END_TEST

START_TEST(test_another_leader_begins_anew)
{
    uint8_t *bytes = make_program("1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES];

    sum_of(bytes, sum);
    send_piece(bytes, sum, 0, 1000);
    ck_assert(exists("prog.sent"));
    ft_repairer_welcome(repairer, TERM); /* the same one again */
    ck_assert(exists("prog.sent"));
    ft_repairer_welcome(repairer, TERM + 1);
    ck_assert(!exists("prog.sent"));
    free(bytes);
}
END_TEST

START_TEST(test_no_folder_for_it)
{
    uint8_t *bytes = make_program("1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES], path[] = "/no/such/folder/prog";

    sum_of(bytes, sum);
    config.central_program = path;
    send_piece(bytes, sum, 0, 1000);
    refused(strerror(ENOENT));
    config.central_program = program;
    config.central_owner = no_such_user;
    send_all(bytes, sum);
    ask(FT_REPAIR_PUT);
    refused("no such user");
    ck_assert(!exists("prog"));
    free(bytes);
}
END_TEST

/* Stopped in the middle of any step, it lets go of all. */
START_TEST(test_stopped_in_a_step)
{
    uint8_t *bytes = make_program("1.2");
    char sum[FT_CHECKSUM_TEXT_BYTES];
    Ft__Repair repair;

    sum_of(bytes, sum);
    start_by[0] = (char *)(uintptr_t)"/bin/sleep";
    start_by[1] = (char *)(uintptr_t)"50";
    describe(&repair, sum);
    repair.step = (uint32_t)_i;
    repair.folder = folder;
    repair.piece.data = bytes;
    repair.piece.len = 1000;
    answered = false;
    ft_repairer_take(repairer, 1, &repair);
    if (_i == FT_REPAIR_START)
        for (int i = 0; i < 20; i++) {
            uv_run(&loop, UV_RUN_NOWAIT);
            usleep(5000);
        }
    ft_repairer_stop(repairer);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert(_i == FT_REPAIR_PUT || !answered);
    ck_assert(!exists("prog.sent"));
    ft_repairer_take(repairer, 2, &repair); /* nor does it begin anything */
    ck_assert(_i == FT_REPAIR_PUT || !answered);
    free(bytes);
}
END_TEST

/* ---------------------------------------------------------------- the start */

START_TEST(test_starts)
{
    static const struct { const char *script, *problem; } starts[] = {
        {"exit 0", ""},
        {"echo no such library >&2; exit 3", "exit code 3: no such library"},
        {"kill -9 $$", "signal 9"},
    };

    start_by[0] = (char *)(uintptr_t)"/bin/sh";
    start_by[1] = (char *)(uintptr_t)"-c";
    start_by[2] = (char *)(uintptr_t)starts[_i].script;
    ask(FT_REPAIR_START);
    if (starts[_i].problem[0] == '\0')
        ck_assert_str_eq(problem, "");
    else
        refused(starts[_i].problem);
}
END_TEST

START_TEST(test_ft_conf_is_written_if_there_is_none)
{
    Ft__Repair repair = FT__REPAIR__INIT;
    char path[100], is[40] = "";
    struct stat status;
    FILE *file;

    snprintf(path, sizeof path, "%s/etc/ft.conf", folder);
    config.central_conf = path;
    start_by[0] = (char *)(uintptr_t)"/bin/true";
    repair.term = TERM;
    repair.step = FT_REPAIR_START;
    say(&repair); /* none was sent */
    ck_assert(problem[0] == '\0' && !exists("etc/ft.conf"));
    repair.conf = (char *)(uintptr_t)"share = true";
    say(&repair);
    ck_assert_str_eq(problem, "");
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0644);
    repair.conf = (char *)(uintptr_t)"share = false\n"; /* what is there counts */
    say(&repair);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(is, sizeof is, file));
    fclose(file);
    ck_assert_str_eq(is, "share = true\n");
    ck_assert(!exists("etc/ft.conf.sent"));
    snprintf(path, sizeof path, "/no/such/folder/ft.conf"); /* the start tells what it lacks */
    say(&repair);
    ck_assert_str_eq(problem, "");
}
END_TEST

START_TEST(test_started_by_itself)
{
    char script[300], text[100] = "";
    FILE *file;

    snprintf(script, sizeof script, "#!/bin/sh\necho \"$@ $HOME\" >%s\n", said);
    write_file(program, script, strlen(script), 0755);
    ask(FT_REPAIR_START);
    ck_assert_str_eq(problem, "");
    file = fopen(said, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    ck_assert_str_eq(text, "--daemonize \n"); /* and with nothing of this environment */
    unlink(program);
    ask(FT_REPAIR_START);
    refused("cannot be executed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("noded redeploy");
    TCase *tests = tcase_create("redeploy");
    SRunner *runner;
    int failed;

    ft_log_open("test", "/dev/null");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_nothing_there);
    tcase_add_test(tests, test_a_whole_program);
    tcase_add_test(tests, test_damaged_programs);
    tcase_add_test(tests, test_ended_in_order);
    tcase_add_test(tests, test_does_it_run);
    tcase_add_test(tests, test_only_the_leader_may);
    tcase_add_test(tests, test_switched_off);
    tcase_add_test(tests, test_unknown_steps);
    tcase_add_test(tests, test_one_step_at_a_time);
    tcase_add_loop_test(tests, test_program_arrives, 0, 2);
    tcase_add_loop_test(tests, test_what_arrives_damaged_is_not_used, 0, 3);
    tcase_add_test(tests, test_programs_that_are_not_for_this_node);
    tcase_add_test(tests, test_pieces_out_of_order);
    tcase_add_test(tests, test_another_leader_begins_anew);
    tcase_add_test(tests, test_no_folder_for_it);
    tcase_add_loop_test(tests, test_stopped_in_a_step, FT_REPAIR_LOOK, FT_REPAIR_START + 1);
    tcase_add_loop_test(tests, test_starts, 0, 3);
    tcase_add_test(tests, test_ft_conf_is_written_if_there_is_none);
    tcase_add_test(tests, test_started_by_itself);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
