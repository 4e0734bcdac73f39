/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_convert.c - src/wire/convert: every field there and back through packed bytes, and
 * everything that must be refused on either way.
 *
 * Values are filled with a different number or text in each field, and compared field by field; the
 * tests of descriptors at the end fail when ft.proto gets a field that is not carried here.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/convert.h"
#include "wire/verbs.h"

/* protobuf-c's strings are not const, though packing only reads them. */
#define BORROW(text) ((char *) (uintptr_t) (text))

/* Packs and unpacks, as if it had travelled; freed by ft__message__free_unpacked. */
static Ft__Message *travel(Ft__Message *message)
{
    size_t n = ft__message__get_packed_size(message);
    uint8_t *packed = malloc(n);
    Ft__Message *got;

    ck_assert_ptr_nonnull(packed);
    ft__message__pack(message, packed);
    got = ft__message__unpack(NULL, n, packed);
    ck_assert_ptr_nonnull(got);
    free(packed);
    return got;
}

static Ft__Message *travel_request(Ft__Request *request)
{
    Ft__Message message = FT__MESSAGE__INIT;

    message.body_case = FT__MESSAGE__BODY_REQUEST;
    message.request = request;
    return travel(&message);
}

static ftResource_t some_resource(ftKind_t kind)
{
    ftResource_t resource = {.kind = kind, .node = "node", .job = "job@1", .number = 123456,
                             .name = "name"};

    return resource;
}

static void expect_resource(const ftResource_t *a, const ftResource_t *b)
{
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert_str_eq(a->node, b->node);
    ck_assert_str_eq(a->job, b->job);
    ck_assert_int_eq(a->number, b->number);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_int_eq(a->error, FT_OK);
}

static ftConstraint_t some_constraint(void)
{
    ftConstraint_t constraint = {.cores_min = 4000000000u, .memory_min_bytes = UINT64_MAX,
                                 .arch = "x86_64", .at_least = 1, .same_kind = 1,
                                 .excluded = "n1,n2.example.org,n3", .distance = -1,
                                 .ladder = "spares,beside", .when_none = "share,wait,later",
                                 .wait_ms = 60000};

    for (int i = 0; i < FT_DEVICES_MAX; i++) {
        snprintf(constraint.devices[i].type, sizeof constraint.devices[i].type, "typ%d", i);
        constraint.devices[i].count_min = (uint32_t) i + 7;
    }
    constraint.from = some_resource(FT_NODE);
    return constraint;
}

static void expect_constraint(const ftConstraint_t *a, const ftConstraint_t *b)
{
    ck_assert_uint_eq(a->cores_min, b->cores_min);
    ck_assert_uint_eq(a->memory_min_bytes, b->memory_min_bytes);
    ck_assert_str_eq(a->arch, b->arch);
    for (int i = 0; i < FT_DEVICES_MAX; i++) {
        ck_assert_str_eq(a->devices[i].type, b->devices[i].type);
        ck_assert_uint_eq(a->devices[i].count_min, b->devices[i].count_min);
    }
    ck_assert_int_eq(a->at_least, b->at_least);
    ck_assert_int_eq(a->same_kind, b->same_kind);
    ck_assert_str_eq(a->excluded, b->excluded);
    ck_assert_int_eq(a->distance, b->distance);
    ck_assert_str_eq(a->ladder, b->ladder);
    ck_assert_str_eq(a->when_none, b->when_none);
    ck_assert_uint_eq(a->wait_ms, b->wait_ms);
    expect_resource(&a->from, &b->from);
    ck_assert_int_eq(a->error, FT_OK);
}

/* ------------------------------------------------------------ requests */

START_TEST(resources_there_and_back)
{
    ftAction_t action = {.verb = FT_VERB_ERROR, .usage = FT_RELEASE};
    struct ft_put_request put;
    Ft__Message *got;
    ftResource_t back;

    action.resource = some_resource((ftKind_t) _i);
    ck_assert_int_eq(ft_put_request(&put, &action, 1500), 0);
    got = travel_request(&put.request);
    ck_assert_uint_eq(got->request->verb, FT_VERB_ERROR);
    ck_assert_uint_eq(got->request->usage, FT_RELEASE);
    ck_assert_int_eq(got->request->timeout_ms, 1500);
    ck_assert_ptr_null(got->request->constraint);
    ck_assert_int_eq(ft_get_resource(got->request->resource, &back), 0);
    expect_resource(&back, &action.resource);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);
    ft_put_request_clear(&put);
}
END_TEST

