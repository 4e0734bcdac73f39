#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# mpirun attached to the system's units: silent nodes, drained nodes, a central unit that is restarted
# under the job, users that are not the job's.
test_description='mpirun uses the units of the system, and what it says there is its user'\''s alone'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/system.sh"

conf 'pool = { "n3", "n4" }'

# publish NAME MESSAGES [MPIRUN OPTION]...: two publishers on n0, subscribers on n1 (rank 2), n2 (rank 3).
publish() {
    local name=$1 messages=$2
    shift 2
    start_pubsub "$name" -- -n 4 --host n0:2,n1:1,n2:1 "$@" -- --publishers 2 --messages "$messages" &&
        wait_until 60 received 3 100
}
moved() { jq -e --argjson planned "$1" '(.losses | length) == 2 and (.losses | all(.planned == $planned and .subscriber == 3))' account; }
runs_on() { on "$1" pgrep -x "$2" >/dev/null; }
runs_not_on() { ! runs_on "$@"; }
session() { sys_event '.event == "session_began"' >/dev/null && all_events | jq -r 'select(.event == "session_began").session' | tail -n 1; }
now_seq() { all_events | tail -n 1 | jq .seq; }
no_session() { [ "$(sys_events '.event == "session_began"')" = "$(sys_events '.event == "session_ended"')" ]; }
some_session() { ! no_session; }
gone_since() { sys_event ".event == \"launcher_gone\" and .seq > $1"; }
# launch NAME: a job that would run for long; until it runs
launch() { seq=$(now_seq) && start "$1" ft run -n 2 --host n0:1,n1:1 sleep 100 && await_sys_event 60 ".event == \"job_started\" and .seq > $seq"; }

test_expect_success 'the daemons come up' 'system_up && central_is n0'

test_expect_success 'ranks are told of the unit of their node; nothing is started for the job' '
    start env ft run -n 2 --host n0:1,n1:1 sh -c "echo ft_host=\$FT_HOST" && await 60 && test $code = 0 &&
    test "$(said | grep -c "^ft_host=unix:/run/ft/noded.sock$")" = 2 && test ! -e "$shared/env/events"'

# One whose launcher said nothing is waited for 10 s.
test_expect_success 'a session is over with its mpirun, also with one that is interrupted' '
    wait_until 60 no_session && launch interrupted && some_session && on n0 pkill -INT -x prterun && await 60 &&
    wait_until 60 no_session && ! gone_since $seq'
test_expect_success 'the session of an mpirun that was killed is waited for, and ends as well' '
    launch killed && on n0 pkill -KILL -x prterun && await 60 && some_session &&
    wait_until 60 no_session && gone_since $seq'

test_expect_success 'a node is cut off: declared, replaced from the system'\''s pool, gone when it is back' '
    seq=$(now_seq) && publish cut 5000 && cut_at=$(cluster cut n2) &&
    await_sys_event 60 ".event == \"standin_announced\" and .seq > $seq" &&
    cluster join n2 && wait_until 60 runs_not_on n2 pubsub && wait_until 60 runs_not_on n2 prted &&
    await 60 && pubsub_is_well && moved false && jq -e ".messages_acked == 20000 and .late == 0" account'
test_expect_success 'its unit is taken back' '
    await_sys_event 60 ".event == \"node_back\" and .node == \"n2\" and .seq > $seq"'

test_expect_success 'ft drain: the ranks there are left in time, with nothing sent again' '
    publish drain 5000 && on n1 ft drain n2 --reason "new disks" --no-wait &&
    wait_until 60 test -e "$shared/drain/records/received.3.1" && await 60 && pubsub_is_well &&
    moved true && jq -e ".resent == 0" account && on n1 ft undrain n2'

test_expect_success 'the central unit is killed and started again under the job: it is told all, and decides' '
    publish restart 4000 && seq=$(now_seq) && kill_central n0 && start_central n0 && await_central n0 &&
    await_sys_event 60 ".event == \"node_collected\" and .node == \"n3\" and .seq > $seq" &&
    cluster crash n2 && await 90 && pubsub_is_well && moved false'
test_expect_success 'the node boots again' '
    cluster boot n2 && unset "daemon_pid[n2 ft-noded]" && seq=$(now_seq) && start_unit n2 &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n2\" and .seq > $seq"'

test_expect_success 'another user cannot speak for a session; its launcher is heard as before' '
    publish impostor 3000 && cluster exec -u nobody n1 "$progs/road_impostor" "$(session)" >impostor </dev/null &&
    cat impostor && grep -x "report -12" impostor && grep -x "news -12" impostor &&
    cluster crash n2 && await 90 && pubsub_is_well && moved false'
test_expect_success 'the node boots again' '
    cluster boot n2 && unset "daemon_pid[n2 ft-noded]" && seq=$(now_seq) && start_unit n2 &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n2\" and .seq > $seq"'

test_expect_success 'the unit of mpirun'\''s node is killed and started again: it is told everything anew' '
    publish unit 4000 && kill_unit n0 && sleep 1 && seq=$(now_seq) && start_unit n0 &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n0\" and .seq > $seq" &&
    cluster crash n2 && await 90 && pubsub_is_well && moved false'
test_expect_success 'the node boots again' '
    cluster boot n2 && unset "daemon_pid[n2 ft-noded]" && seq=$(now_seq) && start_unit n2 &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n2\" and .seq > $seq"'

test_expect_success 'a node whose unit does not run: the job runs, the event log says which' '
    seq=$(now_seq) && end_unit n1 && start_clients nounit 2 --host n0,n1 &&
    await_sys_event 60 ".event == \"unit_failed\" and .node == \"n1\" and .seq > $seq" &&
    end_clients 0 0 1 && await 60 && test $code = 0 && start_unit n1'

test_expect_success 'units of its own where the user wants that: the system hears nothing of the job' '
    seq=$(now_seq) && publish private 3000 --prtemca errmgr_ft_system none && cluster crash n2 && await 60 &&
    pubsub_is_well && moved false && event ".event == \"decision_made\"" &&
    test "$(sys_events ".event == \"session_began\" and .seq > $seq")" = 0'

test_expect_success 'the daemons end in order' 'system_down'
ft_done
