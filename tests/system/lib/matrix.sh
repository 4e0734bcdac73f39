# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of the tests of modes and failures (t075*), beside road.sh's: a job of 4 ranks on n0 to n3
# and spares behind them, what happens to it, and that it goes on. Rank 0 stays well: its node has
# the launcher. What the programs tell is in matrix_record.h.
#
#   cluster_up 7
#   . "$FT_TOP/tests/system/lib/road.sh"
#   . "$FT_TOP/tests/system/lib/matrix.sh"
#   begin retarget c && suffer killed && suffer off && ends_well
#
# or all of it, as tests: `matrix_tests retarget`. In ./check each loss once, in jobs of two or
# three, in each language some; in `./check full` each loss in each language, in a job of its own,
# and all in a row.

matrix_ranks=4
declare -gA lives_n=() # by rank: how many processes it has had

# --- the job

# program MODE LANGUAGE: what runs in that mode, sets `program`; what has to be there for it:
# `needs`.
program() {
    local what
    case $1 in
        report) what=ulfm ;;
        retarget) what=publish ;;
        repair) what=solve ;;
    esac
    case $2 in
        c) program=("$progs/matrix_$what") ;;
        fortran) program=("$progs/matrix_f08" "$what") ;;
        python) program=(python3 "$FT_TOP/tests/system/progs/matrix.py" "$what") ;;
    esac
}

# begin MODE LANGUAGE [SPARES]: the job runs, all its ranks do steps. At most 12 spares.
begin() {
    local mode=$1 language=$2 spares=${3-4} name rank hosts
    name=$mode.$language.$((++matrix_jobs))
    program "$mode" "$language"
    hosts=n0:1,n1:1,n2:1,n3:1,n4:4,n5:4,n6:4
    # Its own spares are processes like the others to mpirun.
    if [ "$mode" = report ]; then
        start "$name" ft run --mode report --bind-to none \
            --host $hosts -n $((matrix_ranks + spares)) "${program[@]}" \
            "/shared/$name" $matrix_ranks
    else
        start "$name" ft run --mode "$mode" --spares "$spares" --bind-to none \
            --host $hosts -n $matrix_ranks "${program[@]}" "/shared/$name"
    fi || return
    matrix_mode=$mode
    for ((rank = 0; rank < matrix_ranks; rank++)); do lives_n[$rank]=1; done
    goes_on || { said; return 1; }
    [ "$mode" = report ] || wait_until 60 spares_are_fit "$spares"
}
matrix_jobs=0
spares_are_fit() { test "$(events '.event == "spare_fit"')" = "$1"; }

# ends_well: the test lets it come to its end, which is as without failures.
ends_well() {
    touch "$shared/$job_name/end" && await 120 && test "$code" = 0 &&
        grep -qx "all 4 ranks are right" "$shared/$job_name/out" &&
        # of one that was cut off for long
        nothing_left_but "n[0-9] /tmp/ft-0/prterun-n0-[0-9]+/noded.log"
}

# --- its ranks

life() { echo "$shared/$job_name/life.$1.$((${lives_n[$1]} - 1))"; }
# node_of, pid_of RANK: of its present process
node_of() { awk '{ print $1; exit }' "$(life "$1")"; }
pid_of() { awk '{ print $2; exit }' "$(life "$1")"; }
steps_of() { [ ! -e "$(life "$1")" ] || wc -l <"$(life "$1")"; } # it may not be there yet
has_steps_or_is_over() { has_steps "$@" || job_is_over; }
has_steps() { [ "$(steps_of "$1")" -ge "$2" ] 2>/dev/null; }

# goes_on: the processes that have the ranks now each do some more steps.
goes_on() {
    local rank wanted=()
    for ((rank = 0; rank < matrix_ranks; rank++)); do wanted[rank]=$(($(steps_of $rank) + 10)); done
    for ((rank = 0; rank < matrix_ranks; rank++)); do
        wait_until 60 has_steps_or_is_over $rank "${wanted[rank]}" &&
            has_steps $rank "${wanted[rank]}" || return
    done
}
show_lives() {
    local file
    for file in "$shared/$job_name"/life.*; do
        printf '%s: %s, %d steps, ' "${file##*/}" "$(head -n 1 "$file")" $(($(wc -l <"$file") - 1))
        echo "the last $(tail -n 1 "$file")"
    done
}

# replaced RANK...: others have their ranks now, and all go on.
replaced() {
    local rank
    for rank; do
        lives_n[$rank]=$((${lives_n[$rank]} + 1))
        wait_until 60 test -s "$(life "$rank")" || return
    done
    goes_on
}

signal() { on "$(node_of "$2")" kill "-$1" "$(pid_of "$2")"; }

# spare_processes: those that have no rank, a line each: node, PID there, real rank
spare_processes() {
    local node
    cat "$shared/$job_name"/life.* | awk 'NF == 2' >"$ft_scratch/used"
    for node in n4 n5 n6; do
        # shellcheck disable=SC2016
        on $node bash -c 'for p in /proc/[0-9]*; do
            rank=$(tr "\0" "\n" <$p/environ 2>/dev/null | sed -n "s/^OMPI_COMM_WORLD_RANK=//p")
            [ -z "$rank" ] || echo "$1 ${p#/proc/} $rank"; done' - $node 2>/dev/null
    done | awk 'FILENAME == ARGV[1] { used[$1, $2]; next } !(($1, $2) in used)' \
        "$ft_scratch/used" - | sort -n -k 3
}

