/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pubsub_records.c - what pubsub reads and writes: its options, the subscribers' records, progress
 * and the final account. Nothing here is about fault tolerance; that is in pubsub.c.
 *
 * Files in the folder of --records, which all nodes see and which survives them:
 *
 *   run                 "publishers M subscribers K messages N"; it keeps a second run out
 *   received.R.E        what subscriber R (E 0), or its E'th stand-in, received: "publisher seq .";
 *                       a stand-in's begins with "publisher N taken" for each publisher, see
 *                       pubsub.h
 *   published.P         "publisher P sent N acked N resent N duplicates N"; then, for each
 *                       subscriber that was given up, "given_up R from N": message N and all after
 *                       it were not delivered to subscriber R
 *   progress.P          the same, while it runs
 *   summary             one JSON object: counts, and every loss with its steps. It is printed too,
 *                       but what several ranks print may come out mixed
 *
 * pubsub-verify computes from them what was lost.
 */
#include "pubsub.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

void complain(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "pubsub: %s\n", text);
}

static void give_up(int rank, const char *what, const char *why)
{
    if (rank == 0)
        complain("%s: %s", what, why);
    MPI_Abort(MPI_COMM_WORLD, 2);
}

static FILE *open_in(const struct options *opt, const char *mode, const char *format, ...)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/", opt->records);
    va_list args;

    va_start(args, format);
    vsnprintf(path + n, sizeof path - (size_t) n, format, args);
    va_end(args);
    return fopen(path, mode);
}

/* ---------------------------------------------------------------- options */

static void use_folder(const struct options *opt, int size, int rank)
{
    FILE *run;

    if (mkdir(opt->records, 0777) != 0 && errno != EEXIST)
        give_up(rank, opt->records, strerror(errno));
    if (rank != 0 || size == 0)
        return;
    run = open_in(opt, "wx", "run");
    if (!run) {
        give_up(rank, opt->records, errno == EEXIST ? "there are the records of another run; name "
                                                      "an empty folder" : strerror(errno));
        return;
    }
    fprintf(run, "publishers %d subscribers %d messages %ld\n", opt->publishers,
            size - opt->publishers, opt->messages);
    fclose(run);
}

void options_read(struct options *opt, int argc, char **argv, int size, int rank)
{
    static const struct option names[] = {
        {"publishers", required_argument, NULL, 'p'}, {"messages", required_argument, NULL, 'm'},
        {"size", required_argument, NULL, 's'},       {"window", required_argument, NULL, 'w'},
        {"interval-us", required_argument, NULL, 'i'}, {"records", required_argument, NULL, 'r'},
        {"ladder", required_argument, NULL, 'l'},     {"when-none", required_argument, NULL, 'n'},
        {"sync", no_argument, NULL, 'y'},             {"slow-until", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0}};
    int c;

    *opt = (struct options){.publishers = 1, .messages = 2000, .size = 256, .window = 32,
                            .interval_s = 1e-3, .records = "pubsub.records"};
    opterr = rank == 0;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'p': opt->publishers = atoi(optarg); break;
        case 'm': opt->messages = atol(optarg); break;
        case 's': opt->size = strtoul(optarg, NULL, 10); break;
        case 'w': opt->window = atol(optarg); break;
        case 'i': opt->interval_s = atof(optarg) * 1e-6; break;
        case 'r': opt->records = optarg; break;
        case 'l': opt->ladder = optarg; break;
        case 'n': opt->when_none = optarg; break;
        case 'y': opt->sync = 1; break;
        case 'u': opt->slow_until = optarg; break;
        default: give_up(rank, "usage", "pubsub [--publishers M] [--messages N] [--size BYTES] "
                               "[--window W] [--interval-us T] [--records DIR] [--sync] "
                               "[--ladder WAYS] [--when-none STEPS] [--slow-until FILE]");
        }
    }
    if (opt->size < sizeof(struct message))
        opt->size = sizeof(struct message);
    if (opt->publishers < 1 || opt->publishers > SOURCES_MAX || opt->messages < 1
        || opt->window < 1 || opt->interval_s < 0 || opt->size > INT_MAX
        || (size > 0 && opt->publishers >= size))
        give_up(rank, "options", "publishers, messages and window must be 1 or more, and at least "
                                 "one rank must be left to subscribe");
    use_folder(opt, size, rank);
}

/* ---------------------------------------------------------------- a subscriber's records */

