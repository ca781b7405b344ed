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
run tec "${tuning[@]}" run.dir=seldom finetune.validate_epochs=3
validated=$(sed -n 's/.*"kind":"validation","epoch":\([0-9]*\).*/\1/p' seldom/log.jsonl | tr '\n' ' ')
[[ $validated == "3 4 " ]] || fail "with finetune.validate_epochs=3 there are validations of epochs $validated"
for run in one seldom; do
    grep '"kind":"epoch"' "$run/log.jsonl" >"$run.epochs"
done
[[ $(largest_difference loss one.epochs seldom.epochs) == 0 ]] || fail "validation changes the training"

say "stopped within an epoch and at the end of one, then resumed: to the bit as uninterrupted, no validation lost"
in_folder plain run ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run
for step in 14 20; do
    in_folder "at$step" run ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run \
        finetune.stop_after_steps="$step"
    [[ ! -f at$step/run/DONE ]] || fail "a run that was stopped at step $step is marked as done"
    expect_exit 0 "resuming run/checkpoint.h5 at step $step" in_folder "at$step" ranks 2 finetune -c ../tiny.yaml \
        finetune.model=../base/checkpoint.h5 run.dir=run
    expect_same_log plain/run/log.jsonl "at$step/run/log.jsonl"
    expect_same_checkpoint plain/run/checkpoint.h5 "at$step/run/checkpoint.h5"
    cmp plain/run/finetune.json "at$step/run/finetune.json" || fail "other results after a stop at step $step"
    [[ -f at$step/run/DONE ]] || fail "at$step/run/DONE is not there"
done

say "a stop at the last step is the end, with its validation; Slurm's scripts do not take it for one without"
in_folder at40 expect_exit 0 '^finetune top1' ranks 2 finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run \
    finetune.stop_after_steps=40
expect_same_log plain/run/log.jsonl at40/run/log.jsonl
cmp plain/run/finetune.json at40/run/finetune.json || fail "other results after a stop at step 40"
[[ -f at40/run/DONE ]] || fail "at40/run/DONE is not there"
is_done_at() { # STOP EPOCHS: would Slurm's scripts take the run in at40/run, as it was before its last validation, for done?
    (
        # shellcheck source=slurm/training.sh
        source "$repository/slurm/training.sh"
        declare -A setting=([finetune.stop_after_steps]=$1 [finetune.log_steps]=1 [finetune.epochs]=$2)
        # shellcheck disable=SC2034 # used by is_done
        trained=finetune directory=at40/run
        is_done
    )
}
is_done_at 40 4 || fail "a run that is done is not taken for done"
rm at40/run/DONE
sed -i '$d' at40/run/log.jsonl
grep -q '"kind":"epoch","epoch":4,' <(tail -n 1 at40/run/log.jsonl) || fail "the last line is not that of the epoch"
! is_done_at 40 4 || fail "a run whose last validation is missing is taken for done"
is_done_at 40 5 || fail "a run that was stopped at a step is not taken for done"

say "results that cannot be written: training goes on, and they are written where the run is resumed"
lost=(ranks 2 finetune -c ../tiny.yaml finetune.model=scratch run.dir=run)
run in_folder lost "${lost[@]}" finetune.stop_after_steps=10
cp lost/run/checkpoint.h5 at10.h5
mkdir lost/run/finetune.json
expect_exit 0 'finetune.json.*; training goes on, and it is written after the next validation, or when the run is resumed here$' \
    in_folder lost "${lost[@]}" finetune.stop_after_steps=11
rmdir lost/run/finetune.json
cp at10.h5 lost/run/checkpoint.h5
expect_exit 0 'epoch 1: validation loss' in_folder lost "${lost[@]}" finetune.stop_after_steps=11
expect_file lost/run/finetune.json
(($(grep -c '"kind":"validation"' lost/run/log.jsonl) == 1)) || fail "not one validation of the first epoch"

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
mkdir turned
cp -r folder/left turned/up
cp -r folder/right turned/right
run tec finetune -c tiny.yaml finetune.model=scratch data.train=folder data.val=folder run.dir=grey finetune.batch=4 \
    finetune.epochs=1
