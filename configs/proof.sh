#!/usr/bin/env bash
# Is the new model the stronger one? Pretrains and fine-tunes whatever the tables of docs/proof.md compare, and prints
# them. Called by `make proof`, from the root of the project. What is done already is not done again: it can be ended at
# any time, and called with one part after the other.
#
#   DATA    fashion-mnist (the default) or photographs
#   PARTS   any of: chain speed ablation again (all; printed is what there is)
#   SEEDS   of pretraining and fine-tuning (0 1 2)
#   SHARES  of the labels, in the part chain (0.01 0.1 1; 0.1 1 of photographs)
#   BUILD   where the program is (build)     RANKS   MPI ranks (2)     RUNS   where to write (runs/proof)
#   BASE_EPOCHS, NEW_EPOCHS   of the base and of the new model; the base that is continued gets their sum (10, 10; 40,
#           40 on photographs)
#   PHOTOGRAPHS   a folder with train/ and val/, of class folders ($TEC_TEST_DATA/imagenette)
#   SETTINGS      for every command, such as data.max_train=2000 for a trial
set -eu
DATA=${DATA:-fashion-mnist} PARTS=${PARTS:-chain speed ablation again} SEEDS=${SEEDS:-0 1 2}
BUILD=${BUILD:-build} RANKS=${RANKS:-2} RUNS=${RUNS:-runs/proof}
IFS=' ' read -ra settings <<<"${SETTINGS:-}"
case $DATA in
fashion-mnist) epochs=10 shares='0.01 0.1 1' ;;
photographs)
    epochs=40 shares='0.1 1'
    photographs=${PHOTOGRAPHS:-${TEC_TEST_DATA:?or PHOTOGRAPHS has to name a folder with train/ and val/}/imagenette}
    settings+=("data.train=$photographs/train" "data.val=$photographs/val")
    ;;
*)
    echo "DATA is fashion-mnist or photographs, not $DATA" >&2
    exit 2
    ;;
esac
config=configs/proof_${DATA//-/_}.yaml
BASE_EPOCHS=${BASE_EPOCHS:-$epochs} NEW_EPOCHS=${NEW_EPOCHS:-$epochs}
IFS=' ' read -ra shares <<<"${SHARES:-$shares}"
# Open MPI refuses to run as root and to start more ranks than cores unless told that it is meant.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1

# By share of the labels: how often those images are seen.
declare -A tuning_epochs=([fashion-mnist/0.01]=60 [fashion-mnist/0.1]=15 [fashion-mnist/1]=5
    [photographs/0.1]=60 [photographs/1]=20)
# What the ablation leaves out of the new model.
ablations=('features alone' 'attention alone' 'no standardisation' 'no adaptors')
declare -A left_out=([features alone]=pretrain.attention_weight=0 [attention alone]=pretrain.feature_weight=0
    [no standardisation]=targets.standardise=false [no adaptors]=model.adaptors=false)

# ---- what is computed; a name is the name of its directory, below that of its data and seed ----

# Where everything of this seed is.
here() { echo "$RUNS/$DATA/$seed"; }

tec() {
    mpirun -n "$RANKS" "$BUILD/tec" "$1" -c "$config" "run.seed=$seed" "${settings[@]}" "${@:2}" >>"$(here)/output" 2>&1 ||
        {
            grep '^tec: error' "$(here)/output" | tail -n 1 >&2
            echo "$(here)/output has more" >&2
            exit 1
        }
}

say() { echo "$(date +%H:%M:%S) $DATA, seed $seed: $*" >&2; }

# pretrain NAME SETTING ...
pretrain() {
    local dir
    dir=$(here)/$1
    [[ ! -f $dir/DONE ]] || return 0
    say "pretraining: $1"
    tec pretrain "run.dir=$dir" "${@:2}"
}

# mae EPOCHS: a masked autoencoder, mae-EPOCHS.
mae() { pretrain "mae-$1" pretrain.objective=mae pretrain.mask_ratio=0.75 "pretrain.epochs=$1"; }

# new NAME BASE EPOCHS [SETTING ...]: from the targets of BASE, whose store is named after it and `targets` in SETTING.
new() {
    local name=$1 base=$2 epochs=$3 store targets=()
    shift 3
    store=$(here)/targets-$base
    if [[ " $* " == *" targets.standardise=false "* ]]; then
        store+=-plain targets=(targets.standardise=false)
    fi
    [[ ! -f $(here)/$name/DONE ]] || return 0
    if [[ ! -f $store/manifest.json ]]; then
        say "targets of: $base"
        tec targets "base.model=$(here)/$base/checkpoint.h5" "targets.dir=$store" "${targets[@]}"
    fi
    pretrain "$name" "base.model=$(here)/$base/checkpoint.h5" "targets.dir=$store" "pretrain.epochs=$epochs" "$@"
}

# model NAME: its file, or a word that stands for it.
model() {
    case $1 in
    scratch | pixels) echo "$1" ;;
    *) echo "$(here)/$1/checkpoint.h5" ;;
    esac
}