START_TEST(constraints_there_and_back)
{
    ftAction_t action = {.verb = FT_VERB_ALTERNATIVE};
    struct ft_put_request put;
    ftConstraint_t back;
    Ft__Message *got;

    action.resource = some_resource(FT_RANK);
    if (_i == 0) {
        action.constraint = some_constraint();
    } else if (_i == 2) {
        action.constraint.distance = 1;
        action.constraint.from = some_resource(FT_STORAGE);
    }
    ck_assert_int_eq(ft_put_request(&put, &action, FT_FOREVER), 0);
    got = travel_request(&put.request);
    ck_assert_int_eq(got->request->timeout_ms, -1);
    ck_assert_ptr_nonnull(got->request->constraint);
    ck_assert_int_eq(ft_get_constraint(got->request->constraint, &back), 0);
    expect_constraint(&back, &action.constraint);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);
}
END_TEST

START_TEST(excluded_names_are_a_list)
{
    ftAction_t action = {.verb = FT_VERB_ALTERNATIVE};
    struct ft_put_request put;
    ftConstraint_t back;

    action.resource = some_resource(FT_NODE);
    strcpy(action.constraint.excluded, ",a,,b,c,");
    ck_assert_int_eq(ft_put_request(&put, &action, 0), 0);
    ck_assert_uint_eq(put.constraint.n_excluded, 3);
    ck_assert_str_eq(put.constraint.excluded[0], "a");
    ck_assert_str_eq(put.constraint.excluded[2], "c");
    ck_assert_int_eq(ft_get_constraint(&put.constraint, &back), 0);
    ck_assert_str_eq(back.excluded, "a,b,c");
    ft_put_request_clear(&put);
    /* as much as there is room for */
    memset(action.constraint.excluded, 'x', FT_EXCLUDE_MAX - 1);
    for (int i = 200; i < FT_EXCLUDE_MAX - 1; i += 200)
        action.constraint.excluded[i] = ',';
    ck_assert_int_eq(ft_put_request(&put, &action, 0), 0);
    ck_assert_int_eq(ft_get_constraint(&put.constraint, &back), 0);
    ck_assert_str_eq(back.excluded, action.constraint.excluded);
    ft_put_request_clear(&put);
}
END_TEST

START_TEST(decisions_there_and_back)
{
    static const uint32_t verbs[] = {FT_VERB_CLAIM, FT_VERB_NEXT_PEER, FT_VERB_ANNOUNCE,
                                     FT_VERB_START_FAILED};
    ftAction_t action = {.verb = verbs[_i], .decision = UINT64_MAX - 5};
    struct ft_put_request put;
    Ft__Message *got;

    memset(action.text, 'p', sizeof action.text - 1);
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_uint_eq(got->request->verb, verbs[_i]);
    ck_assert_uint_eq(got->request->decision, UINT64_MAX - 5);
    ck_assert_str_eq(got->request->text, _i >= 2 ? action.text : "");
    ck_assert_ptr_null(got->request->resource);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);
}
END_TEST

START_TEST(job_started_there_and_back)
{
    ftAction_t action = {.verb = FT_VERB_JOB_STARTED, .text = "parent@1"};
    ftProcessInfo_t processes[] = {{0, 100, "n0"}, {INT_MAX, INT64_MAX, "n1"}, {2, 0, "n0"}};
    struct ft_put_request put;
    Ft__Message *got;

    strcpy(action.resource.job, "job@2");
    action.borrowed = processes;
    action.borrowed_n = 3;
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_str_eq(got->request->job, "job@2");
    ck_assert_str_eq(got->request->parent, "parent@1");
    ck_assert_str_eq(got->request->text, "");
    ck_assert_uint_eq(got->request->n_processes, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(got->request->processes[i]->rank, processes[i].rank);
        ck_assert_int_eq(got->request->processes[i]->pid, processes[i].pid);
        ck_assert_str_eq(got->request->processes[i]->node, processes[i].node);
    }
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);
    action.borrowed = NULL;
    action.borrowed_n = 0;
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    ck_assert_uint_eq(put.request.n_processes, 0);
    ft_put_request_clear(&put);
}
END_TEST

