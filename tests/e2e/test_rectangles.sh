#!/usr/bin/env bash
# Images that are no squares: the whole chain on 14 x 56 pixels, 2 x 8 patches, which are as many as 4 x 4.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 124 1
make_idx val 60 2
make_settings tiny.yaml
sed -i 's/image_size: 28/image_size: [14, 56]/' tiny.yaml
mae=(pretrain -c ../tiny.yaml pretrain.objective=mae run.dir=run pretrain.masks_per_image=2)

say "settings that do not fit"
expect_exit 2 'model: patch \(7\) must divide the height of image_size \(20\)' tec pretrain -c tiny.yaml \
    pretrain.objective=mae run.dir=none data.image_size=20,28
expect_exit 2 'model: patch \(7\) must divide the width of image_size \(30\)' tec pretrain -c tiny.yaml \
    pretrain.objective=mae run.dir=none data.image_size=28,30
expect_exit 2 'data.image_size: expected 1 or 2 numbers, got 3' tec pretrain -c tiny.yaml data.image_size=28,28,3
expect_exit 2 'data.image_size: 0 is out of range' tec pretrain -c tiny.yaml data.image_size=28,0
expect_exit 0 '^\[14, 56\]$' tec settings -c tiny.yaml data.image_size

say "a base model from pixels, 2 ranks, stopped and resumed"
in_folder whole run ranks 2 "${mae[@]}"
expect_loss_falls whole/run/log.jsonl loss
in_folder halves expect_exit 0 'stopped at step 5 of 12' ranks 2 "${mae[@]}" pretrain.stop_after_steps=5
in_folder halves run ranks 2 "${mae[@]}"
expect_same_log whole/run/log.jsonl halves/run/log.jsonl
expect_same_checkpoint whole/run/checkpoint.h5 halves/run/checkpoint.h5
expect_exit 2 'the image size differs from the settings.*data.image_size was \[14, 56\].*is \[56, 14\]' \
    in_folder whole tec "${mae[@]}" data.image_size=56,14
run tec inspect whole/run/checkpoint.h5
grep -Eq 'config.img.*\[14, 56\]' "$out" || fail "inspect does not show the size"
base=whole/run/checkpoint.h5

say "its targets, verified, and a new model from them"
targets=(-c tiny.yaml base.model="$base" targets.dir=store targets.store_images=true)
run ranks 2 targets "${targets[@]}"
expect_exit 0 'shards are sound; 16 rows recomputed' ranks 2 targets "${targets[@]}" --verify
expect_exit 2 'was made with base = .*this run wants' tec targets "${targets[@]}" data.image_size=28
grep -q '"image_size": \[' store/manifest.json || fail "the manifest does not have both sides"
run ranks 2 pretrain "${targets[@]}" run.dir=new
expect_loss_falls new/log.jsonl loss_fea
run ranks 2 targets -c tiny.yaml base.model=new/checkpoint.h5 targets.dir=next targets.type=int8

say "fine-tuned, validated, predicting"
run ranks 2 finetune -c tiny.yaml finetune.model=new/checkpoint.h5 run.dir=tuned finetune.epochs=2 finetune.batch=32
run tec predict tuned/checkpoint.h5 val/images-idx3-ubyte -o one.csv
run ranks 2 predict tuned/checkpoint.h5 val/images-idx3-ubyte -o two.csv
cmp one.csv two.csv || fail "other predictions on 2 ranks"