# tune NAME SHARE: fine-tuning with this share of the labels.
tune() {
    local dir epochs=${tuning_epochs[$DATA/$2]:?"for how long to fine-tune on this share of $DATA is not known: $2"}
    dir=$(here)/tuned-$2/$1
    [[ ! -f $dir/DONE ]] || return 0
    say "fine-tuning with $2 of the labels: $1"
    tec finetune "finetune.model=$(model "$1")" "finetune.label_fraction=$2" "finetune.epochs=$epochs" \
        "finetune.validate_epochs=$epochs" "run.dir=$dir"
}

# frozen NAME: k-NN and a linear classifier, on frozen features.
frozen() {
    local dir
    dir=$(here)/frozen/$1
    [[ ! -f $dir/probe.json ]] || return 0
    say "frozen features: $1"
    tec knn "eval.model=$(model "$1")" "run.dir=$dir"
    tec probe "eval.model=$(model "$1")" "run.dir=$dir"
}

# ---- the parts ----

part_chain() {
    local share name together=$((BASE_EPOCHS + NEW_EPOCHS)) models
    models=("mae-$BASE_EPOCHS" "mae-$together" "new-$NEW_EPOCHS")
    mae "$BASE_EPOCHS"
    mae "$together"
    new "new-$NEW_EPOCHS" "mae-$BASE_EPOCHS" "$NEW_EPOCHS"
    for name in pixels "${models[@]}"; do
        frozen "$name"
    done
    for share in "${shares[@]}"; do
        for name in scratch "${models[@]}"; do
            tune "$name" "$share"
        done
    done
}

# The same after fewer epochs, and after more.
speed_of_new=($((NEW_EPOCHS / 4)) $((NEW_EPOCHS / 2)) "$NEW_EPOCHS")
speed_of_mae=("${speed_of_new[@]}" $((2 * NEW_EPOCHS)) $((4 * NEW_EPOCHS)))

part_speed() {
    local epochs
    mae "$BASE_EPOCHS"
    for epochs in "${speed_of_new[@]}"; do
        new "new-$epochs" "mae-$BASE_EPOCHS" "$epochs"
        tune "new-$epochs" 0.1
    done
    for epochs in "${speed_of_mae[@]}"; do
        mae "$epochs"
        tune "mae-$epochs" 0.1
    done
}