START_TEST(other_reports_there_and_back)
{
    ftAction_t action = {.verb = FT_VERB_PROCESS_ENDED, .code = -9};
    struct ft_put_request put;
    Ft__Message *got;
    ftResource_t back;

    action.resource = some_resource(FT_RANK);
    action.usage = (ftUsage_t) FT_ENDED_WITH_NODE;
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_str_eq(got->request->job, "job@1");
    ck_assert_uint_eq(got->request->usage, FT_ENDED_WITH_NODE);
    ck_assert_int_eq(got->request->code, -9);
    ck_assert_int_eq(ft_get_resource(got->request->resource, &back), 0);
    expect_resource(&back, &action.resource);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);

    action.verb = FT_VERB_NODE_CHANGED;
    action.resource = some_resource(FT_NODE);
    action.usage = (ftUsage_t) FT_NODE_LOST;
    strcpy(action.text, "connection closed");
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_uint_eq(got->request->usage, FT_NODE_LOST);
    ck_assert_int_eq(got->request->code, -9);
    ck_assert_str_eq(got->request->text, "connection closed");
    ck_assert_str_eq(got->request->resource->node, "node");
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);

    action.verb = FT_VERB_JOB_ENDED;
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_str_eq(got->request->job, "job@1");
    ck_assert_int_eq(got->request->code, -9);
    ck_assert_ptr_null(got->request->resource);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);
}
END_TEST

/* News, the ranks of a node, events for the log. */
START_TEST(later_reports_there_and_back)
{
    static const ftProcessInfo_t processes[] = {{1, 2, "n"}, {3, 4, "n"}};
    ftAction_t action = {.verb = FT_VERB_NEWS, .decision = (UINT64_C(5) << 32) + 1};
    struct ft_put_request put;
    Ft__Message *got;

    ck_assert_int_eq(ft_put_request(&put, &action, FT_FOREVER), 0);
    got = travel_request(&put.request);
    ck_assert_uint_eq(got->request->decision, (UINT64_C(5) << 32) + 1);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);

    action = (ftAction_t) {.verb = FT_VERB_RANKS_HERE, .code = 700, .borrowed = processes,
                           .borrowed_n = 2};
    action.resource = some_resource(FT_RANK);
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_str_eq(got->request->job, "job@1");
    ck_assert_int_eq(got->request->code, 700);
    ck_assert_uint_eq(got->request->n_processes, 2);
    ck_assert_int_eq(got->request->processes[1]->rank, 3);
    ck_assert_int_eq(got->request->processes[1]->pid, 4);
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);

    action = (ftAction_t) {.verb = FT_VERB_NODE_EVENT};
    action.resource = some_resource(FT_NODE);
    strcpy(action.text, "a sentence");
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    got = travel_request(&put.request);
    ck_assert_str_eq(got->request->resource->node, "node");
    ck_assert_str_eq(got->request->text, "a sentence");
    ft__message__free_unpacked(got, NULL);
    ft_put_request_clear(&put);
}
END_TEST

static void refused(const ftAction_t *action, ftTimeout_t timeout)
{
    struct ft_put_request put;

    errno = 0;
    ck_assert_int_eq(ft_put_request(&put, action, timeout), -1);
    ck_assert_int_eq(errno, EINVAL);
}

static ftAction_t good_action(uint32_t verb)
{
    static ftProcessInfo_t process = {1, 2, "n"};
    ftAction_t action = {.verb = verb, .usage = FT_SEND, .borrowed = &process, .borrowed_n = 1};
    struct ft_put_request put;

    action.resource = some_resource(FT_RANK);
    action.constraint = some_constraint();
    ck_assert_int_eq(ft_put_request(&put, &action, 1), 0);
    ft_put_request_clear(&put);
    return action;
}

/* A good action, one thing wrong with it. */
#define REFUSED(verb, change)                    \
    do {                                         \
        ftAction_t action = good_action(verb);   \
        change;                                  \
        refused(&action, 1);                     \
    } while (0)

