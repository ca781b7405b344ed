#!/usr/bin/env bash
# Fine-tuning: from a base model and from nothing, on any number of ranks, resumed, and what is refused.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 310 1
make_idx val 77 2
make_settings tiny.yaml
echo 'finetune: {epochs: 4, batch: 31, warmup_epochs: 1, lr: 2.0e-3, log_steps: 1, progress_seconds: 60}' >>tiny.yaml
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base
tuning=(finetune -c tiny.yaml finetune.model=base/checkpoint.h5)

say "the same losses on 1, 2 and 3 ranks, with the whole recipe, a batch that they do not divide and a short last batch"
expect_exit 0 'finetune top1 .* \(77 images, 4 classes, 4 epochs\)' tec "${tuning[@]}" run.dir=one
for n in 2 3; do
    run ranks "$n" "${tuning[@]}" run.dir="on$n"
    for key in loss top1; do
        difference=$(largest_difference "$key" one/log.jsonl "on$n/log.jsonl")
        holds "$difference < 1e-5" || fail "$key on $n ranks differs by $difference"
    done
done
(($(grep -c '"kind":"validation"' one/log.jsonl) == 4)) || fail "there is not one validation for each epoch"
for key in '"images": 77' '"done": true' balanced recall confusion; do
    grep -q "$key" one/finetune.json || fail "one/finetune.json does not say $key"
done
[[ -f one/DONE ]] || fail "one/DONE is not there"

say "stopped within an epoch and at the end of one, then resumed: to the bit as uninterrupted, no validation lost"
in_folder plain run ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run
for step in 14 20 40; do
    in_folder "at$step" run ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run \
        finetune.stop_after_steps="$step"
    [[ ! -f at$step/run/DONE ]] || fail "a run that was stopped at step $step is marked as done"
    expect_exit 0 "resuming run/checkpoint.h5 at step $step" in_folder "at$step" ranks 2 finetune -c ../tiny.yaml \
        finetune.model=../base/checkpoint.h5 run.dir=run
    expect_same_log plain/run/log.jsonl "at$step/run/log.jsonl"
    expect_same_checkpoint plain/run/checkpoint.h5 "at$step/run/checkpoint.h5"
    [[ -f at$step/run/DONE ]] || fail "at$step/run/DONE is not there"
done

say "killed: goes on from the last checkpoint"
mkdir killed
cd killed
start_ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run
wait_for "an epoch" has_file 'run/checkpoint.h5'
signal_rank KILL 1 || true
end_of_job
cd ..
in_folder killed run ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run
expect_same_log plain/run/log.jsonl killed/run/log.jsonl
expect_same_checkpoint plain/run/checkpoint.h5 killed/run/checkpoint.h5

say "from nothing, without augmentations: it learns"
expect_exit 0 'finetune top1 (9|100)' tec finetune -c tiny.yaml finetune.model=scratch run.dir=scratch finetune.lr=1e-3 \
    finetune.epochs=8 finetune.layer_decay=1 finetune.rand_augment= finetune.erase=0 finetune.mixup=0 finetune.cutmix=0 \
    finetune.crop_scale=0.5,1 data.flip=false finetune.pooling=cls

say "a fine-tuned model is a model: inspected, evaluated, fine-tuned again"
expect_exit 0 'norm after pooling' tec inspect one/checkpoint.h5
expect_exit 0 'knn k=10' tec knn -c tiny.yaml eval.model=scratch/checkpoint.h5 run.dir=knn
run tec finetune -c tiny.yaml finetune.model=one/checkpoint.h5 run.dir=again finetune.epochs=1

say "a class token's MLP, and a folder of images of two classes"
run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store
run tec pretrain -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store run.dir=new pretrain.epochs=1
run tec finetune -c tiny.yaml finetune.model=new/checkpoint.h5 run.dir=tuned finetune.epochs=1
make_folder folder 5
run ranks 2 finetune -c tiny.yaml finetune.model=scratch data.train=folder data.val=folder run.dir=tuned2 \
    finetune.batch=4 finetune.epochs=2 data.channels=3 finetune.color_jitter=0.4 finetune.rand_augment= finetune.pooling=cls

