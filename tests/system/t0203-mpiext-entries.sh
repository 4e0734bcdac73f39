#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# However a program brings MPI up, the layer comes with it; before, and in other programs, it costs
# nothing.
test_description='the MPI layer: loaded by every entry of MPI, and only by those'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 1
shared=$FT_CLUSTER/shared
cp "$(dirname "$FT_STAGE")"/tests/system/progs/mpiext_entry "$shared"/ ||
    error "mpiext_entry is not built"

for entry in c thread profiling fortran fortran-thread session; do
    test_expect_success "MPI brought up by its $entry entry: the layer is there from then on" "
        timeout 120 cluster exec n0 ft run -n 2 --oversubscribe /shared/mpiext_entry $entry >out &&
        test \"\$(grep -cx '$entry before: no, after: yes' out)\" = 2"
done

test_expect_success '--no-preload: it is not' '
    timeout 120 cluster exec n0 ft run --no-preload -n 1 /shared/mpiext_entry c >out &&
    grep -qx "c before: no, after: no" out'

test_expect_success 'a script of the job has the first half in it, and none of MPI'\''s libraries' '
    timeout 120 cluster exec n0 ft run -n 1 bash -c "cat /proc/\$\$/maps" >out &&
    grep -q libftmpi.so out && ! grep -q libmpi.so out && ! grep -q ftmpi_layer.so out'

test_expect_success 'it works where a program can only be linked to it, too' '
    ldd "$FT_STAGE"/usr/libexec/ft/examples/pubsub >deps; grep -q libftmpi.so.0 deps &&
    timeout 120 cluster exec n0 ft run --no-preload -n 2 \
        --oversubscribe /usr/libexec/ft/examples/pubsub \
        --messages 50 --records /shared/linked >out &&
    "$FT_TOP"/examples/pubsub-verify "$shared/linked"'

ft_done
