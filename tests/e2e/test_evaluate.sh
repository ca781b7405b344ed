#!/usr/bin/env bash
# k-NN and linear probe: defaults that suit small sets, and mistakes that are told before the work instead of after it.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

# shades FILE COUNT: images of make_idx, of a brightness of their own for each class, so that a line can tell them apart.
shades() {
    { head -c 16 "$1" && awk -v n="$2" 'BEGIN {
        srand(n)
        for (i = 0; i < n; i++)
            for (k = 0; k < 784; k++)
                printf "%c", 33 + 25 * (i % 4) + 12 * rand()
    }'; } >shaded
    mv shaded "$1"
}

make_idx train 300 1
make_idx val 60 2
shades train/images-idx3-ubyte 300
shades val/images-idx3-ubyte 60
make_settings tiny.yaml
sed -i '/^probe:/d' tiny.yaml
pixels=(-c tiny.yaml eval.model=pixels run.dir=run)

say "probe: batch and rate by the size of the set, named in the result; a loss near that of guessing is warned of"
expect_exit 0 'probe top1 100.00 .*, batch 30, lr 6.4, loss 0\.' ranks 2 probe "${pixels[@]}"
! grep -q 'warning: linear probe' "$err" || fail "a warning about a probe that has learnt everything"
[[ $(number batch <run/probe.json) == 30 ]] || fail "probe.json does not hold the batch"
expect_exit 0 'linear probe: 300 images in batches of 128: 44 are left out' tec probe "${pixels[@]}" probe.batch=128
warning='warning: linear probe: the loss ends at 1.[34][0-9]*, not far from the 1.3863 = ln\(4\) of guessing: .*batch was 300, the learning rate 0.0001'
expect_exit 0 "$warning" ranks 2 probe "${pixels[@]}" probe.batch=16384 probe.lr=1e-4
