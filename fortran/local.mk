# SPDX-License-Identifier: BSD-3-Clause
# The modules ft and ftmpi, and libftmpi_f08: where configure found a Fortran compiler with mpi_f08.
# Module files are the compiler's own; they go beside the headers, or where fmoddir says.
fmoddir = $(includedir)
ft_fortran_sources = fortran/ft.f90 fortran/ftmpi.f90 fortran/ftmpi_c.c
EXTRA_DIST += $(ft_fortran_sources)

if HAVE_FORTRAN
if !SANITIZERS
lib_LTLIBRARIES += fortran/libftmpi_f08.la
nodist_fmod_DATA = fortran/ft.mod fortran/ftmpi.mod
CLEANFILES += $(nodist_fmod_DATA)
endif
endif
fortran_libftmpi_f08_la_SOURCES = $(ft_fortran_sources)
fortran_libftmpi_f08_la_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
fortran_libftmpi_f08_la_FCFLAGS = $(AM_FCFLAGS) $(MPI_FCFLAGS) $(FC_MODOUT)fortran
fortran_libftmpi_f08_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0
fortran_libftmpi_f08_la_LIBADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)

# Who uses whose module. By variables: automake takes a plain name for a rule that replaces its own.
ft_module = fortran/libftmpi_f08_la-ft.lo
ftmpi_module = fortran/libftmpi_f08_la-ftmpi.lo
$(ftmpi_module): $(ft_module)
fortran/ft.mod: $(ft_module)
	@test -f $@ || { rm -f $< && $(MAKE) $(AM_MAKEFLAGS) $<; }
fortran/ftmpi.mod: $(ftmpi_module)
	@test -f $@ || { rm -f $< && $(MAKE) $(AM_MAKEFLAGS) $<; }
