/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix.c - ft-rms-pmix [PID]: the PMIx tool that asks its host's PMIx server for nodes.
 *
 * Started by src/rms/pmix.c, which it speaks lines with (talk.h; there they are listed). Connects
 * to the PMIx server of process PID (the launcher; without it, to whatever PMIx finds), asks it by
 * PMIx_Allocation_request_nb, one node at a time, and releases all that it has when its standard
 * input ends. PMIx answers in its own thread: an answer is put on a pipe, and dealt with in main's
 * loop. No request waits longer than it said; one that was given up is cancelled, and what comes
 * all the same is released.
 *
 * Requests bear PMIX_ALLOC_REQ_ID "ft-PID-NUMBER" and the attribute FROM_FT, by which our own PRRTE
 * component knows that it would be asking itself.
 */
#include <errno.h>
#include <pmix_tool.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rms/talk.h"

#define FROM_FT "ft.rms"
#define CONNECT_S 15    /* then the server is not there */
#define END_MS 5000     /* releases may take, in the end */
#define TIMEOUT_MS 60000 /* of a request that does not tell */
#define INFOS_MAX 8

/* A request of ours under way. PMIx reads its infos until the answer. */
struct wish {
    uint64_t acquire;
    bool dropped;          /* nobody waits for it */
    int64_t end_ms;
    char request_id[64];
    pmix_info_t infos[INFOS_MAX];
    size_t n;
    struct wish *next;
};

struct holding {
    char *id;
    struct holding *next;
};

/* What PMIx's thread tells main. wish NULL: the end of a release. */
struct answer {
    struct wish *wish;
    pmix_status_t status;
    char id[256], nodes[512];
};

static int answers[2];
static struct wish *wishes;
static struct holding *holdings;
static unsigned releasing;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void say(const char *line)
{
    printf("%s\n", line);
    fflush(stdout);
}

/* ---------------------------------------------------------------- holdings */

static void hold(const char *id)
{
    struct holding *holding = calloc(1, sizeof *holding);

    if (holding == NULL || (holding->id = strdup(id)) == NULL) {
        free(holding); /* the server takes it back when its session ends */
        return;
    }
    holding->next = holdings;
    holdings = holding;
}

/* In PMIx's thread. An answer is smaller than what a pipe takes at once. */
static void on_released(pmix_status_t status, pmix_info_t *info, size_t n, void *cbdata,
                        pmix_release_cbfunc_t release, void *release_cbdata)
{
    struct answer answer = {.status = status};

    (void) info;
    (void) n;
    PMIX_INFO_FREE(cbdata, 1);
    if (release != NULL)
        release(release_cbdata);
    if (write(answers[1], &answer, sizeof answer) != sizeof answer)
        _exit(1);
}

static void release_one(const char *id)
{
    pmix_info_t *info;

    PMIX_INFO_CREATE(info, 1);
    PMIX_INFO_LOAD(&info[0], PMIX_ALLOC_ID, id, PMIX_STRING);
    if (PMIx_Allocation_request_nb(PMIX_ALLOC_RELEASE, info, 1, on_released, info) == PMIX_SUCCESS)
        releasing++;
    else
        PMIX_INFO_FREE(info, 1);
}

