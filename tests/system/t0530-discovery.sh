#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How the leader finds the units of the nodes that ft.conf names: datagrams that get lost, nodes that
# come later or under another address, strangers, forgeries and repetitions.
test_description='identification: units are found, strangers are not let in'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"
progs=${FT_STAGE%/*}/tests/system/progs

conf 'node "n[0-4]" { }'

# --- words

# The units here know of no central unit: they have to be found.
plain_unit() { put "$1" /etc/ft/noded.conf <<<'auth = "key"' && start_unit "$1"; }
unit_log_has() { on "$1" grep -q -- "$2" /var/log/ft/ft-noded.log; }
events_n() { sys_events ".event == \"$1\" and .node == \"$2\""; }
up_times() { [ "$(events_n unit_up "$1")" -ge "$2" ]; }
await_up() { wait_until 60 up_times "$1" "$2" || { all_events; show_logs; return 1; }; }

# lose NODE RULE: of identification datagrams (type 1 and 2, at byte 4) some get lost there.
lose() {
    on "$1" nft -f - <<NFT
table inet lossy {
    chain in {
        type filter hook input priority 0;
        udp dport 7312 @th,96,8 { 1, 2 } $2 counter drop
    }
    chain out {
        type filter hook output priority 0;
        udp sport 7312 @th,96,8 { 1, 2 } $2 counter drop
    }
}
NFT
}
lost() { on "$1" nft -j list table inet lossy | jq '[.. | .counter? // empty | .packets] | add'; }
gone() { ! on "$1" pgrep -x ft-noded >/dev/null; }
lose_no_more() { on "$1" nft delete table inet lossy; }

# readdress NODE FROM TO: the node's address changes, and with it what n0 has its name for.
readdress() {
    local device
    device=$(on "$1" ip -o -4 addr show to "$2" | awk '{ print $2 }') && [ "$device" ] &&
    on "$1" sh -c 'ip addr del "$2/24" dev "$1" && ip addr add "$3/24" dev "$1"' - "$device" "$2" "$3" &&
    on n0 sh -c 'sed "s/^$1\([[:space:]]\)/$2\1/" /etc/hosts >/tmp/hosts && cat /tmp/hosts >/etc/hosts && rm /tmp/hosts' \
        - "$2" "$3"
}

# --- what happens

test_expect_success 'a leader that finds nobody goes on looking' '
    spread_key n0 n1 n2 n3 && spread_conf && start_central n0 && await_central n0
'

test_expect_success 'units are found though datagrams get lost' '
    lose n1 "numgen inc mod 8 < 5" && lose n2 "numgen random mod 10 < 4" &&
    plain_unit n0 && plain_unit n1 && plain_unit n2 &&
    await_up n0 1 && await_up n1 1 && await_up n2 1 &&
    test "$(lost n1)" -ge 5 && test "$(events_n node_identified n0)" = 1 &&
    test "$(events_n node_identified n1)" -le 1 && test "$(events_n node_identified n2)" -le 1 &&
    lose_no_more n1 && lose_no_more n2
'

test_expect_success 'a node that comes later is found, and told once' '
    plain_unit n3 && await_up n3 1 && test "$(events_n node_identified n3)" = 1
'

test_expect_success 'a unit that was killed and started again is found again' '
    kill_unit n2 && plain_unit n2 && await_up n2 2
'

test_expect_success 'a node that comes back under another address is found there' '
    end_unit n3 && readdress n3 10.77.0.13 10.77.0.93 && plain_unit n3 &&
    await_sys_event 60 ".event == \"node_identified\" and .node == \"n3\" and (.text | contains(\"10.77.0.93:\"))" &&
    await_up n3 2
'

test_expect_success 'a node with another key is refused, by both, and nothing else happens' '
    od -An -N32 -tx1 /dev/urandom | tr -d " \n" | put n4 /etc/ft/key 400 &&
    put n4 /etc/ft/noded.conf <<<"auth = \"key\"
centrals = { \"n0\" }" && start_unit n4 &&
    await_sys_event 60 ".event == \"connection_refused\" and (.text | contains(\"10.77.0.14\")) and (.text | contains(\"key\"))" &&
    wait_until 60 unit_log_has n4 "could not prove that it holds the same key" &&
    wait_until 60 unit_log_has n4 "made with another key" &&
    test "$(events_n unit_up n4)" = 0 && test "$(events_n node_identified n4)" = 0 &&
    test "$(sys_events ".event == \"connection_refused\"")" -le 6
'

test_expect_success 'with the right key it is let in' '
    end_unit n4 && spread_key n4 && start_unit n4 && await_up n4 1
'

test_expect_success 'forged datagrams are refused, counted, and told once' '
    before=$(sys_events ".event == \"datagram_refused\"") &&
    on n1 "$progs/datagrams" forge 10.77.0.10 7311 2 500 &&
    await_sys_event 60 ".event == \"datagram_refused\" and (.text | contains(\"10.77.0.11:\"))" &&
    on n1 "$progs/datagrams" forge 10.77.0.12 7312 1 500 &&
    wait_until 60 unit_log_has n2 "a datagram from 10.77.0.11:.* is refused" &&
    test "$(sys_events ".event == \"datagram_refused\"")" -le $((before + 2)) &&
    test "$(on n2 grep -c "a datagram from .* is refused" /var/log/ft/ft-noded.log)" -le 3
'

test_expect_success 'garbage at the ports does no harm' '
    on n1 bash -c "for n in 0 1 71 72 88 1400 1472 9000; do
        head -c \$n /dev/urandom >/dev/udp/10.77.0.10/7311
        head -c \$n /dev/urandom >/dev/udp/10.77.0.12/7312
        head -c \$n /dev/urandom >/dev/tcp/10.77.0.10/7311
    done" ; daemon_runs n0 ft-centrald && daemon_runs n2 ft-noded &&
    central_is n0 && test "$(events_n unit_lost n1)" = 0
'

# What the leader says to a node whose unit is down is recorded there, and said again to the unit once
# it is connected; so is its answer, to the leader.
test_expect_success 'what is recorded and said again is answered once at the most, and changes nothing' '
    end_unit n1 && on n1 "$progs/datagrams" record /tmp/identify 7312 20 &&
    plain_unit n1 && await_up n1 2 &&
    ups=$(events_n unit_up n1) found=$(events_n node_identified n1) &&
    answers=$(on n1 "$progs/datagrams" send /tmp/identify 10.77.0.11 7312 20 /tmp/ident) &&
    test "$answers" -le 1 &&
    if [ "$answers" = 1 ]; then on n1 "$progs/datagrams" send /tmp/ident 10.77.0.10 7311 20 /tmp/none; fi &&
    test "$(events_n unit_up n1)" = "$ups" && test "$(events_n node_identified n1)" = "$found" &&
    test "$(events_n unit_lost n1)" = 1 && on n1 rm -f /tmp/identify /tmp/ident
'

test_expect_success 'a unit goes to the background by itself when it is told to' '
    end_unit n2 && on n2 /usr/sbin/ft-noded --daemonize && await_up n2 3 &&
    on n2 grep -q "listens at /run/ft/noded.sock" /var/log/ft/noded.log &&
    test_must_fail on n2 /usr/sbin/ft-noded --daemonize &&
    on n2 pkill -TERM -x ft-noded && wait_until 60 gone n2
'

test_expect_success 'the daemons end and leave nothing' 'system_down && nothing_is_left'

ft_done
