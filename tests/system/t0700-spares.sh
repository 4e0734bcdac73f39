#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Warm spare ranks: where they are put, how they wait, whose place they take, how they end. The
# application asks the runtime itself here.
test_description='spare ranks wait, are given a rank, and end with the job'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"

# start_spares NAME S N HOSTS: N clients and S spares, which wait and are found fit.
spares_wait() { test "$(events '.event == "spare_fit"')" = "$1"; }
start_spares() {
    start "$1" ft run --spares "$2" -n "$3" --host "$4" "$progs/road_client" "/shared/$1" &&
        wait_until 60 clients_listen "$3" && wait_until 60 spares_wait "$2"
}
# takers RANK: the processes that have had that rank, one line each: pid
takers() { jq 'select(.open != null).pid' "$shared/$job_name/answer.$1"; }
# taken RANK N: its N-th one listens.
taken() { test "$(takers "$1" | wc -l)" = "$2"; }
# kill_rank RANK NODE: the one that has it, which is on that node.
kill_rank() { on "$2" kill -KILL "$(takers "$1" | tail -n 1)"; }
# finds RANK RESOURCE FILTER: such is its answer. Waited for after a loss, of which the runtime has to
# hear first.
finds() { ask "$1" find "$2" && replied "$3"; }
cpu_ns() {
    on "$1" sh -c 'cat /proc/"$1"/task/*/schedstat' - "$2" |
        awk '{ n += $1 } END { printf "%d\n", n }'
}

# --- before it starts

refused() {
    mkdir -p "$shared/refused" &&
        test_must_fail on n0 timeout 120 ft run "$@" >said 2>&1 </dev/null && cat said
}
test_expect_success 'fewer slots than ranks and spares: which node has how many, and what to do' '
    refused --spares 2 -n 3 --host n0:1,n1:2,n2:1 true &&
    grep -q "3 ranks and 2 spare ranks need 5 slots; there are 4 (n0 1, n1 2, n2 1)" said &&
    grep -q "OVERSUBSCRIBE" said && ! grep -q "PRTE ERROR\|prte-rmaps" said
'
test_expect_success 'several programs, or no number of ranks: no spares' '
    refused --spares 1 -n 1 --host n0:1,n1:2 true : -n 1 true && grep -q "need one program" said &&
    refused --spares 1 --host n0:1,n1:2 true && grep -q "need a number of ranks (-n)" said
'
test_expect_success 'what does not go together is said before anything starts' '
    refused --spares 1 --mode report -n 2 true && grep -q "nothing would use them" said &&
    refused --spares 1 --no-preload -n 2 true && grep -q "spares wait in it" said &&
    refused --spares many -n 2 true && grep -q "a number of ranks from 0 to 1024" said
'

# --- waiting

test_expect_success 'spares are on nodes of their own, the ranks where they would be without them' '
    start_spares place 2 3 n0:2,n1:2,n2:2,n3:1 &&
    event ".event == \"spare_waits\" and .rank == 3 and .node == \"n2\"" &&
    event ".event == \"spare_waits\" and .rank == 4 and .node == \"n3\"" &&
    on n0 pgrep -c road_client | grep -qx 2 && on n1 pgrep -c road_client | grep -qx 1
'
test_expect_success 'one takes less than 1 % of a core' '
    pid=$(on n3 pgrep -x road_client) && from=$(cpu_ns n3 $pid) && sleep 3 &&
    to=$(cpu_ns n3 $pid) &&
    echo "$(((to - from) / 1000)) us in 3 s" && test $((to - from)) -lt 30000000
'
test_expect_success 'not needed: they end with the job, with 0' '
    end_clients 0 0 1 2 && await 120 && test $code = 0 && nothing_left &&
    event ".event == \"spares_dismissed\" and (.text | contains(\"2 spare ranks\"))" &&
    ! event ".event == \"process_ended\" and (.text | contains(\"exit code 0\") | not)"
'
test_expect_success 'the code of a rank is the code of the job, spares or not' '
    start_spares code 1 2 n0:1,n1:1,n2:1 && end_clients 3 1 && end_clients 0 0 && await 120 &&
    test $code = 3 && nothing_left
'
test_expect_success \
    'all ranks are killed and nobody asks: the spare ends, and the job as one that was killed' '
    start_spares all 1 2 n0:1,n1:1,n2:1 && kill_rank 0 n0 && kill_rank 1 n1 && await 120 &&
    test $code = 137 && nothing_left
'
test_expect_success 'mpirun is killed: nothing of them stays' '
    start_spares killed 1 2 n0:1,n1:1,n2:1 && on n0 pkill -KILL -x prterun && await 120 &&
    nothing_left_but "n0 /tmp/prterun.*" && on n0 sh -c "rm -rf /tmp/prterun.*"
'

# --- in use

test_expect_success 'a rank is killed: a spare has its place at once, whoever asks' '
    start_spares use 2 3 n0:1,n1:1,n2:1,n3:1,n4:1 && kill_rank 2 n2 &&
    wait_until 60 finds 0 rank:2 ".status == \"OK\"" && cp reply first && ask 1 find rank:2 &&
    ask 0 find rank:2 atleast &&
    for r in first reply; do
        jq -e ".status == \"OK\" and .rung == \"spare rank\" and .reach == \"rank\" and .reach_rank == 3
            and .alternative == \"n3\" and .epoch == 1 and .probed == 0" $r || return 1
    done &&
    wait_until 60 taken 2 2 && event ".event == \"spare_woken\" and .rank == 3" &&
    test "$(events ".event == \"decision_made\"")" = 1 && ! event ".event == \"probe_sent\""
