#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# FT straight from the build folder, on nodes where nothing of it is installed.
test_description='ft run and ft env from the build tree'
. "$(dirname "$0")/lib/ft-sharness.sh"

build=$(cd -P "$FT_STAGE/.." && pwd)
FT_STAGE=$(mktemp -d "$ft_scratch/empty.XXXXXX")
cluster_up 4
ft=$build/src/cli/ft
program=$build/tests/bench/bench_loss # ends with code 0 only if a stand-in on a fresh node answered

nothing_runs() { [ -z "$(cluster pids)" ]; }
# units_up N: so many units are connected.  in_position: the ranks of the job are.
units_up() { [ "$(grep -c unit_up "$FT_CLUSTER/shared/events" 2>/dev/null)" = "$1" ]; }
in_position() { [ -e "$FT_CLUSTER/shared/ready" ]; }

test_expect_success 'nothing is installed on the nodes' '
    test_expect_code 127 on n0 sh -c "command -v ft" && test_expect_code 1 on n0 test -e /usr/sbin/ft-noded'

test_expect_success 'ft doctor knows the build folder, and that PRRTE uses its component on all hosts' '
    on n0 "$ft" doctor --pool n1,n2,n3 >out; cat out; ! grep FAIL out &&
    grep -q "^ok *component *$build/pmix-plugin/prrte/.libs/" out && test "$(grep -c "^ok *host" out)" = 3'

test_expect_success 'a job runs with the units of the build folder on all nodes' '
    { on n0 "$ft" run --pool n3 --events /shared/events -n 3 --host n0:1,n1:1,n2:1 \
        sh -c "until test -e /shared/looked; do sleep 0.1; done" </dev/null & pid=$!; } &&
    wait_until 60 units_up 4 &&
    cluster pids >pids && for k in 0 1 2 3; do grep -q "^n$k .*$build/src/noded/.*ft-noded" pids || return 1; done &&
    grep -q "^n0 .*$build/src/centrald/.*ft-centrald" pids &&
    touch "$FT_CLUSTER/shared/looked" && wait $pid && wait_until 60 nothing_runs'

test_expect_success 'a crash of a node is survived: ft run' '
    rm -f "$FT_CLUSTER/shared/ready" &&
    { on n0 "$ft" run --pool n3 -n 3 --host n0:1,n1:1,n2:1 "$program" fresh /shared/ready >out </dev/null & pid=$!; } &&
    wait_until 60 in_position && cluster crash n2 && wait $pid && grep "^bench .* node=n3" out'

test_expect_success 'and the same through ft env and plain mpirun' '
    cluster boot n2 && rm -f "$FT_CLUSTER/shared/ready" &&
    { on n0 bash -c "eval \"\$($ft env --pool n3)\" && exec mpirun --with-ft ulfm -n 3 --host n0:1,n1:1,n2:1 \
        $program fresh /shared/ready" >out </dev/null & pid=$!; } &&
    wait_until 60 in_position && cluster crash n2 && wait $pid && grep "^bench .* node=n3" out'

ft_done
