# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What bench and soak share: one cluster that goes down with the script, jobs on it with a deadline,
# and statistics. Needs FT_BUILD, the build folder, with its staged installation.

top=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${FT_BUILD:?the build folder; run this through make}"
stage=$FT_BUILD/stage

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
say() { printf '%s\n' "$*" >&2; }
cluster() { "$top/tests/cluster/cluster" "$@"; }
on() { cluster exec "$@"; }

# bring_up N: sets FT_CLUSTER and shared, the nodes' /shared as seen here; everything of it ends
# with this process, also after SIGKILL.
bring_up() {
    local words
    [ -x "$stage/usr/bin/ft" ] || die "there is no staged installation in $stage; run: make stage"
    words=$(cluster up "$1" --stage "$stage" --owner $$) || die "the cluster did not come up (see above)."
    eval "$words"
    export FT_CLUSTER
    export shared=$FT_CLUSTER/shared
    trap 'cluster down' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# wait_until TIMEOUT_s CMD...: until CMD succeeds, asked every 5 ms.
wait_until() {
    local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
        sleep 0.005
    done
}

# ms_between FROM TO: both in seconds since the epoch.
ms_between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b - a) * 1000 }'; }

# statistics NAME UNIT FILE: one JSON object of the numbers in FILE, one a line; p99 by nearest
# rank.
statistics() {
    jq -sc --arg key "$1" --arg unit "$2" 'sort | length as $n | {key: $key, unit: $unit, n: $n,
        min: .[0],
        median: (if $n % 2 == 1 then .[($n - 1) / 2] else (.[$n / 2 - 1] + .[$n / 2]) / 2 end),
        max: .[-1], p99: .[($n * 0.99 | ceil) - 1]}' "$3"
}
