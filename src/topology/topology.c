/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * topology.c - owns the only calls into hwloc that load something.
 *
 * The measuring process of ft-noded (noded/measure.c) loads a topology at the unit's start and
 * again whenever the node is probed as a stand-in, so loading is on the way of every recovery:
 * what is not needed is left out. hwloc's plugins above all: reading the processor takes about 1
 * ms, the PCI devices 1 to 8 ms, but the plugins' libraries (X11, OpenCL, Level Zero) up to 10 ms
 * more, 4 MB of memory, and now and then a driver that hangs. GPUs are counted by their PCI class
 * instead.
 *
 * Comes in: a source ("", "synthetic:...", "xml:..."), or XML text of whatever origin. Goes out:
 * struct ft_facts, which the rest of FT works with, and XML for the inventory. XML that comes in is
 * checked by xmlcheck.c and tried in a child process before hwloc reads it here; XML that goes out
 * loses what names a machine.
 */
#include "config.h"

#include "topology/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "topology/internal.h"
#include "topology/trial.h"
#include "topology/xmlcheck.h"

#define PUS_MAX 16384             /* of a made-up machine; the largest real ones have about 6000 */
#define TRIAL_MAX_MS 2000
#define NOT_ACCEPTED "hwloc does not accept this XML as a topology: was it written by lstopo 2 " \
                     "or newer (lstopo --of xml)?"
#define SYNTHETIC "synthetic:"
#define XML "xml:"
#define MEMORY_INFO "FTMemoryBytes" /* what the kernel has, where the NUMA nodes' sum says less */

extern char **environ;

unsigned ft_topology_shield(void)
{
    static bool shielded;
    unsigned removed = 0;

    for (char **at = environ; at && *at && !shielded;) {
        const char *end = strchr(*at, '=');
        char name[128];
        if (strncmp(*at, "HWLOC_", 6) == 0 && end && (size_t)(end - *at) < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)(end - *at), *at);
            if (unsetenv(name) == 0) {
                removed++;
                at = environ; /* unsetenv moved what follows */
                continue;
            }
        }
        at++;
    }
    shielded = true;
    setenv("HWLOC_PLUGINS_PATH", "/dev/null", 1);
    setenv("HWLOC_HIDE_ERRORS", "2", 1);
    return removed;
}

/* ---------------------------------------------------------------- loading */

static struct ft_topology *topology_new(bool shown, char *why, size_t why_size)
{
    struct ft_topology *topology = calloc(1, sizeof *topology);

    if (!topology || hwloc_topology_init(&topology->hwloc) != 0) {
        free(topology);
        snprintf(why, why_size, "out of memory while preparing to read the hardware topology");
        return NULL;
    }
    topology->shown = shown;
    hwloc_topology_set_io_types_filter(topology->hwloc, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
    hwloc_topology_set_type_filter(topology->hwloc, HWLOC_OBJ_BRIDGE, HWLOC_TYPE_FILTER_KEEP_NONE);
    return topology;
}

void ft_topology_destroy(struct ft_topology *topology)
{
    if (!topology)
        return;
    hwloc_topology_destroy(topology->hwloc);
    free(topology);
}

/* MemTotal of /proc/meminfo in bytes, 0 if it cannot be read. */
static uint64_t kernel_memory_bytes(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    uint64_t kib = 0;

    if (!file)
        return 0;
    if (fscanf(file, "MemTotal: %" SCNu64 " kB", &kib) != 1)
        kib = 0;
    fclose(file);
    return kib * 1024;
}

/* Memory that was plugged in later is not in every kernel's figures by NUMA node. */
static void note_memory(struct ft_topology *topology)
{
    hwloc_obj_t machine = hwloc_get_root_obj(topology->hwloc);
    uint64_t bytes = kernel_memory_bytes();
    char text[32];

    if (bytes / 16 * 15 <= machine->total_memory)
        return;
    snprintf(text, sizeof text, "%" PRIu64, bytes);
    hwloc_obj_add_info(machine, MEMORY_INFO, text);
}

static struct ft_topology *load_machine(char *why, size_t why_size)
{
    struct ft_topology *topology = topology_new(false, why, why_size);

