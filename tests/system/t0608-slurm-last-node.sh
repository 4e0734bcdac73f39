#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Jobs of two users lose a node each at the same time, and Slurm has one left.
test_description='two jobs want the last node'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 6
. "$FT_TOP/tests/system/lib/slurm_road.sh"

messages=2000

# both [CONF-LINE]...: alice's job on n1 and n2, bob's on n3 and n4.
both() {
    of alice && begin "$@" && of bob && job_nodes=n3,n4 begin dirty "$@"
}
each() { of alice && "$@" && of bob && "$@"; }
has_decided() { wait_until 60 event '.event == "node_offered" or .event == "no_node_offered"' || { show; false; }; }
got_it() { event '.event == "node_offered"'; }
# Sets winner and loser.
who_got_it() {
    of alice
    if got_it; then winner=alice loser=bob; else winner=bob loser=alice; fi
    of $loser && test_must_fail got_it && of $winner && got_it
}

test_expect_success 'Slurm runs, with the plugins' 'cluster slurm up && use_plugins'

test_expect_success 'one gets it and goes on; the other is told why not, and ends' '
    both "rms_timeout_ms = 2000" && cluster crash n2 && cluster off n4 && each has_decided && who_got_it &&
    of $loser && event ".event == \"no_node_offered\" and (.text | contains(\"none became free in time\"))" &&
    event ".event == \"decision_none\"" &&
    wait_until 120 grep -q "^mpirun ended with" "$home/out" && grep -q "no alternative for subscriber" "$home/out" &&
    none_beside && of $winner && ends_well n5 && settle
'

test_expect_success 'one gets it and goes on; the other waits, and gets it when the first has ended' '
    both "rms_timeout_ms = 60000" && cluster crash n2 && cluster crash n4 &&
    wait_until 60 eval "on n0 squeue -h -t PENDING -o %j | grep -q ft-" && who_got_it &&
    of $winner && may_end && wait_until 120 grep -q "^mpirun ended with 0" "$home/out" &&
    of $loser && await_event ".event == \"node_offered\"" && ends_well "n[135]" && of $winner && ends_well n5 && settle
'

slurm_done
