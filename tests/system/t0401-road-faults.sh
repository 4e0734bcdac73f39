#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The main road, from a fault to the first message at the stand-in, for each kind of fault.
test_description='a subscriber is lost: the job goes on with a stand-in, no message is lost'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"

# Two publishers on n0, subscribers on n1 (rank 2) and n2 (rank 3); rank 3 is the one to be lost.
readonly HOSTS=n0:2,n1:1,n2:1

# break_it FAULT: breaks n2 once its subscriber has received something; sets broken_at.
break_it() {
    wait_until 60 received 3 100 || { said; cluster pids; return 1; }
    case $1 in
        prted | pubsub) broken_at=$EPOCHREALTIME && kill_on n2 "$1" ;;
        *) broken_at=$(cluster "$1" n2) ;;
    esac
}

run_with() {
    start_pubsub "$1" --pool n3,n4 -- -n 4 --host $HOSTS -- --publishers 2 --messages 2000 &&
        break_it "$2" && await 60 && pubsub_is_well
}

# tells NODE RUNG: the log tells the whole story, in this order.
tells() {
    jq -r "select(.event | IN(\"alternative_asked\", \"probe_sent\", \"probe_done\", \"decision_made\",
        \"start_given\", \"standin_announced\")) | .event" "$shared/$job_name/events" | uniq >steps
    cat steps
    # The second publisher asks at any moment.
    grep -vx alternative_asked steps >others
    printf "%s\n" probe_sent probe_done decision_made start_given standin_announced >wanted
    test "$(head -n 1 steps)" = alternative_asked && test_cmp wanted others &&
        event ".event == \"decision_made\" and .node == \"$1\" and .lost_node == \"n2\" and .rank == 3
            and (.text | contains(\"use node $1 for rank 3\") and contains(\"$2\"))" &&
        test "$(events '.event == "start_given"')" = 1 &&
        event ".event == \"standin_announced\" and .node == \"$1\""
}

# Both publishers were given the same decision and nothing else.
same_for_both() {
    jq -e '.losses | length == 2 and map(.publisher) == [0, 1] and all(.subscriber == 3)
        and (map([.decision, .alternative]) | unique | length) == 1' account
}

node_is_told_lost() {
    event '.event == "node_lost" and .node == "n2" and (.text | startswith("node n2 is lost (daemon 2): "))'
}

new_node_after() {
    test_expect_success "$1: $2" "
        run_with $1 $3 && same_for_both && node_is_told_lost && tells n3 \"new node from the resource manager\" &&
        test \"\$(event_ms '.event == \"node_lost\" and .node == \"n2\"' \$broken_at)\" -lt $4
    "
}

new_node_after crash 'all processes of the node die' crash 1000
test_expect_success 'crash: nothing is left, on the nodes of the pool neither' 'nothing_left'

new_node_after off 'power-off is noticed within 5 s' off 5000
test_expect_success 'off: nothing is left' 'nothing_left'

new_node_after cut 'a silent partition is noticed within 5 s' cut 5000
test_expect_success 'cut: what lived behind the partition ends by itself; its unit'\''s log stays' '
    nothing_left_but "n2 /tmp/ft-0/prterun-n0-[0-9]+/noded.log" &&
    heal && nothing_left_but "n2 /tmp/ft-0/prterun-n0-[0-9]+/noded.log" &&
    on n2 grep -r "out of reach" /tmp/ft-0 && on n2 rm -r /tmp/ft-0
'

new_node_after prted 'the launcher'\''s daemon is killed' prted 1000
test_expect_success 'prted: the node'\''s rank and unit end; PRRTE'\''s own folder stays' '
    nothing_left_but "n2 /tmp/prted\.n2\.[0-9.]+.*" && on n2 sh -c "rm -r /tmp/prted.*"
'

test_expect_success 'rank: the process is killed, its node is well: repaired in place' '
    run_with rank pubsub && same_for_both && tells n2 "repaired in place" &&
    ! event ".event == \"node_lost\"" && ! event ".event == \"node_wanted\"" &&
    event ".event == \"process_ended\" and .rank == 3 and (.text | contains(\"signal 9\"))" &&
    nothing_left
'

test_expect_success 'the same through ft env and plain mpirun --with-ft ulfm' '
    start env bash -c "eval \"\$(ft env --pool n3,n4)\" && exec mpirun --with-ft ulfm -n 4 --host $HOSTS \
        $pubsub --publishers 2 --messages 2000 --records /shared/env/records --slow-until /shared/env/go" &&
    break_it crash && await 60 && pubsub_is_well && same_for_both && node_is_told_lost &&
    tells n3 "new node from the resource manager" && nothing_left
'

test_expect_success 'nothing fails: nothing is decided, nothing is sent twice, nothing is left' '
    start_pubsub well --pool n3,n4 -- -n 4 --host $HOSTS -- --publishers 2 --messages 200 && await 60 &&
    pubsub_is_well && jq -e ".losses == [] and .resent == 0" account &&
    ! event ".event | test(\"lost|error|decision|probe\")" && nothing_left
'

ft_done
