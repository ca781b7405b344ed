#!/usr/bin/env bash
# tec plan against real runs: peak memory, bytes of checkpoints and targets. Times are not asserted.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 64 1
make_idx val 40 2
cat >job.yaml <<YAML
data: {train: $here/train/images-idx3-ubyte, val: $here/val/images-idx3-ubyte, channels: 1, image_size: 28, mean: 0.5, std: 0.5}
model: {preset: none, patch: 2, width: 192, depth: 3, heads: 3, decoder_width: 128, decoder_depth: 2, decoder_heads: 4}
base: {model: $here/base/checkpoint.h5}
targets: {dir: $here/store, topk: 15, batch: 16}
pretrain: {batch: 16, epochs: 1, log_steps: 1}
finetune: {model: $here/base/checkpoint.h5, batch: 16, epochs: 3, validate_epochs: 2, rand_augment: ''}
YAML

# peak_of COMMAND ...: the most memory it had, in MB, as $peak.
peak_of() {
    local process kilobytes last=0
    "$@" >"$out" 2>"$err" </dev/null &
    process=$!
    while kilobytes=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$process/status" 2>/dev/null) && [[ -n $kilobytes ]]; do
        last=$kilobytes
        sleep 0.02
    done
    wait "$process" || fail "$*: exit code $?"
    peak=$(awk -v kilobytes="$last" 'BEGIN { print kilobytes * 1.024e-3 }')
}

# megabytes LINE [SECTION]: of the plan in $out, behind the words LINE, in the section that starts with SECTION.
megabytes() {
    awk -v line="$1" -v section="${2:-.}" '
        $0 ~ "^" section { on = 1 }
        on && index($0, "  " line) == 1 {
            rest = substr($0, length(line) + 3); split(rest, word, " ")
            factor["kB"] = 1e-3; factor["MB"] = 1; factor["GB"] = 1e3
            print word[1] * factor[word[2]]; exit
        }' "$plan"
}

# expect_close WHAT PLANNED REAL SHARE
expect_close() {
    say "$1: planned $2, real $3"
    [[ $1 != 'peak memory'* ]] || ! sanitized || return 0
    holds "$2 > 0 && ($2 / $3 - 1) ^ 2 < $4 ^ 2" || fail "$1: planned $2 MB, but it is $3 MB"
}

plan=$here/plan
make_plan() {
    expect_exit 0 '^node-hours ' tec plan -c job.yaml --ranks-per-node 1 "$@"
    cp "$out" "$plan"
}

python=${PYTHON:-/usr/bin/python3}
# expect_same_numbers: plan.json says what $plan says.
expect_same_numbers() {
    if [[ -x $python ]]; then
        "$python" "$repository/tests/e2e/plan_check.py" plan.json "$plan" || fail "plan.json is not what is printed"
    else
        echo "SKIPPED: plan.json: there is no python3 to read it"
    fi
}

say "a masked autoencoder"
make_plan pretrain.objective=mae
peak_of "$program" pretrain -c job.yaml pretrain.objective=mae run.dir=base pretrain.stop_after_steps=2
expect_close 'peak memory' "$(megabytes 'a rank')" "$peak" 0.1
checkpoint=$(stat -c %s base/checkpoint.h5 | awk '{ print $1 / 1e6 }')
expect_close 'a checkpoint' "$(megabytes 'a checkpoint (2 are kept)')" "$checkpoint" 0.02

say "targets, and a new model from them"
run tec bench --size tiny --batch 2 --steps 1 --json bench.json
make_plan --bench bench.json --json plan.json
expect_same_numbers
peak_of "$program" targets -c job.yaml
expect_close 'peak memory of targets' "$(megabytes 'a rank' 'memory, targets')" "$peak" 0.1
expect_close 'a store of float16' "$(megabytes 'target store, float16')" "$(cat store/*.h5 | wc -c | awk '{ print $1 / 1e6 }')" 0.02
tec targets -c job.yaml targets.type=int8 targets.dir=int8 >"$out" 2>"$err" || fail "tec targets"
expect_close 'a store of int8' "$(megabytes 'target store, int8')" "$(cat int8/*.h5 | wc -c | awk '{ print $1 / 1e6 }')" 0.02
peak_of "$program" pretrain -c job.yaml run.dir=new pretrain.stop_after_steps=2
expect_close 'peak memory' "$(megabytes 'a rank')" "$peak" 0.1

say "targets computed in the step"
make_plan --bench bench.json --json plan.json targets.online=true targets.dir=
expect_same_numbers
grep -q '^  base model  ' "$plan" || fail "the base model is no part of the step"
! grep -q '^memory, targets' "$plan" || fail "a store is planned, but there will be none"
peak_of "$program" pretrain -c job.yaml run.dir=online pretrain.stop_after_steps=2 targets.online=true targets.dir=
expect_close 'peak memory' "$(megabytes 'a rank')" "$peak" 0.1

