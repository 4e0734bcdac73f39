#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Resources other than ranks: nodes, processes, devices, links and storage can be reported and
# replaced as well; what concerns one lost node has one answer, whatever it is called.
test_description='alternatives for nodes, processes, devices, links and storage'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"

pid_of() { head -n 1 "$shared/$job_name/answer.$1" | jq .pid; }
has_units() { [ "$(events '.event == "node_collected"')" -ge "$1" ]; }
alternative_is() { replied ".status == \"OK\" and .alternative == \"$1\" and .lost_node == \"$2\""; }

test_expect_success 'a job on n0, n1 and n2; n2 is lost' '
    start_clients resources 4 --pool "n[3-5]" --host n0:2,n1:1,n2:1 && wait_until 60 has_units 6 &&
    lost_pid=$(pid_of 3) && cluster crash n2 && await_event 60 ".event == \"node_lost\""
'
test_expect_success 'each can be reported: the log says what, by whom, and what was being done' '
    for R in node:n2 process:n2:$lost_pid device:n2:eth0 link:n0:n2 storage:n2:/scratch rank:3; do
        ask 0 error $R receive && replied ".status == \"OK\" and .event > 0" || return 1
    done &&
    for resource in "node n2" "process $lost_pid of node n2" "device eth0 of node n2" \
        "the link between n2 and n0" "storage /scratch of node n2"; do
        event ".event == \"error_reported\" and .resource == \"$resource\" and .usage == \"receive\" and
            .asker_rank == 0 and .asker_node == \"n0\" and (.text | contains(\"could not receive from $resource\"))" ||
            { jq -c "select(.event == \"error_reported\")" "$shared/resources/events"; return 1; }
    done
'
test_expect_success 'reported again it is counted, not repeated' '
    ask 0 error node:n2 receive && first=$(field event) && ask 0 error node:n2 receive &&
    replied ".status == \"OK\" and .event == $first" &&
    test "$(events ".event == \"error_reported\" and .resource == \"node n2\" and .usage == \"receive\"")" = 1
'
test_expect_success 'node, process, device, link and storage of n2: all n3, which stands in for n2' '
    ask 0 find node:n2 atleast && alternative_is n3 n2 && replied ".rung == \"new node\" and .resource == \"node n2\"" &&
    for R in process:n2:$lost_pid device:n2:eth0 link:n0:n2 link:n2:n1 storage:n2:/scratch rank:3; do
        ask 0 find $R atleast && alternative_is n3 n2 && replied ".repairable == 0 and .took_ms < 2000" || return 1
    done
'
test_expect_success 'rank 1 on n0 and rank 2 on n1 get the same answers' '
    ask 1 find device:n2:eth0 && alternative_is n3 n2 && was=$(field decision) &&
    ask 2 find device:n2:eth0 && alternative_is n3 n2 && replied ".decision == $was"
'
test_expect_success 'a process that is a rank is that rank' '
    ask 0 find process:n1:$(pid_of 2) && replied ".status == \"OK\" and (.resource | startswith(\"rank 2 of job\"))" &&
    replied ".lost_node == \"n1\"" && was=$(field decision) && ask 0 find rank:2 && replied ".decision == $was"
'
test_expect_success 'a rank of another job by name: its own job by name is the same rank' '
    name=$(head -n 1 "$shared/resources/answer.0" | jq -r .job) && ask 0 find rank:3 && was=$(field decision) &&
    ask 0 find rank:3@$name && replied ".decision == $was" &&
    ask 0 find rank:0@nobody && replied ".status == \"UNKNOWN\" and (.reason | contains(\"rank 0 of job nobody is not known\"))"
'
test_expect_success 'a device, storage or link of a node that lives: another node, as planned work; n3 stays n2'\''s' '
    ask 0 find storage:n1:/scratch && replied ".status == \"OK\" and .lost_node == \"n1\" and .repairable == 0" &&
    replied "(.alternative == \"n4\" or .alternative == \"n5\") and (.repair | contains(\"not known to be lost\"))" &&
    planned=$(field alternative) && ask 0 find device:n1:eth0 && alternative_is $planned n1 &&
    ask 0 find link:n0:n1 && alternative_is $planned n1 &&
    event ".event == \"not_known_lost\" and .resource == \"storage /scratch of node n1\" and (.text | contains(\"planned work\"))"
'
test_expect_success 'not this one: the next' '
    ask 0 find storage:n1:/scratch exclude=$planned &&
    replied ".status == \"OK\" and .epoch == 2 and .alternative != \"$planned\" and .alternative != \"n3\""
'
test_expect_success 'what nobody knows is unknown, in words, within a second' '
    for R in node:n77 process:n77:1 device:n77:eth0 link:n0:n77 storage:n77:/scratch rank:77; do
        ask 0 find $R && replied ".status == \"UNKNOWN\" and .took_ms < 1000 and .alternative == \"\"" &&
        replied ".reason | contains(\"77\") and contains(\"is not known\")" &&
        replied ".hint | contains(\"check the\")" || return 1
    done
'
test_expect_success 'what is no resource, and no constraint, is refused before it is sent' '
    ask 0 find rank:-1 && replied ".status == \"ACTION\" and .event == 0 and .reason != \"\" and .took_ms < 50" &&
    ask 0 find node:n2 cores=0 && replied ".status == \"ACTION\" and (.reason | contains(\"ftNeedCores\"))" &&
    ask 0 find node:n2 exclude=n1,n2 && replied ".status == \"ACTION\" and (.reason | contains(\"one by one\"))"
'
test_expect_success 'the job ends well, nothing is left' '
    end_clients 0 0 1 2 && await 60 && test $code = 0 && nothing_left
'

# Near and far: by location, told by the nodes themselves and in ft.conf.
printf 'node "n%s" { location = "row%s/rack%s" }\n' 0 1 1 2 1 1 3 2 1 4 1 2 5 1 1 >"$shared/ft.conf"
test_expect_success 'near and far go by location' '
    start_clients near 3 --conf /shared/ft.conf --host n0,n1,n2,n3,n4,n5 && wait_until 60 has_units 6 &&
    cluster crash n2 && await_event 60 ".event == \"node_lost\"" &&
    ask 0 find rank:2 near=node:n2 && replied ".status == \"OK\" and .alternative == \"n5\" and .rung == \"idle node\"" &&
    ask 0 find rank:2 near=node:n2 exclude=n5 && replied ".alternative == \"n4\"" &&
    ask 0 find rank:2 far=node:n2 exclude=n4 && replied ".alternative == \"n3\"" &&
    end_clients 0 0 1 && await 60 && test $code = 0 && nothing_left
'

ft_done
