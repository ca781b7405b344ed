#!/usr/bin/env bash
# Data sets for evaluation: how images become squares, what is probably not the folder that was meant, labels from a file.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

# Many short jobs: one process needs no daemon of Open MPI, and ranks that end by themselves no second to do so.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 40 1
make_idx val 20 2
make_settings tiny.yaml
make_folder photos 6
make_folder others 3
knn=(knn -c tiny.yaml eval.model=pixels knn.k=1 run.dir=run)
photos=(data.train=photos data.val=others)

# used WORD: what knn.json says of the resizing.
used() {
    grep -q "\"$1\"" run/knn.json || fail "run/knn.json has no \"$1\""
}

say "evaluation resizes and cuts as MAE does, but keeps IDX images whole; settings win"
expect_exit 0 'evaluation: shorter side resized to 32 pixels \(bicubic\), central 28 x 28 kept, as MAE does' \
    tec "${knn[@]}" "${photos[@]}"
used shorter
expect_exit 0 'evaluation: images of 28 x 28 pixels as they are' ranks 2 "${knn[@]}"
used whole
expect_exit 0 'both sides resized to 28 pixels \(lanczos\)' tec "${knn[@]}" eval.resize=squash eval.crop_pct=1 \
    eval.interpolation=lanczos
used squash
expect_exit 0 'shorter side resized to 35 pixels \(bicubic\)' tec "${knn[@]}" eval.crop_pct=0.8
expect_exit 2 'eval.crop_pct' tec "${knn[@]}" eval.crop_pct=1.1
