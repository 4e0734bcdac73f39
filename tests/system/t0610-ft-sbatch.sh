#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A job of an ordinary user that survives its nodes, where Slurm has nothing of FT: ft sbatch. In the
# job is a plain mpirun.
test_description='ft sbatch and ft salloc: submitted, refused, survived'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_submit.sh"
cluster slurm up || error "Slurm did not come up"

test_expect_success 'a plain job, for comparison' '
    ran sbatch $two show.sh && of_ft <"$home/out" >plain.vars && cat plain.vars &&
    test ! -s plain.vars && has "here: n1 n1 n2 n2"
'

test_expect_success 'sbatch knows no --ft, ft sbatch does' '
    refused "unrecognized option .--ft" sbatch --ft $two show.sh &&
    ran ft sbatch $two show.sh && of_ft <"$home/out" >ft.vars && cat ft.vars &&
    has FT_MODE=report && has SLURM_NO_KILL= && ! grep FT_SPARES ft.vars && test "$(field "$job" NumNodes)" = 2
'

test_expect_success 'the job has what ft run would set, and nothing is preloaded into its shell' '
    ft_env >env.vars && cat env.vars && test -s env.vars &&
    comm -23 env.vars ft.vars >missing && test_must_fail test -s missing &&
    test "$(comm -13 env.vars ft.vars | sed "s/=.*//" | xargs)" = "FT_MODE PRTE_MCA_errmgr_ft_always SLURM_NO_KILL" &&
    has "preloaded: " && ! grep LD_PRELOAD ft.vars
'

test_expect_success 'ft sbatch --ft=report --ft-spares: a node more, on which mpirun starts nothing' '
    ran ft sbatch --ft-spares=1 $two --ft=report show.sh && has FT_SPARES=1 && has FT_MODE=report &&
    has "here: n1 n1 n2 n2" && test "$(field "$job" NumNodes)" = 3 && test "$(field "$job" NodeList)" = "n[1-3]"
'

test_expect_success 'nodes and tasks from the script, which comes on standard input; --export=NONE' '
    script asked.sh "#SBATCH -N 2 --ntasks 4 -w n1,n2" "#SBATCH --export=NONE -o out" \
        "unset SLURM_EXPORT_ENV" ". /etc/profile" "export PATH=/usr/bin:/bin:/usr/sbin" \
        "env" "echo here: \$(mpirun hostname | sort)" &&
    clean && alice sh -c "ft sbatch --ft=report --ft-spares 2 <asked.sh" >said 2>&1; cat said
    job=$(sed -n "s/^Submitted batch job //p" said) && wait_until 90 is_in_state "$job" COMPLETED &&
    has FT_SPARES=2 && has "here: n1 n1 n2 n2" && test "$(field "$job" NumNodes)" = 4 &&
    test "$(field "$job" NumTasks)" = 8 && wait_until 60 nothing_left
'

test_expect_success 'ft sbatch: a node crashes, the job goes on with its spare' '
    subscribers=2 survives n2 n3 ft sbatch --ft=report --ft-spares=1 $two
'

test_expect_success 'ft sbatch says what it cannot do, before anything is submitted' '
    script plugin.sh "#SBATCH --ft" true && script two.sh "#SBATCH -N1" "#SBATCH hetjob" "#SBATCH -N1" true && clean &&
    refused "^ft sbatch: --ft=never: there is no such mode; it is report, retarget or repair" ft sbatch --ft=never show.sh &&
    refused "^ft sbatch: --ft-spares=1025: it takes a number" ft sbatch --ft-spares 1025 -N2 show.sh &&
    refused "^ft sbatch: --ft-spares=1 needs --nodes" ft sbatch --ft-spares=1 -n2 show.sh &&
    refused "^ft sbatch: .*3 tasks cannot be spread evenly on --nodes=2" ft sbatch --ft-spares=1 -N2 -n3 show.sh &&
    refused "^ft sbatch: .*--gpus-per-node" ft sbatch --ft-spares=1 -N2 -G2 show.sh &&
    refused "^ft sbatch: --no-kill=off" ft sbatch --no-kill=off -N2 show.sh &&
    refused "^ft sbatch: .*--export=NONE" ft sbatch --export=NIL -N2 show.sh &&
    refused "^ft sbatch: .*the script itself asks for --ft" ft sbatch -N2 plugin.sh &&
    refused "^ft sbatch: a heterogeneous job" ft sbatch two.sh &&
    refused "^ft sbatch: --conf /nowhere" ft sbatch --conf /nowhere show.sh &&
    test_expect_code 125 alice ft sbatch --ft=never show.sh &&
    test_expect_code 127 alice env PATH=/usr/sbin /usr/bin/ft sbatch -N1 show.sh &&
    test_expect_code 1 alice ft sbatch -N99 show.sh
'

test_expect_success 'ft salloc: its mpirun runs on what was asked for, spare ranks wait on the spare node' '
    clean && alice timeout 120 ft salloc -Q --ft-spares=1 -N2 --ntasks-per-node=2 -w n1,n2 sh -c "echo \$FT_SPARES; mpirun hostname" \
        </dev/null >out && test "$(sort out | xargs)" = "1 n1 n1 n2 n2 n3 n3" && wait_until 60 nothing_left
'

slurm_done
