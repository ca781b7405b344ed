#!/usr/bin/env bash
# From images to a new model and its evaluation: every command of the main job, on small images.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 930 1
make_idx val 200 2
gzip -k train/images-idx3-ubyte # read as it is by some of the commands below
make_settings tiny.yaml

say "a base model from pixels, 2 ranks"
run ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=base pretrain.epochs=10
expect_loss_falls base/log.jsonl loss
for file in checkpoint.h5 settings.yaml environment.json; do
    expect_file base/$file
done
[[ -f base/DONE ]] || fail "base/DONE is not there after the last step"
expect_no_temporaries base

# expect_same_settings RUN RUN: but for run.dir.
expect_same_settings() {
    sed "s/\"$2\"/\"$1\"/" "$2/settings.yaml" | diff "$1/settings.yaml" - >"$out" ||
        fail "$1/settings.yaml gives other settings when it is fed back"
}

say "the resolved settings give the same run again"
cp -r base again
run ranks 2 pretrain -c base/settings.yaml run.dir=again --fresh --fresh
expect_same_settings base again
expect_same_log base/log.jsonl again/log.jsonl

common=(-c tiny.yaml base.model=base/checkpoint.h5 targets.shard_mb=1 targets.views=2)

# storage_error MOST TYPE MOST: of feature, and of attention stored as TYPE, that the last command printed.
storage_error() {
    local feature attention
    feature=$(sed -n 's/^storage .*relative error of feature \([^,]*\),.*/\1/p' "$out")
    attention=$(sed -n "s/^storage .* of attention ($2) \(.*\)/\1/p" "$out")
    [[ -n $feature && -n $attention ]] || fail "no storage error is printed"
    holds "$feature <= $1" || fail "the storage error of the features is $feature, more than $1"
    holds "$attention <= $3" || fail "the storage error of the attention is $attention, more than $3"
}

say "its targets, 2 ranks"
run ranks 2 targets "${common[@]}" targets.dir=store
expect_progress 'targets: [0-9]+ of [0-9]+ views on each of 2 ranks'
storage_error 1e-3 float16 1e-3
[[ -f store/shard-00001.h5 ]] || fail "one shard only: sharing the work is not tested"
expect_exit 0 'made 0 views' ranks 2 targets "${common[@]}" targets.dir=store
expect_exit 0 'shards are sound; 16 rows recomputed' ranks 3 targets "${common[@]}" targets.dir=store --verify
expect_progress 'verify: reading: ([0-9]+) of \1 shards'
expect_progress 'verify: recomputing: 16 of 16 rows'

say "the same store from two workers, one after the other and at once"
expect_exit 0 'are not there yet' tec targets "${common[@]}" targets.dir=workers --worker 1/2
run tec targets "${common[@]}" targets.dir=workers --worker 2/2
diff -r -x '*.list.gz' store workers >"$out" || fail "two workers one after the other make another store than 2 ranks"
tec targets "${common[@]}" targets.dir=at-once --worker 1/2 >worker.out 2>worker.err </dev/null &
job=$!
run tec targets "${common[@]}" targets.dir=at-once --worker 2/2
end_of_job
((code == 0)) || fail "worker 1/2 ended with exit code $code: $(cat worker.err)"
diff -r -x '*.list.gz' store at-once >"$out" || fail "two workers at once make another store than 2 ranks"
run tec targets "${common[@]}" targets.dir=compressed data.train=train/images-idx3-ubyte.gz data.labels=none
cmp -s store/shard-00000.h5 compressed/shard-00000.h5 && fail "the data set's labels are not part of its fingerprint"