run ranks 2 finetune -c tiny.yaml finetune.model=scratch data.train=folder data.val=folder run.dir=tuned2 \
    finetune.batch=4 finetune.epochs=2 data.channels=3 finetune.color_jitter=0.4 finetune.rand_augment= finetune.pooling=cls

say "exported with its head, and with the names of its classes"
expect_exit 0 '^one.pth: 44 tensors$' tec export one/checkpoint.h5 -o one.pth
expect_exit 0 'head.weight .*\[4, 32\]' tec inspect one.pth
mkdir timm
expect_exit 0 '^timm/config.json$' tec export one/checkpoint.h5 -o timm/model.safetensors
for words in '"global_pool": "avg"' '"num_classes": 4' '"embed_dim": 32' '"crop_pct": 1' '"label_names"'; do
    grep -q "$words" timm/config.json || fail "timm/config.json does not say $words"
done
expect_exit 0 'width 32, 3 blocks, 2 heads .* pixels, norm after pooling; .* mean 0.5 std 0.5' tec inspect timm/model.safetensors
expect_exit 2 'is about another model' tec export tuned2/checkpoint.h5 -o timm/pytorch_model.bin
mkdir hf
expect_exit 0 '^hf/model.safetensors: 56 tensors$' tec export tuned2/checkpoint.h5 -o hf/model.safetensors --names hf
expect_exit 0 'classifier.weight .*\[2, 32\]' tec inspect hf/model.safetensors
for words in ViTForImageClassification '"1": "right"' '"left": 0'; do
    grep -q "$words" hf/config.json || fail "hf/config.json does not say $words"
done
expect_exit 2 'norm after pooling .* --names timm, or fine-tune with finetune.pooling=cls' tec export one/checkpoint.h5 -o hf/one.safetensors --names hf

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
cp grey/checkpoint.h5 precious.h5
expect_exit 2 '-o ./precious.h5 is a file that is read' ranks 2 predict precious.h5 folder -o ./precious.h5
expect_exit 2 'images-idx3-ubyte is a file that is read' tec predict one/checkpoint.h5 val/images-idx3-ubyte \
    -o val/../val/images-idx3-ubyte
cmp grey/checkpoint.h5 precious.h5 || fail "refused, but the model was overwritten"
expect_exit 2 'data.max_val=1. would have no effect' tec predict one/checkpoint.h5 folder data.max_val=1
mkdir -p ruined/left
for i in {1..3}; do head -c 100 folder/left/1.jpg >"ruined/left/$i.jpg"; done
expect_exit 2 'none of the images could be decoded; 3 were left out' ranks 2 predict tuned2/checkpoint.h5 ruined -o refused.csv \
    data.on_bad_image=skip
expect_exit 2 'nowhere' tec predict one/checkpoint.h5 nowhere -o refused.csv
[[ ! -e refused.csv ]] || fail "refused, but a table was written"

say "predictions of images that are prepared as they were for the validation, also of its export"
cp -r folder tilted
cp "$repository/tests/data/images/turned6.jpg" tilted/left/0.jpg
cp "$repository/tests/data/images/turned8.jpg" tilted/left/1.jpg
odd=(eval.resize=squash eval.crop_pct=0.7 eval.interpolation=bilinear data.exif_orientation=apply)
run tec finetune -c tiny.yaml finetune.model=scratch data.channels=3 data.train=tilted data.val=tilted run.dir=squashed \
    finetune.batch=4 finetune.epochs=8 "${odd[@]}"
