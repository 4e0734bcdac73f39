# SPDX-License-Identifier: BSD-3-Clause
# libft: the FT API. Its objects are a library of their own, so that the program `ft`, which may be
# moved, does not have to find libft.so.
noinst_LTLIBRARIES += src/libft/libftapi.la
src_libft_libftapi_la_SOURCES = \
    src/libft/actions.c src/libft/actions.h \
    src/libft/api.c \
    src/libft/connection.c src/libft/connection.h \
    src/libft/descriptor.c src/libft/descriptor.h \
    src/libft/handle.c src/libft/handle.h \
    src/libft/host.c src/libft/host.h \
    src/libft/registry.c src/libft/registry.h \
    src/libft/request.c src/libft/request.h \
    src/libft/values.c src/libft/values.h \
    src/libft/why.c src/libft/why.h
src_libft_libftapi_la_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUFC_CFLAGS)
src_libft_libftapi_la_CFLAGS = $(AM_CFLAGS) -pthread
src_libft_libftapi_la_LIBADD = src/wire/libftwire.la

lib_LTLIBRARIES += libft.la
libft_la_SOURCES =
libft_la_LIBADD = src/libft/libftapi.la
# Nothing but what ft.h, ft_admin.h and ft_runtime.h declare is visible (-fvisibility=hidden). The third number
# goes up with every function that is added, the first two when one changes or goes.
libft_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info 0:0:0

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = src/libft/ft.pc
EXTRA_DIST += src/libft/ft.pc.in
