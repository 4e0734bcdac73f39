# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of the tests of how jobs are submitted: what alice submits is refused, or runs and says what it
# found, or outlives a node. Needs a cluster of five. Users: t0610, t0611.
. "$FT_TOP/tests/system/lib/slurm_road.sh"
plugins=/usr/lib/x86_64-linux-gnu/slurm-wlm
on n0 test -e $plugins/spank_ft.so || error "the plugins for Slurm are not installed"

# submit CMD...: alice's; sets job, its number. What the command says is in said.
submit() {
    clean && alice "$@" >said 2>&1 </dev/null
    cat said
    job=$(sed -n 's/^Submitted batch job //p' said)
    [ "$job" ]
}
# ran CMD...: the same, and the job has ended well; its output is $home/out.
ran() {
    submit "$@" && wait_until 90 is_in_state "$job" COMPLETED && wait_until 60 nothing_left && return
    on n0 scontrol show job; cat "$home/out"; cluster pids
    return 1
}
# refused PATTERN CMD...: nothing was submitted, and why is said.
refused() {
    local pattern=$1
    shift
    test_must_fail alice "$@" >said 2>&1 </dev/null
    cat said
    grep -qE -e "$pattern" said && ! grep -q "^Submitted" said && [ -z "$(on n0 squeue -h -o %i)" ]
}
script() { printf '%s\n' '#!/bin/bash' "${@:2}" >"$home/$1"; }
# What FT has to do with in a job's environment.
of_ft() { grep -aE '^(FT_|PRTE_MCA_errmgr|PRTE_PKG|PRTE_MCA_prte_|LD_PRELOAD|SLURM_NO_KILL|SLURM_FT|_?SLURM_SPANK|OMPI_MCA_mpi_ft)' |
    grep -v -e ^FT_CLUSTER -e ^FT_SBATCH= | sort; }
# What ft env sets in a job of Slurm.
ft_env() { alice env SLURM_JOB_ID=1 sh -c 'eval "$(ft env --shell sh)"; env' | of_ft; }
has() { grep -qx -- "$1" "$home/out"; }

# A subscriber's node is lost; plain mpirun in all of them.
script pubsub.sh 'export FT_EVENTS=$HOME/events' 'rm -rf $HOME/records $HOME/events' \
    'mpirun /usr/libexec/ft/examples/pubsub --publishers 2 --messages 1500 --interval 2000 --records $HOME/records --slow-until $HOME/go' \
    'echo "mpirun ended with $?"'
script show.sh 'env' 'echo "here: $(mpirun hostname | sort | xargs)"' 'echo "preloaded: $LD_PRELOAD"'

# survives LOST NEW CMD...: the pubsub job that it submits goes on when node LOST crashes, with node NEW.
survives() {
    local lost=$1 new=$2
    shift 2
    rm -rf "$home/records" "$home/out" "$home/go"
    submit "$@" -o out pubsub.sh && { wait_until 60 acked 200 || { show; return 1; }; } && cluster crash "$lost" &&
        { [ -z "${found_down-}" ] || slurm_finds_down "$lost"; } && ends_well "$new" && settle
}
two='-N2 --ntasks-per-node=2 -w n1,n2 -o out'