    if (!topology)
        return NULL;
    /* The unit may sit in a process with its own binding and must not move its threads about. */
    hwloc_topology_set_flags(topology->hwloc, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING);
    if (hwloc_topology_load(topology->hwloc) != 0) {
        snprintf(why, why_size, "hwloc could not read this machine's topology: %s",
                 strerror(errno));
        ft_topology_destroy(topology);
        return NULL;
    }
    note_memory(topology);
    return topology;
}

/* The product of the counts outside of parentheses is the number of hardware threads. */
static int check_synthetic(const char *text, char *why, size_t why_size)
{
    uint64_t product = 1;
    int inside = 0;

    for (const char *at = text; *at; at++) {
        if (*at == '(' || *at == '[')
            inside++;
        else if (*at == ')' || *at == ']')
            inside--;
        else if (!inside && *at >= '0' && *at <= '9' &&
                 (at == text || at[-1] == ':' || at[-1] == ' ')) {
            char *end;
            unsigned long long count = strtoull(at, &end, 10);
            if (count == 0 || count > PUS_MAX || (product *= count) > PUS_MAX) {
                snprintf(why, why_size, "the synthetic topology \"%.200s\" is empty or has more "
                         "than %d hardware threads", text, PUS_MAX);
                return -1;
            }
            at = end - 1;
        }
    }
    return 0;
}

static struct ft_topology *load_synthetic(const char *text, char *why, size_t why_size)
{
    struct ft_topology *topology;

    if (check_synthetic(text, why, why_size) != 0)
        return NULL;
    topology = topology_new(true, why, why_size);
    if (!topology)
        return NULL;
    if (hwloc_topology_set_synthetic(topology->hwloc, text) == 0 &&
        hwloc_topology_load(topology->hwloc) == 0)
        return topology;
    snprintf(why, why_size, "hwloc does not understand the synthetic topology \"%.200s\": try it "
             "with lstopo -i \"%.200s\"", text, text);
    ft_topology_destroy(topology);
    return NULL;
}

struct xml_text {
    const char *text; /* ends in 0 */
    size_t n;         /* without it */
};

static struct ft_topology *load_text(const struct xml_text *xml, char *why, size_t why_size)
{
    struct ft_topology *topology = topology_new(true, why, why_size);

    if (!topology)
        return NULL;
    if (hwloc_topology_set_xmlbuffer(topology->hwloc, xml->text, (int)xml->n + 1) == 0 &&
        hwloc_topology_load(topology->hwloc) == 0)
        return topology;
    ft_topology_destroy(topology);
    snprintf(why, why_size, NOT_ACCEPTED);
    return NULL;
}

/* All that is ever done with a topology. */
static bool try_text(void *arg)
{
    char why[FT_TOPOLOGY_WHY_MAX];
    struct ft_topology *topology = load_text(arg, why, sizeof why);
    struct ft_facts facts;
    char *xml;
    size_t n;

    if (!topology)
        return false;
    ft_topology_facts(topology, &facts);
    if (ft_topology_export(topology, &xml, &n, why, sizeof why) == 0)
        free(xml);
    ft_topology_destroy(topology);
    return true;
}

static struct ft_topology *parse_tried(struct xml_text *xml, char *why, size_t why_size)
{
    switch (ft_trial_run(try_text, xml, TRIAL_MAX_MS)) {
    case FT_TRIAL_GOOD:
        return load_text(xml, why, why_size);
    case FT_TRIAL_REFUSED: /* and not read again here: what hwloc refuses leaves memory behind */
        snprintf(why, why_size, NOT_ACCEPTED);
        return NULL;
    case FT_TRIAL_CRASHED:
    case FT_TRIAL_HUNG:
        snprintf(why, why_size, "the XML is damaged in a way that hwloc cannot cope with: write it "
                 "anew with lstopo --of xml");
        return NULL;
    case FT_TRIAL_NOT_RUN:
        break;
    }
    snprintf(why, why_size, "no process could be made to try the XML in: %s", strerror(errno));
    return NULL;
}

struct ft_topology *ft_topology_parse(const char *xml, size_t n, char *why, size_t why_size)
{
    struct ft_topology *topology;
    char *text;

