#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Units that were told of no central unit follow the lead: to the next leader when the first is killed,
# when it is switched off, and when it comes back.
test_description='units follow the lead'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"

centrals="n0 n1 n2"
conf 'node "n[0-4]" { }'

plain_unit() { put "$1" /etc/ft/noded.conf <<<'auth = "key"' && start_unit "$1"; }

# Of the leader's log: the units that are connected to it, of those named.
all_follow() {
    local node lead
    lead=$(leader) && log_of "$lead" >"$ft_scratch/lead.events" || return
    for node; do
        jq -sce --arg n "$node" --arg l "$lead" '
            (map(select(.event == "central_leads" and .node == $l) | .seq) | max) as $since
            | any(.[]; .event == "unit_up" and .node == $n and .seq > $since)' "$ft_scratch/lead.events" >/dev/null || return
    done
}
await_all() {
    wait_until 60 all_follow "$@" || { all_events; show_logs; return 1; }
    jq -sr --arg l "$(leader)" '(map(select(.event == "central_leads" and .node == $l) | .ms) | max) as $t
        | "all are connected \((map(select(.event == "unit_up") | .ms) | max) - $t | round) ms after it led"' "$ft_scratch/lead.events"
}
await_other_than() { wait_until 60 other_leads "$1" || { show_logs; return 1; }; }
other_leads() { local lead; lead=$(leader) && [ "$lead" ] && [ "$lead" != "$1" ]; }

all_know_who_leads() { ft_json n3 central | jq -e '[.voters[] | select(.connected)] | length == 3' >/dev/null; }

test_expect_success 'the units find the leader' '
    spread_key n0 n1 n2 n3 n4 && spread_conf &&
    for node in $centrals; do start_central "$node" || return; done &&
    wait_until 60 some_central_leads &&
    for node in n3 n4; do plain_unit "$node" || return; done && await_all n3 n4 &&
    wait_until 60 voters_vote
'

test_expect_success 'the leader is killed: the units go to the next' '
    first=$(leader) && kill_central "$first" && await_other_than "$first" && await_all n3 n4
'

test_expect_success 'the leader node is switched off, without a word: the units go to the next' '
    start_central "$first" && wait_until 60 voters_vote && wait_until 60 all_know_who_leads &&
    second=$(leader) && cluster off "$second" >/dev/null && unset "daemon_pid[$second ft-centrald]" &&
    await_other_than "$second" && await_all n3 n4
'

test_expect_success 'the units have never ended' '
    daemon_runs n3 ft-noded && daemon_runs n4 ft-noded
'

test_expect_success 'the daemons end and leave nothing' 'system_down && nothing_is_left'

ft_done
