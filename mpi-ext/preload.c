/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * preload.c - libftmpi.so, the half that is loaded into everything `ft run` starts.
 *
 * It has to be loaded into every process of a job, shells and scripts included, and so needs
 * nothing but libc: Open MPI's thirty libraries would cost each `ls` of a job script 100 ms. Once a
 * process calls MPI_Init it loads its other half, ftmpi_layer.so, which does the work.
 *
 * What it stands in front of (and hands on to the next library unless layer/ says otherwise):
 *
 *   MPI_Init, _Init_thread, _Session_init   listen for failures (layer/init.c)
 *   MPI_Finalize, _Session_finalize         do not hang on peers that are gone (layer/init.c)
 *   MPI_Comm_disconnect                     the same
 *   MPI_Abort                               whose end it is (layer/abort.c)
 *   PMIx_Connect, _Fence, _Lookup, _Spawn   what Open MPI calls inside of spawn, connect, accept
 *                                           and disconnect: bounded waits (layer/bounded.c)
 *   PMIx_Finalize                           no word is under way to others then (layer/notice.c)
 *   ompi_comm_request_schedule_append       what Open MPI calls as a communicator is made: none
 *                                           waits for ever for a lost rank (layer/among.c)
 *   every other MPI function that another   one jump through a table (entries.c, generated), to the
 *   process's failure can reach             next library until the layer has its wrapper there
 *
 * The PMPI_ names are there too: that is what Open MPI's Fortran bindings call. So Fortran, C and
 * profiling tools all pass here. If a tool comes between, MPI_X leads to it and the work is done
 * when it calls PMPI_X. (Of the first six Open MPI may call one inside of another: `depth` makes it
 * count once.)
 *
 * In a process that runs with another MPI than Open MPI nothing happens: the jumps hand on whatever
 * the arguments are, and the second half is not loaded.
 *
 * Nothing is printed, ever. A process whose second half cannot be loaded runs as if we were not
 * there, and FTMPI_ calls answer MPI_ERR_OTHER. So they do in a child of fork.
 */
#include "config.h"

#include "hooks.h"
#include "layer/keep.h"
#include "layer/loop.h"
#include "functions.h"
#include "next.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define LAYER "ftmpi_layer.so"

static const struct ftm_hooks *hooks; /* set once, before MPI is up; NULL: step aside */
static bool is_child;                 /* of fork, by a process in which MPI was up */
static __thread int depth;            /* > 0: inside a call that the layer has seen already */

/* ---------------------------------------------------------------- all other functions */

typedef void *__attribute__((may_alias)) any_function;

/* Where an entry of a table leads at first: finds the next library's function, leads the entry
 * there unless the layer has been faster, and hands on the call. */
static bool find(const char *symbol, any_function *entry, void *finder, any_function *next)
{
    *next = ftm_next_function(symbol);
    if (!*next)
        return false;
    __atomic_compare_exchange_n(entry, &finder, *next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return true;
}

static struct ftm_functions entries, profiling; /* what MPI_X and PMPI_X lead to */

#include "entries.c"

/* ---------------------------------------------------------------- the other half */

static void *open_beside(const char *self, const char *folder)
{
    const char *slash = strrchr(self, '/');
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s%s" LAYER, slash ? (int) (slash - self + 1) : 0, self,
                     folder);

    return n > 0 && n < (int) sizeof path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* Installed it is in the folder "ft" beside us; in the build tree right beside us. */
static void load_layer(void)
{
    static const struct ftm_preload preload = {ftm_next_function, &entries, &profiling};
    Dl_info self;
    void *layer;
    const struct ftm_hooks *found;

    if (ftm_next_function("MPI_Init") && !ftm_next_function("ompi_mpi_comm_world"))
        return; /* not Open MPI's */
    if (!dladdr((void *) &hooks, &self) || !self.dli_fname)
        return;
    layer = open_beside(self.dli_fname, "ft/");
    if (!layer)
        layer = open_beside(self.dli_fname, "");
    found = layer ? dlsym(layer, FTM_HOOKS_SYMBOL) : NULL;
    if (found && found->version == FTM_HOOKS_VERSION && found->begin(&preload))
        hooks = found;
}

static const struct ftm_hooks *need_layer(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load_layer);
    return hooks;
}

