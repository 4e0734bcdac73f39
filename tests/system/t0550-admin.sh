#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# In charge of a system: ft status, nodes, modules, events, drain, undrain, move, restart, central,
# reload, config check, as an administrator uses them, and as others may not.
test_description='the commands that look after the system'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
. "$FT_TOP/tests/system/lib/system.sh"

modules='module "a" { command = {"/usr/bin/sleep", "10001"} home = "n1" delays_ms = {0} }
module "b" { command = {"/usr/bin/sleep", "10002"} home = "n2" after = {"a"} }'
node_lines='node "n[0-2]" { location = "row1" }
node "n3" { location = "row2" spare = true }'
conf "$node_lines"

# ends_with CODE CMD...: exit code; what was said is in out and err.
ends_with() {
    local code=$1 got
    shift
    "$@" >out 2>err </dev/null
    got=$?
    cat out err
    [ $got = "$code" ] || { echo "exit code $got, not $code: $*"; return 1; }
}

# says PATTERN...: in out, each.
says() { local p; for p; do grep -qE -e "$p" out || { echo "out lacks: $p"; return 1; }; done; }
complains() { grep -qE -e "$1" err || { echo "err lacks: $1"; return 1; }; }

# holds FILTER: jq, of out.
holds() { jq -e "$1" out >/dev/null || { echo "not so: $1"; return 1; }; }

# as NODE UID CMD...: a user who is not root.
as() { local node=$1 uid=$2; shift 2; on "$node" setpriv --reuid "$uid" --clear-groups "$@"; }

pid_of() { ft_json n0 modules "$1" | jq -e '.modules[0].pid'; }
node_of() { ft_json n0 modules "$1" | jq -er '.modules[0].node'; }

test_expect_success 'without any daemon: exit code 3, and what to do' '
    ends_with 3 on n1 ft status && complains "no unit answers" &&
    ends_with 3 on n1 ft nodes --json && holds ".error | length > 0" &&
    ends_with 3 on n1 ft drain n2 && ends_with 0 on n1 ft events --help'

# The modules come when all nodes are there: a home that is not there yet is not waited for for long.
test_expect_success 'the daemons come up; modules that are added run at home' '
    system_up && conf "$node_lines" "$modules" && spread_conf &&
    ends_with 0 on n3 ft reload && says "module a is new" "module b is new" &&
    await_module 60 a n1 && await_module 60 b n2'

test_expect_success 'ft status says the same on each node, in words and as JSON' '
    for node in n0 n3; do
        wait_until 60 ends_with 0 on $node ft status &&
        says "^central unit +n0 leads \(term [0-9]+\), 1 of 1 voters well, up " "^nodes +4: 4 well$" \
            "^modules +2: 2 runs$" "^settings +/etc/ft/ft.conf$" || return 1
        wait_until 60 ends_with 0 on $node ft status --json &&
        holds ".mode == \"system\" and .leader == \"n0\" and .nodes.all == 4 and .nodes.well == 4" &&
        holds ".modules.runs == 2 and .well and .voters.well == 1 and (.config.hash | length == 16)" || return 1
    done'

test_expect_success 'ft nodes: all, a pattern, one with all that is known of it, one that is not there' '
    ends_with 0 on n2 ft nodes && test "$(wc -l <out)" = 5 && says "^NODE +STATE +LOCATION" "^n1 +well +row1 .* 1( |$)" \
        "^n3 +well +row2 .*spare" &&
    ends_with 0 on n2 ft nodes --json && holds "[.nodes[].name] | sort == [\"n0\",\"n1\",\"n2\",\"n3\"]" &&
    holds "all(.nodes[]; .state == \"well\" and .unit and .hardware.cores > 0 and .drained == null)" &&
    ends_with 0 on n2 ft nodes "n[1-2]" && test "$(wc -l <out)" = 3 &&
    ends_with 0 on n2 ft nodes n1 && says "^node +n1$" "^state +well$" "^modules +1$" "^hardware +.*cores" &&
    ends_with 1 on n2 ft nodes n9 && complains "there is no node n9"'

