/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * doctor.c - `ft doctor`: what a user needs before the first run, one line a check.
 *
 * Each check is a function that calls pass, note or fail once for what it looked at; `fail` says in
 * the same breath what to do. Nothing is changed on any machine. What is asked of others (mpirun,
 * ssh to a host) has a deadline, and the hosts of --pool are asked at the same time, at most
 * HOSTS_AT_ONCE of them.
 *
 * A host is asked exactly as the central unit asks it later: by $FT_RSH_AGENT, else ssh without a
 * prompt; so a key that needs a passphrase, or a host that is not known yet, shows here.
 */
#include "config.h"

#include "cli/admin.h"
#include "cli/capture.h"
#include "cli/cli.h"
#include "cli/environ.h"
#include "cli/install.h"
#include "cli/mpirun.h"
#include "cli/options.h"
#include "cli/shell.h"

#include "common/hostlist.h"
#include "common/text.h"
#include "conf/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "doctor"
#define HOST_TIMEOUT_MS 10000
#define TRY_TIMEOUT_MS 30000
#define HOSTS_AT_ONCE 16
#define AGENT_WORDS_MAX 16
#define SSH "ssh -x -o BatchMode=yes -o ConnectTimeout=5"
/* What PRRTE says with errmgr_base_verbose when it has chosen. */
#define COMPONENT_SELECTED "Selected component [ft]"

struct doctor {
    const struct options *options;
    struct install install;
    struct mpirun mpirun;
    bool has_mpirun;
    unsigned failed;
};

/* ---------------------------------------------------------------- what is said */

static void line(const char *verdict, const char *what, const char *format, va_list args)
{
    char text[4096] = "";

    ft_text_vappendf(text, sizeof text, format, args);
    ft_text_one_line(text);
    printf("%-5s %-14s %s\n", verdict, what, text);
    fflush(stdout);
}

#define SAY(name, verdict, and)                                                             \
    __attribute__((format(printf, 3, 4))) static void name(struct doctor *d, const char *what, \
                                                           const char *format, ...)         \
    {                                                                                       \
        va_list args;                                                                       \
        va_start(args, format);                                                             \
        line(verdict, what, format, args);                                                  \
        va_end(args);                                                                       \
        and;                                                                                \
    }
SAY(pass, "ok", (void) d)
SAY(note, "note", (void) d)
SAY(fail, "FAIL", d->failed++)

/* ---------------------------------------------------------------- this machine */

static void check_mpirun(struct doctor *d)
{
    char why[2048];

    d->has_mpirun = mpirun_find(&d->mpirun, d->options->mpirun, why, sizeof why) == 0;
    if (d->has_mpirun)
        pass(d, "mpirun", "%s, Open MPI %s with ULFM", d->mpirun.path, d->mpirun.version);
    else
        fail(d, "mpirun", "%s", why);
}

static void check_file(struct doctor *d, const char *what, const char *path, int mode)
{
    if (access(path, mode) == 0)
        pass(d, what, "%s", path);
    else
        fail(d, what, "%s: %s; install FT again, or name its prefix or build folder with "
             "$FT_PREFIX", path, strerror(errno));
}

/* The launcher's version, as `prterun --version` beside mpirun tells it, into `version`. */
static int prrte_version(const struct doctor *d, char *version, size_t size)
{
    static const char mark[] = "(PRRTE) ";
    char program[sizeof d->mpirun.path + 16];
    char *slash;
    struct capture *c;
    const char *at;
    int result = -1;

    snprintf(program, sizeof program, "%s", d->mpirun.path);
    slash = strrchr(program, '/');
    strcpy(slash ? slash + 1 : program, "prterun");
    if (access(program, X_OK) < 0)
        strcpy(program, "prterun");
    c = capture_start((char *[]){program, (char[]){"--version"}, NULL}, TRY_TIMEOUT_MS);
    if (c && capture_wait(c) == 0 && (at = strstr(capture_text(c), mark))) {
        at += strlen(mark);
        snprintf(version, size, "%.*s", (int) strcspn(at, " \r\n"), at);
        result = 0;
    }
    capture_destroy(c);
    return result;
}

