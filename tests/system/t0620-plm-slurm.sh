#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# mpirun in a Slurm job of an ordinary user, PRRTE's plm/slurm starting the daemons: what is lost, and
# where a stand-in can be started, is the same as without Slurm; mpirun ends as the application does.
test_description='PRRTE component under Slurm: losses survived, nodes of the job and of another one used'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/slurm.sh"
app=${FT_STAGE%/*}/tests/system/progs/survive_app
[ -x "$app" ] || error "survive_app is not built"
cluster slurm up || error "Slurm did not come up"

# As in t0100: what keeps known faults of Open MPI 5.0.7 out of the picture.
calm='--mca coll ^han --mca async_mpi_finalize 1 --mca mpi_add_procs_cutoff 1024'
calm="$calm --mca btl_tcp_if_include eth0"

# --- words

other= # the other allocation, while there is one; it has n5
ours_left_nothing() {
    [ "$(on n0 squeue -h -o %i)" = "$other" ] && [ -z "$(for n in 0 1 2 3 4; do cluster pids n$n; done)" ]
}
ours_are_idle() { [ "$(on n0 sinfo -h -N -n n1,n2,n3,n4 -o %T | sort -u)" = idle ]; }
says() { grep -a -q -- "$1" "$shared/out"; }
hears() { wait_until 60 says "$1" || { cat "$shared/out"; false; }; }

# What a test before this one left, if it failed.
clean() { other= && clear; }

# submit "SBATCH OPTION..." COMMAND...: alice's job that runs COMMAND and says what it ended with.
submit() {
    local options=$1
    shift
    { ours_left_nothing && ours_are_idle; } || clean || return
    rm -f "$shared"/ready "$shared"/go "$shared"/out
    # shellcheck disable=SC2086
    job=$(printf '%s\n' '#!/bin/bash' "$*" 'echo "mpirun ended with $?"' |
        alice sbatch --parsable --no-kill -o /shared/out $options)
}

# job "SBATCH OPTION..." "MPIRUN OPTION..." WORD...: a fault tolerant survive_app; all of it runs.
job() {
    local options=$1 mpirun=$2
    shift 2
    submit "$options" mpirun --with-ft ulfm "$calm" "$mpirun" "$app" "$@" &&
    { wait_until 60 test -e "$shared"/ready || { cat "$shared/out"; false; }; }
}

# ends_with CODE: mpirun does, in its time, and leaves neither a process nor an allocation, once a lost
# node has booted: with such a one a job is completing until Slurm has found it down.
ends_with() {
    wait_until 60 says "mpirun ended with" && says "mpirun ended with $1\$" &&
    boot_the_lost && wait_until 60 ours_left_nothing && return
    cat "$shared/out"; on n0 scontrol show job; cluster pids
    return 1
}

four='-N4 --ntasks-per-node=1 -w n1,n2,n3,n4'
three='--host n1,n2,n3'
kill_daemon_on() { on "$1" pkill -9 -x prted; }
is_down_to_slurm() { on n0 sinfo -h -N -n "$1" -o %T | grep -q '^down'; }
goes_on() { # the job, to Slurm and to mpirun
    wait_until 60 is_in_state "$job" RUNNING && test_must_fail says "mpirun ended" && return
    cat "$shared/out"; on n0 scontrol show job "$job"; on n0 tail -n 20 /var/log/slurm/slurmctld.log
    return 1
}

# Another allocation of alice's, with n5; and its end.
take_another() {
    other=$(alice timeout 120 salloc --no-shell -J elsewhere -N1 -w n5 2>&1 |
        sed -n 's/.*Granted job allocation \([0-9]*\).*/\1/p') && [ "$other" ] &&
    wait_until 60 is_in_state "$other" RUNNING
}
give_it_back() {
    local was=$other
    other=
    alice scancel "$was" && wait_until 60 is_in_state "$was" CANCELLED && wait_until 60 ours_left_nothing
}

# --- what happens

test_expect_success 'nothing is lost: the code is the applications, nobody complains of Slurms version' '
    job "$four" "" exit=3 && ends_with 3 && test_must_fail says "Slurm version" &&
    test "$(grep -a -c "^rank . of 4 on n[1-4] " "$shared"/out)" = 4
'

test_expect_success 'a daemon is killed; a spawn goes to a node of the job that mpirun did not use' '
    job "$four" "$three" losses=1 spawn=n4 end=go && kill_daemon_on n2 &&
    hears "child on n4" && touch "$shared"/go && ends_with 0 &&
    says "rank 0: node n2 down" && says "rank 2: node n2 down"
