#!/usr/bin/env bash
# A run that goes on with another number of nodes: 2, then 1, then 2 again. The same images in the same order, so that
# the losses are those of an uninterrupted run up to rounding.
# shellcheck source=tests/slurm/lib.sh
source "$(dirname "$0")/lib.sh"
fashion_mnist small.yaml
settings=(-c "$here/small.yaml" pretrain.objective=mae run.dir=run)
steps=120 # 3 epochs of 40

# train FOLDER NODES LAUNCHER STOP
train() {
    local id
    mkdir -p "$1"
    id=$(cd "$1" && TEC_LAUNCHER=$3 sbatch --parsable --nodes="$2" --ntasks-per-node=1 --output=job-%j.out \
        "$repository/slurm/pretrain.sbatch" "${settings[@]}" pretrain.stop_after_steps="$4")
    expect_state COMPLETED "$id"
    (($(last_step "$1/run") == ($4 ? $4 : steps))) || fail "$1 ends at step $(last_step "$1/run") instead of $4"
}

say "2 nodes, uninterrupted"
train plain 2 srun 0
say "2 nodes, then 1 (by mpirun), then 2"
train changing 2 srun 45
train changing 1 mpirun 95
train changing 2 srun 0
[[ -f changing/run/DONE ]] || fail "changing/run/DONE is not there"
grep -hq 'had 2 ranks .* has 1 ' changing/job-*.out || fail "the run does not say that the number of ranks has changed"

# The order of the images: a step's loss is the mean over its own images and no others.
(($(grep -c '"kind":"step"' changing/run/log.jsonl) == steps)) || fail "the log has not $steps steps"
difference=$(largest_difference loss plain/run/log.jsonl changing/run/log.jsonl)
say "largest relative difference of a loss: $difference"
holds "$difference < 1e-4" || fail "the losses differ by $difference"
