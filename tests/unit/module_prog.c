/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module_prog.c - a module that behaves as its arguments say, one after the other:
 *
 *     mark=FILE      appends "PID TIME_ns" to FILE
 *     stamp=FILE     appends the time of day in seconds, with a fraction, to FILE
 *     env=FILE       writes its environment to FILE
 *     print=TEXT     prints TEXT and a line break
 *     deaf           ignores SIGTERM
 *     fork=FILE      leaves a process in a session of its own, which ignores SIGTERM; its PID goes
 *                    to FILE
 *     wait=MS        waits
 *     if=FILE        if FILE is not there, the rest is skipped but for a wait for ever
 *     notify=TEXT    sends TEXT to NOTIFY_SOCKET
 *     beat=MSxN      sends FT_DEADLINE=1 and WATCHDOG=1 each MS, N times
 *     eat=MIB        takes memory, and uses it
 *     main           forks; the child says MAINPID, the parent ends well
 *     exit=N         ends
 *     signal=N       ends by that signal
 *
 * At the end of the arguments it waits for ever.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void wait_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&t, &t) != 0)
        ;
}

static void append(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        perror(path);
    if (fd >= 0)
        close(fd);
}

static void mark(const char *path)
{
    struct timespec t;
    char text[64];

    clock_gettime(CLOCK_MONOTONIC, &t);
    snprintf(text, sizeof text, "%d %lld\n", (int)getpid(),
             (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    append(path, text);
}

static void stamp(const char *path)
{
    struct timespec t;
    char text[64];

    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(text, sizeof text, "%lld.%09ld\n", (long long)t.tv_sec, t.tv_nsec);
    append(path, text);
}

static void notify(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path ? path : "");
    if (sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address, sizeof address) < 0)
        perror("notify");
    close(fd);
}

static void leave_behind(const char *path)
{
    pid_t pid = fork();

    if (pid != 0)
        return;
    signal(SIGTERM, SIG_IGN);
    setsid();
    mark(path);
    for (;;)
        pause();
}

static void eat(size_t mib)
{
    for (size_t i = 0; i < mib; i++) {
        char *piece = malloc(1 << 20);
        if (!piece) {
            puts("no memory left");
            fflush(stdout);
            _exit(9);
        }
        memset(piece, 1, 1 << 20);
    }
}

static void become_main(void)
{
    pid_t pid = fork();
    char text[64];

    if (pid == 0) {
        while (getppid() == 0) /* never: for the compiler's sake */
            ;
        return;
    }
    snprintf(text, sizeof text, "MAINPID=%d", (int)pid);
    notify(text);
    _exit(0);
}

static void die(int number)
{
    struct rlimit none = {0};

    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    raise(number);
}

static void beats(const char *text)
{
    long ms = atol(text), n = strchr(text, 'x') ? atol(strchr(text, 'x') + 1) : 1;

    for (long i = 0; i < n; i++) {
        notify("FT_DEADLINE=1\nWATCHDOG=1");
        wait_ms(ms);
    }
}

static void act(const char *word)
{
    const char *value = strchr(word, '=');
    size_t n = value ? (size_t)(value - word) : strlen(word);

    value = value ? value + 1 : "";
#define IS(text) (n == strlen(text) && strncmp(word, text, n) == 0)
    if (IS("mark"))
        mark(value);
    else if (IS("stamp"))
        stamp(value);
    else if (IS("env"))
        for (char **e = environ; *e; e++) {
            append(value, *e);
            append(value, "\n");
        }
    else if (IS("print"))
        puts(value);
    else if (IS("deaf"))
        signal(SIGTERM, SIG_IGN);
    else if (IS("fork"))
        leave_behind(value);
    else if (IS("wait"))
        wait_ms(atol(value));
    else if (IS("notify"))
        notify(value);
    else if (IS("beat"))
        beats(value);
    else if (IS("eat"))
        eat((size_t)atol(value));
    else if (IS("main"))
        become_main();
    else if (IS("exit"))
        exit(atoi(value));
    else if (IS("signal"))
        die(atoi(value));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "if=", 3) == 0 && access(argv[i] + 3, F_OK) != 0)
            break;
        act(argv[i]);
    }
    for (;;)
        pause();
}
