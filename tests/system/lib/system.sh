# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of the tests of the system's daemons (t05*), beside those of ft-sharness.sh:
#
#   cluster_up 5
#   . "$FT_TOP/tests/system/lib/system.sh"
#   conf 'voter n0 { }' 'pool = {"n4"}'
#   test_expect_success 'the daemons come up' 'system_up'
#   test_expect_success 'n0 leads' 'central_is n0'
#   ...
#   test_expect_success 'the daemons end and leave nothing' 'system_down && nothing_is_left'
#
# A system: ft-centrald on the voters, ft-noded on all nodes, one ft.conf and one key for all. The
# daemons run as they do under systemd, in the foreground, one process each that the test holds; their
# logs are /var/log/ft/NAME.log on their nodes. road.sh's words for jobs may be used beside these.

centrals=n0                                # the voters' nodes
declare -gA voter_says=()                   # what ft.conf says of a voter, by node: 'priority = 2'
declare -gA daemon_pid=()                  # by "NODE NAME"
system_conf=$ft_scratch/ft.conf
system_key=$ft_scratch/key
system_shared=$FT_CLUSTER/shared

all_nodes() { cluster status | awk 'NR > 1 { print $1 }'; }

# --- what the nodes have

# put NODE PATH [MODE] <FILE: a file on a node.
put() { on "$1" sh -c 'mkdir -p "${1%/*}" && cat >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"' - "$2" "${3-644}"; }

# conf LINE...: the ft.conf that all nodes have. Its voters are those named by `centrals`. A test is
# patient where it does not measure: the machine may be busy. A central unit that a test ends is started
# by the test again, not by its node's unit, unless `redeploys` is set.
conf() {
    local node
    {
        [ "$centrals" = n0 ] || for node in $centrals; do echo "voter \"$node\" { ${voter_says[$node]-} }"; done
        [ "$centrals" = n0 ] || [ "${redeploys-}" ] || echo 'central { redeploy = false }'
        printf '%s\n' 'auth = "key"' 'metrics_port = 0' "$@"
    } >"$system_conf"
}

# spread_conf [NODE]...: to these nodes, or to all centrals.
spread_conf() {
    local node
    # shellcheck disable=SC2086
    [ $# -gt 0 ] || set -- $centrals
    for node; do put "$node" /etc/ft/ft.conf <"$system_conf" || return; done
}

# noded_conf NODE: where its unit finds the central units, and what the node's own file says.
noded_conf() {
    local node=$1 list
    # shellcheck disable=SC2086
    list=$(printf '"%s", ' $centrals)
    {
        printf 'centrals = { %s }\nauth = "key"\n' "${list%, }"
        on "$node" sh -c 'grep -vE "^(centrals|auth) = " /etc/ft/noded.conf 2>/dev/null; true'
    } >"$ft_scratch/noded.conf.$node" && put "$node" /etc/ft/noded.conf <"$ft_scratch/noded.conf.$node"
}

spread_key() {
    [ -s "$system_key" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$system_key"
    local node
    for node; do put "$node" /etc/ft/key 400 <"$system_key" || return; done
}

# --- daemons

# daemon NODE NAME [OPTION]...: starts ft-centrald or ft-noded (or starts it again).
daemon() {
    local node=$1 name=$2
    shift 2
    on "$node" mkdir -p /var/log/ft || return
    # Of one that is killed bash would have to say so.
    cluster exec "$node" sh -c 'log=$1; shift; exec "$@" >>"$log" 2>&1' - "/var/log/ft/$name.log" \
        "/usr/sbin/$name" "$@" </dev/null >/dev/null 2>&1 3>&- 4>&- &
    daemon_pid["$node $name"]=$!
    disown
}

start_central() { daemon "$1" ft-centrald; }
start_unit() { daemon "$1" ft-noded; }

daemon_runs() { [ "${daemon_pid[$1 $2]-}" ] && kill -0 "${daemon_pid[$1 $2]}" 2>/dev/null; }
daemon_is_over() { ! daemon_runs "$@"; }

# end_daemon NODE NAME: with SIGTERM, as systemd does. kill_daemon: with SIGKILL. Both wait for its end.
end_daemon() { signal_daemon "$1" "$2" TERM && await_daemon "$1" "$2"; }
kill_daemon() { signal_daemon "$1" "$2" KILL && await_daemon "$1" "$2"; }
signal_daemon() { on "$1" pkill "-$3" -x "$2"; }
await_daemon() {
    wait_until 60 daemon_is_over "$1" "$2" && unset "daemon_pid[$1 $2]"
}
# forget_daemons NODE...: they went with the node.
forget_daemons() { local node; for node; do unset "daemon_pid[$node ft-noded]" "daemon_pid[$node ft-centrald]"; done; }
end_central() { end_daemon "$1" ft-centrald; }
kill_central() { kill_daemon "$1" ft-centrald; }
end_unit() { end_daemon "$1" ft-noded; }
kill_unit() { kill_daemon "$1" ft-noded; }

# --- the system as a whole

# system_up [NODE]...: the centrals, and the units of these nodes or of all; until all are connected,
# and all voters vote.
system_up() {
    local node nodes=("$@")
    # shellcheck disable=SC2207
    [ $# -gt 0 ] || nodes=($(all_nodes))
    # shellcheck disable=SC2046,SC2086
    spread_key $(printf '%s\n' $centrals "${nodes[@]}" | sort -u) && spread_conf || return
    for node in "${nodes[@]}"; do noded_conf "$node" || return; done
    for node in $centrals; do start_central "$node" || return; done
    wait_until 60 some_central_leads || { show_logs; return 1; }
    for node in "${nodes[@]}"; do start_unit "$node" || return; done
    wait_until 60 units_are_up "${nodes[@]}" && wait_until 60 voters_vote || { show_logs; return 1; }
}

# Of several centrals, each has been taken in: the loss of one is no matter now.
voters_vote() {
    # shellcheck disable=SC2086
    set -- $centrals
    [ $# = 1 ] || ft_json "$(ask_node)" central 2>/dev/null |
        jq -e "[.voters[] | select(.votes)] | length == $#" >/dev/null
}

# system_down: all daemons end in order: the units, all at once, as the leases of their modules do not
# last for long without them; then the centrals.
system_down() {
    local key told=() result=0
    for key in "${!daemon_pid[@]}"; do
        # shellcheck disable=SC2086
        case $key in *ft-noded) daemon_is_over $key || { told+=("$key") && signal_daemon $key TERM; } || result=1 ;; esac
    done
    for key in "${told[@]}"; do
        # shellcheck disable=SC2086
        await_daemon $key || result=1
    done
    for key in "${!daemon_pid[@]}"; do
        # shellcheck disable=SC2086
        case $key in *ft-centrald) daemon_is_over $key || end_daemon $key || result=1 ;; esac
    done
    return $result
}

show_logs() {
    local node
    for node in $(all_nodes); do
        on "$node" sh -c 'tail -n 30 /var/log/ft/*.log 2>/dev/null' | sed "s/^/$node: /"
    done
    sys_log_file=$(leader_log) && tail -n 30 "$sys_log_file"
}

# --- asking the system: `ft` on a node, as JSON

# ft_json NODE COMMAND...: what `ft COMMAND --json` says there.
ft_json() { local node=$1; shift; on "$node" ft "$@" --json; }

# some node whose unit can be asked
ask_node() { local key; for key in "${!daemon_pid[@]}"; do case $key in *ft-noded) echo "${key% *}"; return ;; esac; done; echo n0; }

# central_is NODE: that one leads, by its own word and the others'.
central_is() { [ "$(leader)" = "$1" ]; }
await_central() { wait_until "${2-60}" central_is "$1" || { show_logs; return 1; }; }

# leader: the node whose central unit leads, by its log's last word; "" if there is none.
leader() {
    local node last
    for node in $centrals; do
        daemon_runs "$node" ft-centrald || continue
        last=$(on "$node" sh -c 'grep -hE "info: (leads|follows|waits|ending)" /var/log/ft/ft-centrald.log 2>/dev/null | tail -n 1')
        case $last in *"info: leads, term"*) echo "$node"; return ;; esac
    done
    return 1
}
some_central_leads() { leader >/dev/null; }

