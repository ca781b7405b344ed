#!/usr/bin/env bash
# Data sets for evaluation: how images become squares, what is probably not the folder that was meant, labels from a file.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

# Many short jobs: one process needs no daemon of Open MPI, and ranks that end by themselves no second to do so.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 40 1
make_idx val 20 2
make_settings tiny.yaml
make_folder photos 6
make_folder others 3
knn=(knn -c tiny.yaml eval.model=pixels knn.k=1 run.dir=run)
photos=(data.train=photos data.val=others)

# used WORD: what knn.json says of the resizing.
used() {
    grep -q "\"$1\"" run/knn.json || fail "run/knn.json has no \"$1\""
}

say "evaluation resizes and cuts as MAE does, but keeps IDX images whole; settings win"
expect_exit 0 'evaluation: shorter side resized to 32 pixels \(bicubic\), central 28 x 28 kept, as MAE does' \
    tec "${knn[@]}" "${photos[@]}"
used shorter
expect_exit 0 'evaluation: images of 28 x 28 pixels as they are' ranks 2 "${knn[@]}"
used whole
expect_exit 0 'both sides resized to 28 pixels \(lanczos\)' tec "${knn[@]}" eval.resize=squash eval.crop_pct=1 \
    eval.interpolation=lanczos
used squash
expect_exit 0 'shorter side resized to 35 pixels \(bicubic\)' tec "${knn[@]}" eval.crop_pct=0.8
expect_exit 2 'eval.crop_pct' tec "${knn[@]}" eval.crop_pct=1.1

say "the parent of train/ and val/: what was probably meant; one class is not evaluated"
mkdir parent && mv photos parent/train && mv others parent/val
photos=(data.train=parent/train data.val=parent/val)
pretrain=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.batch=8 pretrain.epochs=1 run.dir=new --fresh --fresh)
meant='warning: data.train parent: its folders are called train, val, .*probably data.train=parent/train and data.val=parent/val were meant'
expect_exit 0 "$meant" tec "${pretrain[@]}" data.train=parent
expect_exit 0 "$meant" tec "${pretrain[@]}" data.train=parent data.labels=none
expect_exit 0 'data.val parent: its folders .*and data.val=parent/val were meant' tec "${knn[@]}" data.train=parent \
    data.val=parent
mkdir whole && ln -s ../parent whole/set
expect_exit 0 "data.train whole/set: its folders .*probably data.train=whole/set/train and" tec "${pretrain[@]}" data.train=whole
mkdir Test-2024 && cp -r parent/val Test-2024/validation
expect_exit 0 'probably data.train=Test-2024/validation was meant' tec "${pretrain[@]}" data.train=Test-2024 pretrain.batch=6
ln -s parent/train/left left
mkdir one && cp -r parent/train/left one/left
expect_exit 0 'warning: data.train one has only one class, left: of no matter for training' tec "${pretrain[@]}" \
    data.train=one pretrain.batch=6
expect_exit 2 'data.train one: all 6 images are of one class, left' ranks 2 "${knn[@]}" data.train=one data.val=one
mkdir set && cp -r parent/train set/images
expect_exit 2 'all 12 images are of one class, images' tec "${knn[@]}" data.train=set data.val=set
grep -q 'only one class, images, with 2 folders in it: probably data.train=set/images was meant' "$err" ||
    fail "the folder that was meant is not named"
# `train` is a class among many, and so is `test` beside it.
mkdir vehicles && for class in bus car train tram van; do cp -r parent/train/left vehicles/$class; done
run tec "${knn[@]}" data.train=vehicles data.val=vehicles
! grep -q 'probably' "$err" || fail "a class called train is taken for a part of a data set"

say "the same images in data.train and data.val, by link, copy, pack or as a part"
shared='warning: data.val .* data.train .*: images are evaluated by themselves'
expect_exit 0 "$shared" tec "${knn[@]}" data.train=parent/train data.val=parent/train
ln -s train parent/again
expect_exit 0 'parent/again is the same as data.train' tec "${knn[@]}" data.train=parent/train data.val=parent/again
cp -r parent/train copy
expect_exit 0 'copy holds the same images as data.train' tec "${knn[@]}" data.train=parent/train data.val=copy data.max_val=4
run tec pack parent/train pack
expect_exit 0 'pack holds the same images as data.train' tec "${knn[@]}" data.train=parent/train data.val=pack
expect_exit 0 "$shared" tec "${knn[@]}" data.val="$here/train/images-idx3-ubyte"
cp -r parent/train nested && cp -r parent/val nested/val
expect_exit 0 'nested/val lies inside data.train nested' tec "${knn[@]}" data.train=nested data.val=nested/val
run tec "${knn[@]}" "${photos[@]}"
! grep -q 'evaluated by themselves' "$err" || fail "two different sets are taken for one"

say "top-5 of few classes, a stray picture"
expect_exit 0 'warning: there are only 2 classes: top-5 says nothing' tec "${knn[@]}" "${photos[@]}"
cp -r parent/train stray && cp stray/left/0.jpg stray/cover.jpg
expect_exit 2 'stray has no labels, because 1 of its images lies beside the class folders \(stray/cover.jpg\)' \
    ranks 2 "${knn[@]}" data.train=stray data.val=parent/val
expect_exit 0 'warning: stray: 1 of its 13 images lies beside its folders \(cover.jpg\)' tec "${pretrain[@]}" data.train=stray
expect_exit 0 'warning: stray: 1 image outside of class folders is left out \(cover.jpg\)' tec "${knn[@]}" \
    data.train=stray data.val=parent/val data.labels=folders
