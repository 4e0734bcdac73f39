#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A job that did not ask for fault tolerance is not touched by FT's being installed: each case runs on
# a cluster with FT and on one without, and has to end in the same way, with the same words.
test_description='plain mpirun: with FT installed everything is as without'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
. "$FT_TOP/tests/system/lib/road.sh"
with=$FT_CLUSTER bare=$PWD/bare
cluster -d "$bare" up 3 --owner $$ >up.out 2>&1 || error "the cluster without FT did not come up: $(cat up.out)"

# in_both CMD...: in the cluster with FT, then in the one without; FT_CLUSTER and shared say which.
in_both() {
    local dir
    for dir in "$with" "$bare"; do
        FT_CLUSTER=$dir shared=$dir/shared "$@" || return
    done
}

# mpirun's own words. Numbers (ports, process ids, nodes) and the order of lines are not the same
# twice, nor which of the ranks that are being killed still says that a connection of its is closed.
normal() {
    tr -d '\r\0' | sed -E 's/[0-9]+/N/g; s/^ +//; s/ +$//' |
        grep -vE '^\[nN:N\] (\*\*\*|plm:ssh: Warning: setpgid)|^\[warn\] Epoll' | LC_ALL=C sort -u
}

here() { [ "$(cat "$shared/$job_name"/here.* 2>/dev/null | wc -l)" = 3 ]; }

# No process of FT runs, and none of its libraries or variables is in a rank.
no_ft_anywhere() {
    ! cluster pids | grep -E 'ft-(centrald|noded|prted)' && ! on n0 find /tmp -xdev -name 'ft-*' | grep . &&
        on n0 sh -c 'rank=$(pgrep -x road_plain) && cat /proc/$rank/maps && tr "\0" "\n" </proc/$rank/environ' >rank &&
        grep -q libmpi rank && ! grep -aE 'libft|ftmpi|^FT_(HOST|POOL|CONF)=|^OMPI_MCA_(async|coll)' rank
}

# What stock mpirun leaves behind when a daemon was killed: a rank there always, others sometimes.
end_orphans() {
    for node in n0 n1 n2; do on $node pkill -KILL -x road_plain; done
}

# run_case NAME BREAK WORDS...: road_plain on three nodes; BREAK is killed on n2 when all ranks are there.
run_case() {
    local name=$1 break=$2
    shift 2
    case_again=("$break" "$@")
    start "$name" mpirun --host n0:1,n1:1,n2:1 -n 3 "$progs/road_plain" "/shared/$name" "$@" || return
    if [ "$break" != - ]; then
        wait_until 60 here && no_ft_anywhere && kill_on n2 "$break" || return
    fi
    await 60
    echo "$code" >"$shared/$name/code"
    normal <"$shared/$name/out" >"$shared/$name/normal"
    [ "$break" != prted ] || end_orphans
    nothing_left_but 'n2 /tmp/prted\.n2\.[0-9.]+.*' && test ! -e "$shared/$name/events"
}

# same_code NAME CODE BREAK WORDS...: in both, and CODE is what stock mpirun ends with.
same_code() {
    local name=$1 code=$2
    shift 2
    in_both run_case "$name" "$@" && test "$(cat "$bare/shared/$name/code")" = "$code" &&
        test "$(cat "$with/shared/$name/code")" = "$code"
}

# same_words NAME: what was said with FT is what stock says. What it says is not the same each time, now
# and then: then it is asked again.
same_words() {
    local try
    for try in {1..10}; do
        cmp -s "$bare/shared/$1/normal" "$with/shared/$1/normal" && return
        diff "$bare/shared/$1/normal" "$with/shared/$1/normal"
        FT_CLUSTER=$bare shared=$bare/shared run_case "$1.$try" "${case_again[@]}" || return
        cp "$bare/shared/$1.$try/normal" "$bare/shared/$1/normal"
    done
    test_cmp "$bare/shared/$1/normal" "$with/shared/$1/normal"
}

test_expect_success 'the one cluster has FT, the other has not' '
    on n0 test -x /usr/bin/ft && on n0 sh -c "ls /usr/lib/*/openmpi/lib/prte/prte_mca_errmgr_ft.so" &&
    test_must_fail env FT_CLUSTER="$bare" cluster exec n0 test -e /usr/bin/ft &&
    test_must_fail env FT_CLUSTER="$bare" cluster exec n0 sh -c "ls /usr/lib/*/openmpi/lib/prte/*ft*"
'
test_expect_success 'a normal end' '
    same_code normal 0 - ring && same_words normal && grep "has collected 6" "$with/shared/normal/out"
'
# What is said of it depends on whether the others have ended already.
test_expect_success 'an exit code' 'same_code code 3 - exit 3'
test_expect_success 'an end without MPI_Finalize' 'same_code leave 4 - leave 4 && same_words leave'
test_expect_success 'MPI_Abort' '
    same_code abort 7 - abort 7 && same_words abort && grep -a "MPI_ABORT was invoked" "$with/shared/abort/out"
'
test_expect_success 'a rank is killed' '
    same_code rank 137 road_plain wait && same_words rank && grep -a "signal 9 (Killed)" "$with/shared/rank/out"
'
# Stock mpirun's exit code is 0 or 255 then, as it happens.
test_expect_success 'a daemon is killed: the whole job ends' '
    in_both run_case daemon prted wait && same_words daemon && grep -a "therefore will terminate the job" "$with/shared/daemon/out"
'

test_expect_success 'the cluster without FT goes down' 'cluster -d "$bare" down'
ft_done
