/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_sites.c - what connects the central unit to what sites have: node records, Slurm, metrics,
 * sinks of events; and the collector that feeds them.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "centrald/collector.h"
#include "centrald/exposition.h"
#include "centrald/metrics.h"
#include "centrald/scontrol.h"
#include "centrald/sinks.h"
#include "cms/cms.h"
#include "cms/records.h"
#include "common/readings.h"
#include "core/forecast.h"

#define MIB (UINT64_C(1) << 20)

static uv_loop_t loop;
static char folder[64];

static void make_loop(void)
{
    uv_loop_init(&loop);
    strcpy(folder, "/tmp/ft-sites.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void drop_loop(void)
{
    char command[128];

    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *script(const char *name, const char *text)
{
    const char *path = in_folder(name);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    fclose(file);
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}

static void on_deadline(uv_timer_t *timer)
{
    (void) timer;
    ck_abort_msg("it did not happen within 20 s");
}

static void on_tick(uv_timer_t *timer)
{
    (void) timer; /* the loop wakes up, and looks at what it does not watch itself */
}

static void run_until(bool (*is_so)(void))
{
    uv_timer_t deadline, tick;

    uv_timer_init(&loop, &deadline);
    uv_timer_start(&deadline, on_deadline, 20000, 0);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    while (!is_so())
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *) &deadline, NULL);
    uv_close((uv_handle_t *) &tick, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

/* ---------------------------------------------------------------- records */

static char why[300];

static struct ft_facts facts_of(const struct ft_records *records, const char *node)
{
    struct ft_facts facts;

    ck_assert_msg(ft_records_facts(records, node, &facts), "no record of %s", node);
    return facts;
}

START_TEST(records_as_in_slurm_conf)
{
    struct ft_records *records = ft_records_parse(
        "# nodes\nClusterName=x\nNodeName=DEFAULT ThreadsPerCore=2 RealMemory=1000\n"
        "NodeName=n[1-3] Sockets=2 CoresPerSocket=8 \\\n   Gres=gpu:a100:4(S:0-1),nvme:2\n"
        "NodeName=n4 CPUs=64 RealMemory=515000 Arch=aarch64\nNodeName=n3 Sockets=1 CPUs=4\n",
        "nodes.conf", why, sizeof why);
    struct ft_facts facts;

    ck_assert_msg(records != NULL, "%s", why);
    ck_assert_uint_eq(ft_records_count(records), 5);
    facts = facts_of(records, "n2");
    ck_assert_uint_eq(facts.packages, 2);
    ck_assert_uint_eq(facts.cores, 16);
    ck_assert_uint_eq(facts.pus, 32);
    ck_assert(facts.memory_bytes == 1000 * MIB);
    ck_assert_str_eq(facts.devices[0].type, "gpu");
    ck_assert_uint_eq(facts.devices[0].count, 4);
    ck_assert_str_eq(facts.devices[1].type, "storage");
    ck_assert(facts.shown);
    facts = facts_of(records, "n4");
    ck_assert_uint_eq(facts.cores, 32);
    ck_assert_str_eq(facts.arch, "aarch64");
    facts = facts_of(records, "n3"); /* the later record counts */
    ck_assert_uint_eq(facts.pus, 4);
    ck_assert(!ft_records_facts(records, "n5", &facts));
    ft_records_destroy(records);
}
END_TEST

START_TEST(records_as_scontrol_prints_them)
{
    struct ft_records *records = ft_records_parse(
        "NodeName=n1 Arch=x86_64 CoresPerSocket=4 CPUAlloc=0 CPUEfctv=8 CPUTot=8 CPULoad=0.01 "
        "AvailableFeatures=(null) Gres=(null) NodeAddr=10.0.0.1 RealMemory=7000 Sockets=1 "
        "State=IDLE ThreadsPerCore=2 Reason=not enough memory [root@2026-01-01T00:00:00]\n",
        "scontrol", why, sizeof why);
    struct ft_facts facts;

    ck_assert_msg(records != NULL, "%s", why);
    facts = facts_of(records, "n1");
    ck_assert_uint_eq(facts.cores, 4);
    ck_assert_uint_eq(facts.pus, 8);
    ck_assert_str_eq(facts.devices[0].type, "");
    ft_records_destroy(records);
}
END_TEST

START_TEST(a_wrong_record_is_named_by_its_line)
{
    static const char *const wrong[] = {"\n\nNodeName=n1 Sockets=two\n",
                                        "\n\nNodeName=n1 RealMemory=99999999999999999999\n",
                                        "\n\nNodeName=n[1- Sockets=1\n", "\n\nNodeName= CPUs=1\n"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_ptr_null(ft_records_parse(wrong[i], "nodes.conf", why, sizeof why));
        ck_assert_msg(strncmp(why, "nodes.conf:3: ", 14) == 0, "%s", why);
    }
}
END_TEST

START_TEST(records_cut_anywhere_do_no_harm)
{
    static const char whole[] = "NodeName=DEFAULT RealMemory=1\nNodeName=n[01-9] Gres=gpu:1,x:y:2(S:0)"
                                " Sockets=1 \\\n CPUs=3\n";

    for (size_t n = 0; n < sizeof whole; n++) {
        char text[sizeof whole];
        struct ft_records *records;

        memcpy(text, whole, n);
        text[n] = '\0';
        records = ft_records_parse(text, "cut", why, sizeof why);
        ck_assert(records != NULL || strncmp(why, "cut:", 4) == 0);
        ft_records_destroy(records);
    }
}
END_TEST

/* ---------------------------------------------------------------- cms */

static bool fake_facts(const struct ft_cms *cms, const char *node, struct ft_facts *facts)
{
    (void) cms;
    if (strcmp(node, "n1") != 0)
        return false;
    *facts = (struct ft_facts){.arch = "x86_64", .model = "found", .cores = 8, .memory_bytes = MIB,
                               .kind = 7};
    return true;
}

static void fake_destroy(struct ft_cms *cms)
{
    free(cms);
}

START_TEST(the_sites_record_counts_before_what_was_collected)
{
    static const struct ft_cms_source source = {
        .name = "fake", .facts = fake_facts, .destroy = fake_destroy};
    struct ft_cms *collected = calloc(1, sizeof *collected), *cms;
    struct ft_facts facts;

    collected->source = &source;
    cms = ft_cms_recorded_create(collected);
    ck_assert_ptr_nonnull(cms);
    ck_assert(ft_cms_facts(cms, "n1", &facts) && facts.memory_bytes == MIB);
    ck_assert_int_eq(ft_cms_recorded_feed(cms, "NodeName=n[1-2] RealMemory=64\n", "f", why,
                                          sizeof why), 0);
    ck_assert(ft_cms_facts(cms, "n1", &facts));
    ck_assert(facts.memory_bytes == 64 * MIB && facts.cores == 8 && facts.kind == 7);
    ck_assert_str_eq(facts.model, "found");
    ck_assert(ft_cms_facts(cms, "n2", &facts) && facts.memory_bytes == 64 * MIB);
    ck_assert(!ft_cms_facts(cms, "n3", &facts));
    ck_assert_int_eq(ft_cms_recorded_feed(cms, "NodeName=n1 CPUs=x", "f", why, sizeof why), -1);
    ck_assert(ft_cms_facts(cms, "n2", &facts)); /* as it was */
    ft_cms_destroy(cms);
}
END_TEST

/* ---------------------------------------------------------------- scontrol */

static char said[400];
static char problem[200];
static unsigned told;

static void on_told(void *arg, const char *records, const char *text)
{
    (void) arg;
    told++;
    snprintf(said, sizeof said, "%s", records != NULL ? records : "");
    snprintf(problem, sizeof problem, "%s", text);
}

static bool is_told(void)
{
    return told > 0;
}

static void ask(const char *program)
{
    struct ft_scontrol *scontrol;

    told = 0;
    scontrol = ft_scontrol_create(&loop, program, on_told, NULL);
    ck_assert_ptr_nonnull(scontrol);
    run_until(is_told);
    ft_scontrol_stop(scontrol);
    uv_run(&loop, UV_RUN_DEFAULT);
}

START_TEST(slurm_is_asked)
{
    ask(script("scontrol", "echo \"NodeName=n1 asked=$*\""));
    ck_assert_str_eq(said, "NodeName=n1 asked=show node --oneliner\n");
    ask(script("down", "echo slurm_load_node error >&2; exit 1"));
    ck_assert_str_eq(said, "");
    ck_assert_ptr_nonnull(strstr(problem, "exit code 1"));
    ask(script("mute", ":"));
    ck_assert_str_eq(problem, "it said nothing");
    ask("/nowhere/scontrol");
    ck_assert_ptr_nonnull(strstr(problem, "no such file"));
}
END_TEST

START_TEST(slurm_is_left_while_it_is_asked)
{
    struct ft_scontrol *scontrol =
        ft_scontrol_create(&loop, script("slow", "exec sleep 600"), on_told, NULL);

    told = 0;
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ft_scontrol_stop(scontrol);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_uint_eq(told, 0);
}
END_TEST

/* ---------------------------------------------------------------- metrics */

START_TEST(a_page_is_as_prometheus_wants_it)
{
    struct ft_exposition *page = ft_exposition_create();
    char *text;
    size_t n;

    ft_exposition_family(page, "ft_up", "gauge", "Up\nor \\ not");
    ft_exposition_value(page, 1, NULL);
    ft_exposition_value(page, 0.25, FT_LABELS("node", "n\"1\\\n", "of", ""));
    ft_exposition_value(page, NAN, FT_LABELS("node", "n2"));
    ft_exposition_value(page, INFINITY, FT_LABELS("node", "n3"));
    ft_exposition_value(page, 68719476736.0, FT_LABELS("node", "n4"));
    text = ft_exposition_take(page, &n);
    ck_assert_str_eq(text, "# HELP ft_up Up\\nor \\\\ not\n# TYPE ft_up gauge\nft_up 1\n"
                           "ft_up{node=\"n\\\"1\\\\\\n\",of=\"\"} 0.25\n"
                           "ft_up{node=\"n3\"} +Inf\nft_up{node=\"n4\"} 68719476736\n");
    ck_assert_uint_eq(n, strlen(text));
    free(text);
    ft_exposition_destroy(page);
}
END_TEST

static unsigned pages;

static void fill(void *arg, struct ft_exposition *page)
{
    (void) arg;
    pages++;
    ft_exposition_family(page, "ft_test", "gauge", "A test");
    for (int i = 0; i < 5000; i++)
        ft_exposition_value(page, i, FT_LABELS("node", "n1"));
}

static char answer[400000];
static size_t answer_n;
static int client;

static bool is_answered(void)
{
    ssize_t n = recv(client, answer + answer_n, sizeof answer - 1 - answer_n, MSG_DONTWAIT);

    if (n > 0)
        answer_n += (size_t) n;
    answer[answer_n] = '\0';
    return n == 0;
}

/* What the server answers to these bytes, until it closes. */
static void request(uint16_t port, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *) &address, sizeof address), 0);
    ck_assert_int_eq(send(client, text, strlen(text), 0), (ssize_t) strlen(text));
    answer_n = 0;
    run_until(is_answered);
    close(client);
}

