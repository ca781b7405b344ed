#!/usr/bin/env bash
# A run that was killed, stopped or damaged goes on as if nothing had happened.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 310 1
make_settings tiny.yaml
# Relative run.dir in directories of their own: checkpoints hold the settings, which are then the same.
training=(pretrain -c ../tiny.yaml base.model=../base/checkpoint.h5 targets.dir=../store run.dir=run pretrain.epochs=30
    pretrain.checkpoint_minutes=0.002)
short=(pretrain -c ../tiny.yaml pretrain.objective=mae run.dir=run run.overlap=thread)

expect_same_run() {
    expect_same_log "$1/run/log.jsonl" "$2/run/log.jsonl"
    expect_same_checkpoint "$1/run/checkpoint.h5" "$2/run/checkpoint.h5"
    [[ -f $2/run/DONE ]] || fail "$2/run/DONE is not there after the last step"
    expect_no_temporaries "$2/run"
}

say "killed at random steps: the same weights and log as an uninterrupted run"
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base
run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store
in_folder plain run ranks 2 "${training[@]}"
mkdir killed
at=0 kills=0 written=0
for attempt in 1 2 3 4; do
    at=$(((at > written ? at : written) + 10 + RANDOM % 60)) # not what the one before has written
    cd killed
    start_ranks 2 "${training[@]}"
    wait_for "step $at" has_lines run/log.jsonl $at
    signal_rank KILL $((attempt % 2)) || true
    end_of_job
    cd ..
    ((kills == 0)) || grep -q 'resuming run/checkpoint' "$err" || fail "the run began again instead of going on"
    [[ -f killed/run/DONE ]] && break
    ((code != 0)) || fail "a rank was killed, but the exit code is 0"
    kills=$((kills + 1))
    written=$(wc -l <killed/run/log.jsonl)
    say "killed after $at lines of log, exit code $code, $written lines written"
    printf '{"kind":"step","epoch":1,"st' >>killed/run/log.jsonl # as a kill in the middle of a line leaves it
done
((kills >= 2)) || fail "the run was too fast to be killed: only $kills kills before its end"
expect_exit 0 'resuming run/checkpoint(_prev)?.h5 at step [1-9]' in_folder killed ranks 2 "${training[@]}"
expect_same_run plain killed

say "a run that is done stays as it is"
cp killed/run/log.jsonl log.before
in_folder killed run ranks 2 "${training[@]}"
cmp log.before killed/run/log.jsonl >"$out" || fail "the log of a finished run has changed"

say "stopped at a step, and by signals: exit code 0, a checkpoint, no DONE; then as uninterrupted"
in_folder short run ranks 2 "${short[@]}"
in_folder stopped expect_exit 0 'stopped at step 7 of 30' ranks 2 "${short[@]}" pretrain.stop_after_steps=7
[[ ! -f stopped/run/DONE ]] || fail "a run that was stopped at step 7 of 30 is marked as done"
expect_exit 0 'resuming run/checkpoint.h5 at step 7' in_folder stopped ranks 2 "${short[@]}"
expect_same_run short stopped
# Forwarded by mpirun, or to one rank alone.
for signal in USR1 TERM; do
    mkdir $signal
    cd $signal
    start_ranks 2 "${training[@]}" pretrain.checkpoint_minutes=0 pretrain.checkpoint_epochs=1000
    wait_for "step 25" has_lines run/log.jsonl 25
    if [[ $signal == USR1 ]]; then signal_mpirun $signal; else signal_rank $signal 1; fi
    end_of_job
    ((code == 0)) || fail "SIG$signal: exit code $code instead of 0"
    grep -q 'stopped at step' "$err" || fail "SIG$signal: the run does not say where it stopped"
    [[ ! -f run/DONE ]] || fail "SIG$signal: the run is marked as done"
    expect_file run/checkpoint.h5
    cd ..
done
expect_exit 0 'resuming run/checkpoint.h5 at step' in_folder TERM ranks 2 "${training[@]}"
expect_same_log plain/run/log.jsonl TERM/run/log.jsonl
expect_same_checkpoint plain/run/checkpoint.h5 TERM/run/checkpoint.h5

say "Ctrl-C on one process: a line at once, a checkpoint, exit code 0; a second one ends it"
start_one() { # a command in the background of a script would ignore SIGINT
    # shellcheck disable=SC2016 # for the inner shell
    timeout --foreground -k 10 "$limit" env --default-signal=INT bash -c 'echo $$ $$ >pid.0; exec "$0" "$@"' \
        "$program" "$@" >"$out" 2>"$err" </dev/null &
    job=$!
}
mkdir INT
cd INT
start_one "${training[@]}" pretrain.epochs=10000 pretrain.checkpoint_minutes=0 pretrain.checkpoint_epochs=100000
wait_for "step 25" has_lines run/log.jsonl 25
signal_rank INT 0
end_of_job
((code == 0)) || fail "SIGINT: exit code $code instead of 0"
grep -q '^tec: interrupted: .* a second Ctrl-C ends' "$err" || fail "SIGINT: nothing is said"
grep -q 'stopped at step .* after a checkpoint' "$err" || fail "SIGINT: the run does not say where it stopped"
expect_file run/checkpoint.h5
# While rank 0 of two sleeps, the other one waits for it and cannot stop.
start_ranks 2 "${training[@]}" pretrain.epochs=10000 run.dir=twice
wait_for "step 25" has_lines twice/log.jsonl 25
signal_rank STOP 0
signal_rank INT 1
wait_for "the answer to the first SIGINT" grep -q '^tec: interrupted' "$err"
signal_rank INT 1
sleep 0.2
signal_rank CONT 0
end_of_job
((code != 0)) || fail "a second SIGINT does not end the process"
cd ..

