#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Publishers and subscribers that know nothing of FT go on when ranks are lost: a warm spare is in
# the place of each, by table. What each process received is in the job's folder (retarget_app.c).
test_description='a lost rank is replaced under unmodified point-to-point programs'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/retarget.sh"

# run_app NAME SPARES ARGUMENT...: 4 ranks on n0 to n3, the spares behind them; until it has ended.
start_app() {
    local name=$1 spares=$2
    shift 2
    start "$name" ft run --spares "$spares" -n 4 --host n0:1,n1:1,n2:1,n3:1,n4:1,n5:1 \
        "$progs/retarget_app" "/shared/$name" "$@"
}
run_app() { start_app "$@" && await 120; }
well() { test "$code" = 0 && nothing_left; }

# --- the world

test_expect_success FULL 'nothing fails: everything arrives, the spares end with the job' '
    run_app calm 1 isend && well && published 200
'
test_expect_success FULL 'blocking sends: the subscriber is killed' '
    run_app send 1 send die=2@50 && well && published 200 2=2
'
test_expect_success 'synchronous sends: no message that a living process took is lost' '
    run_app ssend 1 ssend steps=80 die=2@50 && well && published 80 2=2 &&
    head -n 1 "$shared/ssend/got.2.1" | grep -qx "0 51"
'
test_expect_success 'many non-blocking sends under way, their types freed; two in a row' '
    run_app window 2 window steps=600 bytes=20000 die=2@50 die=2@200 && well && published 600 2=3
'
test_expect_success FULL 'large messages, two at once' '
    run_app large 2 isend steps=100 bytes=1000000 die=2@30 die=3@30 && well && published 100 2=2 3=2
'
test_expect_success 'persistent requests, two in a row' '
    run_app start 2 start bytes=100000 steps=80 die=2@20 die=3@30 && well && published 80 2=2 3=2
'
test_expect_success FULL 'persistent, buffered, started again at once: Open MPI changes the handle' '
    run_app again 1 again bytes=100000 die=2@8 && well &&
    test "$(cat "$shared/again/got.2.0")" = "$(seq -f "0 %g" 8)" &&
    test "$(cat "$shared/again/got.2.1")" = "$(seq -f "0 %g" 9 16)"
'
test_expect_success FULL 'from anybody: senders are killed, and their replacements' '
    run_app gather 2 gather die=2@50 die=2@30 && well && gathered 200 2=3
'
test_expect_success 'from anybody, non-blocking: several receives posted' '
    run_app igather 2 igather steps=100 die=1@50 die=3@50 && well && collected 100 1 3
'
test_expect_success FULL 'from anybody, by matched probes, large messages' '
    run_app mprobe 1 mprobe bytes=100000 steps=100 die=2@50 && well && gathered 100 2=2
'
test_expect_success \
    'several receives from each in one MPI_Waitall: Open MPI gives up many at once' '
    run_app batch 1 batch steps=80 die=2@50 && well && gathered 80 2=2
'
test_expect_success FULL 'several receives from each, the newest is waited for first' '
    run_app newest 1 newest steps=80 die=2@50 && well && gathered 80 2=2
'
test_expect_success 'a handle that was given back, and is in use by a barrier: it is left alone' '
    run_app reused 1 reused steps=80 die=3@50 && well && gathered 80 3=2
'
test_expect_success FULL 'one receive from each, whoever comes first' '
    run_app ranks 2 ranks die=2@50 die=3@50 && well && gathered 200 2=2 3=2
'

test_expect_success \
    'ftmpi_in_flight=error: who had a message under way is told, and the next one arrives' '
    run_app rule 1 isend rule=error bytes=200000 steps=80 die=2@50 && well && published 80 2=2 &&
    test "$(wc -l <"$shared/rule/errors.2.0")" = 1 && ! test -e "$shared/rule/errors.1.0" &&
    head -n 1 "$shared/rule/got.2.1" | grep -qx "0 52"
'

test_expect_success 'a message that was received before its sender was lost is taken after that' '
    run_app held 1 held die=3@1 && well && test "$(cat "$shared/held/got.0.0")" = "3 1"
'

# --- threads

