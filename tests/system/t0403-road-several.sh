#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# More than one asker, more than one loss.
test_description='several askers get one answer; several losses, one after the other and at once'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"

# --- several askers, one loss

test_expect_success 'ranks 0, 1 and 2 ask for rank 3 at once: one decision, one probe' '
    start_clients askers 4 --pool n3,n4,n5 --host n0:2,n1:1,n2:1 &&
    cluster crash n2 && await_event 60 ".event == \"node_lost\"" &&
    for rank in 0 1 2; do tell $rank find rank:3 atleast || return 1; done &&
    for rank in 0 1 2; do wait_until 60 has_answered $rank 1 || return 1; done &&
    for rank in 0 1 2; do tail -n 1 "$shared/askers/answer.$rank"; done >replies && cat replies &&
    jq -se "all(.[]; .status == \"OK\" and .epoch == 1 and .reach == \"start\") and
        (map([.decision, .alternative]) | unique | length) == 1" replies &&
    test "$(events ".event == \"decision_made\"")" = 1 && test "$(events ".event == \"probe_sent\"")" = 1
'
test_expect_success 'the first that claims it is to start it, another one waits' '
    decision=$(jq -r .decision replies | head -n 1) && node=$(jq -r .alternative replies | head -n 1) &&
    ask 1 claim $decision && replied ".status == \"OK\" and .reach == \"start\" and .alternative == \"$node\"" &&
    ask 0 claim $decision timeout=300 &&
    replied ".status == \"TIMEOUT\" and (.reason | contains(\"another process is starting it\")) and .took_ms < 1000" &&
    event ".event == \"start_given\" and .decision == $decision and (.text | contains(\"rank 1 of job\"))"
'
test_expect_success 'the starter dies: who waits is to start it now' '
    tell 0 claim $decision timeout=60000 && await_event 60 "(.event == \"claimed\") and (.text | startswith(\"rank 0\"))" &&
    kill_pid=$(head -n 1 "$shared/askers/answer.1" | jq .pid) && on n0 kill -KILL $kill_pid &&
    wait_until 60 has_answered 0 3 && tail -n 1 "$shared/askers/answer.0" | tee reply &&
    replied ".status == \"OK\" and .reach == \"start\" and .alternative == \"$node\" and .decision == $decision" &&
    event ".event == \"starter_gone\" and .decision == $decision" &&
    test "$(events ".event == \"start_given\" and .decision == $decision")" = 2
'
test_expect_success 'it could not be started: unfit for everybody, the next node is another one' '
    ask 0 failed $decision && replied ".status == \"OK\"" &&
    ask 2 claim $decision && replied ".status == \"UNFIT\" and (.hint | contains(\"findAlternative again\"))" &&
    ask 2 find rank:3 atleast &&
    replied ".status == \"OK\" and .epoch == 2 and .decision != $decision and .alternative != \"$node\"" &&
    event ".event == \"decision_over\" and .decision == $decision and (.text | contains(\"the test says so\"))"
'
test_expect_success 'only who was told to start it can say that it failed; a made-up decision is unknown' '
    ask 2 failed $(field decision) && replied ".status == \"DENIED\"" &&
    ask 2 claim 4711 && replied ".status == \"UNKNOWN\" and (.reason | contains(\"there is no decision 4711\"))" &&
    end_clients 0 0 2 && await 60 && nothing_left
'

# --- several losses

