#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Algorithm 4 of the paper ("Database Lose"), and the rest of what can happen to a central unit's data:
# its machine goes and comes back, it is cut off, its log is torn, damaged, gone, its disk is full.
test_description='the data of the central unit outlive its machines, disks and files'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"

# Three voters on n0, n1, n2, preferred in this order; n3 and n4 have units only.
centrals='n0 n1 n2'
data=/var/lib/ft/central
for i in 0 1 2; do voter_says[n$i]="priority = $((30 - 10 * i))"; done
conf 'handback_ms = 2000'

asked() { ft_json n3 central >central.json 2>/dev/null && jq -e "$1" central.json >/dev/null; }
all_vote() { asked '[.voters[] | select(.connected and .votes and .lag < 64 and (.state == "follows" or .state == "leads"))] | length == 3'; }
await_all_vote() { wait_until 60 all_vote || { cat central.json; show_logs; return 1; }; }
await_leader() { wait_until 60 asked ".leader == \"$1\"" || { cat central.json; show_logs; return 1; }; }
other_leads() { asked ".leader != \"\" and .leader != \"$1\""; }
has_another_id() { local id; id=$(id_of "$1") && [ "$id" ] && [ "$id" != "$2" ]; }
id_of() { on "$1" sed -n 's/^id //p' $data/voter; }
said() { on "$1" grep -c "$2" /var/log/ft/ft-centrald.log; }
# what has been ordered is still known: n4 is drained, for this reason
is_kept() { wait_until 60 eval "ft_json n3 nodes n4 | jq -e \".nodes[0].drained | contains(\\\"kept $1\\\")\" >/dev/null" || { ft_json n3 nodes n4; return 1; }; }
order() { wait_until 60 on n3 ft drain n4 --reason "kept $1" --no-wait; }
no_room='.voters[] | select(.name == "n0") | .state == "no room on its disk"'
# Its old identity is gone, its new one votes: only then may another voter be lost.
joined_again() { [ "$(said "$1" voter_joined)" = 2 ]; }
# told EVENT NODE WORD: what an administrator reads on a node, from who leads now: such an event about
# that voter, with that word. was_told ...: what whoever led then wrote.
told() { wait_until 60 reads "$@" || { on n3 ft events --json | grep voter_; show_logs; return 1; }; }
reads() { on n3 ft events --json 2>/dev/null | chosen "$@"; }
was_told() { wait_until 60 wrote "$@" || { all_events | grep voter_; show_logs; return 1; }; }
wrote() { all_events | chosen "$@"; }
chosen() { jq -ce --arg e "$1" --arg n "$2" --arg w "$3" 'select(.event == $e and .node == $n and (.text | contains($w)))' | grep -q .; }
newest_log() { on "$1" sh -c "ls $data/log-* | sort | tail -n 1"; }

test_expect_success 'the preferred voter leads, the others follow' '
    system_up && await_leader n0 && await_all_vote && order 1 && is_kept 1
'

test_expect_success 'its machine crashes: a backup leads, with all that was ordered' '
    cluster crash n0 && wait_until 60 other_leads n0 && is_kept 1
'
test_expect_success 'its machine is back: it leads again, by itself' '
    cluster boot n0 && forget_daemons n0 && start_unit n0 && start_central n0 &&
    await_leader n0 && await_all_vote && is_kept 1 && wait_until 60 sys_event ".event == \"central_handed_back\""
'

test_expect_success 'it is cut off: a backup leads; joined again, it follows, and then leads' '
    order 2 && cluster cut n0 && wait_until 60 other_leads n0 && is_kept 2 && order 3 &&
    cluster join n0 && await_leader n0 && await_all_vote && is_kept 3
'

test_expect_success 'the power goes while a voter writes: the torn end is cut off, it follows' '
    before=$(id_of n1) && kill_central n1 && log=$(newest_log n1) &&
    on n1 sh -c "printf torn-and-never-finished >>$log" && start_central n1 &&
    await_all_vote && test "$(said n1 book_mended)" = 1 && test "$(id_of n1)" = "$before"
'

test_expect_success 'a log that is damaged is set aside: the voter comes back under another identity' '
    kill_central n1 && log=$(on n1 sh -c "ls $data/log-* | sort | head -n 1") &&
    on n1 sh -c "printf XXXX | dd of=$log bs=1 seek=60 conv=notrunc status=none" && start_central n1 &&
    wait_until 60 joined_again n1 && await_all_vote && test "$(said n1 voter_data_lost)" = 1 && test "$(id_of n1)" != "$before" &&
    told voter_removed n1 "$before" && told voter_added n1 "$(id_of n1)" && told voter_promoted n1 n1 &&
    on n1 sh -c "ls -d $data/lost-*" && on n1 test -e $data/events.jsonl && is_kept 3
'

test_expect_success 'the data of who leads are gone: a backup leads; it joins anew, catches up, and leads again' '
    before=$(id_of n0) && order 4 && kill_central n0 && on n0 rm -rf $data && wait_until 60 other_leads n0 &&
    is_kept 4 && start_central n0 && was_told voter_removed n0 "$before" && await_leader n0 && await_all_vote && is_kept 4 &&
    wait_until 60 has_another_id n0 "$before" && was_told voter_added n0 "$(id_of n0)" && told voter_joined n0 "$(id_of n0)"
'

test_expect_success 'the disk of who leads is full: it gives the lead away, nothing is lost, and takes it again' '
    kill_central n0 && wait_until 60 other_leads n0 &&
    on n0 sh -c "mv $data $data.was && mkdir $data && mount -t tmpfs -o size=8m tmpfs $data && cp -a $data.was/. $data/" &&
    start_central n0 && await_leader n0 && await_all_vote &&
    { on n0 dd if=/dev/zero of=$data/fill bs=64k status=none 2>/dev/null; true; } &&
    wait_until 60 other_leads n0 && order 5 && is_kept 5 && wait_until 60 asked "$no_room" &&
    on n0 rm $data/fill && await_leader n0 && await_all_vote && is_kept 5 && ! asked "$no_room"
'

test_expect_success 'all central units are killed at once: nothing is lost' '
    order 6 && is_kept 6 && kill_central n0 && kill_central n1 && kill_central n2 &&
    start_central n2 && start_central n1 && start_central n0 && await_leader n0 && await_all_vote && is_kept 6
'

test_expect_success 'the daemons end in order and leave nothing' '
    system_down && on n0 umount $data && nothing_is_left
'

ft_done
