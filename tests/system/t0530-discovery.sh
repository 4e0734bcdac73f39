#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# How the leader finds the units of the nodes that ft.conf names: datagrams that get lost, nodes that
# come later or under another address, strangers, forgeries and repetitions.
test_description='identification: units are found, strangers are not let in'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"

conf 'node "n[0-4]" { }'

# The units here know of no central unit: they have to be found.
plain_unit() { put "$1" /etc/ft/noded.conf <<<'auth = "key"' && start_unit "$1"; }
unit_log_has() { on "$1" grep -q -- "$2" /var/log/ft/ft-noded.log; }
central_log_has() { on n0 grep -q -- "$1" /var/log/ft/ft-centrald.log; }

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
lose_no_more() { on "$1" nft delete table inet lossy; }

test_expect_success 'a leader that finds nobody goes on looking' '
    spread_key n0 n1 n2 n3 && spread_conf && start_central n0 && await_central n0
'

test_expect_success 'units are found though datagrams get lost' '
    lose n1 "numgen inc mod 8 < 5" && lose n2 "numgen random mod 10 < 4" &&
    plain_unit n0 && plain_unit n1 && plain_unit n2 &&
    wait_until 30 units_are_up n0 n1 n2 &&
    test "$(lost n1)" -ge 5 &&
    for node in n0 n1 n2; do
        sys_event ".event == \"node_identified\" and .node == \"$node\"" >/dev/null || return
    done &&
    lose_no_more n1 && lose_no_more n2
'

test_expect_success 'a node that comes later is found, and told once' '
    plain_unit n3 && wait_until 30 units_are_up n3 &&
    test "$(sys_events ".event == \"node_identified\" and .node == \"n3\"")" = 1
'

test_expect_success 'a unit that was killed and started again is found again' '
    kill_unit n2 && plain_unit n2 &&
    wait_until 30 found_times n2 2
'
found_times() { [ "$(sys_events ".event == \"unit_up\" and .node == \"$1\"")" -ge "$2" ]; }

test_expect_success 'a node that comes back under another address is found there' '
    end_unit n3 && move_address n3 10.77.0.13 10.77.0.93 &&
    on n0 sh -c "sed \"s/^10\\.77\\.0\\.13\\b/10.77.0.93/\" /etc/hosts >/tmp/hosts && cat /tmp/hosts >/etc/hosts && rm /tmp/hosts" &&
    plain_unit n3 &&
    await_sys_event 30 ".event == \"node_identified\" and .node == \"n3\" and (.text | contains(\"10.77.0.93:\"))" &&
    wait_until 30 found_times n3 2
'
move_address() {
    local device
    device=$(on "$1" ip -o -4 addr show to "$2" | awk '{ print $2 }') && [ "$device" ] &&
    on "$1" ip addr add "$3/24" dev "$device" && on "$1" ip addr del "$2/24" dev "$device" &&
    on "$1" ip route replace default via 10.77.0.1 dev "$device" 2>/dev/null || true
}

test_expect_success 'a node with another key is refused, by both, and nothing else happens' '
    od -An -N32 -tx1 /dev/urandom | tr -d " \n" | put n4 /etc/ft/key 400 &&
    put n4 /etc/ft/noded.conf <<<"auth = \"key\"
centrals = { \"n0\" }" && start_unit n4 &&
    await_sys_event 30 ".event == \"connection_refused\" and (.text | contains(\"10.77.0.14\")) and (.text | contains(\"key\"))" &&
    wait_until 30 unit_log_has n4 "could not prove that it holds the same key" &&
    wait_until 30 unit_log_has n4 "made with another key" &&
    test_must_fail unit_is_up n4 &&
    test "$(sys_events ".event == \"node_identified\" and .node == \"n4\"")" = 0 &&
    test "$(sys_events ".event == \"connection_refused\"")" -le 6
'

test_expect_success 'with the right key it is let in' '
    end_unit n4 && spread_key n4 && start_unit n4 && wait_until 30 units_are_up n4
'