say "exported with its head, and with the names of its classes"
expect_exit 0 '^one.pth: 44 tensors$' tec export one/checkpoint.h5 -o one.pth
expect_exit 0 'head.weight .*\[4, 32\]' tec inspect one.pth
mkdir hf
expect_exit 0 '^hf/model.safetensors: 56 tensors$' tec export tuned2/checkpoint.h5 -o hf/model.safetensors --names hf
expect_exit 0 'classifier.weight .*\[2, 32\]' tec inspect hf/model.safetensors
for words in ViTForImageClassification '"1": "right"' '"left": 0'; do
    grep -q "$words" hf/config.json || fail "hf/config.json does not say $words"
done
expect_exit 2 'norm after pooling' tec export one/checkpoint.h5 -o hf/one.safetensors --names hf

say "predictions: the same on any ranks, in order, and as good as the validation said"
run tec predict one/checkpoint.h5 val/images-idx3-ubyte -o one.csv
cmp one.csv <("$program" predict one/checkpoint.h5 val/images-idx3-ubyte -o - 2>/dev/null) || fail "-o - prints something else"
[[ ! -e ./- ]] || fail "a file called -"
for n in 2 3; do
    run ranks "$n" predict one/checkpoint.h5 val/images-idx3-ubyte -o "on$n.csv"
    cmp one.csv "on$n.csv" || fail "other predictions on $n ranks"
done
[[ $(head -n 1 one.csv) == image,class,probability,class2,*,probability4 ]] || fail "$(head -n 1 one.csv)"
awk -F, -v want="$(number top1 <one/finetune.json)" '
    NR > 1 { n++; right += $2 == (NR - 2) % 4; if ($1 !~ "\\[" NR - 2 "\\]$" || $3 < $5) bad = 1; sum = $3 + $5 + $7 + $9
             if (sum < 0.9999 || sum > 1.0001) bad = 1 }
    END { top1 = 100 * right / n; exit !(n == 77 && !bad && top1 - want < 1e-4 && want - top1 < 1e-4) }' one.csv ||
    fail "one.csv does not agree with one/finetune.json"
expect_exit 0 '^folder/left/0.jpg,(left|right),' ranks 2 predict tuned2/checkpoint.h5 folder
expect_exit 0 '^\{"image":"folder/left/0.jpg","class":".*","probability":.*"top5":\[' tec predict tuned2/checkpoint.h5 folder \
    --format jsonl
(($(grep -c '"top5"' "$out") == 10)) || fail "not one line for each of 10 images"
expect_exit 2 'base/checkpoint.h5 is no classifier of tec' ranks 2 predict base/checkpoint.h5 folder -o refused.csv
expect_exit 2 'a model and a data set are expected' tec predict one/checkpoint.h5
expect_exit 2 'nowhere' tec predict one/checkpoint.h5 nowhere -o refused.csv
[[ ! -e refused.csv ]] || fail "refused, but a table was written"

say "classes and files whose names are not UTF-8"
mkdir odd
cp -r folder/right odd/right
cp -r folder/left odd/$'l\xe9ft'
run tec finetune -c tiny.yaml finetune.model=scratch data.channels=3 data.train=odd data.val=odd run.dir=odd1 \
    finetune.batch=4 finetune.epochs=1
grep -q '"class": "l?ft"' odd1/finetune.json || fail "the class is not named"
expect_exit 0 '^\{"image":"odd/l\?ft/0.jpg"' tec predict odd1/checkpoint.h5 odd --format jsonl

say "few labels: the same images of each class for every model, others with another seed"
few=(finetune -c tiny.yaml finetune.labels_per_class=8 finetune.batch=16 finetune.epochs=1)
expect_exit 0 '32 of the 310 training images are used, of 4 classes' tec "${few[@]}" finetune.model=scratch run.dir=few
run ranks 2 "${few[@]}" finetune.model=scratch run.dir=few2
difference=$(largest_difference loss few/log.jsonl few2/log.jsonl)
holds "$difference < 1e-5" || fail "the loss on 2 ranks differs by $difference"
expect_exit 2 'other labels are used|another data set' tec "${few[@]}" finetune.model=scratch run.dir=few \
    finetune.labels_per_class=9
