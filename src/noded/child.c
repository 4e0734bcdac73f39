/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * child.c - owns one child process, its pipe and its timer, on the unit's loop.
 *
 * probe.c runs two of them for a probe: the site's check program, and this program again to measure
 * the hardware. The child leads a session and process group of its own, so that what it starts can
 * be killed with it. The story ends in one of three ways, and `ended` is told once in each:
 *
 *     the process exits          what is left in the pipe is read, then `ended`
 *     its time is over           the group is killed, the exit awaited for GRACE_MS, then `ended`
 *     it does not die even so    (a driver or a file server hangs) `ended`; the child is counted as
 *                                stuck until the kernel gives it back
 *
 * The object frees itself once `ended` was told, the process reaped and libuv has let go of all its
 * handles. A grandchild that keeps the pipe open holds up nothing: the pipe is closed at the exit.
 */
#include "config.h"

#include "noded/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#define GRACE_MS 300
#define CHUNK_BYTES 4096
#define CHUNKS_LEFT_MAX 64 /* a pipe holds 64 KiB */

struct ft_child {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    unsigned handles; /* that libuv has still to let go of */
    uint64_t start_ns;
    ft_child_fn ended; /* NULL once told */
    void *arg;
    bool spawned;      /* libuv knows the process's handle */
    bool exited;
    bool stuck;
    bool killed;       /* by us, its time being over */
    int code;
    int signal;
    size_t output_max;
    size_t n;
    bool cut;
    uint8_t *output;
    char chunk[CHUNK_BYTES];
};

static unsigned stuck_children;

unsigned ft_child_stuck(void)
{
    return stuck_children;
}

static void child_free(struct ft_child *child)
{
    free(child->output);
    free(child);
}

static void on_closed(uv_handle_t *handle)
{
    struct ft_child *child = handle->data;

    if (--child->handles == 0)
        child_free(child);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* Lets go of all but the process, and of it too once it has been reaped: libuv would leave a
 * zombie. */
static void let_go(struct ft_child *child)
{
    close_handle((uv_handle_t *)&child->pipe);
    close_handle((uv_handle_t *)&child->timer);
    if (child->spawned && child->exited)
        close_handle((uv_handle_t *)&child->process);
}

static void keep(struct ft_child *child, const char *bytes, size_t n)
{
    size_t room = child->output_max - child->n;

    child->cut = child->cut || n > room;
    n = n < room ? n : room;
    memcpy(child->output + child->n, bytes, n);
    child->n += n;
}

static void tell(struct ft_child *child)
{
    ft_child_fn ended = child->ended;
    struct ft_child_end end = {
        .timed_out = child->killed,
        .code = child->code,
        .signal = child->signal,
        .output = child->output,
        .n = child->n,
        .cut = child->cut,
        .took_ms = (double)(ft_clock_ns() - child->start_ns) / 1e6,
    };
    child->ended = NULL;
    if (ended)
        ended(child->arg, &end);
    let_go(child);
}

/* What it printed last may still be in the pipe. */
static void read_rest(struct ft_child *child)
{
    uv_os_fd_t fd;

    if (uv_is_closing((uv_handle_t *)&child->pipe) ||
        uv_fileno((uv_handle_t *)&child->pipe, &fd) != 0)
        return;
    uv_read_stop((uv_stream_t *)&child->pipe);
    for (int i = 0; i < CHUNKS_LEFT_MAX; i++) {
        ssize_t n = read(fd, child->chunk, sizeof child->chunk);
        if (n <= 0)
            return;
        keep(child, child->chunk, (size_t)n);
    }
}

static void on_exit_(uv_process_t *process, int64_t code, int signal)
{
    struct ft_child *child = process->data;

    child->exited = true;
    child->code = (int)code;
    child->signal = signal;
    if (child->stuck)
        stuck_children--;
    if (child->ended)
        read_rest(child);
    tell(child);
}

static void kill_group(struct ft_child *child)
{
    if (!child->exited && child->process.pid > 0)
        kill(-child->process.pid, SIGKILL);
}

static void on_timer(uv_timer_t *timer)
{
    struct ft_child *child = timer->data;

    if (!child->killed) {
        child->killed = true;
        kill_group(child);
        uv_timer_start(timer, on_timer, GRACE_MS, 0);
        return;
    }
    child->stuck = true;
    stuck_children++;
    tell(child);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct ft_child *child = handle->data;

    (void)suggested;
    *buf = uv_buf_init(child->chunk, sizeof child->chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct ft_child *child = stream->data;

    if (n > 0)
        keep(child, buf->base, (size_t)n);
    else if (n < 0) /* its end, or an error: the exit tells the rest */
        close_handle((uv_handle_t *)stream);
}

static struct ft_child *child_new(uv_loop_t *loop, size_t output_max)
{
    struct ft_child *child = calloc(1, sizeof *child);

    if (!child)
        return NULL;
    child->output = malloc(output_max ? output_max : 1);
    if (!child->output) {
        free(child);
        return NULL;
    }
    child->output_max = output_max;
    child->start_ns = ft_clock_ns();
    child->process.data = child->pipe.data = child->timer.data = child;
    uv_timer_init(loop, &child->timer);
    uv_pipe_init(loop, &child->pipe, 0);
    child->handles = 2;
    return child;
}

/* Starts the program with `output` as its standard output. Returns 0 or a libuv error. */
static int spawn(uv_loop_t *loop, struct ft_child *child, const struct ft_child_wish *wish,
                 int output)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = output},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_,
        .file = wish->file,
        .args = (char **)(uintptr_t)wish->argv, /* libuv only reads them */
        .env = (char **)(uintptr_t)wish->environment,
        .cwd = "/",
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    if (wish->with_stderr)
        stdio[2] = stdio[1];
    if (wish->as_user) {
        options.flags |= UV_PROCESS_SETUID | UV_PROCESS_SETGID;
        options.uid = wish->uid;
        options.gid = wish->gid;
    }
    child->spawned = true; /* even if it fails, the handle has to be closed */
    child->handles++;
    return uv_spawn(loop, &child->process, &options);
}

struct ft_child *ft_child_start(uv_loop_t *loop, const struct ft_child_wish *wish,
                                ft_child_fn ended, void *arg)
{
    int ends[2], error;
    struct ft_child *child;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return NULL;
    child = child_new(loop, wish->output_max);
    if (!child) {
        close(ends[0]);
        close(ends[1]);
        errno = ENOMEM;
        return NULL;
    }
    error = uv_pipe_open(&child->pipe, ends[0]); /* makes it non-blocking */
    if (error != 0)
        close(ends[0]);
    else
        error = spawn(loop, child, wish, ends[1]);
    close(ends[1]);
    if (error == 0)
        error = uv_read_start((uv_stream_t *)&child->pipe, on_room, on_read);
    if (error == 0)
        error = uv_timer_start(&child->timer, on_timer, wish->timeout_ms, 0);
    child->ended = ended;
    child->arg = arg;
    if (error == 0)
        return child;
    child->ended = NULL;
    child->exited = child->process.pid <= 0;
    kill_group(child);
    let_go(child);
    errno = -error;
    return NULL;
}

void ft_child_cancel(struct ft_child *child)
{
    child->ended = NULL;
    child->killed = true;
    kill_group(child);
    if (!child->exited)
        uv_timer_start(&child->timer, on_timer, GRACE_MS, 0);
}
