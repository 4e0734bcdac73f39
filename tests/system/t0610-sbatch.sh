#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A job of an ordinary user that survives its nodes: ft sbatch, where Slurm has nothing of FT; sbatch
# --ft, where it has. In the job is a plain mpirun.
test_description='ft sbatch, sbatch --ft: submitted, refused, survived; other jobs are as they were'
. "$(dirname "$0")/lib/ft-sharness.sh"

cluster_up 5
shared=$FT_CLUSTER/shared
home=$shared/home/alice
plugins=/usr/lib/x86_64-linux-gnu/slurm-wlm
on n0 test -e $plugins/spank_ft.so || error "the plugins for Slurm are not installed"
cluster slurm up || error "Slurm did not come up"

# --- words

alice() { on -u alice n0 "$@"; }
field() { on n0 scontrol show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
is_in_state() { [ "$(field "$1" JobState)" = "$2" ]; }
nothing_left() { [ -z "$(on n0 squeue -h -o %i)" ] && [ -z "$(cluster pids)" ]; }
nodes_are_idle() { [ "$(on n0 sinfo -h -N -o %T | sort -u)" = idle ]; }
# What a test before this one left, if it failed.
clean() {
    local node
    on n0 scancel -u alice
    for node in n1 n2 n3 n4; do on $node true 2>/dev/null || cluster boot $node || return; done
    wait_until 120 nodes_are_idle && wait_until 60 nothing_left
}
ready() { { nothing_left && nodes_are_idle; } || clean; }

# submit CMD...: alice's; sets job, its number. What the command says is in said.
submit() {
    ready && alice "$@" >said 2>&1 </dev/null
    cat said
    job=$(sed -n 's/^Submitted batch job //p' said)
    [ "$job" ]
}
# ran CMD...: the same, and the job has ended well; its output is $home/out.
ran() {
    submit "$@" && wait_until 90 is_in_state "$job" COMPLETED && wait_until 60 nothing_left && return
    on n0 scontrol show job; cat "$home/out"; cluster pids
    return 1
}
# refused PATTERN CMD...: nothing was submitted, and why is said.
refused() {
    local pattern=$1
    shift
    test_must_fail alice "$@" >said 2>&1 </dev/null
    cat said
    grep -qE -e "$pattern" said && ! grep -q "^Submitted" said && [ -z "$(on n0 squeue -h -o %i)" ]
}
script() { printf '%s\n' '#!/bin/bash' "${@:2}" >"$home/$1"; }
# What FT has to do with in a job's environment.
of_ft() { grep -aE '^(FT_|PRTE_MCA_errmgr|PRTE_PKG|PRTE_MCA_prte_|LD_PRELOAD|SLURM_NO_KILL|SLURM_FT|_?SLURM_SPANK|OMPI_MCA_mpi_ft)' |
    grep -v -e ^FT_CLUSTER -e ^FT_SBATCH= | sort; }
# What ft env sets in a job of Slurm.
ft_env() { alice env SLURM_JOB_ID=1 sh -c 'eval "$(ft env --shell sh)"; env' | of_ft; }
has() { grep -qx -- "$1" "$home/out"; }

# A subscriber's node is lost; plain mpirun in all of them.
script pubsub.sh 'export FT_EVENTS=$HOME/events' 'rm -rf $HOME/records $HOME/events' \
    'mpirun /usr/libexec/ft/examples/pubsub --publishers 2 --messages 1500 --records $HOME/records' \
    'echo "mpirun ended with $?"'
script show.sh 'env' 'echo "here: $(mpirun hostname | sort | xargs)"' 'echo "preloaded: $LD_PRELOAD"'
acked() { [ "$(awk '{ print $6 }' "$home/records/progress.0" 2>/dev/null || echo 0)" -ge "$1" ] 2>/dev/null; }
event() { jq -e "select($1)" "$home/events" >/dev/null; }

# survives LOST NEW CMD...: the pubsub job that it submits goes on when node LOST crashes, with node NEW.
survives() {
    local lost=$1 new=$2
    shift 2
    rm -rf "$home/records" "$home/out"
    submit "$@" -o out pubsub.sh && wait_until 60 acked 200 && cluster crash "$lost" &&
    wait_until 90 grep -q "^mpirun ended with 0" "$home/out" &&
    "$FT_TOP"/examples/pubsub-verify "$home/records" | tee verified &&
    jq -e '.messages_lost == 0 and .received_twice == 0 and .messages_sent >= 3000' verified &&
    test "$(jq -r '[.losses[].alternative] | unique | join(" ")' "$home/records/summary")" = "$new" &&
    wait_until 90 is_in_state "$job" COMPLETED && cluster boot "$lost" && wait_until 120 nodes_are_idle &&
    wait_until 60 nothing_left && return
    cat "$home/out" "$home/events"; on n0 scontrol show job; cluster pids
    return 1
}
two='-N2 --ntasks-per-node=2 -w n1,n2 -o out'

# --- without anything of FT in Slurm

test_expect_success 'a plain job, for comparison' '
    ran sbatch $two show.sh && of_ft <"$home/out" >plain.vars && cat plain.vars &&
    test ! -s plain.vars && has "here: n1 n1 n2 n2"
'

test_expect_success 'sbatch knows no --ft, ft sbatch does' '
    refused "unrecognized option .--ft" sbatch --ft $two show.sh &&
    ran ft sbatch $two show.sh && of_ft <"$home/out" >ft.vars && cat ft.vars &&
    has FT_MODE=retarget && has SLURM_NO_KILL= && ! grep FT_SPARES ft.vars && test "$(field "$job" NumNodes)" = 2
'

test_expect_success 'the job has what ft run would set, and nothing is preloaded into its shell' '
    ft_env >env.vars && cat env.vars && test -s env.vars &&
    comm -23 env.vars ft.vars >missing && test_must_fail test -s missing &&
    test "$(comm -13 env.vars ft.vars | sed "s/=.*//" | xargs)" = "FT_MODE PRTE_MCA_errmgr_ft_always SLURM_NO_KILL" &&
    has "preloaded: " && ! grep LD_PRELOAD ft.vars
'

test_expect_success 'ft sbatch --ft-spares: a node more, on which mpirun starts nothing' '
    ran ft sbatch --ft-spares=1 $two --ft=repair show.sh && has FT_SPARES=1 && has FT_MODE=repair &&
    has "here: n1 n1 n2 n2" && test "$(field "$job" NumNodes)" = 3 && test "$(field "$job" NodeList)" = "n[1-3]"
'

test_expect_success 'nodes and tasks from the script, which comes on standard input; --export=NONE' '
    script asked.sh "#SBATCH -N 2 --ntasks 4 -w n1,n2" "#SBATCH --export=NONE -o out" \
        "unset SLURM_EXPORT_ENV" ". /etc/profile" "export PATH=/usr/bin:/bin:/usr/sbin" \
        "env" "echo here: \$(mpirun hostname | sort)" &&
    ready && alice sh -c "ft sbatch --ft-spares 2 <asked.sh" >said 2>&1; cat said
    job=$(sed -n "s/^Submitted batch job //p" said) && wait_until 90 is_in_state "$job" COMPLETED &&
    has FT_SPARES=2 && has "here: n1 n1 n2 n2" && test "$(field "$job" NumNodes)" = 4 &&
    test "$(field "$job" NumTasks)" = 8 && wait_until 60 nothing_left
'

test_expect_success 'ft sbatch: a node crashes, the job goes on with its spare' '
    survives n2 n3 ft sbatch --ft-spares=1 $two
'

test_expect_success 'ft sbatch says what it cannot do, before anything is submitted' '
    script plugin.sh "#SBATCH --ft" true && script two.sh "#SBATCH -N1" "#SBATCH hetjob" "#SBATCH -N1" true && ready &&
    refused "^ft sbatch: --ft=never: there is no such mode; it is report, retarget or repair" ft sbatch --ft=never show.sh &&
    refused "^ft sbatch: --ft-spares=1025: it takes a number" ft sbatch --ft-spares 1025 -N2 show.sh &&
    refused "^ft sbatch: --ft-spares=1 needs --nodes" ft sbatch --ft-spares=1 -n2 show.sh &&
    refused "^ft sbatch: .*3 tasks cannot be spread evenly on --nodes=2" ft sbatch --ft-spares=1 -N2 -n3 show.sh &&
    refused "^ft sbatch: .*--gpus-per-node" ft sbatch --ft-spares=1 -N2 -G2 show.sh &&
    refused "^ft sbatch: --no-kill=off" ft sbatch --no-kill=off -N2 show.sh &&
    refused "^ft sbatch: .*--export=NONE" ft sbatch --export=NIL -N2 show.sh &&
    refused "^ft sbatch: .*the script itself asks for --ft" ft sbatch -N2 plugin.sh &&
    refused "^ft sbatch: a heterogeneous job" ft sbatch two.sh &&
    refused "^ft sbatch: --conf /nowhere" ft sbatch --conf /nowhere show.sh &&
    test_expect_code 125 alice ft sbatch --ft=never show.sh &&
    test_expect_code 127 alice env PATH=/usr/sbin /usr/bin/ft sbatch -N1 show.sh &&
    test_expect_code 1 alice ft sbatch -N99 show.sh
'

test_expect_success 'ft salloc: its mpirun runs on what was asked for' '
    ready && alice timeout 60 ft salloc -Q --ft-spares=1 -N2 --ntasks-per-node=2 -w n1,n2 sh -c "echo \$FT_SPARES; mpirun hostname" \
        </dev/null >out && test "$(sort out | xargs)" = "1 n1 n1 n2 n2" && wait_until 60 nothing_left
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
    ran ft sbatch --ft-spares=1 $two show.sh && test "$(wc -l <said)" = 1 && has FT_SPARES=1 && has "here: n1 n1 n2 n2"
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
    has SLURM_JOB_NODELIST="n\[1-3\]" && has "here: n1 n1 n2 n2" && ! grep "^SLURM_FT" "$home/out"
'

test_expect_success 'a job that it submits is an ordinary one' '
    wait_until 60 is_in_state "$(cat "$home/inner.job")" COMPLETED && of_ft <"$home/inner" >inner.vars &&
    test_cmp plain.vars inner.vars && wait_until 60 nothing_left
'

test_expect_success 'sbatch --ft --ft-spares: a node crashes, the job goes on with its spare' '
    survives n2 n3 sbatch --ft --ft-spares=1 $two
'

test_expect_success 'sbatch --ft without spares: a node crashes, the job goes on with one that Slurm gives' '
    survives n3 n4 sbatch --ft -N3 --ntasks-per-node=1 -w n1,n2,n3
'

test_expect_success 'sbatch --ft without spares: the job outlives a node that it does not need' '
    script waits.sh "until test -e go; do sleep 0.1; done" "echo over" && rm -f "$home/go" &&
    submit sbatch --ft $two waits.sh && wait_until 60 is_in_state "$job" RUNNING && cluster crash n2 &&
    wait_until 120 eval "on n0 sinfo -h -N -n n2 -o %T | grep -q ^down" && is_in_state "$job" RUNNING &&
    alice touch go && wait_until 90 is_in_state "$job" COMPLETED && has over &&
    cluster boot n2 && wait_until 120 nodes_are_idle
'

test_expect_success 'a job without --ft is as it was: environment, words, and its end with a lost node' '
    ran sbatch $two show.sh && test "$(wc -l <said)" = 1 && of_ft <"$home/out" >vars &&
    test_cmp plain.vars vars && rm -f "$home/go" &&
    submit sbatch $two --no-requeue waits.sh && wait_until 60 is_in_state "$job" RUNNING && cluster crash n2 &&
    wait_until 120 is_in_state "$job" NODE_FAIL && cluster boot n2 && wait_until 120 nodes_are_idle
'

test_expect_success 'wrong values are refused, and what cannot have spares' '
    ready &&
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
    ready && alice timeout 90 salloc -Q --ft --ft-spares=1 -N2 --ntasks-per-node=2 -w n1,n2 ./inside.sh </dev/null >out 2>err
    cat out err; grep -cx "n[12]" out && ! grep -e --ft err && grep -qx FT_SPARES=1 "$home/inside.env" &&
    of_ft <"$home/inner" >inner.vars && test_cmp plain.vars inner.vars &&
    alice timeout 60 srun --ft=report -N2 sh -c "echo mode \$FT_MODE" >out && test "$(sort -u out)" = "mode report" &&
    test "$(alice timeout 60 srun -N1 sh -c "env" | of_ft)" = ""  && wait_until 60 nothing_left
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

test_expect_success 'no allocation is left' '
    wait_until 60 nothing_left || { on n0 scontrol show job; cluster pids; false; }
'

ft_done