START_TEST(actions_that_are_refused)
{
    static ftProcessInfo_t many[FT_PROCESSES_MAX + 1];
    static const ftProcessInfo_t wrong[] = {{-1, 0, "n"}, {0, -1, "n"}, {0, 0, NULL}, {0, 0, ""}};
    static char long_name[FT_NAME_MAX + 1];
    ftProcessInfo_t with_long_name = {0, 0, long_name};
    ftAction_t good = good_action(FT_VERB_CLAIM);

    memset(long_name, 'x', FT_NAME_MAX);
    refused(&good, -2);
    refused(&good, INT64_MIN);
    REFUSED(FT_VERB_CLAIM, action.error = FT_ERR_ARG);
    REFUSED(FT_VERB_CLAIM, action.verb = FT_VERB_NONE);
    REFUSED(FT_VERB_CLAIM, action.verb = FT_VERB_GIVE_BACK + 1);
    REFUSED(FT_VERB_CLAIM, action.verb = UINT32_MAX);
    REFUSED(FT_VERB_ERROR, action.usage = (ftUsage_t) 0);
    REFUSED(FT_VERB_ERROR, action.usage = (ftUsage_t) (FT_RELEASE + 1));
    REFUSED(FT_VERB_ERROR, action.resource.kind = (ftKind_t) 0);
    REFUSED(FT_VERB_ERROR, action.resource.kind = (ftKind_t) (FT_STORAGE + 1));
    REFUSED(FT_VERB_ERROR, action.resource.error = FT_ERR_ARG);
    REFUSED(FT_VERB_ERROR, memset(action.resource.node, 'x', FT_NAME_MAX));
    REFUSED(FT_VERB_ERROR, memset(action.resource.job, 'x', FT_NAME_MAX));
    REFUSED(FT_VERB_ERROR, memset(action.resource.name, 'x', FT_NAME_MAX));
    REFUSED(FT_VERB_ALTERNATIVE, action.constraint.error = FT_ERR_ARG);
    REFUSED(FT_VERB_ALTERNATIVE, action.constraint.distance = 2);
    REFUSED(FT_VERB_ALTERNATIVE, action.constraint.distance = -2);
    REFUSED(FT_VERB_ALTERNATIVE, action.constraint.from.error = FT_ERR_ARG);
    REFUSED(FT_VERB_ALTERNATIVE, memset(action.constraint.arch, 'x', 32));
    REFUSED(FT_VERB_ALTERNATIVE, memset(action.constraint.ladder, 'x', 32));
    REFUSED(FT_VERB_ALTERNATIVE, memset(action.constraint.when_none, 'x', 32));
    REFUSED(FT_VERB_ALTERNATIVE, memset(action.constraint.excluded, 'x', FT_EXCLUDE_MAX));
    REFUSED(FT_VERB_ALTERNATIVE, memset(action.constraint.devices[3].type, 'x', 32));
    REFUSED(FT_VERB_ANNOUNCE, memset(action.text, 'x', sizeof action.text));
    REFUSED(FT_VERB_JOB_STARTED, action.resource.job[0] = '\0');
    REFUSED(FT_VERB_JOB_STARTED, memset(action.text, 'x', sizeof action.text));
    REFUSED(FT_VERB_JOB_STARTED, action.borrowed = NULL);
    REFUSED(FT_VERB_JOB_STARTED,
            (action.borrowed = many, action.borrowed_n = FT_PROCESSES_MAX + 1));
    REFUSED(FT_VERB_JOB_STARTED, action.borrowed = &with_long_name);
    for (int i = 0; i < 4; i++)
        REFUSED(FT_VERB_JOB_STARTED, action.borrowed = &wrong[i]);
    REFUSED(FT_VERB_PROCESS_ENDED, action.usage = (ftUsage_t) (FT_ENDED_WITH_NODE + 1));
    REFUSED(FT_VERB_PROCESS_ENDED, action.resource.job[0] = '\0');
    REFUSED(FT_VERB_NODE_CHANGED, action.usage = (ftUsage_t) (FT_NODE_LEFT + 1));
    REFUSED(FT_VERB_JOB_ENDED, action.resource.job[0] = '\0');
}
END_TEST

