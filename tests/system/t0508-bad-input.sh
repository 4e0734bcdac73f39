#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What must not do harm: another key, what is cut off or too long or said again, clocks that are set. A full
# disk and torn or damaged logs are in t0503, forged identifications in t0530.
test_description='bad input, from the network and from clocks, is refused and changes nothing'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"
progs=${FT_STAGE%/*}/tests/system/progs

# Three voters on n0, n1, n2; a module on n3. A lease outlasts what a busy machine makes of an election.
centrals='n0 n1 n2'
for i in 0 1 2; do voter_says[n$i]="priority = $((30 - 10 * i))"; done
conf 'handback_ms = 2000' 'lease_ms = 8000' 'node "n[0-4]" { }' \
    'module "pump" { command = { "/bin/sleep", "4711" } home = "n3" nodes = { "n3" } }'

# Their wall clocks are wrong by what /run/shift says there, in seconds.
daemon() {
    local node=$1 name=$2
    shift 2
    on "$node" mkdir -p /var/log/ft || return
    cluster exec "$node" sh -c 'export LD_PRELOAD=/shared/clock_shift.so CLOCK_SHIFT=/run/shift
        log=$1; shift; exec "$@" >>"$log" 2>&1' - "/var/log/ft/$name.log" "/usr/sbin/$name" "$@" \
        </dev/null >/dev/null 2>&1 3>&- 4>&- &
    daemon_pid["$node $name"]=$!
    disown
}
set_clocks() { local node; for node in $(all_nodes); do put "$node" /run/shift <<<"$1" || return; done; }

asked() { ft_json n3 central >central.json 2>/dev/null && jq -e "$1" central.json >/dev/null; }
vote_n() { asked "[.voters[] | select(.connected and .votes)] | length == $1"; }
await_votes() { wait_until 60 vote_n "$1" || { cat central.json; show_logs; return 1; }; }
events_n() { sys_events ".event == \"$1\" and .node == \"$2\""; }
times() { [ "$(events_n "$1" "$2")" -ge "$3" ]; }
await_times() { wait_until 60 times "$@" || { all_events | tail -n 40; show_logs; return 1; }; }
refused_from() { sys_event ".event == \"connection_refused\" and (.text | contains(\"$1\"))"; }
# At most one is told every 10 s.
garbage_is_told() { on n4 bash -c "printf GARBAGES >/dev/tcp/10.77.0.10/7311"; refused_from 10.77.0.14; }
# What has been going on since `note_all`: nothing was lost, nobody else led, the module is the same process.
note_all() { lost=$(sys_events '.event == "unit_lost"') declared=$(sys_events '.event == "node_declared"') led=$(sys_events '.event == "central_leads"') pump=$(module_pids n3 'sleep 4711'); }
same_pump() { [ "$pump" ] && [ "$(module_pids n3 'sleep 4711')" = "$pump" ]; }
none_declared() { [ "$(sys_events '.event == "node_declared"')" = "$declared" ]; }
all_is_same() {
    [ "$(sys_events '.event == "unit_lost"')" = $((lost + ${1-0})) ] && none_declared && same_pump &&
        [ "$(sys_events '.event == "central_leads"')" = "$led" ] || { all_events | tail -n 20; return 1; }
}
works() { on n3 ft drain n4 --reason "$1" --no-wait && on n3 ft undrain n4; }
day_of_last_event() { log_of "$(leader)" | tail -n 1 | jq -r '.time[0:10]'; }
is_day() { [ "$(day_of_last_event)" = "$(date -u -d "$1" +%F)" ] || { works again; return 1; }; }

test_expect_success 'three voters, five units, a module; the clocks are right' '
    gcc -shared -fPIC -o "$system_shared/clock_shift.so" "$FT_TOP/tests/system/progs/clock_shift.c" &&
    set_clocks 0 && system_up && await_votes 3 && await_central n0 60 && await_module 60 pump n3
'

test_expect_success 'a voter with another key is refused by both others, and heard of nowhere' '
    note_all && kill_central n2 && put n2 /etc/ft/key.right 400 <"$system_key" &&
    od -An -N32 -tx1 /dev/urandom | tr -d " \n" | put n2 /etc/ft/key 400 && start_central n2 &&
    wait_until 60 refused_from 10.77.0.12 && await_votes 2 && central_is n0 && works "two are enough" &&
    kill_central n2 && on n2 mv /etc/ft/key.right /etc/ft/key && start_central n2 && await_votes 3 && all_is_same
'

test_expect_success 'connections that say too much, too little or nothing stand in nobodys way' '
    note_all && mkfifo go && exec 7<>go &&
    { cluster exec n4 "$progs/datagrams" frames 10.77.0.10 7311 <go & half=$!; } &&
    { cluster exec n4 "$progs/datagrams" frames 10.77.0.11 7311 <go & other=$!; } &&
    { cluster exec n3 "$progs/datagrams" frames /run/ft/noded.sock 0 <go & local=$!; } &&
    wait_until 60 garbage_is_told && ups=$(events_n unit_up n4) && kill_unit n4 && start_unit n4 && await_times unit_up n4 $((ups + 1)) &&
    works "while they wait" && echo >&7 && echo >&7 && echo >&7 && wait $half && wait $other && wait $local && exec 7>&- &&
    central_is n0 && daemon_runs n1 ft-centrald && daemon_runs n3 ft-noded && await_votes 3 && all_is_same 1
'

# Heartbeats are recorded as they leave n4; what can be made of them is said from n3.
test_expect_success 'recorded heartbeats, whole and cut, do not keep a node alive that is off' '
    note_all && before=$(events_n node_declared n4) &&
    on n4 "$progs/datagrams" listen /tmp/beat 3 7311 30 && on n4 cat /tmp/beat | put n3 /tmp/beat && on n4 rm /tmp/beat &&
    on n3 "$progs/datagrams" cut /tmp/beat 10.77.0.10 7311 && all_is_same &&
    on n3 "$progs/datagrams" cut /tmp/beat 10.77.0.14 7312 && all_is_same &&
    cluster off n4 && forget_daemons n4 &&
    for i in 1 2 3 4 5 6; do on n3 "$progs/datagrams" send /tmp/beat 10.77.0.10 7311 40 /tmp/none >>answers || return; done &&
    await_times node_declared n4 $((before + 1)) && test "$(sort -u answers)" = 0 && on n3 rm -f /tmp/beat &&
    cluster boot n4 && put n4 /run/shift <<<0 && start_unit n4 && await_times node_back n4 1 && same_pump
'

test_expect_success 'all wall clocks are set a day ahead: only the times of events follow' '
    note_all && set_clocks 86400 && works ahead && wait_until 60 is_day "+1 day" &&
    works tomorrow && central_is n0 && await_votes 3 && all_is_same
'
test_expect_success 'and two days back: the same' '
    set_clocks -86400 && works back && wait_until 60 is_day "-1 day" && central_is n0 && await_votes 3 && all_is_same
'
test_expect_success 'what is started again with a clock that was set back is believed: a unit, the central units' '
    ups=$(events_n unit_up n4) && kill_unit n4 && put n4 /etc/ft/noded.conf <<<"auth = \"key\"" && start_unit n4 &&
    await_times unit_up n4 $((ups + 1)) && set_clocks -172800 &&
    for node in n0 n1 n2; do kill_central $node || return; done && for node in n0 n1 n2; do start_central $node || return; done &&
    await_central n0 60 && await_votes 3 && await_times unit_up n4 $((ups + 2)) && works again && same_pump
'
test_expect_success 'the clock of one voter alone is wrong: it leads as well as any' '
    set_clocks 0 && put n1 /run/shift <<<-86400 && on n3 ft central hand-over n1 && await_central n1 60 && works there &&
    wait_until 60 central_is n0 && await_votes 3 && same_pump
'

test_expect_success 'the daemons end in order' '
    system_down && same_pump && on n3 ft-noded --stop-modules && test -z "$(module_pids n3 "sleep 4711")"
'

ft_done
