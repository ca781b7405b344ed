#!/usr/bin/env bash
# Images of five bands of 16 bits, through every command: check, a base model from pixels, its targets, a new model,
# fine-tuning, predictions, features; and what is refused about bands and values.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

# One process needs no daemon of Open MPI, and ranks that end by themselves no second to do so.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

python=${PYTHON:-/usr/bin/python3}

# make_bands FOLDER IMAGES SEED: uncompressed TIFFs of 20 x 24 pixels; what tells the classes apart is in the fifth band, in
# the lower bits.
make_bands() {
    "$python" - "$@" <<'PYTHON'
import os, random, struct, sys
folder, images, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
H, W, B = 20, 24, 5
draw = random.Random(seed)
for label, name in enumerate(("bare", "green")):
    os.makedirs(f"{folder}/{name}", exist_ok=True)
    for i in range(images // 2):
        slope = draw.uniform(2, 6)
        values = [1000 * (b + 1) + int(slope * (x if label else y) * (9 if b == 4 else 1)) + draw.randrange(40)
                  for y in range(H) for x in range(W) for b in range(B)]
        data = struct.pack(f"<{len(values)}H", *values)
        entries = [(256, 4, 1, W), (257, 4, 1, H), (258, 3, B, None), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
                   (277, 3, 1, B), (278, 4, 1, H), (279, 4, 1, len(data))]
        at = 8 + len(data)
        extra = at + 2 + 12 * len(entries) + 4
        table = b"".join(struct.pack("<HHII", tag, kind, count, extra if value is None else value)
                         for tag, kind, count, value in entries)
        with open(f"{folder}/{name}/{i:03}.tif", "wb") as out:
            out.write(struct.pack("<2sHI", b"II", 42, at) + data + struct.pack("<H", len(entries)) + table + bytes(4) +
                      struct.pack(f"<{B}H", *[16] * B))
PYTHON
}

make_bands train 48 1
make_bands val 16 2

tec check train >"$out" 2>"$err" || true
! grep -q 'lacks libtiff' "$out" "$err" || skip "bands: this build lacks libtiff"

cat >bands.yaml <<'YAML'
data: {train: train, val: val, image_size: 16, channels: 5, range: type}
model: {preset: none, patch: 4, width: 32, depth: 2, heads: 2, decoder_width: 32, decoder_depth: 1, decoder_heads: 2}
pretrain: {epochs: 3, batch: 16, warmup_epochs: 1, blr: 1.0e-2}
targets: {topk: 3, dir: store}
finetune: {epochs: 6, batch: 8, blr: 2.0e-2, rand_augment: "", mixup: 0, cutmix: 0, drop_path: 0}
YAML

says() {
    grep -Eq "$1" "$out" || fail "the output does not say '$1'"
}

say "what has to be said first is asked for"
expect_exit 2 'train/[a-z]*/[0-9]*.tif: TIFF with values of 16 bits, and data.range is bytes: set data.range=type' \
    tec pretrain data.train=train pretrain.objective=mae run.dir=no pretrain.batch=8
expect_exit 2 'train/[a-z]*/[0-9]*.tif: 5 bands, but data.channels is 3: set data.channels=5, or let data.bands choose some' \
    tec pretrain -c bands.yaml data.channels=3 pretrain.objective=mae run.dir=no
expect_exit 2 'data.bands names 2 bands, but data.channels is 5: they must be as many' \
    tec pretrain -c bands.yaml data.bands=1,2 pretrain.objective=mae run.dir=no

say "check: values of each band, the same on any number of ranks, and ranges that can be pasted"
run tec check -c bands.yaml
says '^  band 5    0\.07[0-9]+ to 0\.09[0-9]+, 2 % below 0\.07[0-9]*, 2 % above 0\.0[89][0-9]*, mean 0\.0[78][0-9]*, deviation 0\.00[0-9]*$'
says '^  settings  data: \{mean: \[(0\.[0-9]+(, )?){5}\], std: \[(0\.[0-9]+(, )?){5}\]\}$'
says '^  or        data: \{range: "1[0-9.]+,[56][0-9.]+", mean: \['
cp "$out" one.txt
run ranks 3 check -c bands.yaml --json check.json
diff one.txt "$out" >"$err" || fail "check says other things on 3 ranks"
grep -q '"percentile_98"' check.json || fail "the file of check has no bands"
sed -n 's/^  or        data: {\(.*\)}$/data: {train: train, val: val, image_size: 16, channels: 5, \1}/p' one.txt | head -n 1 >pasted.yaml
sed 1d bands.yaml >>pasted.yaml
run tec check -c pasted.yaml

say "a base model from pixels, on 1 and 2 ranks"
run ranks 2 pretrain -c pasted.yaml pretrain.objective=mae run.dir=base
expect_loss_falls base/log.jsonl loss
run tec pretrain -c pasted.yaml pretrain.objective=mae run.dir=alone
holds "$(largest_difference loss base/log.jsonl alone/log.jsonl) < 1e-3" || fail "one rank learns something else than two"
run tec inspect base/checkpoint.h5
expect_exit 2 'was trained on another data set.*data.range was .*, is "type"' \
    tec pretrain -c pasted.yaml data.range=type data.mean=0.5 data.std=0.5 pretrain.objective=mae run.dir=base pretrain.epochs=4

say "its targets, and a new model"
common=(-c pasted.yaml base.model=base/checkpoint.h5)
run ranks 2 targets "${common[@]}"
expect_exit 0 'shards are sound; 16 rows recomputed' tec targets "${common[@]}" --verify
run ranks 2 pretrain "${common[@]}" run.dir=new
expect_exit 2 'data.range' tec pretrain "${common[@]}" run.dir=other data.range=type
expect_exit 2 'targets.store_images keeps images of 8 bits, but data.range is' \
    tec targets "${common[@]}" targets.dir=images targets.store_images=true

say "fine-tuning, predictions and features"
expect_exit 2 'finetune.rand_augment alters 8-bit images of 1 or 3 channels, but data.channels is 5 .*: set finetune.rand_augment="" finetune.color_jitter=0' \
    tec finetune -c pasted.yaml finetune.model=new/checkpoint.h5 run.dir=tuned finetune.rand_augment=rand-m9-inc1 finetune.color_jitter=0.4
run ranks 2 finetune -c pasted.yaml finetune.model=new/checkpoint.h5 run.dir=tuned finetune.erase=0.25 finetune.mixup=0.2
run tec predict tuned/checkpoint.h5 val -o classes.csv
[[ $(wc -l <classes.csv) == 17 ]] || fail "16 images have other lines than 16"
run tec knn -c pasted.yaml eval.model=new/checkpoint.h5 run.dir=new knn.k=3
run tec features -c pasted.yaml new/checkpoint.h5 val -o features.h5
run tec inspect features.h5
says '^  range: 1[0-9.]+,[56][0-9.]+$' && says '^  bands: all$'
run tec features -c pasted.yaml new/checkpoint.h5 train -o by-type.h5 data.range=type
files=(eval.features=by-type.h5 knn.k=3 run.dir=files)
expect_exit 2 'by-type.h5 and features.h5 do not go together: range is type in the one and 1[0-9.]*,[56][0-9.]* in the other \(data.range\): write both alike' \
    tec knn "${files[@]}" eval.val_features=features.h5
run tec features -c pasted.yaml new/checkpoint.h5 val -o by-type-too.h5 data.range=type
run tec knn "${files[@]}" eval.val_features=by-type-too.h5 data.channels=5 data.range=type
expect_exit 2 'data.range is given, but eval.features by-type.h5 was written without it or with another value' \
    tec knn "${files[@]}" eval.val_features=by-type-too.h5 data.range=0,1
run tec export new/checkpoint.h5 -o new.safetensors
run tec inspect new.safetensors
run tec plan -c pasted.yaml
run tec report tuned base -o report.html
grep -q 'lacks pictures: they are made of 8-bit images' report.html || fail "the page does not say why there are no pictures"

say "bands that are chosen, and a base of other bands"
run tec pretrain -c bands.yaml data.channels=3 data.bands=5,4,1 pretrain.objective=mae run.dir=three pretrain.epochs=1
expect_exit 2 'takes 3-channel images, but data.channels is 5: set data.channels=3, and data.bands if' \
    tec knn -c bands.yaml eval.model=three/checkpoint.h5 run.dir=three
expect_exit 2 'base.model three/checkpoint.h5 takes 3-channel images, but data.channels is 5: set data.channels=3, and data.bands' \
    tec targets -c bands.yaml base.model=three/checkpoint.h5
run tec targets -c bands.yaml base.model=three/checkpoint.h5 data.channels=3 data.bands=5,4,1 targets.dir=of-three
expect_exit 2 'of-three was made with bands = 5,4,1, this run wants 1,2,3 .data.bands.: use the store.s value' \
    tec pretrain -c bands.yaml data.channels=3 data.bands=1,2,3 targets.dir=of-three run.dir=no

say "the channels of a model cannot be set"
expect_exit 2 '[.]tif: 5 bands, but the model takes 3: let data.bands choose 3, as in data.bands=3,2,1;' \
    tec features -c bands.yaml three/checkpoint.h5 val -o three.h5
expect_exit 2 'data.bands names 2 bands, but the model takes 5: they must be as many$' \
    tec predict tuned/checkpoint.h5 val data.bands=1,2

say "a pack of them, and an IDX file, which has one band"
run tec pack train packed
run tec pretrain -c pasted.yaml data.train=packed pretrain.objective=mae run.dir=of-pack
expect_same_log alone/log.jsonl of-pack/log.jsonl
make_idx digits 40 3
expect_exit 2 'images of an IDX file have one band: set data.channels to 1' \
    tec pretrain -c pasted.yaml data.train=digits/images-idx3-ubyte pretrain.objective=mae run.dir=no
expect_exit 2 'images of an IDX file have one band, but the model takes 5: give it images of as many$' \
    tec predict tuned/checkpoint.h5 digits/images-idx3-ubyte
run tec check digits/images-idx3-ubyte data.channels=1 data.range=type
