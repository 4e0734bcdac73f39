/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sbatch.c - `ft sbatch` and `ft salloc`: a job of Slurm with FT, without anything of FT in Slurm.
 *
 * Does by itself what `sbatch --ft` does where an administrator has set up FT's plugins
 * (pmix-plugin/slurm): reads what is asked for (command line, environment, #SBATCH lines), adds
 * --no-kill and the spare nodes behind it, sets the variables of environ.c and then is sbatch.
 * Slurm takes the last of several same options, and the command line's before the script's.
 */
#include "config.h"

#include "cli/cli.h"
#include "cli/environ.h"
#include "cli/install.h"
#include "cli/mpirun.h"
#include "cli/options.h"
#include "cli/slurm_words.h"

#include "common/jobrequest.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#define SCRIPT_MAX (16u << 20) /* Slurm's own limit is 4 MB by default */
#define ADDED_MAX 6

struct request {
    const char *name; /* of Slurm's program */
    struct options options;
    struct slurm_words line, script;
    char **kept; /* the line's words for Slurm */
    int kept_n;
    char **rest; /* the script and its words */
    int rest_n;
    char *text;  /* of the script; `script` points into it */
    char *export; /* the value of --export= that is to be added, or NULL */
    struct ft_job_grown grown;
};

static int help(const char *name)
{
    bool batch = strcmp(name, "sbatch") == 0;

    printf("usage: ft %s [--ft[=MODE]] [--ft-spares=N] [FT OPTION]... [%s OPTION]... %s\n\n"
           "%s that survives the loss of its nodes:\n"
           "    ft %s\n"
           "It is %s with --no-kill, the spare nodes and what a plain mpirun needs to know.\n"
           "All other options are %s's; where they stand does not matter.\n\n",
           name, batch ? "SBATCH" : "SALLOC", batch ? "SCRIPT [ARGUMENT]..." : "[COMMAND]...",
           batch ? "Submits a job" : "Gets an allocation for jobs",
           batch ? "sbatch --ft-spares=1 -N 4 --ntasks-per-node=2 job.sh"
                 : "salloc --ft-spares=1 -N 4 --ntasks-per-node=2",
           name, name);
    printf("  --ft=MODE         " FT_MODES "; default report, with --ft-spares retarget\n"
           "  --ft-spares=N     ask for N nodes more to take lost nodes' places: spare ranks wait\n"
           "                    on them, but with --ft=report, where they are kept idle\n"
           "  --conf FILE       settings (ft.conf(5)); default $FT_CONF, else none\n"
           "  --events FILE     write the event log of each mpirun there\n"
           "  --share           a surviving node of the job may take a lost node's place\n"
           "  --no-preload      do not load libftmpi.so into the ranks\n"
           "  -h, --help        this text\n\n"
           "Exit code: %s's; 125 if ft %s itself failed, 126 or 127 if %s cannot be started or is\n"
           "not there.\n",
           name, name, name);
    return cli_flush(name, CLI_OK);
}

/* ---- the script */

/* Where sbatch finds it: here, else in PATH if it is a mere name. -1 with errno. */
static int open_script(const char *name)
{
    const char *dirs = getenv("PATH"), *end;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    char path[PATH_MAX];

    for (; fd < 0 && errno == ENOENT && !strchr(name, '/') && dirs && *dirs;
         dirs = *end ? end + 1 : end) {
        end = dirs + strcspn(dirs, ":");
        if (snprintf(path, sizeof path, "%.*s/%s", (int) (end - dirs), dirs, name)
            < (int) sizeof path)
            fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

/* All of a file, up to SCRIPT_MAX, as a text. NULL with errno. */
static char *read_all(int fd, size_t *length)
{
    size_t room = 65536, n = 0;
    char *text = malloc(room);

    while (text) {
        ssize_t got = read(fd, text + n, room - n - 1);
        char *more;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got == 0) {
                text[n] = '\0';
                *length = n;
                return text;
            }
            break;
        }
        n += (size_t) got;
        if (room - n > 1)
            continue;
        if (room >= SCRIPT_MAX) {
            errno = EFBIG;
            break;
        }
        room *= 2;
        more = realloc(text, room);
        if (!more)
            break;
        text = more;
    }
    free(text);
    return NULL;
}

/* sbatch reads its standard input, too: it is given what was read of it. */
static int give_back(const char *text, size_t n)
{
    int fd = memfd_create("script", MFD_CLOEXEC);
    size_t done = 0;

    while (fd >= 0 && done < n) {
        ssize_t put = write(fd, text + done, n - done);

        if (put < 0 && errno != EINTR)
            break;
        done += put > 0 ? (size_t) put : 0;
    }
    if (fd >= 0 && done == n && lseek(fd, 0, SEEK_SET) == 0
        && dup2(fd, STDIN_FILENO) == STDIN_FILENO) {
        close(fd);
        return 0;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A script that cannot be read is sbatch's to complain of. */
static int read_script(struct request *r, char *why, size_t size)
{
    bool named = r->rest_n > 0;
    size_t n = 0;
    int fd;

    if (strcmp(r->name, "sbatch") != 0 || r->line.wrap)
        return 0;
    fd = named ? open_script(r->rest[0]) : STDIN_FILENO;
    if (fd < 0)
        return 0;
    r->text = read_all(fd, &n);
    if (named)
        close(fd);
    if (!r->text || (!named && give_back(r->text, n) < 0)) {
        snprintf(why, size, "%s cannot be read: %s", named ? r->rest[0] : "standard input",
                 strerror(errno));
        return -1;
    }
    return slurm_words_read_script(&r->script, r->text, why, size);
}

/* ---- what is added */

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a ? a : b ? b : c;
}

/* With the variables in place: the job gets them, whatever it is to have of this environment. */
static int add_export(struct request *r, const struct environ_list *list, char *why, size_t size)
{
    const char *export = first_of(r->line.export, getenv("SBATCH_EXPORT"), r->script.export);
    bool none = export && strcasecmp(export, "NONE") == 0;
    char names[2048] = "";

    if (strcmp(r->name, "sbatch") != 0)
        return 0;
    if (r->line.export_file || r->script.export_file
        || (export && strcasecmp(export, "NIL") == 0)) {
        snprintf(why, size, "with --export-file or --export=NIL the job cannot be told what it "
                 "needs; leave it out, or use --export=NONE");
        return -1;
    }
    if (!export || strcasecmp(export, "ALL") == 0)
        return 0;
    for (size_t i = 0; i < list->n; i++)
        ft_text_appendf(names, sizeof names, "%s%s", i > 0 ? "," : "", list->variables[i].name);
    if (asprintf(&r->export, "--export=%s%s%s", none ? "" : export, none ? "" : ",", names) >= 0)
        return 0;
    r->export = NULL;
    snprintf(why, size, "%s", strerror(ENOMEM));
    return -1;
}

static int check(struct request *r, char *why, size_t size)
{
    const struct slurm_words *line = &r->line, *script = &r->script;
    const char *no_kill = first_of(line->no_kill, NULL, script->no_kill);
    const char *gpus = getenv(strcmp(r->name, "sbatch") == 0 ? "SBATCH_GPUS" : "SALLOC_GPUS");
    struct ft_job_request asked = {
        .nodes = first_of(line->nodes, NULL, script->nodes),
        .ntasks = first_of(line->ntasks, NULL, script->ntasks),
        .ntasks_per_node = first_of(line->ntasks_per_node, NULL, script->ntasks_per_node),
        .gpus = first_of(line->gpus, gpus, script->gpus)};

    if (no_kill && (strcasecmp(no_kill, "off") == 0 || strcasecmp(no_kill, "no") == 0)) {
        snprintf(why, size, "--no-kill=%s: Slurm would end the job with its first lost node",
                 no_kill);
        return -1;
    }
    if (line->several || script->several) {
        snprintf(why, size,
                 "a heterogeneous job cannot be protected: its parts are jobs of their own");
        return -1;
    }
    return ft_job_grow(&asked, r->options.spares, &r->grown, why, size);
}

/* --name=VALUE, if there is a value; NULL there is none, or no memory (then *failed). */
static char *word(const char *name, const char *value, bool *failed)
{
    char *whole = NULL;

    if (*value && asprintf(&whole, "--%s=%s", name, value) < 0) {
        whole = NULL;
        *failed = true;
    }
    return whole;
}

/* Only returns if it fails. */
static int become(struct request *r)
{
    char **command = calloc((size_t) (r->kept_n + r->rest_n) + ADDED_MAX + 2, sizeof *command);
    bool failed = !command;
    char *added[ADDED_MAX] = {
        strdup("--no-kill"), word("nodes", r->grown.nodes, &failed),
        word("ntasks", r->grown.ntasks, &failed),
        word("ntasks-per-node", r->grown.ntasks_per_node, &failed), r->export, NULL};
    char path[PATH_MAX];
    int n = 0, error = mpirun_locate(r->name, path, sizeof path);

    r->export = NULL;
    if (error == 0 && (failed || !added[0]))
        error = ENOMEM;
    if (error == 0) {
        command[n++] = (char *) r->name;
        memcpy(command + n, r->kept, (size_t) r->kept_n * sizeof *command);
        n += r->kept_n;
        for (int i = 0; i < ADDED_MAX; i++)
            if (added[i])
                command[n++] = added[i];
        memcpy(command + n, r->rest, (size_t) r->rest_n * sizeof *command);
        execv(path, command);
        error = errno;
    }
    if (error == ENOENT)
        cli_error(r->name, "there is no %s here: is this a machine of Slurm's?", r->name);
    else
        cli_error(r->name, "%s cannot be started: %s", r->name, strerror(error));
    for (int i = 0; i < ADDED_MAX; i++)
        free(added[i]);
    free(command);
    return error == ENOENT ? CLI_RUN_MISSING : error == EACCES ? CLI_RUN_DENIED : CLI_RUN_FAILED;
}

/* Where Slurm has FT's plugin, this tells it whose variables these are: of a submission that did
 * not ask for FT it takes out what the job around it has left. */
static int sign(void)
{
    char pid[16];

    snprintf(pid, sizeof pid, "%ld", (long) getpid());
    return setenv("FT_SBATCH", pid, 1);
}

static int submit(struct request *r)
{
    struct install install;
    struct environ_list list = {.n = 0};
    char why[2048];
    int code = CLI_RUN_FAILED;

    r->options.mode = ft_mode_of(r->options.mode, r->options.spares);
    if (read_script(r, why, sizeof why) < 0 || check(r, why, sizeof why) < 0) {
        cli_error(r->name, "%s", why);
        return code;
    }
    if (install_find_own(&install) < 0)
        cli_error(r->name, "where FT is installed cannot be found out ($FT_PREFIX): %s",
                  strerror(errno));
    else if (install_missing(&install, !r->options.no_preload, why, sizeof why) > 0)
        cli_error(r->name, "this installation of FT is not complete, these are missing: %s", why);
    else if (environ_make(&list, &r->options, &install, getenv) < 0)
        cli_error(r->name, "%s", errno == EINVAL ? ENVIRON_EINVAL : strerror(errno));
    else if (add_export(r, &list, why, sizeof why) < 0)
        cli_error(r->name, "%s", why);
    else if (environ_set(&list) < 0 || sign() < 0)
        cli_error(r->name, "%s", strerror(errno));
    else
        code = become(r);
    environ_clear(&list);
    install_clear(&install);
    return code;
}

static int slurm(int argc, char **argv)
{
    struct request r = {.name = argv[0]};
    char why[2048];
    int at, code = CLI_RUN_FAILED;

    r.kept = calloc((size_t) argc + 1, sizeof *r.kept);
    at = !r.kept ? -1
                 : slurm_words_read(&r.line, argc, argv, &r.options, r.kept, &r.kept_n, why,
                                    sizeof why);
    if (!r.kept) {
        cli_error(r.name, "%s", strerror(ENOMEM));
    } else if (at < 0) {
        cli_error(r.name, "%s; see ft %s --help", why, r.name);
    } else if (r.line.help) {
        code = help(r.name);
    } else {
        r.rest = argv + at;
        r.rest_n = argc - at;
        code = submit(&r);
    }
    options_clear(&r.options);
    free(r.export);
    free(r.text);
    free(r.kept);
    return code;
}

int cli_sbatch(int argc, char **argv)
{
    return slurm(argc, argv);
}

int cli_salloc(int argc, char **argv)
{
    return slurm(argc, argv);
}
