/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm_words.c - what a command line of sbatch or salloc, or a batch script, asks Slurm for.
 *
 * Called by sbatch.c. Slurm's commands read their words with getopt_long, and so does this, with a
 * table of their options (24.11): only whether an option has a value decides where the script
 * begins. An option that is not in the table, such as one of a site's own SPANK plugins, is taken
 * to have its value behind a '=', if any. Nothing is checked that sbatch will check.
 *
 * The lines of a script: from its beginning to the first that is neither empty nor a comment, those
 * that begin with #SBATCH (or #SLURM, as it was once), cut into words at blanks, with quotes, \ and
 * a comment behind #.
 */
#include "config.h"

#include "cli/slurm_words.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCRIPT_WORDS_MAX 4096

enum { OTHER = 256, PER_NODE, EXPORT, EXPORT_FILE, WRAP, FT }; /* beside the letters */

#define VALUE(name) {name, required_argument, NULL, OTHER}
#define FLAG(name) {name, no_argument, NULL, OTHER}
#define MAYBE(name) {name, optional_argument, NULL, OTHER}
static const struct option table[] = {
    /* FT's */
    {"ft", optional_argument, NULL, FT},
    {"ft-spares", required_argument, NULL, FT},
    {"conf", required_argument, NULL, FT},
    {"events", required_argument, NULL, FT},
    {"share", no_argument, NULL, FT},
    {"no-preload", no_argument, NULL, FT},
    /* those of which the value counts */
    {"nodes", required_argument, NULL, 'N'},
    {"ntasks", required_argument, NULL, 'n'},
    {"ntasks-per-node", required_argument, NULL, PER_NODE},
    {"tasks-per-node", required_argument, NULL, PER_NODE},
    {"gpus", required_argument, NULL, 'G'},
    {"no-kill", optional_argument, NULL, 'k'},
    {"export", required_argument, NULL, EXPORT},
    {"export-file", required_argument, NULL, EXPORT_FILE},
    {"wrap", required_argument, NULL, WRAP},
    {"help", no_argument, NULL, 'h'},
    {"usage", no_argument, NULL, OTHER},
    /* the others, by the alphabet */
    VALUE("account"), VALUE("acctg-freq"), VALUE("array"), VALUE("batch"), VALUE("bb"),
    VALUE("bbf"), VALUE("begin"), VALUE("chdir"), VALUE("cluster"), VALUE("cluster-constraint"),
    VALUE("clusters"), VALUE("comment"), VALUE("constraint"), VALUE("container"),
    VALUE("container-id"), VALUE("context"), VALUE("core-spec"), VALUE("cores-per-socket"),
    VALUE("cpu-freq"), VALUE("cpus-per-gpu"), VALUE("cpus-per-task"), VALUE("deadline"),
    VALUE("delay-boot"), VALUE("dependency"), VALUE("distribution"), VALUE("error"),
    VALUE("exclude"), VALUE("extra"), VALUE("extra-node-info"), VALUE("gid"), VALUE("gpu-bind"),
    VALUE("gpu-freq"), VALUE("gpus-per-node"), VALUE("gpus-per-socket"), VALUE("gpus-per-task"),
    VALUE("gres"), VALUE("gres-flags"), VALUE("hint"), VALUE("input"), VALUE("job-name"),
    VALUE("kill-on-invalid-dep"), VALUE("licenses"), VALUE("mail-type"), VALUE("mail-user"),
    VALUE("mcs-label"), VALUE("mem"), VALUE("mem-bind"), VALUE("mem-per-cpu"),
    VALUE("mem-per-gpu"), VALUE("mincpus"), VALUE("network"), VALUE("nodefile"),
    VALUE("nodelist"), VALUE("ntasks-per-core"), VALUE("ntasks-per-gpu"),
    VALUE("ntasks-per-socket"), VALUE("ntasks-per-tres"), VALUE("open-mode"), VALUE("output"),
    VALUE("partition"), VALUE("prefer"), VALUE("priority"), VALUE("profile"), VALUE("qos"),
    VALUE("reservation"), VALUE("segment"), VALUE("signal"), VALUE("sockets-per-node"),
    VALUE("switches"), VALUE("thread-spec"), VALUE("threads-per-core"), VALUE("time"),
    VALUE("time-min"), VALUE("tmp"), VALUE("tres-bind"), VALUE("tres-per-task"), VALUE("uid"),
    VALUE("wait-all-nodes"), VALUE("wckey"),
    FLAG("bell"), FLAG("contiguous"), FLAG("hold"), FLAG("ignore-pbs"), FLAG("no-bell"),
    FLAG("no-requeue"), FLAG("no-shell"), FLAG("overcommit"), FLAG("oversubscribe"),
    FLAG("parsable"), FLAG("quiet"), FLAG("reboot"), FLAG("requeue"), FLAG("spread-job"),
    FLAG("stepmgr"), FLAG("test-only"), FLAG("use-min-nodes"), FLAG("verbose"), FLAG("version"),
    FLAG("wait"),
    MAYBE("exclusive"), MAYBE("get-user-env"), MAYBE("immediate"), MAYBE("kill-command"),
    MAYBE("nice"), MAYBE("oom-kill-step"), MAYBE("propagate"), MAYBE("resv-ports"), MAYBE("x11"),
    {NULL, 0, NULL, 0}};
