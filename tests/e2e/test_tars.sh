#!/usr/bin/env bash
# Tar archives as data sets: the same images as folder, archive, several archives, archive of archives and list are the same
# run; damage is named; labels from a file.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_settings tiny.yaml
sed -i 's/batch: 31/batch: 6/' tiny.yaml
mae=(-c ../tiny.yaml pretrain.objective=mae run.dir=run pretrain.epochs=2 pretrain.checkpoint_minutes=0)

# The same images in every form, each in a directory of its own: IMAGES/set is the folder.
mkdir -p folder/set/{ant,bee} tar shards inner labelled ant
fixtures=(rgb444.jpg rgb420.jpg progressive.jpg)
for i in 0 1 2 3 4 5; do
    cp "$repository/tests/data/images/${fixtures[i % 3]}" "folder/set/ant/$i.jpg"
    cp "$repository/tests/data/images/palette.png" "folder/set/bee/$i.png"
done
tar -C folder/set -cf tar/set .
tar -C folder/set --format=pax -cf shards/s-08.tar ant/0.jpg ant/2.jpg ant/5.jpg bee/1.png bee/0.png
tar -C folder/set -cf shards/s-09.tar bee/5.png bee/4.png ant/1.jpg ant/3.jpg
tar -C folder/set -cf shards/s-10.tar bee/2.png ant/4.jpg bee/3.png
for class in ant bee; do
    tar -C folder/set/$class -cf $class.tar .
    for i in 0 1 2 3 4 5; do echo $class >folder/set/$class/$i.cls; done
done
tar -cf inner/set ant.tar bee.tar
tar -C folder/set --sort=name -cf labelled/set ant bee
rm folder/set/*/*.cls
for file in folder/set/*/*; do
    class=${file%/*}
    echo "${file#folder/set/},${class##*/}"
done >all.csv
mv all.csv folder/set/all.csv

say "one run, in six forms"
forms=(folder/set 'shards/s-{08..10}.tar' folder/set/all.csv)
for i in "${!forms[@]}"; do
    run in_folder "run$i" tec pretrain "${mae[@]}" data.train="../${forms[i]}"
    run tec export "run$i/run/checkpoint.h5" -o "run$i/model.safetensors"
    expect_same_log run0/run/log.jsonl "run$i/run/log.jsonl"
    cmp run0/model.safetensors "run$i/model.safetensors" >"$out" || fail "${forms[i]}: other weights"
done
for form in folder tar inner labelled; do
    in_folder $form run ranks 2 pretrain "${mae[@]}" data.train=set
done
for form in tar inner labelled; do
    expect_same_checkpoint folder/run/checkpoint.h5 $form/run/checkpoint.h5
done

say "a run changes over, a target store of the folder serves the archives, and copies on the node do"
expect_exit 0 'resuming run/checkpoint.h5 at step 4' in_folder run0 tec pretrain "${mae[@]}" data.train='../shards/*.tar' \
    pretrain.epochs=3
run tec targets -c tiny.yaml data.train=folder/set base.model=run0/run/checkpoint.h5 targets.dir=store
tec_run=(-c tiny.yaml targets.dir=store pretrain.epochs=2)
run tec pretrain "${tec_run[@]}" data.train=folder/set run.dir=from-folder
expect_exit 0 'run.stage: [0-9]+ files, .* are copied once per node' \
    tec pretrain "${tec_run[@]}" data.train=shards run.dir=from-copies run.stage="$here/node"
expect_same_log from-folder/log.jsonl from-copies/log.jsonl
[[ -z $(ls -A node) ]] || fail "left behind: $(ls node)"

say "what an archive is; it needs no pack"
expect_exit 0 'archives: 3 \(' tec inspect 'shards/s-{08..10}.tar'
for line in 'images: 12' 'classes: 2 (ant, bee)'; do
    grep -q "$line" "$out" || fail "not said what it holds: $line"
done
expect_exit 2 'shards: tar archives need no pack' ranks 2 pack shards packed

