# SPDX-License-Identifier: BSD-3-Clause
# The examples are built, tested, and installed for people to try and the virtual nodes to run.
examplesdir = $(pkglibexecdir)/examples
examples_PROGRAMS =
dist_examples_SCRIPTS = examples/pubsub-verify

if !SANITIZERS
examples_PROGRAMS += examples/pubsub
endif
examples_pubsub_SOURCES = examples/pubsub.c examples/pubsub.h examples/pubsub_records.c \
    examples/pubsub_subscriber.c
examples_pubsub_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
examples_pubsub_LDADD = mpi-ext/libftmpi.la libft.la $(MPI_LIBS)
