#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Plain MPI programs that know nothing of FT (plain_app.c): they outlive a loss where their
# algorithm allows it, and end with words that say what happened and what to do where not.
test_description='unmodified binaries in retarget and repair'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"

# run_plain NAME MODE SPARES WAY [WORD]...: 4 ranks on n0 to n3, the spares behind them. stuck_s: how
# long they wait until somebody asks whether they can go on.
stuck_s=60
run_plain() {
    local name=$1 mode=$2 spares=$3 way=$4
    shift 4
    start "$name" ft run --mode "$mode" --spares "$spares" -n 4 -x FT_STUCK_S="$stuck_s" \
        --host n0:1,n1:1,n2:1,n3:1,n4:1,n5:1 \
        "$progs/plain_app" "$way" "/shared/$name" "$@" && await 120
}
well() { test "$code" = 0 && grep -qx "$1: 0 wrong" "$shared/$job_name/out" && nothing_left; }
# ends_with WORDS: not well, soon, with these words.
ends_with() { test "$code" != 0 && said | tr '\n' ' ' | grep -qE "$1" && nothing_left; }

for mode in retarget repair; do
    test_expect_success "$mode: work that is given out again: two workers are killed" "
        run_plain work$mode $mode 2 workers die=1@10 die=2@20 && well workers"
done
test_expect_success 'repair: an iteration that ends when all are there: two ranks are killed' '
    run_plain converge repair 2 converge die=1@10 die=3@20 && well converge'
test_expect_success 'retarget: collectives cannot go on' '
    run_plain collective retarget 1 converge die=2@10 &&
    ends_with "rank 2.*collective operations.*--mode=repair"'
# The survivors do all of theirs; the replacement, which began with the first, is alone with its
# last ones. (It must not meet the others' end there: that is a barrier, too, while nothing is
# lost.)
for way in count barriers; do
    test_expect_success \
        "repair: as many collectives in each rank ($way), but the replacement begins with the first" "
        run_plain $way repair 1 $way die=2@10 &&
        ends_with 'rank 2 .*begun anew.* at its end .*(FTMPI_Loop|FTMPI_Set_callback)'"
done
test_expect_success FULL 'repair: the replacement is through before the others' '
    run_plain few repair 1 count die=2@10 late=5 &&
    ends_with "rank 2 .*begun anew.* at its end after 14.*FTMPI_Loop"'
test_expect_success 'repair: the replacement comes to its end without any' '
    run_plain none repair 1 count die=2@10 late=0 &&
    ends_with "rank 2 .*begun anew.* at its end after 0.*FTMPI_Loop"'
test_expect_success FULL 'repair: the same, where the replacement was started anew' '
    run_plain fresh repair 0 count die=2@10 &&
    ends_with "rank 2 .*begun anew.* at its end .*(FTMPI_Loop|FTMPI_Set_callback)"'
# heard RANK WORDS: that rank's latest error
heard() { cat "$shared/$job_name/error.$1" && tr '\n' ' ' <"$shared/$job_name/error.$1" | grep -qE "$2"; }
test_expect_success 'repair: errors are returned, and ignored: the replacement is alone in its last ones' '
    run_plain ignore repair 1 count die=2@10 ignore && well count &&
    heard 2 "rank 2 .*begun anew.* at its end "'
test_expect_success 'repair: the same, and the replacement is through before the others' '
    run_plain ignorefew repair 1 count die=2@10 late=5 ignore && well count &&
    heard 0 "rank 2 .*begun anew.* at its end after 5"'
test_expect_success 'repair: a slow replacement is waited for by those that are at their ends' '
    run_plain follow repair 1 follow die=2@10 && well follow'
# All others are in the collective after it, which they cannot complete: the spare is the receiver of
# that message, and must not be held in their repair before it has got it.
test_expect_success 'repair: a large message to the lost rank, while the others are in a collective' '
    run_plain message repair 1 message die=2@10 slow=1500 && well message'

# One has passed the barrier, and says nothing; the two that have not wait for its word.
test_expect_success 'repair: a rank is lost in the middle of the barrier at the end: the others end' '
    mpicc -shared -fPIC -O1 -o "$shared/libhalf.so" "$FT_TOP/tests/system/progs/half_barrier.c" &&
    mpicc -O1 -o "$shared/ring_half" "$FT_TOP/tests/system/progs/wrap_ring.c" -L"$shared" -Wl,--no-as-needed -lhalf -Wl,-rpath,/shared &&
    start half ft run --mode repair --spares 1 -n 4 --host n0:1,n1:1,n2:1,n3:1,n4:1 \
        /shared/ring_half && await 60 && test "$code" = 0 && nothing_left'

# Nobody can go on from here. (In retarget without collectives all others come to their ends.)
stuck_s=3
anew='rank 2.*(begun|has begun) anew.*(FTMPI_Loop|FTMPI_Set_callback)'
test_expect_success 'repair: such a message after the collective with which a replacement begins: words' '
    run_plain after repair 1 after die=2@10 && ends_with "$anew"'
test_expect_success 'repair: the others wait for messages of a replacement that begins with a collective' '
    run_plain halo repair 1 halo die=2@10 && ends_with "has waited .*$anew"'
test_expect_success 'retarget: the same' '
    run_plain haloretarget retarget 1 halo die=2@10 && ends_with "rank 2.*collective operations"'
test_expect_success 'retarget: a replacement waits for a message of one that is at its end' '
    run_plain alone retarget 1 halo alone die=2@10 && ends_with "has waited .* is in MPI_Finalize.*FTMPI_Loop"'
test_expect_success 'repair: all wait, but for one that computes: it is waited for' '
    run_plain computes repair 1 message die=2@10 slow=9000 && well message'
stuck_s=60

# Ranks 0 and 2 share a node: no connection breaks, Open MPI hears from PMIx alone, and late; until
# then it does not give up the first message.
test_expect_success 'retarget: Open MPI hears of the loss late: the order of two messages is kept' '
    mpicc -shared -fPIC -O1 -o "$shared/liblate.so" "$FT_TOP/tests/system/progs/late_news.c" \
        $(pkg-config --cflags pmix) &&
    start order ft run --mode retarget --spares 1 -n 3 --map-by seq --host n0,n1,n0,n2 \
        sh -c "LD_PRELOAD=/shared/liblate.so:\$LD_PRELOAD exec $progs/plain_app order /shared/order die=2@1" &&
    await 60 && well order'

ft_done