# Each thread has all numbers of those that were not lost, and the lost one's twice from 1, to the
# end.
threads_got() {
    local tag rank
    for tag in 0 1 2 3; do
        for rank in 1 2 3; do
            awk -v r=$rank -v n="$1" '
                $1 != r { next }
                $2 == -1 { end++; next }
                $2 == 1 { lives++; last = 0 }
                $2 != last + 1 { exit bad = 1 }
                { last = $2 }
                END { exit bad || end != 1 || last != n || lives != (r == 2 ? 2 : 1) }' "$shared/threads/got.$tag" ||
                { echo "thread $tag, from rank $rank:"; awk -v r=$rank '$1 == r' "$shared/threads/got.$tag" | tr '\n' ','; return 1; }
        done
    done
}
test_expect_success 'four threads wait for a rank, each for several messages, when it is lost' '
    start threads ft run --spares 1 -n 4 --host n0:1,n1:1,n2:1,n3:1,n4:1,n5:1 "$progs/threads_app" \
        /shared/threads retarget 2@30 &&
    await 120 && well && threads_got 60
'

# --- a node

has_lines() { test "$(wc -l <"$shared/$job_name/$1" 2>/dev/null || echo 0)" -ge "$2"; }
test_expect_success 'a node crashes under a subscriber, and one under its replacement' '
    start_app node 2 send steps=2000 && wait_until 60 has_lines got.2.0 50 &&
    touch "$shared/node/died.2.0" &&
    cluster crash n2 && wait_until 60 has_lines got.2.1 50 && touch "$shared/node/died.2.1" &&
    cluster crash n4 && await 120 && test $code = 0 && published 2000 2=3
'

# --- who asks for the alternative itself

there() { test -s "$shared/$job_name/$1"; }
test_expect_success 'FTMPI_Reach of a spare: it has the number of the rank whose place it has' '
    start reach ft run --spares 1 -n 3 --host n0:1,n1:1,n2:1,n3:1 "$progs/reach_rank" /shared/reach &&
    wait_until 60 there ready && kill_on n2 reach_rank && await 120 && well &&
    cat "$shared/reach/reached" && grep -qx "2 1 1" "$shared/reach/reached"
'

# --- communicators made from the world

test_expect_success FULL 'a duplicate' '
    run_app dup 1 isend comm=dup die=2@50 && well && published 200 2=2
'
test_expect_success 'a duplicate that a replacement makes when the others have come to MPI_Finalize' '
    run_app finalize 1 isend comm=dup late die=2@50 && well && published 200 2=2
'
test_expect_success 'a split, the other way round' '
    run_app split 2 gather comm=split steps=100 die=2@50 die=3@60 && well && gathered 100 2=2 3=2
'
test_expect_success 'a Cartesian communicator' '
    run_app cart 1 mprobe comm=cart steps=100 die=2@50 && well && gathered 100 2=2
'

test_expect_success 'one made by its members only' '
    run_app group 1 isend comm=group steps=100 die=2@50 && well && published 100 2=2
'

# --- buffered messages

# buffers WAY LINES OPTION...: bsend_app, with that many lines in all
buffers() {
    local way=$1 lines=$2
    shift 2
    mkdir "$shared/buffers.$way" || return 1
    timeout 60 cluster exec n0 ft run "$@" -n 3 --host n0:1,n1:2,n2:1 "$progs/bsend_app" \
        "/shared/buffers.$way" "$way" </dev/null 2>err | tr -d '\0' >out
    cat out err
    grep -qx "detached 16000000" out && test "$(grep -c "^rank [012]: the end$" out)" = 3 &&
        test "$(wc -l <out)" = "$lines"
}
test_expect_success 'long messages that were buffered for a lost rank are the next one'\''s; the buffer ends empty' '
    buffers many 6 --spares 1 && test $(grep -c "^rank [12] got 40 of 40$" out) = 2 &&
    buffers ibsend 5 --mode retarget && grep -qx "rank 1 got 1 of 1" out'
test_expect_success '  where all go back to a point, they are void' '
    buffers loop 5 --mode repair --spares 1 && grep -qx "rank 1 got 1 of 1" out'
test_expect_success '  what has no room in the buffer is refused, and does not hold up what follows' '
    buffers full 5 --mode retarget && grep -qx "refused: MPI_ERR_BUFFER" out'

# --- what cannot go on

test_expect_success 'a collective after a loss: an end that says what happened and what to do' '
    run_app barrier 1 barrier die=2@20 && test $code != 0 &&
    said | tr "\n" " " | grep -q "rank 2.*collective operations.*--mode=repair"
'
ft_done
