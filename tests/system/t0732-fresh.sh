#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# No warm spare is left, or none was asked for: the program is started anew in the lost rank's place,
# and is reached by table (retarget), or comes into all communicators (repair).
test_description='a lost rank is replaced by a process that is started anew'
export FT_CLUSTER_YIELDS=1
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/road.sh"
. "$FT_TOP/tests/system/lib/retarget.sh"

# run_app NAME OPTIONS ARGUMENT...: 4 ranks on n0 to n3, n4 in the pool; until it has ended.
start_app() {
    local name=$1 options=$2
    shift 2
    # shellcheck disable=SC2086
    start "$name" ft run $options --pool n4 -n 4 --host n0:1,n1:1,n2:1,n3:1 "$progs/retarget_app" "/shared/$name" "$@"
}
run_app() { start_app "$@" && await 120; }
well() { test "$code" = 0 && nothing_left; }
has_lines() { test "$(wc -l <"$shared/$job_name/$1" 2>/dev/null || echo 0)" -ge "$2"; }

# --- retarget

test_expect_success 'blocking sends: the subscriber is killed, and the one that was started for it' '
    run_app send --mode=retarget send die=2@50 die=2@100 && well && published 200 2=3
'
test_expect_success 'from anybody: two senders are killed' '
    run_app gather --mode=retarget gather die=2@50 die=3@60 && well && gathered 200 2=2 3=2
'
test_expect_success FULL 'a message that was received before its sender was lost is taken after that' '
    run_app held --mode=retarget held die=3@1 && well && test "$(cat "$shared/held/got.0.0")" = "3 1"
'
test_expect_success FULL 'from anybody, several receives posted' '
    run_app igather --mode=retarget igather steps=100 die=1@50 && well && collected 100 1
'
test_expect_success FULL 'many non-blocking sends under way' '
    run_app window --mode=retarget window steps=400 bytes=20000 die=2@50 && well && published 400 2=2
'
test_expect_success FULL 'persistent requests, large messages' '
    run_app start --mode=retarget start bytes=100000 steps=80 die=2@20 && well && published 80 2=2
'
test_expect_success FULL 'matched probes; a warm spare first, then none is left' '
    start mprobe ft run --spares 1 -n 4 --host n0:1,n1:1,n2:1,n3:1,n4:1 "$progs/retarget_app" /shared/mprobe mprobe \
        steps=100 die=2@30 die=2@30 && await 120 && well && gathered 100 2=3
'
test_expect_success 'a node crashes: the rank goes on on a node of the pool' '
    start_app node --mode=retarget send steps=2000 && wait_until 60 has_lines got.2.0 50 && touch "$shared/node/died.2.0" &&
    cluster crash n2 && await 120 && test $code = 0 && published 2000 2=2
'
test_expect_success FULL 'a communicator made from the world: an end that says what to do' '
    run_app dup --mode=retarget send comm=dup die=2@50 && test $code != 0 &&
    said | tr "\n" " " | grep -q "started anew.*--mode=repair"
'

# Who started it has given it up, and has ended well: nothing tells it so, and mpirun waits for it.
test_expect_success FULL 'a stand-in whose starter has gone before they were connected does not wait for ever' '
    mpicc -shared -fPIC -O1 -o "$shared/libconnect.so" "$FT_TOP/tests/system/progs/late_connect.c" \
        $(pkg-config --cflags pmix) &&
    start late ft run --mode=report --pool n4 -n 2 --host n0:1,n1:1 "$progs/reach_late" /shared/libconnect.so &&
    await 90 && said | grep "^gave up" && nothing_left
'

# A virtual environment of Python's: the interpreter is a link, and finds its packages by that name.
make_venv() {
    mkdir -p "$shared/venv/bin" "$shared/venv/lib/python$1/site-packages" &&
        ln -s "$(on n0 readlink -f /usr/bin/python3)" "$shared/venv/bin/python3" &&
        printf 'home = /usr/bin\ninclude-system-site-packages = true\n' >"$shared/venv/pyvenv.cfg" &&
        echo 'there = True' >"$shared/venv/lib/python$1/site-packages/only_here.py"
}
cat >"$shared/listen.py" <<'P'
"""Rank 2 gets the numbers of rank 0, and dies at the 20th; its replacement gets the last ones."""
import os, signal, sys, time
import only_here
from mpi4py import MPI
world, folder = MPI.COMM_WORLD, sys.argv[1]
if world.rank == 0:
    for number in range(1, 101):
        world.ssend(number, 2)
    world.ssend(None, 2)