say "fine-tuning, by a file without such steps and by one that has them"
make_plan --bench bench.json --finetune
cp "$plan" "$plan.step"
run tec bench --size tiny --batch 2 --steps 1 --finetune --json bench.json
make_plan --bench bench.json --finetune --json plan.json
expect_same_numbers
grep -q '^performance from bench.json (tiny fine-tuning, 1 rank)' "$plan" || fail "steps of fine-tuning are not what counts"
grep -q '^performance from bench.json (tiny, 1 rank)' "$plan.step" || fail "steps of pretraining are not taken instead"
peak_of "$program" finetune -c job.yaml run.dir=tuned
expect_close 'peak memory' "$(megabytes 'a rank' 'memory, finetune')" "$peak" 0.1
checkpoint=$(stat -c %s tuned/checkpoint.h5 | awk '{ print $1 / 1e6 }')
expect_close 'a checkpoint' "$(megabytes 'a checkpoint (2 are kept)')" "$checkpoint" 0.02
steps=$(sed -n 's/^finetune: \([0-9]*\) steps.*/\1/p' "$plan") last=$(tail -n 1 tuned/log.jsonl)
[[ $last =~ \"step\":$steps, ]] || fail "$steps steps are planned, but the run ends with $last"
validations=$(grep -c '"kind":"validation"' tuned/log.jsonl)
grep -q "^validations: $validations, " "$plan" || fail "$validations validations are not planned"
make_plan --bench bench.json --finetune finetune.model=scratch model.depth=6 data.val= finetune.labels_per_class=4
grep -q '^16 images, ' "$plan" || fail "few labels are not planned"
grep -q '^data.val is not available' "$plan" || fail "the plan does not say that data.val is missing"
run tec plan --finetune --bench bench.json --images 1281167
for line in 'finetune.model is not available' 'the number of classes is unknown: 1000'; do
    grep -q "^$line" "$out" || fail "the plan does not say that $line"
done

say "a base model of another format is the same base model"
run tec export base/checkpoint.h5 -o base.safetensors
make_plan --bench bench.json
mv "$plan" "$plan.checkpoint"
make_plan --bench bench.json base.model=base.safetensors
diff "$plan.checkpoint" "$plan" >&2 || fail "the plan depends on the base model's format"

say "figures of another machine"
run tec plan -c job.yaml --bench bench.json --nodes 4 --ranks-per-node 8 --network 10 --images 100000
grep -q '^performance from bench.json (tiny, 1 rank)' "$out" || fail "the plan does not say whose performance it uses"
grep -q '^100000 images, 4 nodes x 8 ranks x 1 thread' "$out" || fail "the plan is of another job"
grep -Eq '^communication share [0-9.]+ %' "$out" || fail "no share of communication"
run tec plan --bench bench.json --images 1281167 --nodes 16 --ranks-per-node 64 --json plan.json
cp "$out" "$plan"
expect_same_numbers
grep -q 'MORE THAN A NODE HAS' "$out" || fail "a plan that does not fit a node is not marked"

say "gradients as bfloat16: 9/16 of the bytes between nodes, and memory for what rounding leaves"
far=(tec plan --bench bench.json --images 1281167 --nodes 4 --ranks-per-node 8 --network 1 run.bucket_mb=1024)
run "${far[@]}"
whole=$(sed -n 's/^ *allreduce between nodes *\([0-9.]*\).*/\1/p' "$out" | head -n 1)
run "${far[@]}" run.gradient_type=bfloat16
rounded=$(sed -n 's/^ *allreduce between nodes *\([0-9.]*\).*/\1/p' "$out" | head -n 1)
grep -q '^  what rounding leaves of gradients ' "$out" || fail "no memory for what rounding leaves"
holds "($rounded / $whole - 0.5625) ^ 2 < 0.01 ^ 2" || fail "between nodes: $rounded instead of 9/16 of $whole"
run tec plan -c job.yaml --nodes 2 --ranks-per-node 1 run.gradient_type=bfloat16
! grep -q 'no effect' "$err" || fail "what is measured on one node is taken for the job's"

say "mistakes"
expect_exit 2 'run.gradient_type=bfloat16 cannot be combined with run.overlap=thread: give run.overlap=off' \
    "${far[@]}" run.gradient_type=bfloat16 run.overlap=thread
expect_exit 2 'nowhere' tec plan --bench bench.json --images 9999 --json nowhere/plan.json
expect_exit 2 'number of images is unknown' tec plan --bench bench.json
expect_exit 2 'pretrain.batch is 256, but the data set has only 10 images' tec plan --bench bench.json --images 10
expect_exit 2 'finetune.batch is 1024, but the data set has only 10 images' tec plan --finetune --bench bench.json --images 10
mkdir flat single
cp "$repository/tests/data/images/rgb.png" flat/1.png
cp -r flat single/left
for batch in 1 3; do
    expect_exit 2 "finetune.batch is $batch" tec plan --finetune --bench bench.json --images 10 finetune.batch=$batch \
        finetune.repeats=$batch
done
expect_exit 2 'data.train flat has no labels' tec plan --finetune --bench bench.json data.train=flat finetune.batch=1
expect_exit 2 '1 image.* of one class, left' tec plan --finetune --bench bench.json data.train=single finetune.batch=1
expect_exit 2 'data.val flat has no labels' tec plan --finetune --bench bench.json -c job.yaml data.val=flat data.channels=1
expect_exit 2 'data.labels=none' tec plan --finetune --bench bench.json -c job.yaml data.labels=none
expect_exit 2 'finetune.rand_augment: ' tec plan --finetune --bench bench.json --images 9999 finetune.rand_augment=rand-x9
expect_exit 2 'nodes 1.5: expected a whole number' tec plan --bench bench.json --images 9999 --nodes 1.5
expect_exit 2 'network -1' tec plan --bench bench.json --images 9999 --network -1
expect_exit 2 'nowhere.json' tec plan --bench nowhere.json --images 9999
echo '{"format": "tec-bench", "version": 1, "machine": {}, "runs": []}' >empty.json
expect_exit 2 'empty.json has no measurements of training steps' tec plan --bench empty.json --images 9999
expect_exit 2 'divi|heads' tec plan --bench bench.json --images 9999 model.heads=5