# --- what happens to it: `suffer WHAT` breaks something, and waits until all is as before.

suffer() { job_runs && "suffer_$1" || { said; show_lives; return 1; }; }

suffer_killed() { signal KILL 1 && replaced 1; }
# Of a node, all ranks are lost that are there.
ranks_on() {
    local rank
    for ((rank = 0; rank < matrix_ranks; rank++)); do
        [ "$(node_of $rank)" != "$1" ] || echo $rank
    done
}
suffer_off() {
    local node ranks
    node=$(node_of 2) && mapfile -t ranks < <(ranks_on "$node") && cluster off "$node" &&
        replaced "${ranks[@]}"
}

# Cut, it is given up; when the cut is healed, what was there must not speak, and not stay.
suffer_cut() {
    local node pid ranks
    node=$(node_of 3) pid=$(pid_of 3) && mapfile -t ranks < <(ranks_on "$node") &&
        cluster cut "$node" && replaced "${ranks[@]}" &&
        cluster join "$node" && wait_until 60 process_is_gone "$node" "$pid" && goes_on
}
process_is_gone() { ! on "$1" kill -0 "$2" 2>/dev/null; }

suffer_two() {
    signal KILL 1 &
    signal KILL 2 && wait $! && replaced 1 2
}

# A second rank is lost during the recovery from the first one: it stands still, so that the
# recovery cannot be over. In retarget nobody waits for it: there the spare is lost that has been
# given.
suffer_during() {
    if [ "$matrix_mode" = retarget ]; then
        lose_given_spare 1
    else
        signal STOP 2 && lose 1 && signal KILL 2 && replaced 1 2
    fi
}

# lose RANK: it is killed, and the launcher has noticed.
lose() {
    local before
    before=$(ends_seen) && signal KILL "$1" && wait_until 60 more_ends_than "$before"
}
ends_seen() { events '.event == "process_ended"'; }
more_ends_than() { [ "$(ends_seen)" -gt "$1" ]; }

# The one that is chosen never wakes: all spares stand still until it is dead.
lose_given_spare() {
    local before node pid real given
    before=$(events '.event == "spare_woken"') || return
    spare_processes >waiting && signal_all STOP <waiting && signal KILL "$1" &&
        wait_until 60 more_are_woken "$before" &&
        given=$(jq -c 'select(.event == "spare_woken").rank' "$shared/$job_name/events" |
            tail -n 1) &&
        awk -v r="$given" '$3 == r' waiting | signal_all KILL &&
        awk -v r="$given" '$3 != r' waiting | signal_all CONT && replaced "$1"
}
more_are_woken() { [ "$(events '.event == "spare_woken"')" -gt "$1" ]; }
signal_all() {
    local node pid
    while read -r node pid _; do on "$node" kill "-$1" "$pid" </dev/null || return; done
}

# The one that has come dies at once.
suffer_replacement() {
    signal KILL 1 && lives_n[1]=$((lives_n[1] + 1)) && wait_until 60 test -s "$(life 1)" &&
        signal KILL 1 && replaced 1
}

# The first of those that wait; then one is needed.
suffer_spare() {
    local before
    before=$(ends_seen) && spare_processes | head -n 1 | signal_all KILL &&
        wait_until 60 more_ends_than "$before" && goes_on &&
        signal KILL 2 && replaced 2
}

# --- as tests

# First those that find each rank on a node of its own.
losses=(off cut killed two during replacement spare)
spares_lost=([0]=1 1 1 2 2 2 2)                      # with each of them
languages=(c fortran python)

declare -A loss_is=([off]="a node is off" [cut]="a node is cut off, later healed" [killed]="a rank is killed"
    [two]="two ranks are killed at once" [during]="another loss during the recovery"
    [replacement]="the replacement dies, too" [spare]="a spare dies before it is needed")

matrix_tests() {
    local mode=$1 first language i
    [ -x "$progs/matrix_f08" ] && test_set_prereq FORTRAN
    python3 -c 'import mpi4py' 2>/dev/null && test_set_prereq PYTHON
    test_set_prereq C
    case $mode in report) first=0 ;; retarget) first=1 ;; repair) first=2 ;; esac
    for language in "${languages[@]}"; do
        if [ "${FT_CHECK_FULL-}" ]; then
            for ((i = 0; i < ${#losses[@]}; i++)); do job_test "$mode" "$language" $i; done
            job_test "$mode" "$language" "${!losses[@]}"
        else
            # shellcheck disable=SC2046
            job_test "$mode" "$language" $(seq $first 3 $((${#losses[@]} - 1)))
            first=$(((first + 1) % 3))
        fi
    done
}

# job_test MODE LANGUAGE INDEX...: a job that meets these, one after the other.
job_test() {
    local mode=$1 language=$2 spares=0 i
    shift 2
    for i; do spares=$((spares + spares_lost[i])); done
    test_expect_success "${language^^}" "$mode, $language: $spares spares" \
        "begin $mode $language $spares"
    for i; do
        test_expect_success "${language^^}" "  ${loss_is[${losses[i]}]}" "suffer ${losses[i]}"
    done
    test_expect_success "${language^^}" '  the end is as without losses' ends_well
}
