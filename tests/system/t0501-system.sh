#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The system's daemons: up, used by jobs, told new things, down.
test_description='ft-noded on every node and ft-centrald on one: jobs attach to them'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/system.sh"

conf 'pool = { "n3", "n4" }'

test_expect_success 'the daemons come up: one leads, all units are connected' '
    system_up && central_is n0 && sys_event ".event == \"central_leads\" and .node == \"n0\""
'

readonly HOSTS=n0:2,n1:1,n2:1

test_expect_success 'an MPI job attaches to the system; its node crashes; a spare of ft.conf stands in' '
    start_pubsub crash -- -n 4 --host $HOSTS -- --publishers 2 --messages 1500 &&
    wait_until 20 received 3 100 && cluster crash n2 && await 60 && pubsub_is_well &&
    jq -e ".losses | length == 2 and (map([.decision, .alternative]) | unique | length) == 1" account &&
    sys_event ".event == \"session_began\" and .uid == 0" &&
    sys_event ".event == \"node_lost\" and .node == \"n2\"" &&
    sys_event ".event == \"decision_made\" and .node == \"n3\" and .lost_node == \"n2\" and .rank == 3" &&
    test "$(sys_events ".event == \"start_given\"")" = 1 &&
    test ! -e "$shared/crash/events"
'

ft_done
