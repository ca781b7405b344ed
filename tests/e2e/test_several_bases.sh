#!/usr/bin/env bash
# pretrain.more_targets: one new model learns from several base models, each with a target store, an encoder adaptor and
# decoders of its own.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMP_WAIT_POLICY=passive
make_idx train 155 1
make_idx val 60 2
make_settings tiny.yaml
python=/usr/bin/python3

say "gradients, losses and steps of AdamW as of PyTorch"
if "$python" -c 'import torch, h5py' 2>"$err"; then
    run "$python" "$repository/tests/data/make_several.py" several.h5
    expect_exit 0 'several.h5: .*loss_fea2 .* ok' tec selftest several.h5
else
    echo "SKIPPED: there is no PyTorch or no h5py to compute them (Debian: python3-torch, python3-h5py)"
fi

run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=a
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=b model.width=24 model.heads=3 run.seed=3
# store DIR BASE SETTING ...
store() {
    run tec targets -c tiny.yaml targets.dir="$1" base.model="$2/checkpoint.h5" targets.views=2 "${@:3}"
}
store of-a a
store of-b b targets.type=int8
new=(pretrain -c tiny.yaml targets.dir=of-a targets.views=2)
both=("${new[@]}" pretrain.more_targets=of-b)

say "the losses of both fall, and the model, exported, is that of one base"
run tec "${both[@]}" run.dir=new
for loss in loss_fea loss_att loss_fea2 loss_att2; do
    expect_loss_falls new/log.jsonl "$loss"
done
run tec "${new[@]}" run.dir=alone
run tec export new/checkpoint.h5 -o new.safetensors
run tec export alone/checkpoint.h5 -o alone.safetensors
[[ $(stat -c %s new.safetensors) == "$(stat -c %s alone.safetensors)" ]] || fail "the exports have different sizes"
! grep -q base2 new.safetensors || fail "the export has tensors that are for a base model"
expect_exit 0 'config.more_bases: .24, 3, 0' tec inspect new/checkpoint.h5
expect_exit 0 'version: 3' tec inspect new/checkpoint.h5
expect_exit 0 'version: 1' tec inspect alone/checkpoint.h5
score new/checkpoint.h5

say "a base model of weight 0 changes nothing of what the encoder learns from the other, to the bit"
run tec "${both[@]}" run.dir=weightless 'pretrain.base_weights=[1,0]'
run tec export weightless/checkpoint.h5 -o weightless.safetensors
cmp alone.safetensors weightless.safetensors >"$out" || fail "the weights differ"
! cmp -s new.safetensors alone.safetensors || fail "the second base model teaches nothing"

say "YAML has a list of stores; weights count"
cat >list.yaml <<YAML
$(cat tiny.yaml)
run: {dir: listed}
YAML
sed -i 's/^pretrain: {/pretrain: {more_targets: [of-b], base_weights: [0.5, 2], /' list.yaml
run tec pretrain -c list.yaml targets.dir=of-a targets.views=2
grep -q 'base_weights: \[0.5, 2\]' listed/settings.yaml || fail "settings.yaml does not have the weights"
run tec export listed/checkpoint.h5 -o listed.safetensors
! cmp -s listed.safetensors new.safetensors || fail "the weights of the base models do not matter"

say "stopped and continued, on one rank and on others"
run tec "${both[@]}" run.dir=stopped pretrain.stop_after_steps=7
expect_exit 0 'resuming stopped/checkpoint.h5 at step 7' tec "${both[@]}" run.dir=stopped
expect_same_log new/log.jsonl stopped/log.jsonl
run tec export stopped/checkpoint.h5 -o stopped.safetensors
cmp new.safetensors stopped.safetensors >"$out" || fail "the weights differ"
for n in 2 3; do
    run ranks "$n" "${both[@]}" run.dir="new-$n"
    for loss in loss_fea loss_att loss_fea2 loss_att2; do
        holds "$(largest_difference "$loss" new/log.jsonl "new-$n/log.jsonl") < 1e-4" || fail "$n ranks: $loss differs"
    done
