#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A job of an ordinary user that survives its nodes, where Slurm has FT's plugins: sbatch --ft. Other
# jobs are as they were.
test_description='sbatch --ft, salloc --ft, srun --ft: submitted, refused, survived; other jobs are as they were'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
. "$FT_TOP/tests/system/lib/slurm_submit.sh"
cluster slurm up || error "Slurm did not come up"

test_expect_success 'for comparison: a plain job, and ft sbatch, without the plugins' '
    ran sbatch $two show.sh && of_ft <"$home/out" >plain.vars && test ! -s plain.vars &&
    ran ft sbatch $two show.sh && of_ft <"$home/out" >ft.vars && test -s ft.vars
'

# --- with the SPANK plugin alone: it cannot change a request, and says so

for node in n0 n1 n2 n3 n4; do on $node sh -c 'echo "optional spank_ft.so" >/etc/slurm/plugstack.conf'; done

test_expect_success 'the options are in the help' '
    alice sbatch --help >help && grep -qE "^ *--ft=MODE  *the job goes on" help && grep -q "^ *--ft-spares=N" help
'

test_expect_success 'sbatch --ft without the cli_filter plugin: what will be missing' '
    ran sbatch --ft --ft-spares=1 $two show.sh && grep -q "^sbatch: --ft: .*CliFilterPlugins=ft" said &&
    grep -q "^sbatch: *without --no-kill" said && grep -q "^sbatch: *without the 1 nodes of --ft-spares" said &&
    grep -q "ft sbatch" said && has FT_MODE=retarget && ! grep FT_SPARES "$home/out" &&
    has "here: n1 n1 n2 n2" && test "$(field "$job" NumNodes)" = 2
'

test_expect_success 'ft sbatch goes on as before' '
    ran ft sbatch --ft-spares=1 $two show.sh && test "$(wc -l <said)" = 1 && has FT_SPARES=1 && has "here: n1 n1 n2 n2 n3 n3"
'

# --- with the cli_filter plugin, too: one line in slurm.conf

on n0 sh -c 'echo CliFilterPlugins=ft >>/etc/slurm/slurm.conf'

test_expect_success 'sbatch --ft: the same as ft sbatch, without a word' '
    ran sbatch --ft $two show.sh && test "$(wc -l <said)" = 1 && of_ft <"$home/out" >spank.vars &&
    test_cmp ft.vars spank.vars && has "here: n1 n1 n2 n2" && has "preloaded: "
'

test_expect_success 'spares by lines of the script; its numbers are those that were asked for' '
    script lines.sh "#SBATCH --ft=repair --ft-spares=1" "#SBATCH -N2 -n4 -w n1,n2 -o out" env \
        "echo here: \$(mpirun hostname | sort)" "sbatch -N1 -w n4 -o inner --parsable show.sh >inner.job" &&
    ran sbatch lines.sh && test "$(field "$job" NumNodes)" = 3 && test "$(field "$job" NumTasks)" = 6 &&
    has FT_SPARES=1 && has FT_MODE=repair && has SLURM_NTASKS=4 && has SLURM_NNODES=2 &&
    has SLURM_JOB_NODELIST="n\[1-3\]" && has "here: n1 n1 n2 n2 n3 n3" && ! grep "^SLURM_FT" "$home/out"
'

test_expect_success 'a job that it submits is an ordinary one' '
    wait_until 60 is_in_state "$(cat "$home/inner.job")" COMPLETED && of_ft <"$home/inner" >inner.vars &&
    test_cmp plain.vars inner.vars && wait_until 60 nothing_left
'

test_expect_success 'sbatch --ft --ft-spares: a node crashes, the job goes on with its spare' '
    subscribers=2 survives n2 n3 sbatch --ft=report --ft-spares=1 $two
'

# Slurm finds it down, as it does half a minute later by itself: it leaves the others of the step alone.
test_expect_success 'sbatch --ft without spares: a node crashes, the job goes on with one that Slurm gives' '
    found_down=1 survives n3 n4 sbatch --ft -N3 --ntasks-per-node=1 -w n1,n2,n3
'

test_expect_success 'sbatch --ft without spares: the job outlives a node that it does not need' '
    script waits.sh "until test -e go; do sleep 0.1; done" "echo over" && rm -f "$home/go" &&
    submit sbatch --ft $two waits.sh && wait_until 60 is_in_state "$job" RUNNING && cluster crash n2 &&
    slurm_finds_down n2 && sleep 2 && is_in_state "$job" RUNNING &&
    alice touch go && wait_until 90 is_in_state "$job" COMPLETED && has over && all_up_again