'
test_expect_success 'who has a place, and whose place it is' '
    ask 0 place rank:3 &&
    replied ".status == \"OK\" and (.resource | startswith(\"rank 2 of\")) and .reach_rank == 3" &&
    ask 2 place rank:2 && replied ".status == \"OK\" and .reach_rank == 3 and .epoch == 1" &&
    ask 0 place rank:1 && replied ".status == \"OK\" and .reach_rank == 1 and .epoch == 0" &&
    ask 0 place rank:4 &&
    replied ".status == \"NONE\" and (.reason | contains(\"nobody has needed\"))"
'
test_expect_success 'it lives: nothing is started elsewhere for its rank, under either name' '
    ask 0 find rank:2 exclude=n3 &&
    replied ".status == \"NONE\" and (.reason | contains(\"has its place, and lives\"))" &&
    ask 0 find rank:3 exclude=n3 && replied ".status == \"NONE\"" &&
    ask 0 find rank:1 &&
    replied ".status == \"NONE\" and (.reason | contains(\"not known to be lost\"))" &&
    ask 0 find rank:4 &&
    replied ".status == \"NONE\" and (.reason | contains(\"nobody has needed\"))" &&
    ask 1 claim $(jq .decision first) &&
    replied ".status == \"OK\" and .reach == \"rank\" and .reach_rank == 3"
'
test_expect_success 'it is lost in its turn: the next one; then none is left' '
    kill_rank 2 n3 &&
    wait_until 60 finds 1 rank:2 ".status == \"OK\" and .reach_rank == 4 and .epoch == 2 and .lost_node == \"n3\"" &&
    wait_until 60 taken 2 3 &&
    kill_rank 2 n4 &&
    wait_until 60 finds 0 rank:2 ".status == \"OK\" and .rung == \"repair\" and .reach == \"start\"" &&
    end_clients 0 0 1 && await 120 && test $code = 0 && nothing_left
'
test_expect_success 'two at once: two spares, on other nodes than theirs' '
    start_spares both 3 3 n0:1,n1:2,n2:1,n3:2 &&
    event ".event == \"spare_waits\" and .rank == 3 and .node == \"n2\"" &&
    kill_rank 1 n1 && kill_rank 2 n1 &&
    wait_until 60 finds 0 rank:1 ".status == \"OK\"" && cp reply first &&
    wait_until 60 finds 0 rank:2 ".status == \"OK\"" &&
    jq -se "map(.reach_rank) | sort == [3, 4] or sort == [3, 5] or sort == [4, 5]" first reply &&
    wait_until 60 taken 1 2 && wait_until 60 taken 2 2 && end_clients 0 0 1 2 &&
    await 120 && test $code = 0 && nothing_left
'

test_expect_success \
    'a spare is stopped when it is given: it is ended, and the next one has the place' '
    echo "spare_begin_ms = 4000" >"$shared/begin.conf" &&
    start begin ft run --conf /shared/begin.conf --spares 2 -n 3 --host n0:1,n1:1,n2:1,n3:1,n4:1 \
        "$progs/road_client" /shared/begin &&
    wait_until 60 clients_listen 3 && wait_until 60 spares_wait 2 &&
    on n3 pkill -STOP -x road_client && kill_rank 2 n2 &&
    wait_until 60 finds 0 rank:2 ".status == \"OK\" and .reach_rank == 3" &&
    await_event 60 ".event == \"spare_overdue\" and .rank == 3" &&
    await_event 60 ".event == \"ranks_killed\" and .rank == 3" &&
    wait_until 60 eval "ask 0 find rank:2 && replied \".reach_rank == 4 and .epoch == 2\"" &&
    wait_until 60 taken 2 2 &&
    end_clients 0 0 1 2 && await 120 && test $code = 0 && nothing_left &&
    test "$(events ".event == \"spare_overdue\"")" = 1
'

# --- lost while they wait

test_expect_success 'a spare'\''s node crashes while it waits: the other one is given' '
    start_spares lost 2 2 n0:1,n1:1,n2:1,n3:1 && cluster crash n2 &&
    await_event 60 ".event == \"spare_lost\" and .rank == 2" &&
    kill_rank 1 n1 &&
    wait_until 60 finds 0 rank:1 ".status == \"OK\" and .reach_rank == 3" &&
    wait_until 60 taken 1 2 &&
    end_clients 0 0 1 && await 120 && test $code = 0
'
test_expect_success 'a spare is killed while it waits: it is never given' '
    start_spares dead 1 2 n0:1,n1:1,n2:1 && kill_on n2 road_client &&
    await_event 60 ".event == \"spare_lost\"" &&
    kill_rank 1 n1 &&
    wait_until 60 finds 0 rank:1 ".rung != \"spare rank\" and .reach != \"rank\"" &&
    end_clients 0 0 && await 120 && test $code = 0 && nothing_left
'

ft_done
