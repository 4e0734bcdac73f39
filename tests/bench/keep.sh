# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# keep.sh: the figures of kept state, for `bench`: two ranks on two nodes, 100 MB each.
#
#   keep_100mb_ms        FTMPI_Commit holds the application up
#   keep_100mb_begin_ms  FTMPI_Commit_begin does
#   keep_100mb_whole_ms  from the call until the commit is complete at the partner
#   keep_100mb_copy_ms   a memcpy of as much takes in the same run: what the first is held against
#   keep_100mb_fetch_ms  reading as much from a partner

readonly KEEP_KEYS='keep_100mb_ms keep_100mb_begin_ms keep_100mb_whole_ms keep_100mb_copy_ms keep_100mb_fetch_ms'
keep_prog=$FT_BUILD/tests/bench/bench_keep

# One job gives a sample of each key: they are taken from it in turn.
sample_keep() {
    local key=$1 name=$2 have=0 taken part
    taken=$(wc -l <"$scratch/$key")
    [ ! -s "$scratch/keep.$name" ] || have=$(wc -l <"$scratch/keep.$name")
    if [ "$have" -le "$taken" ]; then
        on n0 timeout -k 5 "$JOB_TIMEOUT_S" ft run --host n0:1,n1:1 -n 2 "$keep_prog" \
            >"$scratch/out" 2>"$scratch/err" </dev/null &
        job=$!
        end_job "$key" || return
        for part in commit begin whole copy fetch; do value "${part}_ms" >>"$scratch/keep.$part"; done
    fi
    sed -n "$((taken + 1))p" "$scratch/keep.$name" >>"$scratch/$key"
}

sample_keep_100mb_ms() { sample_keep "$1" commit; }
sample_keep_100mb_begin_ms() { sample_keep "$1" begin; }
sample_keep_100mb_whole_ms() { sample_keep "$1" whole; }
sample_keep_100mb_copy_ms() { sample_keep "$1" copy; }
sample_keep_100mb_fetch_ms() { sample_keep "$1" fetch; }
