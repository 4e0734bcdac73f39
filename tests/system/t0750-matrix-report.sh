#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Programs that mend themselves by ULFM's words (matrix_ulfm.c) keep working under ft run, and
# outlive nodes.
test_description='ULFM codes in mode report: each loss, three languages'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 7
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/matrix.sh"

matrix_tests report

# again WAY SURVIVORS
again() {
    start "again$1" ft run -n 4 --host n0:1,n1:1,n2:1,n3:1 "$progs/ulfm_again" "$1" && await 90 &&
        test "$code" = 0 && said | grep -qx "$2 survivors" && nothing_left
}
test_expect_success 'a rank is lost as a communicator is made: another is shrunk' 'again shrink 3'
test_expect_success 'a rank is lost as a communicator is made: one of some survivors is made' 'again half 2'

ft_done