    if (ft_xml_check(xml, n, why, why_size) != 0)
        return NULL;
    text = malloc(n + 1);
    if (!text) {
        snprintf(why, why_size, "out of memory while reading a topology of %zu bytes", n);
        return NULL;
    }
    memcpy(text, xml, n);
    text[n] = '\0';
    topology = parse_tried(&(struct xml_text){text, n}, why, why_size);
    free(text);
    return topology;
}

/* Reads a file of at most FT_TOPOLOGY_XML_MAX_BYTES. Returns NULL with `why`. */
static char *read_file(const char *path, size_t *n, char *why, size_t why_size)
{
    /* O_NONBLOCK: a pipe put there must not make the unit wait. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    char *text = NULL;
    size_t got = 0;
    ssize_t k = 1;

    if (fd < 0 || fstat(fd, &info) != 0)
        snprintf(why, why_size, "topology file %s: %s", path, strerror(errno));
    else if (!S_ISREG(info.st_mode) || info.st_size > (off_t)FT_TOPOLOGY_XML_MAX_BYTES)
        snprintf(why, why_size, "topology file %s is not a file of at most %u MiB", path,
                 FT_TOPOLOGY_XML_MAX_BYTES >> 20);
    else if (!(text = malloc((size_t)info.st_size + 1)))
        snprintf(why, why_size, "topology file %s: out of memory", path);
    while (text && got < (size_t)info.st_size && k > 0) {
        k = read(fd, text + got, (size_t)info.st_size - got);
        got += k > 0 ? (size_t)k : 0;
    }
    if (text && k < 0) {
        snprintf(why, why_size, "topology file %s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (fd >= 0)
        close(fd);
    *n = got;
    return text;
}

static struct ft_topology *load_xml(const char *path, char *why, size_t why_size)
{
    struct ft_topology *topology;
    char reason[FT_TOPOLOGY_WHY_MAX];
    size_t n = 0;
    char *text = read_file(path, &n, why, why_size);

    if (!text)
        return NULL;
    topology = ft_topology_parse(text, n, reason, sizeof reason);
    if (!topology)
        snprintf(why, why_size, "topology file %s: %s", path, reason);
    free(text);
    return topology;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_machine(const char *source)
{
    return !source || !*source || strcmp(source, "machine") == 0;
}

int ft_topology_check_source(const char *source, char *why, size_t why_size)
{
    if (is_machine(source) || (begins(source, XML) && source[strlen(XML)] == '/'))
        return 0;
    if (begins(source, SYNTHETIC))
        return check_synthetic(source + strlen(SYNTHETIC), why, why_size);
    snprintf(why, why_size, "topology \"%.200s\" is neither \"machine\", \"synthetic:DESCRIPTION\" "
             "nor \"xml:/PATH\"", source);
    return -1;
}

struct ft_topology *ft_topology_load(const char *source, char *why, size_t why_size)
{
    if (ft_topology_check_source(source, why, why_size) != 0)
        return NULL;
    if (is_machine(source))
        return load_machine(why, why_size);
    if (begins(source, SYNTHETIC))
        return load_synthetic(source + strlen(SYNTHETIC), why, why_size);
    return load_xml(source + strlen(XML), why, why_size);
}

/* ---------------------------------------------------------------- export */

/* Does this line of hwloc's XML tell which machine it is, rather than of what kind it is? */
static bool names_machine(const char *line, size_t n)
{
    static const char *const names[] = {
        "\"HostName\"", "\"ProcessName\"", "\"LinuxCgroup\"", "\"Address\"",
        "\"SerialNumber\"", "\"NodeGUID\"", "\"SysImageGUID\"", "\"NVIDIASerial\"",
        "\"NVIDIAUUID\"", "\"AMDSerial\"", "\"AMDUUID\"", "\"DMIProductSerial\"",
        "\"DMIProductUUID\"", "\"DMIBoardSerial\"", "\"DMIBoardAssetTag\"",
        "\"DMIChassisSerial\"", "\"DMIChassisAssetTag\"",
    };
    if (!memmem(line, n, "<info name=", 11))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (memmem(line, n, names[i], strlen(names[i])))
            return true;
    return false;
}

/* Takes those lines out, in place; hwloc writes every <info> on a line of its own. */
static size_t scrub(char *xml, size_t n)
{
    size_t kept = 0;

    for (size_t at = 0; at < n;) {
        const char *end = memchr(xml + at, '\n', n - at);
        size_t line = end ? (size_t)(end - xml) + 1 - at : n - at;
        if (!names_machine(xml + at, line)) {
            memmove(xml + kept, xml + at, line);
            kept += line;
        }
        at += line;
    }
    return kept;
}

int ft_topology_export(const struct ft_topology *topology, char **xml, size_t *n, char *why,
                       size_t why_size)
{
    char *text = NULL;
    int length = 0;

    *xml = NULL;
    *n = 0;
    if (hwloc_topology_export_xmlbuffer(topology->hwloc, &text, &length, 0) != 0 || length <= 0) {
        snprintf(why, why_size, "hwloc could not write the topology as XML: %s", strerror(errno));
        return -1;
    }
    while (length > 0 && text[length - 1] == '\0')
        length--;
    *n = scrub(text, (size_t)length);
    if (*n > FT_TOPOLOGY_XML_MAX_BYTES)
        snprintf(why, why_size, "this machine's topology takes %zu bytes of XML, more than the %u "
                 "that are passed on", *n, FT_TOPOLOGY_XML_MAX_BYTES);
    else if (!(*xml = malloc(*n + 1)))
        snprintf(why, why_size, "out of memory while writing a topology of %zu bytes", *n);
    if (*xml) {
        memcpy(*xml, text, *n);
        (*xml)[*n] = '\0';
    }
    hwloc_free_xmlbuffer(topology->hwloc, text);
    return *xml ? 0 : -1;
}

/* ---------------------------------------------------------------- facts */

/* Copies text, keeping what can be shown everywhere: a terminal, JSON, a protobuf string. */
static void copy_shown(char *to, size_t size, const char *from)
{
    size_t i;

    for (i = 0; from && from[i] && i + 1 < size; i++)
        to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    to[i] = '\0';
}

static uint32_t count(hwloc_topology_t hwloc, hwloc_obj_type_t type)
{
    int n = hwloc_get_nbobjs_by_type(hwloc, type);

    return n > 0 ? (uint32_t)n : 0;
}

static uint64_t memory_bytes(hwloc_topology_t hwloc)
{
    hwloc_obj_t machine = hwloc_get_root_obj(hwloc);
    const char *text = hwloc_obj_get_info_by_name(machine, MEMORY_INFO);
    uint64_t noted = text ? strtoull(text, NULL, 10) : 0;

    return noted > machine->total_memory ? noted : machine->total_memory;
}

static void processor(const struct ft_topology *topology, struct ft_facts *facts)
{
    hwloc_obj_t machine = hwloc_get_root_obj(topology->hwloc);
    hwloc_obj_t package = hwloc_get_obj_by_type(topology->hwloc, HWLOC_OBJ_PACKAGE, 0);
    const char *arch = hwloc_obj_get_info_by_name(machine, "Architecture");
    const char *model = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
    struct utsname system;

    if (!arch && uname(&system) == 0) /* made-up machines run on this one's processor */
        arch = system.machine;
    copy_shown(facts->arch, sizeof facts->arch, arch);
    if (!model)
        model = hwloc_obj_get_info_by_name(machine, "CPUModel");
    copy_shown(facts->model, sizeof facts->model, model);
}

void ft_topology_facts(const struct ft_topology *topology, struct ft_facts *facts)
{
    hwloc_topology_t hwloc = topology->hwloc;
    struct ft_devices devices;

    memset(facts, 0, sizeof *facts);
    processor(topology, facts);
    facts->packages = count(hwloc, HWLOC_OBJ_PACKAGE);
    facts->numa_nodes = count(hwloc, HWLOC_OBJ_NUMANODE);
    facts->pus = count(hwloc, HWLOC_OBJ_PU);
    facts->cores = count(hwloc, HWLOC_OBJ_CORE);
    if (facts->cores == 0) /* machines that do not tell, and descriptions without cores */
        facts->cores = facts->pus;
    facts->memory_bytes = memory_bytes(hwloc);
    facts->shown = topology->shown;
    ft_devices_count(hwloc, &devices);
    ft_devices_facts(&devices, facts);
    facts->kind = ft_kind(hwloc, facts, &devices);
}
