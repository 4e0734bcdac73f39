#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Candidates that are not fit: each is refused for a reason that people can read, and the next one is
# given; and what an asker is told when there is none.
test_description='unfit candidates are refused with a reason, the next one is given, or none'
. "$(dirname "$0")/lib/ft-sharness.sh"

# What is to be lost, and what the pool has to offer for it.
readonly LOST='package:2 [numa(memory=8GB)] core:4 pu:1'
printf '#!/bin/sh\necho "disk sda is about to fail"\necho "and more"\nexit 1\n' >failing
printf '#!/bin/sh\necho "waiting for the file server"\nexec sleep 1000\n' >hanging
chmod +x failing hanging
printf 'topology = "synthetic:%s"\ncheck = "/etc/ft/check"\n' "$LOST" >checked.conf
cluster_up 8 \
    --topology n1="synthetic:$LOST" \
    --topology n2='synthetic:package:1 [numa(memory=32GB)] core:1 pu:1' \
    --topology n3='synthetic:package:2 [numa(memory=2GB)] core:4 pu:1' \
    --file n4:/etc/ft/noded.conf=checked.conf --file n4:/etc/ft/check=failing \
    --file n5:/etc/ft/noded.conf=checked.conf --file n5:/etc/ft/check=hanging \
    --topology n6='synthetic:package:1 [numa(memory=32GB)] core:8 pu:1' \
    --topology n7="synthetic:$LOST"
. "$FT_TOP/tests/system/lib/road.sh"
echo 'probe_timeout_ms = 600' >"$shared/ft.conf"

# rejected NODE WHY: the log says that it was, and why.
rejected() {
    event ".event == \"candidate_rejected\" and .node == \"$1\" and (.text | contains(\"$2\"))" ||
        { jq -r 'select(.event == "candidate_rejected") | .text' "$shared/$job_name/events"; return 1; }
}
was_not_probed() { ! event ".event == \"probe_sent\" and .node == \"$1\""; }
was_given_back() { event ".event == \"node_released\" and .node == \"$1\""; }
has_units() { [ "$(events '.event == "node_collected"')" -ge "$1" ]; }

test_expect_success 'a job with six spare nodes loses n1' '
    start_clients unfit 2 --conf /shared/ft.conf --pool "n[2-7]" --host n0,n1 &&
    wait_until 60 has_units 8 &&
    cluster crash n1 && await_event 60 ".event == \"node_lost\" and .node == \"n1\""
'

test_expect_success 'at least what n1 had: four are refused, the fifth is given' '
    ask 0 find rank:1 atleast &&
    replied ".status == \"OK\" and .alternative == \"n6\" and .rung == \"new node\" and .reach == \"start\"" &&
    replied ".lost_node == \"n1\" and .epoch == 1 and .in_job == 0 and .probed == 3" &&
    replied ".repairable == 0 and (.repair | contains(\"node n1 is lost\"))" &&
    replied ".match | contains(\"8 cores\") and contains(\"at least what the lost node had\")"
'
test_expect_success 'too few cores: refused without a probe' '
    rejected n2 "has 1 cores, 8 wanted (what the lost node had)" && was_not_probed n2 && was_given_back n2
'
test_expect_success 'too little memory: refused without a probe' '
    rejected n3 "GiB wanted (what the lost node had)" && was_not_probed n3 && was_given_back n3
'
test_expect_success 'a site check that fails: its exit code, and the first line that it said' '
    rejected n4 "failed the site'\''s check (exit code 1): disk sda is about to fail" && ! rejected n4 "and more" &&
    event ".event == \"probe_done\" and .node == \"n4\" and (.text | contains(\"site check failed\"))" &&
    was_given_back n4
'
test_expect_success 'a site check that hangs: ended in time, with the reason' '
    rejected n5 "the site'\''s check gave no result within" && was_given_back n5 &&
    test -z "$(cluster pids n5 | grep sleep)" && replied ".total_ms < 2000"
'

test_expect_success 'asked again: the same answer, at once' '
    was=$(field decision) && ask 0 find rank:1 atleast &&
    replied ".decision == $was and .alternative == \"n6\" and .epoch == 1 and .took_ms < 500" &&
    event ".event == \"decision_repeated\" and .decision == $was"