elif world.rank == 2:
    first = not os.path.exists(folder + "/died")
    while (number := world.recv(source=0)) is not None:
        if first and number == 20:
            open(folder + "/died", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        last = number
    open(folder + "/last", "w").write(f"{last} {first} {sys.prefix}")
P
test_expect_success FULL 'a Python program in a virtual environment is started anew in that' '
    make_venv "$(on n0 python3 -c "import sys; print(\"%d.%d\" % sys.version_info[:2])")" &&
    start listen ft run --mode=retarget --pool n4 -n 4 --host n0:1,n1:1,n2:1,n3:1 \
        /shared/venv/bin/python3 /shared/listen.py /shared/listen && await 120 && well &&
    cat "$shared/listen/last" && grep -qx "100 False /shared/venv" "$shared/listen/last"
'

# --- repair

start_repair() {
    local name=$1 options=$2
    shift 2
    # shellcheck disable=SC2086
    start "$name" ft run --mode=repair $options -n 4 "$progs/repair_app" "/shared/$name" "$@"
}
run_repair() { start_repair "$@" && await 120; }
# ended STEPS: rank 0 has come to the end, with the sum of a job that lost nothing.
ended() { cat "$shared/$job_name/end" && grep -q "^$1 $(($1 * 10))" "$shared/$job_name/end"; }
# repaired RANK REPAIRS OF: what a rank was told of its last repair
repaired() {
    tail -n 1 "$shared/$job_name/log.$1" && tail -n 1 "$shared/$job_name/log.$1" | grep -q "^$2 $1 of $3 "
}

# went_on STEP: no rank began anew after a repair: what was kept was fetched, by the new process, too
went_on() { ! ls "$shared/$job_name/unfetched" && awk -v least="$1" '{ for (i = 1; i < NF; i++) if ($i == "step" && $(i + 1) < least) exit 1 }' "$shared/$job_name"/log.*; }
computes() { test -e "$shared/$job_name/computes.0"; }
# crash_node NODE: once the job computes
crash_node() { wait_until 60 computes && sleep 1 && cluster crash "$1"; }

test_expect_success 'repair: a rank is killed, then the one that was started for it; both go on from what was kept' '
    run_repair loop "--host n0:1,n1:1,n2:1,n3:1" loop steps=60 die=2@20 die=2@30 && well && ended 60 &&
    repaired 0 2 4 && repaired 2 2 4 && went_on 18
'
# hurried RANK WAY: one is killed as soon as its MPI_Init has returned, the others make their first
# communicator: whoever is started is aware of repairs later than it has joined one, and has the
# world repaired once more, as a whole, which is the last time.
hurried() {
    run_repair "init$1$2" "--host n0:1,n1:1,n2:1,n3:1" "$2" steps=20 "init=$1" && well && ended 20 &&
        repaired 0 2 4 && repaired "$1" 2 4
}
test_expect_success 'repair: a rank is killed right after its MPI_Init' 'hurried 2 loop'
test_expect_success FULL 'repair: the same in a program with a callback' 'hurried 2 callback'
test_expect_success FULL 'repair: the same with MPI_ERRORS_RETURN' 'hurried 3 return'
test_expect_success 'repair: a node of two ranks crashes, they go on on one of the pool' '
    start_repair rnode "--pool n4 --host n0:1,n1:1,n2:2" loop steps=100 pause=30 && crash_node n2 &&
    await 120 && test $code = 0 && ended 100 && repaired 0 1 4 && repaired 2 1 4 && repaired 3 1 4 && went_on 5
'
test_expect_success FULL 'repair: the same in a program with a callback' '
    start_repair rcall "--pool n4 --host n0:1,n1:1,n2:2" callback steps=100 pause=30 && crash_node n2 &&
    await 120 && test $code = 0 && ended 100 && repaired 0 1 4 && repaired 2 1 4 && repaired 3 1 4 && went_on 5
'
test_expect_success 'repair: nowhere to go, and --shrink: three go on, from what each has committed' '
    start_repair shrink "--shrink --host n0:1,n1:1,n3:2" loop steps=100 pause=30 comms=0 && crash_node n1 &&
    await 120 && test $code = 0 && repaired 0 1 3 && repaired 2 1 3 && went_on 5
'
test_expect_success 'repair: a rank of a shrunk world is killed: it is known by its first number' '
    start_repair again "--shrink --host n0:1,n1:1,n3:2" loop steps=120 pause=30 comms=0 die=2@90 && crash_node n1 &&
    await 120 && test $code = 0 && repaired 0 2 3 && repaired 2 2 3 && went_on 5
'
test_expect_success FULL 'repair: nowhere to go: an end that says so' '
    start_repair none "--host n0:2,n3:2" loop steps=100 pause=30 && sleep 3 && cluster crash n3 &&
    await 120 && test $code != 0 && said | tr "\n" " " | grep -q "nobody\|no alternative"
'

ft_done
