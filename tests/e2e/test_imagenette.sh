#!/usr/bin/env bash
# Real photographs, as JPEG: a ViT-Tiny learns, and decoding keeps ahead of it.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

[[ -n ${TEC_TEST_DATA:-} ]] || skip "imagenette: TEC_TEST_DATA names no folder of real data"
photos=$TEC_TEST_DATA/imagenette/train
[[ -d $photos ]] || skip "imagenette: there is no $photos"
limit=300

run ranks 2 pretrain pretrain.objective=mae model.preset=vit_tiny data.image_size=112 data.train="$photos" \
    data.max_train=96 model.decoder_depth=2 pretrain.batch=16 pretrain.epochs=5 pretrain.warmup_epochs=1 \
    pretrain.lr=5e-4 pretrain.log_steps=2 run.dir=run
expect_loss_falls run/log.jsonl loss
waited=$(grep '"kind":"epoch"' run/log.jsonl | tail -n 1 | number wait_share)
say "waiting for images: $waited of the time, at $(tail -n 1 run/log.jsonl | number images_per_second) images/s"
holds "$waited < 0.3" || fail "training waits for images $waited of its time"
