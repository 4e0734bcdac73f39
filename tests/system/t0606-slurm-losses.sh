#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What comes together with the loss of a node, in jobs of an ordinary user, submitted with a plain
# sbatch --ft: spares, several losses, devices, nothing free. The job goes on, with the node that it
# should.
test_description='sbatch --ft: losses of all kinds, and what they are replaced with'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 6
. "$FT_TOP/tests/system/lib/slurm_road.sh"

runs_on() { echo ".event == \"standin_announced\" and .node == \"$1\""; }
# So far, and then some.
acknowledged() { awk '{ print $6 }' "$home/records/progress.0"; }
more_acked() { wait_until 60 acked $(($(acknowledged) + 50)); }

spare='--ft=report --ft-spares=1' # pubsub asks for another node itself

test_expect_success 'Slurm runs, with the plugins' '
    cluster slurm up --node n1=Gres=gpu:1 --node n2=Gres=gpu:1 --node n5=Gres=gpu:1 && use_plugins
'

test_expect_success 'a node is powered off: its spare takes over, Slurm is not asked' '
    with=$spare begin "" && cluster off n2 && ends_well n3 && event "$(runs_on n3)" &&
    none_beside && settle
'

test_expect_success 'one after the other: first the spare, then a node that Slurm gives' '
    with=$spare begin "" && cluster crash n2 && await_event "$(runs_on n3)" && more_acked && cluster off n3 &&
    await_event "$(runs_on n4)" && test "$(beside)" = n4 && ends_well "n3 n4" && settle
'

test_expect_success 'two nodes at once: two others' '
    job_nodes=n1,n2,n3 mpirun_options="-n 6" messages=500 begin "" && cluster off n2 && cluster off n3 &&
    messages=500 subscribers=4 ends_well "n4 n5" && settle
'

test_expect_success 'a job with devices: a node with devices, others are free' '
    with=--gpus=2 begin "" && cluster crash n2 && ends_well n5 && settle
'

test_expect_success 'a node is powered off, none is free, and it is waited for' '
    clean && fill n3,n4,n5 && begin dirty "rms_timeout_ms = 60000" && cluster off n2 && wait_until 60 waits_in_queue &&
    bob scancel $bob && ends_well "n[345]" && settle
'

slurm_done
