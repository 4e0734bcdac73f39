/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_rms_slurm.c - what of nodes from Slurm is pure: the lines to the helper, the ladder, the
 * request made out of a job's record.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/log.h"
#include "rms/child.h"
#include "rms/rms.h"
#include "rms/talk.h"
#ifdef TEST_WISH
#include "rmshelp/wish.h"
#endif

START_TEST(test_talk_there_and_back)
{
    static const char *const values[] = {"", "plain", "two words", "100%", "a=b", "line\nbreak",
                                         "tab\t", "caf\303\251", "%20"};
    char line[500] = "word", copy[500];
    struct ft_talk talk;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char key[] = {'k', (char) ('a' + i), '\0'};

        ck_assert_int_eq(ft_talk_add(line, sizeof line, key, values[i]), 0);
    }
    ck_assert_int_eq(ft_talk_add(line, sizeof line, "none", NULL), 0);
    ck_assert_int_eq(ft_talk_add_number(line, sizeof line, "n", -42), 0);
    ck_assert_ptr_null(strchr(line, '\n'));
    strcpy(copy, line);
    ck_assert_int_eq(ft_talk_parse(copy, &talk), 0);
    ck_assert_str_eq(talk.word, "word");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char key[] = {'k', (char) ('a' + i), '\0'};

        ck_assert_str_eq(ft_talk_text(&talk, key), values[i]);
    }
    ck_assert_ptr_null(ft_talk_text(&talk, "none"));
    ck_assert_int_eq(ft_talk_number(&talk, "n", 7), -42);
    ck_assert_int_eq(ft_talk_number(&talk, "kb", 7), 7);
    ck_assert_int_eq(ft_talk_number(&talk, "none", 7), 7);
}
END_TEST

START_TEST(test_talk_that_makes_no_sense)
{
    static const char *const lines[] = {"", " ", "Word", "a b", "a =b", "a B=c", "a b=%", "a b=%2",
                                        "a b=%zz", "a b=%00", "a  b=c", "a1"};
    struct ft_talk talk;

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[20];

        strcpy(line, lines[i]);
        ck_assert_msg(ft_talk_parse(line, &talk) == -1, "understood: '%s'", lines[i]);
        ck_assert_int_eq(errno, EBADMSG);
    }
}
END_TEST

START_TEST(test_talk_has_limits)
{
    char line[200] = "w", whole[FT_TALK_PAIRS_MAX * 8 + 8] = "w", small[12] = "get";
    struct ft_talk talk;

    for (size_t size = 2; size < 12; size++) {
        char tight[12] = "w";

        if (ft_talk_add(tight, size, "key", " ") == 0)
            ck_assert_str_eq(tight, "w key=%20");
        else
            ck_assert_str_eq(tight, "w");
    }
    ck_assert_int_eq(ft_talk_add(small, sizeof small, "exclude", "n1"), -1);
    ck_assert_int_eq(errno, ENOBUFS);
    ck_assert_str_eq(small, "get");
    for (int i = 0; i <= FT_TALK_PAIRS_MAX; i++)
        strcat(whole, " k=v");
    ck_assert_int_eq(ft_talk_parse(whole, &talk), -1);
    ck_assert_int_eq(ft_talk_add(line, sizeof line, "k", "v"), 0);
}
END_TEST

START_TEST(test_ladder)
{
    static const char *const wrong[] = {"", ",", "beside,", ",beside", "spares,spares", "besides",
                                        "spares beside", "expand,beside,spares,expand", "Spares"};
    enum ft_way ladder[FT_WAYS_MAX] = {FT_WAY_EXPAND};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(ft_ways_parse(wrong[i], ladder) == -1, "taken: '%s'", wrong[i]);
        ck_assert_int_eq(errno, EINVAL);
        ck_assert_int_eq(ladder[0], FT_WAY_EXPAND);
    }
    ck_assert_int_eq(ft_ways_parse("beside", ladder), 0);
    ck_assert(ladder[0] == FT_WAY_BESIDE && ladder[1] == 0 && ladder[2] == 0);
    ck_assert_int_eq(ft_ways_parse("expand,beside,spares", ladder), 0);
    ck_assert(ladder[0] == FT_WAY_EXPAND && ladder[1] == FT_WAY_BESIDE &&
              ladder[2] == FT_WAY_SPARES);
}
END_TEST

