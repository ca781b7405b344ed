#!/usr/bin/env bash
# run.node_memory: one copy of weights and moments for the ranks of a node trains as one for each rank does, is stopped and
# continued by the other, and leaves nothing behind.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 310 1
make_idx val 60 2
make_settings tiny.yaml
base=(pretrain -c tiny.yaml pretrain.objective=mae run.node_memory=shared)
tuned=(finetune -c tiny.yaml finetune.model=private-2/checkpoint.h5 finetune.epochs=2 finetune.batch=30 finetune.ema=0.9
    finetune.log_steps=1 run.node_memory=shared)

# expect_same_weights RUN RUN: bit for bit.
expect_same_weights() {
    run tec export "$1/checkpoint.h5" -o one.safetensors
    run tec export "$2/checkpoint.h5" -o other.safetensors
    cmp one.safetensors other.safetensors >"$out" || fail "the weights of $1 and $2 differ"
}

# expect_close RUN RUN KEY: the log's numbers, but for rounding.
expect_close() {
    local difference
    difference=$(largest_difference "$3" "$1/log.jsonl" "$2/log.jsonl")
    holds "$difference < 1e-3" || fail "$3 of $1 and $2 differ by $difference"
}

say "pretraining: two ranks to the bit, more but for rounding"
for n in 2 3 4; do
    run ranks "$n" "${base[@]}" run.dir="private-$n" run.node_memory=private
    run ranks "$n" "${base[@]}" run.dir="shared-$n"
    expect_close "private-$n" "shared-$n" loss
done
expect_same_weights private-2 shared-2
run ranks 2 "${base[@]}" run.dir=clipped-private pretrain.clip_norm=0.5 run.node_memory=private
run ranks 2 "${base[@]}" run.dir=clipped-shared pretrain.clip_norm=0.5
expect_close clipped-private clipped-shared loss

say "stopped, and continued by the other"
for first in private shared; do
    [[ $first == private ]] && then=shared || then=private
    expect_exit 0 'stopped at step 7' ranks 2 "${base[@]}" run.dir="from-$first" run.node_memory="$first" \
        pretrain.stop_after_steps=7
    expect_exit 0 'at step 7' ranks 2 "${base[@]}" run.dir="from-$first" run.node_memory="$then"
    expect_same_weights private-2 "from-$first"
done

say "fine-tuning with a running mean, validated with it"
run ranks 2 "${tuned[@]}" run.dir=tuned-private run.node_memory=private
run ranks 2 "${tuned[@]}" run.dir=tuned-shared
expect_same_weights tuned-private tuned-shared
run ranks 4 "${tuned[@]}" run.dir=tuned-4
expect_close tuned-private tuned-4 loss

say "a rank is killed: the others end, nothing stays in memory, and the run goes on"
left() {
    find /dev/shm -maxdepth 1 -user "$(id -un)" -name 'tec-*' -newer tiny.yaml | wc -l
}
before=$(left)
start_ranks 2 "${base[@]}" run.dir=killed pretrain.epochs=1000 pretrain.checkpoint_epochs=1
wait_for "step 20" has_lines killed/log.jsonl 20
read -r process _ <pid.1
grep -q '/memfd:tec' "/proc/$process/maps" || fail "the ranks share no memory: this tests nothing"
signal_rank KILL 1
end_of_job
((code != 0)) || fail "a killed rank ends in success"
(($(left) == before)) || fail "left in /dev/shm: $(ls /dev/shm)"
expect_exit 0 'resuming killed/checkpoint' ranks 2 "${base[@]}" run.dir=killed pretrain.epochs=1000 \
    pretrain.stop_after_steps=1

say "one rank, and private memory, share nothing"
start_ranks 2 "${base[@]}" run.dir=apart pretrain.epochs=1000 run.node_memory=private
wait_for "step 5" has_lines apart/log.jsonl 5
read -r process _ <pid.1
! grep -q '/memfd:tec' "/proc/$process/maps" || fail "run.node_memory=private shares memory"
signal_rank TERM 1
end_of_job
expect_exit 2 'run.node_memory.*private' tec "${base[@]}" run.dir=bad run.node_memory=both