START_TEST(metrics_are_served)
{
    struct ft_metrics *metrics = ft_metrics_create(&loop, 0, fill, NULL, why, sizeof why);
    uint16_t port;

    ck_assert_msg(metrics != NULL, "%s", why);
    port = ft_metrics_port(metrics);
    request(port, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "200 OK"));
    ck_assert_ptr_nonnull(strstr(answer, "ft_test{node=\"n1\"} 4999\n"));
    ck_assert_uint_eq(pages, 1);
    request(port, "GET /else HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(answer, "404"));
    request(port, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                  "Connection: close\r\n\r\nabc");
    ck_assert_ptr_nonnull(strstr(answer, "405"));
    request(port, "\x16\x03\x01 this is no request\r\n\r\n");
    ck_assert_ptr_null(strstr(answer, "200 OK"));
    ck_assert_uint_eq(pages, 1);
    ck_assert_ptr_null(ft_metrics_create(&loop, port, fill, NULL, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "cannot be offered"));
    ft_metrics_stop(metrics);
    ft_metrics_stop(NULL);
}
END_TEST

/* ---------------------------------------------------------------- sinks */

static const struct ft_event an_event = {
    .seq = 7, .name = "node_lost", .node = "n2", .job = "j@1", .rank = 3, .text = "n2 is lost"};
