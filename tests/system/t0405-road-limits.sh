#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Exit codes, and what happens when FT itself is what fails: the job goes on, whoever asks is told why
# there is no answer, and nothing hangs.
test_description='exit codes, bad settings, units that are killed'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
. "$FT_TOP/tests/system/lib/road.sh"

unit_files='(n[0-3] /tmp/ft-0/prterun-n0-[0-9]+/(noded|central)\.(sock|log|lock))'
remove_unit_files() { for node in n0 n1 n2 n3; do on $node rm -rf /tmp/ft-0 || return 1; done; }

# --- exit codes

test_expect_success 'the program'\''s exit code comes through: 0' '
    start_clients zero 2 --pool n3 --host n0,n1 && end_clients 0 0 1 && await 60 && test $code = 0 && nothing_left
'
test_expect_success 'the program'\''s exit code comes through: 3' '
    start_clients three 2 --pool n3 --host n0,n1 && end_clients 3 0 1 && await 60 && test $code = 3 && nothing_left
'
test_expect_success 'it comes through also when a node was lost on the way: 0, and 3' '
    for wanted in 0 3; do
        start_clients lost-$wanted 3 --host n0,n1,n2 && cluster crash n2 && await_event 60 ".event == \"node_lost\"" &&
        end_clients $wanted 0 1 && await 60 && test $code = $wanted && nothing_left || return 1
    done
'
test_expect_success 'a rank that was killed and not missed does not spoil it' '
    start_clients killed 3 --host n0,n1,n2 && on n2 pkill -KILL -x road_client &&
    await_event 60 ".event == \"process_ended\" and .rank == 2" && end_clients 0 0 1 && await 60 && test $code = 0 &&
    nothing_left
'
test_expect_success 'MPI_Abort ends the job with its code' '
    start_clients abort 2 --host n0,n1 && tell 1 abort 7 && await 60 && test $code = 7 && nothing_left
'

# --- settings

# bad LINE-OF-ERROR WORDS...: a job with an ft.conf that says so; it runs, with one message.
bad_conf() {
    local name=$1 line=$2
    shift 2
    printf '%s\n' "$@" >"$shared/$name.conf"
    SECONDS=0
    start_clients "$name" 2 --conf "/shared/$name.conf" --pool n3 --host n0,n1 && test $SECONDS -lt 5 &&
        said | grep "^The fault tolerance runtime did not start: .*/shared/$name.conf:$line: " &&
        said | grep "findAlternative has nobody to ask" &&
        jq -se 'all(.[]; .open == -5)' "$shared/$name"/answer.*
}
test_expect_success 'an option that does not exist: file and line; the job runs without the runtime' '
    bad_conf option 3 "# ours" "share = true" "poool = {\"n3\"}" && said | grep "there is no option .poool." &&
    end_clients 3 0 1 && await 60 && test $code = 3 && nothing_left
'
test_expect_success 'a bad value: the same; the job still survives the loss of a node' '
    bad_conf value 1 "probes_max = 0" && said | grep "probes_max = 0 is out of range" &&
    cluster crash n1 && end_clients 0 0 && await 60 && test $code = 0 && nothing_left
'

# --- units that are killed

spare_is_ready() { await_event 60 '.event == "node_collected" and .node == "n3"'; }

test_expect_success 'the central unit is killed: mpirun says so, whoever asks is told, in time' '
    start_clients central 3 --pool n3 --host n0,n1,n2 && spare_is_ready && kill_on n0 ft-centrald &&
    ask 0 find rank:2 timeout=500 &&
    replied ".status == \"TIMEOUT\" and .took_ms < 1500 and (.reason | contains(\"the central unit has been out of reach\"))" &&
    ask 1 error rank:2 send timeout=500 && replied ".status == \"TIMEOUT\" and .took_ms < 1500" &&
    wait_until 60 grep -q "The central fault tolerance unit is gone" "$shared/central/out"
'
test_expect_success 'the job survives the loss of a node all the same' '
    cluster crash n2 && ask 0 find rank:2 timeout=500 && replied ".status == \"TIMEOUT\" and .took_ms < 1500" &&
    job_runs
'
test_expect_success 'with no limit of time the answer comes when the unit gives up: lost, with the reason' '
    ask 1 find rank:2 timeout=-1 &&
    replied ".status == \"LOST\" and .took_ms < 12000 and (.reason | contains(\"out of reach for 10 s\"))" &&
    ask 1 find rank:2 timeout=-1 && replied ".status == \"CONNECT\" and .took_ms < 2000"
'
test_expect_success 'the job ends well; only the logs of what was lost stay' '
    end_clients 0 0 1 && await 60 && test $code = 0 && nothing_left_but "$unit_files" && heal && remove_unit_files
'

test_expect_success 'a node'\''s unit is killed: its ranks are told at once; others get their alternative' '
    start_clients unit 3 --pool n3 --host n0,n1,n2 && spare_is_ready && kill_on n0 ft-noded &&
    await_event 60 ".event == \"unit_lost\" and .node == \"n0\"" && cluster crash n2 &&
    ask 0 find rank:2 &&
    replied "(.status == \"CONNECT\" or .status == \"LOST\") and .took_ms < 1000 and .hint != \"\"
        and (.reason | contains(\"no unit answers at unix:/tmp/ft-\"))" &&
    ask 1 find rank:2 && replied ".status == \"OK\" and .alternative == \"n3\"" &&
    end_clients 0 0 1 && await 60 && test $code = 0 && nothing_left_but "$unit_files" && heal && remove_unit_files
'
test_expect_success 'the unit of the one candidate is killed: it is started again there' '
    start_clients again 3 --pool n3 --host n0,n1,n2 && spare_is_ready && kill_on n3 ft-noded &&
    await_event 60 ".event == \"unit_lost\" and .node == \"n3\"" && cluster crash n2 &&
    ask 0 find rank:2 && replied ".status == \"OK\" and .alternative == \"n3\"" &&
    test "$(events ".event == \"unit_up\" and .node == \"n3\"")" = 2 &&
    end_clients 0 0 1 && await 60 && test $code = 0 && nothing_left
'

# --- the launcher

test_expect_success 'mpirun is killed: everything of the job ends by itself, on every node' '
    start_clients killed-mpirun 3 --pool n3 --host n0,n1,n2 && spare_is_ready && kill_on n0 prterun &&
    await 60 && test $code != 0 &&
    nothing_left_but "$unit_files|(n0 /tmp/prterun\..*)"
'

ft_done
