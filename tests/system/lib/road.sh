# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Words of the main road's tests (t04*), beside those of ft-sharness.sh:
#
#   cluster_up 5
#   . "$FT_TOP/tests/system/lib/road.sh"
#   start crash ft run --pool n3 -n 2 --host n0,n1 "$progs/road_client" /shared/crash
#   ...ask, break something...
#   await 60 && test $code = 0 && nothing_left
#
# A job has a name, and a folder of that name in /shared, with its output (out) and event log
# (events). One job runs at a time.

shared=$FT_CLUSTER/shared
progs=${FT_STAGE%/*}/tests/system/progs
pubsub=/usr/libexec/ft/examples/pubsub
job='' job_name='' code=''

# --- a job

# start NAME CMD...: CMD on n0, in the background, with all nodes well; sets job and job_name.
start() {
    ! job_runs || tidy_up || return
    heal || return
    job_name=$1
    shift
    mkdir "$shared/$job_name" || return
    cluster exec n0 env FT_EVENTS="/shared/$job_name/events" "$@" </dev/null >"$shared/$job_name/out" 2>&1 &
    job=$!
}

job_runs() { [ "$job" ] && kill -0 "$job" 2>/dev/null; }
job_is_over() { ! job_runs; }

# A test that failed has left its job: that is ended, with all that it has on the nodes.
tidy_up() {
    local node
    kill "$job" && wait "$job"
    for node in $(running_nodes); do
        on "$node" sh -c 'pkill -KILL -x "prted|prterun|ft-noded|ft-centrald|road_.*|pubsub"; rm -rf /tmp/ft-* /tmp/prte*'
    done
    true
}

# await TIMEOUT_s: until the job has ended, for which pubsub has waited; sets code, its exit code. Shows
# what it said. Fails if the job had to be ended here, or a process has crashed: a job that lost ranks
# and was mended may end with 0 although one of the others crashes at its end.
await() {
    local in_time=1
    : >"$shared/$job_name/go"
    wait_until "$1" job_is_over || { in_time=''; stacks; kill "$job"; }
    wait "$job"
    code=$?
    job=''
    said
    echo "exit code $code"
    [ "$in_time" ] && nobody_crashed
}
# By Open MPI's own words: nobody is killed by such a signal in these tests, but for a process whose node
# was cut off and is back before it has been ended: Open MPI aborts it as it hears that it was given up.
nobody_crashed() {
    said | awk '/I have been reported dead by someone else/ { given_up[$1] }
        /Process received signal/ { crashed[$1] = $0 }
        END { for (who in crashed) if (!(who in given_up)) { print crashed[who]; bad = 1 }; exit bad }'
}

# stacks: where the processes of a job that does not end stand, but for the runtime's, for the log.
stacks() {
    local node pid command
    cluster pids | grep -vE ' (.*/)?(sshd?|sshd-session|prted|ft-noded|ft-centrald)\b' |
        while read -r node pid command; do
            echo "--- $node $pid $command"
            on "$node" timeout 60 gdb -p "$pid" --batch -ex 'thread apply all backtrace 24' \
                </dev/null 2>/dev/null | grep -E '^(Thread|#)'
        done >&4
}

# What the job has said so far.
said() { cat "$shared/$job_name/out"; }

# --- the event log

# event FILTER: the first entry of the job's event log that it selects; fails if there is none.
event() { jq -ce "select($1)" "$shared/$job_name/events" 2>/dev/null | grep -m1 .; }

# events FILTER: how many there are.
events() { jq -c "select($1)" "$shared/$job_name/events" | wc -l; }

# await_event TIMEOUT_s FILTER
await_event() { wait_until "$1" event "$2" >/dev/null || { cat "$shared/$job_name/events"; return 1; }; }

# event_ms FILTER AT: ms from AT, in seconds since the epoch, to the time of the first such entry.
event_ms() {
    local time
    time=$(event "$1" | jq -r .time) && ms_between "$2" "$(date -d "$time" +%s.%N)"
}

# --- road_client: what its ranks are asked and answer

clients_listen() { [ "$(cat "$shared/$job_name"/answer.* 2>/dev/null | wc -l)" -ge "$1" ]; }