#define A_LINE "{\"seq\":7,\"event\":\"node_lost\"}\n"

static char content[600];

static const char *read_back(const char *name)
{
    FILE *file = fopen(in_folder(name), "r");
    size_t n = 0;

    if (file != NULL) {
        n = fread(content, 1, sizeof content - 1, file);
        fclose(file);
    }
    content[n] = '\0';
    return content;
}

static bool hook_ran(void)
{
    return strstr(read_back("out"), "end") != NULL;
}

START_TEST(events_go_to_a_file_and_to_the_hook)
{
    char file[128], text[300], *names[] = {file, NULL};
    struct ft_sinks *sinks;

    snprintf(file, sizeof file, "file:%s/events", folder);
    snprintf(text, sizeof text, "{ echo \"$FT_EVENT,$FT_NODE,$FT_JOB,$FT_RANK,$FT_TEXT\"; cat; "
             "echo end; } >%s/part; mv %s/part %s/out", folder, folder, folder);
    sinks = ft_sinks_create(&loop, names, script("hook", text), why, sizeof why);
    ck_assert_msg(sinks != NULL, "%s", why);
    ft_sinks_take(sinks, &an_event, A_LINE, strlen(A_LINE));
    run_until(hook_ran);
    ck_assert_str_eq(read_back("out"), "node_lost,n2,j@1,3,n2 is lost\n" A_LINE "end\n");
    ck_assert_str_eq(read_back("events"), A_LINE);
    ft_sinks_stop(sinks);
    uv_run(&loop, UV_RUN_DEFAULT);
    ft_sinks_destroy(sinks);
}
END_TEST

