# SPDX-License-Identifier: BSD-3-Clause
# Programs of the main road's tests. Programs, not libtool scripts: the nodes see the build tree.
if !SANITIZERS
noinst_PROGRAMS += \
    tests/system/progs/road_client \
    tests/system/progs/road_impostor \
    tests/system/progs/road_plain \
    tests/system/progs/slurm_launcher
endif
tests_system_progs_road_client_SOURCES = tests/system/progs/road_client.c \
    tests/system/progs/road_words.c tests/system/progs/road_words.h
tests_system_progs_road_client_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_system_progs_road_client_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_road_client_LDADD = libft.la $(MPI_LIBS)
tests_system_progs_road_plain_SOURCES = tests/system/progs/road_plain.c
tests_system_progs_road_plain_CPPFLAGS = $(MPI_CFLAGS)
tests_system_progs_road_plain_LDADD = $(MPI_LIBS)
tests_system_progs_road_impostor_SOURCES = tests/system/progs/road_impostor.c
tests_system_progs_road_impostor_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_road_impostor_LDADD = libft.la
tests_system_progs_slurm_launcher_SOURCES = tests/system/progs/slurm_launcher.c
tests_system_progs_slurm_launcher_LDFLAGS = $(AM_LDFLAGS) -no-install
tests_system_progs_slurm_launcher_LDADD = libft.la