expect_exit 0 'both sides resized to 40 pixels \(bilinear\)' tec predict squashed/checkpoint.h5 tilted -o said.csv
grep -q 'EXIF orientation of images: applied' "$err" || fail "it is not said that images are turned"
! grep -q 'not needed' "$err" || fail "the head that is used is said not to be needed"
run tec predict squashed/checkpoint.h5 tilted -o given.csv "${odd[@]}"
run tec predict squashed/checkpoint.h5 tilted -o other.csv eval.resize=shorter
expect_exit 0 'EXIF orientation of images: ignored' tec predict squashed/checkpoint.h5 tilted -o lying.csv data.exif_orientation=ignore
cmp said.csv given.csv || fail "images are not prepared as for the validation"
! cmp -s said.csv other.csv || fail "how images are resized makes no difference"
! cmp -s said.csv lying.csv || fail "how images are turned makes no difference"
awk -F, -v loss="$(number loss <squashed/finetune.json)" -v top1="$(number top1 <squashed/finetune.json)" '
    NR > 1 { n++; own = $1 ~ "/left/" ? "left" : "right"; right += $2 == own; sum -= log($2 == own ? $3 : $5) }
    END { d = sum / n - loss; t = 100 * right / n - top1; exit !(n == 10 && d < 1e-4 && d > -1e-4 && t < 1e-4 && t > -1e-4) }' \
    said.csv || fail "said.csv does not agree with squashed/finetune.json"
run tec export squashed/checkpoint.h5 -o squashed.safetensors
mkdir colour
run tec export grey/checkpoint.h5 -o colour/model.safetensors
for model in grey/checkpoint.h5 colour/model.safetensors; do # of whose images nobody has said how they are resized
    expect_exit 0 'shorter side resized to 32 pixels .*, as MAE does' tec features "$model" folder -o default.h5
    rm default.h5
    expect_exit 0 'shorter side resized to 252 pixels .*, as MAE does' tec features "$model" folder -o default.h5 data.image_size=252
    rm default.h5
done
expect_exit 0 "to a square by bilinear, crop_pct 0.7 \(the file's metadata\)" tec inspect squashed.safetensors

say "classes and files whose names are not UTF-8; a ratio of widths that no decimal number is"
mkdir odd
cp -r folder/right odd/right
cp -r folder/left odd/$'l\xe9ft'
run tec finetune -c tiny.yaml finetune.model=scratch data.channels=3 data.train=odd data.val=odd run.dir=odd1 \
    finetune.batch=4 finetune.epochs=1 model.width=36 model.mlp_ratio=3.63888888888888
expect_exit 0 'MLP 131' tec inspect odd1/checkpoint.h5
mkdir ratio
run tec export odd1/checkpoint.h5 -o ratio/model.safetensors
awk -v ratio="$(number mlp_ratio <ratio/config.json)" 'BEGIN { exit int(36 * ratio) != 131 }' ||
    fail "timm would make another MLP of ratio/config.json"
grep -q '"class": "l?ft"' odd1/finetune.json || fail "the class is not named"
expect_exit 0 '^\{"image":"odd/l\?ft/0.jpg"' tec predict odd1/checkpoint.h5 odd --format jsonl

say "ended within a validation: its epoch is kept, and the next process does it once"
validated=(finetune -c ../tiny.yaml finetune.model=scratch data.channels=3 data.train=../folder data.val=../seen
    finetune.batch=5 finetune.epochs=2 run.dir=run)
make_folder seen 10
in_folder whole run ranks 2 "${validated[@]}"
cp seen/left/1.jpg good.jpg
head -c "$(stat -c %s good.jpg)" /dev/zero >seen/left/1.jpg
in_folder part expect_exit 2 'left/1.jpg' ranks 2 "${validated[@]}"
grep -q '"kind":"epoch","epoch":1,' part/run/log.jsonl || fail "the first epoch was not done"
if grep -q '"kind":"validation"' part/run/log.jsonl || [[ -e part/run/finetune.json ]]; then
    fail "there are results of a validation that failed"
