# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# central.sh: the figure of the central unit's backups, for `bench`: three central units, on n0, n3 and
# n4; a job on n1 and n2 that asks. They take the place of the daemons that other keys have started.
#
#   central_failover_ms   the central unit that leads is killed -> a rank that asks just then has its
#                         decision, from the next one; default settings of ft.conf

readonly CENTRAL_KEYS=central_failover_ms
readonly CENTRAL_TIMEOUT_S=60
central_is_up=
asked_n=0

failover_votes() { ft_json n1 central 2>/dev/null | jq -e '[.voters[] | select(.votes)] | length == 3' >/dev/null; }
failover_leads() { leader >/dev/null && failover_votes; }
failover_clients() { [ "$(cat "$shared"/failover/answer.* 2>/dev/null | wc -l)" -ge 2 ]; }
failover_answered() { [ "$(wc -l <"$shared/failover/answer.0")" -gt "$1" ]; }

central_up() {
    local node
    [ ! "$central_is_up" ] || return 0
    if [ "${node_is_up-}" ]; then
        system_down || die "the daemons of other keys do not end"
    else # not twice: it would forget what runs
        # shellcheck source=tests/system/lib/system.sh
        . "$top/tests/system/lib/system.sh"
    fi
    for node in n0 n1 n2 n3 n4; do
        on "$node" sh -c 'ft-noded --stop-modules; rm -rf /var/lib/ft /var/log/ft /run/ft' >/dev/null 2>&1
    done
    centrals='n0 n3 n4'
    conf 'handback_ms = 600000' 'pool = { "n3" }'
    # shellcheck disable=SC2119 # all nodes
    system_up || die "the central units did not come up (see above)."
    wait_until $CENTRAL_TIMEOUT_S failover_leads || die "not all central units vote"
    mkdir -p "$shared/failover"
    on n1 mpirun --with-ft ulfm -n 2 --host n1:1,n2:1 "$FT_BUILD/tests/system/progs/road_client" /shared/failover \
        </dev/null >"$scratch/out" 2>&1 &
    wait_until $CENTRAL_TIMEOUT_S failover_clients || die "the job that asks does not run"
    central_is_up=yes
}

sample_central_failover_ms() {
    local first before killed answered
    central_up
    wait_until $CENTRAL_TIMEOUT_S failover_leads && first=$(leader) || return
    before=$(wc -l <"$shared/failover/answer.0")
    asked_n=$((asked_n + 1))
    killed=$EPOCHREALTIME
    kill_central "$first" || return
    # Another device each time: a decision of its own.
    echo "find device:n3:eth$asked_n timeout=30000" 1<>"$shared/failover/ask.0"
    wait_until $CENTRAL_TIMEOUT_S failover_answered "$before" || { say "$1: no answer"; return 1; }
    answered=$EPOCHREALTIME
    tail -n 1 "$shared/failover/answer.0" | jq -e '.status == "OK" or .status == "NONE"' >/dev/null || {
        say "$1: $(tail -n 1 "$shared/failover/answer.0")"
        return 1
    }
    { ms_between "$killed" "$answered"; echo; } >>"$scratch/$1"
    start_central "$first" && wait_until $CENTRAL_TIMEOUT_S failover_leads
}
