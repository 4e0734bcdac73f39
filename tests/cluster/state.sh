# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Where a cluster keeps what it knows, and how a process of it is named so that a recycled PID is
# never taken for it. Shared by cluster, keeper.sh and node.sh; the caller sets `dir`, the cluster's
# folder:
#
#   $dir/keeper         the keeper's process: PID and start time
#   $dir/nK/init        the node's init: the same
#   $dir/nK/state       running | crashed | off      $dir/nK/cut, $dir/nK/stopped   present or not
#   $dir/nK/log         what the node's init and sshd said
#   $dir/shared         every node's /shared
#   $dir/slurm          only where there is a Slurm: slurm.sh
#   $dir/mnt            a tmpfs that only the cluster sees: the common layer (site), the nodes' disks
#                       (nK/up), and a hold on each node's network namespace (nK/net)

# The addresses are the same in every cluster: they never leave the namespaces.
node_address() { printf '10.77.0.%d' $((10 + $1)); }
node_mac() { printf '02:46:54:00:00:%02x' $((10 + $1)); }
# The users that every cluster has: name and uid, which is the gid, too.
cluster_users() { printf 'alice 2001\nbob 2002\n'; }
readonly GATEWAY=10.77.0.1
readonly MAX_NODES=64

# start_time PID: when that process began, in the kernel's ticks; nothing if there is none.
start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086  # the fields after the command's name, which may hold blanks
    set -- ${stat##*) }
    printf '%s' "${20}"
}

# Written by the process itself, from inside its namespaces, with the PID of the outermost.
record_self() {
    local pid
    read -r pid _ </proc/self/stat
    printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$1.new"
    mv "$1.new" "$1"
}

# recorded_pid FILE: prints the PID if that very process still lives.
recorded_pid() {
    local pid start
    { read -r pid start <"$1"; } 2>/dev/null || return 1
    [ "$(start_time "$pid")" = "$start" ] || return 1
    printf '%s' "$pid"
}

node_names() {
    local k
    for ((k = 0; k < MAX_NODES; k++)); do
        [ -d "$dir/n$k" ] || break
        printf 'n%d\n' "$k"
    done
}

# until_true TIMEOUT_ms CMD...: every 10 ms, until it succeeds or the time is over.
until_true() {
    local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
        sleep 0.01
    done
}
