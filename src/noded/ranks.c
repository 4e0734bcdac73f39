/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ranks.c - owns the list of the jobs' processes on this node, and what ends them.
 *
 * A launcher's daemon tells which processes it has here (RANKS_HERE, every half second and at each
 * change), and how long ago it heard of its launcher. From that the unit knows whom to end when a
 * stand-in may be running elsewhere:
 *
 *     declared   this node was declared lost, and has come back: all of them, at once
 *     cut off    the lease is over and the central unit's host is silent: those whose launcher is
 *                silent too. A launcher in touch would have said so if they had been replaced
 *
 * and sees when one is stopped (SIGSTOP, a debugger let go of): each second it looks at the state
 * of up to FT_RANKS_LOOKS_MAX of them in /proc. One that is stopped at two looks in a row is
 * reported, and reported again when it goes on. It counts as failed only if its user said so in its
 * environment: FT_STOPPED_RANK=kill[:SECONDS] (10 s if it does not say), and is then killed after
 * that time.
 *
 * When a process's connection to the unit ends, it is asked whether the process was killed: a kernel
 * that ends a process closes what it has open some time before its parent hears of it.
 *
 * A process is known by its number and the time it was started, so that a number that was given to
 * another one meanwhile is never hit: at the kill, a pidfd is opened first, then the start time is
 * looked at again, then the signal goes to the pidfd. A process that leads a group (PRRTE sees to
 * that) is ended with its group. Nothing is held open in between.
 */
#include "config.h"

#include "noded/ranks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "ft.h"

#define LOOK_MS 1000
#define CUT_LOOK_MS 100       /* while the lease is over */
#define STOPPED_KILL_S 10
#define STOPPED_KILL_MAX_S 86400
#define FORGET_MS 60000       /* a job that nobody tells of any more */
#define ENVIRONMENT_MAX (256 * 1024)
#define STOPPED_ENV "FT_STOPPED_RANK="
#define EXITING 4             /* the kernel's PF_EXITING, in proc(5)'s flags */
#define THREADS_LOOKED_AT 256 /* of a process with more, the launcher's word has to do */

struct rank {
    pid_t pid;
    int32_t rank;
    uint64_t started;       /* clock ticks after boot; with pid, names the process */
    unsigned stopped_looks; /* in a row */
    int64_t stopped_ms;     /* since when, if reported; 0: not */
    int64_t kill_ms;        /* when it is killed for being stopped; 0: never */
};

struct job {
    char name[FT_NAME_MAX];
    uid_t uid;
    struct rank *ranks;
    size_t n;
    int64_t told_ms;        /* when its daemon last spoke */
    int64_t heard_ms;       /* when that had last heard of the launcher; INT64_MIN: not known */
    bool spared;            /* said so, since the lease was lost */
    struct job *next;
};

struct ft_ranks {
    uv_timer_t timer;
    ft_ranks_report_fn report;
    void *arg;
    struct job *jobs;
    size_t jobs_n, ranks_n;
    size_t looked_at;       /* where the next look begins */
    bool cut;
    char why[200];          /* the lease is lost */
    bool stopped;
};

/* ---------------------------------------------------------------- processes */

/* What follows the name in a file like /proc/PID/stat; NULL if there is none. */
static const char *read_stat(const char *path, char *text, size_t size)
{
    const char *at;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NULL;
    n = read(fd, text, size - 1);
    close(fd);
    if (n <= 0)
        return NULL;
    text[n] = '\0';
    at = strrchr(text, ')'); /* the name before it may hold anything */
    return at != NULL ? at + 1 : NULL;
}

/* State and start time from /proc/PID/stat; false if there is no such process. */
static bool look(pid_t pid, char *state, uint64_t *started)
{
    char path[32], text[1024];
    const char *at;

    snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
    at = read_stat(path, text, sizeof text);
    return at != NULL
           && sscanf(at, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                         "%*d %*d %" SCNu64, state, started) == 2;
}

/* Whether a thread is past the point from which it comes back to no program. */
static bool is_leaving(const char *stat)
{
    unsigned long flags;
    char state;

    return sscanf(stat, " %c %*d %*d %*d %*d %*d %lu", &state, &flags) == 2
           && (state == 'Z' || state == 'X' || (flags & EXITING) != 0);
}