/* ------------------------------------------------------------ what comes in wrong */

START_TEST(nothing_reads_as_zero)
{
    ftResource_t resource, no_resource = {0};
    ftConstraint_t constraint, no_constraint = {0};
    struct ft_facts facts;
    ftReply_t reply;

    memset(&resource, 0xff, sizeof resource);
    memset(&facts, 0xff, sizeof facts);
    memset(&reply, 0xff, sizeof reply);
    memset(&constraint, 0xff, sizeof constraint);
    ck_assert_int_eq(ft_get_resource(NULL, &resource), 0);
    expect_resource(&resource, &no_resource);
    ck_assert_int_eq(ft_get_constraint(NULL, &constraint), 0);
    expect_constraint(&constraint, &no_constraint);
    ck_assert_int_eq(ft_get_facts(NULL, &facts), 0);
    ck_assert_uint_eq(facts.kind, 0);
    ck_assert_str_eq(facts.devices[0].type, "");
    ck_assert_int_eq(ft_get_reply(NULL, &reply), 0);
    ck_assert_int_eq(reply.status, FT_OK);
    ck_assert_uint_eq(reply.decision, 0);
    ck_assert_str_eq(reply.hint, "");
}
END_TEST

static void resource_refused(uint32_t kind, int64_t number, const char *node, const char *job,
                             const char *name)
{
    Ft__Resource message = FT__RESOURCE__INIT;
    ftResource_t value = some_resource(FT_LINK), before = value;

    message.kind = kind;
    message.number = number;
    message.node = BORROW(node);
    message.job = BORROW(job);
    message.name = BORROW(name);
    errno = 0;
    ck_assert_int_eq(ft_get_resource(&message, &value), -1);
    ck_assert_int_eq(errno, EPROTO);
    expect_resource(&value, &before);
}

START_TEST(resources_that_are_refused)
{
    char name[FT_NAME_MAX + 1];
    Ft__Resource message = FT__RESOURCE__INIT;
    ftResource_t value;

    memset(name, 'x', FT_NAME_MAX);
    name[FT_NAME_MAX] = '\0';
    resource_refused(FT_STORAGE + 1, 0, "", "", "");
    resource_refused(UINT32_MAX, 0, "", "", "");
    resource_refused(FT_RANK, -1, "", "", "");
    resource_refused(FT_RANK, (int64_t) INT_MAX + 1, "", "", "");
    resource_refused(FT_PROCESS, -1, "", "", "");
    resource_refused(FT_NODE, 0, name, "", "");
    resource_refused(FT_NODE, 0, "", name, "");
    resource_refused(FT_NODE, 0, "", "", name);
    message.kind = FT_NODE;
    message.node = name + 1;
    ck_assert_int_eq(ft_get_resource(&message, &value), 0);
    ck_assert_str_eq(value.node, name + 1);
}
END_TEST

static void constraint_refused(const Ft__Constraint *message)
{
    ftConstraint_t value = some_constraint(), before = value;

    errno = 0;
    ck_assert_int_eq(ft_get_constraint(message, &value), -1);
    ck_assert_int_eq(errno, EPROTO);
    expect_constraint(&value, &before);
}