START_TEST(test_a_backend_without_what_it_needs)
{
    struct ft_rms_config config = {.slurm = {.job = 1, .timeout_ms = 1}};

    ck_assert_ptr_null(ft_rms_create("slurm", &config, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* ---------------------------------------------------------------- helpers that fail */

/* What the helper does is asked for by the name of the excluded node. */
static const char fake[] =
    "#!/bin/sh\n"
    "echo ready\n"
    "read -r order || exit 0\n"
    "case $order in\n"
    "*exclude=give*|keep*) echo 'got node=n7 own=9 way=beside end=0'; read -r order; echo back ;;\n"
    "*exclude=refuse*) echo 'none why=no%20luck at=5' ;;\n"
    "*exclude=garble*) echo 'got =' ;;\n"
    "*exclude=die*) echo 'cannot go on' >&2; exit 3 ;;\n"
    "*exclude=hang*) exec sleep 5 <&- ;;\n"
    "*exclude=tell*) ways=${order#*ways=} wait=${order#*wait_ms=}\n"
    "    echo \"none why=${ways%% *}/${wait%% *}\" ;;\n"
    "esac\n";

struct heard {
    uv_loop_t loop;
    unsigned n;
    char text[200];
};

static void hear_offer(void *arg, uint64_t acquire, const char *node)
{
    struct heard *heard = arg;

    heard->n++;
    snprintf(heard->text, sizeof heard->text, "%d offers %s", (int) acquire, node);
    uv_stop(&heard->loop);
}

static void hear_none(void *arg, uint64_t acquire, const char *why, int64_t at_s)
{
    struct heard *heard = arg;

    heard->n++;
    snprintf(heard->text, sizeof heard->text, "%d none: %s (%d)", (int) acquire, why, (int) at_s);
    uv_stop(&heard->loop);
}

/* By another ladder than the config's, unless it is NULL, waiting so long. */
static void ask_so(struct ft_rms *rms, struct heard *heard, uint64_t acquire, const char *how,
                   const char *ladder, unsigned wait_ms)
{
    struct ft_wanted wanted = {.job = "j", .excluded = &how, .excluded_n = 1, .ladder = ladder,
                               .wait_ms = wait_ms};
    unsigned before = heard->n;

    ft_rms_acquire(rms, acquire, &wanted);
    while (heard->n == before) /* an answer that came at once may have stopped it ahead */
        uv_run(&heard->loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(heard->n, before + 1);
}

static void ask(struct ft_rms *rms, struct heard *heard, uint64_t acquire, const char *how)
{
    ask_so(rms, heard, acquire, how, NULL, 0);
}

static void make_fake(char *path)
{
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, fake, sizeof fake - 1), (int) sizeof fake - 1);
    ck_assert_int_eq(fchmod(fd, 0700), 0);
    close(fd);
    ft_log_set_level(FT_LOG_ERROR);
}

static void end_with(struct ft_rms *rms, struct heard *heard)
{
    ft_rms_destroy(rms);
    while (uv_run(&heard->loop, UV_RUN_DEFAULT) != 0)
        continue; /* the last answer stopped it ahead */
    ck_assert_int_eq(uv_loop_close(&heard->loop), 0);
}

START_TEST(test_policy_of_a_wish)
{
    static const struct ft_rms_events events = {.offer = hear_offer, .none = hear_none};
    static const char *const spares[] = {"s1"};
    static struct heard heard;
    char path[] = "/tmp/ft-fake-helper.XXXXXX";
    struct ft_rms_config config = {.nodes_max = 1, .pool = spares, .pool_n = 1,
                                   .loop = &heard.loop,
                                   .slurm = {.job = 5, .ladder = {FT_WAY_BESIDE},
                                             .timeout_ms = 1000, .helper = path}};
    struct ft_rms *rms;

    make_fake(path);
    uv_loop_init(&heard.loop);
    rms = ft_rms_create("slurm", &config, &events, &heard);
    ck_assert_ptr_nonnull(rms);
    ask_so(rms, &heard, 1, "tell", NULL, 0);
    ck_assert_str_eq(heard.text, "1 none: beside/0 (0)");
    ask_so(rms, &heard, 2, "tell", "expand,beside", 300);
    ck_assert_str_eq(heard.text, "2 none: expand,beside/300 (0)");
    ask_so(rms, &heard, 3, "tell", "expand", 5000); /* the answer has to come in time */
    ck_assert_str_eq(heard.text, "3 none: expand/900 (0)");
    /* config's ladder has no spares; a wish's may have */
    ask_so(rms, &heard, 4, "tell", "beside,spares", 0);
    ck_assert_str_eq(heard.text, "4 offers s1");
    ask_so(rms, &heard, 5, "tell", "spares", 0);
    ck_assert_msg(strncmp(heard.text, "5 none: no spare node is left", 29) == 0, "%s", heard.text);
    ask_so(rms, &heard, 6, "tell", "spares,beside", 0);
    ck_assert_str_eq(heard.text, "6 none: beside/0 (0)");
    /* spares do not count; one node from Slurm, and no other until it is given back */
    ask(rms, &heard, 7, "give");
    ck_assert_str_eq(heard.text, "7 offers n7");
    ask(rms, &heard, 8, "give");
    ck_assert_ptr_nonnull(strstr(heard.text, "8 none: job 5 has, or waits for, as many nodes"));
    ck_assert_ptr_nonnull(strstr(heard.text, "1 (rms_nodes_max)"));
    ft_rms_release(rms, "n7", false);
    ask(rms, &heard, 9, "give");
    ck_assert_str_eq(heard.text, "9 offers n7");
    unlink(path);
    end_with(rms, &heard);
}
END_TEST

START_TEST(test_every_wish_is_answered_once)
{
    static const struct ft_rms_events events = {.offer = hear_offer, .none = hear_none};
    static struct heard heard;
    char path[] = "/tmp/ft-fake-helper.XXXXXX";
    struct ft_rms_config config = {.nodes_max = 8,
                                   .loop = &heard.loop,
                                   .slurm = {.job = 5, .ladder = {FT_WAY_BESIDE},
                                             .timeout_ms = 1000, .helper = path}};
    struct ft_rms *rms;

    make_fake(path);
    uv_loop_init(&heard.loop);
    rms = ft_rms_create("slurm", &config, &events, &heard);
    ck_assert_ptr_nonnull(rms);
    ask(rms, &heard, 1, "give");
    ck_assert_str_eq(heard.text, "1 offers n7");
    ask(rms, &heard, 2, "refuse");
    ck_assert_str_eq(heard.text, "2 none: no luck (5)");
    ask(rms, &heard, 3, "garble");
    ck_assert_ptr_nonnull(strstr(heard.text, "3 none: the helper for Slurm ended: it said what"));
    ask(rms, &heard, 4, "die");
    ck_assert_ptr_nonnull(strstr(heard.text, "4 none: the helper for Slurm ended: cannot go on"));
    ask(rms, &heard, 5, "hang");
    ck_assert_ptr_nonnull(strstr(heard.text, "5 none: Slurm did not answer in time"));
    ft_rms_release(rms, "n7", false);
    ft_rms_abandon(rms, 4711);
    unlink(path);
    ask(rms, &heard, 6, "refuse"); /* the one that was ready */
    ask(rms, &heard, 7, "refuse");
    ck_assert_ptr_nonnull(strstr(heard.text, "7 none: /tmp/ft-fake-helper"));
    end_with(rms, &heard);
}
END_TEST

/* ---------------------------------------------------------------- one of many, for a system */

/* It notes how it was started and what it is told in a file beside it. */
static const char noting[] =
    "#!/bin/sh\n"
    "echo \"started $*\" >>$0.log\n"
    "echo ready\n"
    "read -r order || exit 0\n"
    "echo \"$order\" >>$0.log\n"
    "case $order in\n"
    "get*) echo 'got node=n7 own=9 way=beside end=0'; echo 'failing node=n99 why=lie' ;;\n"
    "adopt*node=n8*) echo 'adopted node=n8 own=10 way=beside' ;;\n"
    "adopt*) echo 'none why=not%20there' ;;\n"
    "watch*) echo 'failing node=n1 why=old'; echo 'well node=n1 why=mended' ;;\n"
    "esac\n"
    "while read -r line; do echo \"$line\" >>$0.log; done\n"
    "echo closed >>$0.log\n";

static struct {
    uv_loop_t loop;
    char path[64], log[80], news[200];
    struct ft_rms_config config;
} many;

static void note_offer(void *arg, uint64_t acquire, const char *node)
{
    (void) arg;
    snprintf(many.news + strlen(many.news), sizeof many.news - strlen(many.news), "%d:%s ",
             (int) acquire, node);
}

static void note_none(void *arg, uint64_t acquire, const char *why, int64_t at_s)
{
    (void) arg;
    (void) acquire;
    (void) at_s;
    ck_abort_msg("none: %s", why);
}

static void note_fail(void *arg, const char *node, bool failing, const char *why)
{
    (void) arg;
    (void) why;
    snprintf(many.news + strlen(many.news), sizeof many.news - strlen(many.news), "%s-%s ",
             failing ? "failing" : "gone", node);
}

static void note_well(void *arg, const char *node, const char *why)
{
    (void) arg;
    (void) why;
    snprintf(many.news + strlen(many.news), sizeof many.news - strlen(many.news), "well-%s ", node);
}

static const struct ft_rms_events noted = {
    .offer = note_offer, .none = note_none, .node_fail = note_fail, .node_well = note_well};

static bool log_has(const char *text)
{
    char said[4000] = "";
    FILE *file = fopen(many.log, "r");
    size_t n = file != NULL ? fread(said, 1, sizeof said - 1, file) : 0;

    said[n] = '\0';
    if (file != NULL)
        fclose(file);
    return strstr(said, text) != NULL;
}

static bool news_have(const char *text)
{
    return strstr(many.news, text) != NULL;
}

static bool all_reaped(const char *unused)
{
    siginfo_t info;

    (void) unused;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/* The loop turns until it is so; at the most 20 s. */
static void await(bool (*is_so)(const char *text), const char *text)
{
    for (int i = 0; i < 2000 && !is_so(text); i++) {
        uv_run(&many.loop, UV_RUN_NOWAIT);
        usleep(10000);
    }
    ck_assert_msg(is_so(text), "not so: %s (news: %s)", text, many.news);
}

static void many_begin(void)
{
    int fd;

    memset(&many, 0, sizeof many);
    strcpy(many.path, "/tmp/ft-fake-helper.XXXXXX");
    fd = mkstemp(many.path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, noting, sizeof noting - 1), (int) sizeof noting - 1);
    ck_assert_int_eq(fchmod(fd, 0700), 0);
    close(fd);
    snprintf(many.log, sizeof many.log, "%s.log", many.path);
    ft_log_set_level(FT_LOG_ERROR);
    uv_loop_init(&many.loop);
    many.config = (struct ft_rms_config){
        .loop = &many.loop,
        .nodes_max = 9,
        .slurm = {.job = 5, .ladder = {FT_WAY_BESIDE}, .timeout_ms = 30000, .helper = many.path,
                  .many = true, .becomes = true, .uid = 4711}};
}

static void on_time(uv_timer_t *timer)
{
    (void) timer;
}

/* What was left to itself does not keep the loop; and while the program goes on with something else,
 * it is waited for. */
static void many_end(struct ft_rms *rms)
{
    uv_timer_t else_;

    ft_rms_destroy(rms);
    while (uv_run(&many.loop, UV_RUN_NOWAIT) != 0)
        usleep(1000);
    uv_timer_init(&many.loop, &else_);
    uv_timer_start(&else_, on_time, 1, 1);
    await(all_reaped, "all children are reaped");
    uv_close((uv_handle_t *) &else_, NULL);
    ft_child_forget_all();
    uv_run(&many.loop, UV_RUN_NOWAIT);
    ck_assert_int_eq(uv_loop_close(&many.loop), 0);
    unlink(many.path);
    unlink(many.log);
}

START_TEST(test_a_node_stays_for_the_successor)
{
    struct ft_wanted wanted = {.job = "j", .wait_ms = 1000};
    struct ft_rms *rms;

    many_begin();
    rms = ft_rms_create("slurm", &many.config, &noted, NULL);
    ck_assert_ptr_nonnull(rms);
    uv_run(&many.loop, UV_RUN_NOWAIT);
    ck_assert(access(many.log, F_OK) != 0); /* no helper for whom nobody asked */
    ft_rms_acquire(rms, 1, &wanted);
    await(news_have, "1:n7");
    ck_assert(log_has("started --user=4711\nget job=5 ways=beside"));
    ft_rms_kept(rms, "n7");
    ft_rms_kept(rms, "n7");
    ft_rms_kept(rms, "n5");
    await(log_has, "\nstay\n");
    ck_assert(!ft_rms_release(rms, "n5", false));
    many_end(rms);
    ck_assert_str_eq(many.news, "1:n7 "); /* what a user's helper says of others' nodes is nothing */
}
END_TEST

START_TEST(test_what_was_taken_is_adopted)
{
    struct ft_rms *rms;

    many_begin();
    rms = ft_rms_create("slurm", &many.config, &noted, NULL);
    ck_assert_ptr_nonnull(rms);
    ck_assert(ft_rms_taken(rms, "n8"));
    ck_assert(ft_rms_taken(rms, "n8.cluster.local")); /* the same one, once */
    ck_assert(ft_rms_taken(rms, "n6"));
    await(news_have, "gone-n6 ");
    await(log_has, "adopt job=5 node=n8\n");
    ck_assert(!log_has("cluster.local"));
    ck_assert(ft_rms_release(rms, "n8", false));
    ck_assert(!ft_rms_release(rms, "n8", false));
    ck_assert(!ft_rms_release(rms, "n6", false));
    await(log_has, "\nrelease\n");
    many_end(rms);
    ck_assert_str_eq(many.news, "gone-n6 ");
}
END_TEST

START_TEST(test_other_settings_keep_what_is_held)
{
    struct ft_wanted wanted = {.job = "j", .wait_ms = 1000};
    struct ft_rms *rms;

    many_begin();
    rms = ft_rms_create("slurm", &many.config, &noted, NULL);
    ck_assert_ptr_nonnull(rms);
    ft_rms_acquire(rms, 1, &wanted);
    await(news_have, "1:n7");
    many.config.slurm.ladder[0] = FT_WAY_EXPAND;
    many.config.slurm.partition = "other";
    many.config.nodes_max = 1;
    ck_assert_int_eq(ft_rms_change(rms, &many.config), 0);
    ck_assert(!log_has("closed"));
    ck_assert(ft_rms_release(rms, "n7", false));
    await(log_has, "\nrelease\nclosed\n");
    ft_rms_acquire(rms, 2, &wanted);
    await(news_have, "2:n7");
    ck_assert(log_has("ways=expand") && log_has("partition=other"));
    many_end(rms);
}
END_TEST

START_TEST(test_the_watch_of_all_nodes)
{
    struct ft_rms *rms;

    many_begin();
    many.config.slurm = (struct ft_rms_slurm_config){
        .helper = many.path, .many = true, .watch_ms = 2000};
    rms = ft_rms_create("slurm", &many.config, &noted, NULL);
    ck_assert_ptr_nonnull(rms);
    await(news_have, "failing-n1 well-n1 ");
    ck_assert(log_has("started \nwatch each_ms=2000\n"));
    many_end(rms);
    many_begin();
    many.config.slurm = (struct ft_rms_slurm_config){.helper = many.path, .many = true};
    ck_assert_ptr_null(ft_rms_create("slurm", &many.config, &noted, NULL)); /* what for? */
    ck_assert_int_eq(errno, EINVAL);
    many_end(NULL);
}
END_TEST

#ifdef TEST_WISH
static slurm_job_info_t record(void)
{
    slurm_job_info_t job = {
        .job_id = 77, .user_id = 2001, .group_id = 2002, .job_state = JOB_RUNNING,
        .nodes = (char *) "n[1-3]", .partition = (char *) "main", .account = (char *) "physics",
        .qos = (char *) "normal", .num_nodes = 3, .num_cpus = 10, .time_limit = 60,
        .end_time = 100000, .pn_min_memory = 500 | MEM_PER_CPU, .shared = JOB_SHARED_OK,
        .features = (char *) "ib&big"};

    return job;
}

static struct ft_talk order_of(const char *text)
{
    static char line[300];
    struct ft_talk order;

    strcpy(line, text);
    ck_assert_int_eq(ft_talk_parse(line, &order), 0);
    return order;
}

START_TEST(test_wish_is_like_the_job)
{
    slurm_job_info_t job = record();
    struct ft_talk order = order_of("get exclude=n9,n3.far cores=64");
    static struct ft_parent parent;
    static struct ft_wish wish;

    ft_parent_read(&parent, &job);
    ck_assert(parent.runs);
    ck_assert_int_eq(ft_wish_make(&wish, &parent, &order, 100000 - 601), 0);
    ck_assert_str_eq(wish.desc.exc_nodes, "n[1-3],n9,n3.far");
    ck_assert_str_eq(wish.desc.partition, "main");
    ck_assert_str_eq(wish.desc.account, "physics");
    ck_assert_str_eq(wish.desc.features, "ib&big");
    ck_assert_str_eq(wish.desc.name, "ft-77");
    ck_assert_ptr_null(wish.desc.tres_per_node);
    ck_assert_uint_eq(wish.desc.time_limit, 11);
    ck_assert_uint_eq(wish.desc.min_nodes, 1);
    ck_assert_uint_eq(wish.desc.max_nodes, 1);
    ck_assert_uint_eq(wish.desc.pn_min_cpus, 4); /* not the cores: it shares its nodes */
    ck_assert(wish.desc.pn_min_memory == (500 | MEM_PER_CPU));
    ck_assert_uint_eq(wish.desc.shared, NO_VAL16);
    ck_assert_uint_eq(wish.desc.user_id, 2001);
    ft_wish_joins(&wish, &parent);
    ck_assert_str_eq(wish.desc.dependency, "expand:77");
    ck_assert_uint_eq(wish.desc.time_limit, 1);
    wish.desc.deadline = 5;
    ft_wish_stands_alone(&wish);
    ck_assert_ptr_null(wish.desc.dependency);
    ck_assert_uint_gt(wish.desc.time_limit, 1);
    ck_assert_int_eq(wish.desc.deadline, 0);
}
END_TEST

START_TEST(test_a_wish_tells_whose_it_is)
{
    slurm_job_info_t job = record();
    struct ft_talk order = order_of("get");
    static struct ft_parent parent;
    static struct ft_wish wish;

    ft_parent_read(&parent, &job);
    ck_assert_int_eq(ft_wish_make(&wish, &parent, &order, 1000), 0);
    ck_assert_uint_eq(ft_wish_parent(wish.desc.name, wish.desc.comment), job.job_id);
    ck_assert_uint_eq(ft_wish_parent(wish.desc.name, NULL), 0);
    ck_assert_uint_eq(ft_wish_parent(wish.desc.name, "mine"), 0);
    ck_assert_uint_eq(ft_wish_parent(NULL, wish.desc.comment), 0);
    ck_assert_uint_eq(ft_wish_parent("ft-1", wish.desc.comment), 0);
    ck_assert_uint_eq(ft_wish_parent("ft-", "ft: one node more for job 0; ends with it"), 0);
    ck_assert_uint_eq(ft_wish_parent("ft-7x", "ft: one node more for job 7; ends with it"), 0);
}
END_TEST

START_TEST(test_wish_of_an_exclusive_job)
{
    slurm_job_info_t job = record();
    struct ft_talk order = order_of("get cores=64 partition=spare memory_mb=2000");
    static struct ft_parent parent;
    static struct ft_wish wish;

    job.shared = JOB_SHARED_NONE;
    job.time_limit = INFINITE;
    job.features = (char *) "[rack1*2&rack2*1]";
    job.tres_alloc_str = (char *) "cpu=10,gres/gpu=4,gres/gpu:a100=4,node=3";
    ft_parent_read(&parent, &job);
    ck_assert_int_eq(ft_wish_make(&wish, &parent, &order, 5), 0);
    ck_assert_uint_eq(wish.desc.shared, 0);
    ck_assert_uint_eq(wish.desc.pn_min_cpus, 64);
    ck_assert_uint_eq(wish.desc.time_limit, INFINITE);
    ck_assert_ptr_null(wish.desc.features);
    ck_assert_str_eq(wish.desc.partition, "spare");
    ck_assert_str_eq(wish.desc.tres_per_node, "gres/gpu:a100:2");
    ck_assert(wish.desc.pn_min_memory == 2000);
    job.gres_detail_cnt = 2;
    job.gres_detail_str = (char *[]){(char *) "", (char *) "gpu:1(IDX:2)"};
    ft_parent_read(&parent, &job);
    ck_assert_str_eq(parent.devices, "gres/gpu:a100:2");
    job.tres_per_task = (char *) "gres/gpu=1";
    ft_parent_read(&parent, &job);
    ck_assert_str_eq(parent.devices, "gres/gpu:1");
    job.tres_per_node = (char *) "gres/gpu:3";
    ft_parent_read(&parent, &job);
    ck_assert_str_eq(parent.devices, "gres/gpu:3");
}
END_TEST

START_TEST(test_a_job_that_ends_gets_nothing)
{
    static const uint32_t states[] = {JOB_PENDING, JOB_COMPLETE, JOB_RUNNING | JOB_COMPLETING,
                                      JOB_NODE_FAIL, JOB_CANCELLED | JOB_COMPLETING};
    static struct ft_parent parent;

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        slurm_job_info_t job = record();

        job.job_state = states[i];
        ft_parent_read(&parent, &job);
        ck_assert(!parent.runs);
    }
}
END_TEST

START_TEST(test_too_many_are_excluded)
{
    slurm_job_info_t job = record();
    static struct ft_parent parent;
    static struct ft_wish wish;
    static char names[FT_TALK_LINE_MAX];
    struct ft_talk order = {.word = "get", .pairs = {{"exclude", names}}, .n = 1};

    memset(names, 'n', sizeof names - 4);
    ft_parent_read(&parent, &job);
    ck_assert_int_eq(ft_wish_make(&wish, &parent, &order, 5), -1);
    ck_assert_int_eq(errno, ENOBUFS);
}
END_TEST

START_TEST(test_minutes_and_devices)
{
    char devices[64];

    ck_assert_uint_eq(ft_minutes_until(0, 1000), INFINITE);
    ck_assert_uint_eq(ft_minutes_until(999, 1000), 1);
    ck_assert_uint_eq(ft_minutes_until(1060, 1000), 1);
    ck_assert_uint_eq(ft_minutes_until(1061, 1000), 2);
    ft_devices_of_one(NULL, 2, devices, sizeof devices);
    ck_assert_str_eq(devices, "");
    ft_devices_of_one("cpu=4,mem=1G,node=2", 2, devices, sizeof devices);
    ck_assert_str_eq(devices, "");
    ft_devices_of_one("gres/gpu=3,gres/nic=2", 2, devices, sizeof devices);
    ck_assert_str_eq(devices, "gres/gpu:2,gres/nic:1");
    ft_devices_of_one("gres/gpu=4,gres/gpu:a100=4", 0, devices, sizeof devices);
    ck_assert_str_eq(devices, "");
    ft_devices_of_detail(NULL, devices, sizeof devices);
    ck_assert_str_eq(devices, "");
    ft_devices_of_detail("gpu:1(IDX:0)", devices, sizeof devices);
    ck_assert_str_eq(devices, "gres/gpu:1");
    ft_devices_of_detail("gpu:a100:2(IDX:0,3),nic:1(IDX:0)", devices, sizeof devices);
    ck_assert_str_eq(devices, "gres/gpu:a100:2,gres/nic:1");
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("rms_slurm");
    TCase *tests = tcase_create("pure");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, test_talk_there_and_back);
    tcase_add_test(tests, test_talk_that_makes_no_sense);
    tcase_add_test(tests, test_talk_has_limits);
    tcase_add_test(tests, test_ladder);
    tcase_add_test(tests, test_a_backend_without_what_it_needs);
    tcase_add_test(tests, test_every_wish_is_answered_once);
    tcase_add_test(tests, test_a_node_stays_for_the_successor);
    tcase_add_test(tests, test_what_was_taken_is_adopted);
    tcase_add_test(tests, test_other_settings_keep_what_is_held);
    tcase_add_test(tests, test_the_watch_of_all_nodes);
    tcase_add_test(tests, test_policy_of_a_wish);
    tcase_set_timeout(tests, 60);
#ifdef TEST_WISH
    tcase_add_test(tests, test_wish_is_like_the_job);
    tcase_add_test(tests, test_a_wish_tells_whose_it_is);
    tcase_add_test(tests, test_wish_of_an_exclusive_job);
    tcase_add_test(tests, test_a_job_that_ends_gets_nothing);
    tcase_add_test(tests, test_too_many_are_excluded);
    tcase_add_test(tests, test_minutes_and_devices);
#endif
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
