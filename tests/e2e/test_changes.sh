#!/usr/bin/env bash
# A run that goes on with other settings: what it keeps is refused, everything else is said, logged and kept.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 80 1
make_settings tiny.yaml
common=(pretrain -c tiny.yaml pretrain.batch=8) # 10 steps an epoch
mae=("${common[@]}" pretrain.objective=mae pretrain.epochs=8)
run tec "${mae[@]}" run.dir=base pretrain.epochs=1
run tec "${mae[@]}" run.dir=other pretrain.epochs=1 run.seed=1
make_store() {
    run tec targets -c tiny.yaml "${@:2}" targets.dir="$1"
}
make_store store base.model=base/checkpoint.h5
make_store moved base.model=base/checkpoint.h5
make_store deeper base.model=base/checkpoint.h5 targets.last_layers=1
make_store single base.model=base/checkpoint.h5 targets.type=float32
make_store foreign base.model=other/checkpoint.h5

say "what a run keeps: base, store, normalisation, objective"
tec=("${common[@]}" run.dir=run pretrain.epochs=8)
run tec "${tec[@]}" base.model=base/checkpoint.h5 targets.dir=store pretrain.stop_after_steps=7
cp -r run run.before
refused() {
    expect_exit 2 "$1.*give another run.dir, or --fresh twice" "${@:2}"
    diff -r run.before run >"$out" || fail "a run that is refused has changed its directory"
}
refused 'another base model.*base.model was "base/checkpoint.h5", is "other/checkpoint.h5"' \
    ranks 2 "${tec[@]}" base.model=other/checkpoint.h5 targets.dir=foreign
refused 'another base model' tec "${tec[@]}" targets.dir=foreign
refused 'from other targets.*targets.last_layers was 2, is 1' tec "${tec[@]}" targets.dir=deeper \
    targets.last_layers=1
refused 'from other targets.*targets.dir was "store", is "single"' tec "${tec[@]}" targets.dir=single
refused 'data.mean was 0.5 in this run so far and is 0.4 now' ranks 2 "${tec[@]}" targets.dir=store data.mean=0.4
refused 'data.std was 0.5 .* is 0.25 now' tec "${tec[@]}" targets.dir=store data.std=0.25
refused 'attention_tau differs .*pretrain.attention_tau was 1.8, is 2\); set back what differs' tec "${tec[@]}" targets.dir=store \
    pretrain.attention_tau=2
refused 'whether attention is predicted differs .*attention_weight was 1, is 0.*; set back' ranks 2 "${tec[@]}" \
    targets.dir=store pretrain.attention_weight=0
refused 'the objective differs.*pretrain.objective was tec, is mae' tec "${mae[@]}" run.dir=run

say "everything else may change: one line, a line of the log, and the former settings are kept"
changed='settings changed since step 7: .*pretrain.mask_ratio was 0.75, is 0.5; .*pretrain.lr was 0.002, is 0.001'
expect_exit 0 "$changed" ranks 2 "${tec[@]}" targets.dir=moved pretrain.mask_ratio=0.5 pretrain.lr=1e-3 \
    data.workers=2 pretrain.stop_after_steps=12
for key in 'base.model was "base/checkpoint.h5", is ""' 'targets.dir was "store", is "moved"' 'data.workers was 1, is 2' \
    'pretrain.stop_after_steps was 7, is 12' 'learning rate of the next step is 0.0007 instead of 0.0014'; do
    grep -Fq "$key" "$err" || fail "not said: $key"
done
(($(grep -c 'settings changed' "$err") == 1)) || fail "the changes are not said in one line"
line='"kind":"settings","epoch":1,"step":7,"changes":\{.*"pretrain.mask_ratio":\{"was":"0.75","is":"0.5"\}'
grep -Eq "$line" run/log.jsonl || fail "the log does not tell of the change"
cmp run.before/settings.yaml run/settings_1.yaml >"$out" || fail "the former settings are not kept"
expect_exit 0 'pretrain.mask_ratio was 0.5, is 0.75' tec "${tec[@]}" targets.dir=store pretrain.lr=1e-3 \
    pretrain.stop_after_steps=14
expect_file run/settings_2.yaml
grep -q 'mask_ratio: 0.5' run/settings_2.yaml || fail "settings_2.yaml does not hold the second part's settings"
cp run/checkpoint.h5 at-14.h5
for _ in 1 2; do # as after a kill before the next checkpoint: said again, logged once
    cp at-14.h5 run/checkpoint.h5
    expect_exit 0 'settings changed since step 14: .*data.prefetch was 2, is 3' \
        tec "${tec[@]}" targets.dir=store pretrain.lr=1e-3 data.prefetch=3 pretrain.stop_after_steps=16
done
(($(grep -c '"kind":"settings"' run/log.jsonl) == 3)) || fail "the log does not tell of three changes"
(($(wc -l <run/log.jsonl) == 16 + 1 + 3)) || fail "the log does not have 16 steps, an epoch and three changes"
[[ ! -f run/settings_4.yaml ]] || fail "the same settings are kept twice"

