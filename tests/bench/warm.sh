# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# warm.sh: a rank is lost, a warm spare takes its place, and the publisher's messages go there: for
# `bench`. Three ranks on n0, n1, n2, two spares on n3, n4; the program (bench_warm.c) knows of
# nothing.
#
#   retarget_warm_ms        rank killed -> first message at the spare
#   retarget_warm_node_ms   its node crashed -> the same
#   spare_core_pct          what a spare takes of one core while it waits, in those runs

readonly WARM_KEYS='retarget_warm_ms retarget_warm_node_ms spare_core_pct'
readonly WARM_STEPS='asked decided woken first' WARM_IDLE_S=2
warm_program=$FT_BUILD/tests/bench/bench_warm

# warm_pid NODE: of the one rank there.   warm_cpu_ns NODE PID: what its threads have had
warm_pid() { on "$1" pgrep -o -x bench_warm; }
warm_cpu_ns() {
    on "$1" sh -c 'cat /proc/"$1"/task/*/schedstat' - "$2" |
        awk '{ n += $1 } END { printf "%d\n", n }'
}
spares_are_fit() { [ "$(grep -c '"event":"spare_fit"' "$shared/warm.events" 2>/dev/null)" = 2 ]; }

# logged EVENT: the moment of its first entry, in seconds since the epoch; the log's clock is finer
# than its dates: moments are told from the first entry's.
logged() {
    jq -rs --arg event "$1" '(.[0].time | sub("\\.\\d+Z$"; "Z") | fromdate) as $s
        | (.[0].time | capture("\\.(?<ms>\\d+)Z").ms | tonumber) as $ms
        | map(select(.event == $event))[0].ms - .[0].ms |
            . / 1000 + $s + $ms / 1000' "$shared/warm.events"
}

# warm KEY FAULT: one run. FAULT: rank or node.
warm() {
    local key=$1 victim spare from to ended
    rm -f "$shared"/{ready,killed,warm.events}
    on n0 env FT_EVENTS=/shared/warm.events timeout -k 5 "$JOB_TIMEOUT_S" ft run --spares 2 \
        --host n0:1,n1:1,n2:1,n3:1,n4:1 -n 3 \
        "$warm_program" /shared/ready >"$scratch/out" 2>"$scratch/err" </dev/null &
    job=$!
    if ! wait_until "$READY_TIMEOUT_S" job_is_ready ||
        ! wait_until "$READY_TIMEOUT_S" spares_are_fit; then
        say "$key: the job is not ready after $READY_TIMEOUT_S s"
    fi
    victim=$(warm_pid n2) spare=$(warm_pid n3)
    from=$(warm_cpu_ns n3 "$spare") && sleep $WARM_IDLE_S && to=$(warm_cpu_ns n3 "$spare")
    if [ "$2" = rank ]; then
        on n2 bash -c 'echo "$EPOCHREALTIME" >/shared/killed; kill -KILL "$1"' - "$victim"
        crashed=$(<"$shared/killed")
    else
        crashed=$(cluster crash n2)
    fi
    end_job "$key"
    ended=$?
    [ "$2" = rank ] || cluster boot n2 || die "n2 does not boot again"
    [ $ended = 0 ] || return 1
    awk -v ns=$((to - from)) -v s=$WARM_IDLE_S 'BEGIN { printf "%.4f\n", ns / s / 1e7 }' >>"$scratch/warm.core"
    [ "$key" != spare_core_pct ] || return 0
    { ms_between "$crashed" "$(value first)"; echo; } >>"$scratch/$key"
    step "$key" asked "$(ms_between "$crashed" "$(logged alternative_asked)")"
    step "$key" decided "$(ms_between "$(logged alternative_asked)" "$(logged decision_made)")"
    step "$key" woken "$(ms_between "$(logged decision_made)" "$(value woken)")"
    step "$key" first "$(ms_between "$(value woken)" "$(value first)")"
}

sample_retarget_warm_ms() { warm "$1" rank; }
sample_retarget_warm_node_ms() { warm "$1" node; }

# Of the runs above, one for each sample; runs of its own where there were none.
sample_spare_core_pct() {
    local n_had
    n_had=$(wc -l <"$scratch/$1")
    [ "$(wc -l <"$scratch/warm.core" 2>/dev/null || echo 0)" -gt "$n_had" ] || warm "$1" rank ||
        return
    sed -n "$((n_had + 1))p" "$scratch/warm.core" >>"$scratch/$1"
}
