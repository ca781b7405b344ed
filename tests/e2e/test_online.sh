#!/usr/bin/env bash
# targets.online: targets computed in the training step are those that a store would hold, bit for bit.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 124 1
make_idx val 40 2
make_settings tiny.yaml

say "a base model from pixels, and another one"
base=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=2)
run tec "${base[@]}" run.dir=base
run tec "${base[@]}" run.dir=other run.seed=5

# Images are normalised otherwise for the base than for the new model. Rows of these stores depend on no batch.
common=(-c tiny.yaml base.model=base/checkpoint.h5 base.mean=0.3 base.std=0.2)
online=(pretrain "${common[@]}" targets.online=true)

# expect_same STORED ONLINE: log and weights, and that they were learnt on the way that they should be.
expect_same() {
    expect_same_log "$1/log.jsonl" "$2/log.jsonl"
    run tec export "$1/checkpoint.h5" -o want.safetensors
    run tec export "$2/checkpoint.h5" -o got.safetensors
    cmp want.safetensors got.safetensors >"$out" || fail "the weights of $2 differ from those of $1"
    ! grep -q targets_share "$1/log.jsonl" || fail "$1 did not read a store"
    grep -q targets_share "$2/log.jsonl" || fail "$2 did not compute its targets"
}

# compare NAME RANKS ARGUMENT ...: the same run from the store NAME, made with these arguments if it is not there, and online.
compare() {
    local name=$1 ranks=$2
    shift 2
    [[ -e $name ]] || run tec targets "${common[@]}" targets.batch=1 targets.dir="$name" "$@"
    rm -rf stored computed
    run ranks "$ranks" pretrain "${common[@]}" targets.dir="$name" "$@" run.dir=stored
    run ranks "$ranks" "${online[@]}" "$@" run.dir=computed
    expect_same stored computed
}

say "one rank, several, several masks, any micro-batch"
compare half 1 targets.views=2
compare half 2 targets.views=2 pretrain.masks_per_image=2 pretrain.micro_batch=5
compare half 3 targets.views=2 pretrain.micro_batch=3
compare half 2 targets.views=2 run.exact_sums=true

say "the other storage types, features as they are, a base for images of another size"
compare single 1 targets.views=2 targets.type=float32
compare eight 2 targets.views=2 targets.type=int8 targets.standardise=false
compare larger 1 targets.views=2 data.image_size=42

say "a new crop in every epoch is a store of as many views as epochs"
run tec targets "${common[@]}" targets.batch=1 targets.dir=three targets.views=3
run ranks 2 pretrain "${common[@]}" targets.dir=three targets.views=3 run.dir=from-three
expect_exit 0 'every epoch has new crops' ranks 2 "${online[@]}" run.dir=fresh
expect_same from-three fresh
run ranks 2 "${online[@]}" targets.views=1 run.dir=repeated
run tec report fresh -o fresh.html
grep -q '% of the time that computes them' fresh.html || fail "the report does not show what the targets cost"
! cmp -s <(lasting repeated/log.jsonl) <(lasting fresh/log.jsonl) || fail "new crops give the run of repeated ones"

say "resumed, from its own settings too"
expect_exit 0 'stopped at step 5' ranks 2 "${online[@]}" run.dir=parts pretrain.stop_after_steps=5
grep -q 'online: true' parts/settings.yaml || fail "settings.yaml does not say that targets are computed"
grep -q 'views: 0' parts/settings.yaml || fail "settings.yaml does not say that every epoch has new crops"
expect_exit 0 'resuming .* at step 5' ranks 2 pretrain -c parts/settings.yaml pretrain.stop_after_steps=0
expect_same from-three parts

say "another base model, and other crops, are refused"
rm -rf parts
run tec "${online[@]}" run.dir=parts pretrain.stop_after_steps=5
expect_exit 2 'another base model.*base.model was "base/checkpoint.h5", is "other/checkpoint.h5"' \
    tec "${online[@]}" run.dir=parts base.model=other/checkpoint.h5
expect_exit 2 'targets.views was 0, is 2' tec "${online[@]}" run.dir=parts targets.views=2

say "an image that cannot be read is left out on both ways"
make_folder photos 9
printf 'no image' >photos/left/broken.jpg
photos=(data.train=photos data.on_bad_image=skip targets.views=2)
run tec targets "${common[@]}" targets.batch=1 targets.dir=with-bad "${photos[@]}"
compare with-bad 2 "${photos[@]}" pretrain.batch=6

say "settings that contradict each other"
expect_exit 2 'targets.online is given: .* leave it out' tec targets "${online[@]:1}" targets.views=0
expect_exit 2 'targets.dir names the store half, but' tec "${online[@]}" targets.dir=half run.dir=none
expect_exit 2 'targets.store_images is of a store' tec "${online[@]}" targets.store_images=true run.dir=none
expect_exit 2 'targets.views is 0' tec pretrain "${common[@]}" targets.views=0 run.dir=none
expect_exit 2 'base.model is not given' tec pretrain -c tiny.yaml targets.online=true run.dir=none
expect_exit 2 'has patches of 7 pixels, but model.patch is 14' tec plan "${online[@]:1}" model.patch=14
expect_exit 2 'pretrain.more_targets is given, but targets.online' tec plan "${online[@]:1}" pretrain.more_targets=three
expect_exit 2 'has patches of 7 pixels, but model.patch is 14' tec "${online[@]}" model.patch=14 run.dir=none
expect_exit 2 'targets.topk is 17, but an image has only 16 patches' tec "${online[@]}" targets.topk=17 run.dir=none
