# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A real Slurm on the nodes of a cluster: munged everywhere, slurmctld on one node kept for it,
# slurmd on the others. The packages of Debian 13 unchanged, with a slurm.conf such as sites have:
# what differs from a site's is that it hears of a dead node in half a minute, and that a node's CPUs
# and memory are what slurm.conf says (config_overrides), as the machine below has fewer.
#
# SlurmdTimeout must not come near MessageTimeout: slurmctld begins its next round of pings when the
# last one is over, and one with a dead node in it takes MessageTimeout and more. With little between
# the two, all other nodes have not been heard for SlurmdTimeout by then, and are taken for dead, too.
#
# Sourced by `cluster`. Everything is kept in $dir/slurm:
#
#   controller   the name of the node that slurmctld runs on
#   etc/         what the nodes got: /etc/slurm/{slurm,gres,cgroup}.conf, /etc/munge/munge.key
#
# Two users that may submit, alice and bob, are known on every node of every cluster (keeper.sh).
readonly SLURM_TIMEOUT_S=60
# shellcheck disable=SC2016  # expanded on the nodes
readonly slurm_start_daemons='
    slurm_fails() { printf "%s: %s does not start; its log ends:\n" "$(hostname)" "$1"; tail -n 20 "$2"; exit 1; } >&2
    pgrep -x munged >/dev/null || {
        install -d -o munge -g munge -m 755 /run/munge
        install -d -o munge -g munge -m 700 /etc/munge /var/lib/munge /var/log/munge
        chown munge: /etc/munge/munge.key
        setpriv --reuid munge --regid munge --clear-groups munged || slurm_fails munged /var/log/munge/munged.log
    }
    install -d -o slurm -g slurm -m 755 /run/slurm /var/log/slurm
    if [ "$1" = controller ]; then
        install -d -o slurm -g slurm -m 700 /var/spool/slurmctld
        slurmctld >/dev/null 2>&1 || slurm_fails slurmctld /var/log/slurm/slurmctld.log
    else
        install -d -m 755 /var/spool/slurmd
        sed -nE "s/^NodeName=$(hostname) .* File=(.*)/\\1/p" /etc/slurm/gres.conf | tr , "\n" | xargs -r touch
        slurmd >/dev/null 2>&1 || slurm_fails slurmd /var/log/slurm/slurmd.log
    fi'

slurm_usage() {
    cat <<'U'
usage: cluster [-d DIR] slurm up [--controller NODE] [--conf LINE]... [--node NODE='SETTING...']...
       cluster [-d DIR] slurm stop | start | restart

  up       munged, slurmctld on one node (n0), slurmd on all others; returns when they are idle.
           Each has 4 CPUs and 4000 MB in partition "main"; --node says more of one, as NodeName
           lines do ('Gres=gpu:2 Feature=big'), --conf adds a line to slurm.conf (the last one counts)
  stop     slurmctld ends, in order; nodes and jobs go on
  start    slurmctld runs again; returns when it answers
  restart  both
U
}

# --- configuration

slurm_conf() {
    cat <<I
ClusterName=cluster
SlurmctldHost=$controller
SlurmUser=slurm
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=20
MessageTimeout=5
InactiveLimit=0
KillWait=5
MinJobAge=3600
DefMemPerCPU=500
I
    local name kinds
    kinds=$(slurm_gres | sed -nE 's/.* Name=([^ ]+) .*/\1/p' | sort -u | paste -sd,)
    [ -z "$kinds" ] || echo "GresTypes=$kinds"
    for name in $(slurm_nodes); do
        printf 'NodeName=%s NodeAddr=%s CPUs=4 RealMemory=4000 TmpDisk=100 State=UNKNOWN %s\n' "$name" \
            "$(node_address "${name#n}")" "${slurm_settings[$name]-}"
    done
    printf 'PartitionName=main Nodes=%s Default=YES MaxTime=INFINITE DefaultTime=60 State=UP\n' \
        "$(slurm_nodes | paste -sd,)"
    printf '%s\n' "${slurm_lines[@]}"
}

# slurmd wants a device for each; an empty file, made when it starts, is one to it.
slurm_gres() {
    local name gres
    for name in $(slurm_nodes); do
        for gres in $(grep -oiP '\bgres=\K\S+' <<<"${slurm_settings[$name]-}" | tr , ' '); do
            printf 'NodeName=%s Name=%s File=%s\n' "$name" "${gres%%:*}" \
                "$(seq -f "/dev/${gres%%:*}%g" -s, "${gres##*:}")"
        done
    done
}

slurm_nodes() { node_names | grep -vx "$controller"; }

slurm_write_conf() {
    local etc=$dir/slurm/etc
    mkdir -p "$etc"/{slurm,munge}
    slurm_conf >"$etc/slurm/slurm.conf"
    slurm_gres >"$etc/slurm/gres.conf"
    echo 'CgroupPlugin=disabled' >"$etc/slurm/cgroup.conf"
    (umask 377 && head -c 128 /dev/urandom >"$etc/munge/munge.key")
}

slurm_parse() {
    controller=n0 slurm_lines=()
    declare -gA slurm_settings=()
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || die "slurm up: $1 needs a value"
        case $1 in
            --controller) need_node "$2"; controller=$2 ;;
            --conf) slurm_lines+=("$2") ;;
            --node) [[ $2 =~ ^(n[0-9]+)=(.+)$ ]] || die "slurm up: --node nK='SETTING...', not '$2'"
                need_node "${BASH_REMATCH[1]}"
                slurm_settings[${BASH_REMATCH[1]}]+=" ${BASH_REMATCH[2]}" ;;
            *) die "slurm up: unknown option $1" ;;
        esac
        shift 2
    done
    [ "$(slurm_nodes)" ] || die "slurm up: $controller is the controller's, and no other node is there."
}