START_TEST(constraints_that_are_refused)
{
    Ft__Constraint message = FT__CONSTRAINT__INIT;
    Ft__Resource from = FT__RESOURCE__INIT;
    Ft__Device device = FT__DEVICE__INIT;
    Ft__Device *devices[FT_DEVICES_MAX + 1] = {&device, &device, &device, &device, &device};
    char name[FT_NAME_MAX + 1], arch[33];
    char *excluded[9] = {BORROW("a"), BORROW("b,c")};

    message.ladder = BORROW("beside,besides");
    constraint_refused(&message);
    message.ladder = BORROW("");
    message.when_none = BORROW("later,wait");
    constraint_refused(&message);
    message.when_none = BORROW("");
    message.wait_ms = FT_WAIT_MAX_MS + 1;
    constraint_refused(&message);
    message.wait_ms = 0;
    message.distance = 2;
    constraint_refused(&message);
    message.distance = -2;
    constraint_refused(&message);
    message.distance = 0;
    memset(arch, 'x', 32);
    arch[32] = '\0';
    message.arch = arch;
    constraint_refused(&message);
    message.arch = arch + 1;
    message.devices = devices;
    message.n_devices = 1;
    constraint_refused(&message); /* a device without a type */
    device.type = arch;
    constraint_refused(&message);
    device.type = BORROW("gpu");
    message.n_devices = FT_DEVICES_MAX + 1;
    constraint_refused(&message);
    message.n_devices = 0;
    message.excluded = excluded;
    message.n_excluded = 2;
    constraint_refused(&message); /* a name with a comma would be two */
    excluded[1] = BORROW("");
    constraint_refused(&message);
    memset(name, 'x', FT_NAME_MAX);
    name[FT_NAME_MAX] = '\0';
    excluded[1] = name;
    constraint_refused(&message);
    for (int i = 0; i < 9; i++)
        excluded[i] = name + 1; /* 9 * 255 bytes are more than there is room for */
    message.n_excluded = 9;
    constraint_refused(&message);
    message.n_excluded = 0;
    message.from = &from;
    from.kind = 99;
    constraint_refused(&message);
}
END_TEST

/* ------------------------------------------------------------ replies */

static ftReply_t some_reply(void)
{
    ftReply_t reply = {
        .status = FT_ERR_NONE, .event = UINT64_MAX, .decision = 1234567890123, .epoch = UINT32_MAX,
        .lost_node = "lost", .rung = FT_BY_SHARING, .repairable = 1, .repair = "repair",
        .match = "match", .reach = FT_REACH_RANK, .reach_rank = INT_MAX, .port = "port",
        .in_job = 1,
        .steps = {-1.0, 0.125, 1e300, 3.5}, .probed = 17, .available_at_s = INT64_MAX,
        .reason = "reason", .hint = "hint", .change = FT_NODE_WELL, .fewer = 1};

    reply.resource = some_resource(FT_NODE);
    reply.alternative = some_resource(FT_RANK);
    return reply;
}

static void expect_reply(const ftReply_t *a, const ftReply_t *b)
{
    ck_assert_int_eq(a->status, b->status);
    ck_assert_uint_eq(a->event, b->event);
    ck_assert_uint_eq(a->decision, b->decision);
    ck_assert_uint_eq(a->epoch, b->epoch);
    ck_assert_str_eq(a->lost_node, b->lost_node);
    expect_resource(&a->alternative, &b->alternative);
    ck_assert_int_eq(a->rung, b->rung);
    ck_assert_int_eq(a->repairable, b->repairable);
    ck_assert_str_eq(a->repair, b->repair);
    ck_assert_str_eq(a->match, b->match);
    ck_assert_int_eq(a->reach, b->reach);
    ck_assert_int_eq(a->reach_rank, b->reach_rank);
    ck_assert_str_eq(a->port, b->port);
    ck_assert_int_eq(a->in_job, b->in_job);
    ck_assert_double_eq(a->steps.known_ms, b->steps.known_ms);
    ck_assert_double_eq(a->steps.decide_ms, b->steps.decide_ms);
    ck_assert_double_eq(a->steps.probe_ms, b->steps.probe_ms);
    ck_assert_double_eq(a->steps.total_ms, b->steps.total_ms);
    ck_assert_uint_eq(a->probed, b->probed);
    ck_assert_int_eq(a->available_at_s, b->available_at_s);
    ck_assert_str_eq(a->reason, b->reason);
    ck_assert_str_eq(a->hint, b->hint);
    ck_assert_int_eq(a->change, b->change);
    ck_assert_int_eq(a->fewer, b->fewer);
    expect_resource(&a->resource, &b->resource);
}

START_TEST(replies_there_and_back)
{
    ftReply_t reply = {0}, back;
    Ft__Message message = FT__MESSAGE__INIT, *got;
    struct ft_put_reply put;

    if (_i > 0)
        reply = some_reply();
    if (_i > 1)
        reply.status = (ftRetVal_t) (1 - _i);
    ft_put_reply(&put, &reply);
    message.body_case = FT__MESSAGE__BODY_REPLY;
    message.reply = &put.reply;
    message.id = 1; /* a reply without any field would be no bytes otherwise */
    got = travel(&message);
    memset(&back, 0xff, sizeof back);
    ck_assert_int_eq(ft_get_reply(got->reply, &back), 0);
    expect_reply(&back, &reply);
    ft__message__free_unpacked(got, NULL);
}
END_TEST

