# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the processes of a job of retarget_app.c have received, held against what they should have.
# Beside road.sh.

# increasing FILE: each sender's steps are greater than those before.
increasing() {
    awk '$2 <= last[$1] { exit 1 } { last[$1] = $2 }' "$1" || { echo "$1: out of order"; return 1; }
}
# whole FILE STEPS SENDER: all of its steps, in order
whole() {
    test "$(awk -v s="$3" '$1 == s { print $2 }' "$1")" = "$(seq "$2")" || { echo "$1: not 1 to $2 from $3"; return 1; }
}
# to_the_end FILE STEPS: the last of rank 0's steps, and all from some step on
to_the_end() {
    awk -v n="$2" '$2 != last + 1 { jumps = NR } { last = $2 } END { exit last != n || NR - jumps < n / 10 }' "$1" ||
        { echo "$1: does not lead to $2"; tail -n 3 "$1"; return 1; }
}
# published STEPS RANK=LIVES...: what the ranks received that were never lost, and the others
published() {
    local steps=$1 of rank lives life dir=$shared/$job_name
    shift
    for rank in 1 2 3; do
        lives=1
        for of; do [ "${of%=*}" != "$rank" ] || lives=${of#*=}; done
        if [ "$lives" = 1 ]; then
            whole "$dir/got.$rank.0" "$steps" 0 || return 1
        fi
        for ((life = 0; life < lives; life++)); do increasing "$dir/got.$rank.$life" || return 1; done
        to_the_end "$dir/got.$rank.$((lives - 1))" "$steps" || return 1
    done
}
# gathered STEPS RANK=LIVES...: what rank 0 received, in order: of the others 1 to STEPS; of a lost
# rank 1 to where it died, or a little less, again for each life.
gathered() {
    local steps=$1 of rank got=$shared/$job_name/got.0.0 lives
    shift
    for rank in 1 2 3; do
        lives=1
        for of; do [ "${of%=*}" != "$rank" ] || lives=${of#*=}; done
        if [ "$lives" = 1 ]; then
            whole "$got" "$steps" "$rank" || return 1
        else
            awk -v s="$rank" -v n="$steps" -v lives="$lives" '
                $1 != s { next }
                $2 == 1 { seen++; last = 0 }
                $2 != last + 1 { exit bad = 1 }
                { last = $2 }
                END { exit bad || last != n || seen != lives }' "$got" || { echo "rank $rank: $lives lives?"; return 1; }
        fi
    done
}
# collected STEPS RANK...: the same without an order; each of the named ranks may have steps twice
collected() {
    local steps=$1 rank got=$shared/$job_name/got.0.0
    shift
    for rank in 1 2 3; do
        awk -v s=$rank -v n="$steps" -v lost=" $* " '
            $1 == s { count[$2]++ }
            END { for (i = 1; i <= n; i++) if (count[i] < 1 || (count[i] > 1 && !index(lost, " " s " "))) exit 1 }' \
            "$got" || { echo "rank $rank: not all steps"; return 1; }
    done
}
