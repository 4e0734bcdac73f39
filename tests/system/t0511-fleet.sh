#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Which node runs what: modules on the nodes that ft.conf means, on others when those are lost, drained
# or unfit, and never on two at once. Each module holds a lock that all nodes share: a second one would
# find it taken, and say so in the file `twice`.
test_description='modules run elsewhere when they have to, and once'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/system.sh"
shared=$FT_CLUSTER/shared

cat >"$shared/module" <<'END'
#!/bin/bash
# module NAME [WORD]...
exec 9>>"/shared/$1.lock"
if ! flock -n 9; then echo "$1 on $(hostname)" >>/shared/twice; exit 1; fi
if [ -e "/shared/$1.bad.$(hostname)" ]; then exit 3; fi
echo "$(hostname) $$ $EPOCHREALTIME" >>"/shared/$1.runs"
exec sleep 1000000
END
chmod 755 "$shared/module"

# module NAME [OPTION]...: for ft.conf. words: what else its command gets.
words=''
module() {
    local name=$1
    shift
    printf 'module "%s" {\n  command = { "/shared/module", "%s"%s }\n' "$name" "$name" "${words:+, \"$words\"}"
    [ $# = 0 ] || printf '  %s\n' "$@"
    printf '}\n'
}

plan() {
    # Patient: a busy machine must not look like a lost node.
    printf '%s\n' 'lease_ms = 5000' 'detect { beat_ms = 500 suspect_ms = 1000 confirm_ms = 1000 }'
    echo 'node "n[0-3]" { }'
    echo 'node "n4" { spare = true }'
    module base 'home = "n1"' 'priority = 1' 'burst = 2' 'delays_ms = { 0 }'
    module top 'home = "n1"' 'after = { "base" }'
    words=$side_words module side 'home = "n2"'
    module big 'cores_min = 100000'
}

where() { tail -n 1 "$shared/$1.runs" | cut -d" " -f1; }
pid_of() { tail -n 1 "$shared/$1.runs" | cut -d" " -f2; }
first_pid_of() { head -n 1 "$shared/$1.runs" | cut -d" " -f2; }
starts() { wc -l <"$shared/$1.runs"; }
starts_more() { [ "$(starts "$1")" -gt "$2" ]; } # NAME N
is_elsewhere() { [ "$(where "$1")" != "$2" ] && module_runs "$1" "$(where "$1")"; }
event_of() { sys_event ".event == \"$1\" and .module == \"$2\""; }
never_twice() { [ ! -e "$shared/twice" ] || { cat "$shared/twice"; return 1; }; }
seq_now() { all_events | tail -n 1 | jq .seq; }

side_words=''
conf "$(plan)"

test_expect_success 'modules run at home, one after the other; what fits nowhere waits, and it is said why' '
    system_up && await_module 60 base n1 && await_module 60 top n1 && await_module 60 side n2 &&
    test "$(event_of module_runs base | jq .seq)" -lt "$(event_of module_placed top | jq .seq)" &&
    await_sys_event 60 ".event == \"module_waits\" and .module == \"big\" and (.text | test(\"n1 has [0-9]+ cores, 100000 are needed\"))"
'

test_expect_success 'their node is cut off: they run elsewhere when its lease is over, not before; no spare is used' '
    cut=$(cluster cut n1) && wait_until 60 is_elsewhere base n1 && wait_until 60 is_elsewhere top n1 &&
    test "$(where base)" != n4 && test "$(where top)" != n4 && event_of module_lost base &&
    started=$(tail -n 1 "$shared/base.runs" | cut -d" " -f3) && test "$(ms_between "$cut" "$started")" -ge 3000 &&
    test "$(starts side)" = 1 && never_twice
'

test_expect_success 'the node is back: it has stopped them, takes modules, and gets none of these back by itself' '
    seen=$(seq_now) && cluster join n1 && await_sys_event 60 ".event == \"unit_up\" and .node == \"n1\" and .seq > $seen" &&
    sleep 1 && is_elsewhere base n1 && is_elsewhere top n1 && test "$(starts base)" = 2 && never_twice &&
    for name in base top; do test_must_fail on n1 kill -0 "$(first_pid_of $name)" || return; done
'

test_expect_success 'a node is switched off: what it ran runs elsewhere' '
    old=$(where side) && cluster off "$old" && wait_until 60 is_elsewhere side "$old" && never_twice
'
test_expect_success 'it boots: its unit comes back, and has nothing' '
    seen=$(seq_now) && cluster boot "$old" && forget_daemons "$old" && start_unit "$old" &&
    await_sys_event 60 ".event == \"unit_up\" and .node == \"$old\" and .seq > $seen" && never_twice
'

test_expect_success 'a module fails where it is again and again: it is given up there, and runs elsewhere' '
    old=$(where base) && touch "$shared/base.bad.$old" && on "$old" kill -9 "$(pid_of base)" &&
    wait_until 60 is_elsewhere base "$old" && event_of module_given_up base && never_twice
'
test_expect_success 'it is not moved back there, by a person either, until that is forgotten' '
    test_must_fail on n0 ft move base "$old" 2>said && cat said && grep "could not hold it lately" said
'

test_expect_success 'a node is drained: it is left in order, and taken again when that is over' '
    old=$(where top) && on n0 timeout 90 ft drain "$old" --reason "new disks" && wait_until 60 is_elsewhere top "$old" &&
    await_sys_event 60 ".event == \"node_drained\" and .node == \"$old\"" &&
    sys_event ".event == \"module_placed\" and (.text | contains(\"drained by\"))" &&
    on n0 ft undrain "$old" && never_twice
'

test_expect_success 'moved where a person wants it; refused where it cannot be' '
    to=n3 && { test "$(where top)" != n3 || to=n2; } &&
    on n0 timeout 120 ft move top $to && await_module 60 top $to &&
    test_must_fail on n0 ft move top n99 2>said && grep "no node n99" said && never_twice
'

test_expect_success 'started again in its place by a person' '
    n=$(starts side) node=$(where side) && on n0 timeout 90 ft restart side && wait_until 60 starts_more side "$n" &&
    await_module 60 side "$node" && never_twice
'

test_expect_success 'ft.conf changes: what it changes is started again, the rest runs on, what it takes out stops' '
    base=$(starts base) side=$(starts side) top_node=$(where top) top_pid=$(pid_of top) &&
    side_words=anew && conf "$(plan | sed "/^module \"top\"/,/^}/d")" && spread_conf &&
    signal_daemon n0 ft-centrald HUP && wait_until 60 starts_more side "$side" &&
    await_sys_event 60 ".event == \"module_stopped\" and .module == \"top\"" &&
    test_must_fail on "$top_node" kill -0 "$top_pid" && test "$(starts base)" = "$base" && never_twice
'

test_expect_success 'the central unit is killed and started again: what runs is left alone' '
    base=$(starts base) side=$(starts side) && kill_central n0 && start_central n0 && await_central n0 40 &&
    await_module 60 base "$(where base)" && await_module 60 side "$(where side)" && sleep 5 &&
    test "$(starts base)" = "$base" && test "$(starts side)" = "$side" && never_twice
'

test_expect_success 'the daemons end in order' 'on n0 ft status; system_down'

ft_done