static void check_prrte(struct doctor *d)
{
    char version[64];

    if (!d->has_mpirun)
        return;
    if (prrte_version(d, version, sizeof version) < 0)
        fail(d, "PRRTE", "prterun, mpirun's launcher, does not tell its version; reinstall Open "
             "MPI");
    else if (strcmp(version, FT_PRRTE_VERSION) != 0)
        fail(d, "PRRTE", "%s is installed, the component was built for %s and steps aside; build "
             "FT on this machine's Open MPI", version, FT_PRRTE_VERSION);
    else
        pass(d, "PRRTE", "%s, which the component was built for", version);
}

/* The session folder of the units, /tmp/ft-UID, must be ours alone: else they refuse it. */
static void check_session_folder(struct doctor *d)
{
    char path[64];
    struct stat folder;

    snprintf(path, sizeof path, "/tmp/ft-%u", (unsigned) getuid());
    if (lstat(path, &folder) < 0) {
        if (errno == ENOENT && access("/tmp", W_OK | X_OK) == 0)
            pass(d, "session folder", "%s can be made", path);
        else
            fail(d, "session folder", "%s: %s; /tmp must be writable", path, strerror(errno));
        return;
    }
    if (!S_ISDIR(folder.st_mode) || folder.st_uid != getuid() || (folder.st_mode & 077))
        fail(d, "session folder", "%s is not a folder of yours with mode 700; remove it", path);
    else
        pass(d, "session folder", "%s", path);
}

/* ---------------------------------------------------------------- a job of one process */

/* Runs `true` under mpirun with the variables of `ft run` but no units, and looks whether the
 * launcher says that it selected the component: only that proves it is found and fits. */
static void check_component_is_used(struct doctor *d)
{
    struct environ_list list;
    struct capture *c = NULL;
    char *const command[] = {d->mpirun.path, (char[]){"--with-ft"}, (char[]){"ulfm"},
                             (char[]){"--host"}, (char[]){"localhost:1"},
                             (char[]){"-n"}, (char[]){"1"}, (char[]){"true"}, NULL};
    int code = -1;

    if (!d->has_mpirun || d->failed)
        return;
    if (environ_make(&list, d->options, &d->install, getenv) == 0 && environ_set(&list) == 0
        && setenv("PRTE_MCA_errmgr_ft_runtime", "0", 1) == 0
        && setenv("PRTE_MCA_errmgr_base_verbose", "10", 1) == 0
        && setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1) == 0
        && setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1) == 0
        && (c = capture_start(command, TRY_TIMEOUT_MS)))
        code = capture_wait(c);
    environ_clear(&list);
    if (code < 0)
        fail(d, "a job", "mpirun does not end: %s", strerror(errno));
    else if (code != 0)
        fail(d, "a job", "mpirun -n 1 true ends with exit code %d: %.400s", code, capture_text(c));
    else if (!strstr(capture_text(c), COMPONENT_SELECTED))
        fail(d, "a job", "it runs, but the launcher does not use the component %s; is it built for "
             "this Open MPI?", d->install.component);
    else
        pass(d, "a job", "runs, and the launcher uses the component");
    capture_destroy(c);
}

/* ---------------------------------------------------------------- the system's units */

/* What the central unit that leads says of the whole. */
static void judge_system(struct doctor *d, yyjson_val *status)
{
    yyjson_val *nodes = yyjson_obj_get(status, "nodes");
    yyjson_val *modules = yyjson_obj_get(status, "modules");

    if (admin_truth(status, "well"))
        pass(d, "system", "%s leads; %.0f nodes and %.0f modules are well",
             admin_text(status, "leader"), admin_number(nodes, "all"),
             admin_number(modules, "all"));
    else
        note(d, "system", "%s leads; not all is well, ft status and ft nodes tell what",
             admin_text(status, "leader"));
    if (admin_text(yyjson_obj_get(status, "config"), "warnings")[0] != '\0')
        note(d, "ft.conf", "%s", admin_text(yyjson_obj_get(status, "config"), "warnings"));
}

