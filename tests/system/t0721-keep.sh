#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a rank has committed survives it, in the memory of a rank on another node: whole or not at
# all.
test_description='FTMPI_Keep: state is where it is needed when a rank is lost'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
shared=$FT_CLUSTER/shared
for prog in keep_app keep_common keep_standin fork_app; do
    cp "$(dirname "$FT_STAGE")"/tests/system/progs/$prog "$shared"/ || error "$prog is not built"
done
field=4000000
large=${FT_CHECK_FULL:+200000000} large=${large:-20000000} # more than what is under way in sockets
run=
options=

# start RUN HELD STEPS [BYTES]: ranks 0 to 3 on n0 to n3, each of which stops after step HELD until
# it is let go.
start() {
    local r
    run=$shared/$1
    mkdir -p "$run"
    for r in 0 1 2 3; do echo "$2" >"$run/hold.$r"; done
    # shellcheck disable=SC2086  # none or two words
    timeout 100 cluster exec n0 ft run $options --host n0:1,n1:1,n2:1,n3:1 -n 4 /shared/keep_app \
        "/shared/$1" \
        "${4-$field}" "$3" >"$1.out" 2>&1 &
    job=$!
}
committed() { grep -q "^commit $2 " "$run/log.$1" 2>/dev/null; }
all_committed() { local r; for r in 0 1 2 3; do committed $r "$1" || return 1; done; }
partner() { awk -v s="$2" '$1 == "commit" && $2 == s { print $5 }' "$run/log.$1"; }
pid_of() { sed -n 's/^pid //p' "$run/log.$1"; }
answered() { [ -e "$run/answer.$1" ]; }
# ask RANK WORDS...: its answer on standard output
ask() {
    local r=$1
    shift
    rm -f "$run/answer.$r"
    echo "$*" >"$run/ask.new" && mv "$run/ask.new" "$run/ask.$r"
    wait_until 60 answered "$r" && cat "$run/answer.$r" &&
        tee -a answers <"$run/answer.$r" >/dev/null
}
kept_elsewhere_still() { ask "$1" kept "$1" | grep -q "rc 0 versions 2 1 partner [0-2] "; }
let_go() { rm -f "$run"/hold.*; }
end_job() { let_go; timeout 120 tail --pid="$job" -f /dev/null; wait "$job"; }
stop_job() {
    kill -TERM "$job" 2>/dev/null; timeout 120 tail --pid="$job" -f /dev/null; wait "$job"; true
}
nothing_left() { [ -z "$(cluster pids)" ]; }
on_rank() { on "n$1" "${@:2}"; }

test_expect_success \
    'without a failure: each commit gets to a partner of its own, on another node, in another rack' '
    printf "node \"n%d\" { location = \"row/rack%d\" }\n" 0 0 1 0 2 1 3 1 >"$shared/racks.conf" &&
    options="--conf /shared/racks.conf" && start calm 3 4 && options= &&
    wait_until 60 all_committed 3 && let_go && end_job &&
    cat "$run"/log.* &&
    test "$(grep -h "^commit [1-3] 0 0 [01] n[01] 2$" "$run"/log.[23] | wc -l)" = 6 &&
    test "$(grep -h "^commit [1-3] 0 0 [23] n[23] 2$" "$run"/log.[01] | wc -l)" = 6 &&
    test "$(for r in 0 1 2 3; do partner $r 3; done | sort -u | wc -l)" = 4 && wait_until 60 nothing_left'

test_expect_success 'ranks that are not equally far go back together, or none does' '
    timeout 120 cluster exec n0 ft run --host n0:1,n1:1,n2:1 -n 3 /shared/keep_common \
        >out 2>&1; code=$?; cat out; test $code = 0 &&
    test "$(grep -c ": 0 wrong, 0 ranks say which$" out)" = 4 &&
    test "$(grep -c ": 0 wrong, [23] ranks say which$" out)" = 4'

# forks MODE: what has become of each child
forks() {
    timeout 120 cluster exec n0 ft run --mode "$1" --host n0:1,n1:1 -n 2 /shared/fork_app \
        exit refused loop local runtime thread system finalize </dev/null 2>err | tr -d '\0' >out
    cat out err
    test "$(grep -c '^child [a-z]*: 0$' out)" = 7 && grep -q '^child finalize: 16$' out &&
        grep -qx 'after that: sum 1 of 2 ranks' out
}
test_expect_success 'a child that is forked while another thread is in the layer has none, and never hangs' \
    'forks repair'
test_expect_success FULL '  in mode report, too' 'forks report'

test_expect_success 'nothing of it is in a program that keeps nothing' '
    timeout 120 cluster exec n0 ft run -n 1 --host n0:1 bash -c "ls /proc/self/task | wc -l" >out &&
    grep -qx 1 out'

test_expect_success 'a node crashes: survivors know who keeps what, and read it from there' '
    start crash 3 6 && wait_until 60 all_committed 3 && p=$(partner 3 3) && cluster crash n3 &&
    o=$(( p == 0 ? 1 : 0 )) && ask $o kept 3 | tee out &&
    grep -q "kept 3 rc 0 versions 3 2 partner $p node n$p" out &&
    ask $o fetch 3 | tee out && grep -qx "fetch 3 rc 0 version 3 step 3 wrong 0" out &&
    ask $p fetch 3 | tee out && grep -qx "fetch 3 rc 0 version 3 step 3 wrong 0" out'