/* A child of fork has a copy of the layer's locks, which threads that it does not have may hold,
 * and of connections that are its parent's. So it has no layer: FTMPI_ calls fail at once. Nothing
 * is done here that a child of a process with threads may not do. */
static void step_aside_in_child(void)
{
    if (!hooks || !hooks->is_up())
        return;
    hooks = NULL;
    is_child = true;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, step_aside_in_child);
}

/* Declares `next` for the function we are in; MPI itself is missing if there is none. */
#define NEXT(type, symbol)                                                                         \
    static type *next;                                                                             \
    type *found = __atomic_load_n(&next, __ATOMIC_RELAXED);                                        \
    if (!found) {                                                                                  \
        *(void **) &found = ftm_next_function(symbol);                                             \
        __atomic_store_n(&next, found, __ATOMIC_RELAXED);                                          \
    }

/* ---------------------------------------------------------------- init */

/* Is this MPI_X, and `next` a profiling tool's? Then it is the tool that is to be called, and we
 * come in when it calls PMPI_X: what it asks of MPI before and after that concerns the
 * application's world, too. */
static bool leads_to_tool(const char *symbol, const void *next)
{
    char its_own[64];
    int n = snprintf(its_own, sizeof its_own, "P%s", symbol);

    return symbol[0] == 'M' && n < (int) sizeof its_own
           && ftm_next_function(its_own) != next;
}

typedef int init_fn(int *argc, char ***argv);
typedef int init_thread_fn(int *argc, char ***argv, int required, int *provided);
typedef int session_init_fn(MPI_Info info, MPI_Errhandler errhandler, MPI_Session *session);

static void enter_init(void)
{
    if (depth++ == 0 && need_layer())
        hooks->before_init();
}

static int leave_init(int rc)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (--depth == 0 && hooks && rc == MPI_SUCCESS) {
        pthread_once(&once, watch_forks);
        hooks->after_init();
    }
    return rc;
}

