#!/usr/bin/env bash
# Arrays of jobs that make targets: one is stopped, one is cancelled and sent again, two arrays at once. Finished shards
# are kept, and what comes out is what one process makes.
NODES=4
# shellcheck source=tests/slurm/lib.sh
source "$(dirname "$0")/lib.sh"
fashion_mnist small.yaml
# A base that keeps a task busy for some seconds, so that there is time to stop and to cancel it.
base=(-c small.yaml pretrain.objective=mae model.width=96 model.depth=12 model.heads=3 pretrain.stop_after_steps=1
    run.dir=base)
# So many views that a task can be told to stop before it is done.
settings=(-c "$here/small.yaml" base.model="$here/base/checkpoint.h5" targets.shard_mb=1 targets.views=18
    targets.batch=8)
script=$repository/slurm/targets.sbatch

# send STORE ARRAY WORKERS: the number of the array's job is in $id.
send() {
    mkdir -p "$1"
    id=$(sbatch --parsable --array="$2" --output="$1-%A_%a.out" "$script" --workers "$3" "${settings[@]}" \
        targets.dir="$1")
}

shards() {
    find "$1" -name 'shard-*.h5' | wc -l
}

# started TASK: Slurm does not signal one that waits; of several some may begin later than others end.
started() {
    grep -qs 'slurm: job' "parts-${id}_$1.out"
}

has_shards() {
    (($(shards "$1") >= $2))
}

inodes() {
    stat -c '%n %i' "$1"/shard-*.h5
}

# verify STORE: by a job of two ranks, which finds everything done.
verify() {
    id=$(sbatch --parsable --ntasks=2 --output="$1-verify.out" "$script" --verify "${settings[@]}" targets.dir="$1")
    expect_state COMPLETED "$id"
    [[ -s $1/verified.txt ]] || fail "nothing is said about $1"
    rm "$1/verified.txt"
    diff -r whole "$1" >"$out" || fail "$1 differs from a store that one process has made"
}

run tec pretrain "${base[@]}"
run tec targets "${settings[@]}" targets.dir=whole
all=$(shards whole)
say "$all shards"

# The last task has the number of the array for its own.
say "two tasks are told to stop, another one is cancelled: the two are requeued, alone, and the third is sent again"
send parts 1-4 4
for task in 1 4; do
    until_true "task $task" started $task
    scancel --batch --signal=USR1 "${id}_$task"
done
until_true "task 3" started 3
scancel "${id}_3"
for task in 1 2 4; do
    expect_state COMPLETED "${id}_$task"
done
expect_state CANCELLED "${id}_3"
for task in 1 4; do
    grep -q 'slurm: requeued' "parts-${id}_$task.out" || fail "task $task was told to stop, but not requeued"
done
(($(grep -c 'slurm: job' "parts-${id}_2.out") == 1)) || fail "task 2 was requeued with another one"
[[ ! -e parts/manifest.json ]] || fail "the store is finished, although a quarter of it was cancelled"
inodes parts >before
send parts 3 4
expect_state COMPLETED "${id}_3"
[[ -e parts/manifest.json ]] || fail "the store is not finished, although all tasks have been"
inodes parts >after
[[ -z $(comm -23 before after) ]] || fail "shards that were there are made again: $(comm -23 before after)"
verify parts

say "two arrays at once, of 2 and of 3 workers"
send twice 1-2 2
first=$id
send twice 1-3 3
for task in "${first}_1" "${first}_2" "${id}_1" "${id}_2" "${id}_3"; do
    expect_state COMPLETED "$task"
done
verify twice

say "an array that is cancelled in the middle: verifying makes the rest"
send rest 1-2 2
until_true "the first shards" has_shards rest 2
scancel "$id"
expect_state CANCELLED "${id}_1" "${id}_2"
(($(shards rest) < all)) || fail "nothing is missing, although the array was cancelled"
inodes rest >before
verify rest
inodes rest >after
[[ -z $(comm -23 before after) ]] || fail "shards that were there are made again: $(comm -23 before after)"
