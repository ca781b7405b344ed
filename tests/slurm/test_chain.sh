#!/usr/bin/env bash
# The whole chain by slurm/submit on two nodes: a base model, then targets, their verification, the new model, its
# evaluation and fine-tuning. And what ranks are bound to.
# shellcheck source=tests/slurm/lib.sh
source "$(dirname "$0")/lib.sh"
fashion_mnist small.yaml
base=(-c small.yaml pretrain.objective=mae run.dir=base)
new=(-c small.yaml base.model=base/checkpoint.h5 targets.dir=store targets.shard_mb=1 run.dir=new)

say "--dry-run prints, and does nothing"
run "$submit" --dry-run "${new[@]}" --finetune --nodes 3 --threads 2 --verify-time 5 --finetune-time 7 --array 6%2 \
    --sbatch=--exclusive
(($(grep -c '^sbatch ' "$out") == 5)) || fail "five jobs are wanted"
for pattern in '--array=1-6%2.*--nodes=1 .*--cpus-per-task=2 --exclusive .*targets.sbatch --workers 6' \
    '--time=5 .*--dependency=afterok:ID-of-targets .*targets.sbatch --verify' \
    '--nodes=3 .*--dependency=afterok:ID-of-verify .*pretrain.sbatch' \
    '--nodes=3 .*--dependency=afterok:ID-of-pretrain .*evaluate.sbatch' \
    '--time=7 .*--dependency=afterok:ID-of-pretrain .*finetune.sbatch'; do
    grep -Eqe "^sbatch .*$pattern" "$out" || fail "nothing matches $pattern"
done
[[ ! -e new && -z $(squeue -h) ]] || fail "--dry-run has done something"
run "$submit" --dry-run "${new[@]}" --from finetune --after 7
[[ $(grep -c '^sbatch .*--dependency=afterok:7 .*finetune.sbatch' "$out"):$(grep -c '^sbatch ' "$out") == 1:1 ]] ||
    fail "fine-tuning alone is wanted"

say "mistakes are found before anything is sent"
for mistake in --node=3 --launcher=rsh --array=x --from=nowhere pretrain.epoch=3 finetune.epoch=3 base.model= extra; do
    code=0
    "$submit" "${new[@]}" "$mistake" >"$out" 2>"$err" || code=$?
    ((code == 2)) || fail "$mistake: exit code $code instead of 2"
    (($(wc -l <"$err") == 1)) || fail "$mistake: one line of error is wanted"
    [[ ! -e new && -z $(squeue -h) ]] || fail "$mistake: something was done"
done

say "base model -> targets -> verify -> new model -> evaluation, fine-tuning"
run "$submit" "${base[@]}"
mapfile -t jobs < <(sent "$out")
((${#jobs[@]} == 2)) || fail "two jobs are wanted"
run "$submit" "${new[@]}" --finetune --array 3 --pretrain-ranks 2 --after "${jobs[0]}"
grep -Eq "^cancel: +scancel $(sent "$out" | paste -sd ' ')$" "$out" || fail "it does not say how to cancel the jobs"
mapfile -t -O 2 jobs < <(sent "$out")
((${#jobs[@]} == 7)) || fail "five jobs are wanted"
tuning=${jobs[6]} tuned=new/slurm/tec-finetune-${jobs[6]}.out
until_true "the first steps of fine-tuning" has_step new/finetune 5
scancel --batch --signal=USR1 "$tuning"
expect_state COMPLETED "${jobs[@]}"
for file in {base,new}/{DONE,knn.json,probe.json} store/manifest.json new/finetune/DONE; do
    [[ -e $file ]] || fail "$file is not there"
done
grep -q "^knn k=10" "new/slurm/tec-evaluate-${jobs[5]}.out" || fail "no result of k-NN in the job's output"
expect_loss_falls new/log.jsonl loss_fea
(($(field "$tuning" Restarts) == 1)) || fail "fine-tuning was told to stop, but not requeued"
grep -q 'resuming new/finetune/checkpoint' "$tuned" || fail "fine-tuning began again"
cmp new/finetune/finetune.json new/finetune.json || fail "the result of fine-tuning is not where the others are"
grep -q '"model": "new/checkpoint.h5"' new/finetune.json || fail "another model was fine-tuned"
grep -q '"done": true' new/finetune.json || fail "fine-tuning is not done"
[[ -z $(find new -name '*.tmp' -o -name 'restarts*') ]] || fail "something is left behind: $(find new)"
say "$(grep -h 'knn k=10\|probe ' new/slurm/tec-evaluate-"${jobs[5]}".out | paste -sd ' ')"

say "ranks are bound to cores of their own, with as many threads as they have cores"
cat >show <<SH
#!/bin/bash
[[ \$1 != settings ]] || exec $program "\$@"
echo "rank \${SLURM_PROCID:-} threads \$OMP_NUM_THREADS \$OPENBLAS_NUM_THREADS" \\
    "cores \$(sed -n 's/Cpus_allowed_list:\t*//p' /proc/self/status)"
for ((i = 0; i < 100 && \$(grep -c '^rank' $here/slurm-show.out) < RANKS_SHOWN; i++)); do
    sleep 0.1 # the first one to fail ends the others
done
exit 2
SH
chmod +x show
# cores RANKS THREADS LAUNCHER [BIND]: what the ranks of one node are bound to
cores() {
    local id
    id=$(RANKS_SHOWN=$1 TEC_PROGRAM=$here/show TEC_BIND=${4:-cores} TEC_LAUNCHER=$3 sbatch --parsable --nodes=1 --exclusive \
        --ntasks-per-node="$1" --cpus-per-task="$2" --output=slurm-show.out --open-mode=truncate \
        "$repository/slurm/pretrain.sbatch" "${base[@]}")
    expect_state FAILED "$id"
    [[ $(field "$id" ExitCode) == 2:0 ]] || fail "a mistake in the settings is not what the job's exit code says"
    sed -n 's/^rank [0-9]* //p' slurm-show.out | sort | paste -sd ';'
}
if (($(env -u OMP_NUM_THREADS nproc) < 2)); then
    echo "SKIPPED: slurm: binding to cores needs two of them"
else
    for launcher in srun mpirun; do
        found=$(cores 1 1 $launcher)
        [[ $found =~ ^threads\ 1\ 1\ cores\ [0-9]+$ ]] || fail "$launcher, 1 rank of 1 thread: $found"
        found=$(cores 2 1 $launcher none)
        [[ $found =~ ^threads\ 1\ 1\ cores\ ([0-9]+[-,][0-9]+)\;threads\ 1\ 1\ cores\ ([0-9]+[-,][0-9]+)$ ]] ||
            fail "$launcher, 2 ranks that are not bound: $found"
        found=$(cores 2 1 $launcher)
        [[ $found =~ ^threads\ 1\ 1\ cores\ ([0-9]+)\;threads\ 1\ 1\ cores\ ([0-9]+)$ &&
            ${BASH_REMATCH[1]} != "${BASH_REMATCH[2]}" ]] || fail "$launcher, 2 ranks of 1 thread: $found"
        found=$(cores 1 2 $launcher)
        [[ $found =~ ^threads\ 2\ 2\ cores\ [0-9]+[-,][0-9]+$ ]] || fail "$launcher, 1 rank of 2 threads: $found"
    done
fi
