#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What becomes of a job under Slurm that lost a node when no other one is free, by the policy of ft.conf
# or of the request: it is told when one is expected, shares a node that is in use, or goes on with
# fewer; and how many nodes it may have. That one is waited for is in t0603.
test_description='no node is free, or no more may be had: what the policy says happens'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 6
. "$FT_TOP/tests/system/lib/slurm_road.sh"

# Two publishers on n1, two subscribers on n2, one on n3: nobody has a core to spare, but on n3. Bob has
# n4 and n5 until he is sent away.
job_nodes=n1,n2,n3
mpirun_options='-n 5'
subscribers=3
messages=1200

# again: a job begins as begin says, bob's being there.
again() { boot_the_lost && wait_until 120 alices_nodes_are_idle && begin dirty "$@"; }
alices_nodes_are_idle() { [ "$(on n0 sinfo -h -N -n n1,n2,n3 -o %T | sort -u)" = idle ]; }

verified() { "$FT_TOP"/examples/pubsub-verify "$home/records" | tee verified; }

# ends_with CODE: mpirun did; its lost node boots.
ends_with() {
    ends_without && grep -q "^mpirun ended with $1\$" "$home/out" && return
    show
    return 1
}

# goes_on_without N: the job ended well, N messages or more were given up by the publishers, no other is lost.
goes_on_without() {
    ends_with 0 && verified &&
        jq -e ".messages_lost == 0 and .received_twice == 0 and .messages_undelivered >= $1 and
            .messages_acked < .messages_sent" verified &&
        jq -e '.messages_undelivered > 0 and .publishers_died == 0 and
            all(.losses[]; .given_up == (.alternative == ""))' "$home/records/summary"
}

# --- what happens

test_expect_success 'Slurm runs, and bob has all nodes but three' '
    cluster slurm up && fill n4,n5 15 && ends_at=$(date -d "$(field "$bob" EndTime)" +%s)
'

# The estimate is that of bob's time limit: nobody else knows when he is ready.
is_told_when() {
    local at
    at=$(jq "select(.event == \"decision_none\") | .available_at_s" "$home/events" | tail -n 1)
    echo "available at $at, bob ends at $ends_at"
    [ "$at" -ge $((ends_at - 60)) ] && [ "$at" -le $((ends_at + 60)) ]
}

# answered_within MS: of the first request for a node.
answered_within() {
    jq -se "[.[] | select(.event == \"node_wanted\" or .event == \"decision_none\") | .ms] |
        \"answered after \(.[1] - .[0]) ms\", .[1] - .[0] < $1" "$home/events"
}

test_expect_success 'later: the answer comes at once, with the time when bob is done' '
    again "rms_when_none = \"later\"" && cluster crash n3 && ends_with 1 && is_told_when &&
    event ".event == \"no_node_offered\" and .available_at_s > 0" &&
    grep "no alternative for subscriber 4: .*ask again at 20.* UTC: the resource manager expects one" "$home/out" &&
    answered_within 2000
'

test_expect_success 'share: the stand-in starts on a node whose cores are all in use' '
    again "rms_when_none = \"share\"" && cluster crash n3 && ends_well "n[12]" &&
    jq -c "[.losses[].retarget_ms]" "$home/records/summary" &&
    jq -e "[.losses[].rung] | unique == [\"sharing\"]" "$home/records/summary" && none_beside
'

test_expect_success 'fewer, as the request says: the others get everything, and the job ends well' '
    pubsub_options="--publishers 2 --when-none fewer" again "" && cluster crash n3 && goes_on_without 1 &&
    grep "publisher 0 goes on without subscriber 4: [1-9][0-9]* messages are not delivered to it" "$home/out" &&
    event ".event == \"decision_none\" and (.text | contains(\"go on without it\"))" && none_beside
'

test_expect_success 'the ladder is the request'"'"'s; no node is asked for beyond rms_nodes_max' '
    bob scancel "$bob" && boot_the_lost && wait_until 120 nodes_are_idle &&
    messages=4000 pubsub_options="--publishers 2 --ladder beside --when-none fewer" \
        begin "rms_ladder = \"spares\"" "rms_nodes_max = 1" &&
    cluster crash n3 && await_event ".event == \"standin_announced\"" && test "$(beside)" = n4 &&
    cluster crash n2 && goes_on_without 2 && test "$(on n0 sinfo -h -N -n n5 -o %T)" = idle &&
    event ".event == \"no_node_offered\" and (.text | contains(\"(rms_nodes_max)\"))" &&
    grep "no alternative for subscriber [23]: .*(rms_nodes_max)" "$home/out" && settle
'

slurm_done
