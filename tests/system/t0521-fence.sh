#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Silent nodes, and nodes that are about to go, as an MPI job sees them: publishers go on with a
# stand-in, the old rank is gone before or when its node is back, and what was acknowledged is exact.
# How silence is detected is t0520's.
test_description='a job outlives silent nodes, leaves failing ones in time, and meets no rank twice'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"

# Two publishers on n0, subscribers on n1 (rank 2) and n2 (rank 3); rank 3 is the one concerned.
readonly HOSTS=n0:2,n1:1,n2:1

publish() {
    local name=$1 messages=$2
    shift 2
    start_pubsub "$name" --pool n3,n4 -- -n 4 --host $HOSTS "$@" -- --publishers 2 --messages "$messages" &&
        wait_until 60 received 3 100
}

# Both publishers go on with the same stand-in on n3, for the reason given (planned: true, false).
both_moved() {
    jq -e --argjson planned "$1" '.losses | length == 2 and all(.subscriber == 3 and .planned == $planned
        and .alternative == "n3") and (map(.decision) | unique | length) == 1' account
}
moved() { [ "$(ls "$shared/$job_name"/records/received.3.1 2>/dev/null)" ]; }

central() { on n0 sh -c 'ls /tmp/ft-0/*/central.sock' | tail -n 1; }
ft_n0() { on n0 env FT_HOST="unix:$(central)" ft "$@"; }
runs_on() { on "$1" pgrep -x "$2" >/dev/null; }
runs_not_on() { ! runs_on "$@"; }
# The PIDs of what the test stops are n2's own.
stop_rank() { on n2 pkill -STOP -x pubsub; }

declared='.event == "node_declared" and .node == "n2"'

test_expect_success 'a node is cut off: declared in time, the job goes on with a stand-in' '
    publish cut 4000 && cut_at=$(cluster cut n2) && await_event 60 "$declared" &&
    await_event 60 ".event == \"standin_announced\" and .node == \"n3\"" &&
    test "$(event_ms ".event == \"node_lost\" and .node == \"n2\"" $cut_at)" -lt 5000'
test_expect_success 'the cut heals: its old rank is gone, and its launcher'\''s daemon is not let back in' '
    cluster join n2 && wait_until 60 runs_not_on n2 pubsub && wait_until 60 runs_not_on n2 prted &&
    await 60 && pubsub_is_well && both_moved false'
test_expect_success 'the acknowledgements are exact: each once, none for what only the old rank received' '
    jq -e ".messages_acked == 16000 and .out_of_order == 0 and .late == 0" account &&
    jq -e ".messages_received == 16000 and .received_twice == 0 and .messages_lost == 0" verified &&
    nothing_left_but "n2 /tmp/ft-0/[^/]*/noded.log"'

test_expect_success 'cut for longer than the lease: the unit ends the ranks, and says so when it is back' '
    publish long 5000 --prtemca errmgr_ft_silence 30000 && cluster cut n2 && wait_until 60 runs_not_on n2 pubsub && cluster join n2 &&
    await_event 60 ".event == \"ranks_killed\" and .node == \"n2\"" && await 60 && pubsub_is_well'

test_expect_success 'a node is switched off: the same, with nothing to come back' '
    publish off 3000 && off_at=$(cluster off n2) && await 60 && pubsub_is_well && both_moved false &&
    test "$(event_ms ".event == \"node_lost\" and .node == \"n2\"" $off_at)" -lt 5000'

test_expect_success 'a node that is going down is left while it works: nothing has to be sent again' '
    publish drain 4000 && ft_n0 drain n2 --reason "new disks" --no-wait && wait_until 60 moved &&
    event ".event == \"node_failing\" and .node == \"n2\" and (.text | contains(\"new disks\"))" &&
    event ".event == \"not_known_lost\" and .rank == 3" && ! event ".event == \"node_lost\""'
test_expect_success 'and when it is lost later, nobody misses it' '
    cluster crash n2 && await 60 && pubsub_is_well && both_moved true &&
    jq -e ".resent == 0 and .messages_acked == 16000" account'

test_expect_success 'no other node: the publishers stay until it is too late, and say so' '
    start_pubsub alone -- -n 3 --host n0:1,n1:1,n2:1 -- --messages 5000 && wait_until 60 received 2 100 &&
    ft_n0 drain n2 --no-wait && await_event 60 ".event == \"decision_none\"" && await 60 &&
    pubsub_is_well && said | grep -a "is on a node that is going down"'

test_expect_success 'a stopped rank is reported, and so is that it goes on' '
    publish stopped 3000 && stop_rank &&
    await_event 60 ".event == \"rank_stopped\" and .node == \"n2\" and .rank == 3" &&
    on n2 pkill -CONT -x pubsub && await_event 60 ".event == \"rank_resumed\" and .rank == 3" &&
    await 60 && pubsub_is_well && jq -e ".losses == []" account'

test_expect_success 'a stopped rank is killed and replaced where its user wants that' '
    publish kill 3000 -x FT_STOPPED_RANK=kill:1 && stop_rank &&
    await_event 60 ".event == \"rank_stopped_killed\" and .rank == 3" && await 60 && pubsub_is_well &&
    jq -e ".losses | length == 2" account'

test_expect_success 'the central unit hangs: no rank is killed, the job goes on' '
    publish hang 4000 && on n0 pkill -STOP -x ft-centrald && wait_until 60 received 3 3000 &&
    on n0 pkill -CONT -x ft-centrald && await 60 && pubsub_is_well && jq -e ".losses == []" account &&
    test "$(events ".event == \"ranks_killed\"")" = 0'

test_expect_success 'a unit that cannot run says why in the event log' '
    on n2 sh -c "mkdir -p /etc/ft && echo nonsense = 1 >/etc/ft/noded.conf" &&
    start_clients unit 2 --host n0,n2 &&
    await_event 60 ".event == \"unit_failed\" and .node == \"n2\" and (.text | contains(\"noded.conf\"))" &&
    end_clients 0 0 1 && await 60 && test $code = 0'
on n2 rm -f /etc/ft/noded.conf

ft_done
