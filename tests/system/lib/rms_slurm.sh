# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of the tests of nodes from Slurm: jobs whose script is progs/rms_slurm.c, which drives the
# backend as the central unit does. Needs a cluster of six: five nodes for jobs, n1 ... n5.
# Users: t0601, t0602.
. "$FT_TOP/tests/system/lib/slurm.sh"

readonly driver=${FT_STAGE%/stage}/tests/system/progs/rms_slurm helper=/usr/libexec/ft/ft-rms-slurm
homes=$shared/home

# submit NAME USER "SBATCH OPTIONS" LADDER TIMEOUT_ms [SPARE...]: a job whose script is the driver.
# Sets job. It takes orders with tell, and what it says is in $homes/USER/NAME.out.
submit() {
    local name=$1 user=$2 options there=$homes/$2
    read -ra options <<<"$3"
    shift 3
    rm -f "$there/$name".{in,out} && mkfifo "$there/$name.in" && chown "$user_ids" "$there/$name.in" &&
        printf '%s\n' '#!/bin/bash' "exec $driver $helper \$SLURM_JOB_ID $1 $2 1000 ${*:3} <>$name.in >$name.out 2>$name.err" \
            >job.sh &&
        job=$(on -u "$user" n0 sbatch --parsable -J "$name" --no-requeue -o /dev/null "${options[@]}" <job.sh) &&
        wait_until 60 grep -q ready "$there/$name.out"
}
user_ids=2001:2001

tell() { echo "${*:2}" >"$homes/alice/$1.in"; }
out() { cat "$homes/alice/$1.out"; }
says() { grep -Eq "$2" "$homes/alice/$1.out"; }
await() { wait_until "$1" says "$2" "$3" || { out "$2"; tail "$homes/alice/$2.err"; jobs; false; }; }
offered() { sed -n "s/^offer $2 \([^ ]*\) .*/\1/p" "$homes/alice/$1.out"; }
took_ms() { sed -n "s/^offer $2 [^ ]* \([0-9]*\).*/\1/p" "$homes/alice/$1.out"; }

end_s() { date -d "$(field "$1" EndTime)" +%s; }
# The allocations beside a job.
beside() { on n0 squeue -h -t all -n "ft-$1" -o '%i %T %N' | grep -Ev 'CANCELLED|COMPLETED|FAILED|NODE_FAIL|TIMEOUT|DEADLINE'; }
none_beside() { [ -z "$(beside "$1")" ]; }
all_over() { [ -z "$(jobs)" ]; }
all_idle() { [ "$(on n0 sinfo -h -N -o '%N %t' | sort -u | grep -c 'idle$')" = "$1" ]; }
holder_runs() { cluster pids "$1" | grep -q "ft-rms-slurm hold"; }
waits() { on n0 squeue -h -t PENDING -n "ft-$1" -o %i | grep -q .; }
runs() { is_in_state "$1" RUNNING; }
