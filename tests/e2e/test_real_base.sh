#!/usr/bin/env bash
# A real ViT-Ti (timm's names, .safetensors) on real photographs: its features tell the classes apart, and a new model
# learns from its targets.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

[[ -n ${TEC_TEST_DATA:-} ]] || skip "real base model: TEC_TEST_DATA names no folder of real data"
photos=$TEC_TEST_DATA/imagenette base=$TEC_TEST_DATA/vit_tiny_patch16_224_augreg.safetensors
[[ -d $photos/train && -d $photos/val && -f $base ]] || skip "real base model: no imagenette or no $base"
limit=300

expect_exit 0 'timm ViT, safetensors: .* 3 heads \(known of this size\).*; mean 0.5,0.5,0.5 std 0.5,0.5,0.5' \
    ranks 2 knn eval.model="$base" data.train="$photos/train" data.val="$photos/val" data.max_train=200 \
    data.max_val=100 knn.k=10 run.dir=knn
top1=$(number top1 <knn/knn.json)
say "k-NN on 100 photographs: $top1 %"
holds "$top1 >= 90" || fail "k-NN of the imported model: $top1 %, less than 90 %"

common=(data.train="$photos/train" data.max_train=32 base.model="$base" targets.dir=store)
run ranks 2 targets "${common[@]}" data.mean=0.1 data.std=0.2
run tec inspect store
grep -Fqx '  mean: [0.5, 0.5, 0.5]' "$out" || fail "the base saw images of another normalisation than its own"
run ranks 2 pretrain "${common[@]}" model.preset=vit_tiny pretrain.batch=16 pretrain.epochs=4 pretrain.lr=5e-4 \
    pretrain.warmup_epochs=1 pretrain.log_steps=1 run.dir=new
expect_loss_falls new/log.jsonl loss_fea
