# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What every system test starts with:
#
#   test_description='...'
#   . "$(dirname "$0")/lib/ft-sharness.sh"
#   cluster_up 5 --topology n3='synthetic:package:2 core:4 pu:1'
#   test_expect_success 'n1 answers' 'wait_until 60 on n1 true'
#   ft_done
#
# Brings Debian's sharness, in a scratch folder under /tmp, and the words below. The test file's
# cluster goes down with the test file, also after a failure, an interrupt or SIGKILL.
#
# From the environment: FT_STAGE, the staged installation (default: build/stage of the checkout);
# FT_TEST_LOG, a file for what the tested commands say; FT_CHECK_FULL, if `./check full` runs it.
#
# A test of jobs that communicate much exports FT_CLUSTER_YIELDS=1 first. The nodes have the same few
# cores, those of other tests as well, and Open MPI's processes wait by looking: among those that do
# not let go each message of a collective is a turn of the scheduler's.
#
# `test_expect_success FULL '...' '...'` is run by `./check full` only: a variation on one that ./check
# runs always, for which its twenty minutes have no room.

FT_TOP=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
: "${FT_STAGE:=$FT_TOP/build/stage}"
export FT_TOP FT_STAGE
unset FT_CLUSTER

# sharness takes its settings from these; it removes its folder itself when all went well
ft_scratch=$(mktemp -d /tmp/ft-test.XXXXXX)
SHARNESS_TEST_DIRECTORY=$ft_scratch SHARNESS_TEST_EXTENSION=sh SHELL=/bin/bash HARNESS_ACTIVE=1
this_test=$(basename "$0" .sh)
. /usr/share/sharness/sharness.sh
cd "$ft_scratch" || error "no scratch folder"   # sharness's own has a blank in its name
if [ "${FT_TEST_LOG-}" ]; then exec 3>>"$FT_TEST_LOG" 4>&3; fi
ft_started_us=${EPOCHREALTIME/[.,]/}
[ -z "${FT_CHECK_FULL-}" ] || test_set_prereq FULL

PATH=$FT_TOP/tests/cluster:$PATH

# cluster_up N [OPTION]...: this file's cluster. One that does not come up fails the file at once.
cluster_up() {
    local words
    if words=$(cluster up "$@" --stage "$FT_STAGE" --owner $$ 2>&1); then
        eval "$words"
    else
        printf '%s\n' "$words" | sed 's/^/# /'
        error "the cluster did not come up"
    fi
}

# on NODE CMD...: run CMD there; its output and exit code. To end it early, start it with
# `cluster exec NODE CMD & pid=$!`: that is one process, this is a function.
on() { cluster exec "$@"; }

# wait_until TIMEOUT_s CMD...: until CMD succeeds; fails, saying so, after TIMEOUT_s. It is asked after
# 20 ms, then less and less often, as asking is what keeps the machine busy: every 100 ms in the end.
wait_until() {
    local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000)) timeout_s=$1 pause_ms=20 pause
    shift
    until "$@"; do
        if [ "${EPOCHREALTIME/[.,]/}" -ge "$end" ]; then
            echo "wait_until: not within $timeout_s s: $*" >&2
            return 1
        fi
        printf -v pause '0.%03d' "$pause_ms"
        sleep "$pause"
        pause_ms=$((pause_ms * 5 / 4))
        [ $pause_ms -le 100 ] || pause_ms=100
    done
}

# json_field FILTER [FILE]: jq's answer as plain text; fails where there is none, or it is null or false.
json_field() { jq -er "$@"; }

# ms_between FROM TO: both in seconds since the epoch with a fraction, as `cluster crash` prints them.
ms_between() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%d\n", (b - a) * 1000 }'; }

# ft_done: the last line of every test file. That nothing is left of its cluster is a test itself.
ft_done() {
    if [ "${FT_CLUSTER-}" ]; then
        [ "$test_failure" = 0 ] || ft_show_cluster
        test_expect_success 'the cluster goes down and leaves nothing' 'cluster down'
    fi
    test_done
}

# What one wants to see after a failure: the nodes, and the last that their logs say.
ft_show_cluster() {
    local log
    cluster status 2>&1
    for log in "$FT_CLUSTER"/n*/log; do
        [ ! -s "$log" ] || { echo "$log:"; tail -n 20 "$log"; }
    done
} >&4

ft_end() {
    local code=$?
    trap '' INT TERM HUP
    [ -z "${FT_CLUSTER-}" ] || cluster down || code=1
    cd / && rm -rf "$ft_scratch"
    return $code
}
trap 'ft_end; die' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
