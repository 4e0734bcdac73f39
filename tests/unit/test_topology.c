/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_topology.c - facts, kinds, comparisons and XML, from recorded and made-up machines.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "topology/compare.h"
#include "topology/topology.h"

#define GIB (UINT64_C(1) << 30)

static char why[FT_TOPOLOGY_WHY_MAX];

static const char *recorded(const char *name)
{
    static char source[4096];
    const char *dir = getenv("FT_TEST_SRCDIR");

    snprintf(source, sizeof source, "xml:%s/tests/data/topology/%s", dir ? dir : ".", name);
    return source;
}

static struct ft_topology *load(const char *source)
{
    struct ft_topology *topology = ft_topology_load(source, why, sizeof why);

    ck_assert_msg(topology != NULL, "%s: %s", source ? source : "this machine", why);
    return topology;
}

static struct ft_facts facts_of(const char *source)
{
    struct ft_topology *topology = load(source);
    struct ft_facts facts;

    ft_topology_facts(topology, &facts);
    ft_topology_destroy(topology);
    return facts;
}

static uint32_t devices(const struct ft_facts *facts, const char *type)
{
    for (size_t i = 0; i < FT_FACTS_DEVICES_MAX; i++)
        if (strcmp(facts->devices[i].type, type) == 0)
            return facts->devices[i].count;
    return 0;
}

START_TEST(facts_of_a_synthetic_machine)
{
    struct ft_facts facts = facts_of("synthetic:package:2 core:4 pu:2");

    ck_assert_uint_eq(facts.packages, 2);
    ck_assert_uint_eq(facts.cores, 8);
    ck_assert_uint_eq(facts.pus, 16);
    ck_assert_uint_ge(facts.numa_nodes, 1);
    ck_assert(facts.memory_bytes > 0);
    ck_assert(facts.shown);
    ck_assert(facts.kind != 0);
    ck_assert(facts.arch[0] != '\0');
}
END_TEST

START_TEST(facts_of_this_machine)
{
    struct ft_facts facts = facts_of(NULL);

    ck_assert_uint_ge(facts.packages, 1);
    ck_assert_uint_ge(facts.cores, 1);
    ck_assert_uint_ge(facts.pus, facts.cores);
    ck_assert(facts.memory_bytes > 64u << 20);
    ck_assert(!facts.shown);
    ck_assert_uint_eq(facts.kind, facts_of("machine").kind);
    ck_assert_uint_eq(facts.kind, facts_of("").kind);
}
END_TEST

START_TEST(facts_of_recorded_machines)
{
    struct ft_facts vm = facts_of(recorded("vm.xml"));
    struct ft_facts small = facts_of(recorded("small.xml"));

    ck_assert_str_eq(vm.arch, "x86_64");
    ck_assert_str_eq(vm.model, "AMD EPYC");
    ck_assert_uint_eq(vm.cores, 2);
    ck_assert_uint_eq(vm.memory_bytes, 8243970048u);
    ck_assert_uint_eq(devices(&vm, "network"), 1);
    ck_assert_uint_eq(devices(&vm, "storage"), 1);
    ck_assert_uint_eq(devices(&vm, "gpu"), 0);
    ck_assert_uint_eq(small.memory_bytes, 8 * GIB);
    ck_assert_uint_eq(small.cores, 4);
}
END_TEST

START_TEST(accelerators_are_counted_by_what_they_are)
{
    struct ft_facts gpu = facts_of(recorded("gpu.xml"));

    ck_assert_uint_eq(devices(&gpu, "gpu"), 2); /* not the management controller's */
    ck_assert_uint_eq(devices(&gpu, "openfabrics"), 1);
    ck_assert_uint_eq(devices(&gpu, "network"), 1);
    ck_assert_uint_eq(devices(&gpu, "coproc"), 0);
}
END_TEST

START_TEST(kind_ignores_names_and_addresses)
{
    struct ft_facts vm = facts_of(recorded("vm.xml"));
    struct ft_facts twin = facts_of(recorded("vm-twin.xml"));

    ck_assert(vm.memory_bytes != twin.memory_bytes);
    ck_assert_uint_eq(vm.kind, twin.kind);
}
END_TEST