/* The same of all of its threads. Those that are through are not there any more. */
static bool is_process_leaving(pid_t pid)
{
    char path[64], text[1024];
    struct dirent *entry;
    bool leaving = true;
    int n = 0;
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%d/task", (int) pid);
    threads = opendir(path);
    while (threads && leaving && (entry = readdir(threads)) != NULL) {
        const char *stat;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/stat", (int) pid, entry->d_name);
        stat = read_stat(path, text, sizeof text);
        leaving = ++n <= THREADS_LOOKED_AT && (stat == NULL || is_leaving(stat));
    }
    if (threads)
        closedir(threads);
    return threads && leaving && n > 0;
}

/* The signal in the status that its parent will get; 0: none, or it is not ours to see. */
static int signal_of(pid_t pid)
{
    char path[32], text[1024];
    const char *at;
    int status;

    snprintf(path, sizeof path, "/proc/%d/stat", (int) pid);
    at = read_stat(path, text, sizeof text);
    at = at != NULL ? strrchr(at, ' ') : NULL; /* the last field */
    if (at == NULL || sscanf(at, "%d", &status) != 1 || !WIFSIGNALED(status))
        return 0;
    return WTERMSIG(status);
}

static bool is_of(pid_t pid, uid_t uid)
{
    struct stat status;
    char path[32];

    snprintf(path, sizeof path, "/proc/%d", (int) pid);
    return stat(path, &status) == 0 && (uid == 0 || status.st_uid == uid);
}

/* Kills the process, and its group if it leads one. 0, or an errno; ESRCH: it is gone already. */
static int end_process(const struct rank *rank)
{
    int fd = pidfd_open(rank->pid, 0), error = 0;
    uint64_t started;
    char state;

    if (fd < 0)
        return errno;
    if (!look(rank->pid, &state, &started) || started != rank->started)
        error = ESRCH;
    else if (!(getpgid(rank->pid) == rank->pid && kill(-rank->pid, SIGKILL) == 0) /* it, too */
             && pidfd_send_signal(fd, SIGKILL, NULL, 0) != 0)
        error = errno;
    close(fd);
    return error;
}

/* ---------------------------------------------------------------- the list */

static struct job *find(struct ft_ranks *ranks, const char *name)
{
    struct job *job = ranks->jobs;

    while (job && strcmp(job->name, name) != 0)
        job = job->next;
    return job;
}

static void forget(struct ft_ranks *ranks, struct job *job)
{
    struct job **at = &ranks->jobs;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    ranks->jobs_n--;
    ranks->ranks_n -= job->n;
    free(job->ranks);
    free(job);
}

/* `place`: where it was last time, unless another one has come or gone. */
static const struct rank *known(const struct job *job, size_t place, pid_t pid, int32_t number)
{
    if (job && place < job->n && job->ranks[place].pid == pid && job->ranks[place].rank == number)
        return &job->ranks[place];
    for (size_t i = 0; job && i < job->n; i++)
        if (job->ranks[i].pid == pid && job->ranks[i].rank == number)
            return &job->ranks[i];
    return NULL;
}

/* Fills *rank; false if it is not there, or not the asker's. */
static bool identify(struct rank *rank, const struct job *job, size_t place, uid_t uid,
                     const Ft__Process *told)
{
    const struct rank *before = known(job, place, (pid_t) told->pid, told->rank);
    char state;

    if (before) {
        *rank = *before;
        return true;
    }
    *rank = (struct rank) {.pid = (pid_t) told->pid, .rank = told->rank};
    return told->pid > 1 && told->pid <= INT32_MAX && is_of(rank->pid, uid)
           && look(rank->pid, &state, &rank->started);
}

static struct job *add(struct ft_ranks *ranks, const char *name, uid_t uid)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    ft_text_copy(job->name, sizeof job->name, name);
    job->uid = uid;
    job->next = ranks->jobs;
    ranks->jobs = job;
    ranks->jobs_n++;
    return job;
}

static int refuse(int status, char *why, size_t size, const char *text)
{
    snprintf(why, size, "%s", text);
    return status;
}

/* ---------------------------------------------------------------- ending them */

