#!/usr/bin/env bash
# run.gradient_type=bfloat16 trains as float32 does, goes on exactly where it was stopped or killed, and is refused where it
# cannot be. Ranks of one machine pass for several nodes, by a function in front of MPI's.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
command -v mpicc >/dev/null || skip "gradient_type: there is no mpicc, which makes nodes of ranks"

make_idx train 310 1
make_settings tiny.yaml
cat >nodes.c <<'C'
#include <mpi.h>
#include <stdlib.h>
int MPI_Comm_split_type(MPI_Comm all, int type, int key, MPI_Info info, MPI_Comm *out)
{
    int rank;
    (void)type, (void)info;
    PMPI_Comm_rank(all, &rank);
    return PMPI_Comm_split(all, rank / atoi(getenv("RANKS_PER_NODE")), key, out);
}
C
mpicc -shared -fPIC nodes.c -o nodes.so
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0

# nodes N RANKS ARGUMENT ...: N nodes of so many ranks each.
nodes() {
    local n=$1 each=$2
    shift 2
    timeout -k 10 "$limit" mpirun -n $((n * each)) env LD_PRELOAD="$here/nodes.so" RANKS_PER_NODE="$each" "$program" "$@"
}

# Relative run.dir in directories of their own: checkpoints hold the settings, which are then the same.
base=(pretrain -c ../tiny.yaml pretrain.objective=mae run.dir=run)
rounded=("${base[@]}" run.gradient_type=bfloat16 run.bucket_mb=1)

expect_same_run() {
    expect_same_log "$1/run/log.jsonl" "$2/run/log.jsonl"
    expect_same_checkpoint "$1/run/checkpoint.h5" "$2/run/checkpoint.h5"
    [[ -f $2/run/DONE ]] || fail "$2 is not done"
}

say "nodes of one rank and of two, which share memory or do not: the losses of float32, but not to the bit"
in_folder whole run ranks 4 "${base[@]}" pretrain.clip_norm=0.5
for layout in '2 1' '2 2' '2 2 run.node_memory=shared'; do
    rm -rf try
    # shellcheck disable=SC2086
    in_folder try run nodes ${layout%run*} "${rounded[@]}" pretrain.clip_norm=0.5 ${layout:3}
    ! grep -q 'no effect' "$err" || fail "$layout: nothing is rounded"
    difference=$(largest_difference loss whole/run/log.jsonl try/run/log.jsonl)
    say "$layout: largest relative difference of a loss $difference"
    holds "$difference < 1e-4" || fail "$layout: losses differ by $difference"
    difference=$(largest_difference gradient_norm whole/run/log.jsonl try/run/log.jsonl)
    holds "$difference > 1e-5" || fail "$layout: gradients differ by $difference, as if none were rounded"
done

say "stopped: not before nothing is left of rounding, which a line says; then as uninterrupted"
for layout in '2 1' '2 2 run.node_memory=shared'; do
    rm -rf plain stopped
    # shellcheck disable=SC2206
    train=(nodes ${layout%run*} "${rounded[@]}" ${layout:3})
    in_folder plain run "${train[@]}"
    in_folder stopped expect_exit 0 'asked to stop at step 3, and does so at step 8: ' "${train[@]}" pretrain.stop_after_steps=3
    (($(grep -c 'asked to stop' "$err") == 1)) || fail "not said once"
    grep -q 'stopped at step 8 of 30' "$err" || fail "not stopped at step 8"
    in_folder stopped expect_exit 0 'resuming run/checkpoint.h5 at step 8' "${train[@]}" pretrain.stop_after_steps=9
    grep -q 'stopped at step 10 of 30' "$err" || fail "not stopped at the end of the epoch"
    in_folder stopped expect_exit 0 'resuming run/checkpoint.h5 at step 10' "${train[@]}" pretrain.stop_after_steps=18
    ! grep -q 'asked to stop' "$err" || fail "step 18, after which nothing is left, is put off"
    in_folder stopped run "${train[@]}"
    expect_same_run plain stopped
done

