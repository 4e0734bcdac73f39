# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# node.sh: the figures of a node's own unit and its modules, for `bench`: the system's daemons run on
# n0 (central unit and unit) and n1 (unit, four modules). They are brought up before the first of
# these samples, and stay: the keys of jobs come before.
#
#   module_restart_ms   a module is killed -> its next process is in main()
#   noded_rss_mb        resident memory of ft-noded, shared libraries included
#   noded_core_pct      processor time that it takes, of one core, while nothing happens
#   keeper_rss_mb       resident memory of ft-keeper, of which each module has one

readonly NODE_KEYS='module_restart_ms noded_rss_mb noded_core_pct keeper_rss_mb'
readonly IDLE_S=3 MODULE_TIMEOUT_S=60
module_prog=$FT_BUILD/tests/unit/module_prog
FT_TOP=$top ft_scratch=$scratch
node_is_up=

node_plan() {
    local i
    printf 'module "restart" { command = { "%s", "stamp=/shared/module" } home = "n1" burst = 100 window_ms = 1 delays_ms = { 0 } }\n' "$module_prog"
    for i in 1 2 3; do printf 'module "idle%d" { command = { "%s" } home = "n1" }\n' "$i" "$module_prog"; done
}

# status NAME KEY: of the module's keeper on n1
status() { on n1 sed -n "s/^$2 //p" "/run/ft/modules/$1/status" 2>/dev/null | head -n 1; }
module_is_ready() { [ "$(status "$1" ready)" = 1 ] && [ "$(status "$1" end)" = 0 ]; }

node_up() {
    local name
    [ ! "$node_is_up" ] || return 0
    # shellcheck source=tests/system/lib/system.sh
    . "$top/tests/system/lib/system.sh"
    conf "$(node_plan)"
    system_up n0 n1 || die "the system's daemons did not come up (see above)."
    for name in restart idle1 idle2 idle3; do
        wait_until $MODULE_TIMEOUT_S module_is_ready "$name" || die "module $name does not run after $MODULE_TIMEOUT_S s"
    done
    node_is_up=yes
    sleep $IDLE_S   # the first measurements of the node are over then
}

module_is_back() { [ -s "$shared/module" ]; }

sample_module_restart_ms() {
    node_up
    wait_until $MODULE_TIMEOUT_S module_is_ready restart || return
    rm -f "$shared/module"
    on n1 bash -c 'echo "$EPOCHREALTIME" >/shared/killed; kill -KILL "$1"' - "$(status restart pid)" || return
    wait_until $MODULE_TIMEOUT_S module_is_back || { say "$1: the module does not run again"; return 1; }
    { ms_between "$(<"$shared/killed")" "$(head -n 1 "$shared/module")"; echo; } >>"$scratch/$1"
}

# resident PID: in MiB, on n1
resident() { on n1 awk '$1 == "VmRSS:" { printf "%.2f\n", $2 / 1024 }' "/proc/$1/status"; }

sample_noded_rss_mb() { node_up; resident "$(on n1 pgrep -o -x ft-noded)" >>"$scratch/$1"; }
sample_keeper_rss_mb() { node_up; resident "$(status idle1 keeper)" >>"$scratch/$1"; }

# cpu_ns PID: what all its threads have had of the processor
cpu_ns() { on n1 sh -c 'cat /proc/"$1"/task/*/schedstat' - "$1" | awk '{ n += $1 } END { printf "%d\n", n }'; }

sample_noded_core_pct() {
    local pid from to
    node_up
    pid=$(on n1 pgrep -o -x ft-noded)
    from=$(cpu_ns "$pid") && sleep $IDLE_S && to=$(cpu_ns "$pid") || return
    awk -v ns=$((to - from)) -v s=$IDLE_S 'BEGIN { printf "%.4f\n", ns / s / 1e7 }' >>"$scratch/$1"
}