'

test_expect_success 'the same with a node between those that it did use' '
    job "$four" "--host n1,n3" losses=1 spawn=n2 end=go && on n3 pkill -9 -x survive_app &&
    hears "child on n2" && touch "$shared"/go && ends_with 0
'

test_expect_success 'a node crashes: Slurm takes it out of the job, which goes on; a survivors exit code' '
    job "$four" "$three" losses=1 spawn=n4 end=go exit=5 && cluster crash n2 &&
    hears "child on n4" && wait_until 120 is_down_to_slurm n2 && goes_on &&
    touch "$shared"/go && ends_with 5 && all_up_again
'

test_expect_success 'a node is switched off' '
    job "$four" "$three" losses=1 spawn=n4 end=go && cluster off n2 &&
    hears "child on n4" && touch "$shared"/go && ends_with 0 && all_up_again
'

test_expect_success 'the daemons srun is killed: Slurm ends all its daemons, the job goes on elsewhere' '
    job "$four" "$three" losses=2 spawn=n4 end=go && on n1 pkill -9 -o -x srun &&
    hears "^lost \(2 of 3\|1 of 2\)" && hears "child on n4" && touch "$shared"/go && ends_with 0
'

test_expect_success 'a spawn goes to a node of another allocation, which stays' '
    take_another && job "$four" "$three" losses=1 spawn=n5 end=go && kill_daemon_on n2 &&
    hears "child on n5" && touch "$shared"/go && ends_with 0 && is_in_state "$other" RUNNING &&
    give_it_back
'

test_expect_success 'nodes with different numbers of slots take a stand-in, too' '
    take_another && job "-N3 -n4 -w n1,n2,n3" "" losses=1 spawn=n5 end=go && kill_daemon_on n2 &&
    hears "child on n5" && touch "$shared"/go && ends_with 0 && give_it_back
'

test_expect_success 'four processes spawn on the same new node at once' '
    take_another && submit "-N2 --ntasks-per-node=2 -w n1,n2" mpirun --with-ft ulfm -n 4 \
        "${app%/*}/pmix_alloc" on=all spawn:host=n5 && ends_with 0 && give_it_back &&
    test "$(grep -a -c "^spawn PMIX_SUCCESS" "$shared"/out)" = 4 &&
    test "$(grep -a -c "^child on n5" "$shared"/out)" = 4
'

test_expect_success 'a node that Slurm gave nobody: the spawn fails, the job goes on' '
    job "$four" "$three" losses=1 spawn=n5 end=go && kill_daemon_on n2 &&
    hears "spawn failed" && touch "$shared"/go && ends_with 0
'

test_expect_success 'a node of another users: the spawn fails, her job is not touched' '
    other=$(bob sbatch --parsable -w n5 -o /dev/null --wrap "sleep 1000") &&
    wait_until 60 is_in_state "$other" RUNNING &&
    job "$four" "$three" losses=1 spawn=n5 end=go && kill_daemon_on n2 &&
    hears "spawn failed" && touch "$shared"/go && wait_until 60 says "mpirun ended with 0" &&
    is_in_state "$other" RUNNING && bob scancel "$other" && other= &&
    wait_until 60 ours_left_nothing
'

# Who says so depends on what comes first: that srun gives up, or that the other daemons die with it.
test_expect_success 'a node is off when mpirun starts: it says so, and ends' '
    submit "$four" "until test -e /shared/go; do sleep 0.1; done; mpirun --with-ft ulfm $calm $app" &&
    wait_until 60 is_in_state "$job" RUNNING && cluster off n3 && touch "$shared"/go &&
    hears "mpirun ended with [1-9]" && all_up_again && wait_until 60 ours_left_nothing &&
    says "did not start PRRTE.s daemons on .*n3\|lost communication with a remote daemon"
'

test_expect_success 'the job is cancelled: nothing is left' '
    job "$four" "$three" end=never && alice scancel "$job" && wait_until 60 ours_left_nothing
'

# On stock it leaves processes behind on both nodes, which not even the end of the Slurm job ends.
# What mpirun says of it depends on who is first with the news: the broken connection ("lost
# communication"), or srun, which ends the step for its lost task.
test_expect_success 'a job that did not ask for fault tolerance ends as on stock' '
    submit "$four" mpirun $calm $app end=never && wait_until 60 test -e "$shared"/ready &&
    kill_daemon_on n2 && hears "mpirun ended with" &&
    { on n1 pkill -9 -x survive_app; on n2 pkill -9 -x survive_app; wait_until 60 ours_left_nothing; }
'

slurm_done
