/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cppcheck.h - what cppcheck cannot know, since it reads neither system headers nor the Makefile:
 * paths that the build defines, and macros that are loops.
 */
#define FT_SYSCONFDIR "/etc/ft"
#define FT_BINDIR "/usr/bin"
#define FT_SBINDIR "/usr/sbin"
#define FT_LIBDIR "/usr/lib"
#define FT_PKGLIBEXECDIR "/usr/libexec/ft"
#define FT_PRTELIBDIR "/usr/lib/prte"
#define FT_PREFIX_DIR "/usr"
#define FT_VERSION "0"
#define FT_OPENMPI_VERSION "5"
#define FT_PRRTE_VERSION "3"
#define PMIX_LIST_FOREACH(item, list, type) \
    for ((item) = (type *) pmix_list_get_first(list); (item) != NULL; (item) = (type *) pmix_list_get_next(item))
#define PMIX_LIST_FOREACH_SAFE(item, next, list, type) PMIX_LIST_FOREACH(item, list, type)
#define yyjson_arr_foreach(array, i, n, value) \
    for ((i) = 0, (n) = yyjson_arr_size(array), (value) = yyjson_arr_get_first(array); (i) < (n); \
         (i)++, (value) = unsafe_yyjson_get_next(value))
#define yyjson_obj_foreach(object, i, n, key, value) \
    for ((i) = 0, (n) = yyjson_obj_size(object), (key) = yyjson_obj_first(object), \
         (value) = (key) + 1; (i) < (n); (i)++, (key) = unsafe_yyjson_get_next(value), \
         (value) = (key) + 1)