say "the index is kept, and made anew when the archive has changed"
expect_exit 0 'tar/set: 12 images in 1 archive, listed by the index that is kept beside' tec check tar/set
touch tar/set
expect_exit 0 'tar/set: 12 images in 1 archive, whose index is now kept beside' tec check tar/set
rm shards/*.tecidx && mkdir -p shards/s-09.tar.tecidx/in-the-way
expect_exit 0 'the index cannot be kept beside the archive, .*s-09.tar.tecidx' ranks 2 check 'shards/s-{08..10}.tar'
let_files_age
run tec pretrain "${tec_run[@]}" data.train='shards/s-{08..10}.tar' run.dir=kept pretrain.epochs=1
expect_exit 0 'list of 12 images taken from kept/train.list.gz; the archives have not changed since' \
    tec pretrain "${tec_run[@]}" data.train='shards/s-{08..10}.tar' run.dir=kept
rm -r shards/s-09.tar.tecidx
cp folder/set/ant/1.jpg new.jpg && tar -rf shards/s-09.tar new.jpg
expect_exit 2 '12 images were used, 13 are now: new.jpg is new' tec pretrain "${tec_run[@]}" data.train=shards run.dir=kept

say "what is damaged or missing: one line"
head -c 3000 shards/s-08.tar >cut.tar
gzip -k shards/s-10.tar
head -c 200 folder/set/ant/0.jpg >ant/0.jpg
tar -C folder/set -cf bad.tar ant/1.jpg ant/2.jpg bee && tar -rf bad.tar ant/0.jpg
refused() {
    expect_exit 2 "$2" ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=refused data.train="$1"
}
refused cut.tar 'cut.tar is truncated: of member ant/0.jpg, at byte [0-9]*, [0-9]* of [0-9]* bytes are there: copy or download it'
refused 'shards/s-{08..11}.tar' '1 of 4 archives is not there: shards/s-11.tar'
refused shards/s-10.tar.gz 's-10.tar.gz is compressed \(gzip\).*unpack it once by `gunzip -k`'
refused bad.tar 'bad.tar: member ant/0.jpg \(byte [0-9]*\)'
expect_exit 0 'ant/0.jpg' ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=skipped data.train=bad.tar \
    data.on_bad_image=skip pretrain.epochs=1

say "labels of data.train from a file: the same set as a list file; data.val's as Tiny-ImageNet has them"
sed 's/,/ /' folder/set/all.csv | sed 's/ant$/dog/; s/\(4.*\)bee$/\1cat/' >words.txt
tr ' ' , <words.txt >folder/set/own.csv
knn=(knn -c tiny.yaml eval.model=pixels knn.k=1 run.dir=knn)
mkdir -p val/images
for i in 0 1 2 3; do
    cp folder/set/bee/$i.png "val/images/val_$i.png"
    printf 'val_%d.png\t%s\t0\t32\t44\t62\n' $i "$([[ $i == 0 ]] && echo cat || echo bee)"
done >val/val_annotations.txt
for images in folder/set tar/set; do
    expect_exit 0 'column 1 is read as the file, column 2 as its class' ranks 2 "${knn[@]}" data.train=$images \
        data.labels=words.txt data.val=val data.val_labels=val/val_annotations.txt
done
run in_folder run0 tec pretrain "${mae[@]}" data.train=../folder/set/own.csv run.dir=own
expect_exit 0 'resuming own/checkpoint.h5' in_folder run0 tec pretrain "${mae[@]}" data.train=../tar/set data.labels=../words.txt \
    run.dir=own pretrain.epochs=3
expect_exit 2 'or its files or labels have changed' in_folder run0 tec pretrain "${mae[@]}" data.train=../tar/set run.dir=own \
    pretrain.epochs=4
head -n 9 words.txt >fewer.txt
expect_exit 2 'data.labels fewer.txt has no label for 3 of the 12 images of tar/set \(bee/' \
    ranks 2 "${knn[@]}" data.train=tar/set data.labels=fewer.txt data.val=folder/set
expect_exit 2 'data.labels `foldrs`: auto, folders, none or a file of labels is expected' tec "${knn[@]}" data.train=tar/set \
    data.labels=foldrs data.val=folder/set
