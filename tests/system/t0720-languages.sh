#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same API in other languages: a publisher in Fortran and one in Python outlive their
# subscribers' nodes.
test_description='Fortran and Python programs outlive a node'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
shared=$FT_CLUSTER/shared
messages=200 pause_ms=10
python="python3 /usr/libexec/ft/examples/pubsub.py"
fortran=/usr/libexec/ft/examples/pubsub_f08
[ -x "$FT_STAGE$fortran" ] && test_set_prereq FORTRAN
python3 -c 'import mpi4py' 2>/dev/null && test_set_prereq MPI4PY

# lines_of RUN RANK: how many messages this subscriber and its stand-ins have written down
received() { cat "$shared/$1/received.$2".* 2>/dev/null | wc -l; }
has_received() { [ "$(received "$1" "$2")" -ge "$3" ]; }
# everything RUN RANK: each message at least once; those twice are at most one for each stand-in
everything() {
    [ "$(sort -nu "$shared/$1/received.$2".* | wc -l)" = $messages ] &&
        [ "$(received "$1" "$2")" -le $((messages + 1)) ]
}
nothing_left() { [ -z "$(cluster pids)" ]; }

# run_pubsub RUN FAULT PROGRAM...: rank 0 on n0 publishes to those on n1 and n2; its output is in
# RUN.out
run_pubsub() {
    local name=$1 fault=$2 job
    shift 2
    mkdir -p "$shared/$name"
    timeout 120 cluster exec n0 ft run --pool n3 --host n0:1,n1:1,n2:1 -n 3 "$@" \
        "/shared/$name" $messages $pause_ms \
        >"$name.out" 2>&1 &
    job=$!
    eval "$fault"
    wait $job
}

for language in FORTRAN MPI4PY; do
    if [ $language = FORTRAN ]; then program=$fortran; else program=$python; fi
    test_expect_success "FULL,$language" "$language: without a failure" "
        run_pubsub calm$language : $program; code=\$?; cat calm$language.out; test \$code = 0 &&
        grep -q 'published $messages messages to 2 subscribers, 0 lost' calm$language.out &&
        everything calm$language 1 && everything calm$language 2"
    test_expect_success $language \
        "$language: a subscriber's node crashes: the publisher goes on with another" "
        run_pubsub crash$language \
            'wait_until 60 has_received crash$language 2 20; cluster crash n2' $program
        code=\$?; cat crash$language.out; test \$code = 0 &&
        grep -q 'subscriber 2 lost with node n2, going on with n3' crash$language.out &&
        grep -q 'published $messages messages to 2 subscribers, 1 lost' crash$language.out &&
        everything crash$language 1 && everything crash$language 2 && wait_until 60 nothing_left"
    cluster boot n2 >/dev/null 2>&1
done

test_expect_success MPI4PY 'Python: what fails says why, in the runtime'\''s words' '
    timeout 120 cluster exec n0 ft run --host n0:1 \
        -n 1 python3 "$FT_TOP/tests/system/progs/errors.py" >out 2>&1; code=$?
    cat out; test $code = 0 && grep -q "^all said$" out'

test_expect_success MPI4PY \
    'Python: state is kept, and fetched by another rank when its own is lost' '
    mkdir -p "$shared/keep" &&
    { timeout 120 cluster exec n0 ft run --host n0:1,n1:1,n2:1 \
        -n 3 python3 "$FT_TOP/tests/system/progs/keep.py" /shared/keep \
        >keep.out 2>&1 & } && job=$! &&
    wait_until 60 test -e "$shared/keep/ready.2" && wait_until 60 test -e "$shared/keep/ready.1" &&
    cluster crash n2 &&
    touch "$shared/keep/lost"; wait $job; cat keep.out
    grep -qx "rank 0: rank 2 had the step 7 and the words kept in Python" keep.out'
cluster boot n2 >/dev/null 2>&1

test_expect_success FORTRAN 'Fortran: state is kept and fetched; what cannot be kept is refused' '
    timeout 120 cluster exec n0 ft run --host n0:1,n1:1 \
        -n 2 "$(dirname "$FT_STAGE")"/tests/system/progs/keep_f08 >out 2>&1
    code=$?; cat out; test $code = 0 && test "$(grep -cx " *rank [01]: all as it was" out)" = 2'

# --- a world made whole

# repaired NAME PROGRAM...: 3 ranks and a spare; what they say is in NAME.out.
repaired() {
    local name=$1
    shift
    timeout 120 cluster exec n0 ft run --mode repair --spares 1 --host n0:1,n1:1,n2:1,n3:1 \
        -n 3 "$@" >"$name.out" 2>&1
}
is_at() { grep -q "^step $2 " "$1.out"; }
# The time between two steps that are printed is short: the process is looked up before.
rank_2() { cluster pids n2 | awk '/jacobi/ && !/prted|ft-noded/ { print $2; exit }'; }
rank_2_runs() { pid=$(rank_2) && [ "$pid" ]; }
# solve_and_lose NAME PROGRAM...: the solver's rank 2 is killed after some commits.
solve_and_lose() {
    local job code pid
    repaired "$@" 48 120 10 20 &
    job=$!
    wait_until 60 is_at "$1" 10 && rank_2_runs && wait_until 60 is_at "$1" 40 &&
        on n2 kill -KILL "$pid"
    wait $job
    code=$?
    cat "$1.out"
    return $code
}

for language in FORTRAN MPI4PY; do
    if [ $language = FORTRAN ]; then solver=/usr/libexec/ft/examples/jacobi_f08; else solver="python3 /usr/libexec/ft/examples/jacobi.py"; fi
    test_expect_success $language \
        "$language: a solver whose rank 2 is lost ends with the same residual" "
        repaired calm.$language $solver 48 120 10 0 && solve_and_lose lost.$language $solver &&
        grep -q '^repaired 1: rank 2 lost, going on from step [4-9]0$' lost.$language.out &&
        test \"\$(grep ^residual lost.$language.out)\" = \"\$(grep ^residual calm.$language.out)\" && wait_until 60 nothing_left"
done

# fortran_repair BINDING WAY
fortran_repair() {
    mkdir -p "mods.$1" &&
        mpifort "-D$1" -ffree-line-length-none -J "mods.$1" -I "$FT_STAGE/usr/include" \
            -L "$FT_STAGE/usr/lib/x86_64-linux-gnu" \
        -o "$shared/repair.$1" "$FT_TOP/tests/system/progs/repair_fortran.F90" -lftmpi_f08 -lftmpi \
        -lft || return
    repaired "repair.$1.$2" "/shared/repair.$1" "$2"
    local code=$?
    cat "repair.$1.$2.out"
    test $code = 0 && test "$(grep -c "^rank . $2: at step 30, 0 wrong" "repair.$1.$2.out")" = 3
}
for binding in MPIF_H USE_MPI USE_MPI_F08; do
    for way in return callback loop; do
        full=,FULL
        case $binding.$way in MPIF_H.callback | USE_MPI.return | USE_MPI_F08.loop) full= ;; esac
        test_expect_success \
            "FORTRAN$full" "Fortran, $binding: a rank is lost and replaced; the way: $way" "fortran_repair $binding $way"
    done
done
for way in callback loop; do
    test_expect_success MPI4PY "Python: a rank is lost and replaced; the way: $way" "
        repaired python.$way python3 '$FT_TOP/tests/system/progs/repair.py' $way; code=\$?; cat python.$way.out; test \$code = 0 &&
        test \$(grep -c '^rank . $way: at step 30, 0 wrong' python.$way.out) = 3"
done

ft_done
