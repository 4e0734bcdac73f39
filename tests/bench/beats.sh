# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What heartbeats cost: read by bench. bench_beats.c starts a real ft-centrald and plays the nodes.

readonly BEATS_KEYS=heartbeats_10k_core_pct
readonly BEATS_NODES=10000 BEATS_SECONDS=12 BEATS_SAMPLES=3   # each takes half a minute

sample_heartbeats_10k_core_pct() {
    [ "$(wc -l <"$scratch/$1")" -lt $BEATS_SAMPLES ] || return 0
    timeout -k 5 150 env HOME="$scratch" "$FT_BUILD/tests/bench/bench_beats" "$stage/usr/sbin/ft-centrald" \
        $BEATS_NODES $BEATS_SECONDS >"$scratch/out" 2>"$scratch/err" || {
        say "$1: the generator failed; what it said:"
        tail -n 5 "$scratch/out" "$scratch/err" >&2
        return 1
    }
    value core_pct >>"$scratch/$1"
}
