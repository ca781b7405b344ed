#!/usr/bin/env bash
# run.tensorboard: the event files say what log.jsonl says, also after kills; an independent reader reads them.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import google.protobuf' 2>"$err" || skip "event files are read by python3-protobuf (make deps-tests)"

# same_numbers RUN FILES: the events in so many files are the lines of the log.
same_numbers() {
    "$python" "$repository/tests/e2e/events_check.py" "$@" >"$out" 2>"$err" || fail "$(cat "$err")"
    say "$1: $(cat "$out")"
}

# event_files RUN: how many there are.
event_files() {
    find "$1" -maxdepth 1 -name 'events.out.tfevents.*' | wc -l
}

make_idx train 310 1
make_idx val 77 2
make_settings tiny.yaml
training=(pretrain -c "$here/tiny.yaml" pretrain.objective=mae run.dir=run pretrain.epochs=8)

say "without the last checkpoint, as after a kill, and resumed: what was written of steps after the checkpoint is taken back, a torn record does no harm"
in_folder plain run ranks 2 "${training[@]}"
(($(event_files plain/run) == 0)) || fail "there are event files without run.tensorboard"
mkdir killed
cd killed
for at in 15 45; do # the checkpoint before is that of an epoch, 5 steps ago
    run ranks 2 "${training[@]}" run.tensorboard=true run.pictures=2 pretrain.stop_after_steps=$at
    rm run/checkpoint.h5
    last=$(find run -name 'events.out.tfevents.*' | sort | tail -n 1)
    head -c 30 "$last" >torn # of 40 bytes
    cat torn >>"$last"
done
cd ..
run in_folder killed ranks 2 "${training[@]}" run.tensorboard=true run.pictures=2
expect_same_log plain/run/log.jsonl killed/run/log.jsonl
run tec report killed/run -o killed.html report.pictures=2
same_numbers killed/run 3 killed.html
grep -q ' 10 taken back' "$out" || fail "not all events of steps after the checkpoints: $(cat "$out")"

say "a run that is done writes nothing; a file of a clock that was ahead comes before the next one"
files=$(ls killed/run)
run in_folder killed tec "${training[@]}" run.tensorboard=true
[[ $(ls killed/run) == "$files" ]] || fail "a run that is done has written files"
last=$(find killed/run -name 'events.out.tfevents.*' | sort | tail -n 1)
mv "$last" killed/run/events.out.tfevents.4102444800.elsewhere.1.tec
run in_folder killed tec "${training[@]}" run.tensorboard=true pretrain.epochs=9
has_file 'killed/run/events.out.tfevents.4102444801.*' || fail "the new file does not sort behind the others"
same_numbers killed/run 4

say "fine-tuning: validations, too"
tuning=(finetune -c tiny.yaml finetune.model=plain/run/checkpoint.h5 run.dir=tuned run.tensorboard=true finetune.epochs=2
    finetune.batch=31 finetune.log_steps=3 finetune.warmup_epochs=1)
run tec "${tuning[@]}" finetune.stop_after_steps=13
run tec "${tuning[@]}" run.pictures=1
run tec report tuned -o tuned.html report.pictures=1
same_numbers tuned 2 tuned.html
grep -q '"kind":"validation"' tuned/log.jsonl || fail "there is no validation in the log"

say "pictures of a new model and of its base; those that cannot be made are a warning"
run tec targets -c tiny.yaml base.model=plain/run/checkpoint.h5 targets.dir=targets
learning=(pretrain -c tiny.yaml targets.dir=targets run.dir=new run.tensorboard=true run.pictures=1 pretrain.epochs=1)
expect_exit 0 'warning: new lacks pictures: base.model is not given in new/settings.yaml; training goes on$' \
    tec "${learning[@]}"
run tec "${learning[@]}" base.model=plain/run/checkpoint.h5 --fresh --fresh
run tec report new -o new.html report.pictures=1
same_numbers new 1 new.html
grep -q '[1-9] times 13 pictures' "$out" || fail "not all pictures of a new model: $(cat "$out")"
expect_exit 0 'warning: run.pictures is given, but there are no event files .* run.tensorboard=true' \
    tec "${learning[@]}" run.tensorboard=false run.dir=without
(($(event_files without) == 0)) || fail "there are event files without run.tensorboard"
run tec targets -c tiny.yaml base.model=plain/run/checkpoint.h5 targets.dir=images targets.store_images=true
run tec "${learning[@]}" targets.dir=images data.train= data.val= run.dir=imageless pretrain.epochs=3
(($(grep -c 'imageless lacks pictures: .* training goes on without pictures$' "$err") == 1)) ||
    fail "pictures that cannot be had are tried again: $(cat "$err")"

say "a run that begins anew removes its own former files, and no others"
cp "$(find tuned -name 'events.out.tfevents.*' | head -n 1)" "tuned/events.out.tfevents.1000000000.other"
run tec "${tuning[@]}" --fresh --fresh finetune.epochs=1
(($(event_files tuned) == 2)) || fail "$(ls tuned)"
rm tuned/events.out.tfevents.1000000000.other
same_numbers tuned 1

say "where the checkpoints were removed, the former event files are kept, as the log is"
before=$(find tuned -name 'events.out.tfevents.*' -printf '%f\n' | sort)
rm tuned/checkpoint*.h5
expect_exit 0 'the former log is kept as tuned/log_former.jsonl, and event files for TensorBoard, if there are any, in tuned/former$' \
    tec "${tuning[@]}" finetune.epochs=1
[[ $(ls tuned/former) == "$before" ]] || fail "$(ls tuned tuned/former)"
