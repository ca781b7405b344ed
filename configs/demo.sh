#!/usr/bin/env bash
# The whole job on Fashion-MNIST with 2 ranks: base model -> targets -> new model -> evaluation, and one table. Called by
# `make demo`, from the root of the project.
#
#   BUILD   where the program is (build)     RANKS   MPI ranks (2)     RUNS   where to write (runs/demo)
#   EPOCHS  of either model (those of configs/fashion_mnist*.yaml)
set -eu
BUILD=${BUILD:-build} RANKS=${RANKS:-2} RUNS=${RUNS:-runs/demo}
# Open MPI refuses to run as root and to start more ranks than cores unless told that it is meant.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1
table=()

tec() {
    mpirun -n "$RANKS" "$BUILD/tec" "$@"
}

# setting CONFIG KEY: of pretrain, which comes first; last_epoch LOG KEY: of the last finished epoch
setting() { awk -v key="$2:" '$1 == key { print $2; exit }' "$1"; }
last_epoch() { grep '"kind":"epoch"' "$1" | tail -n 1 | sed "s/.*\"$2\":\([^,}]*\).*/\1/"; }

# tune NAME MODEL: top-1 after fine-tuning on a few labels.
tune() {
    tec finetune -c configs/fashion_mnist.yaml "finetune.model=$2" "run.dir=$RUNS/tuned-$1" | awk '{ print $3 }'
}

row() { table+=("$(printf '%-22s %6s %9s %8s %9s %9s %11s' "$@")"); }

# evaluate LABEL EPOCHS LOG MODEL DIR HALFWAY TUNED: k-NN and, where HALFWAY is 0, a linear probe, on 10,000 training and
# all 10,000 test images; a row of the table.
evaluate() {
    local label=$1 epochs=$2 log=$3 model=$4 dir=$5 halfway=$6 tuned=$7 settings knn probe=- rate=- minutes=-
    settings=(-c "configs/fashion_mnist.yaml" "eval.model=$model" eval.pooling=cls data.max_train=10000 "run.dir=$dir")
    knn=$(tec knn "${settings[@]}" | awk '/k=10/ { print $4 }')
    if ((halfway == 0)); then
        probe=$(tec probe "${settings[@]}" probe.epochs=30 probe.batch=512 probe.blr=8 probe.warmup_epochs=3 |
            awk '{ print $3 }')
    fi
    if [[ -n $log ]]; then
        rate=$(last_epoch "$log" images_per_second | awk '{ printf "%.0f", $1 }')
        minutes=$(last_epoch "$log" seconds | awk '{ printf "%.1f", $1 / 60 }')
    fi
    row "$label" "$epochs" "$rate" "$minutes" "$knn" "$probe" "$tuned"
}

# train KIND CONFIG: half of the epochs, an evaluation, the rest, another one: two points of the model's curve. Half-way the
# schedule is at its middle, and k-NN is enough. At the end it is fine-tuned.
train() {
    local kind=$1 config=$2 dir=$RUNS/$1 epochs epoch_steps stop tuned=-
    shift 2
    epochs=${EPOCHS:-$(setting "$config" epochs)}
    epoch_steps=$((60000 / $(setting "$config" batch)))
    for stop in $((epoch_steps * epochs / 2)) 0; do
        tec pretrain -c "$config" "run.dir=$dir" "pretrain.epochs=$epochs" "pretrain.stop_after_steps=$stop" "$@"
        ((stop)) || tuned=$(tune "$kind" "$dir/checkpoint.h5")
        evaluate "$kind model" "$((stop ? epochs / 2 : epochs))" "$dir/log.jsonl" "$dir/checkpoint.h5" "$dir" "$stop" \
            "$tuned"
    done
}

start=$SECONDS
rm -rf "$RUNS"/{base,targets,new,tuned-scratch,tuned-base,tuned-new}
evaluate 'raw pixels' - '' pixels "$RUNS/pixels" 0 -
row 'no pretraining' - - - - - "$(tune scratch scratch)"
train base "configs/fashion_mnist_base.yaml"
tec targets -c "configs/fashion_mnist.yaml" "base.model=$RUNS/base/checkpoint.h5" "targets.dir=$RUNS/targets"
train new "configs/fashion_mnist.yaml" "base.model=$RUNS/base/checkpoint.h5" "targets.dir=$RUNS/targets"
"$BUILD/tec" report "$RUNS/base" "$RUNS/new" "$RUNS/pixels" "$RUNS/tuned-new" -o "$RUNS/report.html"

echo
printf '%-22s %6s %9s %8s %9s %9s %11s\n' '' epochs images/s minutes k-NN linear fine-tuned
printf '%s\n' "${table[@]}"
echo
echo "k-NN (k = 10) and linear: top-1 in %, 10,000 training and 10,000 test images, class token, the model as it is."
echo "Fine-tuned: top-1 in %, all of the model trained on 100 labelled images of each class, the same for all."
echo "Whole demo: $(((SECONDS - start) / 60)) min $(((SECONDS - start) % 60)) s with $RANKS ranks. Written to $RUNS: base/, targets/, new/, tuned-*/"
echo "(checkpoint.h5, log.jsonl, settings.yaml, *.json). $RUNS/report.html shows all of it in a browser."
