#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Figure 1 of the paper, on the node: what a module's unit does about each way in which it fails, and
# what it leaves to the central unit. The modules are tests/unit/module_prog, which does what its
# arguments say, one after the other, and then waits for ever.
test_description='modules are started, watched, started again, given up'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
. "$FT_TOP/tests/system/lib/system.sh"
prog=${FT_STAGE%/stage}/tests/unit/module_prog
shared=$FT_CLUSTER/shared

readonly ENDED_BY_LEASE=5   # enum ft_keep_end, src/keeper/talk.h

# module NAME WORDS [OPTION]...: for ft.conf; at home on n1, may run on n2.
module() {
    local name=$1 words=$2 word list=\"$prog\"
    shift 2
    for word in $words; do list="$list, \"$word\""; done
    printf 'module "%s" {\n  command = { %s }\n  home = "n1"\n  nodes = { "n1", "n2" }\n' "$name" "$list"
    [ $# = 0 ] || printf '  %s\n' "$@"
    printf '}\n'
}

plan() {
    module crash 'mark=/shared/crash'
    module crashing 'if=/tmp/bad signal=6' "$@"
    module nostart 'deaf if=/tmp/good notify=READY=1' 'notifies = true' 'start_timeout_ms = 500' \
        'stop_timeout_ms = 100' 'burst = 2' 'delays_ms = { 0 }'
    module hang 'deaf notify=READY=1 beat=100x10' 'notifies = true' 'watchdog_ms = 1000' 'burst = 9'
    module deadline 'notify=READY=1 beat=50x20' 'notifies = true' 'deadline_ms = 1000' 'burst = 9'
    module hungry 'wait=500 eat=200' 'memory_max_mb = 40' 'burst = 9' 'delays_ms = { 0, 60000 }'
    module sick 'mark=/shared/sick' 'check = { "/bin/sh", "-c", "test ! -e /tmp/sick || { rm /tmp/sick; exit 3; }" }' \
        'check_ms = 500' \
        'check_timeout_ms = 500' 'check_failures = 1'
    module once 'wait=200 exit=0' 'restart = "on-failure"'
    module forged 'mark=/shared/forged' \
        'checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"'
    module family 'fork=/shared/family.child mark=/shared/family'
    module free 'mark=/shared/free' 'single = false'
}

# --- what the nodes say

# field NODE NAME KEY: of the keeper's status.
field() { on "$1" sed -n "s/^$3 //p" "/run/ft/modules/$2/status" 2>/dev/null | head -n 1; }
pid_of() { field "$1" "$2" pid; }
runs_on() {
    local pid
    [ "$(field "$1" "$2" ready)" = 1 ] && [ "$(field "$1" "$2" end)" = 0 ] && pid=$(pid_of "$1" "$2") &&
        on "$1" kill -0 "$pid" 2>/dev/null
}
runs_anew() { runs_on "$1" "$2" && [ "$(pid_of "$1" "$2")" != "$3" ]; }
is_gone() { ! on "$1" kill -0 "$2" 2>/dev/null; }

# told EVENT NAME NODE WORDS: the event log has that, with these words in its text.
told() { sys_event ".event == \"$1\" and .module == \"$2\" and .node == \"$3\" and (.text | contains(\"$4\"))"; }
await_told() { wait_until 60 told "$@" >/dev/null || { all_events | grep "\"$2\"" >&2; return 1; }; }
await() { wait_until 60 "$@"; }

# ---

# Long leases: a unit that is started anew on a busy machine has to be back before they end.
settings() { echo 'lease_ms = 8000'; plan "$@"; }

conf "$(settings 'burst = 3')"
on n2 touch /tmp/good

test_expect_success 'the modules run on their home' '
    system_up && await runs_on n1 crash && await runs_on n1 sick && await runs_on n1 family && await runs_on n1 free
'

test_expect_success 'a crash: started again here' '
    pid=$(pid_of n1 crash) && on n1 kill -SEGV "$pid" && await runs_anew n1 crash "$pid" &&
    await_told module_ended crash n1 "(crash)" && await_told module_runs crash n1 "runs again" &&
    test "$(wc -l <"$shared/crash")" = 2
'

test_expect_success 'a hang: found by its watchdog, killed, started again here' '
    await_told module_ended hang n1 "(hang)" && await_told module_runs hang n1 "runs again"
'

test_expect_success 'a missed deadline: started again here' '
    await_told module_ended deadline n1 "(deadline)" && await_told module_runs deadline n1 "runs again"
'

test_expect_success 'no memory: told apart from a crash' '
    await_told module_ended hungry n1 "(memory)"
'

test_expect_success 'a failing health check: started again here' '
    pid=$(pid_of n1 sick) && on n1 touch /tmp/sick && await_told module_ended sick n1 "(check)" &&
    await runs_anew n1 sick "$pid"
'

test_expect_success 'a clean exit: left at that' '
    await_told module_done once n1 "" && ! runs_on n1 once
'

test_expect_success 'another program than the one meant is not run: the central unit is told' '
    await_told module_given_up forged n1 "checksum" && test ! -e "$shared/forged"
'

test_expect_success 'one that does not get ready: tried again, then given to the central unit, which runs it elsewhere' '
    await_told module_given_up nostart n1 "no-start" && await runs_on n2 nostart
'

test_expect_success 'the same crash three times: given to the central unit, which runs it elsewhere' '
    await runs_on n1 crashing && pid=$(pid_of n1 crashing) && on n1 touch /tmp/bad && on n1 kill -ABRT "$pid" &&
    await_told module_given_up crashing n1 "3 times" && await runs_on n2 crashing
'

test_expect_success 'what a module started ends with it' '
    pid=$(pid_of n1 family) && child=$(cut -d" " -f1 "$shared/family.child") && on n1 kill -0 "$child" &&
    on n1 kill -KILL "$pid" && await runs_anew n1 family "$pid" && is_gone n1 "$child"
'

test_expect_success 'the unit is killed: its modules run on, the next one takes them over' '
    pid=$(pid_of n1 crash) && free=$(pid_of n1 free) && kill_unit n1 && start_unit n1 &&
    await on n1 grep -q "module crash .* taken over" /var/log/ft/ft-noded.log &&
    test "$(pid_of n1 crash)" = "$pid" && test "$(pid_of n1 free)" = "$free" && runs_on n1 crash && runs_on n1 free &&
    on n1 kill -SEGV "$pid" && await runs_anew n1 crash "$pid"
'

test_expect_success 'it crashes while there is no unit: the next one sees how, and starts it again' '
    kill_unit n1 && pid=$(pid_of n1 free) && on n1 kill -BUS "$pid" && await is_gone n1 "$pid" && start_unit n1 &&
    await runs_anew n1 free "$pid" &&
    on n1 grep -q "module free .* crash (signal 7)" /var/log/ft/ft-noded.log
'

test_expect_success 'the unit ends in order: its modules run on' '
    await runs_on n1 crash && pid=$(pid_of n1 crash) && end_unit n1 && on n1 mv /var/log/ft/ft-noded.log /var/log/ft/before &&
    runs_on n1 crash && start_unit n1 && await on n1 grep -q "module crash .* taken over" /var/log/ft/ft-noded.log &&
    test "$(pid_of n1 crash)" = "$pid" && runs_on n1 crash
'

test_expect_success 'new settings of a module that runs: taken, and it runs on' '
    pid=$(pid_of n2 crashing) && conf "$(settings "burst = 7")" && spread_conf &&
    signal_daemon n0 ft-centrald HUP &&
    await on n2 grep -q "module crashing .* new settings" /var/log/ft/ft-noded.log &&
    test "$(pid_of n2 crashing)" = "$pid" && runs_on n2 crashing
'

test_expect_success 'the unit hangs: what may run once only ends with the lease, and runs elsewhere after that' '
    await runs_on n1 crash && pid=$(pid_of n1 crash) && signal_daemon n1 ft-noded STOP && await runs_on n2 crash &&
    is_gone n1 "$pid" && test "$(field n1 crash end)" = "$ENDED_BY_LEASE"
'

test_expect_success 'it goes on, finds itself replaced, and starts nothing' '
    signal_daemon n1 ft-noded CONT && await on n1 grep -q "module crash .* stopped: lease ended" /var/log/ft/ft-noded.log &&
    sleep 1 && runs_on n2 crash && ! runs_on n1 crash
'

test_expect_success 'a person ends all modules of a node, its unit being there or not' '
    pid=$(pid_of n2 crash) && on n2 ft-noded --stop-modules && is_gone n2 "$pid" &&
    await runs_on n2 nostart && kill_unit n2 && on n2 ft-noded --stop-modules && ! runs_on n2 nostart
'

test_expect_success 'the daemons end in order' 'system_down'

ft_done
