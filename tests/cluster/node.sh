# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# node.sh DIR K: the init of node nK. Started by keeper.sh as PID 1 of the node's own PID, mount,
# network, UTS and IPC namespaces; makes the machine around itself, starts sshd, reaps orphans.
# Killing it is the node's crash.
#
# /proc is still the outermost one at the beginning, which is how it learns its PID out there and
# reaches the keeper's network namespace.
set -eu
here=$(cd -P "$(dirname "$0")" && pwd)
top=$(cd -P "$here/../.." && pwd)
dir=$1 k=$2
. "$here/state.sh"
mnt=$dir/mnt/n$k root=$dir/mnt/n$k/root

# quickack: without it each ssh loses 40 ms to the meeting of Nagle's algorithm and delayed
# acknowledgements in its handshake, half of all its time.
#
# One end of the cable is in the switch, the other is eth0 here. The hold keeps the node's kernel
# on the network when all its processes are dead: what a crash leaves behind still answers (with a
# reset), as that of a crashed node does whose kernel lives.
plug_in() {
    local keeper
    keeper=$(recorded_pid "$dir/keeper")
    { echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; } 2>/dev/null || true
    nsenter --net="/proc/$keeper/ns/net" ip -batch - <<I
link add v$k type veth peer name eth0 address $(node_mac "$k") netns /proc/$1/ns/net
link set v$k master br0 up
I
    ip -batch - <<I
link set lo up
addr add $(node_address "$k")/24 dev eth0 noprefixroute
link set eth0 up
route add 10.77.0.0/24 dev eth0 scope link src $(node_address "$k") quickack 1
route add default via $GATEWAY
I
    # the keeper's mount namespace holds it, ours goes with us
    nsenter --mount="/proc/$keeper/ns/mnt" mount --bind "/proc/$1/ns/net" "$mnt/net"
}

make_disk() {
    mount -t overlay -o "lowerdir=$dir/mnt/site:/,upperdir=$mnt/up,workdir=$mnt/work" "n$k" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t sysfs sysfs sys
    mount -t tmpfs -o mode=755 tmpfs dev
    cp -a /dev/{null,zero,full,random,urandom,tty} dev/
    ln -s /proc/self/fd dev/fd
    ln -s fd/0 dev/stdin
    ln -s fd/1 dev/stdout
    ln -s fd/2 dev/stderr
    mkdir dev/{pts,shm,mqueue}
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    mount -t tmpfs -o mode=1777 tmpfs dev/shm
    local scratch
    for scratch in tmp var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$scratch"; done
    for scratch in run root; do mount -t tmpfs -o mode=755 tmpfs "$scratch"; done
    cp -a "$dir/mnt/site/root/." root/
    mkdir -p run/sshd shared ".$top"
    mount --bind "$dir/shared" shared
    mount --bind "$top" ".$top"
    mount -o remount,bind,ro ".$top"
    hostname "n$k"
    echo "n$k" >etc/hostname
}

read -r outer_pid _ </proc/self/stat
plug_in "$outer_pid"
make_disk
record_self "$dir/n$k/init"   # the sign that it is on the network, and the last use of $dir
pivot_root . .
umount -l .
cd /
/usr/sbin/sshd -D -e -f /etc/ssh/cluster_sshd_config &
while :; do sleep 10000 & wait $! || true; done