#define INIT(name)                                                                                 \
    EXPORT int name(int *argc, char ***argv)                                                       \
    {                                                                                              \
        NEXT(init_fn, #name)                                                                       \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        if (leads_to_tool(#name, (void *) found))                                                  \
            return found(argc, argv);                                                              \
        enter_init();                                                                              \
        return leave_init(found(argc, argv));                                                      \
    }

#define INIT_THREAD(name)                                                                          \
    EXPORT int name(int *argc, char ***argv, int required, int *provided)                          \
    {                                                                                              \
        NEXT(init_thread_fn, #name)                                                                \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        if (leads_to_tool(#name, (void *) found))                                                  \
            return found(argc, argv, required, provided);                                          \
        enter_init();                                                                              \
        return leave_init(found(argc, argv, required, provided));                                  \
    }

#define SESSION_INIT(name)                                                                         \
    EXPORT int name(MPI_Info info, MPI_Errhandler errhandler, MPI_Session *session)                \
    {                                                                                              \
        NEXT(session_init_fn, #name)                                                               \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        if (leads_to_tool(#name, (void *) found))                                                  \
            return found(info, errhandler, session);                                               \
        enter_init();                                                                              \
        return leave_init(found(info, errhandler, session));                                       \
    }

INIT(MPI_Init)
INIT(PMPI_Init)
INIT_THREAD(MPI_Init_thread)
INIT_THREAD(PMPI_Init_thread)
SESSION_INIT(MPI_Session_init)
SESSION_INIT(PMPI_Session_init)

/* ---------------------------------------------------------------- finalize, disconnect */

/* A function with one argument list, whose hook gets `next` and the same arguments. In a child of
 * fork Open MPI's own would wait for ever, for threads that are the parent's: it has an error. */
#define AROUND(type, name, hook, parameters, arguments, hook_arguments)                            \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        int rc;                                                                                    \
        NEXT(type, #name)                                                                          \
        if (!found || is_child)                                                                    \
            return MPI_ERR_OTHER;                                                                  \
        if (!hooks || depth > 0 || leads_to_tool(#name, (void *) found))                           \
            return found arguments;                                                                \
        depth++;                                                                                   \
        rc = hooks->hook hook_arguments;                                                           \
        depth--;                                                                                   \
        return rc;                                                                                 \
    }

AROUND(ftm_finalize_fn, MPI_Finalize, finalize, (void), (), (found))
AROUND(ftm_finalize_fn, PMPI_Finalize, finalize, (void), (), (found))
AROUND(ftm_session_fn, MPI_Session_finalize, session_finalize, (MPI_Session *session), (session),
       (found, session))
AROUND(ftm_session_fn, PMPI_Session_finalize, session_finalize, (MPI_Session *session), (session),
       (found, session))
AROUND(ftm_comm_fn, MPI_Comm_disconnect, comm_disconnect, (MPI_Comm *comm), (comm), (found, comm))
AROUND(ftm_comm_fn, PMPI_Comm_disconnect, comm_disconnect, (MPI_Comm *comm), (comm), (found, comm))

/* Of a child of fork nobody knows: its end is its own. */
#define ABORT(name)                                                                                \
    EXPORT int name(MPI_Comm comm, int code)                                                       \
    {                                                                                              \
        NEXT(ftm_abort_fn, #name)                                                                  \
        if (is_child)                                                                              \
            _exit(code ? code : 1);                                                                \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        if (hooks && !leads_to_tool(#name, (void *) found) && hooks->abort_is_own(comm))           \
            _exit(code ? code : 1);                                                                \
        return found(comm, code);                                                                  \
    }

ABORT(MPI_Abort)
ABORT(PMPI_Abort)

/* ---------------------------------------------------------------- PMIx */

EXPORT pmix_status_t PMIx_Connect(const pmix_proc_t procs[], size_t nprocs,
                                  const pmix_info_t info[], size_t ninfo)
{
    NEXT(ftm_procs_fn, "PMIx_Connect")
    if (hooks)
        return hooks->pmix_connect(procs, nprocs, info, ninfo);
    return found ? found(procs, nprocs, info, ninfo) : PMIX_ERR_NOT_SUPPORTED;
}

EXPORT pmix_status_t PMIx_Fence(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                                size_t ninfo)
{
    NEXT(ftm_procs_fn, "PMIx_Fence")
    if (hooks && hooks->wants_fence())
        return hooks->pmix_fence(procs, nprocs, info, ninfo);
    return found ? found(procs, nprocs, info, ninfo) : PMIX_ERR_NOT_SUPPORTED;
}

EXPORT pmix_status_t PMIx_Lookup(pmix_pdata_t data[], size_t ndata, const pmix_info_t info[],
                                 size_t ninfo)
{
    NEXT(ftm_lookup_fn, "PMIx_Lookup")
    if (hooks && ndata == 1 && hooks->wants_lookup())
        return hooks->pmix_lookup(data, ndata, info, ninfo);
    return found ? found(data, ndata, info, ninfo) : PMIX_ERR_NOT_SUPPORTED;
}

EXPORT pmix_status_t PMIx_Spawn(const pmix_info_t job_info[], size_t ninfo,
                                const pmix_app_t apps[], size_t napps, pmix_nspace_t nspace)
{
    NEXT(ftm_spawn_fn, "PMIx_Spawn")
    if (hooks && hooks->wants_spawn())
        return hooks->pmix_spawn(job_info, ninfo, apps, napps, nspace);
    return found ? found(job_info, ninfo, apps, napps, nspace) : PMIX_ERR_NOT_SUPPORTED;
}

EXPORT pmix_status_t PMIx_Finalize(const pmix_info_t info[], size_t ninfo)
{
    NEXT(ftm_pmix_finalize_fn, "PMIx_Finalize")
    if (hooks && found)
        return hooks->pmix_finalize(found, info, ninfo);
    return found ? found(info, ninfo) : PMIX_ERR_NOT_SUPPORTED;
}

/* ---------------------------------------------------------------- inside of Open MPI */

int ompi_comm_request_schedule_append(void *request, ftm_step_fn *step, MPI_Request parts[], int n);

EXPORT int ompi_comm_request_schedule_append(void *request, ftm_step_fn *step, MPI_Request parts[],
                                             int n)
{
    NEXT(ftm_append_fn, "ompi_comm_request_schedule_append")
    if (hooks && found)
        return hooks->append(found, request, step, parts, n);
    return found ? found(request, step, parts, n) : MPI_ERR_OTHER;
}

/* ---------------------------------------------------------------- ftmpi.h */

/* MPI_COMM_NULL is the address of an object of libmpi, which we may not refer to by name. A program
 * that was linked with libmpi may have the object itself, as a copy that all use. */
static MPI_Comm null_comm(void)
{
    void *null = dlsym(RTLD_DEFAULT, "ompi_mpi_comm_null");

    return null ? null : ftm_next_function("ompi_mpi_comm_null");
}

EXPORT int FTMPI_Reach(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
                       ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2])
{
    if (need_layer())
        return hooks->reach(ft, reply, command, argv, T, comm, rank, step_ms);
    if (comm)
        *comm = null_comm();
    return MPI_ERR_OTHER;
}

EXPORT int FTMPI_Standin(FTMPI_Standin_t *who)
{
    if (need_layer())
        return hooks->standin(who);
    if (!who)
        return MPI_ERR_ARG;
    memset(who, 0, sizeof *who);
    who->rank = -1;
    who->comm = null_comm();
    return MPI_ERR_OTHER;
}

EXPORT int FTMPI_Next_peer(ftTimeout_t T, MPI_Comm *comm)
{
    if (need_layer())
        return hooks->next_peer(T, comm);
    if (comm)
        *comm = null_comm();
    return MPI_ERR_OTHER;
}

EXPORT int FTMPI_Leave(MPI_Comm *comm)
{
    return need_layer() ? hooks->leave(comm) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Is_failing(ftResource_t resource)
{
    return hooks ? hooks->is_failing(&resource) : 0; /* before MPI_Init nothing was heard */
}

/* ---------------------------------------------------------------- ftmpi.h: state */

EXPORT int FTMPI_Keep(const char *name, void *buffer, size_t bytes)
{
    return need_layer() ? hooks->keep->keep(name, buffer, bytes) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Commit(int version)
{
    return need_layer() ? hooks->keep->commit(version) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Commit_begin(int version)
{
    return need_layer() ? hooks->keep->commit_begin(version) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Commit_end(void)
{
    return need_layer() ? hooks->keep->commit_end() : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Commit_wait(ftTimeout_t T)
{
    return need_layer() ? hooks->keep->commit_wait(T) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Fetch(int version, ftTimeout_t T, int *fetched)
{
    return need_layer() ? hooks->keep->fetch(version, T, fetched) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Fetch_buffer(int rank, const char *name, int version, void *buffer, size_t *bytes,
                              ftTimeout_t T)
{
    return need_layer() ? hooks->keep->fetch_buffer(rank, name, version, buffer, bytes, T)
                        : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Kept(int rank, ftTimeout_t T, FTMPI_Kept_t *kept)
{
    return need_layer() ? hooks->keep->kept(rank, T, kept) : MPI_ERR_OTHER;
}

EXPORT const char *FTMPI_Last_error(void)
{
    if (is_child)
        return "this is a child, by fork(), of the process that called MPI_Init: only that process "
               "itself can call FTMPI_ functions";
    return need_layer() ? hooks->keep->last_error()
                        : "the library's second half, ftmpi_layer.so, could not be loaded";
}

/* ---------------------------------------------------------------- ftmpi.h: a world made whole */

EXPORT int FTMPI_Set_callback(FTMPI_Callback_t *callback, void *arg)
{
    return hooks ? hooks->loop->set_callback(callback, arg) : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Loop(FTMPI_Body_t *body, void *arg)
{
    static const FTMPI_Repair_t none;

    if (is_child)
        return MPI_ERR_OTHER;
    return hooks ? hooks->loop->loop(body, arg) : body(&none, arg);
}

EXPORT int FTMPI_Settle(void)
{
    return hooks ? hooks->loop->settle() : MPI_ERR_OTHER;
}

EXPORT int FTMPI_Last_repair(FTMPI_Repair_t *repair)
{
    if (hooks)
        return hooks->loop->last_repair(repair);
    if (repair)
        memset(repair, 0, sizeof *repair);
    return repair ? MPI_ERR_OTHER : MPI_ERR_ARG;
}

EXPORT int FTMPI_Fetch_common(ftTimeout_t T, int *version)
{
    if (hooks)
        return hooks->keep->fetch_common(T, version);
    if (version)
        *version = -1;
    return MPI_ERR_OTHER;
}