static void report_killed(struct ft_ranks *ranks, const struct job *job, size_t killed, int error,
                          const char *why)
{
    char text[FT_TEXT_MAX];

    snprintf(text, sizeof text, "%zu processes of job %.200s were killed here: %.200s%s%s", killed,
             job->name, why, error != 0 ? "; not all could be: " : "",
             error != 0 ? strerror(error) : "");
    ft_log(FT_LOG_WARNING, "%s", text);
    ranks->report(ranks->arg, "ranks_killed", job->name, -1, text);
}

/* Kills all of a job, and forgets it: its daemon may tell of what it starts later. */
static void end_job(struct ft_ranks *ranks, struct job *job, const char *why)
{
    size_t killed = 0;
    int error = 0;

    for (size_t i = 0; i < job->n; i++) {
        int rc = end_process(&job->ranks[i]);

        killed += rc == 0;
        if (rc != 0 && rc != ESRCH)
            error = rc;
    }
    if (killed > 0 || error != 0)
        report_killed(ranks, job, killed, error, why);
    forget(ranks, job);
}

static bool is_in_touch(const struct job *job, int64_t now_ms)
{
    return job->heard_ms != INT64_MIN && now_ms - job->heard_ms < FT_RANKS_TOUCH_MS;
}

static void judge(struct ft_ranks *ranks, struct job *job)
{
    char text[FT_TEXT_MAX];

    if (!is_in_touch(job, ft_clock_ms())) {
        end_job(ranks, job, ranks->why);
        return;
    }
    if (job->spared)
        return;
    job->spared = true;
    snprintf(text, sizeof text, "%zu processes of job %.200s live on though %.200s: their launcher "
             "is in touch", job->n, job->name, ranks->why);
    ft_log(FT_LOG_WARNING, "%s", text);
    ranks->report(ranks->arg, "ranks_spared", job->name, -1, text);
}

static void judge_all(struct ft_ranks *ranks)
{
    struct job *next;

    for (struct job *job = ranks->jobs; job; job = next) {
        next = job->next;
        judge(ranks, job);
    }
}

/* ---------------------------------------------------------------- stopped ones */

/* What the process's environment says is to become of it: 0 nothing, else after so many seconds. */
static int64_t kill_after_s(pid_t pid)
{
    static const char name[] = "\0" STOPPED_ENV; /* follows another's end, or begins it all */
    char path[40], *text = malloc(ENVIRONMENT_MAX + 2);
    const char *found = NULL;
    int64_t after_s = 0;
    ssize_t n = 0;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/environ", (int) pid);
    fd = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        text[0] = '\0';
        n = read(fd, text + 1, ENVIRONMENT_MAX);
        close(fd);
    }
    if (n > 0) {
        text[n + 1] = '\0';
        found = memmem(text, (size_t) n + 1, name, sizeof name - 1);
    }
    if (found && strncmp(found + sizeof name - 1, "kill", 4) == 0) {
        after_s = STOPPED_KILL_S;
        if (found[sizeof name - 1 + 4] == ':')
            after_s = strtol(found + sizeof name - 1 + 5, NULL, 10);
        if (after_s < 1 || after_s > STOPPED_KILL_MAX_S)
            after_s = STOPPED_KILL_S;
    }
    free(text);
    return after_s;
}

static void tell_of(struct ft_ranks *ranks, const char *name, const struct job *job,
                    const struct rank *rank, const char *text)
{
    ft_log(FT_LOG_WARNING, "%s", text);
    ranks->report(ranks->arg, name, job->name, rank->rank, text);
}

static void is_stopped(struct ft_ranks *ranks, const struct job *job, struct rank *rank,
                       int64_t now_ms)
{
    int64_t after_s;
    char text[FT_TEXT_MAX];

    after_s = kill_after_s(rank->pid);
    rank->stopped_ms = now_ms;
    rank->kill_ms = after_s > 0 ? now_ms + 1000 * after_s : 0;
    if (after_s > 0)
        snprintf(text, sizeof text, "rank %d of job %.200s (process %d) is stopped (SIGSTOP?): it "
                 "is killed in %" PRId64 " s unless it goes on", rank->rank, job->name, (int) rank->pid,
                 after_s);
    else
        snprintf(text, sizeof text, "rank %d of job %.200s (process %d) is stopped (SIGSTOP?), and "
                 "whoever waits for it waits too; kill -CONT %d lets it go on, "
                 "FT_STOPPED_RANK=kill in its environment would have it replaced", rank->rank, job->name,
                 (int) rank->pid, (int) rank->pid);
    tell_of(ranks, "rank_stopped", job, rank, text);
}