say "continued by other ranks, and in float32: the same run but for rounding"
for then in 'nodes 3 1' 'nodes 2 2' 'tec' 'nodes 2 1 run.gradient_type=float32'; do
    rm -rf moved
    in_folder moved run nodes 2 1 "${rounded[@]}" pretrain.stop_after_steps=8
    # shellcheck disable=SC2086
    in_folder moved expect_exit 0 'resuming run/checkpoint.h5 at step 8' ${then%run*} "${rounded[@]}" ${then:9}
    difference=$(largest_difference loss plain/run/log.jsonl moved/run/log.jsonl)
    say "$then: largest relative difference of a loss $difference"
    holds "$difference < 1e-4" || fail "continued by $then: losses differ by $difference"
done

say "killed at any step, and by signals: as uninterrupted"
long=("${rounded[@]}" pretrain.epochs=30 pretrain.checkpoint_minutes=0.002)
in_folder long run nodes 2 1 "${long[@]}"
mkdir killed
for turn in 'KILL 23' 'TERM 36' 'KILL 29'; do
    signal=${turn% *}
    cd killed
    lines=$([[ ! -f run/log.jsonl ]] || wc -l <run/log.jsonl)
    rm -f pid.*
    # shellcheck disable=SC2016 # for the inner shell
    timeout -k 10 "$limit" mpirun -n 2 env RANKS_PER_NODE=1 bash -c \
        'echo $$ $PPID >"pid.$OMPI_COMM_WORLD_RANK"; LD_PRELOAD=$0 exec "$@"' "$here/nodes.so" "$program" "${long[@]}" \
        >"$out" 2>"$err" </dev/null &
    job=$!
    wait_for "${turn#* } more steps" has_lines run/log.jsonl $((${lines:-0} + ${turn#* }))
    signal_rank "$signal" 1
    end_of_job
    cd ..
    ((code == 0)) || [[ $signal == KILL ]] || fail "exit code $code after SIG$signal"
done
[[ ! -f killed/run/DONE ]] || fail "the run was too fast to be killed"
in_folder killed expect_exit 0 'resuming run/checkpoint(_prev)?.h5 at step [1-9]' nodes 2 1 "${long[@]}"
expect_same_run long killed

say "--finish ends between two such steps, killed or not, with nothing left"
for again in 1 2; do
    rm -rf "finish-$again"
    mkdir "finish-$again"
    in_folder "finish-$again" run nodes 2 1 "${rounded[@]}" pretrain.stop_after_steps=8
done
in_folder finish-1 expect_exit 0 'finished at step 21' nodes 2 1 "${rounded[@]}" --finish 13
in_folder finish-2 expect_exit 0 'stopped at step 18' nodes 2 1 "${rounded[@]}" --finish 13 pretrain.stop_after_steps=15
in_folder finish-2 expect_exit 0 'finished at step 21' nodes 2 1 "${rounded[@]}" --finish 13
expect_same_run finish-1 finish-2

say "on one node, and on one rank: the run of float32, and a line"
for n in 1 2; do
    in_folder "float-$n" run ranks $n "${base[@]}"
    in_folder "none-$n" expect_exit 0 'run.gradient_type=bfloat16 has no effect on a single node' ranks $n "${rounded[@]}"
    (($(grep -c 'has no effect' "$err") == 1)) || fail "not said once"
    expect_same_log "float-$n/run/log.jsonl" "none-$n/run/log.jsonl"
done

say "refused: with sums of another kind, and words that are none"
in_folder no expect_exit 2 'run.exact_sums cannot be combined with run.gradient_type=bfloat16: give run.gradient_type=float32' \
    nodes 2 1 "${rounded[@]}" run.exact_sums=true
in_folder no expect_exit 2 'run.gradient_type=bfloat16 cannot be combined with run.overlap=thread: give run.overlap=off' \
    tec "${rounded[@]}" run.overlap=thread
in_folder no expect_exit 2 'run.gradient_type.*float32.*bfloat16' tec "${base[@]}" run.gradient_type=float16