/* No permutation (+), no messages and a missing value told apart (:). */
static const char letters[] =
    "+:A:a:b:D:M:C:S:c:d:m:e:x:B:G:hHI::i:J:K::L:k::F:w:N:n:o:Osp:q:Qt:vVW";

static void note(struct slurm_words *words, int option, const char *value)
{
    switch (option) {
    case 'N': words->nodes = value; break;
    case 'n': words->ntasks = value; break;
    case 'G': words->gpus = value; break;
    case 'k': words->no_kill = value ? value : ""; break;
    case 'h': words->help = true; break;
    case PER_NODE: words->ntasks_per_node = value; break;
    case EXPORT: words->export = value; break;
    case EXPORT_FILE: words->export_file = value; break;
    case WRAP: words->wrap = true; break;
    default: break;
    }
}

static int take_own(struct options *options, const char *name, const char *value, char *why,
                    size_t size)
{
    char whole[32];

    if (!options) {
        snprintf(why, size, "the script itself asks for --%s, which only FT's plugin for Slurm "
                 "understands: where a site has it, submit the script with sbatch; else take the "
                 "line out and give the option to ft sbatch", name);
        return -1;
    }
    snprintf(whole, sizeof whole, "--%s", name);
    return options_take(options, whole, value, why, size);
}

int slurm_words_read(struct slurm_words *words, int argc, char **argv, struct options *options,
                     char **kept, int *n, char *why, size_t size)
{
    int option, which = 0, before = 1;

    memset(words, 0, sizeof *words);
    *n = 0;
    optind = 0; /* glibc: from the beginning, whatever was read before */
    while ((option = getopt_long(argc, argv, letters, table, &which)) != -1) {
        if (option == FT && take_own(options, table[which].name, optarg, why, size) < 0)
            return -1;
        note(words, option, optarg);
        for (; before < optind; before++) /* in a cluster of letters: with the last one */
            if (option != FT)
                kept[(*n)++] = argv[before];
    }
    for (; before < optind; before++)
        if (strcmp(argv[before], "--") != 0)
            kept[(*n)++] = argv[before];
    words->several = optind < argc && strcmp(argv[optind], ":") == 0;
    return optind;
}

/* ---- scripts */

/* The rest of a line with one of the two marks, else NULL. */
static char *behind_mark(char *line)
{
    static const char *const marks[] = {"#SBATCH", "#SLURM"};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strncmp(line, marks[i], strlen(marks[i])) == 0)
            return line + strlen(marks[i]);
    return NULL;
}

static bool is_command(const char *line)
{
    line += strspn(line, " \t\r\v\f");
    return *line && *line != '#';
}

/* Cuts the next word off *text, in place: what is written is never more than what was read. NULL at
 * the end of the line, or at a comment. */
static char *cut_word(char **text)
{
    char *from = *text + strspn(*text, " \t\r\v\f"), *to = from, *word = from, quote = '\0';

    if (!*from || *from == '#')
        return NULL;
    for (; *from && (quote || !isspace((unsigned char) *from)); from++) {
        if (quote && *from == quote)
            quote = '\0';
        else if (!quote && (*from == '"' || *from == '\''))
            quote = *from;
        else if (!quote && *from == '#')
            break;
        else if (*from == '\\' && from[1])
            *to++ = *++from;
        else
            *to++ = *from;
    }
    *text = *from == '#' ? from + strlen(from) : from + (*from != '\0');
    *to = '\0';
    return word;
}

/* The words of all marked lines, from argv[1] on. Returns argc, or -1 if there are too many. */
static int cut_lines(struct slurm_words *words, char *text, char **argv, int max)
{
    int argc = 1;

    for (char *line = text, *next; line; line = next) {
        char *rest, *word;

        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        rest = behind_mark(line);
        if (!rest && is_command(line))
            break;
        while (rest && (word = cut_word(&rest))) {
            words->several |= strcasecmp(word, "hetjob") == 0 || strcasecmp(word, "packjob") == 0;
            if (argc == max)
                return -1;
            argv[argc++] = word;
        }
    }
    argv[argc] = NULL;
    return argc;
}

int slurm_words_read_script(struct slurm_words *words, char *text, char *why, size_t size)
{
    char **argv = calloc(SCRIPT_WORDS_MAX + 1, sizeof *argv);
    char **kept = calloc(SCRIPT_WORDS_MAX + 1, sizeof *kept);
    struct slurm_words lines = {.several = false};
    int argc = -1, n, result = -1;

    memset(words, 0, sizeof *words);
    if (!argv || !kept) {
        snprintf(why, size, "%s", strerror(ENOMEM));
    } else {
        argv[0] = (char[]){"sbatch"};
        argc = cut_lines(&lines, text, argv, SCRIPT_WORDS_MAX);
        if (argc < 0)
            snprintf(why, size, "the script has more than %d words of #SBATCH", SCRIPT_WORDS_MAX);
    }
    if (argc >= 0)
        result = slurm_words_read(words, argc, argv, NULL, kept, &n, why, size) < 0 ? -1 : 0;
    words->several |= lines.several;
    free(argv);
    free(kept);
    return result;
}
