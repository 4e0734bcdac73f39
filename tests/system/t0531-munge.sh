#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The system's daemons prove themselves by MUNGE, the real one: who is believed, who is not, and what
# happens while MUNGE hangs.
test_description='the daemons prove themselves by MUNGE, which may come late and go away'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 4
. "$FT_TOP/tests/system/lib/system.sh"

# Not the key: there is none.
conf 'node "n[0-3]" { }'
sed -i 's/^auth = .*/auth = "munge"/' "$system_conf"

# --- words

od -An -N128 -tx1 /dev/urandom | tr -d ' \n' >"$ft_scratch/munge.key"
od -An -N128 -tx1 /dev/urandom | tr -d ' \n' >"$ft_scratch/other.key"
munge_up() { # NODE KEY-FILE
    put "$1" /etc/munge/munge.key 400 <"$2" && on "$1" sh -c '
        chown munge: /etc/munge /etc/munge/munge.key && chmod 700 /etc/munge &&
        install -d -o munge -g munge -m 755 /run/munge && install -d -o munge -g munge -m 700 /var/lib/munge /var/log/munge &&
        setpriv --reuid munge --regid munge --clear-groups munged' &&
    wait_until 60 on "$1" sh -c 'munge -n | unmunge >/dev/null'
}
munge_signal() { on "$1" pkill "-$2" -x munged; }
munge_unit() { put "$1" /etc/ft/noded.conf <<<'auth = "munge"' && start_unit "$1"; }
unit_log_has() { on "$1" grep -q -- "$2" /var/log/ft/ft-noded.log; }
events_n() { sys_events ".event == \"$1\" and .node == \"$2\""; }
up_times() { [ "$(events_n unit_up "$1")" -ge "$2" ]; }
await_up() { wait_until 60 up_times "$1" "$2" || { all_events; show_logs; return 1; }; }

# --- what happens

test_expect_success 'MUNGE runs on the nodes' '
    for node in n0 n1 n2; do munge_up "$node" "$ft_scratch/munge.key" || return; done &&
    munge_up n3 "$ft_scratch/other.key"
'

test_expect_success 'units are found and connect, without a key file' '
    spread_conf && start_central n0 && await_central n0 &&
    for node in n0 n1 n2; do munge_unit "$node" || return; done &&
    for node in n0 n1 n2; do await_up "$node" 1 || return; done &&
    unit_log_has n1 "proves itself by MUNGE" && test "$(events_n node_identified n2)" = 1 &&
    on n1 test ! -e /etc/ft/key
'

test_expect_success 'a node of another realm is refused, by both' '
    put n3 /etc/ft/noded.conf <<<"auth = \"munge\"
centrals = { \"n0\" }" && start_unit n3 &&
    wait_until 60 unit_log_has n3 "munge.key differ" &&
    wait_until 60 unit_log_has n3 "a datagram from 10.77.0.10:.* is refused" &&
    test "$(events_n unit_up n3)" = 0 && test "$(events_n node_identified n3)" = 0
'

# A unit that somebody else than root runs: MUNGE itself vouches that he is not root. Refusals are told
# at most every 10 s, so it is left to try for longer.
test_expect_success 'a process of another user is refused' '
    end_unit n3 &&
    on n2 sh -c "install -d -o nobody -m 755 /tmp/own && printf %s\\\\n \"auth = \\\"munge\\\"\" \"port = 7399\" \"centrals = { \\\"n0\\\" }\" >/tmp/own.conf" &&
    { on n2 timeout 13 setpriv --reuid 65534 --regid 65534 --clear-groups \
        /usr/sbin/ft-noded --run /tmp/own --conf /tmp/own.conf --node n2 >/dev/null 2>&1; test $? = 124 || test $? = 0; } ; 
    await_sys_event 60 ".event == \"connection_refused\" and (.text | contains(\"user 65534\"))" &&
    test "$(events_n unit_up n2)" = 1 && on n2 rm -rf /tmp/own /tmp/own.conf
'

# Heartbeats have a key of their own: MUNGE is needed to come in, not to stay.
test_expect_success 'MUNGE may hang while all is well' '
    munge_signal n1 STOP && munge_signal n0 STOP && sleep 4 &&
    test "$(events_n unit_lost n1)" = 0 && test "$(sys_events ".event == \"node_declared\"")" = 0 &&
    munge_signal n1 CONT && munge_signal n0 CONT
'

test_expect_success 'a node whose MUNGE hangs holds up no other, and comes when it goes on' '
    munge_signal n1 STOP && kill_central n0 && start_central n0 && await_central n0 &&
    await_up n0 2 && await_up n2 2 && test "$(events_n unit_up n1)" = 1 &&
    munge_signal n1 CONT && await_up n1 2
'

test_expect_success 'without MUNGE the daemons that need it do not start, and say why' '
    end_unit n2 && munge_signal n2 TERM && munge_unit n2 &&
    wait_until 60 daemon_is_over n2 ft-noded && unit_log_has n2 "MUNGE did not come within 20 s" &&
    unit_log_has n2 "MUNGE does not answer:" &&
    munge_up n2 "$ft_scratch/munge.key" && start_unit n2 && await_up n2 3
'

# auto_unit NODE: by MUNGE or the key, as it finds; it has a key.
auto_unit() { printf 'auth = "auto"\ncentrals = { "n0" }\n' | put "$1" /etc/ft/noded.conf && spread_key "$1" && start_unit "$1"; }
lines_n() { [ "$(on "$1" grep -c -- "$2" /var/log/ft/ft-noded.log)" -ge "$3" ]; }

test_expect_success 'MUNGE that comes later than a unit is waited for, though there is a key' '
    end_unit n2 && munge_signal n2 TERM && was=$(on n2 grep -c "MUNGE does not answer yet" /var/log/ft/ft-noded.log) &&
    auto_unit n2 && wait_until 60 lines_n n2 "MUNGE does not answer yet" $((was + 1)) && munge_up n2 "$ft_scratch/munge.key" &&
    await_up n2 4 && ! unit_log_has n2 "proves itself by a key" && on n2 test -s /etc/ft/key
'

test_expect_success 'a node without MUNGE is not waited for: its unit takes the key, and both sides say that they differ' '
    end_unit n2 && munge_signal n2 TERM && on n2 mv /etc/munge/munge.key /etc/munge/aside && start_unit n2 &&
    wait_until 60 unit_log_has n2 "proves itself by a key" &&
    await_sys_event 60 ".event == \"connection_refused\" and (.text | contains(\"10.77.0.12\")) and (.text | contains(\"user 65534\") | not)" &&
    wait_until 60 unit_log_has n2 "side with MUNGE" &&
    test "$(events_n unit_up n2)" = 4 && end_unit n2 && on n2 mv /etc/munge/aside /etc/munge/munge.key &&
    munge_up n2 "$ft_scratch/munge.key" && start_unit n2 && await_up n2 5
'

test_expect_success 'MUNGE of the central unit dies: who is connected stays, the events tell, who came waits until it is back' '
    lost=$(events_n unit_lost n2) && munge_signal n0 TERM && kill_unit n1 && start_unit n1 &&
    await_sys_event 60 ".event == \"munge_gone\" and .node == \"n0\"" && test "$(events_n unit_lost n2)" = "$lost" &&
    test "$(events_n unit_up n1)" = 2 && munge_up n0 "$ft_scratch/munge.key" &&
    await_up n1 3 && await_sys_event 60 ".event == \"munge_back\""
'

test_expect_success 'the daemons end and leave nothing' '
    system_down && for node in n0 n1 n2 n3; do munge_signal "$node" TERM || return; done && nothing_is_left
'

ft_done
