#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The central unit that leads is killed while a job needs it: section 5 of the paper, seen by the job.
test_description='a backup of the central unit goes on where the one before it ended'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 7
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/system.sh"

# Jobs run on n0, n1 and n2; n3 is the spare, whose check takes as long as the file says; the central
# units are on n4, n5, n6.
centrals='n4 n5 n6'
conf 'pool = { "n3" }' 'probe_timeout_ms = 10000' 'handback_ms = 600000'
slow_check() { put n3 /etc/ft/check 755 <<I
#!/bin/sh
sleep $1
I
}

all_vote() { ft_json n0 central | jq -e '[.voters[] | select(.votes)] | length == 3' >/dev/null; }
follows() { on "$1" sh -c 'grep -E "info: (leads|follows|waits)" /var/log/ft/ft-centrald.log | tail -n 1 | grep -q "info: follows"'; }
no_session() { ft_json n0 status | jq -e '.sessions == 0' >/dev/null; }

# other_leads NODE: another one than that.
other_leads() { local now; now=$(leader) && [ "$now" != "$1" ]; }

# back NODE: a central unit that was killed is started again, and votes.
back() { start_central "$1" && wait_until 60 follows "$1" && wait_until 60 all_vote; }

test_expect_success 'three central units: one leads, the others follow' '
    slow_check 0 && put n3 /etc/ft/noded.conf <<I &&
check = "/etc/ft/check"
check_timeout_ms = 9000
I
    system_up && first=$(leader) && wait_until 60 all_vote
'

test_expect_success 'killed in the middle of a findAlternative: the backup answers it, once' '
    start_clients middle 3 --host n0:2,n2:1 && slow_check 2 &&
    cluster crash n2 && await_sys_event 60 ".event == \"node_lost\" and .node == \"n2\"" &&
    tell 0 find rank:2 atleast timeout=60000 && await_sys_event 60 ".event == \"probe_sent\" and .node == \"n3\"" &&
    before=$(answers_of 0) && kill_central $first && wait_until 60 other_leads $first && second=$(leader) &&
    wait_until 60 has_answered 0 $before && tail -n 1 "$shared/middle/answer.0" | tee reply &&
    replied ".status == \"OK\" and .alternative == \"n3\" and .reach == \"start\" and .epoch == 1" &&
    log_of $second | jq -c "select(.event == \"decision_made\")" | tee made && test "$(wc -l <made)" = 1
'
test_expect_success 'another rank asks: the same decision' '
    decision=$(field decision) && slow_check 0 && ask 1 find rank:2 atleast timeout=20000 &&
    replied ".status == \"OK\" and .decision == $decision and .alternative == \"n3\" and .epoch == 1"
'
test_expect_success 'killed after it has answered: the next one gives the same answer' '
    back $first && kill_central $second &&
    wait_until 60 other_leads $second && third=$(leader) &&
    ask 1 find rank:2 atleast timeout=30000 &&
    replied ".status == \"OK\" and .decision == $decision and .alternative == \"n3\" and .epoch == 1" &&
    test "$(all_events | jq -c "select(.event == \"decision_made\")" | wc -l)" = 1
'

test_expect_success 'a claim under way goes on: who was told to start is told again, others wait' '
    ask 0 claim $decision timeout=20000 && replied ".status == \"OK\" and .reach == \"start\"" &&
    back $second && kill_central $third &&
    wait_until 60 other_leads $third && ask 1 find rank:2 atleast timeout=30000 && replied ".decision == $decision" &&
    ask 1 claim $decision timeout=2000 && replied ".status == \"TIMEOUT\"" &&
    log_of $(leader) | jq -c "select(.event == \"claimed\" and .decision == $decision)" | grep -q "rank 1 of job" &&
    ask 0 claim $decision timeout=20000 && replied ".status == \"OK\" and .reach == \"start\" and .decision == $decision" &&
    ask 0 failed $decision && replied ".status == \"OK\"" &&
    ask 1 claim $decision timeout=20000 && replied ".status == \"UNFIT\"" &&
    end_clients 0 0 1 && await 60
'

test_expect_success 'a whole publisher and subscriber job over a fail-over: nothing lost, nothing twice' '
    back $third && cluster boot n2 && forget_daemons n2 && start_unit n2 &&
    wait_until 60 no_session && now=$(leader) &&
    start_pubsub whole -- -n 4 --host n0:2,n1:1,n2:1 -- --publishers 2 --messages 2000 &&
    wait_until 60 received 3 100 && kill_central $now && cluster crash n2 && await 120 && pubsub_is_well &&
    jq -e ".losses | length == 2 and (map([.decision, .alternative]) | unique | length) == 1" account &&
    other_leads $now
'

# Not from the events: the declaration was the leader's before.
test_expect_success 'what one leader declared lost is nobody'"'"'s alternative under the next one' '
    back $now && cluster boot n2 && forget_daemons n2 && start_unit n2 && wait_until 60 no_session &&
    start_clients declared 2 --host n0:1,n1:1 &&
    cluster off n3 && await_sys_event 60 ".event == \"node_declared\" and .node == \"n3\"" &&
    now=$(leader) && kill_central $now && wait_until 60 other_leads $now &&
    ask 0 find device:n1:eth7 timeout=20000 && replied ".status != \"OK\" or .alternative != \"n3\"" &&
    log_of $(leader) | jq -c "select(.event == \"candidate_rejected\" or .event == \"decision_none\")" | tee rejected &&
    grep -q "n3 is .*silent and was declared lost" rejected && end_clients 0 0 1 && await 60
'
test_expect_success 'the daemons end in order and leave nothing' '
    back $now && cluster boot n3 && forget_daemons n3 && system_down && nothing_is_left
'

ft_done
