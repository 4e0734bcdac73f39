#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A solver whose world is made whole again (matrix_solve.c) meets every kind of loss.
test_description='mode repair: each loss, three languages'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 7
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/matrix.sh"

matrix_tests repair

ft_done
