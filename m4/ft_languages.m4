dnl SPDX-License-Identifier: BSD-3-Clause
dnl The languages that FT speaks beside C.

dnl FT_CHECK_FORTRAN: have_fortran, MPI_FCFLAGS and MPI_FCLIBS; a missing compiler is no error.
AC_DEFUN([FT_CHECK_FORTRAN], [
AC_PATH_PROGS([MPIFORT], [mpifort.openmpi mpifort])
have_fortran='no (no Fortran compiler)'
AS_IF([test -n "$FC" && test -n "$MPIFORT"], [
    MPI_FCFLAGS=`$MPIFORT --showme:compile 2>/dev/null`
    MPI_FCLIBS=`$MPIFORT --showme:link 2>/dev/null`
    AC_LANG_PUSH([Fortran])
    AC_FC_SRCEXT([f90], [], [have_fortran='no ($FC does not take .f90)'])
    AC_FC_FREEFORM([], [have_fortran='no ($FC does not take free form)'])
    AC_FC_MODULE_FLAG([], [FC_MODINC=-I])
    AC_FC_MODULE_OUTPUT_FLAG([], [FC_MODOUT=-J])
    ft_saved_FCFLAGS=$FCFLAGS
    FCFLAGS="$FCFLAGS $MPI_FCFLAGS"
    AC_CACHE_CHECK([whether $FC has Open MPI's mpi_f08, and C descriptors], [ft_cv_fortran_works],
        [AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
subroutine a_test(buffer, comm) bind(C)
    use mpi_f08, only: MPI_Comm
    type(*), dimension(..), asynchronous :: buffer
    type(MPI_Comm) :: comm
    comm%MPI_VAL = rank(buffer)
end subroutine]])], [ft_cv_fortran_works=yes], [ft_cv_fortran_works=no])])
    FCFLAGS=$ft_saved_FCFLAGS
    AC_LANG_POP([Fortran])
    AS_IF([test "x$ft_cv_fortran_works" = xyes], [have_fortran=yes],
        [have_fortran='no ($FC has no mpi_f08 of this Open MPI)'])])
AC_CHECK_HEADER([ISO_Fortran_binding.h], [], [have_fortran='no (no ISO_Fortran_binding.h)'])
AC_SUBST([MPI_FCFLAGS])
AC_SUBST([MPI_FCLIBS])
AM_CONDITIONAL([HAVE_FORTRAN], [test "x$have_fortran" = xyes])
])

dnl FT_FIND_PYTHONDIR: ftpythondir, the folder for packages of any version of Python 3 under $prefix.
dnl Debian has one of its own for what comes in packages, which is where /usr is concerned.
AC_DEFUN([FT_FIND_PYTHONDIR], [
AC_PATH_PROG([PYTHON3], [python3])
ftpythondir='${prefix}/lib/python3/site-packages'
AS_IF([test -n "$PYTHON3"], [
    ft_python_prefix=$prefix
    AS_IF([test "x$prefix" = xNONE], [ft_python_prefix=/usr/local])
    ftpythondir=`$PYTHON3 -c 'import sys, sysconfig
prefix = sys.argv[[1]]
scheme = "deb_system" if prefix == "/usr" and "deb_system" in sysconfig.get_scheme_names() else "posix_prefix"
path = sysconfig.get_path("purelib", scheme, vars={"base": "@PREFIX@", "platbase": "@PREFIX@"})
print(path.replace("@PREFIX@", "${prefix}"))' "$ft_python_prefix"`])
])
