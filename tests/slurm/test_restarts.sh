#!/usr/bin/env bash
# Time limits, signals, requeueing, killed processes: the run goes on until it is done, equal to one that nothing
# happened to, or ends with a reason. Each of the functions below takes one thing that can happen; they run at the same
# time, since most of them wait for Slurm.
NODES=4 CPUS=16
# shellcheck source=tests/slurm/lib.sh
source "$(dirname "$0")/lib.sh"
fashion_mnist small.yaml
# Relative run.dir in directories of their own: checkpoints hold the settings, which are then the same. A checkpoint is
# written when somebody asks for it, and every second. The model keeps a fast machine busy for some seconds, so that
# there is time for things to happen.
settings=(-c "$here/small.yaml" model.width=96 model.depth=8 pretrain.objective=mae run.dir=run pretrain.epochs=9 pretrain.batch=20
    pretrain.checkpoint_epochs=1000 pretrain.checkpoint_minutes=0.02 run.watchdog_minutes=0.1 run.lock_minutes=0.08
    data.max_val=100 probe.epochs=1)
nodes=n1,n2
limit=300 poll=0.4 # they share the cores of this machine
steps=720

# train FOLDER [OPTION OF SUBMIT ...]: $id is its training, $rest what comes after that.
train() {
    local folder=$1
    shift
    in_folder "$folder" run "$submit" --from pretrain --time 30 --sbatch="--nodelist=$nodes" "$@" "${settings[@]}"
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

ranks_of_job() {
    mapfile -t processes < <(rank_of "$id" 0 && rank_of "$id" 1)
    ((${#processes[@]} == 2)) || fail "the ranks of job $id cannot be found"
}

expect_same_as_plain() {
    until_true "the run that nothing happens to" test -e plain/run/DONE
    expect_same_run plain/run "$1/run"
}

# expect_continued FOLDER: the run comes to its end, as if nothing had happened, and what comes after it as well.
expect_continued() {
    expect_state COMPLETED "$id" "$rest"
    (($(field "$id" Restarts) >= 1)) || fail "the job was not requeued"
    expect_same_as_plain "$1"
    [[ ! -e $1/run/restarts ]] || fail "$1/run/restarts is left behind"
}

plain() {
    say "nothing happens"
    train plain
    expect_state COMPLETED "$id" "$rest"
    (($(last_step plain/run) == steps)) || fail "the run has $(last_step plain/run) steps, not $steps"
}

warned() {
    say "the time limit comes before the end: told to stop before it is over, requeued, as if nothing had happened"
    train warned --time 1 --signal 55
    until_true "the first steps" has_step warned/run 30
    if ! printed 'SIGUSR1 came'; then # as if everything became very slow
        ranks_of_job
        kill -STOP "${processes[@]}"
        until_true "the signal" printed 'SIGUSR1 came'
        kill -CONT "${processes[@]}"
    fi
    until_true "the requeue" printed 'requeued'
    expect_continued warned
}

raised() {
    say "the time limit is raised while the job runs: it goes on in the same job"
    # What the program believes in its first attempt, so that nobody has to wait for a minute to be over.
    cat >early <<SH
#!/bin/bash
if [[ \$1 == pretrain ]] && mkdir "$here/early-\$SLURM_PROCID" 2>/dev/null; then
    export SLURM_JOB_END_TIME=\$((\$(date +%s) + 6))
fi
exec $program "\$@"
SH
    chmod +x early
    train raised --time 5 --tec "$here/early"
    until_true "the first steps" has_step raised/run 1
    scontrol update JobId="$id" TimeLimit=30
    expect_state COMPLETED "$id" "$rest"
    [[ $(field "$id" Restarts) == 0 ]] || fail "the job was requeued"
    if printed 'time limit is near'; then # not on a machine that is done in six seconds
        printed 'the time limit of the job was raised by 25 min: going on' || fail "nobody says that it goes on"
    fi
    expect_same_as_plain raised
}

# exceed FOLDER OPTION ...: the time is over, which nobody knew, and the ranks, which are deaf and slow, do not react to
# anything until Slurm has killed them.
exceed() {
    train "$@" --tec "$here/deaf"
    until_true "the first steps" has_step "$1/run" 30
    ranks_of_job
    scontrol update JobId="$id" EndTime=now+1
    while kill -STOP "${processes[@]}" 2>/dev/null; do
        sleep 0.05
    done
    printed 'DUE TO TIME LIMIT' || fail "the job was not killed for its time limit"
    ! printed 'tec: stopped at step' || fail "the ranks have reacted, which they should not have"
}
cat >deaf <<SH
#!/bin/bash
exec env --block-signal=TERM,USR1 $program "\$@"
SH
chmod +x deaf

exceeded() {
    say "the time limit is over before anybody is told, and all processes are killed: requeued"
    exceed exceeded
    expect_continued exceeded
}

exceeded_submit() {
    say "the same, continued by a new job"
    exceed exceeded_submit --restart-by submit
    expect_state TIMEOUT "$id"
    expect_continuation exceeded_submit
}

# expect_continuation FOLDER: a new job brings the run to its end, and what waited for the first has waited for that one.
expect_continuation() {
    local next
    printed 'job [0-9]+ continues' || fail "no other job continues"
    next=$(sed -n 's/^slurm: job \([0-9]*\) continues$/\1/p' "$log")
    expect_state COMPLETED "$next" "$rest"
    [[ ! $(field "$rest" StartTime) < $(field "$next" EndTime) ]] ||
        fail "the evaluation did not wait for the continuation"
    expect_same_as_plain "$1"
}

submitted() {
    say "by mpirun, stopped by scancel --batch, continued by a new job that the evaluation waits for as well"
    train submitted --launcher mpirun --restart-by submit
    until_true "the first steps" has_step submitted/run 30
    scancel --batch --signal=USR1 "$id"
    expect_state COMPLETED "$id"
    expect_continuation submitted
}

# batch_script: its process
batch_script() {
    local process parent
    for process in $(processes_of "$id"); do
        parent=$(sed -n 's/^PPid:\t*//p' "/proc/$process/status")
        if grep -qsa slurm_script "/proc/$process/cmdline" && [[ $(cat "/proc/$parent/comm") == slurmstepd ]]; then
            echo "$process"
            return
        fi
    done
    return 1
}

killed() {
    say "the batch script is killed, and nobody is left to requeue: the chain ends, and goes on when it is sent again"
    train killed
    until_true "the first steps" has_step killed/run 30
    kill -KILL "$(batch_script)"
    expect_state FAILED "$id"
    expect_state CANCELLED "$rest"
    train killed
    expect_state COMPLETED "$id" "$rest"
    printed 'resuming run/checkpoint' || fail "the run began again"
    expect_same_as_plain killed
}

cancelled() {
    say "a job that is cancelled stays so, and what waits for it is cancelled as well"
    train cancelled
    until_true "the first steps" has_step cancelled/run 10
    scancel "$id"
    expect_state CANCELLED "$id" "$rest"
    sleep 1
    [[ -z $(squeue -h -t PENDING,RUNNING,COMPLETING -j "$id,$rest") ]] || fail "the job is there again: $(squeue -h)"
}

either_ended() {
    ended "$1" || ended "$2"
}

twice() {
    say "the same command twice at once: one of them trains, the other one ends and says why"
    local pair=() i failed
    mkdir twice
    for i in 0 1; do
        (cd twice && "$submit" --from pretrain --time 30 --sbatch="--nodelist=$nodes" "${settings[@]}" >"../sent-$i") &
        pair+=($!)
    done
    wait "${pair[0]}" && wait "${pair[1]}"
    mapfile -t pair < <(sent sent-0 && sent sent-1)
    until_true "the end of one training" either_ended "${pair[0]}" "${pair[2]}"
    i=0
    [[ $(field "${pair[0]}" JobState) == FAILED ]] || i=2
    failed=$here/twice/run/slurm/tec-pretrain-${pair[i]}.out
    expect_state FAILED "${pair[i]}"
    expect_state CANCELLED "${pair[i + 1]}"
    (($(grep -c 'tec: error: run: another process trains in this directory (process .*, Slurm job '"${pair[2 - i]})" \
        "$failed") == 1)) || fail "job ${pair[i]} does not say that job ${pair[2 - i]} trains there: $(cat "$failed")"
    expect_state COMPLETED "${pair[2 - i]}" "${pair[3 - i]}"
    expect_same_as_plain twice
}

has_rank() {
    rank_of "$id" "$1" >/dev/null
}

# step_daemon: of rank 1
step_daemon() {
    local process
    process=$(sed -n 's/^PPid:\t*//p' "/proc/$(rank_of "$id" 1)/status")
    [[ $(cat "/proc/$process/comm") == slurmstepd ]] || fail "rank 1 is no child of a slurmstepd"
    echo "$process"
}

# Rank 1 loses its slurmstepd, and does not get to the end of the run before anybody sees that.
orphan() {
    local rank daemon
    rank=$(rank_of "$id" 1)
    daemon=$(step_daemon)
    kill -STOP "$rank"
    kill -KILL "$daemon"
}

signals() {
    say "told to stop, preempted, requeued, a rank killed, one that hangs, a slurmstepd killed: equal to the bit"
    local restarts=0 event nodes=n3,n4
    train signals
    for event in stop preempt requeue kill hang orphan; do
        until_true "steps before $event" has_step signals/run $(((restarts + 1) * steps / 10))
        until_true "rank 1 before $event" has_rank 1
        case $event in
        stop) scancel --signal=USR1 "$id" ;;
        preempt) sbatch --partition=urgent --nodelist=$nodes --exclusive --output=urgent.out --wrap=true >/dev/null ;;
        requeue) scontrol requeue "$id" ;;
        kill) kill -KILL "$(rank_of "$id" 1)" ;;
        hang) kill -STOP "$(rank_of "$id" 1)" ;;
        orphan) orphan ;;
        esac
        restarts=$((restarts + 1))
        until_true "restart $restarts after $event" restarted $restarts
        [[ $event != kill || $(watchdogs) == 0 ]] || fail "it took the watchdog to end the ranks, of which one was killed"
    done
    # The ranks that an orphan leaves end by SIGPIPE, if they write to it before the watchdog speaks.
    (($(watchdogs) >= 1)) || { cat "$log" >&2 && fail "the watchdog did not end the ranks, of which one hung"; }
    expect_continued signals
}

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