static void give(const char *id)
{
    struct holding **link = &holdings, *holding;

    release_one(id);
    while (*link != NULL && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    holding = *link;
    if (holding == NULL)
        return;
    *link = holding->next;
    free(holding->id); /* it may be what `id` points to */
    free(holding);
}

/* ---------------------------------------------------------------- wishes */

static void say_none(uint64_t acquire, const char *why)
{
    char line[FT_TALK_LINE_MAX] = "none";

    ft_talk_add_number(line, sizeof line, "acquire", (int64_t) acquire);
    ft_talk_add(line, sizeof line, "why", why);
    say(line);
}

static void free_wish(struct wish *wish)
{
    struct wish **link = &wishes;

    while (*link != NULL && *link != wish)
        link = &(*link)->next;
    if (*link != NULL)
        *link = wish->next;
    for (size_t i = 0; i < wish->n; i++)
        PMIX_INFO_DESTRUCT(&wish->infos[i]);
    free(wish);
}

/* In PMIx's thread. */
static void on_answer(pmix_status_t status, pmix_info_t *info, size_t n, void *cbdata,
                      pmix_release_cbfunc_t release, void *release_cbdata)
{
    struct answer answer = {.wish = cbdata, .status = status};

    for (size_t i = 0; status == PMIX_SUCCESS && i < n; i++) {
        const char *text = info[i].value.type == PMIX_STRING ? info[i].value.data.string : NULL;

        if (text != NULL && PMIX_CHECK_KEY(&info[i], PMIX_ALLOC_ID))
            snprintf(answer.id, sizeof answer.id, "%s", text);
        if (text != NULL && PMIX_CHECK_KEY(&info[i], PMIX_ALLOC_NODE_LIST))
            snprintf(answer.nodes, sizeof answer.nodes, "%s", text);
    }
    if (release != NULL)
        release(release_cbdata);
    if (write(answers[1], &answer, sizeof answer) != sizeof answer)
        _exit(1);
}

static void add(struct wish *wish, const char *key, const void *value, pmix_data_type_t type)
{
    PMIX_INFO_LOAD(&wish->infos[wish->n], key, value, type);
    wish->n++;
}

static void ask(const struct ft_talk *order)
{
    uint64_t one = 1, acquire = (uint64_t) ft_talk_number(order, "acquire", 0);
    uint64_t cores = (uint64_t) ft_talk_number(order, "cores", 0);
    float megabytes = (float) (ft_talk_number(order, "memory", 0) / 1048576);
    int64_t timeout_ms = ft_talk_number(order, "timeout_ms", 0);
    const char *exclude = ft_talk_text(order, "exclude");
    struct wish *wish = calloc(1, sizeof *wish);
    int seconds;
    pmix_status_t rc;

    if (wish == NULL) {
        say_none(acquire, "the helper is out of memory");
        return;
    }
    timeout_ms = timeout_ms > 0 ? timeout_ms : TIMEOUT_MS;
    seconds = (int) ((timeout_ms + 999) / 1000);
    wish->acquire = acquire;
    wish->end_ms = now_ms() + timeout_ms;
    snprintf(wish->request_id, sizeof wish->request_id, "ft-%ld-%llu", (long) getpid(),
             (unsigned long long) acquire);
    add(wish, PMIX_ALLOC_REQ_ID, wish->request_id, PMIX_STRING);
    add(wish, PMIX_ALLOC_NUM_NODES, &one, PMIX_UINT64);
    add(wish, PMIX_TIMEOUT, &seconds, PMIX_INT);
    add(wish, FROM_FT, wish->request_id, PMIX_STRING);
    if (cores > 0)
        add(wish, PMIX_ALLOC_NUM_CPUS, &cores, PMIX_UINT64);
    if (megabytes > 0)
        add(wish, PMIX_ALLOC_MEM_SIZE, &megabytes, PMIX_FLOAT);
    if (exclude != NULL)
        add(wish, PMIX_ALLOC_EXCLUDE, exclude, PMIX_STRING);
    wish->next = wishes;
    wishes = wish;
    rc = PMIx_Allocation_request_nb(PMIX_ALLOC_NEW, wish->infos, wish->n, on_answer, wish);
    if (rc != PMIX_SUCCESS) {
        say_none(acquire, PMIx_Error_string(rc));
        free_wish(wish);
    }
}

/* Nobody waits for it any more. PMIx still answers, and only then it is gone. */
static void drop(struct wish *wish)
{
    pmix_info_t *info;

    if (wish->dropped)
        return;
    wish->dropped = true;
    PMIX_INFO_CREATE(info, 1);
    PMIX_INFO_LOAD(&info[0], PMIX_ALLOC_REQ_ID, wish->request_id, PMIX_STRING);
    if (PMIx_Allocation_request_nb(PMIX_ALLOC_REQ_CANCEL, info, 1, on_released, info)
        == PMIX_SUCCESS)
        releasing++;
    else
        PMIX_INFO_FREE(info, 1);
}

static void drop_late(void)
{
    for (struct wish *wish = wishes; wish != NULL; wish = wish->next) {
        if (wish->dropped || now_ms() < wish->end_ms)
            continue;
        say_none(wish->acquire, "the host's PMIx server did not answer in time");
        drop(wish);
    }
}

static void take_node(const struct answer *answer)
{
    char line[FT_TALK_LINE_MAX] = "got";

    if (answer->wish->dropped) {
        release_one(answer->id);
        return;
    }
    if (answer->nodes[0] == '\0' || strpbrk(answer->nodes, ",[] ") != NULL) {
        say_none(answer->wish->acquire, "the host's PMIx server gave something else than one node");
        release_one(answer->id);
        return;
    }
    hold(answer->id);
    ft_talk_add_number(line, sizeof line, "acquire", (int64_t) answer->wish->acquire);
    ft_talk_add(line, sizeof line, "id", answer->id);
    ft_talk_add(line, sizeof line, "node", answer->nodes);
    say(line);
}

static void take_answer(const struct answer *answer)
{
    char why[200];

    if (answer->wish == NULL) {
        releasing--;
        return;
    }
    if (answer->status == PMIX_SUCCESS && answer->id[0] != '\0') {
        take_node(answer);
    } else if (!answer->wish->dropped) {
        snprintf(why, sizeof why, "the host's PMIx server answers %s",
                 PMIx_Error_string(answer->status));
        say_none(answer->wish->acquire, why);
    }
    free_wish(answer->wish);
}

/* ---------------------------------------------------------------- orders */

static void obey(char *line)
{
    struct ft_talk order;
    const char *id;

    if (ft_talk_parse(line, &order) != 0)
        return;
    id = ft_talk_text(&order, "id");
    if (strcmp(order.word, "get") == 0) {
        ask(&order);
    } else if (strcmp(order.word, "drop") == 0) {
        for (struct wish *wish = wishes; wish != NULL; wish = wish->next)
            if (wish->acquire == (uint64_t) ft_talk_number(&order, "acquire", 0))
                drop(wish);
    } else if (strcmp(order.word, "give") == 0 && id != NULL) {
        give(id);
    } else if (strcmp(order.word, "keep") == 0 && id != NULL) {
        hold(id);
    }
}

/* False at the end of orders. */
static bool read_orders(void)
{
    static char text[FT_TALK_LINE_MAX];
    static size_t n;
    ssize_t more = read(STDIN_FILENO, text + n, sizeof text - 1 - n);
    char *end;

    if (more <= 0)
        return more < 0 && errno == EINTR;
    n += (size_t) more;
    while ((end = memchr(text, '\n', n)) != NULL) {
        size_t length = (size_t) (end - text);

        *end = '\0';
        obey(text);
        n -= length + 1;
        memmove(text, end + 1, n);
    }
    return n < sizeof text - 1;
}

static bool serve(bool orders)
{
    struct pollfd files[2] = {{.fd = answers[0], .events = POLLIN},
                              {.fd = STDIN_FILENO, .events = POLLIN}};
    struct answer answer;

    if (poll(files, orders ? 2 : 1, 200) < 0 && errno != EINTR)
        return false;
    if ((files[0].revents & POLLIN) != 0 &&
        read(answers[0], &answer, sizeof answer) == (ssize_t) sizeof answer)
        take_answer(&answer);
    drop_late();
    return !orders || files[1].revents == 0 || read_orders();
}

/* ---------------------------------------------------------------- life */

static void on_alarm(int number)
{
    static const char text[] = "failed why=no%20PMIx%20server%20answers\n";

    (void) number;
    if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
        _exit(3);
    _exit(2);
}

static pmix_status_t connect_to(const char *pid)
{
    pmix_info_t info;
    pmix_proc_t self;
    pid_t server = pid != NULL ? (pid_t) atol(pid) : 0;
    pmix_status_t rc;

    signal(SIGALRM, on_alarm);
    alarm(CONNECT_S);
    PMIX_INFO_CONSTRUCT(&info);
    if (server > 0)
        PMIX_INFO_LOAD(&info, PMIX_SERVER_PIDINFO, &server, PMIX_PID);
    rc = PMIx_tool_init(&self, server > 0 ? &info : NULL, server > 0);
    PMIX_INFO_DESTRUCT(&info);
    alarm(0);
    return rc;
}

static void end_all(void)
{
    int64_t end_ms = now_ms() + END_MS;

    for (struct wish *wish = wishes; wish != NULL; wish = wish->next)
        drop(wish);
    while (holdings != NULL)
        give(holdings->id);
    while ((releasing > 0 || wishes != NULL) && now_ms() < end_ms && serve(false))
        continue;
}

int main(int argc, char **argv)
{
    pmix_status_t rc;
    char line[300] = "failed";

    signal(SIGPIPE, SIG_IGN);
    if (pipe(answers) < 0)
        return 1;
    rc = connect_to(argc > 1 ? argv[1] : NULL);
    if (rc != PMIX_SUCCESS) {
        ft_talk_add(line, sizeof line, "why", PMIx_Error_string(rc));
        say(line);
        return 2;
    }
    while (serve(true))
        continue;
    end_all();
    PMIx_tool_finalize();
    return 0;
}