struct records {
    const struct options *opt;
    int rank, epoch;
    int file;
    int failed;
    long have[SOURCES_MAX]; /* by publisher: all messages before this one; they come in order */
    char taken[SOURCES_MAX]; /* by publisher: the earlier epochs' records of it were read */
};

/* How much of one publisher's messages the one it stands in for, and earlier stand-ins, had. What
 * an epoch took over is all that counts of those before it. */
static long read_back(const struct records *records, int publisher)
{
    long have = 0, seq;
    char word[8];
    int from;

    for (int e = 0; e < records->epoch; e++) {
        FILE *file = open_in(records->opt, "r", "received.%d.%d", records->rank, e);

        while (file && fscanf(file, "%d %ld %7s\n", &from, &seq, word) == 3)
            if (from == publisher)
                have = strcmp(word, "taken") == 0 ? seq : strcmp(word, ".") == 0 ? seq + 1 : have;
        if (file)
            fclose(file);
    }
    return have;
}

static void write_line(struct records *records, const char *line, size_t n)
{
    if (write(records->file, line, n) == (ssize_t) n)
        return;
    complain("a record could not be written: %s", strerror(errno));
    records->failed = 1;
    MPI_Abort(MPI_COMM_WORLD, 2); /* it may not be acknowledged */
}

static void take_over(struct records *records, int publisher)
{
    char line[64];
    int n;

    records->taken[publisher] = 1;
    if (records->epoch == 0)
        return;
    records->have[publisher] = read_back(records, publisher);
    n = snprintf(line, sizeof line, "%d %ld taken\n", publisher, records->have[publisher]);
    write_line(records, line, (size_t) n);
}