START_TEST(kind_tells_hardware_apart)
{
    static const char *const sources[] = {
        "synthetic:package:1 core:4 pu:1",
        "synthetic:package:1 core:4 pu:2",
        "synthetic:package:2 core:4 pu:1",
        "synthetic:package:2 core:2 pu:2",
        "synthetic:[numa(memory=8589934592)] package:1 core:4 pu:1",
        "synthetic:[numa(memory=17179869184)] package:1 core:4 pu:1",
        "synthetic:[numa(memory=8589934592)] package:1 l3:1(size=16777216) core:4 pu:1",
        "synthetic:[numa(memory=8589934592)] package:1 l3:1(size=33554432) core:4 pu:1",
        "synthetic:[numa(memory=8589934592)] package:1 l3:2(size=16777216) core:2 pu:1",
    };
    uint64_t kinds[sizeof sources / sizeof sources[0]];

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        kinds[i] = facts_of(sources[i]).kind;
        ck_assert_uint_eq(kinds[i], facts_of(sources[i]).kind);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(kinds[i] != kinds[k], "%s and %s are one kind", sources[i], sources[k]);
    }
    ck_assert(facts_of(recorded("two-packages.xml")).kind !=
              facts_of(recorded("two-packages-big-l3.xml")).kind);
    ck_assert(facts_of(recorded("vm.xml")).kind != facts_of(recorded("gpu.xml")).kind);
}
END_TEST

/* The inventory keeps kinds: a change of the hash turns every known node into an unknown one. Bump
 * KIND_VERSION in kind.c and this number together, knowingly. */
START_TEST(kind_is_stable)
{
    ck_assert_uint_eq(facts_of(recorded("vm.xml")).kind, UINT64_C(15907320324844718406));
}
END_TEST

