#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The program `ft` as a user meets it: what it passes on to mpirun, what it refuses, what it prints.
test_description='ft run, env, events, probe, doctor'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3 --topology n1='synthetic:package:2 core:4 pu:1'
shared=$FT_CLUSTER/shared

# An mpirun that only tells what it was given.
cat >"$shared/mpirun" <<'I'
#!/bin/bash
if [ "$*" = --version ]; then echo 'mpirun (Open MPI) 5.0.7'; exit; fi
printf 'word %s\n' "$@"
env
exit 37
I
printf '#!/bin/sh\necho "HYDRA build details:"\n' >"$shared/mpich"
printf '#!/bin/sh\necho "mpirun (Open MPI) 4.1.4"\n' >"$shared/old"
chmod +x "$shared"/{mpirun,mpich,old}
echo 'share = true' >"$shared/ft.conf"

# fails_with CODE PATTERN CMD...: exit code, and what stderr says in one line.
fails_with() {
    local code=$1 pattern=$2 got
    shift 2
    on n0 "$@" >out 2>err </dev/null
    got=$?
    cat out err
    test $got = "$code" && grep -qE -e "$pattern" err && test "$(wc -l <err)" = 1
}

# variables FILE: the lines NAME=VALUE in it, without what the cluster's exec sets itself.
variables() { grep -E '^(FT|PRTE)_[A-Za-z_]+=' "$1" | grep -v ^FT_CLUSTER | LC_ALL=C sort; }

test_expect_success 'ft --help lists the commands, each has its own help' '
    on n0 ft --help >out &&
    for c in run env events probe doctor version; do
        grep -q "^  $c " out && on n0 ft $c --help | grep -q "^usage: ft $c" || return 1
    done'

test_expect_success 'ft run: mpirun gets its words untouched, behind --with-ft ulfm' '
    test_expect_code 37 on n0 ft run --mpirun /shared/mpirun -n 4 --pool "a  b" "" "\$x" >out &&
    grep ^word out | sed "s/^word //" >words &&
    printf "%s\n" --with-ft ulfm -n 4 --pool "a  b" "" "\$x" >wanted &&
    test_cmp wanted words'

test_expect_success 'ft run: its exit code is mpirun'\''s' '
    test_expect_code 37 on n0 ft run --mpirun /shared/mpirun true'

test_expect_success 'ft env prints exactly what ft run sets' '
    test_expect_code 37 on n0 ft run --pool "n[1-2]" --share --conf /shared/ft.conf --events /shared/log \
        --mpirun /shared/mpirun true >out &&
    variables out >run.vars &&
    on n0 ft env --pool "n[1-2]" --share --conf /shared/ft.conf --events /shared/log --shell sh >env.sh &&
    on n0 bash -c "$(cat env.sh) env" >out &&
    variables out >env.vars &&
    test_cmp run.vars env.vars &&
    grep -qx "FT_POOL=n\[1-2\]" env.vars && grep -qx FT_SHARE=1 env.vars &&
    grep -qx FT_CONF=/shared/ft.conf env.vars && grep -qx FT_EVENTS=/shared/log env.vars'

test_expect_success 'ft env prints export lines alone, and setenv lines for csh' '
    on n0 ft env >out && ! grep -vE "^export [A-Z][A-Za-z_]*='\''.*'\'';$" out && test -s out &&
    on n0 ft env --shell tcsh >out && ! grep -vE "^setenv [A-Z][A-Za-z_]* '\''.*'\'';$" out && test -s out'

test_expect_success 'ft env: nothing on stdout after an error' '
    fails_with 2 "no such option" ft env -n 4 && test ! -s out &&
    fails_with 2 "sh or csh" ft env --shell fish && test ! -s out'

test_expect_success 'ft run refuses what would fail later' '
    fails_with 125 "which program" ft run --share &&
    fails_with 125 "ft run: --conf /nowhere: No such file" ft run --conf /nowhere true &&
    fails_with 125 "cannot be written" ft run --events /nowhere/log true &&
    fails_with 125 "bracket" ft run --pool "n[" true &&
    fails_with 125 "needs a value" ft run --pool'

test_expect_success 'ft run says what is wrong with an mpirun' '
    fails_with 127 "no such program" ft run --mpirun /nowhere/mpirun true &&
    fails_with 126 "not an executable" ft run --mpirun /etc/passwd true &&
    fails_with 125 "HYDRA build details" ft run --mpirun /shared/mpich true &&
    fails_with 125 "Open MPI 4.1.4.*5 or newer" ft run --mpirun /shared/old true &&
    fails_with 127 "openmpi-bin" env PATH=/usr/sbin /usr/bin/ft run true'

test_expect_success 'an unknown command is refused' '
    fails_with 2 "no command .walk." ft walk'

