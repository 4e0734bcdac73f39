# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# repair.sh: a rank is lost, and the world is made whole: for `bench`. Ranks and spares on a node
# each that do collectives (bench_repair.c); the last rank is killed.
#
#   repair_warm_ms     rank killed -> all ranks of the world are through the repair, a spare in its
#                      place; two ranks, one spare: those that live have a core each
#   repair_crowd_ms    the same of three ranks and two spares, on the cores that there are. Who waits
#                      in a collective does not sleep, so that each step waits for the scheduler
# shellcheck disable=SC2154,SC2034 # bench has scratch, reach, shared; and uses ours

readonly REPAIR_KEYS='repair_warm_ms repair_crowd_ms'
reach[repair_warm_ms]=20
readonly REPAIR_STEPS='heard noticed shrunk asked joined rebuilt agreed last'
repair_program=$FT_BUILD/tests/bench/bench_repair

repair_spares_are_fit() {
    [ "$(grep -c '"event":"spare_fit"' "$shared/warm.events" 2>/dev/null)" = "$1" ]
}

# repair KEY RANKS SPARES
repair() {
    local key=$1 ranks=$2 spares=$3 name victim hosts='' i
    for ((i = 0; i < ranks + spares; i++)); do hosts+=,n$i:1; done
    rm -f "$shared"/{ready,killed,warm.events}
    on n0 env FT_EVENTS=/shared/warm.events timeout -k 5 "$JOB_TIMEOUT_S" ft run --mode=repair \
        --spares "$spares" \
        --host "${hosts#,}" -n "$ranks" "$repair_program" /shared/ready \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    job=$!
    if ! wait_until "$READY_TIMEOUT_S" job_is_ready ||
        ! wait_until "$READY_TIMEOUT_S" repair_spares_are_fit "$spares"; then
        say "$key: the job is not ready after $READY_TIMEOUT_S s"
    fi
    victim=$(on "n$((ranks - 1))" pgrep -o -x bench_repair)
    sleep "$SETTLE_S"
    on "n$((ranks - 1))" bash -c 'echo "$EPOCHREALTIME" >/shared/killed; kill -KILL "$1"' - \
        "$victim"
    end_job "$key" || return
    { ms_between "$(<"$shared/killed")" "$(value through)"; echo; } >>"$scratch/$key"
    step "$key" last "$(ms_between "$(value mine)" "$(value through)")"
    step "$key" heard "$(awk -v all="$(ms_between "$(<"$shared/killed")" "$(value mine)")" \
        "{ for (i = 1; i <= NF; i++) if (split(\$i, part, \"_ms=\") == 2) all -= part[2] } END { print all }" <(grep '^bench ' "$scratch/out"))"
    for name in noticed shrunk asked joined rebuilt agreed; do step "$key" $name "$(value ${name}_ms)"; done
}

sample_repair_warm_ms() { repair "$1" 2 1; }
sample_repair_crowd_ms() { repair "$1" 3 2; }