# --- the event log of who leads (system_events), and of all centrals together

log_of() { on "$1" cat /var/lib/ft/central/events.jsonl 2>/dev/null; }
leader_log() { local node; node=$(leader) && log_of "$node" >"$ft_scratch/events.$node" && echo "$ft_scratch/events.$node"; }
all_events() { local node; for node in $centrals; do log_of "$node"; done; }

# sys_event FILTER: the first entry in any central's log that it selects.
sys_event() { all_events | jq -ce "select($1)" 2>/dev/null | head -n 1 | grep .; }
sys_events() { all_events | jq -c "select($1)" | wc -l; }
await_sys_event() { wait_until "$1" sys_event "$2" >/dev/null || { all_events; return 1; }; }

unit_is_up() { sys_event ".event == \"unit_up\" and .node == \"$1\""; }
units_are_up() {
    local node
    all_events >"$ft_scratch/all_events"
    for node; do
        jq -c --arg n "$node" 'select(.event == "node_collected" and .node == $n)' "$ft_scratch/all_events" 2>/dev/null | grep -q . || return
    done
}

# --- modules

# module_runs NAME NODE: by `ft modules`.
module_runs() {
    ft_json "$(ask_node)" modules 2>/dev/null | jq -c --arg m "$1" --arg n "$2" \
        '.modules[] | select(.name == $m and .node == $n and .state == "runs")' | grep -q .
}
await_module() { wait_until "$1" module_runs "$2" "$3" || { ft_json "$(ask_node)" modules; show_logs; return 1; }; }

# module_pids NODE REGEX: processes there whose command line matches.
module_pids() { on "$1" pgrep -f "$2"; }

# --- leftovers

# What the daemons have left on the nodes: processes, sockets and files under /tmp and /run/ft. That a
# central unit ended in order is to be known until the next boot.
system_leftovers() {
    local node
    cluster pids | grep -v ' sshd-session: '
    for node in $(cluster status | awk '$5 == "running" { print $1 }'); do
        on "$node" sh -c "find /tmp /var/tmp /dev/shm /run/ft -xdev -mindepth 1 ! -type d ! -path /run/ft/central.ended -printf '$node %p\n' 2>/dev/null"
    done
}
nothing_is_left() { wait_until 60 no_system_leftovers || { system_leftovers; return 1; }; }
no_system_leftovers() { [ -z "$(system_leftovers)" ]; }