START_TEST(texts_of_replies_are_cut_names_are_refused)
{
    Ft__Reply message = FT__REPLY__INIT;
    ftReply_t reply;
    char text[2000];

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    message.repair = message.match = message.reason = message.hint = text;
    ck_assert_int_eq(ft_get_reply(&message, &reply), 0);
    ck_assert_uint_eq(strlen(reply.repair), FT_TEXT_MAX - 1);
    ck_assert_uint_eq(strlen(reply.match), FT_TEXT_MAX - 1);
    ck_assert_uint_eq(strlen(reply.reason), FT_TEXT_MAX - 1);
    ck_assert_uint_eq(strlen(reply.hint), FT_TEXT_MAX - 1);
    message.port = text;
    ck_assert_int_eq(ft_get_reply(&message, &reply), -1);
    ck_assert_int_eq(errno, EPROTO);
    message.port = text + sizeof text - sizeof reply.port;
    ck_assert_int_eq(ft_get_reply(&message, &reply), 0);
    message.lost_node = text + sizeof text - FT_NAME_MAX - 1;
    ck_assert_int_eq(ft_get_reply(&message, &reply), -1);
}
END_TEST

#define REPLY_REFUSED(change)                              \
    do {                                                   \
        ftReply_t value = some_reply(), before = value;    \
        Ft__Reply message = FT__REPLY__INIT;               \
        change;                                            \
        errno = 0;                                         \
        ck_assert_int_eq(ft_get_reply(&message, &value), -1); \
        ck_assert_int_eq(errno, EPROTO);                   \
        expect_reply(&value, &before);                     \
    } while (0)

START_TEST(replies_that_are_refused)
{
    Ft__Resource resource = FT__RESOURCE__INIT;

    resource.kind = FT_STORAGE + 1;
    REPLY_REFUSED(message.status = FT_PENDING);
    REPLY_REFUSED(message.status = FT_ERR_UNFIT - 1);
    REPLY_REFUSED(message.status = INT32_MIN);
    REPLY_REFUSED(message.rung = FT_BY_SHARING + 1);
    REPLY_REFUSED(message.reach = FT_REACH_RANK + 1);
    REPLY_REFUSED(message.reach_rank = -2);
    REPLY_REFUSED(message.known_ms = NAN);
    REPLY_REFUSED(message.decide_ms = INFINITY);
    REPLY_REFUSED(message.probe_ms = -INFINITY);
    REPLY_REFUSED(message.total_ms = NAN);
    REPLY_REFUSED(message.available_at_s = -1);
    REPLY_REFUSED(message.alternative = &resource);
}
END_TEST

/* ------------------------------------------------------------ facts */

START_TEST(facts_there_and_back)
{
    struct ft_facts facts = {.arch = "aarch64", .model = "model", .packages = 1, .numa_nodes = 2,
                             .cores = 3, .pus = UINT32_MAX, .memory_bytes = UINT64_MAX,
                             .kind = UINT64_MAX - 1, .shown = true}, back;
    struct ft_put_facts put;
    Ft__Message message = FT__MESSAGE__INIT, *got;
    Ft__NodeInfo info = FT__NODE_INFO__INIT;

    for (int i = 0; i < FT_FACTS_DEVICES_MAX - _i; i++) {
        snprintf(facts.devices[i].type, sizeof facts.devices[i].type, "dev%d", i);
        facts.devices[i].count = (uint32_t) i + 3;
    }
    ft_put_facts(&put, &facts);
    message.body_case = FT__MESSAGE__BODY_NODE_INFO;
    message.node_info = &info;
    info.facts = &put.facts;
    got = travel(&message);
    memset(&back, 0xff, sizeof back);
    ck_assert_int_eq(ft_get_facts(got->node_info->facts, &back), 0);
    ck_assert_str_eq(back.arch, facts.arch);
    ck_assert_str_eq(back.model, facts.model);
    ck_assert_uint_eq(back.packages, facts.packages);
    ck_assert_uint_eq(back.numa_nodes, facts.numa_nodes);
    ck_assert_uint_eq(back.cores, facts.cores);
    ck_assert_uint_eq(back.pus, facts.pus);
    ck_assert_uint_eq(back.memory_bytes, facts.memory_bytes);
    ck_assert_uint_eq(back.kind, facts.kind);
    ck_assert(back.shown);
    for (int i = 0; i < FT_FACTS_DEVICES_MAX; i++) {
        ck_assert_str_eq(back.devices[i].type, facts.devices[i].type);
        ck_assert_uint_eq(back.devices[i].count, facts.devices[i].count);
    }
    ft__message__free_unpacked(got, NULL);
}
END_TEST