# both_reach RECORD N: each publisher has had N messages taken there. One of them may come to the stand-in
# some tenths of a second after the other; to it a loss before that is still the first one.
both_reach() {
    local publisher
    for publisher in 0 1; do
        [ "$(grep -cs "^$publisher " "$shared/$job_name/records/$1")" -ge "$2" ] 2>/dev/null || return
    done
}
# Of the second loss of rank 3, both publishers tell the same.
twice_replaced() {
    jq -e '[.losses[] | select(.subscriber == 3)] | length == 4 and
        (group_by(.decision) | length == 2 and all(.[]; length == 2 and (map(.alternative) | unique | length) == 1))
        and (map(.alternative) | unique) == ["n3", "n4"] and (map(.lost_node) | unique) == ["n2", "n3"]' account
}
test_expect_success 'the stand-in'\''s node is lost as well: the next one' '
    start_pubsub again --pool n3,n4 -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 2500 &&
    wait_until 60 received 3 100 && cluster crash n2 &&
    await_event 60 ".event == \"standin_announced\" and .node == \"n3\"" &&
    wait_until 60 both_reach received.3.1 50 &&
    cluster crash n3 && await 60 && pubsub_is_well && twice_replaced &&
    event ".event == \"decision_made\" and .epoch == 2 and .node == \"n4\" and .rank == 3 and .lost_node == \"n3\"" &&
    test "$(events ".event == \"start_given\"")" = 2 && nothing_left
'

test_expect_success 'a stand-in is killed, its node is well: repaired there' '
    start_pubsub standin --pool n3,n4 -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 2500 &&
    wait_until 60 received 3 100 && cluster crash n2 &&
    await_event 60 ".event == \"standin_announced\" and .node == \"n3\"" &&
    wait_until 60 both_reach received.3.1 50 &&
    kill_on n3 pubsub && await 60 && pubsub_is_well &&
    event ".event == \"decision_made\" and .epoch == 2 and .node == \"n3\" and .rank == 3
        and (.text | contains(\"repaired in place\"))" &&
    nothing_left
'

test_expect_success 'two nodes at once: two stand-ins, on two nodes' '
    start_pubsub both --pool n3,n4,n5 -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 2000 &&
    wait_until 60 received 2 100 && wait_until 60 received 3 100 &&
    { cluster crash n1 & cluster crash n2; wait $!; } && await 60 && pubsub_is_well &&
    jq -e ".losses | length == 4 and (group_by(.subscriber) | length == 2 and
        all(.[]; map(.alternative) | unique | length == 1)) and (map(.alternative) | unique | length) == 2
        and (map(.lost_node) | unique) == [\"n1\", \"n2\"]" account &&
    test "$(events ".event == \"start_given\"")" = 2 && nothing_left
'

test_expect_success 'two subscribers on one lost node: both go to the same node' '
    start_pubsub pair --pool n3,n4 -- -n 3 --host n0:1,n2:2 -- --publishers 1 --messages 2000 &&
    wait_until 60 received 1 100 && wait_until 60 received 2 100 && cluster crash n2 &&
    await 60 && pubsub_is_well &&
    jq -e ".losses | length == 2 and (map(.alternative) | unique) == [\"n3\"]" account && nothing_left
'

test_expect_success 'no other node: both go to the surviving one, though its cores are all in use' '
    start_pubsub full --share -- -n 4 --host n0:2,n2:2 -- --publishers 2 --messages 1500 &&
    wait_until 60 received 2 100 && wait_until 60 received 3 100 && cluster crash n2 &&
    await 60 && pubsub_is_well &&
    jq -e "[.losses[] | [.alternative, .rung]] | unique == [[\"n0\", \"sharing\"]]" account && nothing_left
'

# lose_spare FAULT: n3, the first of the pool, is lost before it is needed.
lose_spare() {
    start_pubsub "spare-$1" --pool n3,n4 -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 2000 &&
        wait_until 60 received 3 100 && await_event 60 '.event == "node_collected" and .node == "n3"' &&
        cluster "$1" n3 && cluster crash n2 && await 60 && pubsub_is_well &&
        jq -e '.losses | length == 2 and (map(.alternative) | unique) == ["n4"]' account &&
        event '.event == "candidate_rejected" and .node == "n3"' | tee rejected &&
        event '.event == "decision_made" and .node == "n4"'
}
test_expect_success 'a spare node was switched off before it was needed: passed over, with the reason' '
    lose_spare off &&
    jq -e ".text | test(\"did not answer the probe within|its node was declared lost\")" rejected &&
    nothing_left
'
test_expect_success 'a spare node has crashed before it was needed: passed over, with the reason' '
    lose_spare crash && jq -e ".text | test(\"lost its unit|has no unit|had no unit\")" rejected &&
    nothing_left
'

ft_done
