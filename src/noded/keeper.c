/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keeper.c - owns the connection to one keeper, and, if it was started here, its process handle.
 *
 * module.c has one for each module that lives. The connection's end is the keeper's end, whoever
 * its parent is. A keeper whose last word got lost has left it in the file `status`; one that left
 * no end there was killed. The object frees itself once that is told, or it was let go of, and
 * libuv has closed all its handles; a process that was started here is waited for before.
 */
#include "config.h"

#include "noded/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "common/text.h"

#define FOLDER_BYTES 256

struct ft_keeper {
    uv_poll_t poll;
    uv_process_t process;
    unsigned handles;    /* that libuv has still to let go of */
    bool spawned;        /* libuv knows the process */
    bool exited;
    int fd;              /* -1: closed */
    uint64_t run;        /* 0: not known yet */
    const struct ft_keeper_events *events; /* NULL: nothing is told any more */
    void *arg;
    char folder[FOLDER_BYTES];
};

/* ---------------------------------------------------------------- letting go */

static void on_closed(uv_handle_t *handle)
{
    struct ft_keeper *keeper = handle->data;

    if (--keeper->handles == 0)
        free(keeper);
}

static void close_process(struct ft_keeper *keeper)
{
    if (keeper->spawned && !uv_is_closing((uv_handle_t *)&keeper->process))
        uv_close((uv_handle_t *)&keeper->process, on_closed);
}

static void let_go(struct ft_keeper *keeper)
{
    keeper->events = NULL;
    if (keeper->fd >= 0) {
        uv_poll_stop(&keeper->poll);
        uv_close((uv_handle_t *)&keeper->poll, on_closed);
        close(keeper->fd);
        keeper->fd = -1;
    }
    if (keeper->exited)
        close_process(keeper);
}

void ft_keeper_let_go(struct ft_keeper *keeper)
{
    keeper->exited = true; /* whoever lets go ends, and leaves its children to init */
    let_go(keeper);
}

static void on_exit_(uv_process_t *process, int64_t code, int signal)
{
    struct ft_keeper *keeper = process->data;

    (void)code;
    (void)signal; /* the connection tells all that matters */
    keeper->exited = true;
    if (keeper->fd < 0)
        close_process(keeper);
}

/* ---------------------------------------------------------------- hearing */

bool ft_keeper_read_status(const char *folder, struct ft_keep_state *state)
{
    char path[FOLDER_BYTES + 32], text[FT_KEEP_PACKET_MAX];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/" FT_KEEP_STATUS, folder);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof text);
    close(fd);
    return n > 0 && ft_keep_state_read(state, text, (size_t)n);
}

/* The object may be gone afterwards. */
static void tell(struct ft_keeper *keeper, const struct ft_keep_state *state)
{
    const struct ft_keeper_events *events = keeper->events;
    void *arg = keeper->arg;

    if (!state || state->end != FT_KEEP_ALIVE)
        let_go(keeper);
    if (events && state)
        events->state(arg, state);
    else if (events)
        events->gone(arg);
}

static void on_lost(struct ft_keeper *keeper)
{
    struct ft_keep_state state;
    bool ended = ft_keeper_read_status(keeper->folder, &state) && state.end != FT_KEEP_ALIVE &&
                 state.run == keeper->run;

    tell(keeper, ended ? &state : NULL);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct ft_keeper *keeper = poll->data;
    char text[FT_KEEP_PACKET_MAX];
    struct ft_keep_state state;
    ssize_t n = status == 0 ? recv(keeper->fd, text, sizeof text, MSG_DONTWAIT) : 0;

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_lost(keeper);
        return;
    }
    if (!ft_keep_state_read(&state, text, (size_t)n)) {
        ft_log(FT_LOG_WARNING, "the keeper of %s says something that is not understood: it is of "
               "another version", keeper->folder);
        return;
    }
    keeper->run = state.run;
    tell(keeper, &state);
}

/* ---------------------------------------------------------------- making */

