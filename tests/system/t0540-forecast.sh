#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The paper, section 4: "is used from collection function information to tolerate the error before
# the fault occurs". A node's disk fills up; its module is elsewhere before that hurts.
test_description='what is about to break is seen coming, told, and left in time'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 3
. "$FT_TOP/tests/system/lib/system.sh"

mkdir "$FT_CLUSTER/shared/hook"
cat >"$FT_CLUSTER/shared/hook/run" <<'H'
#!/bin/sh
cat >>/shared/hook/lines
echo "$FT_EVENT $FT_NODE" >>/shared/hook/events
H
chmod +x "$FT_CLUSTER/shared/hook/run"

# The module outlives its unit for that long. So long, too, a central unit waits before it starts any.
conf 'lease_ms = 8000' 'hook = "/shared/hook/run"' 'sinks = { "file:/var/log/ft/sink.jsonl" }' \
    'node "n1" { priority = 1 }' 'node "n2" { }' \
    'module "clock" { command = { "/bin/sleep", "100000" } home = "n1" nodes = { "n1", "n2" } }'
sed -i 's/^metrics_port = 0/metrics_port = 9311/' "$system_conf"

# The node's /tmp gets a disk of 8 MiB, which is empty.
small_disk() { on "$1" sh -c 'mount -t tmpfs -o size=8m small /tmp'; }

metrics() { on n0 curl -s --max-time 5 http://127.0.0.1:9311/metrics; }
has_metric() { metrics | grep -qE "$1"; }

test_expect_success 'the daemons come up; the module runs at home' '
    small_disk n1 && system_up && await_module 60 clock n1
'
test_expect_success 'every unit tells what it reads of its node' '
    for node in n0 n1 n2; do
        wait_until 60 has_metric "^ft_node_memory_free_bytes\{node=\"$node\"\} [0-9]+$" || { metrics; return 1; }
        wait_until 60 has_metric "^ft_node_disk_free_bytes\{node=\"$node\",of=\"/tmp\"\} [0-9]+$" || { metrics; return 1; }
    done &&
    has_metric "^ft_nodes\{state=\"well\"\} 3$" && has_metric "^ft_module_up\{module=\"clock\",node=\"n1\"\} 1$" &&
    ! has_metric "^ft_node_trouble\{"
'
# n1 and n2 are named by ft.conf and were looked for; heartbeats come in, and nothing is dropped.
test_expect_success 'what goes by datagrams is counted' '
    has_metric "^ft_datagrams_total\{what=\"received\"\} [1-9][0-9]*$" &&
    has_metric "^ft_datagrams_total\{what=\"sent\"\} [1-9][0-9]*$" &&
    has_metric "^ft_datagrams_total\{what=\"overrun\"\} 0$" &&
    has_metric "^ft_discovery_total\{what=\"asked\"\} [1-9][0-9]*$" &&
    has_metric "^ft_discovery_total\{what=\"identified\"\} [0-9]+$" ||
        { metrics | grep -E "^ft_(datagrams|discovery)"; return 1; }
'
test_expect_success 'what changed is told again, what did not is not' '
    on n2 sh -c "head -c 100000000 /dev/zero >/dev/shm/some" &&
    before=$(metrics | sed -n "s/^ft_node_disk_free_bytes{node=\"n2\",of=\"\/dev\/shm\"} //p") && test "$before" &&
    on n2 rm /dev/shm/some && grown() {
        local now
        now=$(metrics | sed -n "s/^ft_node_disk_free_bytes{node=\"n2\",of=\"\/dev\/shm\"} //p")
        [ "$now" ] && [ "$now" -gt 0 ]
    } && wait_until 60 grown
'
test_expect_success 'its disk fills up: seen, with the evidence, and the module moves' '
    on n1 sh -c "head -c 8300000 /dev/zero >/tmp/filling; true" &&
    await_sys_event 60 ".event == \"trouble_seen\" and .node == \"n1\" and .what == \"disk /tmp\" and .grade == 2" &&
    sys_event ".event == \"trouble_seen\" and .node == \"n1\"" | jq -e ".evidence | test(\"^[0-9.]+ % free -> [01][.][0-9] % in [0-9]+ s$\")" &&
    await_module 60 clock n2 && test -z "$(module_pids n1 "^/bin/sleep 100000")" &&
    has_metric "^ft_node_trouble\{node=\"n1\",what=\"disk /tmp\"\} 2$"
'
test_expect_success 'the way there: first the forecast, then the move; never two at once' '
    seen=$(sys_event ".event == \"trouble_seen\" and .node == \"n1\"" | jq .seq) &&
    moved=$(sys_event ".event == \"module_placed\" and .module == \"clock\" and .node == \"n2\"" | jq .seq) &&
    test "$seen" -lt "$moved"
'
test_expect_success 'the disk is emptied: the node is well again, the module stays where it is' '
    on n1 rm /tmp/filling && await_sys_event 90 ".event == \"trouble_over\" and .node == \"n1\"" &&
    module_runs clock n2 && ! has_metric "^ft_node_trouble\{"
'
test_expect_success 'the hook and the file were told of it' '
    grep -qx "trouble_seen n1" "$FT_CLUSTER/shared/hook/events" &&
    grep -q "\"event\":\"trouble_over\"" "$FT_CLUSTER/shared/hook/lines" &&
    on n0 cat /var/log/ft/sink.jsonl | jq -es "map(.event) | contains([\"trouble_seen\", \"trouble_over\"])"
'
test_expect_success 'the daemons end; the modules end when asked to, and no process is left' '
    system_down && test "$(module_pids n2 "^/bin/sleep 100000")" && on n2 ft-noded --stop-modules &&
    test -z "$(module_pids n2 "^/bin/sleep 100000")" && on n1 umount /tmp && no_process() { ! cluster pids | grep -v " sshd-session: "; } &&
    wait_until 60 no_process
'
ft_done
