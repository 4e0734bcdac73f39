#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In charge of a central unit with backups: who leads is seen, and changed, from any node; orders and
# followers of the log live through a change of the leader.
test_description='ft central and its kin with three voters'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
. "$FT_TOP/tests/system/lib/system.sh"

centrals='n0 n1 n2'
conf 'handback_ms = 3600000'

ends_with() {
    local code=$1 got
    shift
    "$@" >out 2>err </dev/null
    got=$?
    cat out err
    [ $got = "$code" ] || { echo "exit code $got, not $code: $*"; return 1; }
}
holds() { jq -e "$1" out >/dev/null || { echo "not so: $1"; return 1; }; }
leads() { ft_json n3 central | jq -e --arg n "$1" '.leader == $n and ([.voters[] | select(.leads)] | length == 1)' >/dev/null; }
other_than() { local n; for n in n0 n1 n2; do [ "$n" = "$1" ] || { echo "$n"; return; }; done; }

module='module "a" { command = {"/usr/bin/sleep", "10001"} home = "n3" delays_ms = {0} }'
all_vote() { ft_json n3 central | jq -e "[.voters[] | select(.connected and .votes and .lag == 0)] | length == 3"; }
await_all_vote() { wait_until 60 all_vote >/dev/null || { ft_json n3 central; return 1; }; }

test_expect_success 'three central units: one leads, the others are not far behind' '
    system_up && await_all_vote && was=$(ft_json n3 central | jq -r .leader) &&
    conf "handback_ms = 3600000" "$module" && spread_conf && ends_with 0 on n3 ft reload && await_module 60 a n3 &&
    ends_with 0 on n3 ft central && test "$(grep -c " voter " out)" = 3 && grep -q "^$was  *leads" out &&
    wait_until 60 ends_with 0 on n3 ft status && grep -q "3 of 3 voters well" out'

test_expect_success 'a central unit that does not lead says who does' '
    follower=$(other_than "$was") &&
    ends_with 3 on "$follower" ft status --host unix:/run/ft/central.sock && grep -q "$was" err'

test_expect_success 'ft central hand-over: the other one leads; the module does not notice' '
    pid=$(ft_json n3 modules a | jq .modules[0].pid) &&
    { cluster exec n3 ft events -f -n 1 >followed 2>follow.err </dev/null & follow=$!; } &&
    wait_until 60 test -s followed &&
    ends_with 0 on n3 ft central hand-over "$follower" && wait_until 60 leads "$follower" &&
    wait_until 60 eval "ft_json n3 modules a | jq -e \".modules[0] | .state == \\\"runs\\\" and .pid == $pid\""'

test_expect_success 'orders go to the new one, and who follows the log sees them' '
    ends_with 0 on n2 ft restart a && test "$(ft_json n3 modules a | jq .modules[0].pid)" != "$pid" &&
    wait_until 60 grep -q "module_restarted .*root on n2" followed &&
    kill $follow && { wait $follow; true; }'

test_expect_success 'an order that comes again under its name is carried out once, whoever leads by then' '
    ends_with 0 on n3 ft restart a --once twice --json && epoch=$(ft_json n3 modules a | jq .modules[0].epoch) &&
    ends_with 0 on n2 ft restart a --once twice && ends_with 0 on n3 ft restart a --once twice --no-wait &&
    ends_with 0 on n3 ft central hand-over "$was" && wait_until 60 leads "$was" &&
    ends_with 0 on n3 ft restart a --once twice --no-wait &&
    ft_json n3 modules a | jq -e ".modules[0] | .state == \"runs\" and .epoch == $epoch" &&
    ends_with 2 on n3 ft reload --once twice && grep -q "another order" err &&
    ends_with 0 on n3 ft restart a --once thrice &&
    test "$(ft_json n3 modules a | jq .modules[0].epoch)" -gt "$epoch" &&
    ends_with 0 on n3 ft central hand-over "$follower" && wait_until 60 leads "$follower"'

test_expect_success 'a hand-over that cannot be is refused' '
    ends_with 1 on n3 ft central hand-over n9 && grep -q n9 err'

test_expect_success 'the leader is killed: an order that was given is not lost, the next ones are carried out' '
    was=$(ft_json n3 central | jq -r .leader) &&
    ends_with 0 on n3 ft drain n3 --reason "to be kept" --no-wait && kill_central "$was" &&
    wait_until 60 eval "ft_json n3 nodes n3 | jq -e \".nodes[0].drained | contains(\\\"to be kept\\\")\"" &&
    wait_until 60 eval "ft_json n3 modules a | jq -e \".modules[0] | .state == \\\"runs\\\" and .node != \\\"n3\\\"\"" &&
    wait_until 60 ends_with 0 on n3 ft undrain n3 && ends_with 0 on n3 ft move a n3 &&
    ends_with 1 on n3 ft status && grep -q "2 of 3 voters well" out'

test_expect_success 'the daemons end and leave nothing' '
    system_down'

ft_done
