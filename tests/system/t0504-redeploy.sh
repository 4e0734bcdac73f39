#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Algorithm 4 of the paper ("Database Lose: the software is destroyed"), steps 1 to 7: a backup takes over,
# reaches the node unit of the damaged central unit's machine, loads the program there again, and gives
# the lead back.
test_description='a central unit whose program is destroyed gets it back from the one that took over'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"

# Three voters on n0, n1, n2, preferred in this order; n3 and n4 have units only.
centrals='n0 n1 n2'
redeploys=yes
data=/var/lib/ft/central
program=/usr/sbin/ft-centrald
for i in 0 1 2; do voter_says[n$i]="priority = $((30 - 10 * i))"; done
conf 'handback_ms = 1000' 'central { redeploy_after_ms = 2000 }'

asked() { ft_json n3 central >central.json 2>/dev/null && jq -e "$1" central.json >/dev/null; }
all_vote() { asked '[.voters[] | select(.connected and .votes and .lag < 64 and (.state == "follows" or .state == "leads"))] | length == 3'; }
await_all_vote() { wait_until 60 all_vote || { cat central.json; show_all; return 1; }; }
await_leader() { wait_until 90 asked ".leader == \"$1\"" || { cat central.json; show_all; return 1; }; }
# how often another one than n0 has begun to lead: it may be over before anybody can be asked
others_led() { sys_events '.event == "central_leads" and .node != "n0"'; }
others_led_more() { [ "$(others_led)" -gt "$1" ]; }
await_take_over() { wait_until 60 others_led_more "$1" || { show_all; return 1; }; }
show_all() { show_logs; all_events | tail -n 60; }
sum() { on "$1" sha256sum "$program" | cut -d' ' -f1; }
has_sum() { [ "$(sum "$1" 2>/dev/null)" = "$whole" ]; }
id_of() { on "$1" sed -n 's/^id //p' $data/voter; }
has_another_id() { local id; id=$(id_of "$1") && [ "$id" ] && [ "$id" != "$2" ]; }
# events of one name about one node, so far; and one more than there were
told() { sys_events ".event == \"$1\" and .node == \"$2\""; }
told_more() { [ "$(told "$1" "$2")" -gt "$3" ]; }
await_told() { wait_until 60 told_more "$@" || { show_all; return 1; }; }
# It may have been started by its unit: no process of this test's.
runs() { on "$1" pgrep -x ft-centrald >pids; }
runs_not() { ! runs "$1"; }
destroy() { on "$1" pkill -KILL -x ft-centrald && wait_until 60 runs_not "$1"; }
order() { wait_until 60 on n3 ft drain n4 --reason "kept $1" --no-wait; }
is_kept() { wait_until 60 eval "ft_json n3 nodes n4 | jq -e \".nodes[0].drained | contains(\\\"kept $1\\\")\" >/dev/null" || { ft_json n3 nodes n4; return 1; }; }
# What a file begins with that is no program, and is as long as one.
garbage() { on "$1" sh -c 'head -c "$(stat -c %s "$1")" /dev/urandom >"$1.x" && chmod 755 "$1.x" && mv "$1.x" "$1"' - $program; }
end_started() { on "$1" pkill -TERM -x ft-centrald && wait_until 60 runs_not "$1"; }

test_expect_success 'the preferred voter leads, the others follow' '
    system_up && await_leader n0 && await_all_vote && order 1 && is_kept 1 && whole=$(sum n0) && [ "$whole" = "$(sum n1)" ]
'

test_expect_success 'it is killed: a backup leads, its unit starts it again, it leads again' '
    n=$(told central_restarted n0) && destroy n0 && await_told central_restarted n0 "$n" &&
    await_leader n0 && await_all_vote && is_kept 1 && wait_until 60 sys_event ".event == \"central_handed_back\""
'

test_expect_success 'its program is deleted, and it is killed: it gets the program back, votes, and leads again' '
    n=$(told central_redeployed n0) && m=$(others_led) && on n0 rm $program && destroy n0 && await_take_over "$m" && order 2 &&
    await_told central_redeployed n0 "$n" && has_sum n0 && await_leader n0 && await_all_vote && is_kept 2 &&
    [ "$(on n0 stat -c %a:%U $program)" = 755:root ] && ! on n0 sh -c "ls $program.sent 2>/dev/null"
'

test_expect_success 'its program is overwritten with garbage: the same; the garbage is kept for whoever asks' '
    n=$(told central_redeployed n0) && garbage n0 && bad=$(sum n0) && [ "$bad" != "$whole" ] && destroy n0 &&
    await_told central_redeployed n0 "$n" && has_sum n0 && await_leader n0 && await_all_vote && is_kept 2 &&
    [ "$(on n0 sha256sum $program.replaced | cut -d" " -f1)" = "$bad" ]
'

test_expect_success 'a backup is damaged: the leader sees to that one, too' '
    n=$(told central_redeployed n2) && garbage n2 && destroy n2 && await_told central_redeployed n2 "$n" && has_sum n2 &&
    await_all_vote && asked ".leader == \"n0\""
'

test_expect_success 'program, data and ft.conf are gone: all come back, under another identity' '
    before=$(id_of n0) && n=$(told central_redeployed n0) && m=$(others_led) && on n0 rm -rf $program $data /etc/ft/ft.conf && destroy n0 &&
    await_take_over "$m" && order 3 && await_told central_redeployed n0 "$n" && has_sum n0 &&
    await_leader n0 && await_all_vote && is_kept 3 && wait_until 60 has_another_id n0 "$before" && on n0 cat /etc/ft/ft.conf | diff -B - "$system_conf"
'

# Its mark says 9... instead of what the unit there and the leader are.
test_expect_success 'a program of another version is not overwritten, and that is said' '
    n=$(told redeploy_refused n0) && on n0 sh -c "sed \"s/@(#)ft-centrald version ./@(#)ft-centrald version 9/\" $program >$program.x &&
        chmod 755 $program.x && mv $program.x $program" && other=$(sum n0) && [ "$other" != "$whole" ] && destroy n0 &&
    await_told redeploy_refused n0 "$n" && [ "$(sum n0)" = "$other" ] && runs_not n0 &&
    sys_event ".event == \"redeploy_refused\" and (.text | contains(\"it is of version 9\"))"
'
test_expect_success 'put right and started by hand, it leads again' '
    put n0 $program 755 <"$FT_STAGE$program" && has_sum n0 && start_central n0 &&
    await_leader n0 && await_all_vote && is_kept 3
'

test_expect_success 'one that was ended in order is left alone' '
    n=$(told central_silent n1) && restarts=$(told central_restarted n1) && end_started n1 && await_told central_silent n1 "$n" &&
    [ "$(told central_restarted n1)" = "$restarts" ] && runs_not n1 && start_central n1 && await_all_vote
'

test_expect_success 'the daemons end in order and leave nothing' '
    for i in 0 1 2; do end_started n$i || return 1; done && forget_daemons n0 n1 n2 &&
    for i in 0 1 2 3 4; do on n$i pkill -TERM -x ft-noded; done && forget_daemons n3 n4 && nothing_is_left
'

ft_done
