#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How silent nodes are found: by heartbeats, and by asking before anything is said of a node. The
# launcher's own patience is set so high here that what is seen is FT's detection alone.
# What an MPI job makes of it is t0521's.
#
# needs the machine for itself: it gives it ten times too much to do
test_description='silent nodes are declared lost in time, and no others'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"

readonly PATIENT='--prtemca errmgr_ft_silence 60000'
readonly TUNED=beat_ms=60,suspect_ms=30,confirm_ms=60

# run NAME N HOSTS [FT_DETECT]: N idle ranks, one a node, all of whose units are watched.
run() {
    # shellcheck disable=SC2086
    start "$1" env FT_DETECT="${4-}" ft run $PATIENT -n "$2" --host "$3" "$progs/road_client" \
        "/shared/$1" && wait_until 60 clients_listen "$2" && wait_until 60 units_beat "$2"
}

# A unit that is connected beats at once; that it has had the time to is all that can be seen.
units_beat() { [ "$(events '.event == "unit_up"')" -ge "$1" ] && sleep 0.7; }

declared_n2='.event == "node_declared" and .node == "n2"'
none_declared() { ! event '.event == "node_declared"'; }
over() { tidy_up 2>/dev/null; job=''; true; }

# declared_within MS SINCE
declared_within() {
    local ms
    await_event 60 "$declared_n2" && ms=$(event_ms "$declared_n2" "$2") && echo "declared after $ms ms" &&
        [ "$ms" -lt "$1" ]
}

test_expect_success 'switched off: declared, and the launcher takes it for lost' '
    run off 3 n0,n1,n2 && at=$(cluster off n2) && declared_within 2500 "$at" &&
    await_event 60 ".event == \"node_lost\" and .node == \"n2\""'
test_expect_success 'it was asked first, and others about it' '
    event ".event == \"node_silent\" and .node == \"n2\"" && event "$declared_n2 and .incarnation == 2" &&
    ! event ".event == \"node_declared\" and .node != \"n2\"" && over'

test_expect_success 'cut off: the same; it is declared once, and a member again when it is back' '
    run cut 3 n0,n1,n2 && at=$(cluster cut n2) && declared_within 2500 "$at" &&
    await_event 60 ".event == \"node_lost\" and .node == \"n2\"" && cluster join n2 &&
    await_event 60 ".event == \"node_back\" and .node == \"n2\"" &&
    test "$(events ".event == \"node_declared\"")" = 1 && over'

test_expect_success 'stopped: all of its processes hang, its kernel answers; declared' '
    run stop 3 n0,n1,n2 && at=$EPOCHREALTIME && cluster stop n2 && declared_within 3000 "${at/,/.}" &&
    await_event 60 ".event == \"node_lost\" and .node == \"n2\""
    stopped=$?; cluster cont n2; over; test $stopped = 0'

test_expect_success 'tuned: it takes a fifth of a second' '
    run tuned 3 n0,n1,n2 $TUNED && at=$(cluster off n2) && declared_within 1500 "$at" && over'

test_expect_success 'only its unit is killed: said, and nothing else' '
    run killed 3 n0,n1,n2 && kill_on n2 ft-noded &&
    await_event 60 ".event == \"unit_silent\" and .node == \"n2\"" && sleep 2 && none_declared && over'

test_expect_success 'the central unit does not run for 3 s: nobody is declared, nobody killed' '
    run stall 3 n0,n1,n2 && on n0 pkill -STOP -x ft-centrald && sleep 3 && on n0 pkill -CONT -x ft-centrald &&
    sleep 2 && none_declared && job_runs && test "$(events ".event == \"ranks_killed\"")" = 0'
test_expect_success 'and what is switched off after that is found' '
    at=$(cluster off n2) && declared_within 4000 "$at" && over'

test_expect_success 'the way from one node to the central unit is broken, others hear it: not declared' '
    run broken 4 n0,n1,n2,n3 && on n2 ip route add blackhole 10.77.0.10/32 &&
    await_event 60 ".event == \"link_broken\" and .node == \"n2\"" && none_declared &&
    on n2 ip route del blackhole 10.77.0.10/32 &&
    await_event 60 ".event == \"link_mended\" and .node == \"n2\"" && none_declared
    broken=$?; on n2 ip route del blackhole 10.77.0.10/32 2>/dev/null; over; test $broken = 0'

test_expect_success 'many silent at once: taken for the network, nobody is declared, all are heard again' '
    run many 5 n0,n1,n2,n3,n4 && { for node in n1 n2 n3; do cluster cut $node & done; wait %2 %3 %4 2>/dev/null; sleep 0.2; } &&
    await_event 60 ".event == \"network_event\"" && sleep 0.5 &&
    for node in n1 n2 n3; do cluster join $node; done && await_event 60 ".event == \"network_ended\"" &&
    sleep 1 && none_declared && over'

test_expect_success 'a machine with ten times too much to do: nobody is declared' '
    run busy 3 n0,n1,n2 && { for i in 1 2 3 4 5 6 7 8 9 10; do
        cluster exec n1 timeout 5 sh -c "while :; do :; done" & done; sleep 6; } && none_declared && over'

ft_done