done

say "exact sums: the same bits on one rank and on three, continued by two"
run tec "${both[@]}" run.exact_sums=true run.dir=exact-1
run ranks 3 "${both[@]}" run.exact_sums=true run.dir=exact-3 pretrain.stop_after_steps=8
run ranks 2 "${both[@]}" run.exact_sums=true run.dir=exact-3
expect_same_log exact-1/log.jsonl exact-3/log.jsonl
run tec export exact-1/checkpoint.h5 -o exact-1.safetensors
run tec export exact-3/checkpoint.h5 -o exact-3.safetensors
cmp exact-1.safetensors exact-3.safetensors >"$out" || fail "the weights differ"

say "copies on the node, and images in the first store"
expect_exit 0 'are copied once per node' tec "${both[@]}" run.dir=staged run.stage="$here/node"
expect_same_log new/log.jsonl staged/log.jsonl
store with-images a targets.store_images=true
run tec "${both[@]}" targets.dir=with-images run.dir=imaged
expect_same_log new/log.jsonl imaged/log.jsonl

say "a plan, and a page"
expect_exit 0 'storage and time of targets are those of base.model alone' tec plan "${both[@]:1}" base.model=a/checkpoint.h5
expect_exit 0 'assumed to be like the first' tec plan "${both[@]:1}" pretrain.more_targets=nowhere
run tec report new -o page.html
grep -q 'Loss of the features, base 2' page.html || fail "the page does not show the second base model's loss"

say "a run keeps its stores"
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=c model.width=24 model.heads=3 run.seed=5 pretrain.epochs=1
store of-c c
expect_exit 2 'learnt from other targets.*more_targets was "of-b", is "of-c"' tec "${new[@]}" pretrain.more_targets=of-c run.dir=new pretrain.epochs=4
expect_exit 2 'the number of base models differs.*more_targets was "of-b", is ""' tec "${new[@]}" run.dir=new pretrain.epochs=4
expect_exit 2 'the number of base models differs' tec "${both[@]}" run.dir=alone pretrain.epochs=4

say "stores that do not go together are refused, by name"
refused() {
    expect_exit 2 "$1" tec "${new[@]}" run.dir=refused "${@:2}"
}
store other-seed b run.seed=4
refused 'other-seed was made with seed = 4, this run wants 0' pretrain.more_targets=other-seed
store other-crop b data.crop_scale=0.5,1
refused 'other-crop was made with crop_scale = ' pretrain.more_targets=other-crop
store one-view b targets.views=1
refused 'one-view was made with views = 1, this run wants 2' pretrain.more_targets=one-view
store fewer b data.max_train=100
refused 'fewer was made .*images' pretrain.more_targets=fewer
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=coarse model.patch=14 pretrain.epochs=1 pretrain.mask_ratio=0.5
store of-coarse coarse targets.topk=3
refused 'of-coarse was made with patch = 14, this run wants 7' pretrain.more_targets=of-coarse
refused 'of-a holds the targets of a base model that another target store has already' pretrain.more_targets=of-a
refused 'of-b holds the targets of a base model that another target store has already' pretrain.more_targets=of-b,of-b
refused 'nowhere' pretrain.more_targets=nowhere
refused 'the target store of-b was made with type = int8, this run wants float16' pretrain.more_targets=of-b targets.type=float16
refused '4 stores are given; 3 are possible' pretrain.more_targets=of-b,b,c,d
refused '3 numbers are given, but there are 2 target stores' pretrain.more_targets=of-b 'pretrain.base_weights=[1,2,3]'
refused '2 numbers are given, but there is 1 target store ' 'pretrain.base_weights=[1,2]'
refused 'pretrain.objective is mae, which learns from pixels' pretrain.more_targets=of-b pretrain.objective=mae
