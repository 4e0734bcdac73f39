/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_noded_parts.c - ft-noded's parts, each without the others: orders, configuration, folder,
 * memory, reports, relay. The whole program is tested by test_noded.c.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "ft.h"
#include "noded/conf.h"
#include "noded/folder.h"
#include "noded/memory.h"
#include "noded/orders.h"
#include "noded/relay.h"
#include "noded/reports.h"
#include "wire/verbs.h"

#define KEY_HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char base[64]; /* a folder of each test's own */
static char why[1024];

static void setup(void)
{
    snprintf(base, sizeof base, "/tmp/ft-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
}

static void run(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    ck_assert_int_eq(system(command), 0);
}

static void teardown(void)
{
    run("rm -rf %s", base);
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", base, name);
    run("mkdir -p \"$(dirname %s)\"", path);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* ================================================================ orders */

static int read_orders(const char *text, size_t n, struct ft_orders *orders)
{
    int ends[2], result;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], text, n), n);
    close(ends[1]);
    result = ft_orders_read(ends[0], 1000, orders, why, sizeof why);
    close(ends[0]);
    return result;
}

START_TEST(orders_are_read)
{
    const char *text = "central 10.0.0.1,node1:7400\nsomething new\nkey " KEY_HEX "\n";
    struct ft_orders orders, none = {0};

    ck_assert_int_eq(read_orders(text, strlen(text), &orders), 0);
    ck_assert_str_eq(orders.hosts, "10.0.0.1,node1");
    ck_assert_uint_eq(orders.port, 7400);
    ck_assert_uint_eq(orders.key[1], 0x11);
    ft_orders_forget(&orders);
    ck_assert_mem_eq(&orders, &none, sizeof none);
}
END_TEST

START_TEST(wrong_orders_are_refused_without_a_trace)
{
    static const char *const wrong[] = {
        "", "\n\n", "central h:1\n", "key " KEY_HEX "\n", "central h\nkey " KEY_HEX "\n",
        "central :1\nkey " KEY_HEX "\n", "central h:65536\nkey " KEY_HEX "\n",
        "central h:-1\nkey " KEY_HEX "\n", "central h:1x\nkey " KEY_HEX "\n",
        "central h:1\nkey " KEY_HEX "00\n", "central h:1\nkey 0011\n",
        "central h:1\nkey zz" KEY_HEX "\n",
    };
    struct ft_orders orders, none = {0};
    char *long_text = malloc(10000);

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(read_orders(wrong[i], strlen(wrong[i]), &orders) == -1, "%zu is taken", i);
        ck_assert_msg(!strstr(why, "00112233"), "the key is told: %s", why);
        ck_assert_uint_gt(strlen(why), 10);
        ck_assert_mem_eq(&orders, &none, sizeof none);
    }
    ck_assert_int_eq(read_orders("central h:1\0\nkey " KEY_HEX, 80, &orders), -1);
    memset(long_text, 'x', 10000);
    ck_assert_int_eq(read_orders(long_text, 10000, &orders), -1);
    free(long_text);
}
END_TEST

