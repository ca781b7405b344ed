#!/usr/bin/env bash
# Ranks on different processors keep the same weights, to the bit: rank 1 is a program without code for AVX2 and AVX-512,
# compiled with other optimisation, whose BLAS takes the processor for an old one. Needs the build `make CLONES=no
# BUILD=$BUILD/plain`, which `make check` makes.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
plain=${program%/*}/plain/tec
[[ -x $plain ]] || skip "processors: there is no $plain: make CLONES=no OPTIMISE=-O1 BUILD=build/plain"

make_idx train 310 1
make_idx val 40 2
make_settings tiny.yaml
train=(pretrain -c tiny.yaml pretrain.epochs=12 pretrain.compare_steps=1)

# mixed ARGUMENT ...: ranks 0 and 2 as usual, rank 1 on the old processor
mixed() {
    timeout -k 10 "$limit" mpirun -n 1 "$program" "$@" : -n 1 env OPENBLAS_CORETYPE=Prescott "$plain" "$@" : \
        -n 1 "$program" "$@"
}

# same_losses RUN RUN: equal to rounding, but not to the bit: the processors do differ.
same_losses() {
    local difference
    difference=$(largest_difference loss "$1/log.jsonl" "$2/log.jsonl")
    say "largest relative difference of a loss: $difference"
    holds "$difference < 1e-3" || fail "$1 and $2: losses differ by $difference"
    holds "$difference > 0" || fail "$1 and $2: rank 1 computes exactly as the others do, so that this test tests nothing"
}

say "weights are compared in every step"
run ranks 3 "${train[@]}" pretrain.objective=mae run.dir=alike
run mixed "${train[@]}" pretrain.objective=mae run.dir=mixed
same_losses alike mixed
say "with clipping, and a thread that sums the gradients"
run mixed "${train[@]}" pretrain.objective=mae run.dir=clipped pretrain.clip_norm=0.05
run mixed "${train[@]}" pretrain.objective=mae run.dir=thread pretrain.clip_norm=0.05 run.overlap=thread
say "a run that goes on, and a new model from targets"
run ranks 2 "${train[@]}" pretrain.objective=mae run.dir=resumed pretrain.stop_after_steps=25
run mixed "${train[@]}" pretrain.objective=mae run.dir=resumed
grep -q 'resuming resumed/checkpoint.h5 at step 25' "$err" || fail "the run was not resumed"
run ranks 2 targets -c tiny.yaml base.model=mixed/checkpoint.h5 targets.dir=store
run mixed "${train[@]}" base.model=mixed/checkpoint.h5 targets.dir=store run.dir=tec
