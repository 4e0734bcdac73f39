#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Nodes that were got from Slurm do not outlive the job that they are for, whatever dies; and what
# Slurm comes to know of nodes is told.
test_description='nodes from Slurm: never orphaned, never anothers'
. "$(dirname "$0")/lib/ft-sharness.sh"

if [ ! -x "${FT_STAGE%/stage}/tests/system/progs/rms_slurm" ]; then
    skip_all='built without libslurm'
    test_done
fi
cluster_up 6
. "$FT_TOP/tests/system/lib/rms_slurm.sh"

# beside_by_hand JOB NODE COMMENT: a job that is called like an allocation beside JOB.
beside_by_hand() {
    alice sbatch --parsable -J "ft-$1" -w "$2" --comment "$3" -o /dev/null --wrap "sleep 1000"
}

test_expect_success 'Slurm runs' 'cluster slurm up'

test_expect_success 'a helper that dies is replaced: the node stays, and can be given back' '
    submit kill alice "-N1 --exclusive -t 30 -w n1" beside 4000 && tell kill get && await 60 kill "^offer 1 " &&
    node=$(offered kill 1) && wait_until 60 holder_runs $node &&
    on n1 sh -c "pkill -KILL -x ft-rms-slurm" && wait_until 60 grep -q "the helper for Slurm ended" "$homes/alice/kill.err" &&
    test "$(beside $job | wc -l)" = 1 && wait_until 60 on n1 pgrep -x ft-rms-slurm &&
    tell kill release $node && wait_until 60 none_beside $job && clear
'

test_expect_success 'the central unit killed: what it held is given back' '
    submit dead alice "-N1 --exclusive -t 30 -w n1" beside 60000 && tell dead get && await 60 dead "^offer 1 " &&
    on n1 pkill -KILL -x rms_slurm && wait_until 60 none_beside $job && wait_until 60 all_over && wait_until 60 all_idle 5
'

test_expect_success 'the node of the central unit dies: the holder ends the allocation with the job' '
    submit gone alice "-N1 --exclusive -t 30 -w n1" beside 60000 && tell gone get && await 60 gone "^offer 1 " &&
    node=$(offered gone 1) && wait_until 60 holder_runs $node && cluster off n1 && runs "$(beside $job | cut -d" " -f1)" &&
    slurm_finds_down n1 && wait_until 120 none_beside $job && wait_until 60 all_over &&
    cluster boot n1 && wait_until 60 all_idle 5
'

# As after a loss of power between a grant and its holder. Of three that look alike one is an orphan.
test_expect_success 'what an earlier job left behind is ended by the next one, and nothing else' '
    over=$(alice sbatch --parsable -o /dev/null --wrap true) &&
    wait_until 60 eval "test \$(field $over JobState) = COMPLETED" &&
    orphan=$(beside_by_hand $over n3 "ft: one node more for job $over; ends with it") &&
    own=$(beside_by_hand $over n4 mine) &&
    needed=$(beside_by_hand $own n5 "ft: one node more for job $own; ends with it") &&
    for id in $orphan $own $needed; do wait_until 60 runs $id || return; done &&
    submit next alice "-N1 --exclusive -t 30 -w n1" beside 4000 && wait_until 60 eval "! runs $orphan" &&
    wait_until 60 grep -q "allocation $orphan was left behind by job $over" "$homes/alice/next.err" &&
    runs $own && runs $needed && clear
'

test_expect_success 'slurmctld restarts in the middle: the answer comes when it is back' '
    submit ctld alice "-N1 --exclusive -t 30 -w n1" beside 60000 && tell ctld get && await 60 ctld "^offer 1 " &&
    cluster slurm stop && tell ctld get && sleep 1 && ! says ctld "^(offer|none) 2" &&
    cluster slurm start && await 60 ctld "^offer 2 " && test "$(beside $job | wc -l)" = 2 && clear
'

test_expect_success 'what slurmctld knows of the jobs nodes is told' '
    submit news alice "-N3 --exclusive --no-kill -t 30 -w n1,n2,n3" beside 4000 && on n1 sleep 2 &&
    on n0 scontrol update NodeName=n3 State=DRAIN Reason="fan broken" && await 60 news "^failing n3 .*fan broken" &&
    cluster crash n2 && await 120 news "^failed n2 .*Not responding" && runs $job &&
    on n0 scontrol update NodeName=n3 State=RESUME && cluster boot n2 && clear
'

test_expect_success 'two jobs want the last node: one gets it' '
    for n in n4 n5; do fill $n 20 || return; done &&
    submit left alice "-N1 --exclusive -t 30 -w n1" beside 3000 && left=$job &&
    submit right alice "-N1 --exclusive -t 30 -w n2" beside 3000 && right=$job &&
    wait_until 60 all_idle 1 && tell left get && tell right get && await 60 left "^(offer|none) 1 " &&
    await 60 right "^(offer|none) 1 " &&
    test "$(cat "$homes/alice"/{left,right}.out | grep -c "^offer 1 n3 ")" = 1 && clear
'

test_expect_success 'nobody gets a node for anothers job' '
    submit mine alice "-N1 --exclusive -t 30 -w n1" beside 3000 &&
    bob sh -c "{ echo get; sleep 3; } | $driver $helper $job beside 2000 0" >bob.out 2>/dev/null &&
    grep -q "^none 1 .*is user 2001" bob.out && none_beside $job && clear
'

slurm_done
