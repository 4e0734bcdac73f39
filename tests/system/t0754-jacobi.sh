#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Jacobi's method, with and without losses: not a bit of the residual is different. Ten losses in a
# row.
test_description='a solver ends with the same residual as without losses; ten losses'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 7
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/matrix.sh"
examples=/usr/libexec/ft/examples
[ -x "$FT_STAGE$examples/jacobi_f08" ] && test_set_prereq FORTRAN
python3 -c 'import mpi4py' 2>/dev/null && test_set_prereq PYTHON
test_set_prereq C
size=40 steps=200

# start_jacobi NAME PAUSE_MS PROGRAM...: with two spares
start_jacobi() {
    local name=$1 pause_ms=$2
    shift 2
    start "$name" ft run --mode repair --spares 2 -n 4 --host n0:1,n1:1,n2:1,n3:1,n4:1,n5:1 \
        "$@" $size $steps 10 "$pause_ms"
}
residual() { grep "^residual .* after $steps steps$" "$shared/$1/out"; }
is_at() { said | grep -q "^step $1 "; }
went_back() { said | grep -q "^repaired $1: "; }

for language in C FORTRAN PYTHON; do
    case $language in
        C) jacobi=$examples/jacobi ;;
        FORTRAN) jacobi=$examples/jacobi_f08 ;;
        PYTHON) jacobi="python3 $examples/jacobi.py" ;;
    esac
    test_expect_success $language "$language: without a loss" "
        start_jacobi calm$language 0 $jacobi && await 120 && test \$code = 0 &&
        residual calm$language && nothing_left"
    test_expect_success $language \
        "$language: a rank is killed, then a node crashes: the same residual" "
        start_jacobi lost$language 15 $jacobi && wait_until 60 is_at 20 &&
        on n2 pkill -KILL -f jacobi &&
        wait_until 60 went_back 1 && wait_until 60 is_at 100 && cluster crash n3 &&
        wait_until 60 went_back 2 && await 120 &&
        test \$code = 0 && said | grep -q '^repaired 1: rank 2 lost, going on from step' &&
        test \"\$(residual lost$language)\" = \"\$(residual calm$language)\""
done

ten_losses() {
    local rank i
    for ((i = 0; i < 10; i++)); do
        rank=$((1 + i % 3))
        signal KILL $rank && replaced $rank || { said; show_lives; return 1; }
    done
}
test_expect_success 'ten losses in a row, ten spares' 'begin repair c 10 && ten_losses && ends_well'

ft_done
