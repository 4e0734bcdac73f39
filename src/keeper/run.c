/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run.c - forks the module: session, output, group, limits, user, folder, environment, execution.
 *
 * Called once by the keeper. What goes wrong in the child on its way is told by a pipe that the
 * execution closes. The environment is made here from nothing: what the unit was started with is
 * no module's business. The child dies with its keeper (PDEATHSIG): a module that nobody watches
 * over must not go on.
 *
 * The user is looked up in the child, which is about to be replaced anyway: name services may load
 * half the world.
 */
#include "config.h"

#include "keeper/run.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LANG_VARIABLE "LANG=C.UTF-8"
#define OWN_VARIABLES 16
#define VARIABLE_BYTES 512
#define FILES_SOFT 1024 /* what programs expect that still use select() */

/* What only the child has. */
struct child {
    const struct ft_keep_wish *wish;
    const struct ft_group *group;
    int word;
    struct passwd *user; /* NULL: the keeper's own */
    const char **environment;
    size_t n;
    char own[OWN_VARIABLES][VARIABLE_BYTES];
};

static void say(const struct child *child, enum ft_run_step step, int number, int gid)
{
    struct ft_run_word word = {.step = step, .number = number, .gid = gid};
    ssize_t n = write(child->word, &word, sizeof word);

    (void)n; /* a keeper that is gone kills us anyway */
}

static _Noreturn void fail(const struct child *child, enum ft_run_step step)
{
    say(child, step, errno, 0);
    _exit(127);
}

static bool is_given(const struct ft_keep_wish *wish, const char *variable)
{
    size_t n = strcspn(variable, "=") + 1;

    for (size_t i = 0; wish->environment[i]; i++)
        if (strncmp(wish->environment[i], variable, n) == 0)
            return true;
    return false;
}

/* A variable of ours, unless ft.conf has one of that name. */
static void add(struct child *child, size_t i, const char *name, const char *value)
{
    snprintf(child->own[i], sizeof child->own[i], "%s=%s", name, value);
    if (!is_given(child->wish, child->own[i]))
        child->environment[child->n++] = child->own[i];
}

static void add_number(struct child *child, size_t i, const char *name, uint64_t number)
{
    char text[32];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add(child, i, name, text);
}

static void make_environment(struct child *child)
{
    const struct ft_keep_wish *wish = child->wish;
    char path[VARIABLE_BYTES];
    size_t given = 0, i = 0;

    while (wish->environment[given])
        given++;
    child->environment = calloc(given + OWN_VARIABLES + 3, sizeof *child->environment);
    if (!child->environment)
        fail(child, FT_RUN_EXEC);
    memcpy(child->environment, wish->environment, given * sizeof *child->environment);
    child->n = given;
    if (!is_given(wish, PATH_VARIABLE))
        child->environment[child->n++] = PATH_VARIABLE;
    if (!is_given(wish, LANG_VARIABLE))
        child->environment[child->n++] = LANG_VARIABLE;
    if (child->user) {
        add(child, i++, "HOME", child->user->pw_dir);
        add(child, i++, "USER", child->user->pw_name);
        add(child, i++, "LOGNAME", child->user->pw_name);
        add(child, i++, "SHELL", *child->user->pw_shell ? child->user->pw_shell : "/bin/sh");
    }
    add(child, i++, "FT_MODULE", wish->name);
    add(child, i++, "FT_NODE", wish->node);
    add_number(child, i++, "FT_EPOCH", wish->epoch);
    add_number(child, i++, "FT_RUN", wish->run);
    snprintf(path, sizeof path, "%s/" FT_KEEP_NOTIFY, wish->folder);
    add(child, i++, "NOTIFY_SOCKET", path);
    if (wish->watchdog_ms) {
        add_number(child, i++, "WATCHDOG_USEC", (uint64_t)wish->watchdog_ms * 1000);
        add_number(child, i++, "WATCHDOG_PID", (uint64_t)getpid());
    }
    if (wish->deadline_ms)
        add_number(child, i++, "FT_DEADLINE_USEC", (uint64_t)wish->deadline_ms * 1000);
}