/* Where a system's units run, jobs attach to them; where none do, each job has its own. */
static void check_system(struct doctor *d)
{
    static const char *const timeout_s = "5";
    char *argv[] = {(char[]){"doctor"}, (char[]){"--timeout"}, (char *) timeout_s, NULL};
    const struct admin_command command = {NAME, "", NULL, 0, 0, false};
    struct admin admin;
    yyjson_doc *answer;
    int code;

    if (!admin_has_system()) {
        pass(d, "system", "no unit of a system runs here: each job starts its own");
        return;
    }
    if (admin_begin(&admin, &command, 3, argv) == ADMIN_GO_ON) {
        answer = admin_ask_quietly(&admin, &code, "do", "status", ADMIN_END);
        if (answer != NULL)
            judge_system(d, yyjson_doc_get_root(answer));
        else
            fail(d, "system", "%s", admin_why());
        yyjson_doc_free(answer);
    }
    admin_end(&admin);
}

/* The settings that a central unit here reads, if there are any. */
static void check_settings(struct doctor *d)
{
    const char *path = d->options->conf != NULL ? d->options->conf : ft_plan_default_path();
    char why[FT_CONF_WHY_MAX];
    struct ft_plan *plan;

    if (access(path, F_OK) < 0) {
        pass(d, "ft.conf", "%s is not there: the defaults count", path);
        return;
    }
    plan = ft_plan_load(path, NULL, why, sizeof why);
    if (plan == NULL)
        fail(d, "ft.conf", "%s", why);
    else
        pass(d, "ft.conf", "%s: %zu nodes, %zu modules, %zu voters", path, plan->nodes_n,
             plan->modules_n, plan->voters_n);
    ft_plan_destroy(plan);
}

/* ---------------------------------------------------------------- the other hosts */

struct host {
    const char *name;
    struct capture *asked;
};

/* Words of `agent`, then those of `more`; NULL-ended in `command`. */
static void make_command(char **command, char *agent, char *const *more)
{
    size_t n = 0;

    for (char *word = strtok(agent, " "); word && n < AGENT_WORDS_MAX; word = strtok(NULL, " "))
        command[n++] = word;
    for (; *more; more++)
        command[n++] = *more;
    command[n] = NULL;
}

/* What the other host is asked: a line for each thing that is there. */
static char *question(const struct install *install)
{
    char *noded = shell_quote(install->noded, SHELL_SH);
    char *component = shell_quote(install->component, SHELL_SH);
    char *text = NULL;

    if (noded && component
        && asprintf(&text,
                    "echo ft-host; command -v prted >/dev/null && echo ft-prted; "
                    "test -x %s && echo ft-noded; test -r %s && echo ft-component; true",
                    noded, component) < 0)
        text = NULL;
    free(noded);
    free(component);
    return text;
}

static void ask_host(struct doctor *d, struct host *host)
{
    const char *set = getenv("FT_RSH_AGENT");
    char agent[1024], *command[AGENT_WORDS_MAX + 4], *text = question(&d->install);

    ft_text_copy(agent, sizeof agent, set && *set ? set : SSH);
    if (text) {
        make_command(command, agent, (char *[]){(char *) host->name, text, NULL});
        host->asked = capture_start(command, HOST_TIMEOUT_MS);
    }
    if (!host->asked)
        fail(d, "host", "%s cannot be asked: %s: %s", host->name, agent, strerror(errno));
    free(text);
}

