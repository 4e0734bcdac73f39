/* SPDX-License-Identifier: BSD-3-Clause */
/* What generate.awk reads, once the preprocessor has been through it. Old programs call functions
 * that MPI has dropped since; Open MPI still has them, and declares them if it is asked. */
#define OMPI_OMIT_MPI1_COMPAT_DECLS 0
#include <mpi.h>
#include <mpi-ext.h>
