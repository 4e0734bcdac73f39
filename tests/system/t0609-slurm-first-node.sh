#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The one node that cannot be lost, a batch job's first, is: there were the script, mpirun and the central
# unit. Slurm, which is told not to end such jobs with a lost node, would leave the other nodes to
# nobody. The job ends, or begins anew if it may be requeued, and what was got for it goes back.
test_description='a job ends with its first node'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_road.sh"

offered() { await_event '.event == "node_offered"'; }
is_held() { cluster pids n3 | grep -q "ft-rms-slurm hold"; } # nobody else needs to live, then
loses_its_first() { cluster "$1" n1 && slurm_finds_down n1; }
is_cancelled() { wait_until 60 is_in_state "$job" CANCELLED || { on n0 scontrol show job "$job"; cluster pids; false; }; }

test_expect_success 'Slurm runs, with the plugins' 'cluster slurm up && use_plugins'

test_expect_success 'its other nodes are free again, as soon as Slurm has found the first one down' '
    job_nodes=n1,n2,n3 mpirun_options="-n 6" with=--no-requeue begin "" && loses_its_first off &&
    is_cancelled && settle
'

test_expect_success 'what it got from Slurm goes back, too' '
    with=--no-requeue begin "" && cluster crash n2 && offered && wait_until 60 is_held && cluster boot n2 &&
    loses_its_first off && is_cancelled && wait_until 60 none_beside && settle
'

test_expect_success 'one that may be requeued begins anew, without what it got in the life before' '
    with=--requeue begin "" && cluster crash n2 && offered && wait_until 60 is_held && cluster boot n2 &&
    loses_its_first off && wait_until 60 is_in_state $job PENDING && wait_until 60 none_beside &&
    alice scancel $job && settle
'

test_expect_success 'it is lost while a node is waited for: what Slurm then gives, it takes back' '
    clean && fill n3,n4 && with=--no-requeue begin dirty "rms_timeout_ms = 60000" && cluster crash n2 &&
    wait_until 60 waits_in_queue && loses_its_first off && slurm_finds_down n2 &&
    wait_until 60 is_in_state $job NODE_FAIL && bob scancel $bob && wait_until 60 none_beside && settle
'

slurm_done
