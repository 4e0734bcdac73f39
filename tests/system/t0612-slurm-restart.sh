#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# slurmctld is not there, or not any more, when a job of an ordinary user has lost a node.
test_description='slurmctld restarts in the middle of a loss: the job goes on'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_road.sh"

test_expect_success 'Slurm runs, with the plugins' 'cluster slurm up && use_plugins'

test_expect_success 'it restarts in the middle: the job goes on when it is back' '
    messages=6000 begin "rms_timeout_ms = 60000" && cluster slurm stop && cluster crash n2 &&
    await_event ".event == \"node_wanted\"" && sleep 1 && test_must_fail event ".event == \"node_offered\"" &&
    cluster slurm start && messages=6000 ends_well "n[34]" && settle
'

test_expect_success 'it restarts when it has just given a node: the job goes on with that, or the next' '
    begin "" && cluster crash n2 && await_event ".event == \"node_offered\"" && cluster slurm restart &&
    ends_well "n[34]" && settle
'

test_expect_success 'it restarts while the node is used: that stays, and goes back at the end' '
    messages=6000 begin "" && cluster crash n2 && await_event ".event == \"standin_announced\"" && there=$(beside) &&
    cluster slurm restart && test "$(beside)" = "$there" && messages=6000 ends_well "$there" && settle
'

slurm_done