say "exports have the features of the model, as their files or what lies beside them tell the size"
wanted=$(score new/checkpoint.h5)
for file in timm/new.safetensors tec/new.pth hf/new.pth; do
    names=${file%%/*}
    mkdir "$names"
    run tec export new/checkpoint.h5 -o "$file" --names "$names"
    [[ $(score "$file" base.heads=2 base.mean=0.5 base.std=0.5) == "$wanted" ]] || fail "$file has other features"
    run tec export "$file" -o "$names/again.${file##*.}" --names "$names"
    cmp "$file" "$names/again.${file##*.}" || fail "$file: its export is another file"
done
tr -d ' \n' <hf/config.json | grep -q '"image_size":\[14,56\]' || fail "hf/config.json: $(cat hf/config.json)"
mkdir loaded
run tec export tuned/checkpoint.h5 -o loaded/model.safetensors
tr -d ' \n' <loaded/config.json | grep -q '"img_size":\[14,56\].*"input_size":\[1,14,56\]' || fail "$(cat loaded/config.json)"
expect_exit 0 '14 x 56 x 1 pixels \(height x width x channels: .*metadata\)' tec inspect loaded/model.safetensors
mkdir bare
expect_exit 0 'it has no place for the size of its images: give base.image_size=14,56' tec export new/checkpoint.h5 \
    -o bare/flat.pth --flat
told=(base.heads=2 base.mean=0.5 base.std=0.5)
[[ $(score bare/flat.pth "${told[@]}" base.image_size=14,56) == "$wanted" ]] || fail "base.image_size is not heeded"
expect_exit 0 'interpolated from 4 x 4 to 2 x 8 patches' tec knn -c tiny.yaml run.dir=eval knn.k=5 \
    eval.model=bare/flat.pth "${told[@]}"
expect_exit 0 'images of 14 x 49 \(height x width\) pixels \(base.image_size\) do not have as many patches of 7 x 7 pixels' \
    tec inspect bare/flat.pth "${told[@]}" base.image_size=14,49
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=odd data.image_size=14,21 pretrain.epochs=1 \
    pretrain.warmup_epochs=0
run tec export odd/checkpoint.h5 -o bare/odd.pth --flat
expect_exit 0 'do not form a square, and nothing says what else: give base.image_size=H,W' tec inspect bare/odd.pth base.heads=2
expect_exit 0 '14 x 21 x 1 pixels \(height x width x channels: base.image_size\)' tec inspect bare/odd.pth base.heads=2 \
    base.image_size=14,21
expect_exit 0 'base.image_size is 28, but its own configuration says \[14, 21\]' tec inspect odd/checkpoint.h5 base.image_size=28

say "positions of one shape become those of another"
expect_exit 0 'interpolated from 2 x 8 to 4 x 4 patches' tec knn -c tiny.yaml run.dir=eval eval.model="$base" data.image_size=28
expect_exit 0 'interpolated from 2 x 3 to 2 x 8 patches' tec targets -c tiny.yaml base.model=odd/checkpoint.h5 \
    targets.dir=other
expect_exit 2 'do not divide the height of images of 20 x 56 \(height x width\) pixels \(data.image_size\): \[14, 56\] would do' \
    tec targets -c tiny.yaml base.model="$base" targets.dir=none data.image_size=20,56

say "features, a linear probe, a plan, a check and pictures"
run ranks 2 features new/checkpoint.h5 val/images-idx3-ubyte -o val.h5 features.tokens=patches
expect_exit 0 '' tec features new/checkpoint.h5 val/images-idx3-ubyte -o other.h5 data.image_size=21,28
run ranks 2 probe -c tiny.yaml eval.model=new/checkpoint.h5 run.dir=eval probe.epochs=2 probe.warmup_epochs=0
tr -d ' \n' <eval/probe.json | grep -q '"image_size":\[14,56\]' || fail "$(cat eval/probe.json)"
run tec plan -c tiny.yaml base.model="$base"
expect_exit 0 '124 with a side shorter than data.image_size \[14, 56\]' tec check -c tiny.yaml
run tec report whole/run new tuned -o report.html report.pictures=2
grep -q '14 x 56 (height x width) pixels' report.html || fail "the report does not give the size"
(($(grep -o '<img width="56" height="14"' report.html | wc -l) >= 10)) || fail "no pictures of 56 x 14 pixels"
(($(grep -o '<img width="8" height="2"' report.html | wc -l) >= 10)) || fail "no maps of 8 x 2 patches"