# --- running

on_slurm_node() { (cmd_exec "$@") </dev/null; }

slurm_is_set_up() { [ -e "$dir/slurm/controller" ]; }
need_slurm() {
    slurm_is_set_up || die "no Slurm was set up in this cluster; 'cluster slurm up' does."
    controller=$(cat "$dir/slurm/controller")
}

# slurm_start_node NODE: the daemons that belong there; also after its boot.
slurm_start_node() {
    local role=node
    [ "$1" != "$controller" ] || role=controller
    on_slurm_node "$1" bash -euc "$slurm_start_daemons" - "$role"
}

slurm_copy_conf() { tar -C "$dir/slurm" -c etc | (cmd_exec "$1" tar -x -C / --no-same-owner -p); }

# slurm_await TEXT COMMAND: until COMMAND succeeds on the controller's node.
slurm_await() {
    # shellcheck disable=SC2016
    on_slurm_node "$controller" timeout $SLURM_TIMEOUT_S \
        bash -c 'until eval "$1" >/dev/null 2>&1; do sleep 0.05; done' - "$2" && return
    on_slurm_node "$controller" bash -c 'sinfo -N -l; tail -n 20 /var/log/slurm/slurmctld.log' >&2
    die "slurm: not within $SLURM_TIMEOUT_S s: $1 (slurmctld's last words are above)."
}

slurm_answers() { slurm_await 'slurmctld answers' 'scontrol ping | grep -q "is UP"'; }

slurm_up() {
    local name pids=()
    if slurm_is_set_up; then die "Slurm is set up in this cluster already."; fi
    slurm_parse "$@"
    for name in $(node_names); do need_running "$name"; done
    slurm_write_conf
    for name in $(node_names); do slurm_copy_conf "$name"; done
    slurm_start_node "$controller"
    slurm_answers
    for name in $(slurm_nodes); do
        slurm_start_node "$name" &
        pids+=($!)
    done
    for name in "${pids[@]}"; do wait "$name" || die "slurm: a slurmd did not start (above)."; done
    echo "$controller" >"$dir/slurm/controller"
    slurm_await 'all nodes are idle' "[ \"\$(sinfo -h -N -o '%N %T' | sort -u | grep -c ' idle\$')\" = ${#pids[@]} ]"
}

# In order: it saves its state, and is gone when this returns.
slurm_stop() {
    # shellcheck disable=SC2016
    on_slurm_node "$controller" timeout $SLURM_TIMEOUT_S bash -c '
        pkill -TERM -x slurmctld || { echo "slurmctld does not run" >&2; exit 1; }
        while pgrep -x slurmctld >/dev/null; do sleep 0.02; done'
}

slurm_start() { slurm_start_node "$controller" && slurm_answers; }

cmd_slurm() {
    local what=${1-}
    [ $# -eq 0 ] || shift
    case $what in
        up) slurm_up "$@" ;;
        stop | start) need_slurm; "slurm_$what" ;;
        restart) need_slurm; slurm_stop; slurm_start ;;
        *) slurm_usage >&2; exit 2 ;;
    esac
}
