# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The inside of a cluster, run by `cluster` in the cluster's own namespaces:
#
#   keeper.sh DIR keep STAGE OWNER
#                              becomes the keeper: PID 1 of the cluster's PID namespace, holder of
#                              the switch (a bridge in its network namespace) and of the nodes'
#                              disks. When it dies, however it dies, the kernel ends every process
#                              of the cluster, and with them its mounts, links and namespaces.
#   keeper.sh DIR start K...   starts nodes (node.sh), each in namespaces of its own, as children
#                              that the keeper inherits.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$1
. "$here/state.sh"

# A bridge without cleverness. It answers for the rest of the world with "unreachable" at once, so
# that nothing in a node waits for an address outside the cluster.
make_switch() {
    ip -batch - <<I
link set lo up
link add br0 type bridge forward_delay 0 mcast_snooping 0
link set br0 up
addr add $GATEWAY/24 dev br0
route add unreachable default
I
    { echo 1 >/proc/sys/net/ipv4/ip_forward; } 2>/dev/null || true
}

# The layer that all nodes share, over the Debian root: the staged installation, frozen as it is
# now, and what makes the nodes know each other.
make_site() {
    local site=$dir/mnt/site stage=$1 names
    mkdir -p "$site"/{etc/ssh,root/.ssh}
    [ -z "$stage" ] || cp -r --preserve=mode,links,timestamps "$stage/." "$site/"
    cp "$dir/hosts" "$site/etc/hosts"
    : >"$site/etc/resolv.conf"
    # sshd refuses a locked account even to a key
    sed 's/^root:[^:]*:/root:*:/' /etc/shadow >"$site/etc/shadow"
    make_users "$site/etc"
    chmod 600 "$site/etc/shadow"

    ssh-keygen -q -t ed25519 -N '' -C cluster -f "$site/etc/ssh/cluster_host_key"
    ssh-keygen -q -t ed25519 -N '' -C cluster -f "$site/root/.ssh/id_ed25519"
    cp "$site/root/.ssh/id_ed25519.pub" "$site/root/.ssh/authorized_keys"
    names=$(sed 's/ /,/g' "$dir/hosts" | grep -v ^127 | paste -sd,)
    printf '%s %s\n' "$names" "$(cat "$site/etc/ssh/cluster_host_key.pub")" >"$site/etc/ssh/cluster_known_hosts"
    cat >"$site/etc/ssh/cluster_sshd_config" <<'I'
HostKey /etc/ssh/cluster_host_key
PermitRootLogin prohibit-password
AuthenticationMethods publickey
StrictModes no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
MaxStartups 200
MaxSessions 200
PidFile none
LogLevel ERROR
I
    cat >"$site/etc/ssh/ssh_config" <<'I'
StrictHostKeyChecking yes
GlobalKnownHostsFile /etc/ssh/cluster_known_hosts
UserKnownHostsFile /dev/null
PreferredAuthentications publickey
AddressFamily inet
LogLevel ERROR
I
}

# Ordinary users, the same everywhere, who have no password and nothing else in common with root.
make_users() {
    local etc=$1 name uid
    cp /etc/passwd /etc/group "$etc"
    while read -r name uid; do
        echo "$name:x:$uid:$uid::/shared/home/$name:/bin/bash" >>"$etc/passwd"
        echo "$name:x:$uid:" >>"$etc/group"
        echo "$name:*:20000:0:99999:7:::" >>"$etc/shadow"
    done < <(cluster_users)
}

keep() {
    mount -t tmpfs -o mode=755 cluster "$dir/mnt"
    make_switch
    make_site "$1"
    record_self "$dir/keeper"
    # bash reaps the orphans that come to it
    if [ "$2" ]; then
        local since
        since=$(start_time "$2") || exit 0
        while [ "$(start_time "$2")" = "$since" ]; do sleep 1; done
    else
        while :; do sleep 10000 & wait $! || true; done
    fi
}

# A node's disk and the hold on its network outlive a crash; a new start takes the disk over.
start_node() {
    local k=$1 mnt=$dir/mnt/n$1
    mkdir -p "$mnt"/{up,work,root}
    if [ -e "$mnt/net" ]; then umount -l "$mnt/net" 2>/dev/null || true; else : >"$mnt/net"; fi
    ip link del "v$k" 2>/dev/null || true
    setsid unshare --mount --net --uts --ipc --pid --fork --kill-child \
        bash "$here/node.sh" "$dir" "$k" </dev/null >>"$dir/n$k/log" 2>&1 &
}

case $2 in
    keep) keep "$3" "$4" ;;
    start) shift 2; for k; do start_node "$k"; done ;;
esac
