#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Warm spare ranks in jobs of an ordinary user, submitted with sbatch --ft-spares: where they are, and
# that they take the places of ranks that were lost with their node, under programs that know nothing
# of it and a plain mpirun.
test_description='sbatch --ft-spares: spare ranks wait on the spare nodes, and take over'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
. "$FT_TOP/tests/system/lib/slurm_submit.sh"
progs=${FT_STAGE%/*}/tests/system/progs

test_expect_success 'Slurm runs, with the plugins' 'cluster slurm up && use_plugins'

# --- where they are: a line "NODE RANK SPARES MODE" from each process

script say.sh 'echo "$OMPI_COMM_WORLD_RANK $(hostname) $FT_SPARE_RANKS $FT_MODE"'
script place.sh 'exec 2>&1' 'run() { echo "$1: $("${@:2}" bash say.sh | sort -n | xargs)"; }' \
    'run plain mpirun' \
    'run round mpirun -n 3 --map-by node' \
    'run each mpirun --map-by ppr:1:node' \
    'run host mpirun -n 1 --host n2' \
    'run one ft run --spares 1 -n 4' \
    'run none ft run --spares 0 -n 4' \
    'run report env FT_MODE=report mpirun' \
    'echo two; mpirun -n 1 hostname : -n 1 hostname' \
    'echo many; mpirun -n 5 hostname; echo "ended with $?"'
after() { sed -n "/^$1$/,\$p" "$home/out"; }

test_expect_success 'as many on the spare node as another node has ranks; the ranks as without' '
    submit sbatch --ft-spares=1 $two place.sh && wait_until 240 is_in_state "$job" COMPLETED && cat "$home/out" &&
    has "plain: 0 n1 2 retarget 1 n1 2 retarget 2 n2 2 retarget 3 n2 2 retarget 4 n3 2 retarget 5 n3 2 retarget"
'
test_expect_success 'with a mapping of the user'\''s own: round the nodes, so many on each, --host' '
    has "round: 0 n1 2 retarget 1 n2 2 retarget 2 n1 2 retarget 3 n3 2 retarget 4 n3 2 retarget" &&
    has "each: 0 n1 1 retarget 1 n2 1 retarget 2 n3 1 retarget" &&
    has "host: 0 n2 1 retarget 1 n3 1 retarget"
'
test_expect_success 'ft run --spares in it: so many in all, on the spare node first; 0: none' '
    has "one: 0 n1 1 retarget 1 n1 1 retarget 2 n2 1 retarget 3 n2 1 retarget 4 n3 1 retarget" &&
    has "none: 0 n1 0 retarget 1 n1 0 retarget 2 n2 0 retarget 3 n2 0 retarget"
'
test_expect_success 'FT_MODE=report: the spare node is idle' '
    has "report: 0 n1 0 report 1 n1 0 report 2 n2 0 report 3 n2 0 report"
'
test_expect_success 'several programs: none wait, and why; too many ranks: which node has how many' '
    after two | grep -q "need.* one program" && ! after two | sed -n "/^two/,/^many/p" | grep -q n3 &&
    after many | tr "\n" " " | grep -q "5 ranks need 5 slots, and 2 spare ranks 2; there are 4 for ranks (n1 2, n2 2), and 2 on.*(n3 2).*ended with [1-9]"
'

# --- in use

# app_runs OPTIONS...: publishers and subscribers of plain MPI; begins to send. SPARES=N of sbatch.
script app.sh 'export FT_EVENTS=$HOME/events; rm -rf $HOME/app $HOME/events; mkdir $HOME/app' \
    "mpirun $progs/retarget_app \$HOME/app send steps=\${STEPS:-3000}" 'echo "mpirun ended with $?"'
has_lines() { test "$(wc -l <"$home/app/$1" 2>/dev/null || echo 0)" -ge "$2"; }
app_runs() {
    rm -rf "$home/app" "$home/out" "$home/events"
    # shellcheck disable=SC2086 # they are words
    submit sbatch "$@" $two app.sh && wait_until 60 has_lines got.2.0 100 && wait_until 60 has_lines got.3.0 100
}
# ended_well NODE: all has arrived, the lost ranks' messages at their replacements.
increasing() { awk '$2 <= last { exit 1 } { last = $2 } END { exit last != 3000 }' "$1"; }
ended_well() {
    wait_until 60 grep -q "^mpirun ended with 0" "$home/out" && test "$(awk "{ print \$2 }" "$home/app/got.1.0")" = "$(seq 3000)" &&
        increasing "$home/app/got.2.1" && increasing "$home/app/got.3.1" &&
        event ".event == \"spare_woken\" and .node == \"$1\" and .rank == 4" &&
        event ".event == \"spare_woken\" and .node == \"$1\" and .rank == 5" &&
        boot_the_lost && wait_until 90 is_in_state "$job" COMPLETED && return
    show
    tail -n 3 "$home"/app/*
    return 1
}

# Slurm leaves the other nodes of the step alone when it finds the lost one down.
test_expect_success 'a node is powered off: the spare ranks take the places of its ranks, Slurm is not asked' '
    app_runs --ft=retarget --ft-spares=1 && touch "$home/app/died.2.0" "$home/app/died.3.0" && cluster off n2 &&
    slurm_finds_down n2 && ended_well n3 && none_beside && settle
'

# The program's own account of it is in app/end and app/log.RANK (repair_app.c).
script repair.sh 'export FT_EVENTS=$HOME/events; rm -rf $HOME/app $HOME/events; mkdir $HOME/app' \
    "mpirun $progs/repair_app \$HOME/app loop steps=150 pause=20" 'echo "mpirun ended with $?"'
whole_again() {
    wait_until 60 grep -q "^mpirun ended with 0" "$home/out" && grep -qE "^150 [0-9]+ of 4$" "$home/app/end" &&
        tail -n 1 "$home/app/log.2" | grep -q " new 1 " && tail -n 1 "$home/app/log.3" | grep -q " new 1 " && return
    show
    tail -n 3 "$home"/app/*
    return 1
}
test_expect_success '--ft=repair: a node is powered off, and the world made whole by its spare ranks' '
    rm -rf "$home/app" "$home/out" "$home/events" && submit sbatch --ft=repair --ft-spares=1 $two repair.sh &&
    wait_until 60 test -e "$home/app/computes.0" && cluster off n2 && whole_again && none_beside && settle
'

test_expect_success 'not needed: they end with the job' '
    ran env STEPS=200 sbatch --ft-spares=1 $two app.sh && has "mpirun ended with 0" && ! event ".event == \"spare_woken\"" &&
    event ".event == \"spares_dismissed\" and (.text | contains(\"2 spare ranks\"))"
'

test_expect_success 'the spare node is powered off: the job does not notice' '
    app_runs --ft-spares=1 && cluster off n3 && await_event ".event == \"spare_lost\" and .node == \"n3\"" &&
    wait_until 60 grep -q "^mpirun ended with 0" "$home/out" && settle
'

slurm_done