static void goes_on(struct ft_ranks *ranks, const struct job *job, struct rank *rank,
                    int64_t now_ms)
{
    char text[FT_TEXT_MAX];

    snprintf(text, sizeof text, "rank %d of job %.200s (process %d) goes on, after %" PRId64 " s",
             rank->rank, job->name, (int) rank->pid, (now_ms - rank->stopped_ms) / 1000);
    rank->stopped_ms = rank->kill_ms = 0;
    tell_of(ranks, "rank_resumed", job, rank, text);
}

static void kill_stopped(struct ft_ranks *ranks, const struct job *job, struct rank *rank)
{
    int error = end_process(rank);
    char text[FT_TEXT_MAX];

    rank->kill_ms = 0;
    if (error == ESRCH)
        return;
    snprintf(text, sizeof text, "rank %d of job %.200s (process %d) was stopped for too long "
             "(FT_STOPPED_RANK): %s%s", rank->rank, job->name, (int) rank->pid,
             error == 0 ? "it was killed" : "it cannot be killed: ",
             error == 0 ? "" : strerror(error));
    tell_of(ranks, "rank_stopped_killed", job, rank, text);
}

static void look_at(struct ft_ranks *ranks, struct job *job, struct rank *rank, int64_t now_ms)
{
    uint64_t started;
    char state;

    if (!look(rank->pid, &state, &started) || started != rank->started)
        return; /* its daemon will say so */
    if (state != 'T') {
        rank->stopped_looks = 0;
        if (rank->stopped_ms != 0)
            goes_on(ranks, job, rank, now_ms);
        return;
    }
    if (rank->stopped_ms == 0 && ++rank->stopped_looks >= 2)
        is_stopped(ranks, job, rank, now_ms);
    else if (rank->kill_ms != 0 && now_ms >= rank->kill_ms)
        kill_stopped(ranks, job, rank);
}

/* A round over all of them, at most FT_RANKS_LOOKS_MAX at a time. */
static void look_round(struct ft_ranks *ranks, int64_t now_ms)
{
    size_t begin = ranks->looked_at, end = begin + FT_RANKS_LOOKS_MAX, index = 0;

    for (struct job *job = ranks->jobs; job; job = job->next)
        for (size_t i = 0; i < job->n; i++, index++)
            if (index >= begin && index < end)
                look_at(ranks, job, &job->ranks[i], now_ms);
    ranks->looked_at = end < index ? end : 0;
}

/* ---------------------------------------------------------------- the timer */

static void on_timer(uv_timer_t *timer)
{
    struct ft_ranks *ranks = timer->data;
    int64_t now_ms = ft_clock_ms();
    struct job *next;

    if (ranks->cut)
        judge_all(ranks);
    else
        look_round(ranks, now_ms);
    for (struct job *job = ranks->jobs; job; job = next) {
        next = job->next;
        if (now_ms - job->told_ms > FORGET_MS)
            forget(ranks, job);
    }
    if (!ranks->jobs)
        uv_timer_stop(timer);
}

/* Nothing wakes while there is nobody to look at. */
static void set_timer(struct ft_ranks *ranks)
{
    uint64_t each_ms = ranks->cut ? CUT_LOOK_MS : LOOK_MS;

    if (ranks->stopped || !ranks->jobs)
        return;
    if (uv_is_active((uv_handle_t *) &ranks->timer)
        && uv_timer_get_repeat(&ranks->timer) == each_ms)
        return;
    uv_timer_start(&ranks->timer, on_timer, each_ms, each_ms);
}

/* ---------------------------------------------------------------- what is told */

