#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How a program that knows nothing of FT ends itself (plain_ends.c), while all other ranks wait for a
# message of the one that does: MPI_Abort is the end of all, an exit without MPI_Finalize and an
# MPI_Abort of the caller alone are the loss of a rank.
test_description='MPI_Abort and exit, by one rank of those that wait for each other'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"

# run_ends NAME MODE SPARES WAY...: 4 ranks on n0 to n3, a spare on n4.
run_ends() {
    local name=$1 mode=$2 spares=$3
    shift 3
    start "$name" timeout -k 1 50 ft run --mode "$mode" ${spares:+--spares "$spares"} -n 4 \
        --host n0:1,n1:1,n2:1,n3:1,n4:1 "$progs/plain_ends" "/shared/$name" "$@" && await 60
}
lives() { test -e "$shared/$job_name/life.$(($1 - 1))" && test ! -e "$shared/$job_name/life.$1"; }
# ended CODE LIVES: of rank 2
ended() { test "$code" = "$1" && ! said | grep -q ' has 17$' && lives "$2" && nothing_left; }
went_on() { test "$code" = "$1" && test "$(said | grep -c '^rank [0-3] has 17$')" = 4 && lives "$2" && nothing_left; }

for mode in report retarget repair; do
    test_expect_success "$mode: MPI_Abort by one rank ends the job, with its code" "
        run_ends abort$mode $mode '' abort && ended 42 1"
done
test_expect_success 'mpirun with the runtime: the same' '
    start mpirun sh -c "eval \"\$(ft env)\" && exec mpirun --with-ft ulfm -n 3 --host n0:1,n1:1,n2:1 $progs/plain_ends /shared/mpirun abort" &&
    await 60 && ended 42 1'
for mode in retarget repair; do
    test_expect_success "$mode: MPI_Abort by the replacement" "
        run_ends second$mode $mode 1 die abort && ended 42 2"
done
for way in exit self part; do
    test_expect_success "retarget: $way is the loss of a rank" "
        run_ends $way retarget 1 $way && went_on $(test $way = exit && echo 7 || echo 42) 2"
done
# Whose code it is, 7 or that of the error, is a race: who waits may see the broken connection first.
test_expect_success 'report: an exit is an error of those that wait for the rank' '
    run_ends exitreport report "" exit && { ended 7 1 || ended 75 1; } && said | grep -q MPI_ERR_PROC_FAILED'
test_expect_success 'repair: an exit is the loss of a rank' '
    run_ends exitrepair repair 1 exit && went_on 7 2'
test_expect_success 'retarget: the replacement comes to a collective, for which it has nobody' '
    run_ends barrier retarget 1 die barrier && test "$code" != 0 && test "$code" != 124 &&
    said | tr "\n" " " | grep -q "rank 2.*collective operations.*--mode=repair" && lives 2 && nothing_left'
# Run again and again it would be, else, on all nodes, for as long as the job has time.
test_expect_success 'retarget: a program that always ends itself in one rank ends' '
    run_ends always retarget 1 exit exit exit exit exit exit exit exit exit exit exit exit &&
    test "$code" = 7 && lives 7 && said | tr "\n" " " | grep -q "ended by themselves.*exit code 7" && nothing_left'

ft_done
