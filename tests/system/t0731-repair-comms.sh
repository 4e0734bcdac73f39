#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Communicators of every kind are whole again after a repair: collectives, messages, topologies,
# attributes, groups of before, persistent requests; in the survivors under the handles that they
# have, in a replacement by the calls that the program makes them with (repair_comms.c checks all of
# it).
test_description='communicators made from the world are made again in repairs'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
. "$FT_TOP/tests/system/lib/road.sh"

# comms NAME SPARES ARGUMENT...: 6 ranks on n0 to n2, the spares on n3; until it has ended
comms() {
    local name=$1 spares=$2
    shift 2
    start "$name" ft run --mode=repair --spares "$spares" -n 6 \
        --map-by slot \
        --host "n0:2,n1:2,n2:2,n3:$spares" "$progs/repair_comms" "/shared/$name" "$@" && await 120
}
# whole REPAIRS RANK...: all ranks have come to the end after so many repairs (a pattern: losses of
# the same moment may be noticed one after the other), and these are new
whole() {
    local repairs=$1 rank said is_new
    shift
    test "$code" = 0 || return 1
    for rank in 0 1 2 3 4 5; do
        said=$(cat "$shared/$job_name/end.$rank") || return 1
        is_new=0
        case " $* " in *" $rank "*) is_new=1 ;; esac
        [[ $said =~ ^ok\ ($repairs)\ $is_new\  ]] || { echo "rank $rank: $said" && return 1; }
    done
    nothing_left
}

test_expect_success FULL 'nothing fails: they are what the program has made' '
    comms calm 1 && whole 0
'
test_expect_success 'a rank is lost' '
    comms one 1 die=5@2 && whole 1 5
'
test_expect_success 'two at once, all of a communicator of two; then one of the replacements' '
    comms two 3 die=2@2 die=3@2 die=2@2@1 && whole "2|3" 2 3
'
# The half that has lost nobody waits for its own first rank only, which has an error.
for call in bridge merge; do
    test_expect_success "a rank is lost as an intercommunicator is made ($call)" "
        comms $call 1 $call && whole 1 5"
done
# Rank 4 shares the lost rank's node: what tells it is that the others give the merge up.
test_expect_success 'the same, and one rank hears of the loss by the others only' '
    mpicc -shared -fPIC -O1 -o "$shared/liblate.so" "$FT_TOP/tests/system/progs/late_news.c" \
        $(pkg-config --cflags pmix) &&
    start late ft run --mode=repair --spares 1 -n 6 --map-by slot --host n0:2,n1:2,n2:2,n3:1 \
        env LATE_RANK=4 sh -c "LD_PRELOAD=/shared/liblate.so:\$LD_PRELOAD exec $progs/repair_comms /shared/late merge" &&
    await 120 && whole 1 5
'
# What a lost rank has said of its neighbours is lost: the rank that makes the call again is told
# so.
test_expect_success FULL 'a distributed graph does not come back: a clear error' '
    comms graph 1 dist die=5@2; test "$code" != 0 &&
    said | tr -s " \n" " " | grep "went with a rank that was lost"
'
test_expect_success FULL 'neighbourhood collectives after a repair' '
    comms neighbours 1 neighbours die=5@2 && whole 1 5
'
ft_done
