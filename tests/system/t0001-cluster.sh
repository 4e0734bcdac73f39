#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The test bed itself: what tests/cluster promises about its nodes and their faults.
test_description='virtual nodes: separate machines, faults that are what they are called, no traces'
. "$(dirname "$0")/lib/ft-sharness.sh"

echo 'not a topology, only a file' >some.xml
printf '#!/bin/sh\nexit 3\n' >site-check
chmod 755 site-check
cluster_up 3 --topology n1='synthetic:package:2 core:4 pu:1' --topology n2=xml:some.xml \
    --file all:/etc/ft/check=site-check

test_expect_success 'every node has its own name and address, and knows the others' '
    for k in 0 1 2; do
        test "$(on n$k hostname)" = n$k &&
        on n$k ip -br addr show eth0 | grep -q "10.77.0.1$k/24" &&
        on n$k getent hosts n0 n1 n2 >hosts && test "$(wc -l <hosts)" = 3 || return 1
    done
'

test_expect_success '/tmp, /var/tmp, /dev/shm, /run and the disk are its own, /shared is everyones' '
    for folder in /tmp /var/tmp /dev/shm /run /etc; do
        on n0 touch $folder/of-n0 && on n0 test -e $folder/of-n0 &&
        test_expect_code 1 on n1 test -e $folder/of-n0 && test ! -e $folder/of-n0 || return 1
    done &&
    on n0 touch /shared/of-n0 && on n1 test -e /shared/of-n0 && test -e "$FT_CLUSTER/shared/of-n0"
'

test_expect_success 'the checkout is there, read-only' '
    on n0 test -x "$FT_TOP/tests/cluster/cluster" && test_must_fail on n0 touch "$FT_TOP/x"
'

test_expect_success 'it sees its own processes only' '
    on n0 ps -e >ps && test "$(wc -l <ps)" -lt 8
'

test_expect_success 'exec passes stdin and the exit code on' '
    test "$(echo through | on n0 cat)" = through &&
    test_expect_code 7 on n0 sh -c "exit 7" &&
    test_expect_code 127 on n0 no-such-command
'

# The machine's PIDs begin anew at some time: then an init has a number that the cluster uses, too.
# with_number PID: a process has it, in the cluster's own numbering, until a line comes.
with_number() {
    read -r keeper _ <"$FT_CLUSTER/keeper" &&
    exec nsenter -t "$keeper" -p bash -c '
        for try in 1 2 3 4 5 6 7 8 9 10; do # others may begin in between
            echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid
            sleep 60 & [ $! != "$1" ] || break
            kill $!
        done
        [ $! != "$1" ] || { echo taken; read -r _; }
        kill $!' - "$1"
}

test_expect_success 'exec finds its node though its init has the number of a process of the cluster' '
    read -r init _ <"$FT_CLUSTER/n2/init" && coproc with_number "$init" && read -r -t 10 -u "${COPROC[0]}" said &&
    test "$said" = taken && test "$(on n2 hostname)" = n2 && on n2 ps -e >ps && test "$(wc -l <ps)" -lt 8 &&
    echo >&"${COPROC[1]}" && wait "$COPROC_PID"
'

test_expect_success 'exec -u runs as another user' '
    test "$(on -u nobody n0 id -un)" = nobody
'

test_expect_success 'a command ends with the exec that started it' '
    cluster exec n0 sleep 1234 & exec_pid=$! &&
    wait_until 60 eval "cluster pids n0 | grep -q \"sleep 1234\"" &&
    kill $exec_pid && wait_until 60 eval "! cluster pids n0 | grep -q ."
'

test_expect_success 'ssh from any node to any, with no question' '
    for from in n0 n1 n2; do for to in n0 n1 n2; do
        test "$(on $from ssh $to hostname)" = $to || return 1
    done; done
'

test_expect_success 'mpirun reaches three nodes' '
    on n0 timeout 120 mpirun --host n0:1,n1:1,n2:1 -n 3 hostname | sort >hosts &&
    test "$(xargs <hosts)" = "n0 n1 n2" && test -z "$(cluster pids)"
'

test_expect_success 'a node can be given hardware to show, and files' '
    test "$(on n1 cat /etc/ft/noded.conf)" = "topology = \"synthetic:package:2 core:4 pu:1\"" &&
    on n2 grep -qx "topology = \"xml:/etc/ft/topology.xml\"" /etc/ft/noded.conf &&
    on n2 cat /etc/ft/topology.xml >seen && test_cmp some.xml seen &&
    test_expect_code 3 on n0 /etc/ft/check
'

test_expect_success 'what lies outside the cluster is unreachable at once' '
    test_must_fail on n0 timeout 60 bash -c "echo >/dev/tcp/192.0.2.1/80" 2>err && grep -q "No route to host" err
'

# listen_to NODE: from n0, open a connection to NODE's sshd; note when it is closed. The connection
# is there when connected-NODE is.
listen_to() {
    on n0 bash -c 'exec 3<>/dev/tcp/$1/22; read -r line <&3; touch /shared/connected-$1
        cat <&3 >/dev/null; echo "$EPOCHREALTIME" >/shared/closed-$1' - "$1" &
    wait_until 60 test -e "$FT_CLUSTER/shared/connected-$1"
}
connections_to() { on n0 ss -Htn state established dst "$1"; }