START_TEST(a_hook_that_hangs_bounds_itself)
{
    struct ft_sinks *sinks =
        ft_sinks_create(&loop, NULL, script("hang", "exec sleep 600"), why, sizeof why);

    ck_assert_msg(sinks != NULL, "%s", why);
    for (int i = 0; i < FT_HOOK_RUNNING_MAX + FT_HOOK_WAITING_MAX + 5; i++)
        ft_sinks_take(sinks, &an_event, A_LINE, strlen(A_LINE));
    ck_assert_uint_eq(ft_sinks_dropped(sinks), 5);
    ft_sinks_stop(sinks);
    uv_run(&loop, UV_RUN_DEFAULT);
    ft_sinks_destroy(sinks);
}
END_TEST

static struct ft_sinks *many;
static bool all_ran(void)
{
    const char *text = read_back("count");

    return strlen(text) >= 40;
}

START_TEST(every_event_gets_its_hook)
{
    char text[200];

    snprintf(text, sizeof text, "printf x >>%s/count", folder);
    many = ft_sinks_create(&loop, NULL, script("count-hook", text), why, sizeof why);
    for (int i = 0; i < 40; i++)
        ft_sinks_take(many, &an_event, A_LINE, strlen(A_LINE));
    run_until(all_ran);
    ck_assert_uint_eq(strlen(read_back("count")), 40);
    ft_sinks_stop(many);
    uv_run(&loop, UV_RUN_DEFAULT);
    ft_sinks_destroy(many);
}
END_TEST

START_TEST(sinks_that_cannot_be_are_refused)
{
    char pigeon[] = "carrier pigeon", place[] = "file:/nowhere/at/all";
    char *unknown[] = {pigeon, NULL}, *nowhere[] = {place, NULL};

    ck_assert_ptr_null(ft_sinks_create(&loop, unknown, "", why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "carrier pigeon"));
    ck_assert_ptr_null(ft_sinks_create(&loop, nowhere, "", why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "/nowhere/at/all"));
    ck_assert_ptr_null(ft_sinks_create(&loop, NULL, "/nowhere/hook", why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "/nowhere/hook"));
}
END_TEST

/* ---------------------------------------------------------------- collector */

static struct ft_collector *collector;
static unsigned failing, well, logged;
static char last_event[64];

static void on_failing(void *arg, const char *node, const char *text)
{
    (void) arg;
    ck_assert_str_eq(node, "n1");
    ck_assert_ptr_nonnull(strstr(text, "evidence"));
    failing++;
}

static void on_well(void *arg, const char *node, const char *text)
{
    (void) arg, (void) text;
    ck_assert_str_eq(node, "n1");
    well++;
}

static void on_log(void *arg, struct ft_event *event)
{
    (void) arg;
    logged++;
    snprintf(last_event, sizeof last_event, "%s", event->name);
}

static void make_collector(void)
{
    static const struct ft_collector_events events = {
        .failing = on_failing, .well = on_well, .log = on_log};

    collector = ft_collector_create(true, &events, NULL);
    failing = well = logged = 0;
}

static void drop_collector(void)
{
    ft_collector_destroy(collector);
}