fi
cp good.jpg seen/left/1.jpg
expect_exit 0 'resuming run/checkpoint.h5 at step 2' in_folder part ranks 2 "${validated[@]}"
expect_same_log whole/run/log.jsonl part/run/log.jsonl
expect_same_checkpoint whole/run/checkpoint.h5 part/run/checkpoint.h5
rm -r part/run/DONE
run in_folder part ranks 2 "${validated[@]}"
expect_same_log whole/run/log.jsonl part/run/log.jsonl
cmp whole/run/finetune.json part/run/finetune.json || fail "other results after a validation that was done later"

say "a signal within a validation ends it"
{ head -c 16 val/images-idx3-ubyte && for i in {1..300}; do tail -c +17 val/images-idx3-ubyte; done; } >many.images
{ head -c 8 val/labels-idx1-ubyte && for i in {1..300}; do tail -c +9 val/labels-idx1-ubyte; done; } >many.labels
mkdir many
printf '\x00\x00\x5a\x3c' | dd of=many.images bs=1 seek=4 conv=notrunc status=none # 300 x 77 images
printf '\x00\x00\x5a\x3c' | dd of=many.labels bs=1 seek=4 conv=notrunc status=none
mv many.images many/images-idx3-ubyte
mv many.labels many/labels-idx1-ubyte
ended=false
for i in {1..5}; do # unless it came too late, which a slow look can do
    start_ranks 2 finetune -c tiny.yaml finetune.model=scratch data.val=many/images-idx3-ubyte run.dir="signal$i"
    wait_for "an epoch" has_file "signal$i/checkpoint.h5"
    signal_mpirun USR1
    end_of_job
    ((code == 0)) || fail "exit code $code after a signal"
    [[ ! -e signal$i/DONE ]] || fail "stopped, but marked as done"
    if grep -q 'stopped at step 10 of 40 after a checkpoint and before the end of a validation' "$err"; then
        ended=true
        break
    fi
done
$ended || fail "no validation was ended by a signal"
grep -c '"kind":"validation"' "signal$i/log.jsonl" >"$out" && fail "a validation that was ended is in the log"
expect_exit 0 'epoch 1: validation .*\(23100 images\)' ranks 2 finetune -c tiny.yaml finetune.model=scratch \
    data.val=many/images-idx3-ubyte run.dir="signal$i" finetune.stop_after_steps=12

say "what becomes of a head, and of classes without validation images, is said"
expect_exit 0 'has a head for 4 classes, the same as data.train.s: it is left out' tec "${tuning[@]/base/one}" run.dir=head1 \
    finetune.epochs=1
expect_exit 0 'has a head for 2 classes, and data.train .* has 4: it is left out' ranks 2 finetune -c tiny.yaml run.dir=head2 \
    finetune.model=grey/checkpoint.h5 finetune.epochs=1
expect_exit 0 'head for 2 other classes, or in another order \(number 0 is left, and in data.train turned .*right\)' tec finetune \
    -c tiny.yaml run.dir=head3 finetune.model=tuned2/checkpoint.h5 data.channels=3 data.train=turned data.val=turned \
    finetune.batch=4 finetune.epochs=1
expect_exit 0 '1 of the 4 classes of data.train .* \(2\) has no image in data.val' tec "${tuning[@]}" run.dir=head4 \
    finetune.epochs=1 data.max_val=3

say "a running mean of the weights: validated, kept, resumed to the bit, switched on and off; repeated augmentation"
averaged=(finetune -c ../tiny.yaml finetune.model=../base/checkpoint.h5 run.dir=run finetune.ema=0.9 finetune.repeats=2)
expect_exit 0 '310 images, 2 ranks, 31 images a step, each image 2 times, 10 steps an epoch \(155 images are left out of each epoch' \
    in_folder mean ranks 2 "${averaged[@]}"
for step in 14 20; do
    in_folder "mean$step" run ranks 2 "${averaged[@]}" finetune.stop_after_steps="$step"
    in_folder "mean$step" run ranks 2 "${averaged[@]}"
    expect_same_log mean/run/log.jsonl "mean$step/run/log.jsonl"
    expect_same_checkpoint mean/run/checkpoint.h5 "mean$step/run/checkpoint.h5"
    cmp mean/run/finetune.json "mean$step/run/finetune.json" || fail "other results after a stop at step $step"
