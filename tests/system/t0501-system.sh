#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The system's daemons: up, used by jobs, told new things, down.
test_description='ft-noded on every node and ft-centrald on one: jobs attach to them'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/system.sh"

conf 'pool = { "n3", "n4" }'

test_expect_success 'the daemons come up: one leads, all units are connected' '
    system_up && central_is n0 && sys_event ".event == \"central_leads\" and .node == \"n0\""
'
test_expect_success 'a second ft-centrald on the same node says what is wrong, and changes nothing' '
    test_expect_code 1 on n0 ft-centrald 2>said && cat said && grep "port 7311" said && central_is n0
'

# --- a job

# same_for_all: all publishers were given the same decision.
same_for_all() { jq -e '(.losses | length) > 0 and (.losses | map([.decision, .alternative]) | unique | length) == 1' account; }

test_expect_success 'an MPI job attaches to the system; its node crashes; a spare of ft.conf stands in' '
    start_pubsub crash -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 1500 &&
    wait_until 60 received 3 100 && cluster crash n2 && await 90 && pubsub_is_well && same_for_all &&
    sys_event ".event == \"session_began\" and .uid == 0" &&
    sys_event ".event == \"node_lost\" and .node == \"n2\"" &&
    sys_event ".event == \"decision_made\" and .node == \"n3\" and .lost_node == \"n2\" and .rank == 3" &&
    test "$(sys_events ".event == \"start_given\"")" = 1 &&
    test ! -e "$shared/crash/events"
'
test_expect_success 'no daemon of the job'\''s own was started; its session ends, the spare goes back' '
    test "$(on n0 pgrep -xc ft-centrald)" = 1 && test "$(on n1 pgrep -xc ft-noded)" = 1 &&
    await_sys_event 60 ".event == \"session_ended\"" && sys_event ".event == \"node_released\" and .node == \"n3\""
'
test_expect_success 'the crashed node comes back: its unit connects, it is a candidate again' '
    cluster boot n2 && forget_daemons n2 && start_unit n2 &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n2\" and .seq > $(sys_event ".event == \"session_ended\"" | jq .seq)"
'

# --- two jobs

sessions_are_over() { [ "$(sys_events '.event == "session_ended"')" = "$1" ]; }

# job_a, job_b: both run at once, launched from the same node.
second_job() { job_a=$job name_a=$job_name job=''; start_pubsub "$@"; }
first_again() { job=$job_a job_name=$name_a; }

test_expect_success 'two jobs at once: each hears of its own loss only, and has its own spare' '
    seen=$(all_events | tail -n 1 | jq .seq) &&
    start_pubsub one -- -n 3 --host n0:2,n1:1 -- --publishers 2 --messages 3000 &&
    wait_until 60 received 2 100 &&
    second_job two -- -n 3 --host n0:2,n2:1 -- --publishers 2 --messages 3000 &&
    wait_until 60 received 2 100 && { cluster crash n2 & cluster crash n1; wait $!; } &&
    await 120 && pubsub_is_well && same_for_all && cp account account.two &&
    first_again && await 120 && pubsub_is_well && same_for_all && cp account account.one &&
    jq -e ".losses | all(.lost_node == \"n1\")" account.one && jq -e ".losses | all(.lost_node == \"n2\")" account.two &&
    test "$(jq -r ".losses[0].alternative" account.one)" != "$(jq -r ".losses[0].alternative" account.two)" &&
    test "$(jq -r ".losses[0].decision" account.one)" != "$(jq -r ".losses[0].decision" account.two)" &&
    test "$(sys_events ".event == \"start_given\" and .seq > $seen")" = 2
'
test_expect_success 'both sessions end; the nodes come back' '
    wait_until 60 sessions_are_over 3 && cluster boot n1 && cluster boot n2 && forget_daemons n1 n2 &&
    start_unit n1 && start_unit n2 && seen=$(sys_event ".event == \"node_lost\" and .seq > $seen" | jq .seq) &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n1\" and .seq > $seen" &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"n2\" and .seq > $seen"
'

# --- ft.conf is read again

test_expect_success 'an ft.conf with a mistake is refused with file and line; nothing changes' '
    cp "$system_conf" good.conf && { cat good.conf; echo "settle_ms = soon"; } >"$system_conf" && spread_conf &&
    on n0 pkill -HUP -x ft-centrald &&
    await_sys_event 60 ".event == \"config_refused\" and (.text | contains(\"/etc/ft/ft.conf:4: \"))" &&
    test_must_fail on n0 ft reload 2>said && grep "ft.conf:4" said &&
    cp good.conf "$system_conf" && spread_conf && central_is n0
'
test_expect_success 'reload under load: a new pool is in force for a job that runs' '
    start_pubsub reload -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 2000 &&
    wait_until 60 received 3 100 && sed -i "s/pool = .*/pool = { \"n5\" }/" "$system_conf" && spread_conf &&
    for k in 1 2 3 4 5; do on n0 pkill -HUP -x ft-centrald; done &&
    await_sys_event 60 ".event == \"config_changed\" and (.text | contains(\"spare nodes are others\"))" &&
    cluster crash n2 && await 120 && pubsub_is_well && same_for_all &&
    jq -e ".losses | all(.alternative == \"n5\")" account
'
test_expect_success 'ft reload says that nothing has changed' '
    on n0 ft reload >said && cat said && grep -i "nothing" said
'

test_expect_success 'the daemons end in order and leave nothing' '
    cluster boot n2 && forget_daemons n2 && system_down && nothing_is_left
'

ft_done
