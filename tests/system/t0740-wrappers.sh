#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The wrappers of the MPI layer while nothing fails: every language's calls pass them once, tools
# see the application's world, errors go where the application sent them. Beside a spare, where all
# of it is in force; ./check full tries the mode alone as well.
test_description='wrapped calls: Fortran, tools, error handlers'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
shared=$FT_CLUSTER/shared
progs=$FT_TOP/tests/system/progs
built=$(dirname "$FT_STAGE")/tests/system/progs
cp "$built"/{wrap_ring,wrap_errors} "$shared"/ || error "the programs are not built"
mpicc -shared -fPIC -O1 -o "$shared/libtool.so" "$progs/wrap_tool.c" &&
    mpicc -O1 -o "$shared/ring_with_tool" "$progs/wrap_ring.c" "$progs/wrap_tool.c" &&
    mpicc -O1 -o "$shared/ring_linked" "$progs/wrap_ring.c" -L"$shared" -ltool -Wl,-rpath,/shared ||
    error "the tool does not compile"

readonly HOSTS=n0:2,n1:2,n2:1
# ranks CMD...: what they say, without the null bytes that mpirun may mix in; CMD's exit code.
ranks() {
    timeout 120 cluster exec n0 "$@" </dev/null 2>err | tr -d '\0'; return "${PIPESTATUS[0]}"
}
# stock CMD...: 4 ranks without FT.  with OPTION... -- CMD...: 4 ranks under ft run.
stock() { ranks mpirun --with-ft ulfm --host $HOSTS -n 4 "$@"; }
with() {
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    ranks ft run "${options[@]}" --host $HOSTS -n 4 "$@"
}

# --- Fortran

# The program is the same in all three bindings, and so is what it says.
for binding in MPIF_H USE_MPI USE_MPI_F08; do
    test_expect_success "Fortran, $binding: every kind of call, the world of four beside a spare" "
        mpifort -D$binding -J. -ffree-line-length-none \
            -o '$shared/fortran' '$progs/wrap_fortran.F90' &&
        { test -e stock || stock /shared/fortran >stock; } &&
        with --spares 1 -- /shared/fortran >spare && cat spare err &&
        test \$(grep -c 'rank . of 4 .* sum 6 part 2 handled 1 of the world T error T' spare) = 4 &&
        sort <stock >a && sort <spare >b && diff a b"
    test_expect_success FULL "Fortran, $binding: and without one" "
        stock /shared/fortran >stock && with --mode retarget -- /shared/fortran >with &&
        sort <stock >a && sort <with >b && diff a b"
done

# --- tools

test_expect_success 'a tool in the program sees each call once, and ranks of the application' '
    with --spares 1 -- /shared/ring_with_tool >out && cat out &&
    test $(grep -c "^tool: rank . of 4: 3 sends, farthest to ., 1 reductions" out) = 4 &&
    test $(grep -c "^ring: rank . of 4 got ., sum 6" out) = 4'
test_expect_success 'so does one in a library of its own, behind the layer' '
    with --spares 1 -- /shared/ring_linked >out && cat out &&
    test $(grep -c "^tool: rank . of 4: 3 sends, farthest to ., 1 reductions" out) = 4 &&
    test $(grep -c "^ring: rank . of 4 got ., sum 6" out) = 4'
test_expect_success 'and one that the user has preloaded' '
    with --spares 1 -- sh -c "LD_PRELOAD=/shared/libtool.so:\$LD_PRELOAD exec /shared/wrap_ring" \
        >out && cat out &&
    test $(grep -c "^tool: rank . of 4: 3 sends, farthest to ., 1 reductions" out) = 4 &&
    test $(grep -c "^ring: rank . of 4 got ., sum 6" out) = 4'
test_expect_success FULL 'in report mode, and without the layer, just the same' '
    with -- /shared/ring_linked >report && stock /shared/ring_linked >stock &&
    test $(grep -c "^tool: rank . of 4: 3 sends" report) = 4 &&
    sort <report >a && sort <stock >b && diff a b'

# --- error handlers: what is printed, and whether the job ends well

words() { grep '^errors: ' "$1" | sort -u; }
# as_stock FT_OPTIONS: WHAT with them prints and ends as without FT (in aw and code).
as_stock() {
    local options
    read -ra options <<<"$1"
    with "${options[@]}" "${mpirun[@]}" -- /shared/wrap_errors "${what[@]}" >b
    [ $(($? != 0)) = "$code" ] ||
        { echo "with $1 it ended otherwise than with $code"; cat err; return 1; }
    words b >bw
    cat bw
    diff aw bw
}
# handled WHAT... [-- MPIRUN OPTION...]: the same without FT, and wrapped
handled() {
    local what=() mpirun code
    while [ $# -gt 0 ] && [ "$1" != -- ]; do what+=("$1"); shift; done
    mpirun=("${@:2}")
    stock "${mpirun[@]}" /shared/wrap_errors "${what[@]}" >a
    code=$(($? != 0))
    words a >aw
    cat aw
    if [ "${FT_CHECK_FULL-}" ]; then as_stock '--mode retarget' || return; fi
    as_stock '--spares 1' && grep -ao 'MPI_ERR_[A-Z]*: [a-z ]*' err | sort -u >said
}
ends() { handled "$@" && test_must_be_empty aw; }
test_expect_success 'errors that end the job, by default' '
    ends fatal && grep -q "MPI_ERR_RANK: invalid rank" said
'
test_expect_success 'and asked for, on a duplicate of a part' '
    ends set-fatal && grep -q "MPI_ERR_RANK: invalid rank" said
'
test_expect_success FULL 'MPI_ERRORS_ABORT' '
    ends abort && grep -q "MPI_ERR_RANK: invalid rank" said
'
test_expect_success \
    'errors of no communicator go through the world'\''s: the default ends the job' 'ends type'
test_expect_success FULL 'so do those of none' 'ends null'
test_expect_success 'an initial handler that mpirun was told' '
    handled initial -- --initial-errhandler mpi_errors_return &&
    grep -q "what came back: MPI_ERR_RANK" bw'
test_expect_success \
    'MPI_ERRORS_RETURN, inherited by a duplicate and its part; windows and files have theirs' '
    handled return window file && grep -q "what came back: MPI_ERR_RANK" bw &&
    grep -q "own handler of a window: MPI_ERR_RANK" bw && grep -q "what came back: another" bw &&
    grep -q "the end" bw'
test_expect_success \
    'an own handler has the communicator that the error is of, the world for errors of none' '
    handled own none && grep -q "own handler of the world: MPI_ERR_RANK" bw &&
    grep -q "own handler of the world: MPI_ERR_TYPE" bw &&
    grep -q "own handler of the world: MPI_ERR_COMM" bw &&
    grep -q "of the call: none" bw'

ft_done