START_TEST(memory_is_compared_by_class)
{
    static const struct {
        uint64_t bytes, class_bytes;
    } table[] = {
        {0, 0}, {1, 1}, {16 * GIB, 16 * GIB}, {16 * GIB - 1, 16 * GIB}, {15 * GIB, 16 * GIB},
        {14 * GIB, 14 * GIB}, {376 * GIB, 384 * GIB}, {503 * GIB, 512 * GIB},
        {16 * GIB + 1, 20 * GIB}, {UINT64_MAX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        ck_assert_uint_eq(ft_memory_class_bytes(table[i].bytes), table[i].class_bytes);
}
END_TEST

static const char *explain(const char *is, const char *wanted)
{
    static char text[512];
    struct ft_facts a = facts_of(is), b;
    char copy[4096];

    snprintf(copy, sizeof copy, "%s", wanted);
    b = facts_of(copy);
    ft_facts_explain(&a, &b, text, sizeof text);
    return text;
}

START_TEST(differences_in_words)
{
    char vm[4096];

    ck_assert_str_eq(explain("synthetic:[numa(memory=8589934592)] package:2 core:2 pu:1",
                             "synthetic:[numa(memory=17179869184)] package:1 core:4 pu:1"),
                     "2 packages instead of 1; memory 8 GiB instead of 16 GiB");
    ck_assert_str_eq(explain("synthetic:package:1 core:1 pu:1", "synthetic:package:1 core:4 pu:1"),
                     "1 core instead of 4; 1 hardware thread instead of 4");
    snprintf(vm, sizeof vm, "%s", recorded("vm.xml"));
    ck_assert_str_eq(explain(vm, recorded("gpu.xml")),
                     "no devices of type gpu instead of 2; no devices of type openfabrics instead "
                     "of 1");
    ck_assert_str_eq(explain(vm, recorded("vm-twin.xml")), "");
}
END_TEST

START_TEST(differences_that_facts_do_not_tell)
{
    struct ft_topology *a = load(recorded("two-packages.xml"));
    struct ft_topology *b = load(recorded("two-packages-big-l3.xml"));
    struct ft_facts fa, fb;
    char text[256];

    ft_topology_facts(a, &fa);
    ft_topology_facts(b, &fb);
    ck_assert_uint_eq(ft_facts_explain(&fa, &fb, text, sizeof text), 1);
    ck_assert_msg(strstr(text, "caches"), "%s", text);
    ck_assert_uint_eq(ft_topology_explain(a, b, text, sizeof text), 1);
    ck_assert_str_eq(text, "L3 caches 32 MiB instead of 64 MiB");
    ck_assert_uint_eq(ft_topology_explain(a, a, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    ft_topology_destroy(a);
    ft_topology_destroy(b);
}
END_TEST

START_TEST(differences_are_cut_between_parts)
{
    struct ft_facts a = {.packages = 2, .cores = 4, .pus = 4};
    struct ft_facts b = {.packages = 1, .cores = 8, .pus = 8};
    char text[40];

    ck_assert_uint_eq(ft_facts_explain(&a, &b, text, sizeof text), 3);
    ck_assert_str_eq(text, "2 packages instead of 1");
    ck_assert_uint_eq(ft_facts_explain(&a, &b, NULL, 0), 3);
}
END_TEST

START_TEST(export_and_read_again)
{
    struct ft_topology *vm = load(recorded("vm.xml")), *again;
    struct ft_facts a, b;
    size_t n;
    char *xml;

    ck_assert_int_eq(ft_topology_export(vm, &xml, &n, why, sizeof why), 0);
    ck_assert_uint_eq(n, strlen(xml));
    ck_assert_ptr_nonnull(strstr(xml, "<topology version=\"2.0\">"));
    ck_assert_ptr_null(strstr(xml, "node-a"));
    ck_assert_ptr_null(strstr(xml, "02:00:00:00:00:01"));
    again = ft_topology_parse(xml, n, why, sizeof why);
    ck_assert_msg(again != NULL, "%s", why);
    ft_topology_facts(vm, &a);
    ft_topology_facts(again, &b);
    ck_assert_uint_eq(a.kind, b.kind);
    ck_assert_uint_eq(a.memory_bytes, b.memory_bytes);
    free(xml);
    ft_topology_destroy(vm);
    ft_topology_destroy(again);
}
END_TEST

START_TEST(this_machine_exported_is_the_same_kind)
{
    struct ft_topology *machine = load(NULL), *again;
    struct ft_facts a, b;
    size_t n;
    char *xml;

    ck_assert_int_eq(ft_topology_export(machine, &xml, &n, why, sizeof why), 0);
    again = ft_topology_parse(xml, n, why, sizeof why);
    ck_assert_msg(again != NULL, "%s", why);
    ft_topology_facts(machine, &a);
    ft_topology_facts(again, &b);
    ck_assert_uint_eq(a.kind, b.kind);
    free(xml);
    ft_topology_destroy(machine);
    ft_topology_destroy(again);
}
END_TEST

START_TEST(unusable_sources_are_refused)
{
    static const char *const sources[] = {
        "nonsense", "xml:relative.xml", "xml:/nonexistent.xml", "xml:/dev/zero", "xml:/",
        "xml:/proc/version", "synthetic:", "synthetic:gpu:2", "synthetic:package:0 pu:1",
        "synthetic:package:100000 core:100000 pu:100000", "synthetic:pu:99999999999999999999",
        "synthetic:package:2 (", "synthetic:[numa", "SYNTHETIC:pu:1",
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        why[0] = '\0';
        ck_assert_msg(!ft_topology_load(sources[i], why, sizeof why), "%s loads", sources[i]);
        ck_assert_msg(strlen(why) > 10, "%s: no reason is given", sources[i]);
    }
}
END_TEST

static void refuse(const char *xml, size_t n, const char *expected)
{
    why[0] = '\0';
    ck_assert_msg(!ft_topology_parse(xml, n, why, sizeof why), "it loads");
    ck_assert_msg(strstr(why, expected) != NULL, "\"%s\" is not in \"%s\"", expected, why);
}

START_TEST(malformed_xml_is_refused)
{
    static const char *const table[][2] = {
        {"", "no element"},
        {"   \n ", "no element"},
        {"hello", "text outside"},
        {"<", "cut off"},
        {"<topology", "cut off"},
        {"<topology version=\"2.0\">", "cut off"},
        {"<topology version=\"2.0>", "cut off"},
        {"<topology version=2.0>", "double quotes"},
        {"<topology></topologie>", "order"},
        {"</topology>", "not opened"},
        {"<object/>", "<topology>"},
        {"<topology/><topology/>", "<topology>"},
        {"<topology><object a=\"<\"/></topology>", "does not end"},
        {"<topology>\x01</topology>", "control"},
        {"<topology/ >", "without"},
        {"<topology></topology x>", "does not end"},
        {"<?xml", "cut off"},
        {"<!DOCTYPE", "cut off"},
        {"<topology><!-- --></topology>", "none may be"},
    };
    static char deep[64 * 1024];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        refuse(table[i][0], strlen(table[i][0]), table[i][1]);
    refuse("<topology>\0</topology>", 22, "zero");
    strcpy(deep, "<topology>");
    for (int i = 0; i < 1000; i++)
        strcat(deep, "<object>");
    refuse(deep, strlen(deep), "deep");
    /* sound XML, but no topology */
    refuse("<topology/>", 11, "lstopo");
    refuse("<topology version=\"2.0\"></topology>", 35, "lstopo");
}
END_TEST

START_TEST(huge_xml_is_refused)
{
    size_t n = FT_TOPOLOGY_XML_MAX_BYTES + 1;
    char *xml = malloc(n);

    ck_assert_ptr_nonnull(xml);
    memset(xml, ' ', n);
    refuse(xml, n, "more than");
    memset(xml, 'x', n);
    memcpy(xml, "<topology a=\"", 13);
    refuse(xml, n - 1, "does not end");
    n = 10;
    memcpy(xml, "<topology>", n);
    for (; n + 4 < FT_TOPOLOGY_XML_MAX_BYTES; n += 4)
        memcpy(xml + n, "<a/>", 4);
    refuse(xml, n, "too many");
    free(xml);
}
END_TEST

static char *read_recorded(const char *name, size_t *n)
{
    FILE *file = fopen(recorded(name) + 4, "r");
    char *text = malloc(64 * 1024);

    ck_assert(file && text);
    *n = fread(text, 1, 64 * 1024, file);
    fclose(file);
    ck_assert(*n > 0 && *n < 64 * 1024);
    return text;
}

START_TEST(truncated_xml_is_refused_everywhere)
{
    size_t n;
    char *xml = read_recorded("gpu.xml", &n);

    while (n > 0 && xml[n - 1] != '>')
        n--;
    for (size_t cut = 0; cut < n; cut++)
        ck_assert_msg(!ft_topology_parse(xml, cut, why, sizeof why), "cut at %zu it loads", cut);
    free(xml);
}
END_TEST

/* Random damage must give a topology or a reason; a crash fails the test. Parts of the text are
 * overwritten with what tends to hurt. FT_TEST_SEED and FT_TEST_ROUNDS repeat or prolong it. */
static void damage(char *xml, size_t n)
{
    static const char *const hurts[] = {
        "0", "4294967295", "-1", "0xffffffff", "0xf...f", "99999999999999999999", "\"", "<", "/>",
        "Machine", "PU", "NUMANode", "PCIDev", "OSDev", "Bridge", "Misc", "Group", "Core",
        "</object>", "<object ", "0x0", ",", ":", "depth", "1",
    };
    int times = 1 + rand() % 4;

    while (times-- > 0) {
        const char *hurt = hurts[(size_t)rand() % (sizeof hurts / sizeof hurts[0])];
        size_t length = strlen(hurt), at = (size_t)rand() % (n - length);
        if (rand() % 2) /* aim at a value */
            while (at + length < n - 1 && xml[at] != '"')
                at++;
        memcpy(xml + at + (at + length < n - 1), hurt, length);
    }
}

START_TEST(damaged_xml_never_crashes)
{
    static const char *const names[] = {"gpu.xml", "two-packages.xml", "small.xml"};
    const char *seed_text = getenv("FT_TEST_SEED"), *rounds_text = getenv("FT_TEST_ROUNDS");
    unsigned seed = seed_text ? (unsigned)atoi(seed_text) : (unsigned)ft_clock_ns();
    int rounds = rounds_text ? atoi(rounds_text) : 1500, loaded = 0;
    struct ft_facts facts;

    printf("# FT_TEST_SEED=%u\n", seed);
    fflush(stdout);
    srand(seed);
    for (int i = 0; i < rounds; i++) {
        size_t n;
        char *xml = read_recorded(names[i % 3], &n);
        struct ft_topology *topology;

        damage(xml, n);
        why[0] = '\0';
        topology = ft_topology_parse(xml, n, why, sizeof why);
        ck_assert_msg(topology || why[0], "seed %u round %d: no reason", seed, i);
        if (topology) {
            ft_topology_facts(topology, &facts);
            loaded++;
        }
        ft_topology_destroy(topology);
        free(xml);
    }
    ck_assert_msg(loaded < rounds, "seed %u: no damage was noticed", seed);
}
END_TEST

START_TEST(environment_does_not_steer)
{
    /* A job's own setting would make every node look alike. */
    ck_assert_ptr_null(getenv("HWLOC_SYNTHETIC"));
    ck_assert_ptr_null(getenv("HWLOC_XMLFILE"));
    ck_assert_ptr_null(getenv("HWLOC_COMPONENTS"));
    ck_assert_uint_ne(facts_of(NULL).cores, 4096);
}
END_TEST

START_TEST(bytes_in_words)
{
    char text[32];

    ck_assert_str_eq(ft_bytes_text(0, text, sizeof text), "0 bytes");
    ck_assert_str_eq(ft_bytes_text(1000, text, sizeof text), "1000 bytes");
    ck_assert_str_eq(ft_bytes_text(512u << 20, text, sizeof text), "512 MiB");
    ck_assert_str_eq(ft_bytes_text(31 * GIB / 2, text, sizeof text), "15.5 GiB");
    ck_assert_str_eq(ft_bytes_text(UINT64_MAX, text, sizeof text), "16 EiB");
}
END_TEST

static Suite *topology_suite(void)
{
    Suite *suite = suite_create("topology");
    TCase *tcase = tcase_create("topology");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, facts_of_a_synthetic_machine);
    tcase_add_test(tcase, facts_of_this_machine);
    tcase_add_test(tcase, facts_of_recorded_machines);
    tcase_add_test(tcase, accelerators_are_counted_by_what_they_are);
    tcase_add_test(tcase, kind_ignores_names_and_addresses);
    tcase_add_test(tcase, kind_tells_hardware_apart);
    tcase_add_test(tcase, kind_is_stable);
    tcase_add_test(tcase, memory_is_compared_by_class);
    tcase_add_test(tcase, differences_in_words);
    tcase_add_test(tcase, differences_that_facts_do_not_tell);
    tcase_add_test(tcase, differences_are_cut_between_parts);
    tcase_add_test(tcase, export_and_read_again);
    tcase_add_test(tcase, this_machine_exported_is_the_same_kind);
    tcase_add_test(tcase, unusable_sources_are_refused);
    tcase_add_test(tcase, malformed_xml_is_refused);
    tcase_add_test(tcase, huge_xml_is_refused);
    tcase_add_test(tcase, truncated_xml_is_refused_everywhere);
    tcase_add_test(tcase, damaged_xml_never_crashes);
    tcase_add_test(tcase, environment_does_not_steer);
    tcase_add_test(tcase, bytes_in_words);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner;
    int failed;

    /* What a job may have set; it must be gone before anything is loaded. */
    setenv("HWLOC_SYNTHETIC", "package:64 core:64 pu:1", 1);
    setenv("HWLOC_XMLFILE", "/nonexistent", 1);
    setenv("HWLOC_COMPONENTS", "synthetic", 1);
    if (ft_topology_shield() < 3)
        return 1;
    runner = srunner_create(topology_suite());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
