#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# long: the MPI layer and programs of its tests are built once more
# The MPI layer under AddressSanitizer (with LeakSanitizer) and UndefinedBehaviorSanitizer, in jobs
# that lose ranks. Unlike t0760's Valgrind it sees overruns between variables of one block or on the
# stack, and lets jobs run nearly as fast as they are, so that what happens at the same moment
# does.
#
# The layer is loaded into an instrumented program, by the plain libftmpi.so of the installation,
# which has to be in all processes and so cannot be instrumented itself.
test_description='the MPI layer makes no mistake with memory, in a sanitizer'\''s eyes'
export FT_CLUSTER_YIELDS=1
top=$(cd -P "$(dirname "$0")/../.." && pwd)
plain=${FT_STAGE:-$top/build/stage}
build=${plain%/*}/sanitized
log=$build/sanitized.log
programs=(tests/system/progs/{retarget_app,repair_app,repair_comms,threads_app,keep_overrun} examples/keep_workers)

# In a folder that the nodes see.
build() {
    mkdir -p "$build" && cd "$build" || return
    [ -e config.status ] || "$top/configure" --prefix=/usr --libdir=/usr/lib/x86_64-linux-gnu \
        --sysconfdir=/etc --enable-werror CFLAGS="-O1 -g -fno-omit-frame-pointer \
-fsanitize=address,undefined -fno-sanitize-recover=undefined" || return
    make -j"$(nproc)" libft.la mpi-ext/libftmpi.la mpi-ext/ftmpi_layer.la "${programs[@]}" || return
    rm -rf stage && cp -a "$plain" stage &&
        cp mpi-ext/.libs/ftmpi_layer.so stage/usr/lib/x86_64-linux-gnu/ft/
}
mkdir -p "$build"
(build) >"$log" 2>&1 || { tail -n 20 "$log" | sed 's/^/# /'; echo 'Bail out! no sanitized layer'; exit 1; }
export FT_STAGE=$build/stage
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 6
. "$FT_TOP/tests/system/lib/road.sh"
cp "$FT_TOP/tests/system/lib/sanitizer.supp" "$shared/supp"

# start_checked NAME SPARES N PROGRAM...: N ranks, two on a node, the spares behind them
start_checked() {
    local name=$1 spares=$2 n=$3 all
    shift 3
    all=log_path=/shared/$name/report:print_stacktrace=1:handle_abort=1
    start "$name" ft run "${start_mode:---mode=retarget}" --spares "$spares" -n "$n" --map-by slot \
        --host "n0:2,n1:2,n2:2,n3:2,n4:2,n5:2" \
        env ASAN_OPTIONS="$all:verify_asan_link_order=0:strict_string_checks=1:detect_leaks=1:fast_unwind_on_malloc=0" \
        UBSAN_OPTIONS="$all" LSAN_OPTIONS="suppressions=/shared/supp:print_suppressions=0" "$@"
}
# clean: no process of the job has a report
clean() { ! ls "$shared/$job_name"/report.* >/dev/null 2>&1; }
reports() { head -n 60 "$shared/$job_name"/report.*; }
run_checked() { start_checked "$@" && await 300 && { clean || reports; }; }

# --- what is looked for is seen

test_expect_success 'a mistake is seen in the layer' '
    run_checked mistake 0 1 "$progs/keep_overrun"; test "$code" != 0 &&
    reports >found && grep "heap-buffer-overflow" found && grep "#.*keep.c:" found
'

# --- retarget

# received_all STEPS FILE: to the last step
received_all() { awk -v n="$1" '$2 == n { found = 1 } END { exit !found }' "$shared/$job_name/got.$2"; }
# publish, gather NAME ARGUMENT...: rank 0 sends to, receives from all others, one of which dies
publish() {
    run_checked "$1" 2 4 "$progs/retarget_app" "/shared/$1" "${@:2}" steps=60 die=2@20 die=2@40 &&
        test "$code" = 0 && received_all 60 2.2 && clean
}
gather() {
    run_checked "$1" 2 4 "$progs/retarget_app" "/shared/$1" "${@:2}" steps=60 die=2@20 die=3@30 &&
        test "$code" = 0 && received_all 60 0.0 && clean
}
for way in send ssend isend window start; do
    test_expect_success "retarget: $way" "publish $way $way bytes=100000"
done
test_expect_success 'retarget: an error for what was under way' 'publish rule isend rule=error bytes=200000'
# Rank 0 is far ahead there: of the second process only what it sends at the end is certain to come.
for comm in dup split cart group; do
    test_expect_success "retarget: many messages, on the communicator $comm" "
        run_checked window.$comm 1 4 '$progs/retarget_app' /shared/window.$comm window comm=$comm \
            bytes=20000 steps=400 die=2@20 && test \$code = 0 && received_all 400 2.1 && clean
    "
done
for way in gather igather pgather probe mprobe ranks batch newest; do
    test_expect_success "retarget: $way" "gather $way $way"
done
test_expect_success 'retarget: a message of a lost rank is taken after it was replaced' '
    run_checked held 1 4 "$progs/retarget_app" /shared/held held die=3@1 && test "$code" = 0 && clean
'
test_expect_success 'retarget: several threads' '
    run_checked threads 1 4 "$progs/threads_app" /shared/threads retarget 2@20 && test "$code" = 0 && clean
'

# --- repair

# repair NAME N PROGRAM ARGUMENT...
repair() {
    local name=$1 n=$2 program=$3
    shift 3
    start_mode=--mode=repair run_checked "repair.$name" 3 "$n" "$progs/$program" "/shared/repair.$name" \
        "$@" && test "$code" = 0 && clean
}
for way in loop callback return plain; do
    test_expect_success "repair: $way" "repair $way 4 repair_app $way steps=12 die=1@5"
done
test_expect_success 'repair: requests under way' 'repair pending 4 repair_app callback pending=1 steps=12 die=1@5'
test_expect_success 'repair: large messages, two losses at once' '
    repair big 4 repair_app loop big=300000 steps=12 die=1@5 die=2@5
'
test_expect_success 'repair: a loss during the repair' '
    repair late 4 repair_app loop steps=40 die=1@5 late=2@5
'
test_expect_success 'repair: a rank is lost at the end' 'repair end 4 repair_app loop steps=8 end=2'
test_expect_success 'repair: communicators of every kind, two losses at once, then of a replacement' '
    repair comms 6 repair_comms die=2@2 die=3@2 die=2@2@1
'
test_expect_success 'repair: neighbourhood collectives' 'repair neighbours 6 repair_comms neighbours die=5@2'
test_expect_success 'repair: several threads' 'repair threads 4 threads_app callback 2@20'

# --- no spare

test_expect_success 'repair: the program is started anew' '
    start_mode=--mode=repair run_checked fresh 0 4 "$progs/repair_app" /shared/fresh loop steps=12 die=1@5 &&
    test "$code" = 0 && clean
'
test_expect_success 'retarget: the program is started anew' '
    start_mode=--mode=retarget run_checked anew 0 4 "$progs/retarget_app" /shared/anew window bytes=20000 \
        steps=400 die=2@20 && test "$code" = 0 && received_all 400 2.1 && clean
'

# --- kept state

test_expect_success 'kept state: commits, a lost rank, and a spare that fetches' '
    start_checked keep 3 3 "${FT_STAGE%/*}/examples/keep_workers" 60 40 &&
    wait_until 120 grep -q first "$shared/keep/out" && on n1 pkill -KILL -x keep_workers &&
    await 300 && { clean || reports; } && test "$code" = 0 &&
    grep "goes on after step" "$shared/keep/out" && clean
'

ft_done