START_TEST(facts_that_are_refused)
{
    Ft__Facts message = FT__FACTS__INIT;
    Ft__Device device = FT__DEVICE__INIT;
    Ft__Device *devices[FT_FACTS_DEVICES_MAX + 1];
    struct ft_facts facts = {.cores = 7};
    char text[100];

    for (int i = 0; i <= FT_FACTS_DEVICES_MAX; i++)
        devices[i] = &device;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    message.model = text; /* for people: cut */
    ck_assert_int_eq(ft_get_facts(&message, &facts), 0);
    ck_assert_uint_eq(strlen(facts.model), sizeof facts.model - 1);
    facts.cores = 7;
    message.devices = devices;
    message.n_devices = 1;
    ck_assert_int_eq(ft_get_facts(&message, &facts), -1);
    device.type = text;
    ck_assert_int_eq(ft_get_facts(&message, &facts), -1);
    device.type = BORROW("gpu");
    message.n_devices = FT_FACTS_DEVICES_MAX + 1;
    ck_assert_int_eq(ft_get_facts(&message, &facts), -1);
    message.n_devices = 0;
    message.arch = text;
    errno = 0;
    ck_assert_int_eq(ft_get_facts(&message, &facts), -1);
    ck_assert_int_eq(errno, EPROTO);
    ck_assert_uint_eq(facts.cores, 7);
}
END_TEST

/* ------------------------------------------------------------ no field forgotten */

/* A field that is added to one of these messages has to be added to convert.c, and to the tests
 * above; then to this number. */
START_TEST(all_fields_are_carried)
{
    ck_assert_uint_eq(ft__resource__descriptor.n_fields, 5);
    ck_assert_uint_eq(ft__device__descriptor.n_fields, 2);
    ck_assert_uint_eq(ft__constraint__descriptor.n_fields, 12);
    ck_assert_uint_eq(ft__process__descriptor.n_fields, 3);
    ck_assert_uint_eq(ft__request__descriptor.n_fields, 14); /* asker, silent, count: others' */
    ck_assert_uint_eq(ft__reply__descriptor.n_fields, 26);   /* json: not in ftReply_t */
    ck_assert_uint_eq(ft__facts__descriptor.n_fields, 10);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("convert");
    TCase *t = tcase_create("convert");

    tcase_add_loop_test(t, resources_there_and_back, FT_NODE, FT_STORAGE + 1);
    tcase_add_loop_test(t, constraints_there_and_back, 0, 3);
    tcase_add_test(t, excluded_names_are_a_list);
    tcase_add_loop_test(t, decisions_there_and_back, 0, 4);
    tcase_add_test(t, job_started_there_and_back);
    tcase_add_test(t, other_reports_there_and_back);
    tcase_add_test(t, later_reports_there_and_back);
    tcase_add_test(t, actions_that_are_refused);
    tcase_add_test(t, nothing_reads_as_zero);
    tcase_add_test(t, resources_that_are_refused);
    tcase_add_test(t, constraints_that_are_refused);
    tcase_add_loop_test(t, replies_there_and_back, 0, 2 - FT_ERR_UNFIT);
    tcase_add_test(t, texts_of_replies_are_cut_names_are_refused);
    tcase_add_test(t, replies_that_are_refused);
    tcase_add_loop_test(t, facts_there_and_back, 0, FT_FACTS_DEVICES_MAX + 1);
    tcase_add_test(t, facts_that_are_refused);
    tcase_add_test(t, all_fields_are_carried);
    suite_add_tcase(s, t);
    return s;
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
