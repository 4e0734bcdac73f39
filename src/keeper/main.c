/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - ft-keeper: the parent of one module's process, for as long as that lives.
 *
 * Started by ft-noded (noded/keeper.c), one for each run of a module. It is small, knows no
 * network, and survives the unit: a unit that is killed, replaced or hangs costs no module, and no
 * exit status is lost.
 *
 *     wish (descriptor 0), a connection to the unit (descriptor 3)
 *     lock      the only keeper of this module on this node
 *     run       the module's process; its output is read, its notices are taken, its watchdog and
 *               its deadline are watched
 *     lease     a moment of CLOCK_BOOTTIME, moved on by the unit. Not moved in time - the unit is
 *               dead, hangs, or has lost the node's lease - the module is asked to end a little
 *               before, and killed at that moment. A node that slept wakes up to a lease that is
 *               over
 *     end       all that the module left behind is killed; then the end is written into `status`
 *               and said to the unit. Only then is the module gone
 *
 * What is done about an end, or a module that is not well, is the unit's business.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"
#include "keeper/group.h"
#include "keeper/kin.h"
#include "keeper/links.h"
#include "keeper/notices.h"
#include "keeper/output.h"
#include "keeper/run.h"
#include "keeper/talk.h"

#define WISH 0
#define UNIT 3
#define MS INT64_C(1000000)
#define LOCK_WAIT_MS 3000
#define STOP_TIMEOUT_MS 5000
#define SAY_EVERY_MS 100       /* what the module says of itself is passed on so often at most */
#define BEATS_EVERY_MS 5000    /* and how regular its beats are */
#define SWEEP_EVERY_MS 20      /* what does not die at once is killed again */
#define LAST_WORD_MS 200
#define READ_BYTES 16384
#define READS_LEFT_MAX 64      /* a pipe holds 64 KiB, some hold 1 MiB */
#define GROUP_TRIES 50
#define NEVER INT64_MAX
#define END_LEASE 10           /* enum ft_module_end, as the unit says it in "kill" */

enum { POLL_SIGNALS, POLL_LEASE, POLL_OUTPUT, POLL_WORD, POLL_LINKS,
       POLLS = POLL_LINKS + FT_LINKS_POLLS };

struct keeper {
    struct ft_keep_wish wish;
    struct ft_keep_state state;
    struct ft_notices notices;
    struct ft_links links;
    struct ft_output output;
    struct ft_group group;
    struct ft_run run;
    int lock, signals, timer;
    pid_t process_group;
    uid_t uid;                /* the module's */
    bool sweeping;            /* it ended; what it left is being killed */
    enum ft_keep_end own_end; /* we began to end it, for that; ALIVE: we did not */
    bool killed;              /* by us, with SIGKILL */
    int64_t kill_ns;          /* asked to end: killed then */
    int64_t sweep_ns, said_ns;
    bool unsaid;              /* something changed since */
    siginfo_t how;            /* it ended */
};

static int64_t now_ns(void)
{
    return (int64_t)ft_clock_ns();
}

static int64_t boot_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---------------------------------------------------------------- telling */

static void write_status(const struct keeper *k)
{
    char text[FT_KEEP_PACKET_MAX];
    size_t n = ft_keep_state_write(&k->state, text, sizeof text);
    int fd = open(FT_KEEP_STATUS ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, text, n) == (ssize_t)n;

    if (fd >= 0)
        close(fd);
    if (good)
        good = rename(FT_KEEP_STATUS ".new", FT_KEEP_STATUS) == 0;
    (void)good; /* the folder is memory; without it the unit still hears it from us */
}

static void say(struct keeper *k)
{
    k->said_ns = now_ns();
    k->unsaid = false;
    write_status(k); /* first: what a unit was told it finds there */
    ft_links_say(&k->links, &k->state);
}

/* ---------------------------------------------------------------- ending it */

/* Asks it to end; a stopped process would not hear of it otherwise. */
static void ask_to_end(struct keeper *k)
{
    ft_kin_signal(k->process_group, SIGTERM);
    ft_kin_signal(k->process_group, SIGCONT);
}

