#!/usr/bin/env bash
# k-NN and linear probe: defaults that suit small sets, and mistakes that are told before the work instead of after it.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

# shades FILE COUNT: images of make_idx, of a brightness of their own for each class, so that a line can tell them apart.
shades() {
    { head -c 16 "$1" && awk -v n="$2" 'BEGIN {
        srand(n)
        for (i = 0; i < n; i++)
            for (k = 0; k < 784; k++)
                printf "%c", 33 + 25 * (i % 4) + 12 * rand()
    }'; } >shaded
    mv shaded "$1"
}

make_idx train 300 1
make_idx val 60 2
shades train/images-idx3-ubyte 300
shades val/images-idx3-ubyte 60
make_settings tiny.yaml
sed -i '/^probe:/d' tiny.yaml
pixels=(-c tiny.yaml eval.model=pixels run.dir=run)

say "k-NN: what can be told beforehand is told before any feature is computed"
at_once() {
    ! grep -q 'features of' "$err" || fail "features were computed before the mistake was told"
}
expect_exit 2 'knn.k is 301, but there are only 300 training images; give a smaller' \
    ranks 2 knn "${pixels[@]}" knn.k=10,301
at_once
make_folder train-photos 12
make_folder val-photos 3
head -c 600 val-photos/left/2.jpg >cut.jpg && mv cut.jpg val-photos/left/2.jpg
photos=("${pixels[@]}" data.train=train-photos data.val=val-photos)
for command in knn probe; do
    expect_exit 2 'val-photos/left/2.jpg: truncated JPEG' ranks 2 $command "${photos[@]}"
    ! grep -q 'features of the training' "$err" || fail "a bad validation image is told after the training set"
done
expect_exit 2 'knn.k is 24, but there are only 23 training images' tec knn -c tiny.yaml eval.model=pixels run.dir=run \
    data.train=train-photos data.val=train-photos data.max_train=23 knn.k=24
at_once

say "k-NN twice in one directory: the earlier results are kept"
run tec knn "${pixels[@]}" run.dir=twice knn.k=3
mkdir before && cp twice/knn.* before
expect_exit 0 'earlier results in twice/knn.json are kept as twice/knn_1.json' ranks 2 knn "${pixels[@]}" run.dir=twice \
    knn.k=5
for ending in json yaml; do
    cmp before/knn.$ending twice/knn_1.$ending >"$out" || fail "the earlier knn.$ending is not kept"
done
[[ $(number k <twice/knn.json) == 5 && $(number k <twice/knn_1.json) == 3 ]] || fail "knn.json has other results"
rm twice/knn_1.json # its knn_1.yaml is still there
expect_exit 0 'kept as twice/knn_2.json' tec knn "${pixels[@]}" run.dir=twice knn.k=7
[[ $(number k <twice/knn_2.json) == 5 ]] || fail "the second results are not kept"
for _ in 1 2; do
    run tec probe "${pixels[@]}" run.dir=twice probe.epochs=2
done
expect_file twice/probe_1.yaml

say "probe: batch and rate by the size of the set, named in the result; a loss near that of guessing is warned of"
expect_exit 0 'probe top1 100.00 .*, batch 30, lr 6.4, loss 0\.' ranks 2 probe "${pixels[@]}"
! grep -q 'warning: linear probe' "$err" || fail "a warning about a probe that has learnt everything"
[[ $(number batch <run/probe.json) == 30 ]] || fail "probe.json does not hold the batch"
expect_exit 0 'linear probe: 300 images in batches of 128: 44 are left out' tec probe "${pixels[@]}" probe.batch=128
warning='warning: linear probe: the loss ends at 1.[34][0-9]*, not far from the 1.3863 = ln\(4\) of guessing: .*batch was 300, the learning rate 0.0001'
expect_exit 0 "$warning" ranks 2 probe "${pixels[@]}" probe.batch=16384 probe.lr=1e-4
expect_exit 0 'the loss ends at [0-9.e+]*, above the 1.3863 = ln\(4\) of guessing.*try a smaller probe.lr' \
    tec probe "${pixels[@]}" probe.lr=1e6 probe.epochs=1
