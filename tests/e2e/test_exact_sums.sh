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
    finetune.clip_norm=0.0001 finetune.log_steps=1)

# expect_same RUN: the log and the weights of the run of one rank and one thread; no gradient of either was cut, also not
# where clipping leaves little of it.
expect_same() {
    ! grep -q 'exceeded what run.exact_sums has room for' "$err" || fail "$1: the gradient was cut"
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
    in_folder "$what-moved" expect_exit 0 '2 ranks with 1 thread and now has 3 with 1: .*, bit for bit' \
        ranks 3 "$@" "${exact[@]}"
    grep -q 'resuming run/checkpoint.h5 at step 7' "$err" || fail "not resumed at step 7"
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

say "what a micro-batch cannot be is told, also by tec plan; a step of one image is fine where none are mixed"
masks='pretrain.micro_batch is 8, but 6 is taken: run.exact_sums cuts a step into whole images with all their masks'
pairs='finetune.micro_batch is 5, but 4 is taken: run.exact_sums cuts a step into whole pairs of images'
in_folder masks expect_exit 0 "$masks" ranks 2 "${base[@]}" "${exact[@]}" pretrain.masks_per_image=3 pretrain.micro_batch=8 \
    pretrain.stop_after_steps=1
(($(grep -c 'is taken' "$err") == 1)) || fail "not said once"
expect_exit 0 "$masks" tec plan -c tiny.yaml pretrain.objective=mae run.exact_sums=true pretrain.masks_per_image=3 \
    pretrain.micro_batch=8
in_folder pairs expect_exit 0 "$pairs" tec "${tuned[@]}" "${exact[@]}" finetune.micro_batch=5 finetune.stop_after_steps=1
in_folder alone run tec "${tuned[@]}" "${exact[@]}" finetune.batch=1 finetune.micro_batch=4 finetune.mixup=0 finetune.cutmix=0 \
    finetune.stop_after_steps=2
! grep -q 'is taken' "$err" || fail "this micro_batch is taken"
in_folder alone expect_exit 2 'finetune.batch is 1, but mixup' tec "${tuned[@]}" "${exact[@]}" finetune.batch=1 \
    finetune.micro_batch=4 --fresh --fresh

say "more ranks than micro-batches are told, and overlapped sums are refused"
in_folder few expect_exit 0 'or a smaller micro_batch' ranks 3 "${base[@]}" run.dir=run run.exact_sums=true \
    pretrain.micro_batch=16 pretrain.epochs=1
expect_exit 2 'run.exact_sums.*give run.overlap=off' tec "${base[@]/..\//}" run.dir=both run.exact_sums=true run.overlap=thread
