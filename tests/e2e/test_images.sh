#!/usr/bin/env bash
# Images that can be read, but about which there is something to say: damage, orientation, values that hardly differ.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMPI_MCA_odls_base_sigkill_timeout=0
fixtures=$repository/tests/data/images
make_idx train 62 1
make_settings tiny.yaml
make_folder photos 6
for number in 0 1 2; do
    cp "$fixtures/no_iend.png" "photos/right/$number.png"
done
cp "$fixtures/bad_code.jpg" photos/left/4.jpg
cp "$fixtures/turned6.jpg" photos/left/5.jpg
mae=(pretrain -c tiny.yaml data.train=photos pretrain.batch=6 pretrain.objective=mae pretrain.epochs=2)

# said PATTERN: a warning matches.
said() {
    grep -Eq "^tec: warning: .*($1)" "$err" || fail "no warning matches '$1'"
}

say "damaged images are read, and counted once over ranks and epochs"
run ranks 3 "${mae[@]}" run.dir=run
said 'the training set: damaged images .*data.strict_images=true refuses them\): 3 PNG without an end \(IEND\) \(first: photos/right/0.png\), 1 JPEG with a bad Huffman code \(first: photos/left/4.jpg\)$'
said 'the training set: 1 image with an EXIF orientation that is ignored.* \(first: photos/left/5.jpg\); data.exif_orientation=apply'
said 'data.train \(a look at 8 images\): damaged images'
expect_exit 2 'photos/(right/[012].png: truncated PNG|left/4.jpg: damaged JPEG).*data.on_bad_image=skip' \
    ranks 3 "${mae[@]}" run.dir=strict data.strict_images=true
run ranks 3 "${mae[@]}" run.dir=strict data.strict_images=true data.on_bad_image=skip
said '4 images of the training set could not be decoded'

say "targets belong to the orientation that they were made with"
run tec "${mae[@]}" run.dir=base
targets=(-c tiny.yaml data.train=photos base.model=base/checkpoint.h5 targets.dir=store)
run ranks 2 targets "${targets[@]}"
said 'the training set: damaged images'
expect_exit 2 'store was made of other images .*: 12 images were used, 12 are now, as the files .* data.exif_orientation is not' \
    tec pretrain "${targets[@]}" pretrain.batch=6 run.dir=turned data.exif_orientation=apply
expect_exit 2 'other images .* data.exif_orientation is not' ranks 2 targets "${targets[@]}" data.exif_orientation=apply
expect_exit 2 'data.exif_orientation' tec "${mae[@]}" run.dir=base pretrain.epochs=3 data.exif_orientation=apply
run ranks 2 "${mae[@]}" run.dir=upright data.exif_orientation=apply
if grep -q 'EXIF' "$err"; then fail "an orientation that is applied is warned of"; fi

say "evaluation says it too, for both sets"
run ranks 2 knn -c tiny.yaml data.train=photos data.val=photos eval.model=base/checkpoint.h5 run.dir=run knn.k=3
said 'the training set: damaged images'
said 'the (validation|test) set: damaged images'

say "a class that loses all its images while they are read"
make_folder cut 2
for file in cut/left/*; do
    head -c 500 "$fixtures/progressive.jpg" >"$file"
done
expect_exit 2 'none of the 2 (training|validation) images of class `left` could be decoded' ranks 2 knn -c tiny.yaml \
    data.on_bad_image=skip data.train=cut data.val=cut eval.model=pixels run.dir=run knn.k=1
said '2 images of the (training|validation) set could not be decoded'
said 'data.train \(a look at 4 images\): 2 cannot be decoded \(cut/left/[01].jpg: truncated JPEG'

say "images that use little of their range"
tr '\000-\377' '\000-\037\000-\037\000-\037\000-\037\000-\037\000-\037\000-\037\000-\037' <train/images-idx3-ubyte |
    tail -c +17 >pixels
{ head -c 16 train/images-idx3-ubyte && cat pixels; } >dark-images-idx3-ubyte
run ranks 2 pretrain -c tiny.yaml data.train=dark-images-idx3-ubyte pretrain.objective=mae pretrain.epochs=1 run.dir=dark
said 'data.train \(a look at 8 images\): the values of its 8-bit images lie between 0 and 31 of 0 to 255, .* 32 levels'
(($(grep -c 'the values of its 8-bit images' "$err") == 1)) || fail "the same is said twice"
run ranks 2 features dark/checkpoint.h5 dark-images-idx3-ubyte -o dark.h5
said 'dark-images-idx3-ubyte \(a look at 8 images\): the values of its 8-bit images'
(($(grep -c 'the values of its 8-bit images' "$err") == 1)) || fail "the same is said twice"
run ranks 2 pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=1 run.dir=bright
if grep -q 'warning' "$err"; then fail "there is nothing to warn of"; fi

say "images that a build lacks the library for"
mkdir -p many/left many/right
cp "$repository"/tests/data/formats/{palette,flat}.gif many/left
cp "$fixtures"/{rgb,grey}.png many/right
if [[ -x ${program%/*}/plain/tec ]]; then
    lacking() { timeout -k 10 "$limit" mpirun -n "$1" "${program%/*}/plain/tec" pretrain -c tiny.yaml data.train=many "${@:2}" \
        pretrain.batch=2 pretrain.objective=mae pretrain.epochs=1 run.dir=many-run; }
    expect_exit 2 'many: 2 images for which this build of tec lacks a library: left/(palette|flat).gif, the first, is a GIF image, which needs giflib \(Debian: libgif-dev; Spack: giflib\); install it' \
        lacking 2
    printf '%s\n' right/rgb.png,a left/flat.gif,b >many/all.csv
    expect_exit 2 'many/all.csv: line 2: left/flat.gif is a GIF image, for which this build of tec lacks giflib' \
        lacking 2 data.train=many/all.csv
    rm many/all.csv
    run lacking 2 data.on_bad_image=skip
    said '2 images of the training set could not be decoded'
    mv many/left/flat.gif many/left/flat.img
    mv many/left/palette.gif many/left/palette
    expect_exit 2 'many: 2 images for which this build of tec lacks a library: left/(palette|flat.img), the first, is a GIF' lacking 2
else
    echo "SKIPPED: there is no build without GIF images: make CLONES=no OPTIMISE=-O1 WEBP=no TIFF=no GIF=no JP2=no BUILD=build/plain"
fi
