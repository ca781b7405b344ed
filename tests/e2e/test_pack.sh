#!/usr/bin/env bash
# Packs and copies on the node: images and targets are read from somewhere else, and nothing else changes.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_settings tiny.yaml
mkdir photos
fixtures=(rgb444.jpg rgb420.jpg progressive.jpg)
for i in 0 1 2 3 4 5 6 7 8 9; do
    for class in ant bee; do
        mkdir -p photos/$class
        cp "$repository/tests/data/images/${fixtures[i % 3]}" photos/$class/$i.jpg
    done
    cp "$repository/tests/data/images/palette.png" "photos/bee/p$i.png"
done
sed -i 's/batch: 31/batch: 6/' tiny.yaml
settings=(-c tiny.yaml)
mae=(-c tiny.yaml pretrain.objective=mae)

say "a pack is made by any number of ranks, started again after a kill, and the same in the end"
run tec pack photos one
run ranks 3 pack photos pack --shard-mb 1
expect_progress 'pack: ([0-9]+) of \1 shards'
cmp one/shard-00000.tar pack/shard-00000.tar >"$out" || fail "1 rank and 3 make different packs"
rm pack/pack.json pack/shard-00000.index
expect_exit 2 'pack: this pack is not finished \(no pack.json\)' tec pretrain "${mae[@]}" data.train=pack run.dir=unfinished
expect_exit 0 '1 of them written' ranks 2 pack photos pack --shard-mb 1
expect_exit 0 '0 of them written' tec pack photos pack --shard-mb 1
diff -r one pack >"$out" || fail "the pack that was made in two parts is another one"
expect_no_temporaries pack

say "what training on the folder refuses is not packed either"
cp -r photos birds && mkdir birds/wasp && printf '1234ftypavif' >birds/wasp/1.AVIF
for more in '' data.labels=folders; do
    expect_exit 2 'no image of class `wasp` can be read: 1 .avif; .* or set data.labels=none' \
        ranks 2 pack birds lost $more
done
[[ ! -e lost ]] || fail "a pack is begun that lacks a class"
expect_exit 0 'warning: birds: no image of class `wasp`' tec pack birds unlabelled data.labels=none
echo 'data: {labels: none, train: photos, on_bad_image: skip}' >none.yaml
run tec pack -c none.yaml birds configured
diff -r unlabelled configured >"$out" || fail "labels of a settings file make another pack"
rm -r birds/wasp && cp photos/ant/0.jpg birds
expect_exit 0 'birds: 1 image outside of class folders is left out \(0.jpg\)' tec pack birds classes data.labels=folders
run tec pack photos plain
cmp plain/shard-00000.tar classes/shard-00000.tar >"$out" || fail "images beside the class folders are packed"
expect_exit 0 'birds: 1 of its 31 images lies beside its folders' tec pack birds mixed

say "a dead link is refused, or a bad image with the same number as in the folder"
rm birds/0.jpg && ln -s nowhere birds/ant/gone.jpg
expect_exit 2 'ant/gone.jpg: No such file.*data.on_bad_image=skip' ranks 2 pack birds dead
expect_exit 0 'birds: 1 dead link named as an image \(ant/gone.jpg\)' ranks 2 pack birds dead data.on_bad_image=skip
expect_exit 2 'dead/ant/gone.jpg' tec pretrain "${mae[@]}" data.train=dead run.dir=stopped pretrain.epochs=1 \
    pretrain.batch=31
for source in birds dead; do
    expect_exit 0 "warning: ../$source/ant/gone.jpg:" in_folder skip-$source tec pretrain "${mae[@]/tiny.yaml/../tiny.yaml}" \
        data.train=../$source data.on_bad_image=skip run.dir=run pretrain.epochs=2
done
expect_same_log skip-birds/run/log.jsonl skip-dead/run/log.jsonl

say "a pack does not lie in its folder, and other settings of images are not taken"
ln -s photos again
for inside in photos photos/pk again/ant/deep/er/ ./photos/../photos/pk; do
    expect_exit 2 'would lie in the folder (photos|photos/) that it is made of' ranks 2 pack photos $inside
done
[[ ! -e photos/pk ]] || fail "something was written to the folder of images"
run in_folder photos tec pack ant ../ant-only
expect_exit 2 'in the folder . that' in_folder photos tec pack . pk
run tec pack photos photos-too
expect_exit 2 'data.train=photos` would have no effect: tec pack does not read that setting; `tec pack --help` lists' \
    tec pack photos other data.train=photos

say "training, targets, k-NN and probe from the pack equal those from the folder, to the bit"
for source in photos pack; do
    in_folder from-$source run ranks 2 pretrain "${mae[@]/tiny.yaml/../tiny.yaml}" data.train=../$source run.dir=run
    run tec targets "${settings[@]}" data.train=$source base.model=from-photos/run/checkpoint.h5 targets.dir=store-$source
    evaluated=("${settings[@]}" data.train="$source" data.val="$source" eval.model=from-photos/run/checkpoint.h5)
    run ranks 2 knn "${evaluated[@]}" knn.k=3 run.dir=eval-$source
    run ranks 2 probe "${evaluated[@]}" run.dir=eval-$source
    number top1 <eval-$source/knn.json >eval-$source/top1
    number top1 <eval-$source/probe.json >>eval-$source/top1
