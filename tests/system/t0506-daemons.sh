#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The two daemons as an init script and as a service manager have them: --daemonize returns when they
# are ready, or says why they are not; they tell systemd that they are ready, live, reload and end.
test_description='the daemons as daemons and as services'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 2
. "$FT_TOP/tests/system/lib/system.sh"

conf 'node "n[0-1]" { }'
pid_of=''
settle_files() { spread_key n0 n1 && spread_conf n0 && noded_conf n0 && noded_conf n1; }

# start_as_daemon NODE NAME: by somebody who has left descriptors open, and waits for the end of its output.
start_as_daemon() {
    on "$1" bash -c 'cd /var/tmp && exec 7</etc/hostname 9>/var/tmp/left-open && "/usr/sbin/$1" --daemonize 2>&1 | cat; exit "${PIPESTATUS[0]}"' - "$2" >said
}
pid_file() { case $1 in ft-noded) echo /run/ft/noded.pid ;; *) echo /run/ft/central.pid ;; esac; }
# is_daemon NODE NAME: what it says of itself is true, and it holds nothing of who started it.
is_daemon() {
    local pid
    pid=$(on "$1" cat "$(pid_file "$2")") && [ "$(on "$1" pgrep -x "$2")" = "$pid" ] &&
        [ "$(on "$1" stat -c %a "$(pid_file "$2")")" = 644 ] &&
        [ "$(on "$1" readlink "/proc/$pid/cwd")" = / ] &&
        [ "$(on "$1" ps -o sid= -p "$pid" | tr -d ' ')" = "$pid" ] &&
        [ "$(on "$1" sh -c "readlink /proc/$pid/fd/0 /proc/$pid/fd/1 /proc/$pid/fd/2" | sort -u)" = /dev/null ] &&
        ! on "$1" sh -c "readlink /proc/$pid/fd/*" | grep -E 'hostname|left-open|^pipe:.*deleted'
}
# listens NODE PATH: somebody answers at that unix socket, at the first try.
listens() { on "$1" perl -MIO::Socket::UNIX -e 'exit(IO::Socket::UNIX->new(Peer => $ARGV[0]) ? 0 : 1)' "$2"; }
end_by_file() { on "$1" sh -c 'kill -TERM "$(cat "$1")"' - "$(pid_file "$2")" && wait_until 60 is_gone "$1" "$2"; }
runs_not() { ! on "$1" pgrep -x "$2" >/dev/null; }
has_no_file() { ! on "$1" test -e "$(pid_file "$2")"; }
is_gone() { ! on "$1" pgrep -x "$2" >/dev/null && ! on "$1" test -e "$(pid_file "$2")"; }

# --- --daemonize

test_expect_success 'the central unit returns when it is ready, and holds nothing of who started it' '
    settle_files && start_as_daemon n0 ft-centrald && listens n0 /run/ft/central.sock && is_daemon n0 ft-centrald && test ! -s said
'
test_expect_success 'so does the unit of a node' '
    start_as_daemon n1 ft-noded && listens n1 /run/ft/noded.sock && is_daemon n1 ft-noded && test ! -s said &&
    wait_until 60 unit_is_up n1
'
test_expect_success 'a second one of each says why it cannot begin, to who started it, and does no harm' '
    test_must_fail start_as_daemon n0 ft-centrald && grep "does another ft-centrald run" said && is_daemon n0 ft-centrald &&
    test_must_fail start_as_daemon n1 ft-noded && grep "runs already" said && is_daemon n1 ft-noded
'
test_expect_success 'ended by the number in their files they remove them' '
    end_by_file n1 ft-noded && end_by_file n0 ft-centrald && on n0 test -e /run/ft/central.ended
'
test_expect_success 'what is wrong with their files is told to who started them, with file and line' '
    { cat "$system_conf"; echo "lease_ms = long"; } >bad.conf && put n0 /etc/ft/ft.conf <bad.conf &&
    test_must_fail start_as_daemon n0 ft-centrald && grep "/etc/ft/ft.conf:[0-9]*:.*lease_ms" said && spread_conf n0 &&
    on n0 chmod 644 /etc/ft/key && test_must_fail start_as_daemon n0 ft-centrald && grep "/etc/ft/key" said && spread_key n0 &&
    put n1 /etc/ft/noded.conf 644 <<<"chek = \"/x\"" && test_must_fail start_as_daemon n1 ft-noded && grep "noded.conf:1:" said &&
    on n1 rm /etc/ft/noded.conf && noded_conf n1
'
test_expect_success 'so is what goes wrong after that' '
    on n0 sh -c "rm -f /var/log/ft/centrald.log && mkdir /var/log/ft/centrald.log" &&
    test_must_fail start_as_daemon n0 ft-centrald && grep "centrald.log" said && on n0 rmdir /var/log/ft/centrald.log &&
    on n0 sh -c "mv /var/lib/ft/central /var/lib/ft/was && echo no-folder >/var/lib/ft/central" &&
    test_must_fail start_as_daemon n0 ft-centrald && grep "/var/lib/ft/central" said &&
    on n0 sh -c "rm /var/lib/ft/central && mv /var/lib/ft/was /var/lib/ft/central" && ! on n0 pgrep -x ft-centrald
'

