#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A random program (random_mpi.c: messages of all kinds, collectives, communicators, attributes,
# errors, windows) prints the same sums with and without the MPI layer, in each of its modes, while
# nothing fails. Few seeds in ./check, many in ./check full; one job of each way for a seed, or for a
# row of them, one after the other. FT_RANDOM_SEEDS="7 100-199" tries those.
test_description='random programs give the same results with and without the layer'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
cp "$(dirname "$FT_STAGE")"/tests/system/progs/random_mpi "$FT_CLUSTER/shared/" ||
    error "random_mpi is not built"

# More ranks than cores: who waits lets the others run.
program=(--mca mpi_yield_when_idle 1 --host "n0:2,n1:2,n2:1" -n 4 /shared/random_mpi)
modes=('--mode retarget' '--spares 1' '--mode repair' '--mode repair --spares 1')

# sums OUT CMD...: 4 ranks; their sums, without the null bytes that mpirun may mix in
sums() {
    local out=$1 n=$((${seed#*-} - ${seed%-*} + 1))
    shift
    timeout $((120 + 5 * n)) cluster exec n0 "$@" "${program[@]}" "$seed" "$steps" </dev/null 2>"$out.err" |
        tr -d '\0' | sort >"$out"
    test "$(grep -c "^random seed=[0-9]* steps=$steps ranks=4 sums=" "$out")" = $n ||
        { cat "$out" "$out.err"; return 1; }
}
# Open MPI 5.0's han, which ft run goes without, mixes up the ranks in MPI_Gather where neighbouring ranks
# are on different nodes (seeds 510, 710).
stock() { sums "stock.$seed" mpirun --with-ft ulfm --mca coll ^han; }
# same MODE: as stock
same() {
    local options
    read -ra options <<<"$1"
    sums with ft run "${options[@]}" && diff "stock.$seed" with
}

if [ "${FT_RANDOM_SEEDS-}" ]; then seeds=$FT_RANDOM_SEEDS
elif [ "${FT_CHECK_FULL-}" ]; then seeds="$(seq 1 20) $(printf '%s00-%s19 ' {1,2,3,4,5,6,7,8,9,10}{,})"
else seeds='1-5 6-10'; fi
steps=${FT_CHECK_FULL:+150} steps=${steps:-80}
for seed in $seeds; do
    test_expect_success "seed $seed: without the layer" stock
    for i in "${!modes[@]}"; do
        # Without spares, and with them, of both modes: each once in two seeds.
        prereq=
        [ $(((i + ${seed%-*}) % 2)) = 0 ] || prereq=FULL
        test_expect_success $prereq "seed $seed: ${modes[i]}" "same '${modes[i]}'"
    done
done

ft_done
