#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The launcher's component with a plain mpirun: what a job with --with-ft ulfm survives, and that a
# job without it does not notice the component.
test_description='PRRTE component: losses survived, spawns after them, exit codes, stock kept'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 7
shared=$FT_CLUSTER/shared
app=${FT_STAGE%/*}/tests/system/progs/survive_app
[ -x "$app" ] || error "survive_app is not built"

# What keeps known faults of Open MPI 5.0.7 out of the picture: coll/han after a spawn, the fence in
# MPI_Finalize, agreements that wait for a lost process which was never talked to.
calm='--mca coll ^han --mca async_mpi_finalize 1 --mca mpi_add_procs_cutoff 1024'
calm="$calm --mca btl_tcp_if_include eth0"

# mpirun_on_n0 OPTION...: bounded; stdin is not the test's.
mpirun_on_n0() { cluster exec n0 timeout -k 5 120 "$@" </dev/null; }

# A test that fails must not take the others with it: what it left is ended, its nodes are booted.
clean_nodes() {
    local node
    for node in n0 n1 n2 n3 n4 n5 n6; do
        cluster join $node || true
        on $node true || cluster boot $node || return
        on $node pkill -9 -x "survive_app|prterun|prted|mpirun" || true
    done
    wait_until 60 nobody_left
}

# job HOSTS [MPIRUN OPTION]... -- WORD...: starts survive_app with fault tolerance, one process per
# host, and returns when all of it runs.
job() {
    local hosts=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    # shellcheck disable=SC2119
    if ! nobody_left || ! all_nodes_run; then clean_nodes || return; fi
    rm -f "$shared"/ready "$shared"/go
    # shellcheck disable=SC2086
    mpirun_on_n0 env ${export_to_mpirun-} ${agent:+"$agent"} mpirun --with-ft ulfm $calm \
        --host "$hosts" "${options[@]}" "$app" "$@" >out 2>&1 &
    job_pid=$!
    wait_until 60 test -e "$shared"/ready || { cat out; false; }
}

# ends_with CODE: the job does, within its time, and leaves no process anywhere.
ends_with() {
    local code=0
    wait "$job_pid" || code=$?
    [ $code = "$1" ] && wait_until 60 nobody_left && return
    echo "mpirun ended with $code, not $1:" && cat out && cluster pids
    return 1
}

# sshd's own processes for a connection that was cut go when TCP says so
all_nodes_run() { test "$(cluster status | grep -c running)" = 7; }
# nobody_left [NODE]...
# shellcheck disable=SC2120
nobody_left() { ! cluster pids "$@" | grep -v sshd | grep -q .; }
says() { grep -a -q "$1" out; }
hears() { wait_until 60 says "$1" || { cat out; false; }; }
kill_rank_on() { on "$1" pkill -9 -x survive_app; }
kill_daemon_on() { on "$1" pkill -9 -x prted; }

test_expect_success 'a process is killed: the others go on, spawn on a new node, end with 0' '
    job n0,n1,n2 -- losses=1 spawn=n3 && kill_rank_on n2 && ends_with 0 &&
    says "^lost 1 of 3" && says "child on n3" && test_must_fail says "node .* down"
'

test_expect_success 'its slot is free again: the stand-in runs on the same node' '
    job n0,n1,n2 -- losses=1 spawn=n2 && kill_rank_on n2 && ends_with 0 && says "child on n2"
'

test_expect_success 'a daemon is killed: its processes end, the others hear which node is down' '
    job n0,n1,n2 -- losses=1 spawn=n3 end=go && kill_daemon_on n2 &&
    wait_until 60 nobody_left n2 && hears "child on n3" &&
    touch "$shared"/go && ends_with 0 &&
    says "rank 0: node n2 down, number 2" && says "rank 1: node n2 down, number 2"
'

test_expect_success 'a node crashes' '
    job n0,n1,n2 -- losses=1 spawn=n3 && cluster crash n2 >when && ends_with 0 &&
    says "^lost 1 of 3" && says "child on n3" && says "rank 0: node n2 down" &&
    cluster boot n2
'

test_expect_success 'a node is switched off: noticed within 5 s' '
    job n0,n1,n2 -- losses=1 spawn=n3 && cluster off n2 >when && ends_with 0 &&
    says "child on n3" && lost_at=$(sed -n "s/^lost 1 of 3 at //p" out) &&
    test "$(ms_between "$(cat when)" "$lost_at")" -lt 5000 && cluster boot n2
'

test_expect_success 'a node is cut off: what is on it ends by itself, and does not come back' '
    job n0,n1,n2 -- losses=1 spawn=n3 end=go && cluster cut n2 >when &&
    hears "child on n3" && wait_until 60 nobody_left n2 &&
    cluster join n2 && on n2 ssh n0 true && touch "$shared"/go && ends_with 0
'

test_expect_success 'one loss after the other; the exit code is that of a survivor' '
    job n0,n1,n2,n3 -- losses=2 spawn=n4 exit=5 && cluster crash n1 &&
    hears "^lost 1 of 4" && cluster crash n2 && ends_with 5 && says "child on n4" &&
    cluster boot n1 && cluster boot n2
'

test_expect_success 'two nodes at once' '
    job n0,n1,n2,n3 -- losses=2 spawn=n4 &&
    { cluster off n1 & cluster off n2; wait $!; } && ends_with 0 && says "child on n4" &&
    cluster boot n1 && cluster boot n2
'

test_expect_success 'a node is lost while it is told of another: by the message that fails' '
    gcc -shared -fPIC -o "$shared"/broken_write.so \
        "$FT_TOP"/tests/system/progs/broken_write.c -ldl &&
    rm -f "$shared"/break "$shared"/broken &&
    export_to_mpirun="LD_PRELOAD=/shared/broken_write.so BREAK_ADDRESS=10.77.0.12" \
        job n0,n1,n2 -- losses=2 spawn=n3 && touch "$shared"/break && cluster crash n1 &&
    ends_with 0 && test -e "$shared"/broken && says "unable to send message" &&
    says "child on n3" && cluster boot n1
'

test_expect_success 'a loss in the middle of a spawn' '
    job n0,n1,n2 -- spawn=n5 alone end=go && hears spawning && kill_daemon_on n2 &&
    hears "child on n5" && touch "$shared"/go && ends_with 0
'

# Starts PRRTE's daemon on n5 only when it may.
slow_agent() {
    rm -f "$shared"/launching "$shared"/launch
    printf '%s\n' '#!/bin/sh' '[ "$(hostname)" != n5 ] || { : >/shared/launching; until [ -e /shared/launch ]; do sleep 0.05; done; }' \
        'exec prted "$@"' >"$shared"/slow_prted && chmod 755 "$shared"/slow_prted
}

test_expect_success 'who spawned a process dies before it is started: it is not started' '
    slow_agent && agent="PRTE_MCA_prte_launch_agent=/shared/slow_prted" job n0,n1 -- spawn=n5 alone end=go &&
    wait_until 60 test -e "$shared"/launching && kill_rank_on n0 && touch "$shared"/launch "$shared"/go &&
    ends_with 0 && test_must_fail says "child on n5"
'

test_expect_success 'processes that end before their daemon knows their number' '
    gcc -shared -fPIC -o "$shared"/late_pid.so "$FT_TOP"/tests/system/progs/late_pid.c -ldl &&
    printf "%s\n" "#!/bin/sh" "LD_PRELOAD=/shared/late_pid.so exec prted \"\$@\"" >"$shared"/late_prted &&
    chmod 755 "$shared"/late_prted &&
    mpirun_on_n0 env PRTE_MCA_prte_launch_agent=/shared/late_prted \
        mpirun --with-ft ulfm --host n1:2,n2:2 hostname >hosts 2>out || { cat hosts out; cluster pids; false; } &&
    sort hosts && test "$(sort hosts | xargs)" = "n1 n1 n2 n2" && wait_until 60 nobody_left
'

test_expect_success 'a spawn on a lost node fails, the job goes on' '
    job n0,n1,n2 -- losses=1 spawn=n2 end=go && kill_daemon_on n2 && hears "spawn failed" &&
    nobody_left n2 && touch "$shared"/go && ends_with 0
'

test_expect_success 'a spawn on a node that is off fails in bounded time, the job goes on' '
    job n0,n1 --prtemca errmgr_ft_start_timeout 3 -- begin=go spawn=n6 alone &&
    cluster off n6 && touch "$shared"/go && ends_with 0 && says "spawn failed" && cluster boot n6
'

test_expect_success 'who waits for a lost node in a fence gets an error' '
    job n0,n1,n2 -- fence end=go && cluster crash n2 && hears "rank 0: fence PMIX_ERR" &&
    hears "rank 1: fence PMIX_ERR" && touch "$shared"/go && ends_with 0 &&
    cluster boot n2
'

test_expect_success 'six nodes with a deep routing tree asked for: an inner daemon is lost' '
    job n0,n1,n2,n3,n4,n5 --prtemca rml_base_radix 2 -- losses=1 spawn=n6 && kill_daemon_on n1 &&
    ends_with 0 && says "^lost 1 of 6" && says "child on n6"
'

test_expect_success 'nobody is left: 137' '
    job n1,n2 -- end=never && kill_rank_on n1 && cluster crash n2 && ends_with 137 &&
    cluster boot n2
'

test_expect_success 'MPI_Abort and exit codes of a tolerant job' '
    job n0,n1,n2 -- exit=3 by=1 && ends_with 3 &&
    job n0,n1,n2 -- abort=4 by=1 && ends_with 4
'

test_expect_success 'another version of PRRTE: it steps aside, saying so once' '
    echo "const char prte_version_string[] = \"3.0.9\";" >v.c &&
    gcc -shared -fPIC -o "$shared"/v.so v.c &&
    mpirun_on_n0 env LD_PRELOAD=/shared/v.so \
        mpirun --with-ft ulfm -n 2 --host n0:2 hostname >out 2>&1 &&
    test "$(grep -c "knows PRRTE 3.0.8, not 3.0.9" out)" = 1 && test "$(grep -c "^n0$" out)" = 2
'

# ---- without fault tolerance

# outcome COMPONENT FAULT WORD...: what a job without fault tolerance says, ends with and leaves
# behind, with the component or without ("^ft"), names that differ from run to run made equal, and
# without what the ranks say that are being killed: now and then one finds its connection closed
# before. That there is none is no outcome but a failure, and says why.
outcome() {
    local component=$1 fault=$2 code=0 node
    shift 2
    rm -f "$shared"/ready
    mpirun_on_n0 env ${component:+PRTE_MCA_errmgr=$component} mpirun --mca btl_tcp_if_include eth0 \
        --host n0,n1,n2 "$app" "$@" >out 2>&1 &
    job_pid=$!
    wait_until 60 test -e "$shared"/ready || no_outcome "the job did not come to run" || return
    eval "$fault" || no_outcome "nobody to do this to: $fault" || return
    wait "$job_pid" || code=$?
    wait_until 60 launcher_is_gone || no_outcome "parts of the launcher stay" || return
    echo "exit code $code"
    tr -d '\r\0' <out | sed -E -e '/setpgid/d; /^\[warn\] Epoll/d; /^\[n[0-9]:[0-9]+\] \*\*\*/d' \
        -e 's/(n[0-9])[:-][0-9]+/\1/g' \
        -e 's/pid [0-9]+|PID [0-9]+/PID/g' -e 's/\[\[[0-9]+,/[[/g' | sort -u
    # stock leaves some when a daemon is lost
    cluster pids | grep -v sshd | sed -E 's|^(n[0-9]) [0-9]+ .*/([^ ]+).*|left on \1: \2|'
    for node in n0 n1 n2; do kill_rank_on $node; done
    wait_until 60 nobody_left || no_outcome "processes stay that were killed"
}

# mpirun's end is not the end of its daemons; they still end what they started, and take its end.
launcher_is_gone() {
    ! cluster pids | grep -qE '^n[0-9] [0-9]+ ([^ ]*/)?(mpirun|prterun|prted|ssh)( |$)|<defunct>'
}

# no_outcome WHY: fails, and says to the log what there is.
no_outcome() {
    {
        echo "no outcome: $1"
        kill -0 "$job_pid" 2>/dev/null || echo "mpirun has ended"
        cat out
        cluster pids
        clean_nodes
    } >&2
    return 1
}

# same_as_stock FAULT WORD...: each outcome with the component is one that stock shows. Stock has
# more than one (which of two messages is printed, or both, and sometimes the exit code, is a race):
# it is run until it has shown what there was with the component. A run of stock that comes to nothing
# says nothing about the component, if there are not several.
same_as_stock() {
    local try n mishaps=0
    rm -f with.* without.*
    for n in 1 2; do outcome '' "$@" >with.$n || return; done
    for try in {1..40}; do
        if ! outcome '^ft' "$@" >without."$try"; then
            rm without."$try"
            [ $((++mishaps)) -lt 3 ] && continue
            return 1
        fi
        stock_shows with.1 && stock_shows with.2 && return
    done
    for n in 1 2; do
        stock_shows with.$n || is_rare with.$n "$@" || return
    done
}

# is_rare OUTCOME FAULT WORD...: what stock did not show in so many runs does not come again with the
# component in ten. Or else the component is why it comes.
is_rare() {
    local seen=$1 n
    shift
    echo "stock did not show this:" && cat "$seen"
    echo "but" && cat without.* | sort | uniq -c
    for n in {1..10}; do
        outcome '' "$@" >with.again || return
        ! cmp -s "$seen" with.again || { echo "and with the component it came again"; return 1; }
    done
}

stock_shows() {
    local without
    for without in without.*; do cmp -s "$1" "$without" && return; done
    return 1
}

test_expect_success 'no fault tolerance: it ends well' 'same_as_stock :'
test_expect_success 'no fault tolerance: a process exits with 3' 'same_as_stock : exit=3 by=1'
test_expect_success 'no fault tolerance: MPI_Abort' 'same_as_stock : abort=4'
test_expect_success 'no fault tolerance: a process is killed' \
    'same_as_stock "kill_rank_on n2" end=never'
test_expect_success 'no fault tolerance: a daemon is killed' \
    'same_as_stock "kill_daemon_on n2" end=never'

# ---- where PRRTE does not look by itself

test_expect_success 'uninstalled: found through PRTE_PKGLIBDIR here, the launch agent elsewhere' '
    for node in n0 n1 n2 n3; do
        on $node find /usr/lib -name "prte_mca_errmgr_ft.*" -delete || return 1
    done &&
    build=${FT_STAGE%/*}/pmix-plugin/prrte &&
    export_to_mpirun="PRTE_PKGLIBDIR=$build/.libs" \
        agent="PRTE_MCA_prte_launch_agent=$build/ft-prted $build/.libs" &&
    job n0,n1,n2 -- losses=1 spawn=n3 && kill_daemon_on n2 && ends_with 0 &&
    says "child on n3" && says "rank 0: node n2 down"
'

ft_done
