/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpirun.h - which mpirun, and whether it will do: Open MPI 5 or newer, with ULFM.
 */
#ifndef FT_CLI_MPIRUN_H
#define FT_CLI_MPIRUN_H

#include <stddef.h>

struct mpirun {
    char path[4096];
    char version[64]; /* of Open MPI: "5.0.7" */
};

/* Finds it and asks it for its version (and, if it is another Open MPI than FT was built with,
 * whether it has ULFM).
 *   given   --mpirun, or NULL: $FT_MPIRUN, mpirun in PATH, mpirun.openmpi in PATH, the first one
 *           that there is; the last two are tried both, for `mpirun` may be another MPI's
 *   why     after an error: what is wrong and what to do
 * Returns 0, or CLI_RUN_FAILED, CLI_RUN_DENIED or CLI_RUN_MISSING. */
int mpirun_find(struct mpirun *m, const char *given, char *why, size_t size);

/* The version in what `mpirun --version` printed, into `version`. Returns 0, or -1 if it is not
 * Open MPI's. */
int mpirun_parse_version(const char *text, char *version, size_t size);

#endif
