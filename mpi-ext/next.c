/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * next.c - finds the function that this library stands in front of. Owns nothing.
 *
 * Usually it is the next one in the order of loading. A script language may have loaded MPI for
 * itself only; that order does not lead to it then, and the library is looked for by its name.
 */
#define _GNU_SOURCE
#include "next.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

struct search {
    const char *library; /* how its file name begins */
    const char *symbol;
    void *found;
};

static int search_library(struct dl_phdr_info *info, size_t size, void *data)
{
    struct search *search = data;
    const char *slash = strrchr(info->dlpi_name, '/');
    void *handle;

    (void) size;
    if (strncmp(slash ? slash + 1 : info->dlpi_name, search->library, strlen(search->library)) != 0)
        return 0;
    handle = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle)
        return 0;
    search->found = dlsym(handle, search->symbol);
    dlclose(handle);
    return search->found != NULL;
}

void *ftm_next_function(const char *symbol)
{
    struct search search = {.symbol = symbol};

    search.found = dlsym(RTLD_NEXT, symbol);
    if (search.found)
        return search.found;
    search.library = strncmp(symbol, "PMIx", 4) == 0 ? "libpmix.so" : "libmpi.so";
    dl_iterate_phdr(search_library, &search);
    return search.found;
}
