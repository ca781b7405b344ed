#!/usr/bin/env bash
# Processes that a launcher started together, and that MPI takes for single ones, are refused: each would do all the work.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
unset -v "${!SLURM@}" "${!PMI@}" "${!OMPI_COMM@}" "${!FLUX@}" "${!PALS@}"

make_idx train 62 1
make_idx val 40 2
make_settings tiny.yaml
train=(tec pretrain -c tiny.yaml pretrain.objective=mae pretrain.stop_after_steps=1 run.dir=run)
alone='but for MPI it is alone, and each of them would do all of the work: start the ranks by'

# in_environment NAME=VALUE ... -- COMMAND ...
in_environment() (
    while [[ $1 != -- ]]; do
        export "${1?}"
        shift
    done
    "${@:2}"
)

say "by variables of launchers"
step=(SLURM_JOB_ID=7 SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2)
expect_exit 2 "srun has started this process as number 1 of 2, $alone srun --mpi=pmix .*TEC_SINGLE=1" \
    in_environment "${step[@]}" SLURM_PROCID=0 -- "${train[@]}"
expect_exit 2 "srun has started this process as number 2 of 2, $alone" \
    in_environment "${step[@]}" SLURM_PROCID=1 -- "${train[@]}"
expect_exit 2 "srun --mpi=pmi2 or mpiexec .* number 3 of 4, $alone" \
    in_environment PMI_SIZE=4 PMI_RANK=2 -- "${train[@]}"
expect_exit 2 "mpirun of Open MPI .* number 1 of 2, $alone" in_environment OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 \
    OMPI_MCA_ess_base_num_procs=1 -- "${train[@]}"
expect_exit 2 "mpiexec of PALS .* number 2, $alone" in_environment PALS_RANKID=1 -- "${train[@]}"
expect_exit 2 "mpiexec of PALS .* number 1, of 4 on this node, $alone" \
    in_environment PALS_RANKID=0 PALS_LOCAL_SIZE=4 -- "${train[@]}"
expect_exit 2 "mpiexec of PALS .* number 2, $alone" in_environment PALS_RANKID=1 PALS_LOCAL_SIZE=1 -- "${train[@]}"
expect_exit 2 "flux run .* number 1 of 2, $alone flux run" in_environment FLUX_JOB_SIZE=2 FLUX_TASK_RANK=0 -- "${train[@]}"
[[ ! -e run ]] || fail "a process that was refused has made its run directory"

say "every command that knows ranks, and no other"
run "${train[@]}"
model=run/checkpoint.h5
for command in "knn eval.model=$model" "probe eval.model=$model" "targets base.model=$model targets.dir=store" \
    "pack train train.pack" bench; do
    read -ra words <<<"$command"
    [[ $command == pack* || $command == bench ]] || words=("${words[0]}" -c tiny.yaml "${words[@]:1}")
    expect_exit 2 "srun has started" in_environment "${step[@]}" SLURM_PROCID=1 -- tec "${words[@]}"
done
run in_environment "${step[@]}" SLURM_PROCID=1 -- tec inspect "$model"

say "number 1 of how many is not known may be alone: nothing is said, as MPI itself sets such variables"
for variable in PMIX_RANK PALS_RANKID; do
    run in_environment $variable=0 -- "${train[@]}"
    ! grep -q 'has started this process' "$err" || fail "a warning about $variable=0"
done

say "those that are meant: workers, TEC_SINGLE, a single rank, a batch script outside of its tasks"
worker=(tec targets -c tiny.yaml base.model="$model" targets.dir=store --worker 2/2)
run in_environment "${step[@]}" SLURM_PROCID=1 -- "${worker[@]}"
expect_exit 2 "srun has started" in_environment "${step[@]}" SLURM_PROCID=1 SLURM_ARRAY_TASK_ID=2 -- "${worker[@]}"
run in_environment "${step[@]}" SLURM_PROCID=1 TEC_SINGLE=1 -- "${train[@]}"
run in_environment SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0 -- "${train[@]}"
expect_exit 0 'warning: this job has 2 tasks, but this is a single process outside of them' \
    in_environment SLURM_NTASKS=2 SLURM_PROCID=0 -- "${train[@]}"
run in_environment "${step[@]}" SLURM_PROCID=0 -- ranks 1 "${train[@]:1}"
run in_environment "${step[@]}" SLURM_PROCID=0 -- ranks 2 "${train[@]:1}"