static void kill_all(struct keeper *k)
{
    k->killed = true;
    k->sweep_ns = now_ns() + SWEEP_EVERY_MS * MS;
    ft_group_kill(&k->group);
    ft_kin_signal(k->process_group, SIGKILL);
}

static void end_it(struct keeper *k, enum ft_keep_end why, bool at_once)
{
    unsigned timeout_ms = k->wish.stop_timeout_ms ? k->wish.stop_timeout_ms : STOP_TIMEOUT_MS;

    if (k->sweeping)
        return;
    if (why != FT_KEEP_ALIVE && k->own_end == FT_KEEP_ALIVE)
        k->own_end = why;
    if (at_once) {
        kill_all(k);
    } else {
        ask_to_end(k);
        if (k->kill_ns == NEVER)
            k->kill_ns = now_ns() + (int64_t)timeout_ms * MS;
    }
}

/* ---------------------------------------------------------------- the lease */

static void arm_lease(struct keeper *k)
{
    struct itimerspec at = {0};
    int64_t ns = k->state.lease_ns;

    if (ns && k->own_end != FT_KEEP_LEASE)
        ns -= (int64_t)k->wish.lease_grace_ms * MS;
    if (k->state.lease_ns && ns < 1)
        ns = 1;
    at.it_value.tv_sec = ns / 1000000000;
    at.it_value.tv_nsec = ns % 1000000000;
    timerfd_settime(k->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_lease(struct keeper *k)
{
    int64_t left_ns = k->state.lease_ns - boot_ns();
    uint64_t times;
    ssize_t n = read(k->timer, &times, sizeof times);

    (void)n;
    if (k->state.lease_ns == 0 || left_ns > (int64_t)k->wish.lease_grace_ms * MS)
        return;
    end_it(k, FT_KEEP_LEASE, left_ns <= 0);
    if (left_ns > 0)
        arm_lease(k);
}

/* ---------------------------------------------------------------- the unit's word */

static void take_kill(struct keeper *k, unsigned why, unsigned at_once)
{
    k->state.killed_for = why;
    if (why == END_LEASE) { /* as if the time was over now; the grace is ours to know */
        end_it(k, FT_KEEP_LEASE, at_once);
        if (!at_once && k->kill_ns > now_ns() + (int64_t)k->wish.lease_grace_ms * MS)
            k->kill_ns = now_ns() + (int64_t)k->wish.lease_grace_ms * MS;
    } else {
        end_it(k, FT_KEEP_ALIVE, at_once);
    }
    say(k);
}

static void on_command(void *arg, const char *command)
{
    struct keeper *k = arg;
    unsigned a, b;
    int64_t ns;

    if (sscanf(command, "lease %" SCNd64, &ns) == 1) {
        if (k->own_end == FT_KEEP_LEASE || (ns != 0 && ns <= k->state.lease_ns))
            return;
        k->state.lease_ns = ns;
        arm_lease(k);
    } else if (sscanf(command, "kill %u %u", &a, &b) == 2) {
        take_kill(k, a, b);
    } else if (sscanf(command, "limits %u %u", &a, &b) == 2) {
        k->notices.watchdog_ms = a;
        k->notices.deadline_ms = b;
        if (k->notices.fed_ns)
            ft_notices_begin(&k->notices, now_ns());
    } else if (strncmp(command, "stop", 4) == 0) {
        end_it(k, FT_KEEP_PERSON, false);
    }
}

/* ---------------------------------------------------------------- what the module says */

static void on_notice(void *arg, const char *text, size_t n, pid_t sender, uid_t uid)
{
    struct keeper *k = arg;
    uint64_t asked = k->state.extend_n;
    bool urgent = k->state.ready || k->state.unwell != FT_KEEP_WELL;

    if (uid != 0 && uid != k->uid && uid != geteuid())
        return;
    if (sender != k->run.pid && ft_kin_start_ticks(sender) != 0 && !ft_kin_is(sender))
        return; /* one that has ended already cannot be told by its parents: its user counts */
    if (!ft_notices_take(&k->notices, &k->state, text, n, now_ns())) {
        if (k->state.beats_n && now_ns() - k->said_ns > BEATS_EVERY_MS * MS)
            say(k);
        return;
    }
    if (k->state.extend_n != asked && k->kill_ns != NEVER && k->own_end != FT_KEEP_LEASE)
        k->kill_ns = now_ns() + (int64_t)(k->state.extend_ms % 3600000) * MS;
    k->unsaid = true;
    if (urgent != (k->state.ready || k->state.unwell != FT_KEEP_WELL) ||
        k->state.extend_n != asked || k->state.unwell != FT_KEEP_WELL)
        say(k);
}

/* The child's own word, before it became the module. Its silence at the end is the execution. */
static void on_word(struct keeper *k)
{
    struct ft_run_word word;
    ssize_t n;

    while ((n = read(k->run.word, &word, sizeof word)) == (ssize_t)sizeof word) {
        if (word.step == FT_RUN_USER) {
            k->uid = (uid_t)word.number;
            k->state.uid = (unsigned)word.number;
            k->state.gid = (unsigned)word.gid;
            continue;
        }
        k->state.end = FT_KEEP_NO_EXEC;
        k->state.code = word.number;
        ft_run_text(&k->wish, &word, k->state.text, sizeof k->state.text, &k->state.hopeless);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    close(k->run.word);
    k->run.word = -1;
    if (k->state.end == FT_KEEP_NO_EXEC)
        return;
    k->state.pid = k->run.pid;
    k->state.start_ticks = ft_kin_start_ticks(k->run.pid);
    if (!k->wish.notifies && !k->state.ready) {
        k->state.ready = true;
        ft_notices_begin(&k->notices, now_ns());
    }
    say(k);
}

static void on_output(struct keeper *k, unsigned reads_max)
{
    char bytes[READ_BYTES];

    for (unsigned i = 0; i < reads_max && k->run.output >= 0; i++) {
        ssize_t n = read(k->run.output, bytes, sizeof bytes);
        if (n > 0) {
            ft_output_take(&k->output, bytes, (size_t)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(k->run.output);
            k->run.output = -1;
        } else {
            return;
        }
    }
}

/* ---------------------------------------------------------------- its end */

/* It named another process as its main one, and that is ours by now: it did not end. */
static bool goes_on(struct keeper *k)
{
    pid_t next = (pid_t)k->notices.main_pid;

    if (next <= 1 || next == k->run.pid || k->how.si_code != CLD_EXITED || k->how.si_status != 0 ||
        !ft_kin_is_child(next))
        return false;
    waitpid(k->run.pid, NULL, 0);
    k->run.pid = next;
    if (getpgid(next) > 1 && getpgid(next) != getpgrp())
        k->process_group = getpgid(next);
    k->state.pid = next;
    k->state.start_ticks = ft_kin_start_ticks(next);
    say(k);
    return true;
}

/* Looks whether it ended. It stays a zombie until all that it left is gone. */
static void look(struct keeper *k)
{
    if (!k->sweeping) {
        memset(&k->how, 0, sizeof k->how);
        if (waitid(P_PID, (id_t)k->run.pid, &k->how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            k->how.si_pid != 0 && !goes_on(k)) {
            bool killed = k->killed;
            k->sweeping = true;
            kill_all(k);
            k->killed = killed;
        }
    }
    ft_kin_reap(k->run.pid);
}

static bool is_over(struct keeper *k)
{
    return k->sweeping && !ft_kin_reap(k->run.pid);
}

/* A module whose memory is limited without a group is not killed for want of it: it sees its
 * allocations fail, and ends somehow. Having come close to the limit tells. */
static bool was_at_limit(const struct keeper *k, const struct rusage *used)
{
    uint64_t max = k->wish.memory_max_bytes;

    return max && !*k->group.folder && (uint64_t)used->ru_maxrss * 1024 >= max - max / 10;
}

static void tell_end(struct keeper *k, const struct rusage *used)
{
    struct ft_keep_state *s = &k->state;
    bool failed = k->how.si_code != CLD_EXITED || k->how.si_status != 0;
    bool short_of_memory = failed && !k->killed &&
        ((*k->group.folder || k->how.si_status == SIGKILL ?
          ft_group_was_short(&k->group, "") : false) || was_at_limit(k, used));

    s->code = k->how.si_status;
    if (k->own_end != FT_KEEP_ALIVE)
        s->end = k->own_end;
    else if (short_of_memory)
        s->end = FT_KEEP_MEMORY;
    else
        s->end = k->how.si_code == CLD_EXITED ? FT_KEEP_EXIT : FT_KEEP_SIGNAL;
    if (s->end == FT_KEEP_MEMORY)
        snprintf(s->text, sizeof s->text, "it had used %ld MiB at most",
                 used->ru_maxrss / 1024);
}

static void finish(struct keeper *k)
{
    struct rusage used = {0};

    wait4(k->run.pid, NULL, 0, &used);
    on_output(k, READS_LEFT_MAX);
    if (k->run.word >= 0)
        on_word(k);
    if (k->state.end != FT_KEEP_NO_EXEC)
        tell_end(k, &used);
    for (int i = 0; i < GROUP_TRIES && !ft_group_remove(&k->group); i++)
        nanosleep(&(struct timespec){.tv_nsec = MS}, NULL);
    ft_output_tail(&k->output, k->state.tail, sizeof k->state.tail);
    ft_output_close(&k->output);
    ft_links_close_names(&k->links);
    k->state.status[0] = '\0';
    say(k); /* the status file first, then the lock: the next keeper may begin */
    close(k->lock);
    ft_links_flush(&k->links, LAST_WORD_MS);
}

/* ---------------------------------------------------------------- the loop */

static void on_signal(struct keeper *k)
{
    struct signalfd_siginfo info;

    while (read(k->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD)
            end_it(k, FT_KEEP_PERSON, false); /* the node shuts down, or a person says so */
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t due_ns(const struct keeper *k)
{
    int64_t ns = k->sweeping ? NEVER : sooner(k->kill_ns, ft_notices_due_ns(&k->notices));

    if (k->killed || k->sweeping)
        ns = sooner(ns, k->sweep_ns);
    if (k->unsaid)
        ns = sooner(ns, k->said_ns + SAY_EVERY_MS * MS);
    return ns;
}

static void on_time(struct keeper *k, int64_t planned_ns)
{
    int64_t now = now_ns();

    if (k->unsaid && now >= k->said_ns + SAY_EVERY_MS * MS)
        say(k);
    if ((k->killed || k->sweeping) && now >= k->sweep_ns) {
        bool killed = k->killed;
        kill_all(k);
        k->killed = killed;
    }
    if (k->sweeping)
        return;
    if (now >= k->kill_ns) {
        k->kill_ns = NEVER;
        kill_all(k);
    }
    if (ft_notices_judge(&k->notices, &k->state, planned_ns, now))
        say(k);
}

static void wait_and_serve(struct keeper *k)
{
    struct pollfd polls[POLLS];
    int64_t planned_ns = due_ns(k), left_ns = planned_ns - now_ns();
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};

    polls[POLL_SIGNALS] = (struct pollfd){.fd = k->signals, .events = POLLIN};
    polls[POLL_LEASE] = (struct pollfd){.fd = k->timer, .events = POLLIN};
    polls[POLL_OUTPUT] = (struct pollfd){.fd = k->run.output, .events = POLLIN};
    polls[POLL_WORD] = (struct pollfd){.fd = k->run.word, .events = POLLIN};
    ft_links_polls(&k->links, polls + POLL_LINKS);
    if (left_ns < 0)
        left = (struct timespec){0};
    if (ppoll(polls, POLLS, planned_ns == NEVER ? NULL : &left, NULL) < 0)
        return;
    if (polls[POLL_LEASE].revents)
        on_lease(k);
    if (polls[POLL_WORD].revents)
        on_word(k);
    if (polls[POLL_OUTPUT].revents)
        on_output(k, 1);
    if (!k->sweeping)
        ft_links_notices(&k->links, on_notice, k);
    ft_links_serve(&k->links, polls + POLL_LINKS, on_command, k);
    if (polls[POLL_SIGNALS].revents)
        on_signal(k);
    on_time(k, planned_ns);
    look(k);
}

/* ---------------------------------------------------------------- life */

/* The one before may be on its way out. */
static bool take_lock(struct keeper *k)
{
    int64_t end_ns = now_ns() + LOCK_WAIT_MS * MS;

    k->lock = open(FT_KEEP_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (k->lock >= 0 && flock(k->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || now_ns() > end_ns)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2 * MS}, NULL);
    }
    return k->lock >= 0;
}

static bool take_signals(struct keeper *k)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    k->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    return k->signals >= 0 && k->timer >= 0;
}

/* It never came to life: said like any end. */
static int no_start(struct keeper *k, const char *what)
{
    k->state.end = FT_KEEP_NO_EXEC;
    k->state.code = errno;
    snprintf(k->state.text, sizeof k->state.text, "%s: %s", what, strerror(errno));
    ft_links_close_names(&k->links);
    ft_links_say(&k->links, &k->state);
    if (k->lock >= 0)
        write_status(k); /* without the lock it is another's */
    ft_links_flush(&k->links, LAST_WORD_MS);
    return 1;
}

/* Nothing of ours may reach the module, and nothing of the unit's stay open here. */
static void detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    for (int fd = 0; fd <= 2 && null > 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

static int live(struct keeper *k, bool has_unit)
{
    struct ft_keep_wish *wish = &k->wish;

    k->links.listener = k->links.notify = -1;
    k->lock = -1;
    k->kill_ns = k->sweep_ns = NEVER;
    k->uid = geteuid();
    k->state = (struct ft_keep_state){
        .epoch = wish->epoch, .run = wish->run, .keeper = getpid(), .lease_ns = wish->lease_ns,
        .uid = geteuid(), .gid = getegid(),
    };
    k->notices = (struct ft_notices){.watchdog_ms = wish->watchdog_ms,
                                     .deadline_ms = wish->deadline_ms};
    for (size_t i = 0; i < FT_LINKS_MAX; i++)
        k->links.fds[i] = -1;
    if (has_unit)
        k->links.fds[0] = UNIT;
    if (chdir(wish->folder) != 0)
        return no_start(k, wish->folder);
    if (!take_lock(k)) {
        if (k->lock >= 0)
            close(k->lock);
        k->lock = -1;
        return no_start(k, "another keeper holds this module");
    }
    if (!take_signals(k) || ft_links_open(&k->links, has_unit ? UNIT : -1) != 0)
        return no_start(k, "its keeper has no sockets");
    ft_kin_adopt_all();
    ft_output_open(&k->output, wish->log, wish->name);
    ft_group_make(&k->group, "", wish->group, wish->name, wish->memory_max_bytes);
    if (ft_run_start(&k->run, wish, &k->group) != 0) {
        ft_group_remove(&k->group);
        return no_start(k, "no process can be made for it");
    }
    k->process_group = k->run.pid;
    arm_lease(k);
    do
        wait_and_serve(k);
    while (!is_over(k));
    finish(k);
    return 0;
}

int main(int argc, char **argv)
{
    static struct keeper keeper;
    bool has_unit = fcntl(UNIT, F_GETFD) >= 0;
    int result;

    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("ft-keeper " FT_VERSION);
        return 0;
    }
    if (ft_keep_wish_read(&keeper.wish, WISH) != 0) {
        fprintf(stderr, "ft-keeper: it is started by ft-noded, and only by it; see ft-module(7)\n");
        return 2;
    }
    prctl(PR_SET_NAME, "ft-keeper");
    detach();
    result = live(&keeper, has_unit);
    ft_keep_wish_forget(&keeper.wish);
    return result;
}
