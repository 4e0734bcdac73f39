#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A system's central unit has root's rights in Slurm, and uses them for a user's job: bad nodes are drained,
# lost time is given back; for a job of its own user's only, and on findings of its own.
test_description='a system'\''s central unit drains bad nodes and gives lost time back'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_road.sh"
. "$FT_TOP/tests/system/lib/system.sh"

conf 'rms_drain = true' 'rms_give_time_max_s = 60'
# The system's daemons are no job's.
no_job='/usr/sbin/ft-|/usr/libexec/ft/ft-rms-slurm$'
show_all() { show; jobs; cluster pids; all_events; show_logs; } >&2

is_draining() { on n0 scontrol show node "$1" | grep -q 'State=[^ ]*DRAIN'; }
node_reason() { on n0 scontrol show node "$1" | sed -nE 's/^ *Reason=(.*) \[(.*)@.*/\1 by \2/p'; }
limit_of() { on n0 squeue -h -j "$1" -o %l; }
beside_id() { on n0 squeue -h -t RUNNING -n "ft-$job" -o %i; }
has_one_more() { [ "$(on n0 squeue -h -t RUNNING -n "ft-$job" -o '%u %N')" = "alice $1" ]; }
await_sys() { wait_until 60 sys_event "$1" >/dev/null || { show_all; return 1; }; }
helpers_of_root() { on n0 pgrep -u root -fc -- '^/usr/libexec/ft/ft-rms-slurm$'; }
none_but_the_watch() { [ "$(helpers_of_root)" -le 1 ]; }

test_expect_success 'Slurm runs, and the system; n3 fails the site'\''s check' '
    cluster slurm up && on n3 sh -c "mkdir -p /etc/ft && printf \"%s\n\" \"#!/bin/sh\" \"echo the fan is broken; exit 1\" \
        >/etc/ft/check && chmod 755 /etc/ft/check && echo \"check = \\\"/etc/ft/check\\\"\" >/etc/ft/noded.conf" && system_up
'
test_expect_success 'a node of alice'\''s job is lost: n2 and n3 are drained, by root' '
    messages=6000 && begin dirty && cluster off n2 &&
    await_sys ".event == \"drain_done\" and .node == \"n2\" and .cause == \"lost\" and .rms_job == $job" &&
    await_sys ".event == \"drain_done\" and .node == \"n3\" and .cause == \"check\"" && is_draining n2 && is_draining n3 &&
    node_reason n3 | grep "^ft: job $job: failed the site.s check: .*the fan is broken by root$" &&
    wait_until 60 has_one_more n4
'
test_expect_success 'the time is given back to her job, and to what is beside it; no helper stays for that' '
    await_sys ".event == \"time_given_back\" and .minutes == 1 and .rms_job == $job" && test "$(limit_of $job)" = 21:00 &&
    limit_of "$(beside_id)" && wait_until 60 none_but_the_watch &&
    ! sys_event ".event == \"drain_requested\" or .event == \"time_not_given_back\"" && ends_well n4
'
order() { printf '%s\n' "$*" | on n0 /usr/libexec/ft/ft-rms-slurm | tee answer; }
test_expect_success 'not for a job that is another user'\''s, nor for one that is over' '
    fill n1 && order give_time job=$bob uid=2001 minutes=5 && grep "^needless why=job%20$bob%20is%20not%20user%202001" answer &&
    order drain job=$bob uid=2001 node=n4 reason=x && grep "^needless node=n4 " answer && ! is_draining n4 &&
    test "$(limit_of $bob)" = 20:00 && order give_time job=$bob uid=2002 minutes=5 && grep "^did" answer &&
    test "$(limit_of $bob)" = 25:00 && order give_time job=$job uid=2001 minutes=5 && grep "^needless" answer &&
    bob scancel $bob
'
test_expect_success 'the administrator takes them back, the daemons end in order' '
    unset "daemon_pid[n2 ft-noded]" && for n in n2 n3; do on n0 scontrol update NodeName=$n State=RESUME || return; done &&
    settle && system_down
'
unset -f nothing_left
. "$FT_TOP/tests/system/lib/slurm.sh"
slurm_done
