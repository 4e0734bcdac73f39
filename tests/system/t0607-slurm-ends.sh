#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Jobs that end while they want, wait for, or use a node of Slurm's: cancelled, or their mpirun killed.
# Whenever it was, nothing of it is left.
test_description='jobs that end in the middle of a loss leave nothing behind'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_road.sh"

is_cancelled() { is_in_state "$job" CANCELLED || { field "$job" JobState; false; }; }
wanted() { await_event '.event == "node_wanted"'; }
offered() { await_event '.event == "node_offered"'; }
waited_for() { wait_until 60 waits_in_queue; }
test_expect_success 'Slurm runs, with the plugins' 'cluster slurm up && use_plugins'

# --- the job is cancelled

test_expect_success 'right after the loss' '
    begin "" && cluster crash n2 && alice scancel $job && settle && is_cancelled
'

test_expect_success 'when the node is wanted' '
    begin "" && cluster crash n2 && wanted && alice scancel $job && settle && is_cancelled
'

test_expect_success 'while it waits in the queue' '
    clean && fill n3,n4 && begin dirty "rms_timeout_ms = 60000" && cluster off n2 && waited_for &&
    alice scancel $job && wait_until 60 none_beside && bob scancel $bob && settle && is_cancelled
'

test_expect_success 'while it waits in the queue, and slurmctld restarts' '
    clean && fill n3,n4 && begin dirty "rms_timeout_ms = 60000" && cluster crash n2 && waited_for &&
    alice scancel $job && cluster slurm restart && wait_until 60 none_beside && bob scancel $bob && settle && is_cancelled
'

test_expect_success 'while slurmctld is down: the signal is taken for it, and the rest is seen to when it is back' '
    messages=6000 begin "" && cluster slurm stop && cluster crash n2 && wanted && on n1 pkill -TERM -x prterun &&
    wait_until 60 grep -q "^mpirun ended with" "$home/out" && cluster slurm start && settle
'

test_expect_success 'just after the grant' '
    begin "" && cluster crash n2 && offered && alice scancel $job && settle && is_cancelled
'

test_expect_success 'when the stand-in runs' '
    begin "" && cluster crash n2 && await_event ".event == \"standin_announced\"" && alice scancel $job &&
    settle && is_cancelled
'

# --- mpirun ends, the job does not

test_expect_success 'mpirun is killed while a node is waited for: the request leaves the queue, the script goes on' '
    clean && fill n3,n4 && begin dirty "rms_timeout_ms = 60000" && cluster crash n2 && waited_for &&
    on n1 pkill -KILL -x prterun && wait_until 60 grep -q "^mpirun ended with 137" "$home/out" &&
    wait_until 60 none_beside && bob scancel $bob && settle
'

test_expect_success 'mpirun is killed when it has the node: that goes back' '
    begin "" && cluster crash n2 && offered && on n1 pkill -KILL -x prterun &&
    wait_until 60 grep -q "^mpirun ended with 137" "$home/out" && settle && is_in_state $job COMPLETED
'

slurm_done
