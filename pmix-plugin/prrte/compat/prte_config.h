/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prte_config.h - the one header of PRRTE that distributions do not install.
 *
 * PRRTE's internal headers, which its installed copies are made of, begin with this file. It says
 * what PRRTE's configure would have found on Linux with glibc, only as far as those headers ask.
 * The version comes from prte_version.h, so that it is that of the headers compiled against; the
 * version of the PRRTE that loads the component is looked at when it is loaded (component.c).
 */
#ifndef PRTE_CONFIG_H
#define PRTE_CONFIG_H

#include <prte_version.h>

#define HAVE_UNISTD_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_SYS_UIO_H 1
#define HAVE_STDINT_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_INTPTR_T 1
#define HAVE_UINTPTR_T 1
#define HAVE_INT64_T 1
#define SIZEOF_VOID_P __SIZEOF_POINTER__
#define SIZEOF_LONG __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_INT __SIZEOF_INT__
#define SIZEOF_SHORT __SIZEOF_SHORT__

#define PRTE_ENABLE_DEBUG 0
#define PRTE_PICKY_COMPILERS 0
#define PRTE_HAVE_VISIBILITY 1
#define PRTE_C_HAVE_VISIBILITY 1
#define PRTE_HAVE_ATTRIBUTE_VISIBILITY 1
#define PRTE_HAVE_ATTRIBUTE_ALIGNED 1

#define FTP_TEXT_OF(x) #x
#define FTP_TEXT(x) FTP_TEXT_OF(x)

#define PRTE_MAJOR_VERSION 3
#define PRTE_MINOR_VERSION 0
#define PRTE_RELEASE_VERSION 8
#define PRTE_VERSION \
    FTP_TEXT(PRTE_MAJOR_VERSION) "." FTP_TEXT(PRTE_MINOR_VERSION) "." FTP_TEXT(PRTE_RELEASE_VERSION)

#if PRTE_VERSION_MAJOR != PRTE_MAJOR_VERSION || PRTE_VERSION_MINOR != PRTE_MINOR_VERSION \
    || PRTE_VERSION_RELEASE != PRTE_RELEASE_VERSION
#error "the PRRTE component knows PRRTE 3.0.8 only: its structures differ in other versions"
#endif

#include "src/include/prte_config_bottom.h"

#endif
