# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the project's scripts say while they work, and how they give up. All of it goes to stderr,
# so that a command's own output stays clean. The caller sets `me`, its name in messages.

# Exit code for "the environment cannot be made here": no fault of the command that was to run.
readonly EX_NO_ENV=77

say() { printf '%s: %s\n' "${me:-ft}" "$*" >&2; }

die() { say "$*"; exit 1; }

# no_env WHAT [WHAT TO DO]...: the environment is missing something that we cannot mend.
no_env() {
    local line
    for line; do say "$line"; done
    exit "$EX_NO_ENV"
}