done
run ranks 3 finetune -c tiny.yaml finetune.model=base/checkpoint.h5 run.dir=mean3 finetune.ema=0.9 finetune.repeats=2
difference=$(largest_difference loss mean/run/log.jsonl mean3/log.jsonl)
holds "$difference < 1e-5" || fail "the loss on 3 ranks differs by $difference"
(($(grep -c '"kind":"step"' mean/run/log.jsonl) == 40)) || fail "repeats change the number of steps"
grep -q '"ema": 0.9' mean/run/finetune.json || fail "finetune.json does not say what was validated"
run tec predict mean/run/checkpoint.h5 val/images-idx3-ubyte -o mean.csv
awk -F, -v want="$(number top1 <mean/run/finetune.json)" 'NR > 1 { n++; right += $2 == (NR - 2) % 4 }
    END { d = 100 * right / n - want; exit !(d < 1e-4 && d > -1e-4) }' mean.csv || fail "other weights are predicted with"
expect_exit 0 'settings changed .* finetune.ema was 0.9, is 0' in_folder mean14 ranks 2 "${averaged[@]}" finetune.ema=0 \
    finetune.epochs=5
expect_exit 0 'epoch 6: validation of the averaged weights \(finetune.ema\): loss' in_folder mean14 ranks 2 "${averaged[@]}" \
    finetune.epochs=6

say "a recipe supplies what is not given"
keys=(finetune.epochs finetune.drop_path finetune.layer_decay finetune.blr finetune.batch)
run tec settings finetune.recipe=mae_huge finetune.epochs=7 "${keys[@]}"
[[ $(tr '\n' ' ' <"$out") == '7 0.3 0.75 0.001 1024 ' ]] || fail "mae_huge supplies $(tr '\n' ' ' <"$out")"
run tec settings finetune.recipe=small_data finetune.layer_decay=0.5
cp "$out" small.yaml
run tec settings -c small.yaml "${keys[@]}"
[[ $(tr '\n' ' ' <"$out") == '50 0.1 0.5 0.002 64 ' ]] || fail "small_data supplies $(tr '\n' ' ' <"$out")"
run tec settings -c small.yaml finetune.recipe=mae_base finetune.epochs=7 "${keys[@]}" # which lists all keys
[[ $(tr '\n' ' ' <"$out") == '7 0.1 0.65 0.0005 1024 ' ]] || fail "mae_base on the command line supplies $(tr '\n' ' ' <"$out")"
expect_exit 2 'finetune.recipe' tec settings finetune.recipe=deit

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
expect_refused 'finetune.batch is 1, but mixup and CutMix mix the images of a step' finetune.model=scratch finetune.batch=1
expect_refused 'finetune.batch is 4 and finetune.repeats 3: .* give a batch of 6' finetune.model=scratch finetune.batch=4 finetune.repeats=3
expect_refused 'needs at least .* of memory in each rank, and host' finetune.model=scratch model.width=65536 model.depth=100 \
    model.heads=64
expect_refused 'finetune.rand_augment: ' finetune.model=scratch finetune.rand_augment=rand-x9
expect_refused 'takes 1-channel images, but data.channels is 3' finetune.model=base/checkpoint.h5 data.channels=3
expect_refused 'there is no such file|cannot be opened|No such file' finetune.model=nowhere.pth
expect_exit 2 'the run began with another model' tec finetune -c tiny.yaml finetune.model=scratch run.dir=one \
    model.width=32
expect_exit 2 'the pooling differs' tec "${tuning[@]}" run.dir=one finetune.pooling=cls
expect_exit 2 'finetune.batch 31, the settings have 30' tec "${tuning[@]}" run.dir=one finetune.batch=30
expect_exit 2 'another data set|the number of classes differs' tec "${tuning[@]}" run.dir=one data.max_train=300
