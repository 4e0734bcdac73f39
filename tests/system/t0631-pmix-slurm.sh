#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same requests of a PMIx client in a Slurm job of an ordinary user: the nodes come from Slurm, and
# none of them, and no request for one, is left when they were released, cancelled, or the job ended.
test_description='PMIx_Allocation_request in a Slurm job: nodes come from Slurm and go back'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "$FT_STAGE/usr/libexec/ft/ft-rms-slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 5
. "$FT_TOP/tests/system/lib/slurm.sh"
client=${FT_STAGE%/*}/tests/system/progs/pmix_alloc
[ -x "$client" ] || error "pmix_alloc is not built"
cluster slurm up || error "Slurm did not come up"

# --- words

beside() { on n0 squeue -h -n "ft-$job" -t "$1" -o %N | sort | xargs; }
has_beside() { [ "$(beside RUNNING)" = "$1" ]; }
says() { grep -a -q -- "$1" "$shared/out"; }
said() { says "$1" || { echo "not said: $1"; cat "$shared/out"; false; }; }
hears() { wait_until 60 says "$1" || { cat "$shared/out"; false; }; }

# begin WORD...: the client on n1 and n2, in a job of alice's.
begin() {
    nothing_left || clear || return
    rm -f "$shared"/go "$shared"/out
    job=$(printf '%s\n' '#!/bin/bash' "ft run -- -n 2 $client $*" 'echo "mpirun ended with $?"' |
        alice sbatch --parsable --no-kill -N2 --ntasks-per-node=1 --exclusive -w n1,n2 -t 20 -o /shared/out)
}
ends() {
    hears "^mpirun ended with 0" && wait_until 60 nothing_left && return
    cat "$shared/out"; on n0 squeue; cluster pids
    return 1
}

# --- what happens

test_expect_success 'nodes come from Slurm, are spawned on, and go back when they are released' '
    begin new:nodes=2:req=mine "\"spawn:host=\\\$node\"" wait:for=go "\"release:id=\\\$id:retry=1\"" new time &&
    hears "^child on n3$" && wait_until 60 has_beside "n3 n4" && touch "$shared"/go && ends &&
    said "^new PMIX_SUCCESS id=ft-1 nodes=n3,n4 n=2 req=mine" && said "^release PMIX_SUCCESS" &&
    said "^new PMIX_SUCCESS id=ft-2 nodes=n[34] " && said "^time PMIX_SUCCESS 1[0-9][0-9]*$"
'

test_expect_success 'a request waits for a node in use, can be asked about, and is cancelled' '
    fill n3,n4 && rm -f "$shared"/out "$shared"/go &&
    job=$(printf "%s\n" "#!/bin/bash" "ft run -- -n 2 $client later:req=two wait:for=go status:req=two \
        cancel:req=two status:req=two" "echo mpirun ended with \$?" | alice sbatch --parsable --no-kill -N2 \
        --ntasks-per-node=1 --exclusive -w n1,n2 -t 20 -o /shared/out) &&
    wait_until 60 eval "[ \"\$(on n0 squeue -h -n ft-$job -t PENDING -o %i)\" ]" && touch "$shared"/go &&
    hears "^mpirun ended with 0" && said "^status PMIX_SUCCESS PENDING" && said "^cancel PMIX_SUCCESS" &&
    said "^later PMIX_ERR_JOB_CANCELED" && said "^status PMIX_ERR_NOT_FOUND" &&
    bob scancel $bob && wait_until 60 nothing_left
'

test_expect_success 'what is not released ends with the job, also when that is cancelled' '
    begin new "\"spawn:host=\\\$node:until=never\"" wait:for=never && hears "^child on n3$" &&
    has_beside n3 && alice scancel "$job" && wait_until 60 nothing_left
'

slurm_done
