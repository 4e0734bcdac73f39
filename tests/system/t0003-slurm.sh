#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The test bed's Slurm: what tests/cluster promises about it.
test_description='a real Slurm on virtual nodes: an ordinary one, for ordinary users'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/slurm.sh"

# --- words

node_is() { node_states | grep -q "^$1 $2"; }

# --- what happens

test_expect_success 'it comes up: every node but the controllers is idle' '
    test_must_fail cluster slurm restart 2>err && grep -q "cluster slurm up" err &&
    cluster slurm up --node n4="Gres=gpu:2 Feature=big" \
        --conf SchedulerParameters=permit_job_expansion --conf "PartitionName=few Nodes=n3,n4" &&
    on n0 sinfo -h -N -p main -o "%N %T" >nodes &&
    printf "%s idle\n" n1 n2 n3 n4 | test_cmp - nodes && test -z "$(on n0 pgrep -x slurmd)"
'

test_expect_success 'its version is Debians, its configuration what was asked for' '
    on n0 scontrol show config >config &&
    grep -Eq "^SLURM_VERSION *= 24\.11\." config && grep -Eq "^SelectType *= select/cons_tres" config &&
    grep -Eq "^SchedulerParameters *= permit_job_expansion" config &&
    grep -Eq "^ProctrackType *= proctrack/linuxproc" config &&
    test "$(on n0 sinfo -h -p few -o %D)" = 2
'

test_expect_success 'it does not come up twice' '
    test_must_fail cluster slurm up 2>err && grep -q already err
'

test_expect_success 'an ordinary user runs a command on two nodes' '
    alice timeout 120 srun -N2 sh -c "hostname; id -un; pwd" >said &&
    test "$(grep -c "^n[1-4]\$" said)" = 2 && test "$(grep -cx alice said)" = 2 &&
    test "$(grep -cx /shared/home/alice said)" = 2
'

test_expect_success 'a home is everywhere the same, and nobody elses' '
    alice sh -c "echo mine >~/file" && test "$(on -u alice n3 cat file)" = mine &&
    test_must_fail on -u bob n3 cat /shared/home/alice/file && test_must_fail alice touch /etc/x
'

test_expect_success 'an ordinary users batch job starts an MPI program on two nodes' '
    printf "%s\n" "#!/bin/bash" "#SBATCH -N2 --ntasks-per-node=2" "mpirun hostname" >job.sh &&
    job=$(alice timeout 120 sbatch --parsable -o out <job.sh) &&
    wait_until 60 is_in_state "$job" COMPLETED && alice cat out | sort | uniq -c >hosts &&
    test "$(awk "{ print \$1 }" hosts | xargs)" = "2 2"
'

test_expect_success 'cores, features, devices and partitions count' '
    test "$(alice timeout 120 srun -N1 --gres=gpu:2 hostname)" = n4 &&
    test "$(alice timeout 120 srun -N1 -C big hostname)" = n4 &&
    test "$(alice timeout 120 srun -p few -w n3 hostname)" = n3 &&
    test_must_fail alice timeout 120 srun -p few -w n1 hostname &&
    test_must_fail alice timeout 120 srun -N1 --gres=gpu:3 hostname &&
    test_must_fail alice timeout 120 srun -N1 -c5 hostname
'

test_expect_success 'one user cannot end anothers job' '
    job=$(alice sbatch --parsable -N1 -o /dev/null --wrap "sleep 1000") &&
    wait_until 60 is_in_state "$job" RUNNING &&
    test_must_fail bob scancel -v "$job" && is_in_state "$job" RUNNING &&
    alice scancel "$job" && wait_until 60 is_in_state "$job" CANCELLED
'

test_expect_success 'only processes of jobs are seen as left on a node' '
    wait_until 60 nothing_left &&
    job=$(alice sbatch --parsable -w n1 -o /dev/null --wrap "sleep 1234") &&
    wait_until 60 eval "cluster pids n1 | grep -q \"sleep 1234\"" && alice scancel "$job" &&
    wait_until 60 eval "test -z \"\$(cluster pids)\""
'

test_expect_success 'a crashed node is down to it, and its job ends' '
    job=$(alice sbatch --parsable -w n1 --no-requeue -o /dev/null --wrap "sleep 1000") &&
    wait_until 60 is_in_state "$job" RUNNING && cluster crash n1 &&
    wait_until 120 node_is n1 down && wait_until 60 is_in_state "$job" NODE_FAIL &&
    node_is n2 idle
'

test_expect_success 'a node that boots is idle again' '
    cluster boot n1 && wait_until 60 node_is n1 idle &&
    test "$(alice timeout 120 srun -w n1 hostname)" = n1
'

# (A job is RUNNING before its first process does.)
runs_on() { cluster pids "$1" | grep "$2"; }
test_expect_success 'a job goes on while slurmctld restarts' '
    job=$(alice sbatch --parsable -w n2 -o /dev/null --wrap "sleep 1000") &&
    wait_until 60 is_in_state "$job" RUNNING && wait_until 60 runs_on n2 "sleep 1000" &&
    cluster slurm stop && test_must_fail on n0 timeout 20 scontrol ping &&
    runs_on n2 "sleep 1000" && cluster slurm start &&
    is_in_state "$job" RUNNING && wait_until 60 node_is n1 idle &&
    cluster slurm restart && is_in_state "$job" RUNNING &&
    alice scancel "$job" && wait_until 60 is_in_state "$job" CANCELLED
'

test_expect_success 'the controllers node crashes and boots: jobs are known as before' '
    job=$(alice sbatch --parsable -w n2 -o /dev/null --wrap "sleep 1000") &&
    wait_until 60 is_in_state "$job" RUNNING &&
    cluster slurm restart && cluster crash n0 && cluster boot n0 && wait_until 60 on n0 scontrol ping &&
    wait_until 60 is_in_state "$job" RUNNING && alice scancel "$job" &&
    wait_until 60 is_in_state "$job" CANCELLED
'

slurm_done