test_expect_success '  what was damaged there is not given out; the commit before is' '
    p=$(partner 3 3) && o=$(( p == 0 ? 1 : 0 )) && o=$((3 - p - o)) &&
    # one that has not read it yet
    on n$p python3 "$FT_TOP"/tests/system/progs/keep_damage.py $(pid_of $p) 3 3 >damaged &&
        grep -qx "turned 2" damaged && # it has fetched it for itself, too
    ask $o fetch 3 | tee out && grep -q "fetch 3 rc [1-9].*checksum of \"field\" is wrong" out &&
    ask $o latest 3 | tee out && grep -qx "latest 3 rc 0 step 2 wrong 0" out'

test_expect_success \
    '  the state that was kept on that node is kept elsewhere at once, without another commit' '
    kept_elsewhere() { ask $1 kept $1 | grep -q "rc 0 versions 3 2 partner [0-2] "; } &&
    for r in 0 1 2; do wait_until 60 kept_elsewhere $r || return 1; done && cat answers'

test_expect_success '  and is what it was: a survivor reads it' '
    for r in 0 1 2; do o=$(( (r + 1) % 3 )); ask $o fetch $r | tee out &&
        grep -qx "fetch $r rc 0 version 3 step 3 wrong 0" out || return 1; done'

test_expect_success '  a survivor goes back to its own commit before, from its own memory' '
    ask 0 mine 2 | tee out && grep -q "^mine rc 0 version 2 step 2 wrong 0" out &&
    gone_back() { ask 1 kept 0 | grep -q "rc 0 versions 2 -1 "; } && wait_until 60 gone_back'

# Without n3 the order of partners is 0 -> 1 -> 2 -> 0: rank 1 and its partner are on n1 and n2.
# Rank 1 is stopped before: in the 20 ms between the two crashes it would have its state kept by
# rank 0.
test_expect_success '  both lost: an error that says so, at once; what is left goes on' '
    ask 0 kept 1 | tee out && grep -q "kept 1 rc 0 versions 3 2 partner 2 " out &&
    on_rank 1 kill -STOP "$(pid_of 1)" && cluster crash n2 && cluster crash n1 &&
    began=$EPOCHREALTIME &&
    ask 0 kept 1 | tee out &&
    grep -q "kept 1 rc [1-9].*nobody who lives keeps state of rank 1" out &&
    test "$(ms_between $began $EPOCHREALTIME)" -lt 15000 &&
    ask 0 fetch 1 | tee out &&
    grep -q "fetch 1 rc [1-9].*nobody who lives keeps state of rank 1" out &&
    ask 0 mine 2 | tee out && grep -q "^mine rc 0 version 2 step 2 wrong 0" out; rc=$?
    stop_job; wait_until 60 nothing_left; test $rc = 0'
for n in n1 n2 n3; do cluster boot $n >/dev/null 2>&1; done

# Nothing tells that the node is gone but the runtime: TCP alone would need five seconds.
test_expect_success 'no power in the middle of a commit: the one before is there, whole' '
    start off 2 6 30000000 && wait_until 60 all_committed 2 && p=$(partner 3 2) &&
    q=$(( p == 0 ? 1 : 0 )) &&
    on_rank $p kill -STOP $(pid_of $p) && rm "$run/hold.3" && sleep 1 && ! committed 3 3 &&
    cluster off n3 && on_rank $p kill -CONT $(pid_of $p) &&
    ask $q fetch 3 | tee out && grep -qx "fetch 3 rc 0 version 2 step 2 wrong 0" out'

test_expect_success '  and what was kept on that node is kept elsewhere' '
    for r in 0 1 2; do wait_until 60 kept_elsewhere_still $r || return 1; done; rc=$?
    stop_job; wait_until 60 nothing_left; test $rc = 0'
cluster boot n3 >/dev/null 2>&1

# A stand-in is a job of its own.
test_expect_success 'a stand-in has the state of the rank that it stands in for, and keeps it on' '
    { timeout 120 cluster exec n0 ft run --pool n2 --host n0:1,n1:1,n3:1 -n 3 /shared/keep_standin \
        /shared/ready >standin.out 2>&1 & } &&
    job=$! && wait_until 60 test -e "$shared/ready" &&
    cluster crash n3; wait $job; code=$?; cat standin.out; test $code = 0 &&
    grep -qx "the stand-in on n2 has step 9 of version 9" standin.out &&
    grep -qx "and its next commit, 10, is kept by rank [01]" standin.out &&
    wait_until 60 nothing_left'
cluster boot n3 >/dev/null 2>&1

# The worker on the node that was cut off goes on, commits, and tells its sums to nobody, until its
# unit ends it; when the node is back nothing of that is to be seen.
sums() { sed -n 's/^120 sums of 2 workers, \([0-9]*\) came twice, 0 are wrong$/\1/p' spare.out; }
test_expect_success \
    'a node is cut off: a spare rank goes on from the last step, in VeloC'\''s words' '
    { timeout 120 cluster exec n0 ft run --spares 1 --host n0:1,n1:1,n2:1,n3:1 \
        -n 3 /usr/libexec/ft/examples/keep_workers 60 40 \
        >spare.out 2>&1 & } && job=$! && wait_until 60 grep -q first spare.out && cluster cut n2 &&
    wait_until 60 grep -q "goes on after step" spare.out &&
    cluster join n2; wait $job; code=$?; cat spare.out; test $code = 0 &&
    test "$(sums)" -gt 0 && wait_until 60 nothing_left'

ft_done