hopeless() {
    say "a restart that would only repeat: mistakes in settings and data, divergence, no progress"
    cat >dies <<SH
#!/bin/bash
[[ \$1 != settings ]] || exec $program "\$@"
kill -KILL \$\$
SH
    chmod +x dies
    give_up 2 'exit code 2: a mistake in settings or data' data data.train=/nowhere
    give_up 2 'mpi is none: each of the 2 processes would be a job of its own' none --mpi none
    give_up 2 'mpi is pmux, which this Slurm does not have: .* pmix' pmux --mpi pmux
    give_up 4 'exit code 4: training diverged' diverged pretrain.lr=1e30 pretrain.warmup_epochs=0
    give_up '1(37|43)' '2 attempts on end without any progress' progress --tec "$here/dies" --restarts 1
    [[ $(field "$id" Restarts) == 1 ]] || fail "$(field "$id" Restarts) restarts instead of 1"
}

# The first of these wait for Slurm most of the time.
waiting=(warned exceeded exceeded_submit signals)
busy=(raised submitted killed cancelled twice hopeless)
for what in plain "${waiting[@]}"; do
    in_background "$what"
done
expect_end plain
for what in "${busy[@]}"; do
    in_background "$what"
done
expect_end "${waiting[@]}" "${busy[@]}"
