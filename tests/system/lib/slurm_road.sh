# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of the road under Slurm: examples/pubsub in a job of alice's, with a plain mpirun, whose nodes
# are lost; two publishers on n1, where mpirun is, and a subscriber on n2. Needs a cluster of five.
#
#   cluster_up 5
#   . "$FT_TOP/tests/system/lib/slurm_road.sh"
#   test_expect_success 'Slurm runs' 'cluster slurm up'
#   test_expect_success '...' 'begin "rms_timeout_ms = 2000" && cluster crash n2 && ends_well n3 && settle'
#   slurm_done
#
# Users: t0603 to t0608, t0640, t0641.
. "$FT_TOP/tests/system/lib/slurm.sh"

# What begin does differs by these; set for one call: with='--ft-spares=1' job_nodes=n1,n2,n3 begin.
submitter=                # "ft sbatch --conf ..."; "sbatch --ft" once use_plugins was called
job_nodes=n1,n2           # the job's nodes; mpirun is on the first
with=                     # more options of sbatch
mpirun_options='-n 3'
pubsub_options='--publishers 2 --interval 2000'
messages=1500             # that each publisher sends to each subscriber; a thousand take two seconds or more
subscribers=1
user=alice                # whose job it is, see of

# of USER: what follows is about that user's job. Sets user, home, job, conf (his ft.conf).
declare -A job_of=()
job=
of() {
    [ -z "$job" ] || job_of[$user]=$job
    user=$1 home=$shared/home/$1 conf=/shared/home/$1/ft.conf job=${job_of[$1]-}
}
of alice

show() { cat "$home/out" "$home/events"; jobs; cluster pids; tail -n 5 "$home"/*.log; } 2>/dev/null

# use_plugins: sbatch knows --ft.
use_plugins() {
    local node
    for node in $(on n0 sinfo -h -N -o %N | sort -u) n0; do
        on "$node" sh -c 'echo "optional spank_ft.so" >/etc/slurm/plugstack.conf' || return
    done
    on n0 sh -c 'echo CliFilterPlugins=ft >>/etc/slurm/slurm.conf' && submitter='sbatch --ft'
}

# --- the job

# begin [dirty] [CONF-LINE]...: it is submitted, and some messages are sent. Sets job. dirty: other
# jobs are there on purpose. The settings are ft.conf's. Half of the messages come quickly, the others
# slowly, until it may end (may_end; ends_well and ends_without say so).
begin() {
    if [ "${1-}" = dirty ]; then shift; else clean || return; fi
    printf '%s\n' "$@" >"$home/ft.conf"
    rm -rf "$home/records" "$home/out" "$home/events" "$home/go"
    job=$(submit_pubsub) && wait_until 90 acked 200 || { show; return 1; }
}
submit_pubsub() {
    local commas=${job_nodes//[^,]/}
    printf '%s\n' '#!/bin/bash' 'export FT_EVENTS=$HOME/events' 'rm -rf $HOME/records $HOME/events' \
        "mpirun $mpirun_options /usr/libexec/ft/examples/pubsub $pubsub_options --messages $messages --records \$HOME/records --slow-until \$HOME/go" \
        'echo "mpirun ended with $?"' >"$home/pubsub.sh"
    # shellcheck disable=SC2086 # they are words
    on -u "$user" n0 env ${submitter:+FT_CONF=$conf} ${submitter:-ft sbatch --conf $conf} --parsable \
        -N$((${#commas} + 1)) --exclusive --ntasks-per-node=2 -w "$job_nodes" -t 20 -o out $with pubsub.sh
}
may_end() { : >"$home/go"; }
acked() { [ "$(awk '{ print $6 }' "$home/records/progress.0" 2>/dev/null || echo 0)" -ge "$1" ] 2>/dev/null; }

# ends_well NODE (a pattern): all of it arrived, the lost subscriber's part there. The lost node boots then.
ends_well() {
    may_end && wait_until 120 grep -q "^mpirun ended with 0" "$home/out" &&
        "$FT_TOP"/examples/pubsub-verify "$home/records" | tee verified &&
        jq -e ".messages_lost == 0 and .received_twice == 0 and .messages_sent == 2 * $messages * $subscribers" verified &&
        jq -r '[.losses[].alternative] | unique | join(" ")' "$home/records/summary" | grep -qx "$1" &&
        boot_the_lost && wait_until 90 is_in_state "$job" COMPLETED && return
    show
    return 1
}
# ends_without: the job ends for want of a node, by itself; the lost one boots then.
ends_without() {
    may_end && wait_until 120 grep -q "^mpirun ended with" "$home/out" && boot_the_lost && wait_until 90 is_over "$job" && return
    show
    return 1
}

# --- what is known of it

event() { jq -e "select($1)" "$home/events" >/dev/null 2>&1; }
await_event() { wait_until 60 event "$1" || { show; on n0 scontrol show job; return 1; }; }
# The nodes of the allocations beside it.
beside() { on n0 squeue -h -n "ft-$job" -o %N; }
none_beside() { [ -z "$(beside)" ] && ! waits_in_queue; }
waits_in_queue() { on n0 squeue -h -t PENDING -n "ft-$job" -o %i | grep -q .; }

# --- before and after

# settle: the end of a scenario.
settle() { all_up_again && wait_until 60 nothing_left || { show; return 1; }; }
# What a test before this one left, if it failed.
clean() { { nothing_left && nodes_are_idle; } || clear; }
