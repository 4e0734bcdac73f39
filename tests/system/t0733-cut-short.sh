#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A rank is lost in the middle of a call that makes a communicator, where Open MPI has waits that
# nothing interrupts: nobody waits for ever (cut_short.c).
test_description='a rank is lost in the middle of making a communicator'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 2
. "$FT_TOP/tests/system/lib/road.sh"

# repairs CALL DEATHS [FIRST]: 4 ranks on n0, the spares on n1; all ranks come to the end, after as
# many repairs
repairs() {
    local call=$1 deaths=$2 first=${3:-1} rank said
    start "$call-$first" ft run --mode=repair --spares "$deaths" -n 4 --map-by slot \
        --host "n0:4,n1:$deaths" "$progs/cut_short" "/shared/$call-$first" "$call" "$deaths@$first" \
        && await 60 && test "$code" = 0 || return 1
    for rank in 0 1 2 3; do
        said=$(cat "$shared/$job_name/end.$rank") || return 1
        [ "$said" = "ok $deaths" ] || { echo "rank $rank: $said" && return 1; }
    done
    nothing_left
}
# fails CALL VICTIM STEP: mode retarget, no spares: all others come to the end, one with an error at
# least
fails() {
    local call=$1 victim=$2 step=$3 rank said errors=0
    start "$call-$victim-$step" ft run --mode=retarget -n 4 --map-by slot --host n0:4 \
        "$progs/cut_short" "/shared/$call-$victim-$step" "$call" "$victim" "$step" && await 60
    for rank in 0 1 2 3; do
        [ $rank != "$victim" ] || continue
        said=$(cat "$shared/$job_name/end.$rank") || return 1
        case $said in
        'ok failed') errors=$((errors + 1)) ;;
        'ok made') ;;
        *) echo "rank $rank: $said" && return 1 ;;
        esac
    done
    test $errors -gt 0 && nothing_left
}

test_expect_success 'an intercommunicator is made' 'repairs create 6 && repairs create 6 4'
test_expect_success 'it is merged' 'repairs merge 4'
test_expect_success 'it is duplicated' 'repairs dup 6'
test_expect_success FULL 'it is duplicated, the last steps' 'repairs dup 6 4'
test_expect_success FULL 'it is split' 'repairs split 6 && repairs split 6 4'
test_expect_success FULL 'it is split by a group' 'repairs part 6 && repairs part 6 4'
test_expect_success 'a group makes a communicator' 'repairs group 4'

test_expect_success 'the first of a group, mode retarget: create' 'fails create 2 1'
for call in merge dup info split part group; do
    test_expect_success FULL "the first of a group, mode retarget: $call" "fails $call 2 1"
done
test_expect_success 'another, mode retarget: merge' 'fails merge 3 1'
for call in dup info split part; do
    test_expect_success "another, mode retarget: $call" "fails $call 3 3"
done
test_expect_success 'another, mode retarget: group' 'fails group 3 1'
ft_done