START_TEST(orders_are_not_waited_for_without_bound)
{
    struct ft_orders orders;
    int64_t start_ms = ft_clock_ms();
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(ft_orders_read(ends[0], 100, &orders, why, sizeof why), -1);
    ck_assert_int_lt(ft_clock_ms() - start_ms, 2000);
    ck_assert_msg(strstr(why, "100 ms"), "%s", why);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* ================================================================ configuration */

static struct ft_noded_config *configure(const char *text)
{
    char path[128];

    write_file("noded.conf", text);
    snprintf(path, sizeof path, "%s/noded.conf", base);
    return ft_noded_config_load(path, true, why, sizeof why);
}

START_TEST(configuration_has_defaults)
{
    struct ft_noded_config *config =
        ft_noded_config_load("/nonexistent/noded.conf", false, why, sizeof why);

    ck_assert_msg(config != NULL, "%s", why);
    ck_assert_str_eq(config->topology, "");
    ck_assert_str_eq(config->check, "");
    ck_assert_str_eq(config->scratch, "/tmp");
    ck_assert_str_eq(config->node, "");
    ck_assert_uint_eq(config->check_timeout_ms, FT_CHECK_TIMEOUT_DEFAULT_MS);
    ck_assert(config->redeploy && config->central_mode == 0755 && !config->central_start[0]);
    ck_assert_str_eq(config->central_owner, "");
    ck_assert_ptr_nonnull(strstr(config->central_program, "/sbin/ft-centrald"));
    ft_noded_config_destroy(config);
    ck_assert_ptr_null(ft_noded_config_load("/nonexistent/noded.conf", true, why, sizeof why));
    ck_assert_msg(strstr(why, "/nonexistent/noded.conf"), "%s", why);
    ft_noded_config_destroy(NULL);
}
END_TEST

START_TEST(configuration_is_read)
{
    struct ft_noded_config *config =
        configure("# a comment\ntopology = \"synthetic:package:2 core:4 pu:1\"\n"
                  "check = \"/etc/ft/check\"\ncheck_timeout_ms = 250\nscratch = \"/scratch\"\n"
                  "location = \"row1/rack2\"\nnode = \"n3\"\n"
                  "redeploy = false\ncentral_program = \"/opt/c\"\ncentral_mode = \"0750\"\n"
                  "central_owner = \"ft:hpc\"\ncentral_start = {\"/opt/start\", \"-x\"}\n");

    ck_assert_msg(config != NULL, "%s", why);
    ck_assert_str_eq(config->topology, "synthetic:package:2 core:4 pu:1");
    ck_assert_str_eq(config->check, "/etc/ft/check");
    ck_assert_uint_eq(config->check_timeout_ms, 250);
    ck_assert_str_eq(config->scratch, "/scratch");
    ck_assert_str_eq(config->location, "row1/rack2");
    ck_assert_str_eq(config->node, "n3");
    ck_assert(!config->redeploy && config->central_mode == 0750);
    ck_assert_str_eq(config->central_program, "/opt/c");
    ck_assert_str_eq(config->central_owner, "ft:hpc");
    ck_assert_str_eq(config->central_start[1], "-x");
    ck_assert_ptr_null(config->central_start[2]);
    ft_noded_config_destroy(config);
}
END_TEST

START_TEST(mistakes_in_the_configuration_are_told_with_their_line)
{
    static const char *const wrong[][2] = {
        {"\ncheck = \"check\"\n", "noded.conf:2: "},
        {"check_timeout_ms = 5\n", "between"},
        {"check_timeout_ms = 999999\n", "between"},
        {"check_timeout_ms = soon\n", "noded.conf:1: "},
        {"topology = \"vm.xml\"\n", "synthetic:"},
        {"location = \"row 1\"\n", "location"},
        {"\n\n\nchek = \"/x\"\n", "noded.conf:4: "},
        {"# one\nscratch = \"/x\" # two\n/* three\n */\nchek = \"/x\"\n", "noded.conf:5: "},
        {"scratch = \"tmp\"\n", "absolute"},
        {"node = \n", "noded.conf:"},
        {"central_program = \"ft-centrald\"\n", "absolute"},
        {"central_program = \"/usr/sbin/\"\n", "of a file"},
        {"central_start = {\"start\"}\n", "absolute"},
        {"central_mode = \"4755\"\n", "octal"},
        {"central_mode = \"0777\"\n", "nobody else to write"},
        {"central_mode = \"0644\"\n", "execute"},
        {"central_mode = \"rwx\"\n", "octal"},
        {"redeploy = perhaps\n", "redeploy"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!configure(wrong[i][0]), "%zu is taken", i);
        ck_assert_msg(strstr(why, wrong[i][1]), "\"%s\" is not in \"%s\"", wrong[i][1], why);
    }
    run("mkdir %s/folder.conf", base);
    snprintf(base + strlen(base), 16, "/folder.conf");
    ck_assert_ptr_null(ft_noded_config_load(base, true, why, sizeof why));
    *strrchr(base, '/') = '\0';
    ck_assert_uint_gt(strlen(why), 10);
}
END_TEST

/* ================================================================ folder */

static enum ft_folder_result open_folder(const char *session, struct ft_folder **folder)
{
    return ft_folder_open(base, session, folder, why, sizeof why);
}

START_TEST(folder_is_made_and_removed)
{
    struct ft_folder *folder;
    char path[160];
    struct stat status;

    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_OURS);
    snprintf(path, sizeof path, "%s/ft-%u/s1", base, (unsigned)geteuid());
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    ck_assert_int_eq(strncmp(ft_folder_socket(folder), path, strlen(path)), 0);
    run("echo text >%s", ft_folder_log(folder));
    ft_folder_close(folder, true);
    ck_assert_int_eq(stat(path, &status), 0); /* the log is kept */
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_OURS);
    ft_folder_close(folder, false);
    ck_assert_int_ne(stat(path, &status), 0);
    ft_folder_close(NULL, false);
}
END_TEST

