/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libft in a plugin: loaded, used and unloaded again and again (a launcher's component does that),
 * it leaves neither a mapping nor a descriptor nor a thread behind.
 */
#include "config.h"

#include "libft_unit.h"

#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ft.h"
#include "ft_runtime.h"

static struct unit u;

/* How many lines of a file of /proc/self hold a word. */
static int count_lines(const char *path, const char *word)
{
    char line[1024];
    FILE *file = fopen(path, "re");
    int n = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL)
        n += strstr(line, word) != NULL;
    fclose(file);
    return n;
}

static void live_once(const char *library)
{
    ftRetVal_t (*open_ft)(const ftHost_t, ftHandle_t *);
    ftRetVal_t (*close_ft)(const ftHandle_t);
    ftRetVal_t (*request_ft)(const ftHandle_t, const ftAction_t, ftReply_t *, const ftTimeout_t);
    ftAction_t (*claim)(uint64_t);
    void *ft = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    static ftReply_t reply;
    ftHandle_t handle;

    ck_assert_msg(ft != NULL, "%s", dlerror());
    *(void **) &open_ft = dlsym(ft, "openFT");
    *(void **) &close_ft = dlsym(ft, "closeFT");
    *(void **) &request_ft = dlsym(ft, "requestFT");
    *(void **) &claim = dlsym(ft, "ftClaim");
    ck_assert(open_ft != NULL && close_ft != NULL && request_ft != NULL && claim != NULL);
    ck_assert_int_eq(open_ft(u.host, &handle), FT_OK);
    ck_assert_int_eq(request_ft(handle, claim(1), &reply, 5000), FT_OK);
    ck_assert_int_eq(request_ft(handle, claim(0), &reply, 5000), FT_ERR_ACTION);
    ck_assert_int_eq(close_ft(handle), FT_OK);
    ck_assert_int_eq(count_lines("/proc/self/status", "Threads:\t2"), 1); /* the unit is one */
    ck_assert_int_gt(count_lines("/proc/self/maps", "libft.so"), 0);
    ck_assert_int_eq(dlclose(ft), 0);
}

START_TEST(can_be_loaded_and_unloaded)
{
    const char *build = getenv("FT_TEST_BUILDDIR");
    char library[600];
    int fds;

    snprintf(library, sizeof library, "%s/.libs/libft.so.0", build != NULL ? build : ".");
    unit_start(&u);
    live_once(library);
    fds = unit_count_fds();
    for (int i = 0; i < 20; i++) {
        live_once(library);
        ck_assert_int_eq(count_lines("/proc/self/maps", "libft.so"), 0);
    }
    ck_assert_int_le(unit_count_fds(), fds + 1); /* the unit may not have closed its end yet */
    unit_stop(&u);
    unit_remove(&u);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("libft_dlopen");
    SRunner *runner = srunner_create(suite);
    TCase *c = tcase_create("dlopen");
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_test(c, can_be_loaded_and_unloaded);
    suite_add_tcase(suite, c);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