test_expect_success 'a job: output and exit code pass through, nothing is left' '
    on n0 ft run --host n0:1,n1:1,n2:1 -n 3 hostname </dev/null >out 2>err &&
    sort out >sorted && printf "n0\nn1\nn2\n" >wanted && test_cmp wanted sorted &&
    test_expect_code 5 on n0 ft run --host n0:1,n1:1 -n 1 sh -c "exit 5" </dev/null &&
    wait_until 60 eval "test -z \"\$(cluster pids)\""'

test_expect_success 'the same through ft env and plain mpirun' '
    on n0 bash -c "eval \"\$(ft env)\"; mpirun --with-ft ulfm --host n0:1,n1:1,n2:1 -n 3 hostname" </dev/null >out &&
    sort out >sorted && test_cmp wanted sorted &&
    wait_until 60 eval "test -z \"\$(cluster pids)\""'

test_expect_success 'ft events shows the newest log, a named one, and a session by its name' '
    on n0 ft events >out && grep -qE "^[0-9:.]{12} +\+[0-9]+ ms +[a-z_]+ " out &&
    log=$(on n0 sh -c "ls -t /root/.local/state/ft/*.jsonl | head -n 1") &&
    on n0 ft events "$log" >named && test_cmp out named &&
    on n0 ft events "$(basename "$log" .jsonl)" >named && test_cmp out named'

printf "x\n\n\\033[2J\n7\n{}\n" >"$shared/old_log"
test_expect_success 'ft events: a log that is not there, a file that is none' '
    fails_with 1 "No such file" ft events /nowhere.jsonl &&
    fails_with 1 "no event log" env HOME=/nowhere ft events &&
    fails_with 1 "4 lines are no events" ft events /shared/old_log'

test_expect_success 'ft events -f follows a log until the session ends' '
    echo "{\"event\":\"a\",\"time\":\"2026-01-01T00:00:00.000Z\",\"ms\":0,\"text\":\"first\"}" >"$shared/log" &&
    { on n0 ft events -f /shared/log >followed & pid=$!; } &&
    wait_until 60 grep -q first followed &&
    printf "%s" "{\"event\":\"b\",\"text\":\"sec" >>"$shared/log" &&
    printf "%s\n" "ond\"}" >>"$shared/log" &&
    wait_until 60 grep -q second followed &&
    echo "{\"event\":\"central_ended\",\"text\":\"over\"}" >>"$shared/log" &&
    wait_until 60 grep -q over followed && wait $pid && test "$(wc -l <followed)" = 3'

test_expect_success 'a job'\''s own central unit can be asked while it runs, and says what it does not have' '
    { on n0 ft run --host n0:1,n1:1 -n 2 sleep 60 </dev/null >job.out 2>&1 & job=$!; } &&
    socket=$(wait_until 60 on n1 sh -c "ls /tmp/ft-0/*/noded.sock" | head -n 1) &&
    wait_until 60 eval "on n1 ft status --host unix:$socket --json | jq -e \".mode == \\\"job\\\" and .nodes.all == 2\"" &&
    on n1 ft status --host "unix:$socket" >out && grep -q "^central unit .*of session prterun-n0-" out &&
    on n1 env FT_HOST="unix:$socket" ft nodes >out && grep -qE "^n1 +well" out &&
    on n0 ft events -n 1 --host "unix:${socket%noded.sock}central.sock" --json | jq -e .seq &&
    fails_with 1 "has no modules" ft move a --host "unix:${socket%noded.sock}central.sock" &&
    fails_with 1 "at its start" ft reload --host "unix:${socket%noded.sock}central.sock" &&
    on n0 pkill -TERM -x prterun && { wait $job; true; } && wait_until 60 eval "test -z \"\$(cluster pids)\""'

test_expect_success 'ft probe tells what the unit of a node would' '
    on n1 ft probe >out && grep -qx "node  *n1" out && grep -qx "cores  *8" out && grep -qx "packages  *2" out &&
    fails_with 2 "no such option" ft probe --x && test_expect_code 1 on n0 ft probe --conf /nowhere'

test_expect_success 'ft doctor: all is well' '
    on n0 ft doctor --pool n0,n1,n2 >out && ! grep FAIL out &&
    grep -qE "^ok +host +n2" out && grep -qE "^ok +a job" out'

test_expect_success 'ft doctor: a host that lacks the installation, and one that is gone' '
    on n1 mv /usr/sbin/ft-noded /usr/sbin/away &&
    cluster crash n2 &&
    test_expect_code 1 on n0 ft doctor --pool n1,n2 >out &&
    cat out &&
    grep -qE "^FAIL +host +n1 lacks /usr/sbin/ft-noded;" out &&
    grep -qE "^FAIL +host +n2 " out && test "$(grep -c FAIL out)" = 2'

ft_done