say "the first line: what an epoch leaves out"
first() {
    expect_exit 0 "" tec "${mae[@]}" pretrain.epochs=1 run.dir=line "${@:2}" --fresh --fresh
    head -n 1 "$err" | grep -Fqe "$1" || fail "the first line does not say '$1'"
}
first '80 images, 1 ranks, 8 images a step, 10 steps an epoch, run directory line'
first '80 images, 1 ranks, 79 images a step, 1 steps an epoch (1 image is left out of each epoch, others every time)' \
    pretrain.batch=79
first '6 steps an epoch (2 images are left out of each epoch' pretrain.batch=13

say "a store that has been moved or made again is the same; a run that is begun again has no history"
mv store elsewhere
make_store store base.model=base/checkpoint.h5 targets.shard_mb=2
run tec "${tec[@]}" targets.dir=store pretrain.lr=1e-3 pretrain.stop_after_steps=17
run tec "${tec[@]}" targets.dir=elsewhere pretrain.lr=1e-3 pretrain.stop_after_steps=18 --fresh --fresh
[[ ! -f run/settings_1.yaml ]] || fail "the settings of the run before are still there"
! grep -q settings run/log.jsonl || fail "a run that is begun again logs changes"
run tec "${mae[@]}" run.dir=pixels pretrain.stop_after_steps=3
expect_exit 0 'settings changed since step 3: base.model was "", is "x.h5"; pretrain.stop' \
    tec "${mae[@]}" run.dir=pixels pretrain.stop_after_steps=4 base.model=x.h5

say "fewer epochs than are done are refused, more are explained"
run tec "${mae[@]}" run.dir=stopped pretrain.stop_after_steps=43
for epochs in 3 4; do
    expect_exit 2 "pretrain.epochs is $epochs, but the run has done 4.3 epochs.* at least 5, or --finish N" \
        ranks 2 "${mae[@]}" run.dir=stopped pretrain.epochs=$epochs
done
[[ ! -f stopped/DONE ]] || fail "a run that was refused is marked as done"
cp -r stopped fewer
cp -r stopped finished
expect_exit 0 'pretrain.epochs was 8 and is 5: .* now ends at step 50 instead of 80, .* is 0.000147 instead of 0.00109' \
    tec "${mae[@]}" run.dir=fewer pretrain.epochs=5
[[ -f fewer/DONE ]] || fail "the run is not done after its last epoch"
expect_exit 2 'pretrain.epochs is 4, but the run is done with 5 epochs; give pretrain.epochs=5' \
    tec "${mae[@]}" run.dir=fewer pretrain.epochs=4
cp -r fewer before
run tec "${mae[@]}" run.dir=fewer pretrain.epochs=5 data.workers=2
expect_exit 0 'the run is done: what has changed has no effect' ranks 2 "${mae[@]}" run.dir=fewer pretrain.epochs=5 \
    pretrain.lr=1
! grep -q 'next step' "$err" || fail "a run that is done speaks of its next step"
diff -r before fewer >"$out" || fail "a run that is done has changed"
expect_exit 0 'pretrain.epochs was 5 and is 7: .* at step 70 instead of 50, .* is 0.0005 instead of 0' \
    ranks 2 "${mae[@]}" run.dir=fewer pretrain.epochs=7

say "a step to stop at that is behind the run: nothing is done, and that is said; checkpoints of version 0.1 go on"
cp -r stopped before-stop
for stop in 43 10; do
    expect_exit 0 "has come to step 43 of 80, and pretrain.stop_after_steps is $stop: nothing to do" \
        ranks 2 "${mae[@]}" run.dir=stopped pretrain.stop_after_steps=$stop
done
cmp before-stop/checkpoint.h5 stopped/checkpoint.h5 >"$out" || fail "a run that had nothing to do has gone on"
diff before-stop/settings.yaml stopped/settings.yaml >"$out" || fail "settings.yaml holds what the run never had"
sed -i 's/finish_from/xxxxxx_xxxx/; s/finish_steps/xxxxxx_xxxxx/; s/finish_lr/xxxxxx_xx/' before-stop/checkpoint.h5
expect_exit 0 'resuming before-stop/checkpoint.h5 at step 43' tec "${mae[@]}" run.dir=before-stop \
    pretrain.stop_after_steps=44

say "--finish: the rate falls over so many steps, over restarts too"
finish=("${mae[@]}" run.dir=finished --finish 20)
expect_exit 2 '--finish 38: the run in finished has 37 steps left .* give at most --finish 37' \
    ranks 2 "${mae[@]}" run.dir=finished --finish 38
expect_exit 2 'pretrain.epochs was 8 and is 3, which has no effect: with --finish' tec "${finish[@]}" pretrain.epochs=3
expect_exit 2 '--fresh begins a new one: leave one of them out' ranks 2 "${finish[@]}" --fresh --fresh
expect_exit 0 '--finish: the learning rate falls from 0.00109 to 0 over the next 20 steps, .* at step 63, in epoch 7 of 8' \
    tec "${finish[@]}" pretrain.stop_after_steps=43 # as if killed before the first step
