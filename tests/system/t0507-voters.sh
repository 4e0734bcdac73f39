#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# ft.conf read again where several central units run: who follows checks it and keeps it for when it leads,
# who leads decides; voters come and go by `ft reload`, one after the other, while everything works.
test_description='ft.conf is read again by all voters, and changes who votes'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"

for i in 0 1 2 3 4; do voter_says[n$i]="priority = $((30 - i))"; done
make_conf() { conf 'handback_ms = 1000'; } # of the voters that $centrals has
centrals='n0 n1 n2'
make_conf

asked() { ft_json n4 central >central.json 2>/dev/null && jq -e "$1" central.json >/dev/null; }
# these vote, and no others
vote() { local want; want=$(printf '%s\n' "$@" | sort | tr '\n' ' '); asked "[.voters[] | select(.connected and .votes and .lag < 64) | .name] | sort | join(\" \") + \" \" == \"$want\""; }
only_vote() { vote "$@" && asked '[.voters[] | select(.votes)] | length == '$#; }
await_vote() { wait_until 90 only_vote "$@" || { cat central.json; show_all; return 1; }; }
await_leader() { wait_until 60 asked ".leader == \"$1\"" || { cat central.json; show_all; return 1; }; }
other_leads() { asked ".leader != \"\" and .leader != \"$1\" and .leader != \"${2-}\""; }
await_other() { wait_until 60 other_leads "$@" || { cat central.json; show_all; return 1; }; }
leads_of() { sys_events ".event == \"central_leads\" and .node == \"$1\""; }
leads_more() { [ "$(leads_of "$1")" -gt "$2" ]; }
show_all() { show_logs; all_events | tail -n 60; }
said() { on "$1" grep -c "$2" /var/log/ft/ft-centrald.log; }
has_said() { [ "$(said "$1" "$2")" -ge "${3-1}" ]; }
await_said() { wait_until 60 has_said "$@" || { show_all; return 1; }; }
hup() { signal_daemon "$1" ft-centrald HUP; }
changed() { sys_events '.event == "config_changed"'; }
# told_first NODE: it had a second to hear of it before it was taken out of the voters
told_first() {
    all_events | jq -s -e --arg out "voter $1: removed" --arg node "$1" '(map(select(.event == "config_changed" and (.text | contains($out))))[-1].ms) as $told |
        map(select(.event == "voter_removed" and .node == $node))[-1].ms - $told >= 1000'
}
order() { wait_until 60 on n4 ft drain n3 --reason "kept $1" --no-wait; }
is_kept() { wait_until 60 eval "ft_json n4 nodes n3 | jq -e \".nodes[0].drained | contains(\\\"kept $1\\\")\" >/dev/null" || { ft_json n4 nodes n3; return 1; }; }

test_expect_success 'the preferred voter leads, the others follow' '
    system_up && await_leader n0 && await_vote n0 n1 n2 && order 1 && is_kept 1
'

# --- SIGHUP to one that follows

test_expect_success 'one that follows says what is wrong with its file, and goes on as before' '
    { cat "$system_conf"; echo "settle_ms = soon"; } >bad.conf && line=$(wc -l <bad.conf) && put n1 /etc/ft/ft.conf <bad.conf && hup n1 &&
    await_said n1 "ft.conf is not used: /etc/ft/ft.conf:$line:" && await_said n1 config_refused && daemon_runs n1 ft-centrald && await_vote n0 n1 n2
'
test_expect_success 'a good one it keeps: what leads decides' '
    { cat "$system_conf"; echo "settle_ms = 123"; } >next.conf && put n1 /etc/ft/ft.conf <next.conf && hup n1 &&
    await_said n1 "kept for when this voter leads" && test "$(changed)" = 0
'
test_expect_success 'when it leads, it is in force' '
    on n0 ft central hand-over n1 && await_sys_event 60 ".event == \"config_changed\" and (.text | contains(\"followed: settle_ms: 300 -> 123\"))"
'
test_expect_success 'the one that comes back with its old file goes by that, too, and leads again' '
    await_leader n0 && kill_central n0 && await_other n0 && start_central n0 && await_leader n0 && await_said n0 "is not the one that the voters go by" && await_vote n0 n1 n2 && is_kept 1 &&
    n=$(changed) && on n0 ft reload >reloaded && grep "settle_ms: 123 -> 300" reloaded && wait_until 60 eval "[ \$(changed) -gt $n ]" &&
    await_said n1 "has put another ft.conf in force"
'
test_expect_success 'what one that follows has kept is worth nothing once another one is in force' '
    put n1 /etc/ft/ft.conf <next.conf && hup n1 && await_said n1 "kept for when this voter leads" 2 &&
    { cat "$system_conf"; echo "settle_ms = 200"; } >third.conf && put n0 /etc/ft/ft.conf <third.conf && hup n0 &&
    await_said n1 "is not kept any more" && n=$(changed) && m=$(leads_of n1) && on n0 ft central hand-over n1 && wait_until 60 leads_more n1 "$m" &&
    await_leader n0 && order 2 && is_kept 2 && test "$(changed)" = "$n" && await_vote n0 n1 n2
'

# --- voters come and go

test_expect_success 'a voter is replaced by another one, by ft reload' '
    centrals="n0 n1 n3" && make_conf && spread_conf && spread_key n3 && start_central n3 && on n0 ft reload >reloaded &&
    grep "voter n3: added" reloaded && grep "voter n2: removed" reloaded && ! grep restart reloaded &&
    await_vote n0 n1 n3 && is_kept 2 && asked "[.voters[] | select(.name == \"n2\")] == []" && told_first n2
'
test_expect_success 'the one that is none any more ends by itself, in order' '
    await_said n2 "names node n2 as a voter no more" && wait_until 60 daemon_is_over n2 ft-centrald && unset "daemon_pid[n2 ft-centrald]" &&
    on n2 test -e /run/ft/central.ended
'
test_expect_success 'the new one counts: with it, and without the first, there is a majority' '
    kill_central n0 && await_other n0 && order 3 && is_kept 3 && start_central n0 && await_leader n0 && await_vote n0 n1 n3 && is_kept 3
'
test_expect_success 'three become five, the one that was removed among them' '
    centrals="n0 n1 n2 n3 n4" && make_conf && spread_conf && spread_key n2 n4 && start_central n2 && start_central n4 &&
    on n0 ft reload >reloaded && grep "voter n2: added" reloaded && grep "voter n4: added" reloaded && await_vote n0 n1 n2 n3 n4 && is_kept 3
'
test_expect_success 'two of them are lost: the others go on' '
    kill_central n0 && kill_central n1 && await_other n0 n1 && order 4 && is_kept 4 && start_central n0 && start_central n1 && await_leader n0 &&
    await_vote n0 n1 n2 n3 n4
'
test_expect_success 'who leads is removed: it gives the lead away, and ends' '
    centrals="n1 n2 n3" && make_conf && put n0 /etc/ft/ft.conf <"$system_conf" && spread_conf && on n0 ft reload >reloaded && grep "voter n0: removed" reloaded &&
    await_leader n1 && await_vote n1 n2 n3 && is_kept 4 && wait_until 60 daemon_is_over n0 ft-centrald && wait_until 60 daemon_is_over n4 ft-centrald &&
    unset "daemon_pid[n0 ft-centrald]" "daemon_pid[n4 ft-centrald]"
'

test_expect_success 'the daemons end in order and leave nothing' 'system_down && nothing_is_left'

ft_done