expect_exit 0 '32 of the 310' tec finetune -c tiny.yaml finetune.label_fraction=0.1 finetune.batch=16 finetune.epochs=1 \
    finetune.model=base/checkpoint.h5 run.dir=fraction

say "a new run in the directory of an old one has no results of it; the norm's eps stays the model's; divergence is said"
run tec "${tuning[@]}" run.dir=anew finetune.epochs=1
run tec "${tuning[@]}" run.dir=anew finetune.stop_after_steps=2 --fresh --fresh
[[ ! -e anew/finetune.json ]] || fail "anew/finetune.json is of the run that was overwritten"
run tec export base/checkpoint.h5 -o base.safetensors
run tec finetune -c tiny.yaml finetune.model=base.safetensors base.norm_eps=0.05 run.dir=eps finetune.epochs=1
expect_exit 0 'norm eps 0.05 ' tec inspect eps/checkpoint.h5
expect_exit 4 'not finite' ranks 2 "${tuning[@]}" run.dir=diverged finetune.lr=1e38 finetune.warmup_epochs=0 \
    finetune.batch=310 finetune.epochs=1

say "bad images: an error, or left out, in training and in validation"
cp -r folder broken
head -c 100 folder/left/1.jpg >broken/left/1.jpg
colour=(finetune -c tiny.yaml finetune.model=scratch data.channels=3 finetune.batch=10 finetune.epochs=1)
expect_exit 2 'broken/left/1.jpg' ranks 2 "${colour[@]}" data.train=broken data.val=folder run.dir=bad1
expect_exit 2 'broken/left/1.jpg' ranks 2 "${colour[@]}" data.train=folder data.val=broken run.dir=bad2
expect_exit 0 'validation .* \(9 images\)' ranks 2 "${colour[@]}" data.train=broken data.val=broken run.dir=skipped \
    data.on_bad_image=skip

say "mistakes: one line, exit code 2, nothing written"
expect_refused() {
    local pattern=$1 command
    shift
    for command in tec 'ranks 2'; do
        # shellcheck disable=SC2086 # a command and its argument
        expect_exit 2 "$pattern" $command finetune -c tiny.yaml run.dir=refused "$@"
        [[ ! -e refused ]] || fail "refused ($pattern), but run.dir was made"
    done
}
expect_refused 'finetune.crop_scale: the smaller number must come first' finetune.crop_scale=1,0.5
mkdir flat single others
cp folder/left/* flat/
cp -r folder/left single/
cp -r folder/left others/
cp -r folder/right others/up
colour=(finetune.model=scratch data.channels=3 finetune.batch=4)
expect_refused 'finetune.model is not given' finetune.batch=31
expect_refused 'data.train flat has no labels' "${colour[@]}" data.train=flat data.val=folder
expect_refused 'data.val flat has no labels' "${colour[@]}" data.train=folder data.val=flat
expect_refused 'all 5 images are of one class, left' "${colour[@]}" data.train=single data.val=single
expect_refused '1 of the 2 classes of data.val others is none of the 2 classes of data.train folder' "${colour[@]}" data.train=folder \
    data.val=others
expect_refused 'finetune.batch is 311, but the data set has only 310 images' finetune.model=scratch finetune.batch=311
expect_refused 'finetune.rand_augment: ' finetune.model=scratch finetune.rand_augment=rand-x9
expect_refused 'takes 1-channel images, but data.channels is 3' finetune.model=base/checkpoint.h5 data.channels=3
expect_refused 'there is no such file|cannot be opened|No such file' finetune.model=nowhere.pth
expect_exit 2 'the run began with another model' tec finetune -c tiny.yaml finetune.model=scratch run.dir=one \
    model.width=32
expect_exit 2 'the pooling differs' tec "${tuning[@]}" run.dir=one finetune.pooling=cls
expect_exit 2 'finetune.batch 31, the settings have 30' tec "${tuning[@]}" run.dir=one finetune.batch=30
expect_exit 2 'another data set|the number of classes differs' tec "${tuning[@]}" run.dir=one data.max_train=300