static void judge_host(struct doctor *d, struct host *host)
{
    char missing[1024] = "";
    const char *said;
    int code;

    if (!host->asked)
        return;
    code = capture_wait(host->asked);
    said = capture_text(host->asked);
    if (code < 0)
        fail(d, "host", "%s does not answer within %d s; is it up?", host->name,
             HOST_TIMEOUT_MS / 1000);
    else if (!strstr(said, "ft-host"))
        fail(d, "host", "%s does not let us in: %.300s; it must be up and ask for nothing (a key: "
             "ssh-copy-id %s)", host->name, *said ? said : "no message", host->name);
    if (code < 0 || !strstr(said, "ft-host"))
        return;
    if (!strstr(said, "ft-prted"))
        ft_text_appendf(missing, sizeof missing, " prted (Open MPI) in its PATH;");
    if (!strstr(said, "ft-noded"))
        ft_text_appendf(missing, sizeof missing, " %s;", d->install.noded);
    if (!strstr(said, "ft-component"))
        ft_text_appendf(missing, sizeof missing, " %s;", d->install.component);
    if (*missing)
        fail(d, "host", "%s lacks%s install the same there", host->name, missing);
    else
        pass(d, "host", "%s", host->name);
}

static void check_hosts(struct doctor *d)
{
    struct ft_hostlist *hosts = ft_hostlist_parse(d->options->pool, NULL, 0);
    struct host batch[HOSTS_AT_ONCE];
    size_t n = hosts ? ft_hostlist_count(hosts) : 0;

    for (size_t first = 0; first < n; first += HOSTS_AT_ONCE) {
        size_t count = n - first < HOSTS_AT_ONCE ? n - first : HOSTS_AT_ONCE;
        for (size_t i = 0; i < count; i++) {
            batch[i] = (struct host) {.name = ft_hostlist_at(hosts, first + i)};
            ask_host(d, &batch[i]);
        }
        for (size_t i = 0; i < count; i++) {
            judge_host(d, &batch[i]);
            capture_destroy(batch[i].asked);
        }
    }
    ft_hostlist_destroy(hosts);
}

/* ---------------------------------------------------------------- */

static int help(void)
{
    printf("usage: ft doctor [OPTION]...\n\n"
           "Checks what a job needs: Open MPI, this installation of FT, its settings, the\n"
           "system's units if there are any, and each host of --pool, which must be reachable\n"
           "without a prompt. Name all hosts of the job in --pool to have all checked. One line a\n"
           "check: ok, note, or FAIL with what to do.\n\n"
           "%s"
           "  -h, --help        this text\n\n"
           "Exit code: 0 if nothing failed, 1 if something did.\n",
           options_help);
    return cli_flush(NAME, CLI_OK);
}

static int doctor(const struct options *options)
{
    struct doctor d = {.options = options};

    if (install_find_own(&d.install) < 0) {
        cli_error(NAME, "where FT is installed cannot be found out ($FT_PREFIX): %s",
                  strerror(errno));
        return CLI_FAILED;
    }
    check_mpirun(&d);
    check_prrte(&d);
    check_file(&d, "component", d.install.component, R_OK);
    if (!options->no_preload)
        check_file(&d, "MPI layer", d.install.preload, R_OK);
    check_file(&d, "node unit", d.install.noded, X_OK);
    check_file(&d, "central unit", d.install.centrald, X_OK);
    check_session_folder(&d);
    check_settings(&d);
    check_system(&d);
    check_component_is_used(&d);
    if (options->pool)
        check_hosts(&d);
    else
        note(&d, "hosts", "not looked at; name them with --pool");
    install_clear(&d.install);
    if (d.failed)
        printf("%u of these checks failed.\n", d.failed);
    return d.failed ? CLI_FAILED : CLI_OK;
}

int cli_doctor(int argc, char **argv)
{
    struct options options;
    char why[1024];
    int at = options_parse(&options, argc, argv, 0, why, sizeof why), code = CLI_USAGE;

    if (at < 0)
        cli_error(NAME, "%s; see ft doctor --help", why);
    else if (options.help)
        code = help();
    else if (options.version)
        code = cli_version(1, argv);
    else if (at < argc)
        cli_error(NAME, "'%s': it takes options only; see ft doctor --help", argv[at]);
    else
        code = doctor(&options);
    options_clear(&options);
    return cli_flush(NAME, code);
}
