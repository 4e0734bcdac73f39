#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a node from Slurm is held against before it is given out: the lost node's hardware, its memory, its
# disk, its devices, the site's check; and what Slurm's administrator hears of nodes that proved bad and
# of time that was lost: a request from an ordinary user's job, the thing itself from one with the rights.
test_description='nodes from Slurm are looked at before they are used; bad ones are drained, or asked to be'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 7
. "$FT_TOP/tests/system/lib/slurm_road.sh"

# --- words

# hardware NODE DESCRIPTION [LINE]...: what its unit shows, and more lines of its noded.conf.
hardware() {
    local node=$1
    printf '%s\n' "topology = \"synthetic:$2\"" "${@:3}" |
        on "$node" sh -c 'mkdir -p /etc/ft && cat >/etc/ft/noded.conf'
}
readonly LIKE_N2='package:2 [numa(memory=8GB)] core:2 pu:1'
# check NODE COMMANDS: the site's check that is run there, with LIKE_N2's hardware.
check() {
    on "$1" sh -c "mkdir -p /etc/ft && printf '%s\n' '#!/bin/sh' '$2' >/etc/ft/check && chmod 755 /etc/ft/check" &&
        hardware "$1" "$LIKE_N2" 'check = "/etc/ft/check"'
}

rejected() { event ".event == \"candidate_rejected\" and .node == \"$1\" and (.text | contains(\"$2\"))"; }
released() { event ".event == \"node_released\" and .node == \"$1\""; }
was_probed() { event ".event == \"probe_sent\" and .node == \"$1\""; }
# the NAME field of the (only) event that FILTER selects.
of_event() { jq -r "select($1) | .$2" "$home/events"; }
count() { jq -c "select($1)" "$home/events" | wc -l; }
node_reason() { on n0 scontrol show node "$1" | sed -nE 's/^ *Reason=(.*) \[.*/\1/p'; }
is_draining() { on n0 scontrol show node "$1" | grep -q 'State=[^ ]*DRAIN'; }
# What the administrator does when he has looked at them.
resume() {
    local node
    boot_the_lost || return
    for node in $(on n0 sinfo -h -N -o %N -t drain | sort -u); do
        on n0 scontrol update "NodeName=$node" State=RESUME || return
    done
}
limit_of() { on n0 squeue -h -j "$1" -o %l; }
shown() { show; return 1; }
# The allocation beside the job, when those that went back are over: its number, its node.
beside_id() { on n0 squeue -h -t RUNNING -n "ft-$job" -o %i; }
has_beside() { [ "$(on n0 squeue -h -t RUNNING -n "ft-$job" -o %N)" = "$1" ]; }

# --- what happens

test_expect_success 'Slurm runs, with GPUs on some nodes; n3 has few cores, n4 little memory, n5 a full disk' '
    cluster slurm up $(for n in 1 2 5; do printf " --node n$n=Gres=gpu:2"; done) --node n4=Gres=gpu:1 &&
    on n5 sh -c "mkdir -m 1777 /scratch && mount -t tmpfs -o size=1m scratch /scratch" &&
    hardware n2 "$LIKE_N2" && hardware n3 "package:1 [numa(memory=16GB)] core:2 pu:1" &&
    hardware n4 "package:2 [numa(memory=2GB)] core:2 pu:1" &&
    hardware n5 "$LIKE_N2" "scratch = \"/scratch\"" && hardware n6 "$LIKE_N2"
'

test_expect_success 'each that does not fit goes back to Slurm, told why; the fourth one is given' '
    messages=4000 && begin "rms_drain = true" "rms_give_time_max_s = 600" && cluster crash n2 &&
    await_event ".event == \"time_not_given_back\"" &&
    rejected n3 "has 2 cores, 4 wanted (what the lost node had)" && released n3 &&
    rejected n4 "GiB wanted (what the lost node had)" && released n4 &&
    rejected n5 "MiB of scratch space free, 32 MiB needed" && released n5 &&
    wait_until 60 has_beside n6 || shown
'
test_expect_success 'Slurm does not let a user drain a node: the administrator is asked, once, and only for the lost one' '
    await_event ".event == \"drain_requested\" and .node == \"n2\"" && test "$(count ".event == \"drain_requested\"")" = 1 &&
    event ".event == \"drain_requested\" and .cause == \"lost\" and .rms_job == $job and (.why | startswith(\"only Slurm\"))" &&
    command=$(of_event ".event == \"drain_requested\"" command) && echo "$command" && ! is_draining n2 &&
    on n0 sh -c "$command" && is_draining n2 && node_reason n2 | grep "^ft: job $job: lost: " || shown
'
test_expect_success 'nor prolong his job: the same, with a figure; what he is told to ask for does it' '
    event ".event == \"time_not_given_back\" and .minutes == 1 and .lost_s > 0.05 and .lost_s < 60 and (.why | contains(\"only Slurm\"))" &&
    was=$(limit_of "$(beside_id)") && test "$(limit_of $job)" = 20:00 &&
    on n0 sh -c "$(of_event ".event == \"time_not_given_back\"" command)" &&
    test "$(limit_of $job)" = 21:00 && test "$(limit_of "$(beside_id)")" != "$was" &&
    ends_well n6 && test "$(count ".event == \"time_not_given_back\"")" = 1 && resume && settle || shown
'
messages=1500

test_expect_success 'no more are tried than is allowed: no node, and why' '
    resume && begin "probes_max = 2" && cluster crash n2 && await_event ".event == \"decision_none\"" &&
    was_probed n3 && was_probed n4 && ! was_probed n5 && released n5 && ! event ".node == \"n6\"" &&
    event ".event == \"decision_none\" and (.text | contains(\"which is the limit (probes_max)\"))" &&
    wait_until 60 none_beside && ends_without &&
    event ".event == \"drain_requested\" and .node == \"n2\" and (.why | contains(\"rms_drain is not set\"))" && settle || shown
'

test_expect_success 'a job with devices: it goes on where there are as many' '
    hardware n3 "$LIKE_N2" && hardware n4 "$LIKE_N2" && hardware n5 "$LIKE_N2" &&
    messages=4000 with="--gpus-per-task=1" && resume && begin && cluster crash n2 && await_event ".event == \"standin_announced\"" &&
    has_beside n5 && on n0 scontrol show job -d "$(beside_id)" | grep "Nodes=n5 .* GRES=gpu:2" &&
    ends_well n5 && ! event ".node == \"n3\" or .node == \"n4\"" && settle || shown
'
messages=1500 with=

# Slurm lets root do what an operator may.
as_root() {
    mkdir -p "$shared/home/root" && of root &&
        submitter="env HOME=/shared/home/root USER=root OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
            ft sbatch --conf $conf -D /shared/home/root"
}
test_expect_success 'with the rights: lost and broken nodes are drained, the time is given back' '
    check n3 "echo the \\\"fan\\\" is broken; exit 1" && as_root &&
    messages=4000 && resume && begin "rms_drain = true" "rms_give_time_max_s = 600" && cluster crash n2 &&
    await_event ".event == \"time_given_back\" and .minutes == 1" && test "$(limit_of $job)" = 21:00 &&
    await_event ".event == \"drain_done\" and .node == \"n2\" and .cause == \"lost\"" && is_draining n2 &&
    event ".event == \"drain_done\" and .node == \"n3\" and .cause == \"check\"" && is_draining n3 && released n3 &&
    node_reason n3 | grep "^ft: job $job: failed the site.s check: .*the .fan. is broken" &&
    ends_well n4 && ! event ".event == \"drain_requested\" or .event == \"time_not_given_back\"" &&
    resume && settle || shown
'

slurm_done
