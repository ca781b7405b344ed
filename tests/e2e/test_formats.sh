#!/usr/bin/env bash
# docs/formats.md: every example on the page runs and prints what it should, and agrees with the program.
#
# An example is a fenced block with a line `<!-- run: NAME -->` before it. All are run in one directory, in the order of
# the page: those marked python as NAME.py, those marked sh as NAME.sh.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
page=$repository/docs/formats.md
python=${PYTHON:-/usr/bin/python3}
skipped=()
"$python" -c 'import h5py, numpy' 2>"$err" || skipped+=(python3-h5py)
command -v jq >"$out" || skipped+=(jq)
((${#skipped[@]} == 0)) || skip "the examples of docs/formats.md need ${skipped[*]} (make deps-tests)"

make_idx train 310 1
make_idx val 200 2
make_settings small.yaml
make_folder photos 4
PATH=${program%/*}:$PATH

# Lines that the output of an example has to have, as extended regular expressions.
declare -A expected=(
    [make]='^new.safetensors: 42 tensors$|^pack photos.pack: 8 images|^img/s '
    [crc32c]='^e3069283$'
    [philox]='^6627e8d5 e169c58d bc57ac4c 9b00dbd8$'
    [masks]='^images of the first step:( [0-9]+){31}$|^patches of the first of them:( [0-9]+){4}$'
    [store]='^store/shard-00000.h5 float16 498 rows, feature \(16, 32\) logits \(4, 2, 16\)$|^store-int8/shard-00000.h5 int8 310 rows'
    [views]='^498 views, drawn as stored: True$'
    [manifest]='^310 images, 2 views of each, base [0-9a-f]{16}$|^shard-00001.h5: rows 498 to 619, 0 void$'
    [rows]='^row 619 is of image 309 crop \[.*\] queries \[.*\]$|^image \(28, 28, 1\) uint8$'
    [checkpoint]='^width 32 depth 3 with 61776 trained parameters; fixed: decoder_pos_embed pos_embed$|^step 30 epoch 3 batch 31 on 1 ranks$'
    [log]='^3	30	[0-9.]+	[0-9.]+$'
    [events]='^epoch/loss_fea 3 values, the last one [0-9.]+$|^step/lr 30 values, the last one [0-9.e-]+$'
    [images]='^[0-9]+ image 000000000[012]$'
    [finetune]='^hardest: [0-3], [0-9.]+ % of 50 images$'
    [environment]='^tec .*, 1 ranks of 1 threads on 1 hosts$'
    [results]='^k-NN, k = 20: top-1 [0-9.]+ %$|^linear: top-1 [0-9.]+ % of 200 images$'
    [features]='^cls of new/checkpoint.h5: \(310, 32\)$|^images-idx3-ubyte\[2\] is of class 2$'
    [arrays]='^train_images train_labels val_images val_labels$'
    [check_arrays]='^  val_images  .*data.train=shapes.npz:val_images, labels from shapes.npz:val_labels.$|^shapes.npz: 30 images, 0 bad, 3 classes$|^shapes.npy:numbers.npy: 30 images, 0 bad, 3 classes$'
    [pack]='^8 images of 2 classes: left right$'
    [bench]='^tiny step on 1 ranks: [0-9.]+ images/s, [0-9.]+ MB$|^[A-Za-z ]+: [0-9]+ % of a step$'
    [plan]='^pretrain: 30 steps, [0-9.e-]+ node-hours$|^targets: [0-9]+ MB a rank, fits: true$'
    [safetensors]='^42 tensors, 2 heads, mean 0.5,0.5,0.5$|^class token \(1, 1, 32\) patch embedding \(32, 1, 7, 7\)$'
    [hf]='^vit: 3 layers of width 32, 2 heads$'
)

say "every block of Python and shell is an example that is run"
mapfile -t examples < <(awk '
    function fail(text) { print "FAIL " FILENAME ":" FNR ": " text; exit }
    /^<!-- run: [a-z0-9_]+ -->$/ { name = $3; next }
    !block && /^```/ {
        kind = substr($0, 4)
        block = 1
        if (name && kind != "python" && kind != "sh") fail("an example in " kind)
        if (!name && (kind == "python" || kind == "sh")) fail("no <!-- run: NAME --> before it")
        file = name ? name (kind == "python" ? ".py" : ".sh") : ""
        if (file) print file
        name = ""
        next
    }
    /^```$/ { block = 0; file = ""; next }
    file { print >file }' "$page")
[[ ${examples[*]} != *FAIL* ]] || fail "${examples[*]}"
((${#examples[@]} == ${#expected[@]})) || fail "${#examples[@]} examples instead of ${#expected[@]}: ${examples[*]}"

for file in "${examples[@]}"; do
    name=${file%.*}
    say "$file"
    patterns=${expected[$name]:?"no example $name is expected"}
    case $file in
    *.py) command=("$python" "$file") ;;
    *) command=(bash -euo pipefail "$file") ;;
    esac
    "${command[@]}" >"$out" 2>"$err" </dev/null || fail "$page: the example $name fails"
    while read -r pattern; do
        grep -Eqe "$pattern" "$out" || fail "$page: the example $name prints nothing that matches '$pattern'"
    done <<<"${patterns//|/$'\n'}"
done

say "the order of the images is the program's"
expect_exit 4 'sample ids: ' tec pretrain -c small.yaml pretrain.objective=mae run.dir=wild pretrain.lr=1e30 pretrain.warmup_epochs=0
step=$(sed -n 's/.*error: step \([0-9]*\): .*/\1/p' "$err")
wanted=$(sed -n 's/.*sample ids: \([0-9, ]*\);.*/\1/p' "$err" | tr -d ,)
"$python" -c "import masks; print(*masks.images_of_step(0, 310, 31, $step - 1))" >"$out"
[[ $(<"$out") == "$wanted" ]] || fail "step $step has the images $wanted"

# damaged EXAMPLE FILE COMMAND ...: the example notices what the command does to the file.
damaged() {
    local name=$1 file=$2
    shift 2
    cp "$file" kept
    "$@"
    ! "$python" "$name.py" >"$out" 2>"$err" || fail "$name.py does not notice that $file is damaged"
    grep -Eq '^AssertionError' "$err" || fail "$name.py fails in another way"
    mv kept "$file"
}

say "the examples notice damage"
feature=$(jq '.shards[0].offset.feature' store/manifest.json)
damaged store store/shard-00000.h5 patch store/shard-00000.h5 $((feature + 100 * 16 * 32 * 2)) 377 377
damaged checkpoint new/checkpoint.h5 damage_tensor new/checkpoint.h5
record=$(echo new/events.out.tfevents.*)
damaged events "$record" patch "$record" 100 377
damaged pack photos.pack/shard-00000.tar patch photos.pack/shard-00000.tar 3000 377 376
