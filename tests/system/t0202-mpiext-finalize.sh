#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Ends of MPI programs that hang on stock Open MPI 5.0 do not hang under the layer. That each of
# them does hang there is written at the modes in progs/mpiext_finalize.c; waiting for a hang is no
# test.
test_description='the MPI layer: MPI_Finalize and MPI_Comm_disconnect end'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
shared=$FT_CLUSTER/shared
cp "$(dirname "$FT_STAGE")"/tests/system/progs/mpiext_finalize "$shared"/ ||
    error "mpiext_finalize is not built"

# run RANKS MODE [HOST]: survivors print "done".
run() {
    timeout 120 cluster exec n0 ft run --host n0:2,n1:4 --map-by slot --oversubscribe -n "$1" \
        /shared/mpiext_finalize "$2" ${3:+"$3"} >out 2>&1
}
ended() { test "$(grep -ac '^done' out)" = "$1"; }

test_expect_success 'all ranks of a node are dead' 'run 4 node && ended 2'
test_expect_success 'a rank dies while the others are in MPI_Finalize' '
    run 4 in-finalize && ended 3
'
test_expect_success 'all ranks of a node die while the others are in it' '
    run 4 node-in-finalize && ended 2
'
for host in n0 n1; do
    test_expect_success "children on $host, everybody alive: they wait for each other" "
        run 1 alive $host && ended 3"
    test_expect_success "children on $host whose parent has freed its side and left" "
        run 1 parent-freed $host && ended 3"
    test_expect_success "children on $host whose parent was killed" "
        run 1 parent-died $host && ended 2"
    test_expect_success "a parent, one of whose children on $host is killed while it waits" "
        run 1 child-died $host; ended 2"
    test_expect_success "a child on $host dies in the middle of its parent's MPI_Comm_disconnect" "
        run 1 disconnect $host; ended 1 && grep -a '^disconnect error' out"
done

ft_done