part_ablation() {
    local what name
    mae "$BASE_EPOCHS"
    new "new-$NEW_EPOCHS" "mae-$BASE_EPOCHS" "$NEW_EPOCHS"
    tune "new-$NEW_EPOCHS" 0.1
    for what in "${ablations[@]}"; do
        name=${what// /-}
        new "$name" "mae-$BASE_EPOCHS" "$NEW_EPOCHS" "${left_out[$what]}"
        tune "$name" 0.1
    done
}

# New models from new models.
generations=("mae-$BASE_EPOCHS" "new-$NEW_EPOCHS" second third)

part_again() {
    local name i
    mae "$BASE_EPOCHS"
    for ((i = 1; i < ${#generations[@]}; i++)); do
        new "${generations[i]}" "${generations[i - 1]}" "$NEW_EPOCHS"
    done
    for name in "${generations[@]}"; do
        frozen "$name"
        tune "$name" 0.1
    done
}

# ---- the tables, in Markdown ----

# figures FILE: top-1 of all seeds as mean and standard deviation, `84.38 ± 0.21`; of one seed alone the figure; or a dash.
# FILE is below the directory of a seed. Of k-NN it is the first k's, 10.
figures() {
    local file
    for file in "$RUNS/$DATA"/*/"$1"; do
        [[ ! -f $file ]] || sed -n 's/.*"top1": *\([0-9.]*\).*/\1/p' "$file" | head -n 1
    done | awk '{ n++; sum += $1; squares += $1 * $1 }
        END { if (!n) print "-"
              else if (n == 1) printf "%.2f\n", sum
              else { v = (squares - sum * sum / n) / (n - 1); printf "%.2f ± %.2f\n", sum / n, sqrt(v > 0 ? v : 0) } }'
}

tuned() { figures "tuned-$2/$1/finetune.json"; }

row() {
    printf '| %s ' "$@"
    printf '|\n'
}

head_of() {
    row "$@"
    row "${@//*/---}"
}

# line WHAT NAME SHARE ...: a model's row, called WHAT: on frozen features, and fine-tuned.
line() {
    local what=$1 name=$2 share cells
    cells=("$(figures "frozen/$name/knn.json")" "$(figures "frozen/$name/probe.json")")
    shift 2
    for share in "$@"; do
        cells+=("$(tuned "$name" "$share")")
    done
    row "$what" "${cells[@]}"
}

# percent SHARE ...: as heads of columns.
percent() {
    local share
    for share in "$@"; do
        awk -v s="$share" 'BEGIN { print s == 1 ? "fine-tuned" : sprintf("fine-tuned, %g %% of the labels", 100 * s) }'
    done
}

table_chain() {
    local together=$((BASE_EPOCHS + NEW_EPOCHS)) heads
    mapfile -t heads < <(percent "${shares[@]}")
    head_of model k-NN linear "${heads[@]}"
    line 'raw pixels' pixels "${shares[@]}"
    line 'from scratch' scratch "${shares[@]}"
    line "base, MAE of $BASE_EPOCHS epochs" "mae-$BASE_EPOCHS" "${shares[@]}"
    line "continued base, MAE of $together epochs" "mae-$together" "${shares[@]}"
    line "new model, $NEW_EPOCHS epochs" "new-$NEW_EPOCHS" "${shares[@]}"
}

table_speed() {
    local epochs
    head_of epochs 'MAE alone' 'new model'
    for epochs in "${speed_of_mae[@]}"; do
        row "$epochs" "$(tuned "mae-$epochs" 0.1)" "$(tuned "new-$epochs" 0.1)"
    done
}

table_ablation() {
    local what heads
    mapfile -t heads < <(percent 0.1)
    head_of 'new model' "${heads[@]}"
    row all "$(tuned "new-$NEW_EPOCHS" 0.1)"
    for what in "${ablations[@]}"; do
        row "$what" "$(tuned "${what// /-}" 0.1)"
    done
}

table_again() {
    local name heads
    mapfile -t heads < <(percent 0.1)
    head_of model k-NN linear "${heads[@]}"
    for name in "${generations[@]}"; do
        line "$name" "$name" 0.1
    done
}

# ---- all of it ----

for part in $PARTS; do
    start=$SECONDS
    for seed in $SEEDS; do
        mkdir -p "$(here)"
        "part_$part"
    done
    echo "$part, seeds $SEEDS: $(((SECONDS - start) / 60)) minutes" >&2
done
for part in $PARTS; do
    echo
    echo "### $part"
    echo
    "table_$part"
done