# forge NODE HOST PORT TYPE N: sends n datagrams that are well made but for their proof.
forge() {
    on "$1" bash -c '
        body() { printf "\xf7FD\x01\x$2\x00\x00\x48"; head -c $((64 + 16)) /dev/zero | tr "\0" "$3"; }
        # No name, no text: bytes 66 to 71 are lengths.
        one() { body "$@" | head -c 66; head -c 6 /dev/zero; body "$@" | tail -c 16; }
        one "$@" >/tmp/forged && for _ in $(seq "$4"); do cat /tmp/forged >"/dev/udp/$5/$1"; done; rm /tmp/forged' \
        - "$3" "$4" x "$5" "$2"
}

test_expect_success 'forged datagrams are refused, counted, and told once' '
    before=$(sys_events ".event == \"datagram_refused\"") &&
    forge n1 10.77.0.10 7311 02 200 &&
    await_sys_event 20 ".event == \"datagram_refused\" and (.text | contains(\"10.77.0.11:\"))" &&
    forge n1 10.77.0.12 7312 01 200 &&
    wait_until 20 unit_log_has n2 "a datagram from 10.77.0.11:.* is refused" &&
    test "$(sys_events ".event == \"datagram_refused\"")" -le $((before + 2)) &&
    test "$(on n2 grep -c "a datagram from .* is refused" /var/log/ft/ft-noded.log)" -le 3
'

test_expect_success 'garbage at the ports does no harm' '
    on n1 bash -c "for n in 0 1 71 72 88 1400 1472 9000; do
        head -c \$n /dev/urandom >/dev/udp/10.77.0.10/7311
        head -c \$n /dev/urandom >/dev/udp/10.77.0.12/7312
        head -c \$n /dev/urandom >/dev/tcp/10.77.0.10/7311
    done" ; daemon_runs n0 ft-centrald && daemon_runs n2 ft-noded &&
    central_is n0 && test "$(sys_events ".event == \"unit_lost\" and .node == \"n1\"")" = 0
'

# Datagrams that were said and come again, from another port than they came from first: recorded by the
# packet filter of the node that is to believe them twice.
test_expect_success 'an identification that is repeated is not answered twice' '
    end_unit n1 &&
    on n1 sh -c "rm -f /var/log/ft/ft-noded.log" && plain_unit n1 && wait_until 30 found_times n1 2 &&
    repeat_last n1
'
# The unit of n1 was found: of what the leader said to it, the kernel still has nothing. So the leader is
# made to look for it again while a program beside the unit hears the same datagrams.
repeat_last() {
    local node=$1
    end_unit "$node" &&
    { on "$node" timeout 20 bash -c 'exec 9<>/dev/udp/127.0.0.1/9' 2>/dev/null; true; } &&
    on "$node" python3 - <<'PY'
import socket, subprocess, sys, time
# hears what the leader says to this node's port, then starts the unit and says it again
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7312))
s.settimeout(20)
heard, leader = s.recvfrom(2000)
s.close()
unit = subprocess.Popen(["/usr/sbin/ft-noded"], stdout=open("/tmp/unit.log", "w"), stderr=subprocess.STDOUT)
try:
    ask = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ask.settimeout(0.2)
    end, answers = time.time() + 20, 0
    # until the unit is there: the first copy is new to it, and is answered to whoever sent it
    while answers == 0 and time.time() < end:
        ask.sendto(heard, ("127.0.0.1", 7312))
        try:
            ask.recvfrom(2000); answers += 1
        except OSError:
            pass
    for _ in range(5):
        ask.sendto(heard, ("127.0.0.1", 7312))
    try:
        while True:
            ask.recvfrom(2000); answers += 1
    except OSError:
        pass
    print("answers:", answers)
    sys.exit(0 if answers == 1 else 1)
finally:
    unit.terminate()
    unit.wait(20)
PY
}

test_expect_success 'the daemons end and leave nothing' '
    on n1 rm -f /tmp/unit.log && system_down && nothing_is_left
'

ft_done
