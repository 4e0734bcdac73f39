/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cppcheck.h - what cppcheck cannot know, since it reads neither system headers nor the Makefile:
 * paths that the build defines, and macros that are loops.
 */
#define FT_SYSCONFDIR "/etc/ft"
#define FT_BINDIR "/usr/bin"
#define FT_SBINDIR "/usr/sbin"
#define FT_LIBDIR "/usr/lib"
#define FT_PRTELIBDIR "/usr/lib/prte"
#define FT_PREFIX_DIR "/usr"
#define FT_VERSION "0"
#define FT_OPENMPI_VERSION "5"
#define FT_PRRTE_VERSION "3"
#define PMIX_LIST_FOREACH(item, list, type) \
    for ((item) = (type *) pmix_list_get_first(list); (item) != NULL; (item) = (type *) pmix_list_get_next(item))
#define PMIX_LIST_FOREACH_SAFE(item, next, list, type) PMIX_LIST_FOREACH(item, list, type)
