#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The MPI layer leaves an application's own error handling alone, and reports what was lost.
test_description='the MPI layer: errors stay the application'\''s, failures are reported'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
shared=$FT_CLUSTER/shared
progs=$(dirname "$FT_STAGE")/tests/system/progs
cp "$progs"/mpiext_errors "$shared"/ || error "mpiext_errors is not built"

# run MODE [FT OPTION]...: mpiext_errors with 4 ranks on 3 nodes; the last is alone on n2.
run() {
    local mode=$1
    shift
    timeout 120 cluster exec n0 ft run --events /shared/events."$mode" "$@" --host n0:2,n1:1,n2:1 \
        -n 4 \
        /shared/mpiext_errors "$mode" "/shared/end.$mode" >out 2>&1
}

# On a busy machine mpirun may call setpgid for its ssh a moment too late, and says so: stock as
# well.
stock_warning='plm:ssh: Warning: setpgid([0-9,]*) failed in parent\|^$'

test_expect_success 'nothing fails: nothing changes, nothing is reported' '
    run none &&
    ! grep -v "$stock_warning" out &&
    ! grep -q "\"event\":\"error" "$shared/events.none"'

test_expect_success \
    'the default handler, return values ignored: the job stops, visibly, with an error' '
    ! run ignore &&
    grep -q MPI_ERRORS_ARE_FATAL out &&
    ! grep -q "computed on" out'

test_expect_success 'MPI_ERRORS_RETURN: the survivors get the error and end well' '
    run return &&
    grep -q "computed on: proc failed" out'

test_expect_success 'a handler of its own is called, by every survivor' '
    run handler &&
    for rank in 0 1 2; do grep -q "^rank $rank: own handler called, proc failed" out || return 1; done'

test_expect_success 'the loss is in the event log, by the rank it hit' '
    for mode in return handler; do
        jq -es "map(select(.event | test(\"^error\"))) | any(.rank == 3)" "$shared/events.$mode" ||
            return 1
    done'

test_expect_success 'without the layer the same program behaves the same, and reports nothing' '
    run return --no-preload &&
    grep -q "computed on: proc failed" out'

# A message waits for a node that is cut off, and fails when that is back: a long time after the
# program was told that it had failed. Open MPI 5.0.7 without the layer then ends the sender.
unsent_to_n2() {
    on n0 cat /proc/net/tcp | awk '$3 ~ /^0C004D0A:/ && $5 !~ /^00000000:/' | grep -q .
}
all_sent_to_n2() { ! unsent_to_n2; }
test_expect_success 'a message that fails twice does not end who sent it' '
    { run queued & } && wait_until 60 unsent_to_n2 && cluster cut n2 && wait_until 60 grep -q "^not sent: proc failed" out &&
    cluster join n2 && wait_until 60 all_sent_to_n2 && touch "$shared/end.queued" && wait $! &&
    cat out &&
    grep -q "^sender ends" out'

ft_done
