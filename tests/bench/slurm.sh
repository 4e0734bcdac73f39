# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# slurm.sh: the figures under Slurm, for `bench`: an ordinary user's job on n1, n2 and n3, with n4 idle.
# n0 is slurmctld's.
#
#   retarget_slurm_ms   n3's processes are all killed -> first message at the stand-in, on the node that
#                       Slurm gave beside the job; the job has no spare
#   resubmit_slurm_ms   what there is without FT: the job is cancelled and submitted again, at once, and
#                       all ranks of the new one have started. Nobody had to notice first, and what the
#                       ranks had is gone

readonly SLURM_KEYS='retarget_slurm_ms resubmit_slurm_ms'
readonly SLURM_TIMEOUT_S=120
slurm_is_up=

slurm_queue_is_empty() { [ -z "$(on n0 squeue -h -o %i)" ]; }
slurm_is_idle() {
    slurm_queue_is_empty && [ "$(on n0 sinfo -h -N -n n1,n2,n3,n4 -o %T | sort -u)" = idle ]
}
slurm_ready() { [ -e "$shared/ready" ]; }
slurm_has_ended() { grep -aq "^bench code=" "$shared/slurm.out" 2>/dev/null; }

# Units of a system would be attached to, and they do not ask Slurm.
slurm_once() {
    [ ! "${node_is_up-}${central_is_up-}" ] || die "name Slurm's keys before those of the system's daemons"
    [ ! "$slurm_is_up" ] || return 0
    cluster slurm up || die "Slurm did not come up (see above)."
    slurm_is_up=yes
}

# slurm_submit SBATCH NODES WORDS...: a job of alice's, an exclusive node for each rank; prints its number.
slurm_submit() {
    local sbatch nodes=$2
    read -ra sbatch <<<"$1"
    shift 2
    printf '%s\n' '#!/bin/bash' "mpirun $program $*" "echo \"bench code=\$? ended=\$EPOCHREALTIME\"" |
        on -u alice n0 "${sbatch[@]}" --parsable -N3 --ntasks-per-node=1 --exclusive -w "$nodes" -t 10 \
            -o /shared/slurm.out
}

# slurm_settle: whatever came of the sample, the next one finds four idle nodes.
slurm_settle() {
    on n0 scancel -u alice
    on n3 true 2>/dev/null || cluster boot n3 || die "n3 does not boot again"
    wait_until $SLURM_TIMEOUT_S slurm_is_idle || die "Slurm's nodes are not idle again after $SLURM_TIMEOUT_S s"
}

# slurm_await KEY WHAT CMD...: until CMD succeeds; shows what the job said if it does not.
slurm_await() {
    local key=$1 what=$2
    shift 2
    wait_until $SLURM_TIMEOUT_S "$@" && return
    say "$key: not after $SLURM_TIMEOUT_S s: $what; what the job said:"
    tail -n 20 "$shared/slurm.out" >&2
    slurm_settle
    return 1
}

# slurm_begin KEY MODE: a job is in position; sets job.
slurm_begin() {
    slurm_once
    rm -f "$shared"/{ready,slurm.out}
    job=$(slurm_submit 'ft sbatch' n1,n2,n3 "$2" /shared/ready) || return
    slurm_await "$1" 'the job is ready' slurm_ready || return
    sleep "$SETTLE_S"
}

sample_retarget_slurm_ms() {
    slurm_begin "$1" fresh || return
    crashed=$(cluster crash n3)
    slurm_await "$1" 'the job ends' slurm_has_ended || return
    cp "$shared/slurm.out" "$scratch/out"
    slurm_settle
    if [ "$(value code)" != 0 ] || [ "$(value node)" != n4 ]; then
        say "$1: the job ended with $(value code), its stand-in on '$(value node)'; what it said:"
        tail -n 20 "$scratch/out" >&2
        return 1
    fi
    retargeted "$1"
}

sample_resubmit_slurm_ms() {
    local began
    slurm_begin "$1" node || return
    began=$EPOCHREALTIME
    on -u alice n0 scancel "$job" && rm -f "$shared/slurm.out" && slurm_submit sbatch n1,n2,n4 empty >/dev/null || return
    slurm_await "$1" 'the new job ends' slurm_has_ended || return
    cp "$shared/slurm.out" "$scratch/out"
    slurm_settle
    if [ "$(value code)" != 0 ]; then
        say "$1: the new job ended with $(value code); what it said:"
        tail -n 20 "$scratch/out" >&2
        return 1
    fi
    { ms_between "$began" "$(value ended)"; echo; } >>"$scratch/$1"
}