START_TEST(folder_of_another_user_is_refused)
{
    struct ft_folder *folder;

    if (geteuid() != 0) /* only root can make one */
        return;
    run("mkdir %s/ft-0 && chown 12345 %s/ft-0", base, base);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "another user"), "%s", why);
    run("chown 0 %s/ft-0 && mkdir %s/ft-0/s1 && chown 12345 %s/ft-0/s1", base, base, base);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "another user"), "%s", why);
}
END_TEST

START_TEST(folder_that_others_can_touch_is_refused)
{
    struct ft_folder *folder;
    unsigned uid = (unsigned)geteuid();

    run("mkdir -m 0777 %s/ft-%u", base, uid);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "other users"), "%s", why);
    run("rmdir %s/ft-%u && mkdir %s/elsewhere && ln -s %s/elsewhere %s/ft-%u", base, uid, base,
        base, base, uid);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "something else"), "%s", why);
    run("rm %s/ft-%u && echo >%s/ft-%u", base, uid, base, uid);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    run("rm %s/ft-%u && chmod 0777 %s", base, uid, base);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "sticky"), "%s", why);
    run("chmod 1777 %s && mkdir -m 0755 %s/ft-%u", base, base, uid);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_OURS); /* only tightened */
    ft_folder_close(folder, false);
}
END_TEST

START_TEST(lock_that_is_a_link_is_refused)
{
    struct ft_folder *folder;
    unsigned uid = (unsigned)geteuid();

    run("mkdir -m 0700 %s/ft-%u %s/ft-%u/s1 && ln -s /etc/passwd %s/ft-%u/s1/noded.lock", base,
        uid, base, uid, base, uid);
    ck_assert_int_eq(open_folder("s1", &folder), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "noded.lock"), "%s", why);
}
END_TEST

START_TEST(taken_folder_without_an_answer_is_told)
{
    struct ft_folder *first, *second;

    ck_assert_int_eq(open_folder("s1", &first), FT_FOLDER_OURS);
    ck_assert_int_eq(open_folder("s1", &second), FT_FOLDER_REFUSED);
    ck_assert_msg(strstr(why, "has not answered"), "%s", why);
    ck_assert_int_eq(open_folder("s2", &second), FT_FOLDER_OURS); /* another session */
    ft_folder_close(second, false);
    ft_folder_close(first, false);
}
END_TEST

/* Many at once: one gets it; when it goes, another can have it. */
START_TEST(folder_has_one_owner_at_a_time)
{
    enum { PROCESSES = 8, ROUNDS = 30 };
    char count[128];
    int status;

    snprintf(count, sizeof count, "%s/owner", base);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid > 0)
            continue;
        bool owned = false;
        for (int round = 0; round < ROUNDS; round++) {
            struct ft_folder *folder;
            int fd;
            if (open_folder("s1", &folder) != FT_FOLDER_OURS)
                continue; /* the others were always quicker */
            owned = true;
            fd = open(count, O_CREAT | O_EXCL | O_WRONLY, 0600); /* fails if there are two owners */
            if (fd < 0 || close(fd) != 0 || unlink(count) != 0)
                _exit(1);
            ft_folder_close(folder, false);
        }
        _exit(owned ? 0 : 2);
    }
    for (int i = 0; i < PROCESSES; i++) {
        ck_assert_int_gt(wait(&status), 0);
        ck_assert(WIFEXITED(status));
        ck_assert_msg(WEXITSTATUS(status) == 0, "%s",
                      WEXITSTATUS(status) == 1 ? "two owners at a time" : "one never was");
    }
}
END_TEST

/* ================================================================ memory */

static uint64_t free_memory(void)
{
    uint64_t bytes = 1;

    ck_assert_int_eq(ft_memory_free(base, &bytes), 0);
    return bytes;
}