test_expect_success 'crash: the peer hears of it at once, and new connections are refused' '
    on n1 touch /etc/on-disk /tmp/in-memory && listen_to n1 && crashed=$(cluster crash n1) &&
    wait_until 60 test -s "$FT_CLUSTER/shared/closed-n1" &&
    test "$(ms_between $crashed $(cat "$FT_CLUSTER/shared/closed-n1"))" -lt 5000 &&
    test_must_fail on n0 timeout 60 bash -c "echo >/dev/tcp/n1/22" 2>err && grep -q refused err &&
    cluster status | grep -q "^n1 .*crashed" && test_must_fail on n1 true
'

test_expect_success 'boot: it is back, with its disk and an empty /tmp' '
    cluster boot n1 && test "$(on n0 ssh n1 hostname)" = n1 &&
    on n1 test -e /etc/on-disk && test_expect_code 1 on n1 test -e /tmp/in-memory
'

test_expect_success 'off: the peer hears nothing, its connection stays open' '
    listen_to n2 && cluster off n2 && test -n "$(connections_to n2)" &&
    test_must_fail on n0 ping -q -c 2 -i 0.2 -W 1 n2 && test -n "$(connections_to n2)" &&
    test ! -e "$FT_CLUSTER/shared/closed-n2"
'

test_expect_success 'boot after off: it is back, and the old connection is reset' '
    cluster boot n2 && on n0 ping -q -c 1 -W 2 n2
'

test_expect_success 'cut: silence in both directions, nothing dies; join: it goes on' '
    on n0 ping -q -c 1 -W 2 n1 && cluster cut n1 &&
    test_must_fail on n0 ping -q -c 2 -i 0.2 -W 1 n1 && test_must_fail on n1 ping -q -c 2 -i 0.2 -W 1 n0 &&
    on n1 ip link show eth0 | grep -q LOWER_UP && cluster status | grep -q "^n1 .*running cut" &&
    cluster join n1 && wait_until 60 on n0 ping -q -c 1 -W 1 n1 && wait_until 60 on n1 ping -q -c 1 -W 1 n0
'

states() { on n1 ps -eo stat=,args= | grep "sleep 4321" | grep -v grep | cut -c1; }
test_expect_success 'stop and cont: all of its processes, and exec survives them' '
    cluster exec n1 sh -c "sleep 4321 & wait; exit 9" & exec_pid=$! &&
    wait_until 60 eval "states | grep -q S" &&
    cluster stop n1 && test "$(states | sort -u)" = T &&
    test_must_fail on n0 timeout 1 ssh n1 true &&
    cluster cont n1 && wait_until 60 eval "states | grep -q S" && on n0 ssh n1 true &&
    on n1 pkill -f "^sleep 4321" && test_expect_code 9 wait $exec_pid
'

test_expect_success 'a second cluster has the same addresses and disturbs nobody' '
    cluster -d "$PWD/second" up 2 --owner $$ && on n1 touch /tmp/first &&
    test_expect_code 1 cluster -d second exec n1 test -e /tmp/first &&
    test "$(cluster -d second exec n0 ssh n1 hostname)" = n1 &&
    cluster -d second crash n1 && on n0 ping -q -c 1 -W 2 n1 && test "$(on n0 ssh n1 hostname)" = n1
'

# members DIR: the processes that belong to the cluster in DIR, found without its help.
members() { grep -lsxzF "FT_CLUSTER_MEMBER=$1" /proc/[0-9]*/environ; grep -lsF " $1/mnt" /proc/[0-9]*/mountinfo; }

test_expect_success 'down leaves no process, mount or file, also a second time' '
    { members "$PWD/second" >before || :; } && test -s before &&
    cluster -d second down && test -z "$(members "$PWD/second")" && test ! -e second && cluster -d second down
'

test_expect_success 'killing the keeper ends everything; down cleans up behind it' '
    cluster -d third up 2 && read -r keeper _ <third/keeper &&
    { cluster -d third exec n0 sleep 3210 & } && wait_until 60 eval "cluster -d third pids | grep -q 3210" &&
    kill -KILL $keeper && wait_until 60 eval "test -z \"\$(members $PWD/third)\"" &&
    test_must_fail cluster -d third exec n0 true && cluster -d third down && test ! -e third
'

test_expect_success 'a cluster ends with its owner' '
    { sleep 1000 & } && owner=$! && test_when_finished "kill $owner 2>/dev/null || :" &&
    cluster -d fourth up 1 --owner $owner && kill -KILL $owner &&
    wait_until 60 eval "test -z \"\$(members $PWD/fourth)\"" && cluster -d fourth down
'

test_expect_success 'an up that fails leaves nothing' '
    test_must_fail cluster -d fifth up 2 --topology n7=synthetic:core:1 && test ! -e fifth &&
    test_must_fail cluster -d fifth up 2 --stage /no/such && test ! -e fifth
'

ft_done
