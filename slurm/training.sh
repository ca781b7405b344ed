# shellcheck shell=bash disable=SC2154 # setting, stage and others are of common.sh
# What pretrain.sbatch and finetune.sbatch share: `tec COMMAND` in a run directory, over as many restarts as it takes.
# Sourced, after common.sh.

# train COMMAND DIRECTORY ARGUMENT ...: returns when the run is done. The settings COMMAND.stop_after_steps, COMMAND.log_steps
# and COMMAND.epochs have been read, and `script` is as run_restarted wants it.
train() {
    trained=$1 directory=$2
    shift 2
    [[ -z $end_time ]] || export SLURM_JOB_END_TIME=$end_time
    run_restarted "$directory/restarts" "$trained" "$@" ${stage:+"run.stage=$stage"}
}

# A run whose settings tell it to stop at a step is done there, which is less than log_steps after the log's last line, but
# not at the end of its last epoch, where a validation may be left.
is_done() {
    local stop=${setting[$trained.stop_after_steps]} last step
    [[ ! -f $directory/DONE ]] || return 0
    last=$(tail -n 1 "$directory/log.jsonl")
    [[ $last != *'"kind":"epoch","epoch":'"${setting[$trained.epochs]}",* ]] || return 1
    step=$(sed -n 's/.*"step":\([0-9]*\).*/\1/p' <<<"$last")
    ((stop > 0 && ${step:-0} + ${setting[$trained.log_steps]} > stop))
}

progress() {
    stat -c '%i:%Y' "$directory/checkpoint.h5" 2>/dev/null || echo none
}

rival() {
    sed -n 's/.*, Slurm job \([0-9]*\)$/\1/p' "$directory/lock" 2>/dev/null
}
