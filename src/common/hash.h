/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hash.h - FNV-1a of 64 bits: for tables, and to tell texts apart. Not against forgery.
 */
#ifndef FT_COMMON_HASH_H
#define FT_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#define FT_HASH_BEGIN UINT64_C(14695981039346656037)

/* Goes on from a hash: FT_HASH_BEGIN, or that of what came before. */
static inline uint64_t ft_hash_more(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

static inline uint64_t ft_hash(const void *bytes, size_t n)
{
    return ft_hash_more(FT_HASH_BEGIN, bytes, n);
}

#endif