test_expect_success 'ft modules: all, those of a node, one, one that is not there' '
    ends_with 0 on n3 ft modules && says "^MODULE +STATE +NODE" "^a +runs +n1 +n1 " "^b +runs +n2 +n2 " &&
    ends_with 0 on n3 ft modules --node n2 --json && holds "[.modules[].name] == [\"b\"]" &&
    ends_with 0 on n3 ft modules a --json && holds ".modules[0] | .state == \"runs\" and .pid > 1 and .restarts == 0" &&
    pid=$(pid_of a) && on n1 test "$(on n1 cat /proc/$pid/comm)" = sleep &&
    ends_with 1 on n3 ft modules zz && complains "there is no module zz"'

test_expect_success 'a module that is killed is seen to have been started again' '
    on n1 kill -KILL "$(pid_of a)" &&
    wait_until 60 eval "ft_json n0 modules a | jq -e \".modules[0] | .state == \\\"runs\\\" and .restarts == 1 and .last_end == \\\"crash\\\" and .code == 9\"" &&
    ends_with 0 on n0 ft modules a && says "crash 9"'

test_expect_success 'ft central: who leads, who votes, how far the log is; alone it cannot hand over' '
    ends_with 0 on n1 ft central && says "^VOTER +STATE" "^n0 +leads +voter" &&
    ends_with 0 on n1 ft central --json && holds ".leader == \"n0\" and (.voters | length == 1) and .voters[0].last_index > 0" &&
    ends_with 1 on n1 ft central hand-over n1 &&
    ends_with 2 on n1 ft central hand-ower'

test_expect_success 'looking is for everybody, changing is not' '
    before=$(pid_of a) &&
    ends_with 0 as n2 65534 ft central && ends_with 0 as n2 65534 ft modules --json && ends_with 0 as n2 65534 ft events -n 1 &&
    for order in "drain n1" "undrain n1" "move a" "restart a" reload "central hand-over"; do
        ends_with 4 as n2 65534 ft $order && complains "user 65534 on n2 may not" || return 1
    done &&
    ends_with 4 as n0 65534 ft drain n1 --host unix:/run/ft/central.sock &&
    test "$(pid_of a)" = "$before" && test "$(node_of a)" = n1 &&
    await_sys_event 60 ".event == \"order_denied\" and .uid == 65534"'

test_expect_success 'ft drain: the modules leave, with a line for each; the reason is shown; ft undrain' '
    ends_with 0 on n3 ft drain n1 --reason "new disks" &&
    says "^node n1 is drained by root on n3: new disks$" "^module a runs on n[0-2] " "^no module is left on node n1$" &&
    to=$(node_of a) && test "$to" != n1 && test "$to" != n3 &&
    ! module_pids n1 "sleep 1000[1]" && module_pids "$to" "sleep 1000[1]" &&
    ends_with 0 on n2 ft nodes n1 && says "new disks" &&
    wait_until 60 ends_with 0 on n2 ft status --json && holds ".nodes.drained == 1 and .nodes.failing == 0 and .well" &&
    ends_with 0 on n2 ft drain n1 --json && holds ".node == \"n1\"" &&
    ends_with 0 on n2 ft undrain n1 && says "node n1 may be used again" &&
    ends_with 0 on n2 ft nodes n1 --json && holds ".nodes[0].drained == null" &&
    ends_with 1 on n2 ft drain n9 && complains "there is no node n9"'

test_expect_success 'ft move: to the node named; ft restart: another process, the same place' '
    ends_with 0 on n2 ft move a n1 && says "^module a runs on n1 \(epoch [0-9]+, pid [0-9]+\)$" && await_module 60 a n1 &&
    before=$(pid_of a) &&
    ends_with 0 on n2 ft restart a --json && holds ".state == \"runs\" and .node == \"n1\" and .pid != $before" &&
    ! on n1 kill -0 "$before" && test "$(module_pids n1 "sleep 1000[1]" | wc -l)" = 1 &&
    ends_with 1 on n2 ft move zz && complains "zz" &&
    ends_with 1 on n2 ft move a n9 && test "$(node_of a)" = n1'

