# SPDX-License-Identifier: BSD-3-Clause
# FT_CHECK_OPENMPI
# Finds Open MPI's compiler wrapper and makes sure that its ULFM extension is there.
# Sets MPICC, MPI_CFLAGS, MPI_LIBS, ft_openmpi_version.
AC_DEFUN([FT_CHECK_OPENMPI], [
    AC_ARG_VAR([MPICC], [Open MPI's C compiler wrapper])
    AC_PATH_PROGS([MPICC], [mpicc.openmpi mpicc])
    AS_IF([test -z "$MPICC"],
        [AC_MSG_ERROR([mpicc is missing; on Debian 13 or newer: apt-get install libopenmpi-dev openmpi-bin])])
    AC_MSG_CHECKING([for Open MPI 5 with ULFM])
    MPI_CFLAGS=`$MPICC --showme:compile 2>/dev/null`
    MPI_LIBS=`$MPICC --showme:link 2>/dev/null`
    AC_SUBST([MPI_CFLAGS])
    AC_SUBST([MPI_LIBS])
    ft_save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS $MPI_CFLAGS"
    AC_PREPROC_IFELSE([AC_LANG_PROGRAM([[
#include <mpi.h>
#include <mpi-ext.h>
#if !defined(OMPI_MAJOR_VERSION) || OMPI_MAJOR_VERSION < 5 || !defined(OMPI_HAVE_MPI_EXT_FTMPI)
#error no ULFM
#endif
]])], [ft_openmpi=yes], [ft_openmpi=no])
    CPPFLAGS=$ft_save_CPPFLAGS
    AS_IF([test "$ft_openmpi" = no],
        [AC_MSG_RESULT([no])
         AC_MSG_ERROR([$MPICC is not that of Open MPI 5 with ULFM; Debian 13 and newer have it: apt-get install libopenmpi-dev openmpi-bin])])
    ft_openmpi_version=`$MPICC --showme:version 2>/dev/null | sed 's/.*Open MPI \([[0-9.a-z]]*\).*/\1/'`
    AC_MSG_RESULT([$ft_openmpi_version])
])