test_expect_success 'the file of one that was killed does not stay' '
    start_as_daemon n0 ft-centrald && start_as_daemon n1 ft-noded && on n0 pkill -KILL -x ft-centrald && on n1 pkill -KILL -x ft-noded &&
    wait_until 60 runs_not n0 ft-centrald && wait_until 60 runs_not n1 ft-noded && on n0 test -e /run/ft/central.pid && on n1 test -e /run/ft/noded.pid &&
    start_central n0 && start_unit n1 && wait_until 60 has_no_file n0 ft-centrald && wait_until 60 has_no_file n1 ft-noded && end_unit n1 && end_central n0
'

# --- the service manager: a socket that takes what it is told, a line each, with when

notify=/run/notify
hear() { # hear NODE
    on "$1" sh -c "rm -f $notify $notify.said"
    cluster exec "$1" perl -MSocket -e '
        my ($s, $f, $what);
        open($f, ">", "$ARGV[0].said") or die "$!";
        socket($s, PF_UNIX, SOCK_DGRAM, 0) && bind($s, pack_sockaddr_un($ARGV[0])) or die "$!";
        while (defined recv($s, $what, 4096, 0)) { syswrite($f, "$_\n") for grep { $_ ne "" } split(/\n/, $what); }' $notify \
        </dev/null >/dev/null 2>&1 3>&- 4>&- &
    disown
    wait_until 60 on "$1" test -S $notify
}
told() { on "$1" grep -cx "$2" $notify.said; }
is_told() { [ "$(told "$1" "$2")" -ge "${3-1}" ]; }
await_told() { wait_until "$1" is_told "${@:2}" || { on "$2" cat $notify.said; show_logs; return 1; }; }
as_service() { # as_service NODE NAME
    cluster exec "$1" sh -c 'NOTIFY_SOCKET=$1 WATCHDOG_USEC=1000000 exec "/usr/sbin/$2" >>"/var/log/ft/$2.log" 2>&1' - $notify "$2" \
        </dev/null >/dev/null 2>&1 3>&- 4>&- &
    daemon_pid["$1 $2"]=$!
    disown
}

test_expect_success 'the central unit says that it is ready, what it does, and again that it lives' '
    hear n0 && on n0 mkdir -p /var/log/ft && as_service n0 ft-centrald && await_told 60 n0 READY=1 && listens n0 /run/ft/central.sock &&
    await_told 60 n0 "STATUS=leads, term [0-9]*" && await_told 60 n0 WATCHDOG=1 4
'
test_expect_success 'stopped, it says nothing: it would be started again' '
    on n0 pkill -STOP -x ft-centrald && sleep 2 && n=$(told n0 WATCHDOG=1) && sleep 2 && m=$(told n0 WATCHDOG=1) && test "$m" = "$n" &&
    on n0 pkill -CONT -x ft-centrald && await_told 60 n0 WATCHDOG=1 $((m + 2))
'
# What systemd compares the time with is its own clock.
test_expect_success 'it says that it reloads, since when, and that it is ready again' '
    before=$(on n0 cut -d" " -f1 /proc/uptime) && on n0 pkill -HUP -x ft-centrald && await_told 60 n0 RELOADING=1 && await_told 60 n0 READY=1 2 &&
    since=$(on n0 sed -n s/^MONOTONIC_USEC=//p $notify.said) && await_sys_event 60 ".event == \"config_changed\"" &&
    awk -v a="$before" -v b="$since" -v c="$(on n0 cut -d" " -f1 /proc/uptime)" "BEGIN { exit !(b / 1e6 >= a - 1 && b / 1e6 <= c + 1) }" &&
    on n0 grep -nE "^(RELOADING|READY)=1" $notify.said | tail -n 2 | cut -d: -f2 | tr "\n" " " | grep "^RELOADING=1 READY=1 $"
'
test_expect_success 'a file that is not used leaves it ready, too' '
    put n0 /etc/ft/ft.conf <bad.conf && on n0 pkill -HUP -x ft-centrald && await_told 60 n0 READY=1 3 && spread_conf n0 &&
    await_sys_event 60 ".event == \"config_refused\""
'
test_expect_success 'it says that it ends' '
    end_central n0 && is_told n0 STOPPING=1
'
test_expect_success 'the same of the unit of a node' '
    hear n1 && as_service n1 ft-noded && await_told 60 n1 READY=1 && listens n1 /run/ft/noded.sock &&
    await_told 60 n1 "STATUS=waiting for a central unit" && await_told 60 n1 WATCHDOG=1 4 && start_central n0 &&
    await_told 60 n1 "STATUS=connected to a central unit" && end_central n0 && await_told 60 n1 "STATUS=no central unit in reach" &&
    end_unit n1 && is_told n1 STOPPING=1
'

test_expect_success 'the services that are installed are what systemd understands' '
    on n0 systemd-analyze verify --man=no /usr/lib/systemd/system/ft-centrald.service /usr/lib/systemd/system/ft-noded.service >verified 2>&1 &&
    { test ! -s verified || { cat verified; false; }; }
'

test_expect_success 'nothing is left' '
    for i in 0 1; do on n$i pkill -x perl && on n$i rm -f $notify $notify.said /var/tmp/left-open || return 1; done && nothing_is_left
'

ft_done
