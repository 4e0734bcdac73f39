#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The whole road under Slurm, for an ordinary user with a plain mpirun: a node of the job is lost, none
# of its own is left, Slurm gives another one, and the publishers go on with that. Nothing of it is
# left when the job has ended, however it ended.
test_description='a job under Slurm goes on with a node that Slurm gave'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_road.sh"

# --- what happens

test_expect_success 'Slurm runs' 'cluster slurm up --conf SchedulerParameters=permit_job_expansion'

test_expect_success 'a node crashes: the job goes on with one that Slurm gave' '
    begin "" && cluster crash n2 && await_event ".event == \"node_offered\"" &&
    test "$(beside)" = n3 && ends_well n3 && jq -c .losses "$home/records/summary" >&4 && settle
'

test_expect_success 'a node is powered off: the same' '
    begin "" && cluster off n2 && ends_well n3 && settle
'

# check NODE COMMANDS: the check of the site that candidates have to pass; none: they need not.
check() {
    on "$1" rm -rf /etc/ft && [ "${2-}" ] || return 0
    on "$1" sh -c "mkdir /etc/ft && printf '%s\n' '#!/bin/sh' '$2' >/etc/ft/check && chmod 755 /etc/ft/check &&
        echo 'check = \"/etc/ft/check\"' >/etc/ft/noded.conf"
}

test_expect_success 'a candidate that fails its probe goes back to Slurm, and the next one is asked for' '
    check n3 "echo the fan is broken; exit 1" && begin "" && cluster crash n2 && ends_well n4 &&
    event ".event == \"candidate_rejected\" and .node == \"n3\" and (.text | contains(\"the fan is broken\"))" &&
    event ".event == \"node_released\" and .node == \"n3\"" && check n3 && settle
'

# joins LOSS: the node that comes is the job's own.
joins() {
    begin 'rms_ladder = "spares,expand"' && cluster "$1" n2 && await_event '.event == "node_offered"' &&
        field "$job" NodeList | grep -qE '^n\[1(,|-2,|-)3\]$' && test -z "$(beside)" && ends_well n3 && settle
}
test_expect_success 'a node that joins the job' 'joins crash'
test_expect_success 'the same after a power-off' 'joins off'

test_expect_success 'the job is cancelled when it has just got the node: nothing is left' '
    begin "" && cluster crash n2 && await_event ".event == \"node_offered\"" && alice scancel $job &&
    settle
'

test_expect_success 'none is free: the reason is in the log, and the request leaves the queue' '
    clean && fill n3,n4 && begin dirty "rms_timeout_ms = 2000" && cluster crash n2 &&
    await_event ".event == \"no_node_offered\" and (.text | contains(\"none became free in time\"))" &&
    wait_until 60 eval "test -z \"\$(beside)\"" && bob scancel -u bob && alice scancel -u alice && settle
'

test_expect_success 'none is free, and it is waited for: the job goes on when one is' '
    clean && fill n3,n4 && begin dirty "rms_timeout_ms = 60000" && cluster crash n2 && wait_until 60 waits_in_queue &&
    bob scancel -u bob && ends_well "n[34]" && settle
'

slurm_done
