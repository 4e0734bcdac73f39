#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Warm spares with the units of a system: they go on waiting while the central unit is taken over
# and their node's unit is started again, and are given by whoever leads then.
test_description='spare ranks outlast the central unit and the unit that they wait at'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/system.sh"

# Ranks on n0 and n1, spares on n2, n3, n4; the central units are on n2, n3, n4 as well.
centrals='n2 n3 n4'
conf 'handback_ms = 600000'
spares_wait() { test "$(sys_events '.event == "spare_fit"')" -ge "$1"; }
waits_since() {
    test "$(all_events | jq -c "select(.event == \"spare_waits\" and .seq > $1)" | wc -l)" -ge "$2"
}
takers() { jq 'select(.open != null).pid' "$shared/$job_name/answer.$1"; }
taken() { test "$(takers "$1" | wc -l)" = "$2"; }
kill_rank() { on "$2" kill -KILL "$(takers "$1" | tail -n 1)"; }
other_leads() { local now; now=$(leader) && [ "$now" != "$1" ]; }
# ask_until 1 WORDS...: a rank's answer, once there is one that is not about the central unit being
# away
given() {
    ask 0 find rank:1 timeout=20000 &&
        replied ".status == \"OK\" and .reach == \"rank\" and .reach_rank == $1 and .epoch == $2"
}

test_expect_success 'the daemons come up; a job waits with three spares' '
    system_up && first=$(leader) &&
    start wait ft run --spares 3 -n 2 --host n0:1,n1:1,n2:1,n3:1,n4:1 "$progs/road_client" \
        /shared/wait &&
    wait_until 60 clients_listen 2 && wait_until 60 spares_wait 3
'
test_expect_success \
    'the central unit is killed while they wait: the next one gives one, and wakes it' '
    kill_central $first && wait_until 60 other_leads $first && kill_rank 1 n1 && given 2 1 &&
    wait_until 60 taken 1 2
'
test_expect_success 'asked again, the same; that it lives is known to the next one as well' '
    given 2 1 && ask 0 find rank:1 exclude=n2 timeout=20000 &&
    replied ".status == \"NONE\" and (.reason | contains(\"has its place, and lives\"))"
'
test_expect_success \
    'the unit of a spare'\''s node is killed and started again: the spare asks anew' '
    kill_unit n3 && sleep 1 && start_unit n3 && sleep 2 && kill_rank 1 n2 && given 3 2 &&
    wait_until 60 taken 1 3
'
test_expect_success 'a spare whose unit is away hears of its rank when the unit is back' '
    kill_unit n4 && kill_rank 1 n3 && given 4 3 && test "$(takers 1 | wc -l)" = 3 &&
    start_unit n4 && wait_until 60 taken 1 4
'
test_expect_success 'the job ends well' 'end_clients 0 0 1 && await 120 && test $code = 0'
test_expect_success 'spares that nobody needed end with the job, whoever leads' '
    start_central $first &&
    start unused ft run --spares 2 -n 2 --host n0:1,n1:1,n2:1,n3:1 "$progs/road_client" \
        /shared/unused &&
    wait_until 60 clients_listen 2 && wait_until 60 spares_wait 5 && end_clients 0 0 &&
    second=$(leader) &&
    kill_central $second && wait_until 60 other_leads $second && end_clients 0 1 && await 120 &&
    test $code = 0
'

ft_done
