#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Any PMIx client gets nodes the standard way: PMIx_Allocation_request and the queries about allocations,
# on stock PRRTE, from the job's pool of spares. What is given can be spawned on, and goes back.
test_description='PMIx_Allocation_request: NEW, EXTEND, RELEASE, REQ_CANCEL, and the queries'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
shared=$FT_CLUSTER/shared
client=${FT_STAGE%/*}/tests/system/progs/pmix_alloc
[ -x "$client" ] || error "pmix_alloc is not built"

# --- words

nobody_left() { ! cluster pids | grep -v sshd | grep -q .; }
says() { grep -a -q -- "$1" "$shared/out"; }
said() { says "$1" || { echo "not said: $1"; cat "$shared/out"; false; }; }
said_times() { [ "$(grep -a -c -- "$2" "$shared/out")" = "$1" ] || { cat "$shared/out"; false; }; }
hears() { wait_until 60 says "$1" || { cat "$shared/out"; false; }; }

# begin COMMAND... :: WORD...: the client, two processes on n0 and n1, started as COMMAND says.
begin() {
    local command=()
    while [ "$1" != :: ]; do command+=("$1"); shift; done
    shift
    wait_until 60 nobody_left || return
    rm -f "$shared"/go
    cluster exec n0 timeout -k 5 120 "${command[@]}" --host n0,n1 -n 2 "$client" "$@" \
        >"$shared"/out 2>&1 </dev/null &
    pid=$!
}
pooled() { begin ft run --pool "$pool" -- :: "$@"; }
pool=n3,n4,n5

# ends: with code 0, and leaves nothing.
ends() {
    local code=0
    wait "$pid" || code=$?
    [ "$code" = "${1-0}" ] && wait_until 60 nobody_left && return
    echo "it ended with $code:"; cat "$shared/out"; cluster pids
    return 1
}

# --- what happens

test_expect_success 'a node is given, used by a spawn, asked about, and released' '
    pooled new:req=mine "spawn:host=\$node:until=go" status:req=mine "allocation:id=\$id" allocation \
        "release:id=\$id" "wait:for=go" "release:id=\$id:retry=1" status:req=mine allocation \
        "allocation:id=\$id" &&
    hears "^release PMIX_ERR_RESOURCE_BUSY" && hears "^child on n3$" && touch "$shared"/go && ends &&
    said "^new PMIX_SUCCESS id=ft-1 nodes=n3 n=1 req=mine why=$" && said "^spawn PMIX_SUCCESS" &&
    said "^status PMIX_SUCCESS ALLOCATED$" && said "^allocation PMIX_SUCCESS n3/ft-1$" &&
    said "^allocation PMIX_SUCCESS n0 n1 n3/ft-1$" && said "^release PMIX_SUCCESS" &&
    said "^status PMIX_SUCCESS RELEASED$" && said "^allocation PMIX_SUCCESS n0 n1$" &&
    said "^allocation PMIX_ERR_NOT_FOUND"
'

test_expect_success 'the same from a process on another node; a released node is given and used again' '
    pooled on=1 new "spawn:host=\$node" "release:id=\$id:retry=1" new "spawn:host=\$node" \
        "release:list=\$node:retry=1" new:exclude=n3 "spawn:host=\$node" && ends &&
    said "^new PMIX_SUCCESS id=ft-1 nodes=n3 " && said "^new PMIX_SUCCESS id=ft-2 nodes=n3 " &&
    said "^new PMIX_SUCCESS id=ft-3 nodes=n4 " && said_times 2 "^release PMIX_SUCCESS" &&
    said_times 2 "^child on n3$" && said_times 1 "^child on n4$"
'

test_expect_success 'all nodes or none; an allocation grows, and shrinks' '
    pooled new:nodes=4 new:nodes=2 extend:id=ft-1 extend:id=ft-1 "allocation:id=ft-1" \
        "spawn:host=n5" release:id=ft-1:list=n4 "allocation:id=ft-1" extend "release:id=ft-1:retry=1" \
        new:nodes=2 && ends &&
    said "^new PMIX_ERR_OUT_OF_RESOURCE" && said "^new PMIX_SUCCESS id=ft-1 nodes=n3,n4 n=2 " &&
    said "^extend PMIX_SUCCESS id=ft-1 nodes=n5 n=1 " && said "^extend PMIX_ERR_OUT_OF_RESOURCE" &&
    said "^allocation PMIX_SUCCESS n3/ft-1 n4/ft-1 n5/ft-1$" &&
    said "^allocation PMIX_SUCCESS n3/ft-1 n5/ft-1$" && said "^child on n5$" &&
    said "^extend PMIX_SUCCESS id=ft-2 nodes=n4 n=1 " &&
    said "^new PMIX_SUCCESS id=ft-3 nodes=n3,n5 n=2 "
'

test_expect_success 'what cannot be done is refused, and changes nothing' '
    pooled new:nodes=0 new:nodes=100000 new:list=n4 "new:exclude=n[4-5]" new:strange=yes lend \
        extend:id=ft-7 release:id=ft-7 release release:list=n1 cancel cancel:req=nobodys \
        status status:req=nobodys allocation:id=ft-7 time new && ends &&
    said_times 3 "^new PMIX_ERR_BAD_PARAM\|^cancel PMIX_ERR_BAD_PARAM" &&
    said_times 3 "^new PMIX_ERR_NOT_SUPPORTED" && said "^lend PMIX_ERR_NOT_SUPPORTED" &&
    said "^extend PMIX_ERR_NOT_FOUND" && said_times 2 "^release PMIX_ERR_NOT_FOUND" &&
    said "^release PMIX_ERR_BAD_PARAM" && said "^cancel PMIX_ERR_NOT_FOUND" &&
    said "^status PMIX_ERR_BAD_PARAM" && said "^status PMIX_ERR_NOT_FOUND" &&
    said "^allocation PMIX_ERR_NOT_FOUND" && said "^time PMIX_ERR_NOT_FOUND" &&
    said "^new PMIX_SUCCESS id=ft-1 nodes=n3 "
'

test_expect_success 'queries of stock PRRTE are answered as before, also together with ours' '
    pooled new:req=mine status:req=mine:with=namespaces && ends &&
    said "^status PMIX_SUCCESS ALLOCATED prterun-n0-.*@1$"
'

test_expect_success 'a node that was given is lost: it is released, and not given again' '
    pooled new "spawn:host=\$node:until=never" wait:for=go "release:id=\$id:retry=1" new:nodes=2 \
        "spawn:host=\$node" new &&
    hears "^child on n3$" && cluster crash n3 && touch "$shared"/go && ends &&
    said "^release PMIX_SUCCESS" && said "^new PMIX_SUCCESS id=ft-2 nodes=n4,n5 " &&
    said "^child on n4$" && said "^new PMIX_ERR_OUT_OF_RESOURCE" && cluster boot n3
'

test_expect_success 'all processes ask and spawn at once: each has a node of its own, or the same one' '
    pooled on=all new "spawn:host=\$node" spawn:host=n5 && ends &&
    said_times 2 "^new PMIX_SUCCESS" && said_times 4 "^spawn PMIX_SUCCESS" &&
    said "^child on n3$" && said "^child on n4$" && said_times 2 "^child on n5$"
'

test_expect_success 'what is not released goes back when the launcher ends: the next one gets it' '
    pooled new:nodes=3 && ends && said "nodes=n3,n4,n5 " &&
    pooled new:nodes=3 && ends && said "nodes=n3,n4,n5 "
'

test_expect_success 'a central unit that is told to ask its own launcher asks, and is refused' '
    printf "rms = \"pmix\"\n" >"$shared"/ft.conf &&
    begin env FT_CONF=/shared/ft.conf FT_EVENTS=/shared/events ft run -- :: new && ends &&
    said "^new PMIX_ERR_OUT_OF_RESOURCE" && begin env FT_CONF=/shared/ft.conf ft run -- \
        --prtemca errmgr_ft_verbose 1 :: new && ends && said "server answers .*NOT_SUPPORTED"
'

test_expect_success 'without units nodes are not to be had; the allocation can be asked about' '
    begin mpirun --with-ft ulfm :: on=1 new cancel:req=x allocation && ends &&
    said "^new PMIX_ERR_NOT_SUPPORTED" && said "^cancel PMIX_ERR_NOT_SUPPORTED" &&
    said "^allocation PMIX_SUCCESS n0 n1$" &&
    begin mpirun :: new allocation && ends && said "^new PMIX_ERR_NOT_SUPPORTED" &&
    said "^allocation PMIX_SUCCESS n0 n1$"
'

ft_done
