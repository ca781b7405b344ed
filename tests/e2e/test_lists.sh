#!/usr/bin/env bash
# The list of a folder's images is kept beside a run or a store: restarts, other workers and later commands use it.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_settings tiny.yaml
make_folder photos 1010
make_folder others 4
touch others/left/notes.avif
photos=(-c tiny.yaml data.train=photos data.val=others data.max_train=64 data.on_bad_image=skip)
run=(pretrain "${photos[@]}" pretrain.objective=mae pretrain.batch=16 run.dir=base)
store=(targets "${photos[@]}" base.model=base/checkpoint.h5 targets.dir=store targets.shard_mb=1)
knn=(knn "${photos[@]}" eval.model=pixels knn.k=1 run.dir=knn)
taken='photos: list of 2020 images taken from %s/train.list.gz; the folder has not changed since'
# shellcheck disable=SC2059 # the only word that is put in is a directory's name
from() { printf "$taken" "$1"; }
anew() { ! grep -q 'taken from' "$err" || fail "a kept list is used"; }

say "a folder that has just changed: its list is not kept, as another change at the same time would not show"
touch photos/left
touch -d '1 hour' photos # stays fresh, however long the command takes
run tec "${run[@]}" pretrain.epochs=1
[[ ! -e base/train.list.gz ]] || fail "the list is kept"
touch photos
let_files_age

say "a run that goes on, another worker of a store, training from the store, a second evaluation: the folder is not listed"
run ranks 2 "${run[@]}" pretrain.epochs=2
anew
expect_file base/train.list.gz
expect_no_temporaries base
expect_exit 0 "$(from base)" ranks 2 "${run[@]}" pretrain.epochs=3
run tec "${store[@]}" --worker 1/2
anew
expect_file store/train.list.gz
expect_exit 0 "$(from store)" ranks 2 "${store[@]}" --worker 2/2
expect_exit 0 "$(from store)" tec "${store[@]}" --verify
expect_exit 0 "$(from store)" tec pretrain "${photos[@]}" targets.dir=store pretrain.batch=16 pretrain.epochs=1 run.dir=new
[[ ! -e new/train.list.gz ]] || fail "a list that was taken from the store is kept once more"
run tec "${run[@]}" run.dir=shown pretrain.epochs=1 run.tensorboard=true run.pictures=1
expect_file shown/val.list.gz
run tec "${knn[@]}"
expect_exit 0 "$(from knn)" ranks 2 "${knn[@]}"
grep -q 'others: list of 8 images taken from knn/val.list.gz' "$err" || fail "the list of data.val is not used"
grep -q 'warning: .*others: 1 file passed over: 1 .avif' "$err" || fail "the warning is lost with the scan"
tuning=(finetune "${photos[@]}" finetune.model=base/checkpoint.h5 finetune.batch=16 finetune.epochs=1 run.dir=tuned)
run tec "${tuning[@]}"
expect_exit 0 'others: list of 8 images taken from tuned/val.list.gz' ranks 2 "${tuning[@]}" finetune.epochs=2
grep -Eq "$(from tuned)" "$err" || fail "the list of data.train is not used"

say "what is checked is what there is"
sed 's/^targets: {/targets: {dir: store, /' tiny.yaml >with-store.yaml
run tec check -c with-store.yaml data.train=photos data.val=others
anew

say "an image that is changed in its place is noticed when it is read, also where bad images are left out; then all is listed anew"
bytes=$(stat -c %s photos/left/117.jpg) # the second image of this run, and none of those that are looked at beforehand
echo >>photos/left/117.jpg
changed="117.jpg has $((bytes + 1)) bytes, but had $bytes when its folder was listed: put the former file back, or start again"
expect_exit 3 "$changed, then the folder is listed anew" ranks 2 "${run[@]}" pretrain.epochs=4
grep -Eq "$(from base)" "$err" || fail "the kept list is not used"
[[ ! -e base/train.list.gz ]] || fail "the list is still kept"
expect_exit 2 "64 images were used, 64 are now: left/117.jpg has $((bytes + 1)) bytes instead of $bytes" \
    ranks 2 "${run[@]}" pretrain.epochs=4
truncate -s "$bytes" photos/left/117.jpg
run ranks 2 "${run[@]}" pretrain.epochs=4
expect_exit 0 "$(from base)" ranks 2 "${run[@]}" pretrain.epochs=5

say "a new image, a damaged list: one line, and the folder is listed"
head -c 200 base/train.list.gz >short && mv short base/train.list.gz
expect_exit 0 'warning: base/train.list.gz is damaged: photos is listed anew' ranks 2 "${run[@]}" pretrain.epochs=6
cp photos/left/1.jpg photos/left/new.jpg
expect_exit 2 '64 images were used, 64 are now: left/new.jpg is new' ranks 2 "${run[@]}" pretrain.epochs=7
grep -q 'photos is listed anew: it has changed (left) since base/train.list.gz was written' "$err" || fail "not said why"