test_expect_success 'ft config check tells all that is wrong, with its line' '
    printf "%s\n" "polo = 1" "$modules" "lease_ms = 1" >bad.conf && put n0 /root/bad.conf <bad.conf &&
    ends_with 1 on n0 ft config check /root/bad.conf && complains "^/root/bad.conf:1: there is no option .polo" &&
    complains "^/root/bad.conf:4: lease_ms = 1 is out of range" &&
    ends_with 1 on n0 ft config check --json /root/bad.conf && holds "(.good | not) and [.errors[].line] == [1, 4]" &&
    ends_with 0 on n0 ft config check && says "is good: 4 nodes, 2 modules, 0 voters"'

test_expect_success 'ft reload: a file that is not good changes nothing' '
    a=$(pid_of a) && b=$(pid_of b) && hash=$(ft_json n1 status | jq -r .config.hash) &&
    put n0 /etc/ft/ft.conf <bad.conf &&
    ends_with 1 on n1 ft reload && complains "ft.conf:1: there is no option .polo" && complains "ft.conf:4: lease_ms" &&
    ends_with 1 on n1 ft reload --json && holds ".error | contains(\"polo\")" &&
    test "$(pid_of a)" = "$a" && test "$(pid_of b)" = "$b" &&
    test "$(ft_json n1 status | jq -r .config.hash)" = "$hash"'

test_expect_success 'ft reload: a good one is told of and takes effect; what is not concerned runs on' '
    conf "$node_lines" "$modules" "module \"c\" { command = {\"/usr/bin/sleep\", \"10003\"} home = \"n0\" }" "admins = {\"65534\"}" &&
    spread_conf && ends_with 0 on n1 ft reload && says "module c is new" "admins" &&
    await_module 60 c n0 && test "$(pid_of a)" = "$a" && test "$(pid_of b)" = "$b" &&
    ends_with 0 on n1 ft reload && says "nothing has changed"'

test_expect_success 'an admin of ft.conf may' '
    ends_with 0 as n2 65534 ft restart c && says "^module c runs on n0 " &&
    ends_with 4 as n2 65533 ft restart c'

test_expect_success 'ft events follows the log' '
    { cluster exec n3 ft events -f -n 2 >followed 2>follow.err </dev/null & pid=$!; } &&
    wait_until 60 test -s followed &&
    on n1 ft drain n2 --reason "look at this" --no-wait &&
    wait_until 60 grep -q "look at this" followed &&
    kill $pid && { wait $pid; true; } && test ! -s follow.err &&
    on n1 ft undrain n2 &&
    ends_with 0 on n3 ft events -n 5 --json && test "$(wc -l <out)" = 5 && jq -es "map(.seq) == (map(.seq) | sort) and length == 5" out >/dev/null &&
    ends_with 0 on n3 ft events && says "central_leads" "order_denied"'

test_expect_success 'any unit may be asked: by its socket, or by name and port with the key' '
    ends_with 0 on n0 ft central --host unix:/run/ft/central.sock && says "^n0 +leads" &&
    ends_with 0 on n3 ft central --host n0 && says "^n0 +leads" &&
    ends_with 0 on n3 ft central --host n0:7311 --json && holds ".leader == \"n0\"" &&
    ends_with 0 on n3 ft restart c --host n0 &&
    ends_with 3 as n3 65534 ft central --host n0 && complains "key"'

test_expect_success 'a node that is lost is seen, and what was on it runs elsewhere' '
    cluster crash n1 &&
    wait_until 60 eval "ft_json n2 nodes n1 | jq -e \".nodes[0].state == \\\"lost\\\"\"" &&
    wait_until 60 eval "test \"\$(node_of a)\" != n1 && ft_json n2 modules a | jq -e \".modules[0].state == \\\"runs\\\"\"" &&
    ends_with 1 on n2 ft status && says "1 lost" && ends_with 1 on n2 ft status --json && holds ".well | not"'

test_expect_success 'without a central unit: exit code 3 after the time given' '
    end_central n0 &&
    ends_with 3 on n2 ft status --timeout 2 && ends_with 3 on n2 ft drain n3 --timeout 2'

test_expect_success 'the central unit is back, and knows all it knew' '
    start_central n0 && await_central n0 30 &&
    wait_until 60 eval "ft_json n2 modules a | jq -e \".modules[0].state == \\\"runs\\\"\"" &&
    ends_with 0 on n2 ft events && says "order_denied"'

test_expect_success 'the daemons end and leave nothing' '
    on n0 ft drain n2 --no-wait && system_down'

ft_done