expect_exit 0 'the run ends at step 63, as --finish 20 was given at step 43' \
    tec "${mae[@]}" run.dir=finished pretrain.stop_after_steps=50
(($(grep -c '"step":43,"changes":.*"--finish":{"was":"0","is":"20"}' finished/log.jsonl) == 1)) ||
    fail "the log does not tell of --finish once"
for changed in pretrain.epochs=20 pretrain.epochs=5 pretrain.lr=0.1 pretrain.blr=0.1 pretrain.warmup_epochs=2; do
    expect_exit 2 "finished: ${changed%=*} was .* no effect: since --finish 20 at step 43, .*set it back" \
        ranks 2 "${mae[@]}" run.dir=finished $changed
done
[[ ! -f finished/DONE ]] || fail "a run that stopped before its end is marked as done"
expect_exit 2 '--finish 9: .* being finished already, over 20 steps from step 43 on; give --finish 20' \
    ranks 2 "${mae[@]}" run.dir=finished --finish 9
expect_exit 0 'finished at step 63' ranks 2 "${finish[@]}"
[[ -f finished/DONE ]] || fail "a run that has been finished is not marked as done"
[[ $(tail -n 1 finished/log.jsonl | number step) == 63 ]] || fail "the run did not end at step 63"
awk -F'"lr":' '/"kind":"step"/ { split($2, lr, ","); if (NR > 50 && lr[1] >= last) exit 1; last = lr[1] }
               END { exit !(last < 1e-5) }' finished/log.jsonl || fail "the learning rate does not come down"
expect_exit 0 'the run ends at step 63, as --finish 20 was given at step 43' tec "${mae[@]}" run.dir=finished
expect_exit 2 'holds no run that could be finished' tec "${mae[@]}" run.dir=new --finish 5
expect_exit 2 'has done all of its 7 epochs' tec "${mae[@]}" run.dir=fewer pretrain.epochs=7 --finish 5
expect_exit 2 '--finish 0: expected a whole number' tec "${mae[@]}" run.dir=new --finish 0

say "images that have changed: how many, and the first that differs, for runs and stores"
make_folder photos 16
photos=(-c tiny.yaml data.train=photos)
rm -rf base && run tec pretrain "${photos[@]}" pretrain.objective=mae pretrain.epochs=1 pretrain.batch=8 run.dir=base
from_pixels=(pretrain "${photos[@]}" pretrain.objective=mae pretrain.batch=8 run.dir=base)
from_targets=(pretrain "${photos[@]}" pretrain.batch=8 targets.dir=photo-store run.dir=new)
make_targets=(targets "${photos[@]}" base.model=base/checkpoint.h5 targets.dir=photo-store)
run ranks 2 "${make_targets[@]}"
# differ PATTERN ARGUMENT ...: a run, a run from a store and the making of that store refuse the images, and say this.
differ() {
    expect_exit 2 "base/checkpoint.h5: the run was trained on another data set.*: $1.*give another run.dir" \
        ranks 2 "${from_pixels[@]}" "${@:2}"
    expect_exit 2 "photo-store was made of other images.*: $1; use the images that it was made of, or make a store" \
        ranks 2 "${from_targets[@]}" "${@:2}"
    expect_exit 2 "photo-store was made of other images.*: $1; use" ranks 2 "${make_targets[@]}" "${@:2}"
    expect_exit 2 "photo-store was made of other images.*: $1; use" ranks 2 "${make_targets[@]}" "${@:2}" --verify
}
cp photos/left/3.jpg photos/left/33.jpg
differ '32 images were used, 33 are now: left/33.jpg is new'
rm photos/left/3.jpg
differ '32 images were used, 32 are now: left/3.jpg is missing \(1 new, 1 missing, 0 changed in all\)'
mv photos/left/33.jpg photos/left/3.jpg
mv photos/right/9.png kept.png
differ '32 images were used, 31 are now: right/9.png is missing'
(cat kept.png && echo) >photos/right/9.png
differ '32 images were used, 32 are now: right/9.png has [0-9]+ bytes instead of [0-9]+'
mv kept.png photos/right/9.png
differ '32 images were used, 20 are now, as the files are the same but data.max_train is not' data.max_train=20
rm photo-store/images.gz base/images.gz # as in a store of 0.1
expect_exit 2 'of 32 images, this run wants [0-9a-f]+, of 20 images' ranks 2 "${from_targets[@]}" data.max_train=20
expect_exit 2 'another data set, or its files or labels have changed \(data.max_train was 0, is 20\)' \
    tec "${from_pixels[@]}" data.max_train=20
run tec "${from_targets[@]}" pretrain.epochs=1
run tec "${from_pixels[@]}" pretrain.epochs=2
expect_file base/images.gz
make_idx shifted 80 2
run tec "${mae[@]}" run.dir=idx pretrain.epochs=1
expect_exit 2 '80 images were used, 80 are now: image 0000000000 is another image, or has another label \(0 new, 0 missing, 80 changed' \
    tec "${mae[@]}" run.dir=idx data.train=shifted/images-idx3-ubyte
