#!/usr/bin/env bash
# What users get wrong, each with its exit code and one line that says what and where.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

# Many short jobs: one process needs no daemon of Open MPI, and ranks that end by themselves no second to do so.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 310 1
make_idx val 60 2
make_settings tiny.yaml
mae=(pretrain -c tiny.yaml pretrain.objective=mae run.dir=run)
run tec "${mae[@]}" run.dir=base
run tec "${mae[@]}" run.dir=other-base run.seed=1
run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store

say "command line"
bad() {
    expect_exit 2 "$@"
}
bad 'no command is given; `tec --help`' tec
bad 'unknown command `pretrian`; did you mean `pretrain`' tec pretrian
bad 'unknown command `-q`' tec -q
bad 'unknown option `--frsh` .*did you mean `--fresh`' tec pretrain --frsh
bad 'unknown option `-x`' tec knn -x
bad 'option `--worker` needs an argument' tec targets --worker
bad '--worker 3/2: .*i from 1 to n' tec targets --worker 3/2
bad '-c needs an argument' tec pretrain -c
bad '-c is given twice' tec pretrain -c tiny.yaml -c tiny.yaml
bad 'unexpected argument `tiny.yaml`' tec pretrain tiny.yaml
bad 'no fixture is given' tec selftest
bad '--size huge: expected one of vitt' tec bench --size huge

say "settings"
bad 'unknown key `mask_ration` in pretrain; did you mean `mask_ratio`' tec "${mae[@]}" pretrain.mask_ration=0.5
bad 'pretrain.mask_ratio' tec "${mae[@]}" pretrain.mask_ratio=1.5
bad 'pretrain.epochs' ranks 2 "${mae[@]}" pretrain.epochs=0
bad 'pretrain.epochs' tec "${mae[@]}" pretrain.epochs=many
bad 'targets.type.*int8' tec targets -c tiny.yaml targets.type=int4
bad 'absent.yaml: No such file' ranks 2 pretrain -c absent.yaml
printf 'pretrain:\n  epochs: 3\n  mask_ration: 0.5\n' >typo.yaml
bad 'typo.yaml:3:3: unknown key `mask_ration` in pretrain; did you mean `mask_ratio`' tec pretrain -c typo.yaml
printf 'pretrain: {epochs: 3\n' >broken.yaml
bad 'broken.yaml:[0-9]+:[0-9]+: not valid YAML' tec pretrain -c broken.yaml

say "models that cannot be"
bad 'heads \(5\) must divide width \(32\)' ranks 2 "${mae[@]}" model.heads=5
bad 'patch \(5\) must divide image_size \(28\)' tec "${mae[@]}" model.patch=5
bad 'adaptor_groups \(2\) must divide depth \(3\)' tec pretrain -c tiny.yaml targets.dir=store run.dir=run \
    model.adaptor_groups=2
bad '0 of 16 patches would be visible' tec "${mae[@]}" pretrain.mask_ratio=0.99
bad 'pretrain.batch is 311, but the data set has only 310 images' ranks 2 "${mae[@]}" pretrain.batch=311

say "data sets"
bad 'data.train is not given' ranks 2 "${mae[@]}" data.train=
bad 'absent/images: No such file' ranks 2 "${mae[@]}" data.train=absent/images
mkdir empty && echo text >empty/note.txt
bad 'empty: no image' ranks 2 "${mae[@]}" data.train=empty
bad 'val/labels-idx1-ubyte: not an IDX file of images' tec "${mae[@]}" data.train=val/labels-idx1-ubyte
head -c 100000 train/images-idx3-ubyte >short-idx
bad 'short-idx: truncated: its header promises 310 items' ranks 2 "${mae[@]}" data.train=short-idx
gzip -c train/images-idx3-ubyte >whole.gz
head -c 100000 whole.gz >cut.gz
bad 'cut.gz: (truncated|damaged)' ranks 2 "${mae[@]}" data.train=cut.gz
head -c -4 whole.gz >tail.gz
bad 'tail.gz: (truncated|damaged)' tec "${mae[@]}" data.train=tail.gz
make_folder photos 8
head -c 600 photos/left/3.jpg >cut.jpg && mv cut.jpg photos/left/3.jpg
head -c 300 photos/right/4.png >cut.png && mv cut.png photos/right/4.png
photos=(data.train=photos pretrain.batch=16)
bad 'photos/(left/3.jpg: truncated JPEG|right/4.png: truncated PNG)' tec "${mae[@]}" "${photos[@]}"
bad '2 of the 2 classes of data.val photos are none of the 4 classes of data.train' tec knn -c tiny.yaml eval.model=pixels \
    data.val=photos run.dir=run

