#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Another node from Slurm: what the backend gets for an ordinary user's job, by which way, and how
# soon. It is driven as the central unit drives it, from within the job.
test_description='nodes from Slurm: got, used, given back'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "${FT_STAGE%/stage}/tests/system/progs/rms_slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 6
. "$FT_TOP/tests/system/lib/rms_slurm.sh"

test_expect_success 'Slurm runs, and a job of two nodes' '
    cluster slurm up --node n5="Gres=gpu:2 Feature=big" --conf SchedulerParameters=permit_job_expansion &&
    submit one alice "-N2 --exclusive --no-kill -t 30 -w n1,n2" beside 4000 && one=$job
'

test_expect_success 'a node beside the job is got at once' '
    tell one get && await 60 one "^offer 1 " && node=$(offered one 1) &&
    echo "# an idle node of Slurm after $(took_ms one 1) ms" >&4 &&
    case $node in n3 | n4 | n5) ;; *) false ;; esac && own=$(beside $one | cut -d" " -f1) &&
    test "$(field $own JobState)" = RUNNING && test "$(field $own NodeList)" = "$node" &&
    test "$(field $own UserId)" = "alice(2001)" && test "$(field $own OverSubscribe)" = NO
'

test_expect_success 'it ends with the job at the latest, and says whose it is' '
    test $(($(end_s $own) - $(end_s $one))) -le 60 &&
    on n0 scontrol show job $own | grep -q "Comment=ft: one node more for job $one" &&
    wait_until 60 holder_runs $node
'

test_expect_success 'it can be used as a node of the user' '
    test "$(on -u alice n1 timeout 120 srun --jobid=$own --overlap -n1 hostname)" = $node
'

test_expect_success 'given back, it is free again, and the job goes on' '
    tell one release $node && wait_until 60 none_beside $one && wait_until 60 all_idle 3 && runs $one &&
    ! cluster pids $node | grep .
'

test_expect_success 'nodes that are excluded are not given, by whatever name' '
    tell one get n3 n4.cluster.local nosuch && await 60 one "^offer 2 n5 " &&
    tell one get n3 n4 && await 60 one "^none 3 " && tell one release n5 && wait_until 60 none_beside $one &&
    wait_until 60 all_idle 3
'

test_expect_success 'none is free: it says so in time, and when one will be' '
    for n in n3 n4 n5; do fill $n 20 || return; done && wait_until 60 all_idle 0 &&
    tell one get && await 60 one "^none 4 " && says one "^none 4 [0-9]+ [0-9.]+ beside: none became free in time" &&
    at=$(sed -n "s/^none 4 \([0-9]*\) .*/\1/p" "$homes/alice/one.out") && in_s=$((at - $(date +%s))) &&
    test $in_s -gt 600 && test $in_s -le 1260 && wait_until 60 none_beside $one
'

test_expect_success 'one that becomes free while it is waited for is got' '
    clear && submit two alice "-N2 --exclusive --no-kill -t 30 -w n1,n2" beside 60000 && two=$job &&
    for n in n3 n4 n5; do fill $n 20 || return; done && wait_until 60 all_idle 0 &&
    tell two get && wait_until 60 waits $two && field "$(beside $two | cut -d" " -f1)" Deadline | grep -q ^20 &&
    bob scancel -u bob -w n4 && await 60 two "^offer 1 n4 "
'

test_expect_success 'one that nobody wants any more leaves the queue' '
    tell two get && wait_until 60 waits $two && tell two abandon 2 &&
    wait_until 60 eval "! waits $two" && runs $two && test "$(beside $two | wc -l)" = 1
'

test_expect_success 'a job that is cancelled leaves nothing, not even what waits' '
    tell two get && wait_until 60 waits $two && alice scancel $two &&
    wait_until 60 none_beside $two && clear
'

test_expect_success 'devices: only a node that has as many is given' '
    submit gpu alice "-N1 --gres=gpu:1 -c1 -t 30" beside 2000 && tell gpu get && await 60 gpu "^none 1 " &&
    clear && submit any alice "-N1 -C big -t 30 -c1" beside 2000 && tell any get && await 60 any "^none 1 " &&
    clear
'

test_expect_success 'spares of the job go first' '
    submit spare alice "-N2 --exclusive -t 30 -w n1,n2" spares,beside 4000 n2 &&
    tell spare get && await 60 spare "^offer 1 n2 " && none_beside $job &&
    tell spare get && await 60 spare "^offer 2 n[345] " && tell spare release n2 && tell spare get &&
    await 60 spare "^offer 3 n2 " && clear
'

test_expect_success 'a node joins the job, and leaves it' '
    submit grow alice "-N2 -n8 --no-kill -t 30 -w n1,n2" expand,beside 4000 &&
    tell grow get && await 60 grow "^offer 1 n[345] " && none_beside $job && node=$(offered grow 1) &&
    echo "# a node joined the job after $(took_ms grow 1) ms" >&4 &&
    test "$(field $job NumNodes)" = 3 && test "$(on -u alice n1 timeout 120 srun --jobid=$job --overlap -w $node -n1 -N1 hostname)" = $node &&
    tell grow release $node && wait_until 60 eval "test \"\$(field $job NumNodes)\" = 2" && runs $job && clear
'

test_expect_success 'a job that Slurm does not let grow gets a node beside' '
    submit whole alice "-N2 --exclusive -t 30 -w n1,n2" expand,beside 4000 && tell whole get &&
    await 60 whole "^offer 1 n[345] " && test "$(beside $job | wc -l)" = 1 && test "$(field $job NumNodes)" = 2 && clear
'

test_expect_success 'a job with devices does not grow: the reason is told' '
    submit gpus alice "-N1 --gres=gpu:1 -c1 --mem=100 -t 30" expand 2000 && tell gpus get &&
    await 60 gpus "^none 1 .*GRES" && clear
'

slurm_done
