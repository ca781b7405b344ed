#!/usr/bin/env bash
# Time limits, signals, requeueing, killed processes: the run goes on until it is done, equal to one that nothing
# happened to, or ends with a reason.
# shellcheck source=tests/slurm/lib.sh
source "$(dirname "$0")/lib.sh"
fashion_mnist small.yaml
# Relative run.dir in directories of their own: checkpoints hold the settings, which are then the same. A checkpoint is
# written when somebody asks for it, and every second.
settings=(-c "$here/small.yaml" pretrain.objective=mae run.dir=run pretrain.epochs=9 pretrain.batch=20
    pretrain.checkpoint_epochs=1000 pretrain.checkpoint_minutes=0.02 run.watchdog_minutes=0.1)
steps=720

# train FOLDER [OPTION OF SUBMIT ...]: $id is its training, $rest what comes after that.
train() {
    local folder=$1
    shift
    in_folder "$folder" run "$submit" --from pretrain --time 30 "$@" "${settings[@]}"
    { read -r id && read -r rest; } < <(sent "$out")
    log=$folder/run/slurm/tec-pretrain-$id.out
}

# printed PATTERN: by the job
printed() {
    [[ -f $log ]] && grep -Eqe "$1" "$log"
}

restarted() {
    (($(field "$id" Restarts) >= $1)) && [[ $(field "$id" JobState) == RUNNING ]]
}

watchdogs() {
    grep -c 'tec: error: .*run.watchdog_minutes' "$log" || true
}

paused=()
# pause: the ranks of the job stop where they are, as if everything became very slow; go_on
pause() {
    mapfile -t paused < <(rank_of "$id" 0 && rank_of "$id" 1)
    ((${#paused[@]} == 2)) || fail "the ranks of job $id cannot be found"
    kill -STOP "${paused[@]}"
}

go_on() {
    ((${#paused[@]} == 0)) || kill -CONT "${paused[@]}"
}

say "nothing happens"
train plain
expect_state COMPLETED "$id" "$rest"
(($(last_step plain/run) == steps)) || fail "the run has $(last_step plain/run) steps, not $steps"

say "the time limit comes before the end: told to stop before it is over, requeued, as if nothing had happened"
train limit --time 1 --signal 55
until_true "a third of the run" has_step limit/run $((steps / 3))
printed 'SIGUSR1 came' || pause
until_true "the signal" printed 'SIGUSR1 came'
go_on
until_true "the requeue" printed 'requeued'
expect_state COMPLETED "$id" "$rest"
(($(field "$id" Restarts) >= 1)) || fail "the job was not requeued"
expect_same_run plain/run limit/run
[[ ! -e limit/run/restarts ]] || fail "limit/run/restarts is left behind"

# step_daemon: of rank 1
step_daemon() {
    local process
    process=$(sed -n 's/^PPid:\t*//p' "/proc/$(rank_of "$id" 1)/status")
    [[ $(cat "/proc/$process/comm") == slurmstepd ]] || fail "rank 1 is no child of a slurmstepd"
    echo "$process"
}

say "told to stop, preempted, requeued, a rank killed, one that hangs, a slurmstepd killed: equal to the bit"
train signals
restarts=0
for event in stop preempt requeue kill hang orphan; do
    until_true "steps before $event" has_step signals/run $(((restarts + 1) * steps / 10))
    case $event in
    stop) scancel --signal=USR1 "$id" ;;
    preempt) sbatch --partition=urgent --nodes=2 --exclusive --output=urgent.out --wrap=true >/dev/null ;;
    requeue) scontrol requeue "$id" ;;
    kill) kill -KILL "$(rank_of "$id" 1)" ;;
    hang) kill -STOP "$(rank_of "$id" 1)" ;;
    orphan) kill -KILL "$(step_daemon)" ;;
    esac
    restarts=$((restarts + 1))
    until_true "restart $restarts after $event" restarted $restarts
    [[ $event != kill || $(watchdogs) == 0 ]] || fail "it took the watchdog to end the ranks, of which one was killed"
done
(($(watchdogs) >= 2)) || fail "the watchdog did not end the ranks, of which one hung, or was gone"
expect_state COMPLETED "$id" "$rest"
expect_same_run plain/run signals/run

say "by mpirun, stopped by scancel --batch, continued by a new job that the evaluation waits for as well"
train submitted --launcher mpirun --restart-by submit
until_true "the first steps" has_step submitted/run $((steps / 3))
scancel --batch --signal=USR1 "$id"
expect_state COMPLETED "$id"
printed 'job [0-9]+ continues' || fail "no other job continues"
next=$(sed -n 's/^slurm: job \([0-9]*\) continues$/\1/p' "$log")
expect_state COMPLETED "$next" "$rest"
[[ ! $(field "$rest" StartTime) < $(field "$next" EndTime) ]] || fail "the evaluation did not wait for the continuation"
expect_same_run plain/run submitted/run

say "a job that is cancelled stays so, and what waits for it is cancelled as well"
train cancelled
until_true "the first steps" has_step cancelled/run 10
scancel "$id"
expect_state CANCELLED "$id" "$rest"
sleep 1
[[ -z $(squeue -h) ]] || fail "the job is there again: $(squeue -h)"

say "a restart that would only repeat: mistakes in settings and data, divergence, no progress"
cat >dies <<SH
#!/bin/bash
[[ \$1 != settings ]] || exec $program "\$@"
kill -KILL \$\$
SH
chmod +x dies
# give_up CODE PATTERN FOLDER OPTION ...: the job fails at once with that exit code, and says why.
give_up() {
    local code=$1 pattern=$2
    shift 2
    train "$@"
    expect_state FAILED "$id"
    [[ $(field "$id" ExitCode) =~ ^($code):0$ ]] || fail "exit code $(field "$id" ExitCode) instead of $code"
    printed "slurm: error: $pattern" || { show_jobs && fail "the job does not say $pattern"; }
    expect_state CANCELLED "$rest"
}
give_up 2 'exit code 2: a mistake in settings or data' data data.train=/nowhere
give_up 4 'exit code 4: training diverged' diverged pretrain.lr=1e30 pretrain.warmup_epochs=0
give_up '1(37|43)' '2 attempts on end without any progress' progress --tec "$here/dies" --restarts 1
[[ $(field "$id" Restarts) == 1 ]] || fail "$(field "$id" Restarts) restarts instead of 1"
