#!/usr/bin/env bash
# What the paper leaves out to show what it is for: standardised features, the attention target, the adaptors.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 80 1
make_idx val 40 2
make_settings tiny.yaml
run tec pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=1 pretrain.batch=8 run.dir=base
settings=(-c tiny.yaml base.model=base/checkpoint.h5)
training=(pretrain "${settings[@]}" pretrain.epochs=2 pretrain.batch=8)
run tec targets "${settings[@]}" targets.dir=store
run ranks 2 targets "${settings[@]}" targets.dir=plain targets.standardise=false

say "features that are not standardised are another store"
expect_exit 0 'plain_features: true' tec inspect plain
tec inspect store >"$out" 2>"$err"
grep -q 'plain_features: false' "$out" || fail "tec inspect does not say that the features are standardised"
! grep -q plain_features store/manifest.json || fail "a store as the paper has it names what it is not"
expect_exit 0 '' tec targets "${settings[@]}" targets.dir=plain targets.standardise=false --verify
expect_exit 2 'plain_features = true, this run wants false \(targets.standardise\)' ranks 2 "${training[@]}" \
    targets.dir=plain run.dir=refused
run ranks 2 "${training[@]}" targets.dir=plain targets.standardise=false run.dir=plain-run

say "a model without adaptors"
bare=("${training[@]}" targets.dir=store model.adaptors=false run.dir=bare)
run ranks 2 "${bare[@]}" pretrain.stop_after_steps=12
expect_exit 2 'the number of adaptor groups differs' tec "${training[@]}" targets.dir=store run.dir=bare
run ranks 2 "${bare[@]}"
expect_exit 2 'model.adaptor_groups is 1, but model.adaptors is false' tec "${bare[@]}" model.adaptor_groups=1
! tec inspect bare/checkpoint.h5 | grep -q 'adaptor\.\|cls_token_mlp' || fail "there are adaptors"
run tec export bare/checkpoint.h5 -o bare.safetensors
run tec finetune -c tiny.yaml finetune.model=bare/checkpoint.h5 finetune.epochs=1 finetune.batch=8 \
    finetune.warmup_epochs=0 run.dir=tuned