int ft_ranks_here(struct ft_ranks *ranks, uid_t uid, const Ft__Request *request, char *why,
                  size_t size)
{
    struct job *job = find(ranks, request->job);
    size_t n = request->n_processes, kept = 0;
    int64_t now_ms = ft_clock_ms();
    struct rank *list;

    if (request->job[0] == '\0' || strlen(request->job) >= FT_NAME_MAX)
        return refuse(FT_ERR_ARG, why, size, "the job has no name, or too long a one");
    if (job && uid != 0 && job->uid != uid)
        return refuse(FT_ERR_DENIED, why, size, "the job belongs to another user");
    if (n == 0 || ranks->stopped) {
        if (job)
            forget(ranks, job);
        return FT_OK;
    }
    if (ranks->ranks_n - (job ? job->n : 0) + n > FT_RANKS_MAX
        || (!job && ranks->jobs_n >= FT_RANKS_JOBS_MAX))
        return refuse(FT_ERR_BUSY, why, size, "too many processes or jobs are known here already");
    list = calloc(n, sizeof *list);
    if (list && !job)
        job = add(ranks, request->job, uid);
    if (!list || !job) {
        free(list);
        return refuse(FT_ERR_MEMORY, why, size, "the node's unit is out of memory");
    }
    for (size_t i = 0; i < n; i++)
        kept += identify(&list[kept], job, kept, uid, request->processes[i]);
    ranks->ranks_n += kept - job->n;
    free(job->ranks);
    job->ranks = list;
    job->n = kept;
    job->told_ms = now_ms;
    job->heard_ms = request->code >= 0 ? now_ms - request->code : INT64_MIN;
    set_timer(ranks);
    return FT_OK;
}

void ft_ranks_lease_lost(struct ft_ranks *ranks, const char *why)
{
    ft_text_copy(ranks->why, sizeof ranks->why, why);
    ranks->cut = true;
    judge_all(ranks);
    set_timer(ranks);
}

void ft_ranks_lease_back(struct ft_ranks *ranks)
{
    if (!ranks->cut)
        return;
    ranks->cut = false;
    for (struct job *job = ranks->jobs; job; job = job->next)
        job->spared = false;
    set_timer(ranks);
}

void ft_ranks_declared(struct ft_ranks *ranks, const char *why)
{
    while (ranks->jobs)
        end_job(ranks, ranks->jobs, why);
}

void ft_ranks_end_one(struct ft_ranks *ranks, const char *name, int rank, const char *why)
{
    const struct job *job = find(ranks, name);
    char text[FT_TEXT_MAX];

    for (size_t i = 0; job && i < job->n; i++) {
        int error;

        if (job->ranks[i].rank != rank)
            continue;
        error = end_process(&job->ranks[i]);
        snprintf(text, sizeof text, "rank %d of job %.200s (process %d) was %skilled here: %.200s%s%s",
                 rank, job->name, (int) job->ranks[i].pid, error == 0 ? "" : "to be ", why,
                 error == 0 ? "" : "; it could not be: ", error == 0 ? "" : strerror(error));
        tell_of(ranks, "ranks_killed", job, &job->ranks[i], text);
        return;
    }
    ft_log(FT_LOG_WARNING, "rank %d of job %s was to be killed here (%s), and is not known here", rank,
           name, why);
}

int ft_ranks_killed_by(const struct ft_ranks *ranks, const char *job, int32_t rank, pid_t pid)
{
    const struct job *of = ranks->jobs;
    const struct rank *known_as = NULL;
    uint64_t started;
    char state;

    while (of && strcmp(of->name, job) != 0)
        of = of->next;
    for (size_t i = 0; of && i < of->n && !known_as; i++)
        if (of->ranks[i].rank == rank && of->ranks[i].pid == pid)
            known_as = &of->ranks[i];
    if (!known_as || !look(pid, &state, &started) || started != known_as->started
        || !is_process_leaving(pid))
        return 0;
    return signal_of(pid);
}

size_t ft_ranks_count(const struct ft_ranks *ranks)
{
    return ranks->ranks_n;
}

/* ---------------------------------------------------------------- life */

struct ft_ranks *ft_ranks_create(uv_loop_t *loop, ft_ranks_report_fn report, void *arg)
{
    struct ft_ranks *ranks = calloc(1, sizeof *ranks);

    if (!ranks)
        return NULL;
    ranks->report = report;
    ranks->arg = arg;
    uv_timer_init(loop, &ranks->timer);
    ranks->timer.data = ranks;
    return ranks;
}

void ft_ranks_stop(struct ft_ranks *ranks)
{
    if (ranks->stopped)
        return;
    ranks->stopped = true;
    uv_close((uv_handle_t *) &ranks->timer, NULL);
}

void ft_ranks_destroy(struct ft_ranks *ranks)
{
    if (!ranks)
        return;
    while (ranks->jobs)
        forget(ranks, ranks->jobs);
    free(ranks);
}
