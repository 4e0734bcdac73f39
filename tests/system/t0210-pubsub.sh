#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# examples/pubsub under ft run: publishers outlive their subscribers. What was received is counted
# from the subscribers' own records, by pubsub-verify.
test_description='pubsub: no message is lost with a subscriber'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
shared=$FT_CLUSTER/shared
pubsub=/usr/libexec/ft/examples/pubsub
messages=1500

# acked RUN N: publisher 0 has N acknowledgements.
acked() { [ "$(awk '{ print $6 }' "$shared/$1/progress.0" 2>/dev/null || echo 0)" -ge "$2" ] 2>/dev/null; }
wait_acked() { wait_until 60 acked "$1" "$2"; }

# standin_works RUN: rank 3's stand-in has more than a window from each publisher, which have an
# acknowledgement of it, then.
standin_works() { wait_until 60 has_from "$1" 0 && wait_until 60 has_from "$1" 1; }
has_from() { [ "$(cat "$shared/$1"/received.3.[1-9] 2>/dev/null | grep -c "^$2 .* \.$")" -gt 40 ]; }

kill_last() { on "$1" bash -c "kill -9 \$(pgrep -x $2 | tail -n 1)"; }
all_boot() { local n; for n in n1 n2 n3 n4 n5; do cluster boot $n || true; done >/dev/null 2>&1; }

# run_pubsub RUN FAULTS [FT OPTION]...: ranks 0 and 1 on n0 publish, 2 on n1 and 3 on n2 subscribe;
# FAULTS is evaluated meanwhile: half of the messages come quickly, the others slowly, until that is
# done. Returns the job's exit code; its output is in RUN.out.
run_pubsub() {
    local name=$1 faults=$2 job code
    shift 2
    [ $# -gt 0 ] || set -- --pool n3,n4,n5
    timeout 120 cluster exec n0 ft run --events "/shared/$name.jsonl" "$@" \
        --host n0:2,n1:1,n2:1 -n 4 "$pubsub" --publishers 2 --messages $messages \
        --records "/shared/$name" --slow-until "/shared/$name.go" >"$name.out" 2>&1 &
    job=$!
    eval "$faults"
    : >"$shared/$name.go"
    wait $job
    code=$?
    cat "$name.out"
    return $code
}

summary() { cat "$shared/$1/summary"; }
losses() { summary "$1" | jq -e ".losses | length == $2 and all(.first_ack_s > .error_seen_s)"; }
nothing_lost() {
    "$FT_TOP"/examples/pubsub-verify "$shared/$1" | tee verified &&
        jq -e ".messages_lost == 0 and .received_twice == 0 and .messages_sent == 4 * $messages" verified
}
nothing_left() { [ -z "$(cluster pids)" ]; }
alternatives() { summary "$1" | jq -r '[.losses[].alternative] | unique | join(" ")'; }

test_expect_success 'without a failure: everything acknowledged once, no loss seen' '
    run_pubsub none : && losses none 0 && nothing_lost none &&
    test "$(summary none | jq .messages_acked)" = $((4 * messages))'

test_expect_success 'a node crashes: both publishers go on with the same spare node' '
    run_pubsub crash "wait_acked crash 300 && cluster crash n2" &&
    losses crash 2 && nothing_lost crash && test "$(alternatives crash)" = n3 &&
    wait_until 60 nothing_left'
all_boot

test_expect_success 'a rank is killed: it is repaired where it was' '
    run_pubsub rank "wait_acked rank 300 && kill_last n2 pubsub" &&
    losses rank 2 && nothing_lost rank && test "$(alternatives rank)" = n2 &&
    wait_until 60 nothing_left'

test_expect_success 'a daemon is killed' '
    run_pubsub prted "wait_acked prted 300 && kill_last n2 prted" &&
    losses prted 2 && nothing_lost prted && wait_until 60 nothing_left'

test_expect_success 'two nodes crash at once: two different alternatives' '
    run_pubsub both "wait_acked both 300 && { cluster crash n1 & cluster crash n2; wait %2; }" &&
    losses both 4 && nothing_lost both && test "$(alternatives both)" = "n3 n4" &&
    wait_until 60 nothing_left'
all_boot

test_expect_success 'one node after the other' '
    run_pubsub after "wait_acked after 300 && cluster crash n1 && wait_acked after 900 && cluster crash n2" &&
    losses after 4 && nothing_lost after && wait_until 60 nothing_left'
all_boot

test_expect_success 'the node of the stand-in crashes, too' '
    run_pubsub again "wait_acked again 300 && cluster crash n2 && standin_works again && cluster crash n3" &&
    losses again 4 && nothing_lost again && test "$(alternatives again)" = "n3 n4" &&
    wait_until 60 nothing_left'
all_boot

test_expect_success 'the process of the stand-in is killed' '
    run_pubsub standin "wait_acked standin 300 && cluster crash n2 && standin_works standin && kill_last n3 pubsub" &&
    losses standin 4 && nothing_lost standin && wait_until 60 nothing_left'
all_boot

test_expect_success 'a crash when nearly everything is done does not keep the job from its end' '
    run_pubsub late ": >\"$shared/late.go\" && wait_acked late $((2 * messages - 250)) && cluster crash n2" &&
    nothing_lost late && wait_until 60 nothing_left'
all_boot

test_expect_success 'the same by ft env and plain mpirun' '
    timeout 120 cluster exec n0 bash -c "eval \"\$(ft env --pool n3,n4 --events /shared/env.jsonl)\" &&
        exec mpirun --with-ft ulfm --host n0:2,n1:1,n2:1 -n 4 $pubsub --publishers 2 --messages $messages \
            --records /shared/env --slow-until /shared/env.go" >env.out 2>&1 & job=$!
    wait_acked env 300 && cluster crash n2; : >"$shared/env.go"; wait $job; code=$?; cat env.out
    test $code = 0 && losses env 2 && nothing_lost env && wait_until 60 nothing_left'
all_boot

test_expect_success 'no alternative: the job says so and ends with an error' '
    ! run_pubsub nothing "wait_acked nothing 300 && cluster crash n2" --events /shared/nothing.events &&
    grep -a "no alternative for subscriber 3" nothing.out && wait_until 60 nothing_left'
all_boot

test_expect_success 'pubsub-verify does not overlook a loss' '
    cp -r "$shared/none" tampered && sed -i 100d tampered/received.3.0 &&
    ! "$FT_TOP"/examples/pubsub-verify tampered >verified &&
    jq -e ".messages_lost == 1" verified'

ft_done