START_TEST(memory_is_the_least_of_all_limits)
{
    write_file("proc/meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable:   8000 kB\n");
    ck_assert_uint_eq(free_memory(), 8000 * 1024);
    /* version 2, with a limit of the group above */
    write_file("proc/self/cgroup", "0::/job/step\n");
    write_file("sys/fs/cgroup/job/step/memory.max", "max\n");
    write_file("sys/fs/cgroup/job/step/memory.current", "1000000\n");
    ck_assert_uint_eq(free_memory(), 8000 * 1024);
    write_file("sys/fs/cgroup/job/memory.max", "5000000\n");
    write_file("sys/fs/cgroup/job/memory.current", "3000000\n");
    ck_assert_uint_eq(free_memory(), 2000000);
    write_file("sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 1500000\n");
    ck_assert_uint_eq(free_memory(), 3500000);
    write_file("sys/fs/cgroup/job/memory.current", "9000000\n");
    ck_assert_uint_eq(free_memory(), 0);
    /* version 1 */
    write_file("proc/self/cgroup", "5:devices:/x\n4:memory:/slurm/job\n0::/\n");
    write_file("sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "7000000\n");
    write_file("sys/fs/cgroup/memory/slurm/job/memory.usage_in_bytes", "1000000\n");
    ck_assert_uint_eq(free_memory(), 6000000);
    write_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write_file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");
    ck_assert_uint_eq(free_memory(), 6000000);
}
END_TEST

START_TEST(memory_that_cannot_be_read_is_an_error)
{
    uint64_t bytes = 1;

    ck_assert_int_eq(ft_memory_free(base, &bytes), -1);
    ck_assert_int_eq(errno, ENOENT);
    write_file("proc/meminfo", "nothing here\n");
    ck_assert_int_eq(ft_memory_free(base, &bytes), -1);
    ck_assert_int_eq(errno, EPROTO);
    write_file("proc/meminfo", "MemFree: 10 kB\n"); /* before Linux 3.14 */
    write_file("proc/self/cgroup", "rubbish\n::\n0:\n:::::\n");
    ck_assert_uint_eq(free_memory(), 10240);
    ck_assert_int_eq(ft_memory_free("", &bytes), 0);
    ck_assert_uint_gt(bytes, 1u << 20);
}
END_TEST

START_TEST(boot_time_is_read)
{
    ck_assert_int_eq(ft_boot_time_s(base), 0);
    write_file("proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
    ck_assert_int_eq(ft_boot_time_s(base), 1700000000);
    ck_assert_int_gt(ft_boot_time_s(""), 1600000000);
}
END_TEST

/* ================================================================ reports */

static int sums;
static uint32_t summed;

static void on_sum(void *arg, const Ft__Request *request)
{
    (void)arg;
    ck_assert(request->silent);
    sums++;
    summed += request->count;
}

START_TEST(reports_are_told_apart)
{
    struct ft_reports *reports = ft_reports_create();
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;
    const Ft__Reply *answer;
    uint64_t first;

    request.verb = FT_VERB_ERROR;
    ck_assert_int_eq(ft_reports_take(reports, &request, "j", 1, 0, &first, &answer),
                     FT_REPORT_SINGLE); /* no resource: for the central unit to refuse */
    request.resource = &resource;
    resource.kind = FT_RANK;
    request.usage = FT_SEND;
    ck_assert_int_eq(ft_reports_take(reports, &request, "j", 2, 0, &first, &answer),
                     FT_REPORT_FIRST);
    ck_assert_int_eq(ft_reports_take(reports, &request, "j", 3, 99, &first, &answer),
                     FT_REPORT_REPEATED);
    ck_assert_uint_eq(first, 2);
    ck_assert_int_eq(ft_reports_take(reports, &request, "other", 4, 99, &first, &answer),
                     FT_REPORT_FIRST); /* that job's rank 0 */
    resource.job = (char *)(uintptr_t)"j";
    ck_assert_int_eq(ft_reports_take(reports, &request, "other", 5, 99, &first, &answer),
                     FT_REPORT_REPEATED); /* of j after all */
    resource.job = (char *)(uintptr_t)"";
    request.usage = FT_RECEIVE;
    ck_assert_int_eq(ft_reports_take(reports, &request, "j", 6, 99, &first, &answer),
                     FT_REPORT_FIRST);
    ft_reports_end_due(reports, 99, on_sum, NULL);
    ck_assert_int_eq(sums, 0);
    ck_assert_int_eq(ft_reports_due_ms(reports), 100);
    ft_reports_end_due(reports, 100, on_sum, NULL);
    ck_assert_int_eq(sums, 1);
    ck_assert_uint_eq(summed, 2);
    request.usage = FT_SEND;
    ck_assert_int_eq(ft_reports_take(reports, &request, "j", 7, 100, &first, &answer),
                     FT_REPORT_FIRST);
    ft_reports_destroy(reports);
    ft_reports_destroy(NULL);
}
END_TEST

START_TEST(reports_are_bounded)
{
    struct ft_reports *reports = ft_reports_create();
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;
    const Ft__Reply *answer;
    uint64_t first;

    request.resource = &resource;
    for (int i = 0; i < FT_REPORTS_MAX + 10; i++) {
        resource.number = i;
        ck_assert_int_eq(ft_reports_take(reports, &request, "", (uint64_t)i, 0, &first, &answer),
                         i < FT_REPORTS_MAX ? FT_REPORT_FIRST : FT_REPORT_SINGLE);
    }
    ft_reports_end_due(reports, 1000, on_sum, NULL);
    ck_assert_int_eq(ft_reports_due_ms(reports), -1);
    ck_assert_int_eq(sums, 0);
    ft_reports_destroy(reports);
}
END_TEST

/* ================================================================ relay */

static uv_loop_t loop;
static struct ft_relay *relay;
static bool takes = true;        /* the central unit's link does */
static int to_central_n, to_client_n, cancels;
static uint64_t last_id;         /* of what went to the central unit */
static int last_status;

static int to_central(void *arg, const Ft__Message *message)
{
    (void)arg;
    if (!takes) {
        errno = ENOBUFS;
        return -1;
    }
    to_central_n += message->body_case == FT__MESSAGE__BODY_REQUEST;
    cancels += message->body_case == FT__MESSAGE__BODY_CANCEL;
    last_id = message->id;
    return 0;
}

static int to_client(void *arg, struct ft_relay_client *client, const Ft__Message *message)
{
    (void)arg;
    (void)client;
    to_client_n++;
    last_status = message->reply->status;
    return 0;
}

static const struct ft_relay_ways ways = {.to_central = to_central, .to_client = to_client};

static void relay_setup(void)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    relay = ft_relay_create(&loop, "n1", &ways, NULL);
    ck_assert_ptr_nonnull(relay);
    ft_relay_up(relay);
}

static void relay_teardown(void)
{
    ft_relay_stop(relay, "the test ends");
    uv_run(&loop, UV_RUN_DEFAULT);
    ft_relay_destroy(relay);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void ask(struct ft_relay_client *client, uint64_t id, uint32_t verb, int64_t timeout_ms)
{
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Request request = FT__REQUEST__INIT;
    Ft__Resource resource = FT__RESOURCE__INIT;

    resource.kind = FT_RANK;
    resource.number = (int64_t)id;
    request.verb = verb;
    request.resource = &resource;
    request.timeout_ms = timeout_ms;
    message.id = id;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    ft_relay_request(relay, client, &message);
}

START_TEST(full_queue_of_the_link_is_tried_again)
{
    struct ft_relay_client client = {.rank = 1};

    takes = false;
    ask(&client, 1, FT_VERB_CLAIM, 60000);
    ask(&client, 2, FT_VERB_CLAIM, 60000);
    ck_assert_int_eq(to_central_n, 0);
    takes = true;
    for (int i = 0; i < 100 && to_central_n < 2; i++)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(to_central_n, 2);
    ck_assert_uint_eq(last_id, 2); /* in order */
    ft_relay_client_gone(relay, &client);
    ck_assert_int_eq(cancels, 2);
    ck_assert_uint_eq(ft_relay_waiting(relay), 0);
    ck_assert_uint_eq(client.requests, 0);
}
END_TEST

START_TEST(report_outlives_who_made_it)
{
    struct ft_relay_client client = {.rank = 1};

    ft_relay_down(relay, "test");
    ask(&client, 1, FT_VERB_ERROR, 60000);
    ask(&client, 2, FT_VERB_ALTERNATIVE, 60000);
    ft_relay_client_gone(relay, &client);
    ck_assert_uint_eq(client.requests, 0);
    ft_relay_up(relay);
    ck_assert_int_eq(to_central_n, 1); /* the report; nobody waits for the other */
    ck_assert_int_eq(to_client_n, 0);
}
END_TEST

START_TEST(report_whose_time_is_over_is_still_passed_on)
{
    struct ft_relay_client client = {.rank = 1};

    ft_relay_down(relay, "test");
    ask(&client, 1, FT_VERB_ERROR, 50);
    for (int i = 0; i < 100 && to_client_n == 0; i++)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(to_client_n, 1);
    ck_assert_int_eq(last_status, FT_ERR_TIMEOUT);
    ft_relay_up(relay);
    ck_assert_int_eq(to_central_n, 1);
}
END_TEST

START_TEST(relay_is_bounded)
{
    static struct ft_relay_client clients[20];
    uint64_t asked = 0;

    for (int i = 0; i < 20; i++)
        for (int k = 0; k < 1000; k++)
            ask(&clients[i], ++asked, FT_VERB_NEXT_PEER, -1);
    ck_assert_uint_eq(ft_relay_waiting(relay), FT_RELAY_REQUESTS_MAX);
    ck_assert_int_eq(to_client_n, 20000 - FT_RELAY_REQUESTS_MAX);
    ck_assert_int_eq(last_status, FT_ERR_BUSY);
    for (int i = 0; i < 20; i++)
        ft_relay_client_gone(relay, &clients[i]);
    ck_assert_uint_eq(ft_relay_waiting(relay), 0);
}
END_TEST

START_TEST(request_that_is_too_large_is_refused)
{
    struct ft_relay_client client = {.rank = 1};
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Request request = FT__REQUEST__INIT;

    request.text = malloc(FT_RELAY_REQUEST_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(request.text);
    memset(request.text, 'x', FT_RELAY_REQUEST_BYTES_MAX);
    request.text[FT_RELAY_REQUEST_BYTES_MAX] = '\0';
    request.verb = FT_VERB_ANNOUNCE;
    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = &request;
    ft_relay_request(relay, &client, &message);
    ck_assert_int_eq(last_status, FT_ERR_ARG);
    ck_assert_uint_eq(ft_relay_waiting(relay), 0);
    free(request.text);
}
END_TEST

START_TEST(nothing_wakes_when_nothing_waits)
{
    struct ft_relay_client client = {.rank = 1};
    Ft__Message message = FT__MESSAGE__INIT;
    Ft__Reply reply = FT__REPLY__INIT;

    ask(&client, 1, FT_VERB_CLAIM, 30);
    message.id = last_id;
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &reply;
    ft_relay_reply(relay, &message);
    ck_assert_int_eq(to_client_n, 1);
    uv_run(&loop, UV_RUN_DEFAULT); /* returns once no timer is left */
    ck_assert_int_eq(to_client_n, 1);
    ck_assert_uint_eq(ft_relay_waiting(relay), 0);
}
END_TEST

static Suite *parts_suite(void)
{
    Suite *suite = suite_create("noded_parts");
    TCase *tcase = tcase_create("parts");
    TCase *relay_case = tcase_create("relay");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, orders_are_read);
    tcase_add_test(tcase, wrong_orders_are_refused_without_a_trace);
    tcase_add_test(tcase, orders_are_not_waited_for_without_bound);
    tcase_add_test(tcase, configuration_has_defaults);
    tcase_add_test(tcase, configuration_is_read);
    tcase_add_test(tcase, mistakes_in_the_configuration_are_told_with_their_line);
    tcase_add_test(tcase, folder_is_made_and_removed);
    tcase_add_test(tcase, folder_of_another_user_is_refused);
    tcase_add_test(tcase, folder_that_others_can_touch_is_refused);
    tcase_add_test(tcase, lock_that_is_a_link_is_refused);
    tcase_add_test(tcase, taken_folder_without_an_answer_is_told);
    tcase_add_test(tcase, folder_has_one_owner_at_a_time);
    tcase_add_test(tcase, memory_is_the_least_of_all_limits);
    tcase_add_test(tcase, memory_that_cannot_be_read_is_an_error);
    tcase_add_test(tcase, boot_time_is_read);
    tcase_add_test(tcase, reports_are_told_apart);
    tcase_add_test(tcase, reports_are_bounded);
    suite_add_tcase(suite, tcase);

    tcase_set_timeout(relay_case, 60);
    tcase_add_checked_fixture(relay_case, relay_setup, relay_teardown);
    tcase_add_test(relay_case, full_queue_of_the_link_is_tried_again);
    tcase_add_test(relay_case, report_outlives_who_made_it);
    tcase_add_test(relay_case, report_whose_time_is_over_is_still_passed_on);
    tcase_add_test(relay_case, relay_is_bounded);
    tcase_add_test(relay_case, request_that_is_too_large_is_refused);
    tcase_add_test(relay_case, nothing_wakes_when_nothing_waits);
    suite_add_tcase(suite, relay_case);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(parts_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
