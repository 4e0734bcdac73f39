#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A world that has lost ranks is made whole again by warm spares, and the program goes on in it: in
# each of the ways in which a program can take part, and whenever the loss comes (repair_app.c
# checks every result of every message and collective, on the world and on communicators made from
# it).
test_description='the mode repair: the world is made whole again'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"

# start_app NAME SPARES WAY [OPTION]...: 4 ranks on n0 to n3, the spares on n4 and n5.
start_app() {
    local name=$1 spares=$2
    shift 2
    start "$name" ft run --mode=repair --spares "$spares" -n 4 \
        --host n0:1,n1:1,n2:1,n3:1,n4:1,n5:1 \
        "$progs/repair_app" "/shared/$name" "$@"
}
run_app() { start_app "$@" && await 120; }

# ends STEPS: well, after the last step, in a world of four
ends() { test "$code" = 0 && grep -qE "^$1 [0-9]+ of 4$" "$shared/$job_name/end" && nothing_left; }

# saw REPAIRS LOST RANK...: these ranks' last words are of repair REPAIRS, where LOST was the first
# lost
saw() {
    local repairs=$1 lost=$2 rank
    shift 2
    for rank; do
        tail -n 1 "$shared/$job_name/log.$rank" |
            grep -qE "^$repairs $rank of 4 before 4 lost [0-9]+ first $lost " || {
            echo "rank $rank did not see repair $repairs of rank $lost:"
            cat "$shared/$job_name/log.$rank"
            return 1
        }
    done
}
# is_new RANK NEW: is its last process a replacement?
is_new() { tail -n 1 "$shared/$job_name/log.$1" | grep -q " new $2 "; }
# went_on STEP: no rank began anew: what had been committed was fetched
went_on() {
    awk -v least="$1" '{ for (i = 1; i < NF; i++) if ($i == "step" && $(i + 1) < least) exit 1 }' "$shared/$job_name"/log.*
}
# computes: all four have come to their first steps (rank 1 says so)
computes() { test -e "$shared/$job_name/computes.0"; }

test_expect_success 'nothing fails: the spares end with the job' '
    run_app calm 1 loop && ends 100 && ! ls "$shared/calm"/log.*
'
test_expect_success 'FTMPI_Loop: a rank is killed; all go on from the last common commit' '
    run_app loop 1 loop die=2@30 && ends 100 && saw 1 2 0 1 2 3 && is_new 2 1 && is_new 1 0 &&
    went_on 28
'
test_expect_success 'FTMPI_Set_callback: the interrupted call returns' '
    run_app callback 1 callback die=2@30 && ends 100 && saw 1 2 0 1 2 3 && went_on 28
'
test_expect_success FULL 'FTMPI_Set_callback: the interrupted call is done again' '
    run_app repeat 1 repeat die=2@30 && ends 100 && saw 1 2 0 1 3
'
test_expect_success FULL 'MPI_ERRORS_RETURN: the interrupted call returns' '
    run_app return 1 return die=2@30 && ends 100 && saw 1 2 0 1 2 3 && went_on 28
'
test_expect_success 'a program that knows nothing: its collective is done again' '
    run_app plain 1 plain steps=60 pause=20 die=2@30 && ends 60
'
test_expect_success 'a program that knows nothing: a message wakes the spare, a collective takes it in' '
    run_app told 1 plain told=1 steps=60 pause=20 die=1@30 && ends 60
'
test_expect_success 'rank 0, and then the rank that led that repair' '
    run_app leader 2 loop die=0@30 die=1@60 && ends 100 && saw 2 1 0 1 2 3 && is_new 0 1
'
test_expect_success 'a replacement is lost, too' '
    run_app twice 2 loop die=2@30 die=2@60 && ends 100 && saw 2 2 0 1 2 3
'
# begins_anew RANK: all four have heard that there is no commit of rank RANK, and begin anew
begins_anew() {
    cat "$shared/$job_name/unfetched" &&
        test "$(grep -c "of rank $1 nobody who lives" "$shared/$job_name/unfetched")" = 4
}

test_expect_success 'two at once, one of which has kept the state of the other: all begin anew' '
    run_app both 2 loop die=2@30 die=3@30 && ends 100 && saw "[12]" "[23]" 0 1 2 3 && is_new 2 1 &&
    is_new 3 1 &&
    begins_anew 2
'
test_expect_success 'one in the middle of the repair of another' '
    run_app middle 2 loop die=2@30 late=1@15 && ends 100 && is_new 1 1 && is_new 2 1
'
test_expect_success FULL 'the leader in the middle of a repair' '
    run_app middle0 2 loop die=2@30 late=0@30 && ends 100 && is_new 0 1 && is_new 2 1
'
test_expect_success \
    'an unused spare is lost with its node: nobody notices, until it would be needed' '
    start_app spare 2 loop steps=200 pause=20 die=2@150 && wait_until 60 computes &&
    cluster crash n5 && await 120 &&
    ends 200 && saw 1 2 0 1 2 3 && went_on 148
'
test_expect_success 'a node is switched off under a rank' '
    start_app node 2 loop steps=200 pause=20 && wait_until 60 computes && sleep 1 &&
    cluster crash n2 && await 120 &&
    test $code = 0 && grep -q "^200 " "$shared/node/end" && saw 1 2 0 1 2 3
'
test_expect_success 'receives that nobody answers are under way: they are over' '
    run_app pending 1 loop pending=1 die=2@30 && ends 100 && saw 1 2 0 1 2 3
'
# heard RANK...: each has seen the one repair, in one thread or the other
heard() {
    local rank
    for rank; do
        grep -qE "^repairs 1 callbacks [1-9][0-9]* new 0$" "$shared/$job_name/repaired.$rank" ||
            { tail "$shared/$job_name"/repaired.*; return 1; }
    done
}
test_expect_success 'FTMPI_Set_callback with two threads in MPI calls: both are interrupted' '
    start threads ft run --mode=repair --spares 1 -n 4 --host n0:1,n1:1,n2:1,n3:1,n4:1,n5:1 \
        "$progs/threads_app" /shared/threads callback 2@30 && await 120 && test $code = 0 &&
            heard 0 1 3 &&
    grep -qx "repairs 1 callbacks 0 new 1" "$shared/threads/repaired.2"
'
test_expect_success FULL 'between MPI_Init and FTMPI_Loop' '
    run_app early 1 loop early=2 && ends 100 && saw 1 2 0 1 2 3
'
test_expect_success FULL 'as soon as MPI_Init has returned' '
    run_app init 1 loop init=2 && ends 100
'
# The collectives before FTMPI_Loop are repaired as those of a program that expects nothing; the first
# message after it has the whole world repaired, for which nobody is lost any more.
test_expect_success 'as soon as MPI_Init has returned; the replacement is in a message as all is repaired' '
    run_app again 1 loop init=2 gap=30 steps=20 && ends 20
'
test_expect_success 'after the last step: nobody is replaced, the others end' '
    run_app end 1 loop end=2 && ends 100 && ! ls "$shared/end"/log.*
'

ft_done