'

test_expect_success 'a job without --ft is as it was: environment, words, and its end with a lost node' '
    ran sbatch $two show.sh && test "$(wc -l <said)" = 1 && of_ft <"$home/out" >vars &&
    test_cmp plain.vars vars && rm -f "$home/go" &&
    submit sbatch $two --no-requeue waits.sh && wait_until 60 is_in_state "$job" RUNNING && cluster crash n2 &&
    slurm_finds_down n2 && wait_until 60 is_in_state "$job" NODE_FAIL && all_up_again
'

test_expect_success 'wrong values are refused, and what cannot have spares' '
    clean &&
    refused "error: --ft=never: there is no such mode; it is report, retarget or repair" sbatch --ft=never -N2 show.sh &&
    refused "error: --ft-spares=x: it takes a number of nodes from 0 to 1024" sbatch --ft --ft-spares=x -N2 show.sh &&
    refused "error: --ft-spares=1 needs --nodes" sbatch --ft-spares=1 show.sh &&
    refused "error: .*3 tasks cannot be spread evenly" sbatch --ft-spares=1 -N2 -n3 show.sh &&
    refused "error: .*--gpus-per-node" sbatch --ft-spares=1 -N2 -G2 show.sh &&
    refused "error: --ft and --no-kill=off" sbatch --ft --no-kill=off -N2 show.sh &&
    refused "error: .*heterogeneous" sbatch --ft-spares=1 -N1 : -N1 show.sh &&
    refused "error: .*use sbatch or salloc" srun --ft-spares=1 -N2 hostname
'

test_expect_success 'salloc and srun --ft; in the allocation, steps run and jobs are ordinary ones' '
    script inside.sh "mpirun hostname" "srun -n2 -N2 hostname" "env >inside.env" \
        "sbatch -N1 -w n4 -o inner --wait show.sh >/dev/null" && chmod +x "$home/inside.sh" &&
    clean && alice timeout 120 salloc -Q --ft --ft-spares=1 -N2 --ntasks-per-node=2 -w n1,n2 ./inside.sh </dev/null >out 2>err
    cat out err; grep -cx "n[12]" out && ! grep -e --ft err && grep -qx FT_SPARES=1 "$home/inside.env" &&
    of_ft <"$home/inner" >inner.vars && test_cmp plain.vars inner.vars &&
    alice timeout 120 srun --ft=report -N2 sh -c "echo mode \$FT_MODE" >out && test "$(sort -u out)" = "mode report" &&
    test "$(alice timeout 120 srun -N1 sh -c "env" | of_ft)" = ""  && wait_until 60 nothing_left
'

# --- another Slurm than they were built for

# patch FILE SYMBOL: makes the number there 99.05.0.
patch() {
    local address offset='' type from at size
    address=$((16#$(readelf -sW "$1" | awk -v s="$2" '$8 == s { print $2; exit }')))
    while read -r type from at _ size _; do
        [ "$type" = LOAD ] && [ "$address" -ge $((at)) ] && [ "$address" -lt $((at + size)) ] &&
            offset=$((address - at + from))
    done < <(readelf -lW "$1")
    [ "$offset" ] && printf '\x00\x05\x63\x00' | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
}

test_expect_success 'a cli_filter plugin for another Slurm stops nobody but who asks for --ft' '
    cp "$FT_STAGE$plugins"/cli_filter_ft.so "$shared"/other.so && patch "$shared"/other.so built_for &&
    on n0 cp /shared/other.so $plugins/cli_filter_ft.so &&
    refused "error: --ft: not available here: FT.s plugins were built for Slurm 99.05, this is 24.11" sbatch --ft -N1 show.sh &&
    ran sbatch $two show.sh && test "$(wc -l <said)" = 1
'

test_expect_success 'a SPANK plugin for another Slurm is not loaded, which Slurm says; jobs run' '
    cp "$FT_STAGE$plugins"/spank_ft.so "$shared"/other.so && patch "$shared"/other.so plugin_version &&
    on n0 cp /shared/other.so $plugins/spank_ft.so && ran sbatch $two show.sh &&
    grep -q "Incompatible .*spank_ft.so version (99.05.0)" said &&
    refused "unrecognized option .--ft" sbatch --ft -N1 show.sh
'

slurm_done
