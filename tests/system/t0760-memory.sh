#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The MPI layer under Valgrind, in programs that lose ranks: no access out of bounds, no use of what
# was freed or never set, nothing lost. Open MPI's own errors are many, and are not counted
# (lib/memcheck_ours.py). One program in ./check; the other ways and kept state in ./check full.
# AddressSanitizer: t0761, and for the parts that need no MPI ./check sanitize.
test_description='the MPI layer makes no mistake with memory, in Valgrind'\''s eyes'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"
ours='/(libftmpi\.so|ftmpi_layer\.so|libft\.so|libftmpi_f08\.so)'
judge() { python3 "$FT_TOP/tests/system/lib/memcheck_ours.py" "$@"; }
checked='valgrind --leak-check=full --num-callers=30 --fair-sched=yes --error-limit=no --xml=yes'

# start_checked NAME SPARES PROGRAM...: 3 ranks on n0 to n2, the spares behind them
start_checked() {
    local name=$1 spares=$2
    shift 2
    killed=$(printf '%s\n' "$@" | sed -n 's/^die=\([0-9]*\)@.*/\1/p' | paste -sd ,)
    # shellcheck disable=SC2086 # words
    start "$name" ft run ${start_mode-} --spares "$spares" -n 3 --host n0:1,n1:1,n2:1,n3:1,n4:1 \
        $checked --xml-file="/shared/$name/memory.%p.%q{PMIX_RANK}.xml" "$@"
}
# clean NAME PROCESSES: so many of them were watched, with the layer, and it made no mistake
clean() {
    local files=("$shared/$1"/memory.*.xml)
    test ${#files[@]} = "$2" && ! grep -LF ftmpi_layer.so "${files[@]}" | grep . &&
        judge --killed "$killed" "$ours" "${files[@]}"
}
received_all() { test "$(awk -v n="$2" '$2 == n' "$shared/$1/got.$3" | wc -l)" -ge 1; }
run_checked() { start_checked "$@" && await 110 && test "$code" = 0; }

# publish NAME WAY ARGUMENT...: rank 0 publishes to two, the second of which dies
publish() {
    local name=$1
    shift
    run_checked "$name" 1 "$progs/retarget_app" "/shared/$name" "$@" steps=30 die=2@10 &&
        received_all "$name" 30 2.1 && clean "$name" 4
}
# gather NAME WAY ARGUMENT...: rank 0 receives from two, the second of which dies
gather() {
    local name=$1
    shift
    run_checked "$name" 1 "$progs/retarget_app" "/shared/$name" "$@" steps=30 die=2@10 &&
        received_all "$name" 30 0.0 && clean "$name" 4
}
test_expect_success 'many messages under way, on a duplicate, as a rank is lost' '
    publish window window comm=dup bytes=100000
'
test_expect_success 'what is not ours is seen, and told apart' '
    ! judge "lib(mpi|open-pal|pmix)[.]so" "$shared"/window/memory.*.xml >others &&
    tail -n 1 others | grep "^[1-9][0-9]* errors, "'
test_expect_success FULL 'blocking, synchronous' 'publish ssend ssend'
test_expect_success FULL 'large messages' 'publish large isend bytes=300000'
test_expect_success FULL 'persistent requests' 'publish start start bytes=100000'
test_expect_success FULL 'an error for what was under way' '
    publish rule isend rule=error bytes=200000
'
test_expect_success FULL 'from anybody, on a part of the world' 'gather gather gather comm=split'
test_expect_success FULL 'from anybody, several posted' 'gather igather igather'
test_expect_success FULL 'matched probes, on a Cartesian communicator' '
    gather mprobe mprobe comm=cart bytes=100000
'
test_expect_success FULL 'one receive from each, on one made by its members' '
    gather ranks ranks comm=group
'

test_expect_success FULL 'kept state: commits, a lost rank, and a spare that fetches' '
    start_checked keep 1 /usr/libexec/ft/examples/keep_workers 60 40 &&
    wait_until 100 grep -q first "$shared/keep/out" && on n2 pkill -KILL -x memcheck-amd64- &&
    await 110 && test "$code" = 0 && grep "goes on after step" "$shared/keep/out" && clean keep 4'

# repair WAY ARGUMENT...: 3 ranks, one of which dies, and $spares (1) behind them; the world is whole
# again, and computes what it should
repair() {
    local spares=${spares:-1}
    start_mode='--mode repair' run_checked "repair.$1" "$spares" "$progs/repair_app" \
        "/shared/repair.$1" "$@" steps=12 die=1@5 &&
        test -s "$shared/repair.$1/end" && clean "repair.$1" $((3 + spares))
}
# Twice: then there are communicators that the first repair made.
test_expect_success 'repair: communicators and kept state, by FTMPI_Loop' '
    spares=2 repair loop die=2@8
'
test_expect_success FULL 'repair: by a callback, with requests under way' '
    repair callback pending=1
'
test_expect_success FULL 'repair: an error is returned' 'repair return'
test_expect_success FULL 'repair: nothing is expected' 'repair plain'

ft_done