/* Signals as a program expects them, and nothing of the keeper's. */
static void reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_output(int output)
{
    int null = open("/dev/null", O_RDONLY);

    if (null >= 0)
        dup2(null, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}

static void limit(const struct child *child)
{
    uint64_t max = child->wish->memory_max_bytes;
    struct rlimit memory = {.rlim_cur = max, .rlim_max = max}, files;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : write(fd, "0", 1); /* the keeper's protection is not the module's */

    (void)n;
    if (fd >= 0)
        close(fd);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > FILES_SOFT) {
        files.rlim_cur = FILES_SOFT;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (max && !*child->group->folder && setrlimit(RLIMIT_DATA, &memory) != 0)
        fail(child, FT_RUN_LIMIT);
}

static struct passwd *find_user(const struct child *child)
{
    struct passwd *user;

    errno = 0;
    user = getpwnam(child->wish->user);
    if (user)
        return user;
    errno = errno ? errno : ENOENT;
    fail(child, FT_RUN_NO_USER);
}

static void become_user(struct child *child)
{
    const char *name = child->wish->user;
    char notify[VARIABLE_BYTES];
    struct passwd *user;

    if (!*name)
        return;
    child->user = user = find_user(child);
    say(child, FT_RUN_USER, (int)user->pw_uid, (int)user->pw_gid);
    if (user->pw_uid == geteuid() && geteuid() != 0)
        return; /* a unit without privileges runs what is its own user's */
    snprintf(notify, sizeof notify, "%s/" FT_KEEP_NOTIFY, child->wish->folder);
    if (chown(notify, user->pw_uid, (gid_t)-1) != 0 || initgroups(name, user->pw_gid) != 0 ||
        setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
        fail(child, FT_RUN_IDENTITY);
}

static void run(struct child *child, pid_t keeper, int output)
{
    const struct ft_keep_wish *wish = child->wish;

    setsid();
    reset_signals();
    take_output(output);
    umask(022);
    if (!ft_group_enter(child->group))
        fail(child, FT_RUN_GROUP);
    limit(child);
    become_user(child);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which undoes it */
    if (getppid() != keeper)
        _exit(127);
    if (chdir(*wish->dir ? wish->dir : "/") != 0)
        fail(child, FT_RUN_FOLDER);
    make_environment(child);
    execve(wish->argv[0], (char **)(uintptr_t)wish->argv,
           (char **)(uintptr_t)child->environment);
    fail(child, FT_RUN_EXEC);
}

static void close_all(const int *fds, size_t n)
{
    int error = errno;

    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    errno = error;
}

int ft_run_start(struct ft_run *made, const struct ft_keep_wish *wish,
                 const struct ft_group *group)
{
    int fds[4] = {-1, -1, -1, -1};
    pid_t keeper = getpid();

    if (pipe2(fds, O_CLOEXEC) != 0 || pipe2(fds + 2, O_CLOEXEC) != 0 ||
        (made->pid = fork()) < 0) {
        close_all(fds, 4);
        return -1;
    }
    if (made->pid == 0) {
        struct child child = {.wish = wish, .group = group, .word = fds[3]};
        run(&child, keeper, fds[1]);
        _exit(127);
    }
    close(fds[1]);
    close(fds[3]);
    made->output = fds[0];
    made->word = fds[2];
    fcntl(made->output, F_SETFL, O_NONBLOCK);
    fcntl(made->word, F_SETFL, O_NONBLOCK);
    return 0;
}

const char *ft_run_text(const struct ft_keep_wish *wish, const struct ft_run_word *word,
                        char *text, size_t size, bool *hopeless)
{
    static const char *const whats[FT_RUN_STEPS] = {
        [FT_RUN_IDENTITY] = "its user cannot be taken on",
        [FT_RUN_GROUP] = "its memory control group cannot be entered",
        [FT_RUN_LIMIT] = "its memory cannot be limited",
    };
    int error = word->number;

    *hopeless = error != ENOMEM && error != EAGAIN && error != EMFILE && error != ENFILE &&
                error != EIO && error != ESTALE && error != ETXTBSY && error != EINTR;
    if (word->step == FT_RUN_NO_USER)
        snprintf(text, size, "the user \"%.64s\" is not known on this node", wish->user);
    else if (word->step == FT_RUN_FOLDER)
        snprintf(text, size, "its folder %.100s: %s", wish->dir, strerror(error));
    else if (word->step == FT_RUN_EXEC)
        snprintf(text, size, "%.120s cannot be executed: %s", wish->argv[0], strerror(error));
    else
        snprintf(text, size, "%s: %s", word->step > 0 && word->step < FT_RUN_STEPS &&
                 whats[word->step] ? whats[word->step] : "it could not be started",
                 strerror(error));
    return text;
}
