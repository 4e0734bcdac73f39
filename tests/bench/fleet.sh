# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# fleet.sh: the figures of the central unit's own work, and of modules that move, for `bench`.
#
#   find_100k_us          findAlternative's decision among 100,000 nodes, core's own work (its p99 counts)
#   inventory_node_bytes  what a node takes in the inventory and the history, beside its topology
#   topology_load_ms      a node looks at its own hardware, as each probe does
#   module_move_ms        a module's node is switched off -> the module is in main() elsewhere; default
#                         lease. Uses the daemons of node.sh, and n2 and n3, where the module may run

readonly CORE_KEYS='find_100k_us inventory_node_bytes topology_load_ms' FLEET_KEYS='module_move_ms'
readonly MOVE_TIMEOUT_S=60
move_is_up=

# One run of the program has all samples.
find_once() { [ -s "$scratch/find" ] || "$FT_BUILD/tests/bench/bench_find" >"$scratch/find"; }
find_value() { find_once && { [ -s "$scratch/$1" ] || awk -v key="$1" '$1 == key { print $2 }' "$scratch/find" >>"$scratch/$1"; }; }
sample_find_100k_us() { find_value "$1"; }
sample_inventory_node_bytes() { find_value "$1"; }
sample_topology_load_ms() { "$FT_BUILD/tests/bench/bench_topology" 1 >>"$scratch/$1"; }

move_plan() {
    printf 'module "move" { command = { "%s", "stamp=/shared/moved" } home = "n2" nodes = { "n2", "n3" } }\n' "$module_prog"
}

# Where it was started last, and when.
moved_where() { ft_json n0 modules move 2>/dev/null | jq -er '.modules[0] | select(.state == "runs") | .node'; }
move_runs() { moved_where >/dev/null; }
move_runs_anew() { [ -s "$shared/moved" ] && move_runs; }
unit_is_back() { ft_json n0 nodes "$1" 2>/dev/null | jq -e '.nodes[0] | .unit and .state == "well"' >/dev/null; }

move_up() {
    local node
    node_up
    [ ! "$move_is_up" ] || return 0
    conf "$(node_plan; move_plan)"
    spread_key n2 n3 && spread_conf || die "ft.conf cannot be put on the nodes"
    for node in n2 n3; do noded_conf "$node" && start_unit "$node" || die "no unit on $node"; done
    signal_daemon n0 ft-centrald HUP
    for node in n2 n3; do wait_until $MOVE_TIMEOUT_S unit_is_back "$node" || die "the unit of $node does not come"; done
    wait_until $MOVE_TIMEOUT_S move_runs || die "module move does not run"
    move_is_up=yes
}

sample_module_move_ms() {
    local from off
    move_up
    wait_until $MOVE_TIMEOUT_S move_runs && from=$(moved_where) || return
    rm -f "$shared/moved"
    off=$(cluster off "$from")
    wait_until $MOVE_TIMEOUT_S move_runs_anew || { say "$1: the module does not run elsewhere"; return 1; }
    { ms_between "$off" "$(tail -n 1 "$shared/moved")"; echo; } >>"$scratch/$1"
    cluster boot "$from" && forget_daemons "$from" && noded_conf "$from" && spread_key "$from" && start_unit "$from" &&
        wait_until $MOVE_TIMEOUT_S unit_is_back "$from" || die "$from does not come back"
}
