# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the preloaded layer costs while nothing fails (bench_cost.c says what is measured): with it,
# in force, against `mpirun --with-ft ulfm` alone; on two ranks of n0, where a message takes least.
#
# Two jobs of the same kind differ by up to 40 %, for as long as each runs: by where their memory
# lies, and by what else the machine does. So a sample is COST_ROUNDS times four short jobs (without,
# with, with, without), and the least time of the ones is divided by the least time of the others.
# The same of the first and the last jobs of the rounds, which are both without the layer, says how
# far that can be trusted; and so does what each job says of itself past the layer.
# shellcheck disable=SC2154,SC2034 # bench has scratch, reach, unit and most; and uses ours

readonly COST_CASES="pingpong msgrate allreduce"
readonly COST_KEYS="pingpong_ratio msgrate_ratio allreduce_ratio"
for key in $COST_KEYS; do reach["$key"]=1.01 unit["$key"]='' most["$key"]=5; done
readonly COST_SIZES='8 1048576' COST_TIMEOUT_S=60 COST_ROUNDS=3

# cost_of WAY: runs the job once; WAY: plain, first or last (both without the layer), ft.
# Appends "WAY CASE BYTES US DIRECT_US" lines to $scratch/cost.
cost_of() {
    local way=$1 start
    case $way in
        plain) start=(mpirun) ;;
        first | last) start=(mpirun --with-ft ulfm) ;;
        ft) start=(ft run --mode=retarget) ;;
    esac
    # shellcheck disable=SC2086 # sizes are words
    on n0 timeout -k 5 $COST_TIMEOUT_S "${start[@]}" --host n0:2 \
        -n 2 "$FT_BUILD/tests/bench/bench_cost" $COST_SIZES \
        >"$scratch/out" 2>"$scratch/err" </dev/null
    sed -n "s/.*bench case=\([a-z]*\) bytes=\([0-9]*\) us=\([0-9.]*\) direct_us=\([0-9.]*\) .*/$way \1 \2 \3 \4/p" \
        "$scratch/out" >"$scratch/cost.job"
    cat "$scratch/cost.job" >>"$scratch/cost"
    [ "$(wc -l <"$scratch/cost.job")" = 6 ] && return
    say "$way: no figures; what it said:"
    tail -n 20 "$scratch/out" "$scratch/err" >&2
    return 1
}

# A sample of each key: the larger of the two sizes' ratios. For
# show_cost: bytes, us without FT, the ratio, that of jobs without FT among each other, that to itself
# past the layer, nanoseconds more than past the layer, and the ratio to no ULFM.
cost_jobs() {
    local case round
    : >"$scratch/cost"
    for ((round = 0; round < COST_ROUNDS; round++)); do
        cost_of first && cost_of ft && cost_of ft && cost_of last || return
    done
    cost_of plain || return
    for case in $COST_CASES; do
        awk -v what="$case" -v notes="$scratch/cost.${case}_ratio" '
            function median(of, b, i, j, t) {
                for (i = 0; i < n[b]; i++) for (j = i + 1; j < n[b]; j++)
                    if (of[b, j] < of[b, i]) { t = of[b, i]; of[b, i] = of[b, j]; of[b, j] = t }
                return (of[b, int((n[b] - 1) / 2)] + of[b, int(n[b] / 2)]) / 2 }
            function least(way, us) { if (!((way, $3) in min) || us < min[way, $3]) min[way, $3] = us }
            $2 != what { next }
            { sizes[$3]; least($1, $4); if ($1 == "first" || $1 == "last") least("stock", $4) }
            $1 == "ft" { past[$3, n[$3]] = $4 / $5; more[$3, n[$3]++] = ($4 - $5) * 1000 }
            END { for (b in sizes) {
                ratio = min["ft", b] / min["stock", b]
                if (ratio > worst) worst = ratio
                print b, min["stock", b], ratio, min["last", b] / min["first", b], median(past, b), median(more, b), min["ft", b] / min["plain", b] >>notes }
                printf "%.5f\n", worst }' "$scratch/cost" >>"$scratch/cost.samples.${case}_ratio"
    done
}

# They are taken from the jobs in turn.
cost_sample() {
    local key=$1 taken have=0
    taken=$(wc -l <"$scratch/$key")
    [ ! -s "$scratch/cost.samples.$key" ] || have=$(wc -l <"$scratch/cost.samples.$key")
    if [ "$have" -le "$taken" ]; then cost_jobs || return; fi
    sed -n "$((taken + 1))p" "$scratch/cost.samples.$key" >>"$scratch/$key"
}

sample_pingpong_ratio() { cost_sample "$1"; }
sample_msgrate_ratio() { cost_sample "$1"; }
sample_allreduce_ratio() { cost_sample "$1"; }

# Below a key's line, for each size: the medians over the samples.
show_cost() {
    local bytes column
    for bytes in $COST_SIZES; do
        printf '    %8s bytes' "$bytes"
        for column in 'us, stock:2' 'against stock:3' 'stock against stock:4' 'against itself past the layer:5' \
            'ns more than past the layer:6' 'against no ULFM:7'; do
            printf '   %s %s' "${column%:*}" "$(awk -v b="$bytes" -v c="${column#*:}" '$1 == b { print $c }' "$scratch/cost.$1" |
                sort -g |
                    awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }')"
        done
        echo
    done
}