say "a damaged checkpoint: the one before it serves, with a warning; both damaged: nothing is overwritten"
in_folder damaged run ranks 2 "${short[@]}" pretrain.stop_after_steps=25
damage_tensor damaged/run/checkpoint.h5
cp damaged/run/checkpoint.h5 damaged.h5
warning='warning: run/checkpoint.h5 is damaged: .* going back to run/checkpoint_prev.h5, step 20; .* run/checkpoint_damaged.h5'
expect_exit 0 "$warning" in_folder damaged ranks 2 "${short[@]}"
expect_same_run short damaged
cmp damaged.h5 damaged/run/checkpoint_damaged.h5 >"$out" || fail "the damaged checkpoint is not kept"
# As a process that is killed right after it has gone back leaves it.
rm damaged/run/checkpoint.h5
expect_exit 0 'resuming run/checkpoint_prev.h5 at step 20' in_folder damaged ranks 2 "${short[@]}"
expect_same_run short damaged
damage_tensor damaged/run/checkpoint.h5
truncate -s 1000 damaged/run/checkpoint_prev.h5
cp -r damaged/run damaged.before
expect_exit 2 'run/checkpoint.h5 is damaged: .*; and the one before it: run/checkpoint_prev.h5' \
    in_folder damaged ranks 2 "${short[@]}"
diff -r damaged.before damaged/run >"$out" || fail "a run that cannot go on has changed its directory"

say "--fresh refuses once and overwrites twice"
cp short/run/checkpoint.h5 checkpoint.before
expect_exit 2 'give --fresh twice' in_folder short ranks 2 "${short[@]}" --fresh
cmp checkpoint.before short/run/checkpoint.h5 >"$out" || fail "--fresh has changed the checkpoint"
expect_exit 4 'there is no checkpoint yet' \
    in_folder short ranks 2 "${short[@]}" --fresh --fresh pretrain.lr=1e30 pretrain.warmup_epochs=0
[[ ! -f short/run/checkpoint.h5 ]] || fail "the checkpoint of the run before is there, for the next start to take it up"
in_folder short run ranks 2 "${short[@]}" --fresh --fresh pretrain.stop_after_steps=5
(($(wc -l <short/run/log.jsonl) == 5)) || fail "the log does not start again"
[[ ! -f short/run/DONE ]] || fail "a run that was begun again and stopped at step 5 of 30 is marked as done"
in_folder short run ranks 2 "${short[@]}"
expect_same_run stopped short

say "other numbers of ranks go on, equal up to rounding"
in_folder more run ranks 1 "${short[@]}" pretrain.stop_after_steps=7
expect_exit 0 'had 1 rank .* has 2 ' in_folder more ranks 2 "${short[@]}" pretrain.stop_after_steps=19
expect_exit 0 'had 2 ranks .* has 3 ' in_folder more ranks 3 "${short[@]}"
difference=$(largest_difference loss stopped/run/log.jsonl more/run/log.jsonl)
holds "$difference < 1e-4" || fail "losses of 2 ranks and of 1, then 2, then 3 differ by $difference"
say "largest relative difference of a loss: $difference"

say "a run is not continued with another model, data set, seed or batch"
for other in model.width=16 data.max_train=300 run.seed=1 pretrain.batch=30 pretrain.norm_pix=false; do
    expect_exit 2 'run/checkpoint.h5: .*(differs|data set|run\.seed|pretrain\.batch).*; set .*, or give another run.dir' \
        in_folder more tec "${short[@]}" $other
done

say "targets: killed in the middle and started again make the same store"
make_idx train 4000 1
whole=(targets -c tiny.yaml base.model=base/checkpoint.h5 targets.views=4 targets.shard_mb=1)
run ranks 2 "${whole[@]}" targets.dir=whole
start_ranks 2 "${whole[@]}" targets.dir=parts
wait_for "the first shard" has_file 'parts/shard-*.h5'
signal_rank KILL 1
end_of_job
((code != 0)) || fail "a rank was killed, but the exit code is 0"
[[ ! -f parts/manifest.json ]] || fail "the store was finished before the kill"
expect_exit 2 'is not finished' tec pretrain -c tiny.yaml targets.dir=parts run.dir=unfinished targets.views=4
run ranks 2 "${whole[@]}" targets.dir=parts
diff -r -x '*.list.gz' whole parts >"$out" || fail "the store differs from one that was made without a kill"