done
expect_same_log from-photos/run/log.jsonl from-pack/run/log.jsonl
diff -r -x '*.list.gz' store-photos store-pack >"$out" || fail "targets from the pack differ"
cmp eval-photos/top1 eval-pack/top1 >"$out" || fail "evaluations differ"

say "a store made from the folder serves the pack, and a run may change over"
tec_run=("${settings[@]}" targets.dir=store-photos run.dir=changing pretrain.epochs=4)
run tec pretrain "${tec_run[@]}" data.train=photos pretrain.stop_after_steps=7
expect_exit 0 'resuming changing/checkpoint.h5 at step 7' tec pretrain "${tec_run[@]}" data.train=pack
run tec pretrain "${tec_run[@]}" data.train=photos run.dir=straight
expect_same_log straight/log.jsonl changing/log.jsonl

say "a store with images: nobody looks at data.train"
with=(targets.dir=with targets.store_images=true)
run tec targets "${settings[@]}" data.train=pack base.model=from-photos/run/checkpoint.h5 "${with[@]}"
for train in photos /nowhere ''; do
    run ranks 2 pretrain "${settings[@]}" data.train=$train "${with[@]}" run.dir=images pretrain.epochs=4 --fresh --fresh
    difference=$(largest_difference loss_fea straight/log.jsonl images/log.jsonl)
    holds "$difference < 1e-4" || fail "data.train='$train': losses differ by $difference"
done
expect_exit 2 'with has 30 images, but data.max_train is 12' tec pretrain "${settings[@]}" "${with[@]}" \
    data.max_train=12 run.dir=fewer

say "a shard that cannot be written is not counted as written"
mkdir -p blocked/shard-00000.tar/in-the-way
expect_exit 3 'blocked/shard-00000.tar.*cannot be put in place' ranks 2 pack photos blocked
! grep -q '1 of 1 shards written' "$err" || fail "a shard that could not be written is counted"

say "copies on the node: same run, nothing left behind"
stage=("${tec_run[@]}" data.train=pack run.dir=staged run.stage="$here/node")
expect_exit 0 'run.stage: [0-9]+ files, .* are copied once per node' ranks 2 pretrain "${stage[@]}"
difference=$(largest_difference loss_fea straight/log.jsonl staged/log.jsonl)
holds "$difference < 1e-4" || fail "losses of a staged run differ by $difference"
empty_node() {
    [[ -z $(ls -A node) ]] || fail "$1: left behind: $(ls node)"
}
empty_node "after the end"
expect_exit 4 'loss' ranks 2 pretrain "${stage[@]}" run.dir=wild pretrain.lr=1e30 pretrain.warmup_epochs=0
empty_node "after an error"
say "a run that reads less than would be copied"
views=("${settings[@]}" data.train=pack targets.views=8)
run tec targets "${views[@]}" base.model=from-photos/run/checkpoint.h5 targets.dir=eight
expect_exit 0 'run.stage: nothing is copied: that would be .* for each node, whose ranks read only .* in 1 epochs' \
    tec pretrain "${views[@]}" targets.dir=eight run.dir=brief run.stage="$here/node" pretrain.epochs=1

endless=(pretrain "${stage[@]}" run.dir=endless pretrain.epochs=100000 pretrain.checkpoint_epochs=100000
    pretrain.checkpoint_minutes=0)
start_ranks 2 "${endless[@]}"
wait_for "step 5" has_lines endless/log.jsonl 5
has_file 'node/tec-stage-*/targets/shard-00000.h5' || fail "no copy of the store on the node"
has_file 'node/tec-stage-*/images/shard-00000.tar' || fail "no copy of the pack on the node"
signal_rank TERM 0
end_of_job
((code == 0)) || fail "exit code $code"
empty_node "after SIGTERM"

say "what a killed job leaves is removed by the next; what is read is the copy"
before=$(wc -l <endless/log.jsonl)
start_ranks 2 "${endless[@]}"
wait_for "further steps" has_lines endless/log.jsonl $((before + 5))
signal_rank KILL 0
end_of_job
has_file 'node/tec-stage-*' || fail "nothing was left behind: this tests nothing"
start_ranks 2 "${endless[@]}" run.dir=damaged pretrain.log_steps=1
wait_for "step 1" has_lines damaged/log.jsonl 1
(($(find node -name 'tec-stage-*' | wc -l) == 1)) || fail "two directories on the node"
for shard in node/tec-stage-*/images/shard-*.tar; do
    dd if=/dev/urandom of="$shard" bs=1000 count=20 conv=notrunc status=none
done
end_of_job
((code == 3)) || fail "a damaged copy is not noticed: exit code $code"
grep -q 'node/tec-stage-.*tar is damaged at byte' "$err" || fail "the damaged copy is not named"
empty_node "after a damaged copy"

say "no room: a warning, and files are read where they are"
if mkdir small && mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
    code=0
    expect_exit 0 'warning: run.stage: host .*: small: no room: .* are free, but the copies need' \
        ranks 2 pretrain "${stage[@]}" run.dir=elsewhere run.stage=small || code=$?
    umount small
    ((code == 0)) || fail "a run without room"
    expect_same_log staged/log.jsonl elsewhere/log.jsonl
else
    echo "SKIPPED: a full disk needs a tmpfs, which needs root"
fi