'
test_expect_success 'the same kind of hardware: the one that was given is of another; the next one' '
    ask 0 find rank:1 samekind &&
    replied ".status == \"OK\" and .alternative == \"n7\" and .epoch == 2 and .decision != $was" &&
    replied ".match | contains(\"the same kind of hardware as the lost node\")" &&
    rejected n6 "is of another kind than the lost node: 1 packages, 8 cores, 8 hardware threads against 2, 8, 8"
'
test_expect_success 'the one that was given excluded: the next one' '
    was=$(field decision) && ask 0 find rank:1 cores=8 memory=5000000000 exclude=n7 &&
    replied ".status == \"OK\" and .alternative == \"n6\" and .epoch == 3 and .decision != $was" &&
    replied ".match | contains(\"8 cores (8 wanted)\") and contains(\"(4.7 GiB wanted)\")" &&
    event ".event == \"decision_over\" and .decision == $was and .node == \"n7\""
'

# names NODE...: the last answer's reason does, each of them.
names() {
    local node
    for node; do replied ".reason | test(\"\\\\b$node [a-z]\")" || return 1; done
}
test_expect_success 'everything excluded: none, with reasons and a hint; the log has all of them' '
    ask 0 find rank:1 atleast exclude=n6 exclude=n7 &&
    replied ".status == \"NONE\" and .alternative == \"\" and .reach == \"nothing\" and .event > 0" &&
    replied ".reason | startswith(\"no alternative for rank 1 of job\")" && names n2 n3 n4 n5 n6 &&
    replied ".reason | endswith(\"; and 1 more (see the event log)\")" &&
    rejected n6 "is excluded by the constraint" && event ".event == \"decision_none\" and .seq == $(field event)" &&
    replied ".hint | contains(\"--pool\") and contains(\"share = true\") and contains(\"ask for less\")"
'
test_expect_success 'what nobody has: none, each candidate with what was found and wanted' '
    ask 0 find rank:1 memory=1000000000000000 &&
    replied ".status == \"NONE\" and (.reason | contains(\"n7 has 14.9 GiB of memory, 931322.6 GiB wanted\"))" &&
    ask 0 find rank:1 devices=gpu:4 && names n2 n3 n4 n5 n6 n7 &&
    replied ".status == \"NONE\" and (.reason | contains(\"n7 has 0 gpu devices, 4 wanted\"))" &&
    ask 0 find rank:1 arch=vax && names n2 n3 n4 n5 n6 n7 &&
    replied ".status == \"NONE\" and (.reason | test(\"n7 is [a-z0-9_]+, wanted is vax\"))"
'
test_expect_success 'a reason is whole sentences, however many candidates there are' '
    jq -r "select(.status == \"NONE\") | .reason" "$shared/unfit/answer.0" >reasons && test "$(wc -l <reasons)" = 4 &&
    ! grep -vE "(not allowed|tried or excluded|\(see the event log\))$" reasons
'
test_expect_success 'the job ends well, nothing is left' '
    end_clients 0 0 && await 60 && test $code = 0 && nothing_left
'

# The pool is not the only place where nodes come from.
no_pool() {
    start_clients "$@" && cluster crash n1 &&
        await_event 60 '.event == "node_lost" and .node == "n1"' && ask 0 find rank:1
}
test_expect_success 'no pool: a clear reason, and what to do' '
    no_pool nopool 2 --host n0,n1 &&
    replied ".status == \"NONE\" and (.reason | contains(\"the pool of spare nodes is empty\"))" &&
    replied ".reason | contains(\"the job has no idle node\") and contains(\"not allowed\")" &&
    replied ".hint | contains(\"name more spare nodes (ft run --pool\")" &&
    replied ".took_ms < 1000" && end_clients 0 0 && await 60 && test $code = 0 && nothing_left
'
test_expect_success 'no pool, but a node of the allocation is idle: that one' '
    no_pool idle 2 --host n0,n1,n7 &&
    replied ".status == \"OK\" and .alternative == \"n7\" and .rung == \"idle node\" and .in_job == 1" &&
    end_clients 0 0 && await 60 && test $code = 0 && nothing_left
'
test_expect_success 'no pool, sharing allowed: a surviving node' '
    no_pool share 2 --share --host n0,n1 &&
    replied ".status == \"OK\" and .alternative == \"n0\" and .rung == \"sharing\" and .in_job == 1" &&
    end_clients 0 0 && await 60 && test $code = 0 && nothing_left
'

ft_done
