# SPDX-License-Identifier: BSD-3-Clause
# FT_CHECK_PRRTE (after FT_CHECK_OPENMPI, FT_NEED of PMIx and hwloc)
# Finds the internal headers of the PRRTE that Open MPI brings, and those of PMIx that they are made
# of, and where PRRTE looks for components.
# Sets PRTE_CFLAGS, PRTED, prtelibdir, ft_prrte_version.
AC_DEFUN([FT_CHECK_PRRTE], [
    AC_ARG_WITH([prte-include],
        [AS_HELP_STRING([--with-prte-include=DIR], [folder with prte_version.h and prte/src (default: Open MPI's)])])
    AC_ARG_WITH([prtelibdir],
        [AS_HELP_STRING([--with-prtelibdir=DIR], [where PRRTE looks for components (default: PRRTE's own folder if the prefix is PRRTE's, else LIBDIR/openmpi/lib/prte)])])

    AC_MSG_CHECKING([for the internal headers of PRRTE])
    ft_prte_include=$with_prte_include
    AS_IF([test -z "$ft_prte_include"],
        [for ft_dir in `echo " $MPI_CFLAGS" | tr ' ' '\n' | sed -n 's/^-I//p'` /usr/include; do
            AS_IF([test -z "$ft_prte_include" && test -f "$ft_dir/prte/src/mca/errmgr/errmgr.h"],
                [ft_prte_include=$ft_dir])
        done])
    AS_IF([test -f "$ft_prte_include/prte/src/mca/errmgr/errmgr.h" && test -f "$ft_prte_include/prte_version.h"],
        [AC_MSG_RESULT([$ft_prte_include])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([PRRTE's internal headers (prte/src/mca/errmgr/errmgr.h) are missing; on Debian 13 or newer: apt-get install libopenmpi-dev; elsewhere: build Open MPI with --with-devel-headers, or say --with-prte-include=DIR])])
    ft_prrte_version=`sed -n 's/^.define PRTE_VERSION_[[A-Z]]* \([[0-9]]*\)L*$/\1/p' "$ft_prte_include/prte_version.h" | tr '\n' . | sed 's/\.$//'`

    AC_MSG_CHECKING([for the internal headers of PMIx])
    ft_pmix_include=
    for ft_dir in `$PKG_CONFIG --variable=includedir pmix`; do
        for ft_sub in "$ft_dir" "$ft_dir/pmix"; do
            AS_IF([test -f "$ft_sub/src/mca/base/pmix_mca_base_var.h"],
                [ft_pmix_include="-isystem $ft_dir -isystem $ft_sub"])
        done
    done
    AS_IF([test -n "$ft_pmix_include"], [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([PMIx's internal headers (src/mca/base/pmix_mca_base_var.h) are missing; on Debian 13 or newer: apt-get install libpmix-dev; elsewhere: build PMIx with --with-devel-headers])])

    PRTE_CFLAGS="-isystem $ft_prte_include/prte -isystem $ft_prte_include/prte/src/include -isystem $ft_prte_include $ft_pmix_include $HWLOC_CFLAGS"
    AC_SUBST([PRTE_CFLAGS])

    AC_MSG_CHECKING([whether a component for PRRTE $ft_prrte_version compiles])
    ft_save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS -I$srcdir/pmix-plugin/prrte/compat $PRTE_CFLAGS"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include "prte_config.h"
#include "constants.h"
#include "src/mca/errmgr/errmgr.h"
#include "src/mca/state/state.h"
#include "src/rml/rml.h"
]], [[prte_errmgr_base_component_t c; (void) c;]])], [ft_prrte=yes], [ft_prrte=no])
    CPPFLAGS=$ft_save_CPPFLAGS
    AC_MSG_RESULT([$ft_prrte])
    AS_IF([test "$ft_prrte" = no],
        [AS_IF([test "$ft_prrte_version" != 3.0.8],
            [AC_MSG_ERROR([the component knows PRRTE 3.0.8 (Open MPI 5.0.7), not $ft_prrte_version])],
            [AC_MSG_ERROR([the headers of PRRTE do not compile, see config.log; on Debian 13 or newer: apt-get install libopenmpi-dev libpmix-dev libevent-dev libhwloc-dev])])])

    AC_ARG_VAR([PRTED], [PRRTE's daemon])
    AC_PATH_PROG([PRTED], [prted])
    AS_IF([test -z "$PRTED"],
        [AC_MSG_ERROR([prted is missing; on Debian 13 or newer: apt-get install openmpi-bin])])

    AC_MSG_CHECKING([where PRRTE components go])
    prtelibdir=$with_prtelibdir
    AS_IF([test -z "$prtelibdir"],
        [ft_prte_prefix=`prte_info --path prefix 2>/dev/null | sed -n 's/^ *Prefix: *//p'`
         ft_prte_libdir=`prte_info --path pkglibdir 2>/dev/null | sed -n 's/^ *Pkglibdir: *//p'`
         AS_IF([test -n "$ft_prte_libdir" && test "x$prefix" = "x$ft_prte_prefix"],
            [prtelibdir=$ft_prte_libdir],
            [prtelibdir='${libdir}/openmpi/lib/prte'])])
    AC_SUBST([prtelibdir])
    AC_MSG_RESULT([$prtelibdir])
])
