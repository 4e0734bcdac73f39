# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of all tests of Slurm, beside those of ft-sharness.sh. The cluster is up; n0 is slurmctld's.
#
#   cluster_up 5
#   . "$FT_TOP/tests/system/lib/slurm.sh"
#   test_expect_success 'Slurm runs' 'cluster slurm up'
#   test_expect_success 'a job' 'job=$(alice sbatch --parsable ...) && wait_until 60 is_in_state "$job" COMPLETED'
#   slurm_done
#
# Users: slurm_road.sh, rms_slurm.sh, t0003, t0620, t0631.

shared=$FT_CLUSTER/shared
home=$shared/home/alice

alice() { on -u alice n0 "$@"; }
bob() { on -u bob n0 "$@"; }

# --- jobs

field() { on n0 scontrol show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
is_in_state() { [ "$(field "$1" JobState)" = "$2" ]; }
jobs() { on n0 squeue -h -o '%i %j %u %T %N'; }
is_over() { ! on n0 squeue -h -o %i | grep -qx "$1"; }
nothing_left() { [ -z "$(jobs)" ] && [ -z "$(of_jobs)" ]; }
# What runs for jobs. no_job: a pattern of what runs without any, where there are daemons of a system.
no_job='^$'
of_jobs() { cluster pids | grep -vE "$no_job"; }

# fill NODES [MINUTES]: bob has those. Sets bob, his job.
fill() {
    bob=$(bob sbatch --parsable -w "$1" --exclusive -t "${2-20}" -o /dev/null --wrap 'sleep 1000') &&
        wait_until 60 is_in_state "$bob" RUNNING
}

# --- nodes

node_states() { on n0 sinfo -h -N -o '%N %T' | sort -u; }
nodes_are_idle() { ! node_states | grep -qv ' idle$'; }

# boot_the_lost: whichever node is off. Slurm has not found it down yet, perhaps (that takes it half a
# minute, in which the jobs of that node do not end, either); it forgets what it was when it comes.
boot_the_lost() {
    local node
    for node in "$FT_CLUSTER"/n[0-9]*; do
        node=${node##*/}
        on "$node" true 2>/dev/null || cluster boot "$node" || return
    done
}
all_up_again() { boot_the_lost && wait_until 120 nodes_are_idle || { node_states; return 1; }; }

# slurm_finds_down NODE: at once, as if it had waited for it long enough.
slurm_finds_down() { on n0 scontrol update "NodeName=$1" State=DOWN Reason="Not responding"; }

# clear: all jobs of both users are cancelled, what is off comes back, and nothing may be left.
clear() {
    on n0 pgrep -x slurmctld >/dev/null || cluster slurm start || return
    bob scancel -u bob && alice scancel -u alice && all_up_again && wait_until 60 nothing_left ||
        { jobs; node_states; cluster pids; return 1; }
}

# --- the end

# slurm_done: the last line of each such file. Of all users' jobs that Slurm still knows (all of the
# file's: its jobs are kept for longer than a file may run) each has ended, those beside a job by the
# end of that, and no process of any is left.
slurm_done() {
    test_expect_success 'of no user is a job, an allocation or a process left' '
        { wait_until 60 nothing_left && on n0 scontrol -o show job >all-jobs && all_have_ended <all-jobs; } ||
            { jobs; node_states; cluster pids; false; }
    '
    ft_done
}

# all_have_ended: of `scontrol -o show job` on stdin; says which has not. An allocation is given back by
# whoever is left to do so, which takes its time on a busy machine.
all_have_ended() {
    awk -v allowed_s=30 '
        function seconds(time) { gsub(/[-T:]/, " ", time); return mktime(time) }
        {
            delete is
            for (i = 1; i <= NF; i++) if (match($i, /^[A-Za-z]+=/) && !(substr($i, 1, RLENGTH - 1) in is))
                is[substr($i, 1, RLENGTH - 1)] = substr($i, RLENGTH + 1)
            id = is["JobId"]
            if (!id) next
            known++
            record[id] = $0
            ended[id] = seconds(is["EndTime"])
            # one that got none, or has given it to the job (its EndTime stays what was planned), held nothing
            held = is["NodeList"] != "" && is["NodeList"] != "(null)"
            if (is["JobName"] ~ /^ft-[0-9]+$/ && $0 ~ / Comment=ft: one node more for job / && held)
                of[id] = substr(is["JobName"], 4)
            if (is["JobState"] !~ /^(COMPLETED|CANCELLED|FAILED|NODE_FAIL|TIMEOUT|DEADLINE)$/) {
                print "job " id " (" is["JobName"] ", " is["UserId"] ") is " is["JobState"]; bad = 1
            }
        }
        END {
            if (!known) { print "Slurm knows no job"; exit 1 }
            for (id in of) if (of[id] in ended && ended[id] > ended[of[id]] + allowed_s) {
                print "allocation " id " outlived job " of[id] " by " ended[id] - ended[of[id]] " s"
                print record[id]; bad = 1
            }
            exit bad
        }'
}
