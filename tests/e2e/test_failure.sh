#!/usr/bin/env bash
# When one rank fails, all ranks end, soon, and one of them says why.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

make_idx train 620 1
make_idx val 100 2
make_settings tiny.yaml
soon=15 # seconds

# A process that has ended may be there, as a zombie, until init notices.
rank_runs() {
    local process
    read -r process _ <"pid.$1"
    grep -q '^State:[[:space:]]*[^ZX]' "/proc/$process/status" 2>/dev/null
}

for overlap in off thread; do
    say "a rank is killed in the middle of a run, run.overlap=$overlap"
    start_ranks 3 pretrain -c tiny.yaml pretrain.objective=mae run.dir="killed-$overlap" run.overlap=$overlap \
        pretrain.epochs=100000 pretrain.checkpoint_epochs=1000
    wait_for "step 20" has_lines killed-$overlap/log.jsonl 20
    signal_rank KILL 1
    killed_at=$SECONDS
    end_of_job
    ((code != 0)) || fail "a rank was killed, but the exit code is 0"
    for rank in 0 1 2; do
        while rank_runs $rank; do
            ((SECONDS - killed_at < soon)) || fail "rank $rank still runs $soon seconds later"
            sleep 0.1
        done
    done
    ((SECONDS - killed_at < soon)) || fail "the end took $((SECONDS - killed_at)) seconds"
    [[ ! -f killed-$overlap/DONE ]] || fail "the killed run is marked as done"
done

say "a rank fails, or is killed, while helper threads reduce"
for culprit in 0 1 2; do
    for how in fail die; do
        code=0
        timeout -k 10 $soon mpirun -n 3 "${program%/*}/tests/mpi/test_reducer" $how $culprit >"$out" 2>"$err" || code=$?
        [[ $how-$code =~ ^(fail-4|die-137)$ ]] || fail "rank $culprit, $how: exit code $code"
    done
done

say "a rank meets an image that it cannot decode"
make_folder photos 12
broken=photos/left/7.jpg
head -c 600 photos/left/9.jpg >$broken
photos=(-c tiny.yaml data.train=photos data.val=photos)
message='(rank [12]: )?photos/left/7.jpg: truncated JPEG'
culprits=()
for seed in 1 2 3; do
    expect_exit 2 "$message" ranks 3 pretrain "${photos[@]}" pretrain.objective=mae pretrain.batch=24 \
        run.dir=bad run.seed=$seed
    culprits+=("$(sed -n 's/^tec: error: rank \([0-9]\): .*/\1/p' "$err")")
done
[[ ${culprits[*]} =~ [12] ]] || fail "it was always rank 0: another seed is needed"
[[ ! -f bad/checkpoint.h5 ]] || fail "a run that failed in its first step has written a checkpoint"
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base
expect_exit 2 "$message" ranks 2 targets "${photos[@]}" base.model=base/checkpoint.h5 targets.dir=bad-store
expect_no_temporaries bad-store
expect_exit 2 "$message" ranks 3 knn "${photos[@]}" eval.model=base/checkpoint.h5 eval.batch=4 run.dir=bad-knn
expect_exit 2 "$message" ranks 3 probe "${photos[@]}" eval.model=pixels eval.batch=4 run.dir=bad-probe

say "the loss is not finite"
run ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=diverging pretrain.stop_after_steps=25
cp diverging/checkpoint.h5 before.h5
diverging=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.lr=1e30)
last='the last good checkpoint is diverging/checkpoint.h5 \(step 25\)'
expect_exit 4 "step 2[6-9]: .* sample ids: [0-9]+, [0-9]+.*; $last" ranks 2 "${diverging[@]}" run.dir=diverging
cmp before.h5 diverging/checkpoint.h5 >"$out" || fail "a run that diverged has changed its checkpoint"
run ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=diverging
expect_exit 4 'sample ids: [0-9]+, .*; there is no checkpoint yet' ranks 2 "${diverging[@]}" \
    run.dir=new pretrain.warmup_epochs=0

say "two runs in one directory: the second ends and names the first, which does not notice"
start_ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=shared pretrain.epochs=100000 \
    pretrain.checkpoint_minutes=0.002
wait_for "step 20" has_lines shared/log.jsonl 20
first=("$job" "$out" "$err")
out=$here/.out2 err=$here/.err2
owner="another process trains in this directory \\(process $(cut -d' ' -f1 pid.0) on [^ ,]*\\)"
expect_exit 3 "shared: $owner, still after" ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=shared \
    run.lock_minutes=0.03
say "a job that is restarted waits for the first, and goes on from its checkpoint"
SLURM_RESTART_COUNT=1 ranks 2 pretrain -c tiny.yaml pretrain.objective=mae run.dir=shared pretrain.epochs=100000 \
    pretrain.stop_after_steps=1 >"$out" 2>"$err" </dev/null &
second=$!
job=$second wait_for "the second one" grep -Eq "tec: shared: $owner: waiting up to 5 min" "$err"
err2=$err job=${first[0]} out=${first[1]} err=${first[2]}
signal_mpirun USR1
end_of_job
((code == 0)) || fail "the first run ended with exit code $code"
wait "$second" || { cat "$err2" >&2 && fail "the second run ended with exit code $?"; }
grep -q 'tec: shared: the lock is free after' "$err2" || { cat "$err2" >&2 && fail "the second run does not say so"; }
grep -q 'resuming shared/checkpoint.h5' "$err2" || fail "the second run does not go on from the first one's checkpoint"
sed -n 's/.*"kind":"step".*"step":\([0-9]*\),.*/\1/p' shared/log.jsonl | awk '$1 != NR { exit 1 }' ||
    fail "the log is no run of one process: $(head -n 3 shared/log.jsonl)"