# start_clients NAME N [MPIRUN OR FT OPTION]...: N ranks that listen.
start_clients() {
    local name=$1 n=$2
    shift 2
    start "$name" ft run "$@" -n "$n" "$progs/road_client" "/shared/$name" &&
        wait_until 60 clients_listen "$n"
}

answers_of() { wc -l <"$shared/$job_name/answer.$1"; }
has_answered() { [ "$(answers_of "$1")" -gt "$2" ]; }

# tell RANK WORDS...: a line for a rank, whose answer nobody waits for. Never blocks.
tell() {
    local rank=$1
    shift
    [ -p "$shared/$job_name/ask.$rank" ] && printf '%s\n' "$*" 1<>"$shared/$job_name/ask.$rank"
}

# ask RANK WORDS...: has a rank make a request; its answer is in the file reply, and shown.
ask() {
    local before
    before=$(answers_of "$1") && tell "$@" && wait_until 60 has_answered "$1" "$before" &&
        tail -n 1 "$shared/$job_name/answer.$1" | tee reply
}

# replied FILTER: whether the last answer is such.
replied() { jq -e "$1" reply >/dev/null || { echo "not so: $1"; cat reply; return 1; }; }

# field NAME: of the last answer.
field() { json_field ".$1" reply; }

# end_clients CODE RANK...: those ranks end with that code.
end_clients() {
    local code=$1 rank
    shift
    for rank; do tell "$rank" end "$code" || return 1; done
}

# --- pubsub

# received RANK N: a subscriber, or its stand-ins, has written N messages down.
received() { [ "$(cat "$shared/$job_name/records/received.$1".* 2>/dev/null | wc -l)" -ge "$2" ]; }

# start_pubsub NAME [FT OPTION]... -- [MPIRUN OPTION]... -- [PUBSUB OPTION]...
# Whatever happens to it before it is awaited happens in the middle: half of the messages come quickly,
# the others slowly, until then.
start_pubsub() {
    local name=$1 before=()
    shift
    while [ "$1" != -- ]; do before+=("$1"); shift; done
    shift
    before=(ft run "${before[@]}")
    while [ "$1" != -- ]; do before+=("$1"); shift; done
    shift
    start "$name" "${before[@]}" $pubsub "$@" --records "/shared/$name/records" --slow-until "/shared/$name/go"
}

# pubsub_is_well: the job ended with 0, and by the subscribers' records nothing was lost or doubled.
pubsub_is_well() {
    "$FT_STAGE$pubsub-verify" "$shared/$job_name/records" >verified
    cat verified
    cp "$shared/$job_name/records/summary" account && test "$code" = 0 &&
        jq -e '.messages_lost == 0 and .received_twice == 0 and .foreign == 0
            and .messages_acked == .messages_sent' verified >/dev/null &&
        jq -e '.publishers_died == 0' account >/dev/null
}

# --- the nodes

# kill_on NODE NAME: SIGKILL for the processes of that name there.
kill_on() { on "$1" pkill -KILL -x "$2"; }

running_nodes() { cluster status | awk '$5 == "running" { print $1 }'; }

# What jobs have left on the nodes that run: processes, files, shared memory. sshd's own processes for
# a connection that was cut stay until it notices.
leftovers() {
    local node
    cluster pids | grep -v ' sshd-session: '
    for node in $(running_nodes); do
        on "$node" find /tmp /var/tmp /dev/shm -xdev -mindepth 1 ! -type d -printf "$node %p\n" -o \
            -mindepth 1 -empty -printf "$node %p\n"
    done
}

# nothing_left: soon, there are none. nothing_left_but REGEX: none but such.
nothing_left() { nothing_left_but '^$'; }
nothing_left_but() { wait_until 60 no_leftovers_but "$1" || { leftovers; return 1; }; }
no_leftovers_but() { ! leftovers | grep -qvxE "$1"; }

# heal: what was broken is as before.
heal() {
    local node state
    while read -r node state; do
        case $state in
            running*cut) cluster join "$node" </dev/null >/dev/null ;;
            crashed* | off*) cluster boot "$node" </dev/null ;;
        esac || return
    done < <(cluster status | awk 'NR > 1 { print $1, $5, $6 }')
}
