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
 *   PMIx_Connect, _Fence, _Lookup, _Spawn   what Open MPI calls inside of spawn, connect, accept
 *                                           and disconnect: bounded waits (layer/bounded.c)
 *
 * The PMPI_ names are there too: that is what Open MPI's Fortran bindings call. So Fortran, C and
 * profiling tools all pass here, a call through both names twice; `depth` makes it count once.
 *
 * Nothing is printed, ever. A process whose second half cannot be loaded runs as if we were not
 * there, and FTMPI_ calls answer MPI_ERR_OTHER.
 */
#include "config.h"

#include "hooks.h"
#include "next.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define LAYER "ftmpi_layer.so"

static const struct ftm_hooks *hooks; /* set once, before MPI is up; NULL: step aside */
static __thread int depth;            /* > 0: inside a call that the layer has seen already */

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
    Dl_info self;
    void *layer;
    const struct ftm_hooks *found;

    if (!dladdr((void *) &hooks, &self) || !self.dli_fname)
        return;
    layer = open_beside(self.dli_fname, "ft/");
    if (!layer)
        layer = open_beside(self.dli_fname, "");
    found = layer ? dlsym(layer, FTM_HOOKS_SYMBOL) : NULL;
    if (found && found->version == FTM_HOOKS_VERSION)
        hooks = found;
}

static const struct ftm_hooks *need_layer(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load_layer);
    return hooks;
}

/* ---------------------------------------------------------------- the next library */

/* Declares `next` for the function we are in; MPI itself is missing if there is none. */
#define NEXT(type, symbol)                                                                         \
    static type *next;                                                                             \
    type *found = __atomic_load_n(&next, __ATOMIC_RELAXED);                                        \
    if (!found) {                                                                                  \
        *(void **) &found = ftm_next_function(symbol);                                                 \
        __atomic_store_n(&next, found, __ATOMIC_RELAXED);                                          \
    }

/* ---------------------------------------------------------------- init */

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
    if (--depth == 0 && hooks && rc == MPI_SUCCESS)
        hooks->after_init();
    return rc;
}

#define INIT(name)                                                                                 \
    EXPORT int name(int *argc, char ***argv)                                                       \
    {                                                                                              \
        NEXT(init_fn, #name)                                                                       \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        enter_init();                                                                              \
        return leave_init(found(argc, argv));                                                      \
    }

#define INIT_THREAD(name)                                                                          \
    EXPORT int name(int *argc, char ***argv, int required, int *provided)                          \
    {                                                                                              \
        NEXT(init_thread_fn, #name)                                                                \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        enter_init();                                                                              \
        return leave_init(found(argc, argv, required, provided));                                  \
    }

#define SESSION_INIT(name)                                                                         \
    EXPORT int name(MPI_Info info, MPI_Errhandler errhandler, MPI_Session *session)                \
    {                                                                                              \
        NEXT(session_init_fn, #name)                                                               \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
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

/* A function with one argument list, whose hook gets `next` and the same arguments. */
#define AROUND(type, name, hook, parameters, arguments, hook_arguments)                            \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        int rc;                                                                                    \
        NEXT(type, #name)                                                                          \
        if (!found)                                                                                \
            return MPI_ERR_OTHER;                                                                  \
        if (!hooks || depth > 0)                                                                   \
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

/* ---------------------------------------------------------------- ftmpi.h */

/* MPI_COMM_NULL is the address of an object of libmpi, which we may not refer to by name. */
static MPI_Comm null_comm(void)
{
    return ftm_next_function("ompi_mpi_comm_null");
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
