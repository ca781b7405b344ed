#!/usr/bin/env bash
# run.exact_sums: the same run, bit for bit, on any number of ranks and threads, and continued on others.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMP_WAIT_POLICY=passive # threads share cores with those of other ranks
make_idx train 310 1
make_idx val 60 2
make_settings tiny.yaml
# Relative run.dir in directories of their own: checkpoints hold the settings, which are then the same.
exact=(run.exact_sums=true run.dir=run)
base=(pretrain -c ../tiny.yaml pretrain.objective=mae)
new=(pretrain -c ../tiny.yaml base.model=../base-1-1/run/checkpoint.h5 targets.dir=../store pretrain.clip_norm=0.5)
tuned=(finetune -c ../tiny.yaml finetune.model=../base-1-1/run/checkpoint.h5 finetune.epochs=2 finetune.batch=30 finetune.mixup=0.8
    finetune.log_steps=1)

# expect_same RUN: the log and the weights of the run of one rank and one thread.
expect_same() {
    expect_same_log "$what-1-1/run/log.jsonl" "$1/run/log.jsonl"
    run tec export "$what-1-1/run/checkpoint.h5" -o want.safetensors
    run tec export "$1/run/checkpoint.h5" -o got.safetensors
    cmp want.safetensors got.safetensors >"$out" || fail "the weights of $1 differ from those of one rank"
}

# layouts WHAT ARGUMENT ...: ranks and threads; and continued by others.
layouts() {
    local layout
    what=$1
    shift
    say "$what: one rank, several, several threads"
    in_folder "$what-1-1" run tec "$@" "${exact[@]}"
    for layout in 1-2 2-3 4-1; do
        in_folder "$what-$layout" run ranks "${layout%-*}" "$@" "${exact[@]}" run.threads="${layout#*-}"
        expect_same "$what-$layout"
    done
    say "$what: stopped, and continued by others"
    in_folder "$what-moved" expect_exit 0 'stopped at step 7' ranks 2 "$@" "${exact[@]}" "$1.stop_after_steps=7"
    in_folder "$what-moved" expect_exit 0 'resuming run/checkpoint.h5 at step 7' ranks 3 "$@" "${exact[@]}"
    expect_same "$what-moved"
}

layouts base "${base[@]}" pretrain.masks_per_image=2
run tec targets -c tiny.yaml base.model=base-1-1/run/checkpoint.h5 targets.dir=store
layouts new "${new[@]}"
layouts tuned "${tuned[@]}"

say "without it the same ranks give other bits, or the test shows nothing"
in_folder plain-1 run tec "${base[@]}" run.dir=run
in_folder plain-3 run ranks 3 "${base[@]}" run.dir=run
! cmp -s <(lasting plain-1/run/log.jsonl) <(lasting plain-3/run/log.jsonl) || fail "sums of reals agree on three ranks"

say "more ranks than micro-batches are told, and overlapped sums are refused"
in_folder few expect_exit 0 'or a smaller micro_batch' ranks 3 "${base[@]}" run.dir=run run.exact_sums=true \
    pretrain.micro_batch=16 pretrain.epochs=1
expect_exit 2 'run.exact_sums.*give run.overlap=off' tec "${base[@]/..\//}" run.dir=both run.exact_sums=true run.overlap=thread
