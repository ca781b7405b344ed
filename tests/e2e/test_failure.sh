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

# change_memory R: writes into the fixed position embedding of rank R, which nothing else would ever correct: wherever
# eight float32 1.0 stand on end, as in ones_in, the first one becomes 9.
change_memory() {
    local process
    read -r process _ <"pid.$1"
    "${PYTHON:-python3}" - "$process" <<'PY'
import re, struct, sys
process, changed = sys.argv[1], 0
with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "r+b", buffering=0) as memory:
    for line in maps:
        place, rights, *rest = line.split()
        if not rights.startswith("rw") or len(rest) > 3 and rest[3].startswith("/"):
            continue
        first, end = (int(number, 16) for number in place.split("-"))
        try:
            memory.seek(first)
            for found in re.finditer(rb"(\x00\x00\x80\x3f){8}", memory.read(end - first)):
                memory.seek(first + found.start())
                memory.write(struct.pack("f", 9))
                changed += 1
        except OSError:
            pass
sys.exit(changed == 0)
PY
}

say "the memory of one rank changes: noticed before the next checkpoint, which is not written"
if "${PYTHON:-python3}" -c 'open("/proc/self/mem", "r+b")' 2>/dev/null; then
    start_ranks 3 pretrain -c tiny.yaml pretrain.objective=mae run.dir=flipped pretrain.epochs=100000 \
        pretrain.compare_steps=7 pretrain.checkpoint_epochs=2
    wait_for "a checkpoint" has_file flipped/checkpoint.h5
    signal_rank STOP 1
    change_memory 1 || fail "the position embedding is not found in the memory of rank 1"
    signal_rank CONT 1
    end_of_job
    ((code == 3)) || fail "exit code $code instead of 3"
    wrong='the weights of rank 1 \(host [^ ]+\) differ from those of the other 2, first in [a-z_]*pos_embed'
    wrong="^tec: error: step ([0-9]+): $wrong: .*; the last good checkpoint is flipped/checkpoint.h5 \\(step ([0-9]+)\\)"
    [[ $(grep '^tec: error: ' "$err") =~ $wrong ]] || fail "no line about rank 1"
    step=${BASH_REMATCH[1]} good=${BASH_REMATCH[2]}
    ((good < step && good % 40 == 0 && (step % 7 == 0 || step % 40 == 0))) || fail "step $step, checkpoint of step $good"
    run ranks 3 pretrain -c tiny.yaml pretrain.objective=mae run.dir=flipped pretrain.epochs=100000 \
        pretrain.stop_after_steps=1
    grep -q "resuming flipped/checkpoint.h5 at step $good" "$err" || fail "the run does not go on from step $good"
else
    echo "SKIPPED: the memory of a rank cannot be changed without python3"
fi

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