static void say(const char *node, const char *what, unsigned grade)
{
    Ft__Trouble trouble = FT__TROUBLE__INIT;
    char evidence[] = "evidence", text[] = "it breaks";

    trouble.what = (char *) what;
    trouble.grade = grade;
    trouble.evidence = evidence;
    trouble.text = text;
    ft_collector_trouble(collector, node, &trouble, 1);
}

START_TEST(the_worst_trouble_decides)
{
    say("n1", "memory", FT_GRADE_WARNING);
    ck_assert_uint_eq(failing, 0);
    ck_assert_str_eq(last_event, "trouble_seen");
    say("n1", "disk /", FT_GRADE_FAILING);
    say("n1", "memory", FT_GRADE_FAILING);
    say("n1", "memory", FT_GRADE_FAILING); /* the same again, nearer: no new event */
    ck_assert_uint_eq(logged, 3);
    ck_assert_uint_eq(failing, 1);
    say("n1", "disk /", FT_GRADE_WELL);
    ck_assert_str_eq(last_event, "trouble_over");
    ck_assert_uint_eq(well, 0);
    say("n1", "memory", FT_GRADE_WELL);
    ck_assert_uint_eq(well, 1);
    say("n1", "memory", FT_GRADE_WELL); /* nothing was there */
    ck_assert_uint_eq(logged, 5);
}
END_TEST

START_TEST(a_node_that_comes_anew_has_no_troubles)
{
    say("n1", "memory", FT_GRADE_FAILING);
    ft_collector_node_anew(collector, "n1", "it came back");
    ck_assert_uint_eq(well, 1);
    ft_collector_node_anew(collector, "n1", "it came back");
    ck_assert_uint_eq(well, 1);
}
END_TEST

START_TEST(without_drain_nothing_is_done)
{
    ft_collector_set_drain(collector, false);
    say("n1", "memory", FT_GRADE_FAILING);
    ck_assert_uint_eq(failing, 0);
    ck_assert_uint_eq(logged, 1);
}
END_TEST

START_TEST(samples_go_into_the_history)
{
    Ft__Sample sample = FT__SAMPLE__INIT;
    Ft__Reading reading = FT__READING__INIT, *list[] = {&reading};
    double value;

    reading.what = FT_READING_LOAD;
    reading.value = 3;
    sample.readings = list;
    sample.n_readings = 1;
    ft_collector_sample(collector, "n1", &sample, 1);
    ck_assert(ft_history_latest(ft_collector_history(collector), "n1", FT_READING_LOAD, "", &value));
    ck_assert(value == 3);
    reading.value = NAN; /* a unit gone mad */
    reading.what = 1000;
    ft_collector_sample(collector, "n1", &sample, 1);
    ck_assert(ft_history_latest(ft_collector_history(collector), "n1", FT_READING_LOAD, "", &value));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sites");
    TCase *records = tcase_create("records"), *looped = tcase_create("loop"),
          *collected = tcase_create("collector");
    SRunner *runner = srunner_create(suite);
    int failed;

    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    tcase_add_test(records, records_as_in_slurm_conf);
    tcase_add_test(records, records_as_scontrol_prints_them);
    tcase_add_test(records, a_wrong_record_is_named_by_its_line);
    tcase_add_test(records, records_cut_anywhere_do_no_harm);
    tcase_add_test(records, the_sites_record_counts_before_what_was_collected);
    tcase_add_test(records, a_page_is_as_prometheus_wants_it);
    tcase_add_checked_fixture(looped, make_loop, drop_loop);
    tcase_set_timeout(looped, 60);
    tcase_add_test(looped, slurm_is_asked);
    tcase_add_test(looped, slurm_is_left_while_it_is_asked);
    tcase_add_test(looped, metrics_are_served);
    tcase_add_test(looped, events_go_to_a_file_and_to_the_hook);
    tcase_add_test(looped, a_hook_that_hangs_bounds_itself);
    tcase_add_test(looped, every_event_gets_its_hook);
    tcase_add_test(looped, sinks_that_cannot_be_are_refused);
    tcase_add_checked_fixture(collected, make_collector, drop_collector);
    tcase_add_test(collected, the_worst_trouble_decides);
    tcase_add_test(collected, a_node_that_comes_anew_has_no_troubles);
    tcase_add_test(collected, without_drain_nothing_is_done);
    tcase_add_test(collected, samples_go_into_the_history);
    suite_add_tcase(suite, records);
    suite_add_tcase(suite, looped);
    suite_add_tcase(suite, collected);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