say "images that cannot be decoded, left out: counted, listed, and the run goes on"
listed() {
    grep -q 'warning: 2 .*could not be decoded' "$err" || fail "the images left out are not counted"
    for file in left/3.jpg right/4.png; do
        grep -q "warning: .*photos/$file: " "$err" || fail "$file is not listed"
    done
}
skip=(-c tiny.yaml data.on_bad_image=skip)
run ranks 3 pretrain "${skip[@]}" "${photos[@]}" pretrain.objective=mae run.dir=skipped
listed
expect_loss_falls skipped/log.jsonl loss
void=(targets "${skip[@]}" data.train=photos base.model=base/checkpoint.h5 targets.dir=void)
expect_exit 0 '2 void rows' ranks 2 "${void[@]}"
listed
run tec "${void[@]}" --verify
run ranks 2 pretrain "${skip[@]}" "${photos[@]}" targets.dir=void run.dir=from-void
expect_loss_falls from-void/log.jsonl loss_fea
run ranks 2 knn "${skip[@]}" data.train=photos data.val=photos eval.model=base/checkpoint.h5 run.dir=skipped knn.k=3
(($(number training_images <skipped/knn.json) == 14)) || fail "knn.json does not count 14 training images"
make_folder noise 4
for file in noise/*/*; do
    echo "nothing but noise" >"$file"
done
noise=("${skip[@]}" data.train=noise run.dir=noisy)
bad 'step 1: none of the images of the batch could be decoded; 8 were left out so far, the first of them: .*noise/left/0.jpg: neither JPEG, PNG.*; .*noise/left/1.jpg: ' \
    ranks 2 pretrain "${noise[@]}" pretrain.objective=mae pretrain.batch=8 data.labels=none
bad 'noise: no image of class `(left|right)` can be read: none of 4 files named as images is one .*more such class' \
    ranks 2 knn "${noise[@]}" data.val=noise eval.model=pixels
printf '1234ftypavif' >noise/left/0.avif
cp noise/left/0.avif noise/left/0.jpg
cp "$repository/tests/data/images/rgb.png" noise/right/0.png
bad '(left|right)/.*: neither JPEG, PNG.*; data.on_bad_image=skip leaves out' \
    ranks 2 "${mae[@]}" data.train=noise pretrain.batch=8 data.labels=none
grep -q 'warning: noise: 1 file passed over: 1 .avif' "$err" || fail "the file that is passed over is not counted"
ln -s nowhere noise/right/dead.jpg
bad 'noise/right/dead.jpg: No such file or directory: remove the link, or .* data.on_bad_image=skip' \
    ranks 2 "${mae[@]}" data.train=noise
run ranks 2 pretrain "${noise[@]}" pretrain.objective=mae pretrain.batch=9 pretrain.epochs=1 data.labels=none
grep -q 'warning: noise/right/dead.jpg: No such file' "$err" || fail "the dead link is not listed"

say "model files"
knn=(knn -c tiny.yaml run.dir=run)
bad 'eval.model is not given: name' tec "${knn[@]}"
for command in knn probe; do
    bad 'eval.model is not given, and base.model is not what is evaluated: give eval.model=base/checkpoint.h5' \
        tec $command -c tiny.yaml run.dir=run base.model=base/checkpoint.h5
done
bad 'absent.h5: No such file' ranks 2 "${knn[@]}" eval.model=absent.h5
bad 'tiny.yaml is not a model file' tec "${knn[@]}" eval.model=tiny.yaml
bad 'store/shard-00000.h5 is not a model file' tec "${knn[@]}" eval.model=store/shard-00000.h5
head -c 100000 base/checkpoint.h5 >cut.h5
bad 'cut.h5: .*cut short' ranks 2 "${knn[@]}" eval.model=cut.h5
cp base/checkpoint.h5 damaged.h5
damage_tensor damaged.h5
bad 'damaged.h5 is damaged: tensor weights/pos_embed has the checksum' ranks 2 "${knn[@]}" eval.model=damaged.h5
# Without checksums, as files of other programs are.
sed 's/crc32c/xxxxxx/g' base/checkpoint.h5 >nan.h5
run tec "${knn[@]}" eval.model=nan.h5
patch nan.h5 "$(ones_in nan.h5)" 000 000 300 177
bad 'nan.h5: tensor pos_embed holds a value that is not finite \(-?nan' ranks 2 "${knn[@]}" eval.model=nan.h5
bad 'nan.h5: tensor pos_embed holds a value that is not finite' tec targets -c tiny.yaml base.model=nan.h5 \
    targets.dir=nan
bad 'takes 1-channel images, but data.channels is 3' ranks 2 "${knn[@]}" eval.model=base/checkpoint.h5 \
    data.channels=3
bad 'patches of 7 x 7 pixels, which do not divide images of 54 x 54 pixels \(data.image_size\): 49 would do' \
    tec "${knn[@]}" eval.model=base/checkpoint.h5 data.image_size=54
targets=(targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=new)
bad 'base.model is not given' tec "${targets[@]}" base.model=
bad 'takes 1-channel images, but data.channels is 3' tec "${targets[@]}" data.channels=3
bad 'targets.topk is 17, but an image has only 16 patches' tec "${targets[@]}" targets.topk=17
bad 'targets.last_layers is 4, but base.model .* has only 3 blocks' ranks 2 "${targets[@]}" targets.last_layers=4

say "target stores"
tec=(pretrain -c tiny.yaml targets.dir=store run.dir=run)
cp -r store moved && mv moved/shard-00000.h5 elsewhere.h5 && ln -s ../gone.h5 moved/shard-00000.h5
bad 'moved/shard-00000.h5 is a link to nothing' ranks 2 targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=moved
ln -sf ../elsewhere.h5 moved/shard-00000.h5
expect_exit 0 'made 0 views' tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=moved
bad 'made with base = [0-9a-f]+, this run wants .*\(base.model\)' ranks 2 "${tec[@]}" \
    base.model=other-base/checkpoint.h5
bad 'made with crop_scale = \[0.2, 1\], this run wants \[0.5, 1\] \(data.crop_scale\)' tec "${tec[@]}" \
    data.crop_scale=[0.5,1]
bad 'made with image_size = 28, this run wants 56 \(data.image_size\)' tec "${tec[@]}" data.image_size=56
bad 'made of other images than data.train .*: 310 images were used, 60 are now' ranks 2 "${tec[@]}" data.train="$here/val/images-idx3-ubyte"
bad 'made with topk = 3, this run wants 4 \(targets.topk\)' tec "${tec[@]}" targets.topk=4
bad 'made with views = 1, this run wants 2 \(targets.views\)' tec "${tec[@]}" targets.views=2
bad 'made with seed = 0, this run wants 7 \(run.seed\)' tec "${tec[@]}" run.seed=7
bad 'made with mean = \[0.5\], this run wants \[0.3\] \(base.mean\)' ranks 2 "${tec[@]}" base.mean=0.3 base.std=0.5
bad 'made with std = \[0.5\], this run wants \[0.3\] \(base.std\)' tec "${tec[@]}" base.mean=0.5 base.std=0.3
bad 'made with type = float16, this run wants int8 \(targets.type\)' ranks 2 "${tec[@]}" targets.type=int8
bad 'made with store_images = false, this run wants true \(targets.store_images\)' tec "${tec[@]}" targets.store_images=true
bad 'made with flip = true, this run wants false \(data.flip\)' tec "${tec[@]}" data.flip=false
bad 'store/shard-00000.h5 was made with type = float16, this run wants int8 \(targets.type\)' \
    ranks 2 targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store targets.type=int8
bad 'photos holds no target store' ranks 2 "${tec[@]}" targets.dir=photos
bad 'base/checkpoint.h5 holds no target store' tec "${tec[@]}" targets.dir=base/checkpoint.h5
mkdir foreign && cp base/checkpoint.h5 foreign/shard-00000.h5
bad 'foreign/shard-00000.h5 is not a shard of a target store' tec "${targets[@]}" targets.dir=foreign
cp -r store unfinished && rm unfinished/manifest.json
bad 'unfinished is not finished' ranks 2 "${tec[@]}" targets.dir=unfinished
cp -r store scrambled && head -c 500 store/manifest.json >scrambled/manifest.json
bad 'scrambled/manifest.json:[0-9]+:[0-9]+:' ranks 2 "${tec[@]}" targets.dir=scrambled
cp -r store flipped
at=$(($(number feature <store/manifest.json) + 1000))
byte=$(od -An -to1 -j $at -N 1 store/shard-00000.h5)
patch flipped/shard-00000.h5 $at "$( ((byte == 1)) && echo 2 || echo 1)"
expect_exit 1 'flipped/shard-00000.h5: row [0-9]+ is damaged' ranks 2 targets -c tiny.yaml \
    base.model=base/checkpoint.h5 targets.dir=flipped --verify
expect_exit 3 'flipped/shard-00000.h5: row [0-9]+ is damaged .*delete this shard' ranks 2 "${tec[@]}" \
    targets.dir=flipped
[[ ! -f run/DONE ]] || fail "training on a damaged store is marked as done"
cp -r store short-shard && truncate -s -1000 short-shard/shard-00000.h5
expect_exit 3 'short-shard/shard-00000.h5 has [0-9]+ bytes instead of' tec "${tec[@]}" targets.dir=short-shard
cp -r store missing && rm missing/shard-00000.h5
expect_exit 3 'missing/shard-00000.h5 is missing' tec "${tec[@]}" targets.dir=missing
bad 'made with base = [0-9a-f]+, this run wants .*\(base.model\)' tec targets -c tiny.yaml \
    base.model=other-base/checkpoint.h5 targets.dir=store --verify
verify=(targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store --verify)
bad 'store was made with type = float16, this run wants int8 \(targets.type\)' ranks 2 "${verify[@]}" targets.type=int8
bad 'made with store_images = false, this run wants true' tec "${verify[@]}" targets.store_images=true
bad '--verify checks all of a store.*leave out --worker' tec "${verify[@]}" --worker 1/2
bad 'made with views = 1, this run wants 2' tec "${verify[@]}" targets.views=2
expect_exit 0 'was made with targets.batch 16, not 5' ranks 2 "${verify[@]}" targets.batch=5

say "run directories"
bad 'tiny.yaml.*(directory|run)' ranks 2 "${mae[@]}" run.dir=tiny.yaml/run
bad '/proc/tec-run: the directory cannot be made' ranks 2 "${mae[@]}" run.dir=/proc/tec-run
bad '/proc/tec-run: the directory cannot be made' tec knn -c tiny.yaml eval.model=pixels run.dir=/proc/tec-run
bad '/proc/tec-store: the directory cannot be made' tec "${targets[@]}" targets.dir=/proc/tec-store
bad 'run.dir is not given' tec "${mae[@]}" run.dir=
if (($(id -u))); then
    mkdir locked && chmod 555 locked
    bad 'locked: the directory cannot be written to: Permission denied' tec "${mae[@]}" run.dir=locked
fi