static struct ft_keeper *keeper_new(uv_loop_t *loop, int fd, const char *folder,
                                    const struct ft_keeper_events *events, void *arg)
{
    struct ft_keeper *keeper = calloc(1, sizeof *keeper);
    int error;

    if (!keeper)
        return NULL;
    keeper->poll.data = keeper->process.data = keeper;
    keeper->fd = fd;
    keeper->events = events;
    keeper->arg = arg;
    ft_text_copy(keeper->folder, sizeof keeper->folder, folder);
    error = uv_poll_init(loop, &keeper->poll, fd);
    if (error != 0) {
        free(keeper);
        errno = -error;
        return NULL;
    }
    keeper->handles = 1;
    uv_poll_start(&keeper->poll, UV_READABLE, on_readable);
    return keeper;
}

static int spawn(uv_loop_t *loop, struct ft_keeper *keeper, const char *program, int wish, int end)
{
    char *const argv[] = {(char *)(uintptr_t)"ft-keeper", keeper->folder, NULL};
    char *const environment[] = {NULL};
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_INHERIT_FD, .data.fd = wish},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = end},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_,
        .file = program,
        .args = (char **)(uintptr_t)argv,
        .env = (char **)(uintptr_t)environment,
        .cwd = "/",
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 4,
        .stdio = stdio,
    };
    keeper->spawned = true; /* even if it fails, the handle has to be closed */
    keeper->handles++;
    return uv_spawn(loop, &keeper->process, &options);
}

struct ft_keeper *ft_keeper_start(uv_loop_t *loop, const char *program,
                                  const struct ft_keep_wish *wish,
                                  const struct ft_keeper_events *events, void *arg)
{
    int ends[2], error, file = ft_keep_wish_write(wish);
    struct ft_keeper *keeper;

    if (file < 0)
        return NULL;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
        error = errno;
        close(file);
        errno = error;
        return NULL;
    }
    keeper = keeper_new(loop, ends[0], wish->folder, events, arg);
    if (!keeper) {
        error = errno;
        close(ends[0]);
    } else {
        keeper->run = wish->run;
        error = -spawn(loop, keeper, program, file, ends[1]);
        keeper->exited = error != 0;
        if (error != 0)
            let_go(keeper);
    }
    close(ends[1]);
    close(file);
    errno = error;
    return keeper && error == 0 ? keeper : NULL;
}

int ft_keeper_connect(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

    if (fd < 0)
        return -1;
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/" FT_KEEP_SOCKET,
                         folder) >= sizeof address.sun_path)
        errno = ENAMETOOLONG;
    else if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct ft_keeper *ft_keeper_find(uv_loop_t *loop, const char *folder,
                                 const struct ft_keeper_events *events, void *arg)
{
    int fd = ft_keeper_connect(folder), error;
    struct ft_keeper *keeper;
    struct ft_keep_state state;

    if (fd < 0)
        return NULL;
    keeper = keeper_new(loop, fd, folder, events, arg);
    if (!keeper) {
        error = errno;
        close(fd);
        errno = error;
        return NULL;
    }
    keeper->exited = true; /* it is not our child */
    if (ft_keeper_read_status(folder, &state))
        keeper->run = state.run;
    return keeper;
}

/* ---------------------------------------------------------------- telling */

/* If it cannot take that now, it hangs: what has to be said then is said by signals (module.c). */
static void say(struct ft_keeper *keeper, const char *command)
{
    if (keeper->fd >= 0 &&
        send(keeper->fd, command, strlen(command), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
        errno != EPIPE && errno != ECONNRESET)
        ft_log(FT_LOG_WARNING, "the keeper of %s does not take \"%s\": %s", keeper->folder, command,
               strerror(errno));
}

void ft_keeper_lease(struct ft_keeper *keeper, int64_t until_boot_ns)
{
    char command[64];

    snprintf(command, sizeof command, "lease %" PRId64, until_boot_ns);
    say(keeper, command);
}

void ft_keeper_kill(struct ft_keeper *keeper, unsigned why, bool at_once)
{
    char command[64];

    snprintf(command, sizeof command, "kill %u %d", why, at_once);
    say(keeper, command);
}

void ft_keeper_limits(struct ft_keeper *keeper, unsigned watchdog_ms, unsigned deadline_ms)
{
    char command[64];

    snprintf(command, sizeof command, "limits %u %u", watchdog_ms, deadline_ms);
    say(keeper, command);
}
