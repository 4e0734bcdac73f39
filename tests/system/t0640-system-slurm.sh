#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# One system-wide central unit, Slurm, and two users whose jobs use the system's units: each job's node
# comes from Slurm, by an allocation of its own user's, stays when the central unit changes, and goes
# back with the job. Nobody gets anything in another's name.
test_description='a system'\''s central unit gets nodes from Slurm, for each job as its own user'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 7
. "$FT_TOP/tests/system/lib/slurm_road.sh"
. "$FT_TOP/tests/system/lib/system.sh"
progs=${FT_STAGE%/*}/tests/system/progs

# n0 is slurmctld's, too; alice has n1 and n2, bob n3 and n4, whoever loses one gets n5 or n6.
centrals='n0 n5 n6'
voter_says[n0]='priority = 2'
settings() { conf 'handback_ms = 600000' 'rms_watch_ms = 1000' "$@"; }
settings

# The system's daemons are no job's.
no_job='/usr/sbin/ft-|/usr/libexec/ft/ft-rms-slurm$'
show_all() { show; jobs; of_jobs; all_events; show_logs; } >&2
units_again() { local node; for node; do unset "daemon_pid[$node ft-noded]"; start_unit "$node" || return; done; }

# What the job of `user` has beside it.
mine() { on n0 squeue -h -n "ft-$job" -o "%T %u %N"; }
own() { on n0 squeue -h -n "ft-$job" -o %i; }
has_one_more() { mine | grep -qxE "RUNNING $user n[56]"; }
await_one_more() { wait_until 60 has_one_more || { show_all; return 1; }; }
# is_guarded: by one process of that user's, on the leader's node.
helpers() { on "$(leader)" pgrep -u "$user" -fc -- "^/usr/libexec/ft/ft-rms-slurm --user="; }
is_guarded() { [ "$(helpers)" = 1 ]; }
has_ended() { grep -q "^mpirun ended with" "$home/out"; }
both() { local u; for u in alice bob; do of $u && "$@" || { echo "not so for $u: $*"; return 1; }; done; }

# --- launchers that ask for nodes without a job of MPI's

# launcher NAME NODE JOB: one of `user` there, which says that it is in that job of Slurm.
launcher() {
    rm -f "$shared/$1".{in,out} && mkfifo "$shared/$1.in" && : >"$shared/$1.out" && chmod 666 "$shared/$1".* || return
    cluster exec -u "$user" "$2" sh -c 'exec env SLURM_JOB_ID=$1 $2 $3 <>/shared/$3.in >/shared/$3.out 2>&1' - \
        "$3" "$progs/slurm_launcher" "$1" </dev/null >/dev/null 2>&1 3>&- 4>&- &
    launchers[$1]=$!
    disown
}
declare -A launchers=()
tell() { echo "${*:2}" >"$shared/$1.in"; }
says() { grep -qE "$2" "$shared/$1.out"; }
hears() { wait_until 60 says "$1" "$2" || { cat "$shared/$1.out"; show_all; return 1; }; }
end_launcher() { tell "$1" end && wait_until 60 has_gone "$1"; }
has_gone() { ! kill -0 "${launchers[$1]}" 2>/dev/null; }
beside_bobs() { on n0 squeue -h -n "ft-$bobs" -o "%i %T %u %N"; }
nothing_beside_bobs() { [ -z "$(beside_bobs)" ]; }
reload() { settings "$@" && spread_conf && on "$(leader)" ft reload; }

test_expect_success 'Slurm runs, and the system on all of its nodes' '
    cluster slurm up && system_up && await_central n0
'

test_expect_success 'both lose a node at the same time: each gets one by an allocation of its own user' '
    messages=9000 && of alice && begin dirty && of bob && job_nodes=n3,n4 begin dirty &&
    cluster crash n2 && cluster crash n4 && both await_one_more && both is_guarded &&
    test "$(of alice; own)" != "$(of bob; own)"
'
test "$test_failure" = 0 || ft_done

test_expect_success 'the leader is killed: the allocations stay, and its successor guards them' '
    of alice && a=$(own) && of bob && b=$(own) && kill_central n0 &&
    wait_until 60 some_central_leads && test "$(leader)" != n0 && both wait_until 60 is_guarded &&
    both has_one_more && of alice && test "$(own)" = "$a" && of bob && test "$(own)" = "$b" || { show_all; false; }
'
test_expect_success 'both end well, with nothing lost, and the nodes go back' '
    both may_end && both wait_until 60 has_ended &&
    both ends_well "n[56]" && units_again n2 n4 && settle || { show_all; false; }
'

test_expect_success 'what happens to a job is seen by its user, and by root' '
    on -u alice n1 ft events --json -n 2000 >seen && grep -q "\"owner\":2001" seen && ! grep "\"owner\":2002" seen &&
    grep -q "\"event\":\"unit_up\"" seen && on n1 ft events --json -n 2000 >seen && grep -q "\"owner\":2002" seen
'

test_expect_success 'a node that the job holds as a spare goes first, without Slurm' '
    of alice && messages=1500 && with="--ft=report --ft-spares=1" begin dirty && cluster crash n2 && may_end && wait_until 60 has_ended &&
    none_beside && ends_well "n[3-6]" && units_again n2 && settle || { show_all; false; }
'

test_expect_success 'a user who says that another'\''s job is his gets nothing, nor does it have any effect' '
    of bob && job=$(bob sbatch --parsable -N1 -w n3 -t 20 -o /dev/null --wrap "sleep 1000") &&
    wait_until 60 is_in_state $job RUNNING && bobs=$job && of alice && launcher claim n1 $bobs &&
    tell claim get && hears claim "^get -[0-9]+ - .*job $bobs is user 2002.s, not this one.s \(2001\)" &&
    test "$(jobs | wc -l)" = 1 && end_launcher claim
'
test_expect_success 'a launcher in a job of its user gets a node; another user can neither give it back nor ask' '
    of bob && launcher bobs n3 $bobs && tell bobs get && hears bobs "^get 0 n[12456] " &&
    node=$(sed -n "s/^get 0 \([^ ]*\) .*/\1/p" "$shared/bobs.out") && held=$(beside_bobs) &&
    test "${held#* }" = "RUNNING bob $node" &&
    printf "%s\n" get "give $node" >orders && cluster exec -u alice n1 "$progs/slurm_launcher" bobs <orders >theft &&
    cat theft && grep -q "^get -12 " theft && grep -q "^give -12 " theft && test "$(beside_bobs)" = "$held"
'
test_expect_success 'another plan does not take it away, and it goes back when it is not needed' '
    reload "rms_ladder = \"beside\"" "rms_timeout_ms = 2500" && sys_event ".event == \"config_changed\"" &&
    test "$(beside_bobs)" = "$held" && tell bobs give $node && hears bobs "^give 0" &&
    wait_until 60 nothing_beside_bobs
'
test_expect_success 'Slurm has a node out of service: it is failing to the launchers, until it is back' '
    on n0 scontrol update NodeName=n4 State=DRAIN Reason="fan" &&
    await_sys_event 60 ".event == \"node_failing\" and .node == \"n4\" and (.text | contains(\"fan\"))" &&
    on n0 scontrol update NodeName=n4 State=RESUME && await_sys_event 60 ".event == \"node_well\" and .node == \"n4\""
'
test_expect_success 'a launcher that ends gives back what it has' '
    : >"$shared/bobs.out" && tell bobs get && hears bobs "^get 0 n[12456] " && test -n "$(beside_bobs)" &&
    end_launcher bobs && wait_until 60 nothing_beside_bobs && bob scancel $bobs
'
test_expect_success 'mpirun'\''s node is lost: Slurm would keep the job; it is ended' '
    of alice && job=$(alice sbatch --parsable --no-requeue --no-kill -N2 -w n1,n2 -t 20 -o /dev/null \
        --wrap "ft run -n 2 --host n1:1,n2:1 sleep 1000") &&
    await_sys_event 60 ".event == \"session_began\" and .slurm_job == $job" &&
    seq=$(sys_event ".event == \"session_began\" and .slurm_job == $job" | jq .seq) &&
    await_sys_event 60 ".event == \"job_started\" and .owner == 2001 and .seq > $seq" && cluster crash n1 &&
    { wait_until 90 is_over "$job" || { show_all; false; }; } && boot_the_lost && units_again n1 && settle
'
test_expect_success 'nobody but root becomes another user' '
    on -u alice n1 /usr/libexec/ft/ft-rms-slurm --user=2002 </dev/null 2>&1 |
        grep "user 2001 cannot become user 2002; only root can"
'

test_expect_success 'the daemons end in order' 'system_down'
unset -f nothing_left
. "$FT_TOP/tests/system/lib/slurm.sh"
slurm_done
