#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A publisher and subscribers in plain MPI (matrix_publish.c) meet every kind of loss.
test_description='mode retarget: each loss, three languages'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 7
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/matrix.sh"

matrix_tests retarget

ft_done