say "stored as float32 and int8"
run tec targets "${common[@]}" targets.dir=float32 targets.type=float32
storage_error 1e-7 float16 1e-3
expect_exit 0 'shards are sound' tec targets "${common[@]}" targets.dir=float32 targets.type=float32 --verify
run tec targets "${common[@]}" targets.dir=int8 targets.type=int8
storage_error 2e-2 int8 1e-2
expect_exit 0 'shards are sound' tec targets "${common[@]}" targets.dir=int8 targets.type=int8 --verify
(($(cat int8/*.h5 | wc -c) < $(cat float32/*.h5 | wc -c) / 2)) || fail "int8 is not smaller than half of float32"

say "a new model from them, 3 ranks"
student=("${common[@]}" pretrain.masks_per_image=2)
run ranks 3 pretrain "${student[@]}" targets.dir=store run.dir=new pretrain.epochs=10
expect_loss_falls new/log.jsonl loss_fea
expect_loss_falls new/log.jsonl loss_att
run tec pretrain -c new/settings.yaml run.dir=alone
difference=$(largest_difference loss_fea new/log.jsonl alone/log.jsonl)
holds "$difference < 1e-3" || fail "losses of 3 ranks and of 1 differ by $difference"
expect_same_settings new alone
for type in float32 int8; do
    run tec pretrain "${student[@]}" targets.dir=$type targets.type=$type run.dir=new-$type
    expect_loss_falls new-$type/log.jsonl loss_fea
done

say "evaluated"
# evaluate MODEL DIR LEAST ARGUMENT ...: k-NN on 2 ranks and probe on 3; top-1 of both is at least LEAST %.
evaluate() {
    local model=$1 dir=$2 least=$3 top1 written command n=1
    shift 3
    for command in knn probe; do
        n=$((n + 1))
        run ranks $n $command -c tiny.yaml eval.model="$model" run.dir="$dir" "$@"
        top1=$(sed -n "s/^$command .*top1 \([0-9.]*\) .*/\1/p" "$out" | head -n 1)
        [[ -n $top1 ]] || fail "$command $model prints no top-1"
        holds "$top1 >= $least" || fail "$command $model: top-1 is $top1 %, less than $least %"
        written=$(number top1 <"$dir/$command.json")
        holds "($written - $top1) ^ 2 < 1e-4" || fail "$dir/$command.json says $written %, the screen $top1 %"
        expect_file "$dir/$command.yaml"
        say "$command $model: $top1"
    done
}
evaluate base/checkpoint.h5 base 40 eval.pooling=mean
evaluate new/checkpoint.h5 new 40 eval.pooling=mean
evaluate pixels pixels 35

say "every epoch has its view; stored images stand in for the original ones, to the bit"
make_folder photos 10
photos=(-c tiny.yaml data.train=photos base.model=base/checkpoint.h5 targets.views=2)
run ranks 2 targets "${photos[@]}" targets.dir=without
run ranks 2 targets "${photos[@]}" targets.dir=with targets.store_images=true
run tec targets "${photos[@]}" targets.dir=with targets.store_images=true --verify
run tec pretrain "${photos[@]}" pretrain.batch=6 targets.dir=without run.dir=from-files
run tec targets "${photos[@]}" targets.views=1 targets.dir=one-view
run tec pretrain "${photos[@]}" targets.views=1 pretrain.batch=6 targets.dir=one-view run.dir=from-one-view
# views_differ N: how much the losses of epoch N do, between two views and one.
views_differ() {
    for views in from-files from-one-view; do
        grep "\"epoch\",\"epoch\":$1," $views/log.jsonl >$views/epoch
    done
    largest_difference loss_fea from-files/epoch from-one-view/epoch
}
holds "$(views_differ 1) < 1e-5" || fail "the first epoch does not train on the first view"
holds "$(views_differ 2) > 1e-3" || fail "the second epoch trains on the first view again"
find photos -type f | while read -r file; do
    head -c "$(stat -c %s "$file")" /dev/zero >blank && mv blank "$file"
done
run tec pretrain "${photos[@]}" pretrain.batch=6 targets.dir=with targets.store_images=true run.dir=from-store
expect_same_log from-files/log.jsonl from-store/log.jsonl
expect_exit 2 'photos.*neither JPEG, PNG' tec pretrain "${photos[@]}" pretrain.batch=6 \
    targets.dir=without run.dir=blanked
