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
home=$FT_CLUSTER/shared/home/alice

# --- words

alice() { on -u alice n0 "$@"; }
field() { on n0 scontrol show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
is_in_state() { [ "$(field "$1" JobState)" = "$2" ]; }
jobs() { on n0 squeue -h -o '%i %j %u %T %N'; }
nothing_left() { [ -z "$(jobs)" ] && [ -z "$(cluster pids)" ]; }
nodes_are_idle() { [ "$(on n0 sinfo -h -N -o %T | sort -u)" = idle ]; }
show() { cat "$home/out" "$home/events"; jobs; cluster pids; tail -n 5 "$home"/*.log; } 2>/dev/null

# settle: the end of a scenario; a node that was lost boots.
settle() {
    [ -z "${1-}" ] || cluster boot "$1" || return
    wait_until 120 nodes_are_idle && wait_until 60 nothing_left || { show; return 1; }
}
# What a test before this one left, if it failed.
clean() {
    nothing_left && nodes_are_idle && return
    on n0 scancel -u bob && on n0 scancel -u alice || return
    on n2 true 2>/dev/null || settle n2
}
acked() { [ "$(awk '{ print $6 }' "$home/records/progress.0" 2>/dev/null || echo 0)" -ge "$1" ] 2>/dev/null; }
event() { jq -e "select($1)" "$home/events" >/dev/null; }
await_event() { wait_until 60 event "$1" || { show; on n0 scontrol show job; return 1; }; }
beside() { on n0 squeue -h -n "ft-$job" -o %N; }

# begin [dirty] [CONF-LINE]...: pubsub's two publishers on n1, its subscriber on n2; some messages are sent. Sets
# job. dirty: another job is there on purpose.
begin() {
    if [ "${1-}" = dirty ]; then shift; else clean || return; fi
    printf '%s\n' "$@" >"$home/ft.conf"
    rm -rf "$home/records" "$home/out"
    printf '%s\n' '#!/bin/bash' 'export FT_EVENTS=$HOME/events' 'rm -rf $HOME/records $HOME/events' \
        "mpirun -n 3 /usr/libexec/ft/examples/pubsub --publishers 2 --messages 1500 --records \$HOME/records" \
        'echo "mpirun ended with $?"' >"$home/pubsub.sh"
    job=$(alice ft sbatch --conf /shared/home/alice/ft.conf --parsable -N2 --exclusive --ntasks-per-node=2 -w n1,n2 -t 20 -o out pubsub.sh) &&
        wait_until 90 acked 200 || { show; return 1; }
}
ends_well() { # NODE (a pattern): all of it arrived, the lost subscriber's part there
    wait_until 120 grep -q "^mpirun ended with 0" "$home/out" &&
        "$FT_TOP"/examples/pubsub-verify "$home/records" | tee verified &&
        jq -e '.messages_lost == 0 and .received_twice == 0 and .messages_sent == 3000' verified &&
        jq -r '[.losses[].alternative] | unique | join(" ")' "$home/records/summary" | grep -qx "$1" &&
        wait_until 90 is_in_state "$job" COMPLETED && return
    show
    return 1
}

# --- what happens

test_expect_success 'Slurm runs' 'cluster slurm up --conf SchedulerParameters=permit_job_expansion'

test_expect_success 'a node crashes: the job goes on with one that Slurm gave' '
    begin "" && cluster crash n2 && await_event ".event == \"node_offered\"" &&
    test "$(beside)" = n3 && ends_well n3 && jq -c .losses "$home/records/summary" >&4 && settle n2
'

test_expect_success 'a node is powered off: the same' '
    begin "" && cluster off n2 && ends_well n3 && settle n2
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
    event ".event == \"node_released\" and .node == \"n3\"" && check n3 && settle n2
'

test_expect_success 'a node that joins the job' '
    begin "rms_ladder = \"spares,expand\"" && cluster crash n2 && await_event ".event == \"node_offered\"" &&
    field $job NodeList | grep -qE "^n\[1(,|-2,|-)3\]\$" && test -z "$(beside)" && ends_well n3 && settle n2
'

test_expect_success 'the job is cancelled when it has just got the node: nothing is left' '
    begin "" && cluster crash n2 && await_event ".event == \"node_offered\"" && alice scancel $job &&
    settle n2
'

# Bob has all other nodes.
fill() {
    clean && bob=$(on -u bob n0 sbatch --parsable -w n3,n4 -N2 --exclusive -t 20 -o /dev/null --wrap "sleep 1000") &&
        wait_until 60 is_in_state "$bob" RUNNING
}

test_expect_success 'none is free: the reason is in the log, and the request leaves the queue' '
    fill && begin dirty "rms_timeout_ms = 2000" && cluster crash n2 &&
    await_event ".event == \"no_node_offered\" and (.text | contains(\"none became free in time\"))" &&
    wait_until 60 eval "test -z \"\$(beside)\"" && on n0 scancel -u bob && on n0 scancel -u alice && settle n2
'

waits_in_queue() { on n0 squeue -h -t PENDING -n "ft-$job" -o %i | grep -q .; }
test_expect_success 'none is free, and it is waited for: the job goes on when one is' '
    fill && begin dirty "rms_timeout_ms = 60000" && cluster crash n2 && wait_until 30 waits_in_queue &&
    on n0 scancel -u bob && ends_well "n[34]" && settle n2
'

ft_done