struct records *records_open(const struct options *opt, int rank, int epoch)
{
    struct records *records = calloc(1, sizeof *records);
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/received.%d.%d", opt->records, rank, epoch);
    if (records) {
        records->opt = opt;
        records->rank = rank;
        records->epoch = epoch;
        records->file = open(path, O_WRONLY | O_CREAT | O_APPEND | (opt->sync ? O_DSYNC : 0), 0666);
    }
    if (!records || records->file < 0) {
        complain("subscriber %d: %s: %s", rank, path, strerror(errno));
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    return records;
}

int records_have(struct records *records, const struct message *message)
{
    if (!records->taken[message->publisher])
        take_over(records, message->publisher);
    return message->seq < records->have[message->publisher];
}

void records_write(struct records *records, const struct message *message)
{
    char line[64];
    int n = snprintf(line, sizeof line, "%d %ld .\n", message->publisher, message->seq);

    write_line(records, line, (size_t) n);
    records->have[message->publisher] = message->seq + 1;
}

int records_close(struct records *records)
{
    int failed = records->failed | (close(records->file) != 0);

    free(records);
    return failed;
}

/* ---------------------------------------------------------------- progress and account */

static void write_counts(const struct options *opt, const struct totals *totals, const char *name,
                         int is_last)
{
    char from[PATH_MAX], to[PATH_MAX];
    FILE *file = open_in(opt, "w", "%s.%d.new", name, totals->publisher);

    if (!file)
        return;
    fprintf(file, "publisher %d sent %ld acked %ld resent %ld duplicates %ld losses %d\n",
            totals->publisher, totals->sent, totals->acked, totals->resent, totals->duplicates,
            totals->losses_n);
    for (int i = 0; is_last && i < totals->given_up_n; i++)
        fprintf(file, "given_up %d from %ld\n", totals->given_up[i].subscriber,
                totals->given_up[i].from);
    fclose(file);
    snprintf(from, sizeof from, "%s/%s.%d.new", opt->records, name, totals->publisher);
    snprintf(to, sizeof to, "%s/%s.%d", opt->records, name, totals->publisher);
    rename(from, to);
}

void progress(const struct options *opt, const struct totals *totals, int subscribers)
{
    static double next_file_s, next_line_s;

    if (now_s() < next_file_s)
        return;
    next_file_s = now_s() + 0.1;
    write_counts(opt, totals, "progress", 0);
    if (totals->publisher != 0 || now_s() < next_line_s)
        return;
    next_line_s = now_s() + 0.5;
    fprintf(stderr, "pubsub: publisher 0 has %ld of %ld messages acknowledged, %d losses\n",
            totals->acked, opt->messages * subscribers, totals->losses_n);
}

void loss_describe(struct loss *loss, const ftReply_t *reply)
{
    loss->decision = reply->decision;
    loss->rung = reply->rung;
    loss->in_job = reply->in_job;
    loss->decide_ms = reply->steps.decide_ms;
    loss->probe_ms = reply->steps.probe_ms;
    snprintf(loss->lost_node, sizeof loss->lost_node, "%s", reply->lost_node);
    snprintf(loss->alternative, sizeof loss->alternative, "%s", reply->alternative.node);
}

static void print_loss(FILE *file, const struct totals *totals, const struct loss *loss,
                       const char *before)
{
    static const char *const rungs[] = {"nothing", "repair", "spare rank", "idle node", "new node",
                                        "sharing"};

    fprintf(file,
           "%s{\"publisher\":%d,\"subscriber\":%d,\"planned\":%s,\"lost_node\":\"%s\","
           "\"alternative\":\"%s\",\"given_up\":%s,"
           "\"rung\":\"%s\",\"decision\":%llu,\"attempts\":%d,\"resent\":%ld,"
           "\"error_seen_s\":%.6f,\"first_ack_s\":%.6f,\"report_ms\":%.2f,\"ask_ms\":%.2f,"
           "\"decide_ms\":%.2f,\"probe_ms\":%.2f,\"claim_ms\":%.2f,\"start_ms\":%.2f,"
           "\"retarget_ms\":%.2f}",
           before, totals->publisher, loss->subscriber, loss->planned ? "true" : "false",
           loss->lost_node, loss->alternative, loss->given_up ? "true" : "false",
           loss->rung >= 0 && loss->rung < 6 ? rungs[loss->rung] : "?", loss->decision,
           loss->attempts, loss->resent, loss->error_seen_s, loss->first_ack_s, loss->report_ms,
           loss->ask_ms, loss->decide_ms, loss->probe_ms, loss->claim_ms, loss->start_ms,
           loss->first_ack_s > 0 ? 1e3 * (loss->first_ack_s - loss->error_seen_s) : -1.0);
}

static void print_summary(FILE *file, const struct options *opt, const struct totals all[],
                          int subscribers)
{
    struct totals sum = {0};
    const char *before = "";

    for (int p = 0; p < opt->publishers; p++) {
        sum.sent += all[p].sent;
        sum.acked += all[p].acked;
        sum.resent += all[p].resent;
        sum.duplicates += all[p].duplicates;
        sum.out_of_order += all[p].out_of_order;
        sum.late += all[p].late;
        sum.undelivered += all[p].undelivered;
        sum.died += all[p].died;
    }
    fprintf(file,
           "{\"pubsub\":1,\"publishers\":%d,\"subscribers\":%d,\"messages_sent\":%ld,"
           "\"messages_acked\":%ld,\"messages_undelivered\":%ld,\"resent\":%ld,"
           "\"duplicates\":%ld,\"out_of_order\":%ld,\"late\":%ld,\"publishers_died\":%d,"
           "\"losses\":[", opt->publishers, subscribers, sum.sent, sum.acked,
           sum.undelivered, sum.resent, sum.duplicates, sum.out_of_order, sum.late, sum.died);
    for (int p = 0; p < opt->publishers; p++)
        for (int i = 0; i < all[p].losses_n; i++, before = ",")
            print_loss(file, &all[p], &all[p].losses[i], before);
    fprintf(file, "]}\n");
}

static int write_summary(const struct options *opt, const struct totals all[], int subscribers)
{
    FILE *file = open_in(opt, "w", "summary");

    if (!file)
        return 1;
    print_summary(file, opt, all, subscribers);
    return fclose(file) != 0;
}

int account(const struct options *opt, const struct totals *mine, const struct totals all[],
            int subscribers)
{
    int failed = mine->failed || mine->out_of_order > 0
                 || mine->acked + mine->undelivered != opt->messages * subscribers;

    write_counts(opt, mine, "progress", 0);
    write_counts(opt, mine, "published", 1);
    printf("publisher %d: %ld messages, %ld acknowledged, %ld sent again, %ld of them duplicates, "
           "%ld not delivered, %d losses: %s\n", mine->publisher, mine->sent, mine->acked,
           mine->resent, mine->duplicates, mine->undelivered, mine->losses_n,
           failed ? "FAILED" : "ok");
    if (mine->publisher == 0) {
        failed |= write_summary(opt, all, subscribers);
        print_summary(stdout, opt, all, subscribers);
    }
    fflush(stdout);
    return failed;
}
