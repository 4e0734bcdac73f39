#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The paper from front to back: a distributed unit (DFTU, ft-noded) on every computer, a central unit
# (CFTU, ft-centrald on n0), its recovery (CFTUR, ft-centrald on n4), a third one that votes and never
# keeps the lead (n3). Each case names what it shows. What is about to break (figure 1, first question) is in t0540, lost
# datagrams are in t0530.
test_description='the paper: sections 3 to 5, algorithms 1 to 4, figure 1'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"

centrals='n0 n4 n3'
voter_says=([n0]='priority = 9' [n4]='priority = 5' [n3]='witness = true')

# module NAME HOME PRIORITY: an RTDS module that runs until it is ended. Not on the central units.
module() {
    printf 'module "%s" {\n  command = { "/bin/sleep", "100%s" }\n  home = "%s"\n  nodes = { "n1", "n2" }\n  priority = %s\n  burst = 3\n  window_ms = 60000\n  delays_ms = { 0, 100 }\n}\n' "$1" "$3" "$2" "$3"
}
# A lease outlasts a change of the leader (lease_ms in ft.conf(5)), which takes 1.2 s of election at the most,
# and here four times that: two processors run five computers.
conf 'handback_ms = 4000' 'lease_ms = 8000' 'node "n1" { location = "row1/rack1" }' 'node "n2" { location = "row1/rack2" }' \
    "$(module pump n1 7)" "$(module valve n1 8)" "$(module alarm n2 9)"
prog_of() { case $1 in pump) echo 1007 ;; valve) echo 1008 ;; alarm) echo 1009 ;; esac; }

# runs NAME NODE: the process is there, and nowhere else.
runs() {
    local node
    for node in n1 n2; do
        node_runs "$node" || continue
        if [ "$node" = "$2" ]; then [ "$(pids "$1" "$node" | wc -l)" = 1 ] || return; else [ -z "$(pids "$1" "$node")" ] || return; fi
    done
}
node_runs() { cluster status | grep -q "^$1 .* running"; }
pids() { on "$2" pgrep -fx "/bin/sleep $(prog_of "$1")"; }
await_runs() { wait_until 60 runs "$1" "$2" || { ft_json n3 modules; all_events | tail -n 25; return 1; }; }
kill_module() { on "$2" pkill -KILL -fx "/bin/sleep $(prog_of "$1")"; }
all_vote() { ft_json n3 central | jq -e '[.voters[] | select(.votes)] | length == 3' >/dev/null; }
test_connected() { [ "$(sys_events ".event == \"unit_up\" and .node == \"$1\"")" -ge "$2" ]; }
# Ended whenever it is there, until it is not there any more.
fails_until_moved() { kill_module pump n1; runs pump n2; }
# same_as PIDS: they run on as those processes; else the story of it is shown.
same_as() { [ "$(pids pump n2)$(pids valve n2)$(pids alarm n2)" = "$1" ] || { echo "were: $1"; all_events | grep '"module' | tail -n 20; return 1; }; }
knows_modules() { ft_json n3 modules | jq -e '[.modules[] | select(.state == "runs" and .node == "n2")] | length == 3' >/dev/null; }
told() { sys_event ".event == \"$1\" and $2"; }
await_told() { wait_until 60 told "$@" >/dev/null || { all_events | tail -n 25; return 1; }; }

test_expect_success '4, information file: checked as a whole before anything runs' '
    spread_key n0 n1 n2 n3 n4 && spread_conf && on n0 ft-centrald --check
'
test_expect_success '3.2, algorithm 3: the CFTU is run; it identifies the computers by datagram and connects with each' '
    for node in $centrals; do start_central $node; done && await_central n0 40 &&
    for node in n1 n2; do noded_conf $node && start_unit $node; done &&
    await_told unit_up ".node == \"n1\"" && await_told unit_up ".node == \"n2\""
'
test_expect_success '3.1, algorithm 1: a DFTU that starts later sends its name, is identified and connected' '
    for node in n0 n3 n4; do noded_conf $node && start_unit $node && await_told unit_up ".node == \"$node\""; done
'
test_expect_success '4, collection: memory, processors and places of all computers are known' '
    await_told node_collected ".node == \"n2\"" && ft_json n1 nodes >nodes && cat nodes &&
    jq -e "[.nodes[] | select(.name == \"n1\" or .name == \"n2\")] | length == 2" nodes
'
test_expect_success 'the modules run on the computers that they belong to' '
    await_runs pump n1 && await_runs valve n1 && await_runs alarm n2
'
test_expect_success 'figure 1, second question, algorithm 2 steps 2 to 4: a process fails, it is run again there' '
    before=$(pids pump n1) && kill_module pump n1 && await_told module_ended ".module == \"pump\"" &&
    await_runs pump n1 && test "$(pids pump n1)" != "$before"
'
test_expect_success 'algorithm 2 steps 5 and 6, figure 1: the same error 3 times in a short time: the CFTU runs it elsewhere' '
    wait_until 60 fails_until_moved && await_runs pump n2 &&
    await_runs valve n1 && await_runs alarm n2
'
test_expect_success 'algorithm 1 steps 18 to 21: the connection is cut off, the DFTU connects again; no module is touched' '
    before=$(pids valve n1) && kill_unit n1 && start_unit n1 &&
    wait_until 60 test_connected n1 2 && await_runs valve n1 && echo "$before $(pids valve n1)" && test "$(pids valve n1)" = "$before"
'

test_expect_success '4, computer breakout: what ran there runs on another computer' '
    cluster off n1 && forget_daemons n1 && await_told node_declared ".node == \"n1\"" && await_runs valve n2 && await_runs pump n2
'
test_expect_success 'the computer is repaired: its DFTU is connected again, and nothing runs twice' '
    cluster boot n1 && start_unit n1 && await_told node_back ".node == \"n1\"" && await_runs valve n2 && await_runs alarm n2
'
test_expect_success '5, algorithm 4 step 1: the CFTU is damaged; the CFTUR goes on with the last state, no module is touched' '
    wait_until 60 all_vote && before=$(pids pump n2)$(pids valve n2)$(pids alarm n2) && kill_central n0 && await_central n4 40 &&
    wait_until 60 knows_modules && same_as "$before"
'

test_expect_success 'algorithm 4 steps 6 and 7: the CFTU is loaded on its own computer again, the backup steps back' '
    start_central n0 && await_central n0 90 && wait_until 60 knows_modules && await_told central_handed_back true
'
test_expect_success 'algorithm 4 step 2, database lose: the CFTU comes back without its data, and gets them' '
    wait_until 60 all_vote && before=$(pids pump n2)$(pids valve n2)$(pids alarm n2) && kill_central n0 &&
    on n0 sh -c "rm -rf /var/lib/ft/central" && await_central n4 40 && start_central n0 && await_central n0 120 &&
    wait_until 60 all_vote && wait_until 60 knows_modules && same_as "$before"
'
test_expect_success '5, the computer of the CFTU is damaged: the backup works until it is repaired, then hands back' '
    cluster off n0 && forget_daemons n0 && await_central n4 60 && kill_module alarm n2 && await_runs alarm n2 &&
    cluster boot n0 && start_central n0 && start_unit n0 && await_central n0 120 && wait_until 60 knows_modules
'
test_expect_success 'the daemons end in order; modules run on without them, until a person ends them' '
    system_down && runs alarm n2 && on n1 ft-noded --stop-modules && on n2 ft-noded --stop-modules &&
    test -z "$(pids alarm n2)$(pids pump n2)$(pids valve n2)"
'

ft_done
