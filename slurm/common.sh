# shellcheck shell=bash
# What the batch scripts and submit share: the site's settings, the environment of the ranks, how they are started and
# bound, how a job is stopped in time and taken up again. Sourced.
#
# Each of these can be set in the site file (site.example) or, stronger, in the environment as TEC_PROGRAM, TEC_LAUNCHER
# and so on, which is what submit does with its options:
program=            # tec: build/tec of this tree, or whatever tec is on the PATH
launcher=srun       # srun | mpirun
mpi=pmix            # srun --mpi=
bind=cores          # what a rank's threads are bound to: cores | sockets | ldoms (NUMA domains) | none
restart_by=requeue  # requeue | submit (a new job in place of this one, where requeueing is not allowed) | none
restarts=3          # after so many restarts in a row without a new checkpoint (or shard) a job gives up
# shellcheck disable=SC2034 # of training.sh
stage=              # only in the site file: directory on each node's own disk for run.stage, such as "$TMPDIR"

SLURM_SCRIPTS=${TEC_SLURM:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}

say() {
    echo "slurm: $*" >&2
}

# die CODE MESSAGE
die() {
    say "error: $2"
    exit "$1"
}

take_file() {
    local -
    set +eu
    # shellcheck source=slurm/site.example
    source "$1"
}

# take_site: the site file, which may load modules (they stumble over set -eu), and then what the environment says.
take_site() {
    local site=${TEC_SITE:-} name upper
    [[ -n $site || ! -f $SLURM_SCRIPTS/site ]] || site=$SLURM_SCRIPTS/site
    if [[ -n $site ]]; then
        [[ -r $site ]] || die 2 "the site file $site cannot be read"
        take_file "$site"
    fi
    for name in program launcher mpi bind restart_by restarts; do
        upper=TEC_${name^^}
        [[ -z ${!upper:-} ]] || printf -v "$name" %s "${!upper}"
    done
    [[ -n $program || ! -x $SLURM_SCRIPTS/../build/tec ]] || program=$(realpath "$SLURM_SCRIPTS/../build/tec")
    name=${program:-tec}
    program=$(realpath "$(command -v "$name")" 2>/dev/null) ||
        die 2 "there is no program $name: run make, or set program"
    [[ $launcher == srun || $launcher == mpirun ]] || die 2 "launcher is $launcher: expected srun or mpirun"
    [[ $restart_by =~ ^(requeue|submit|none)$ ]] || die 2 "restart_by is $restart_by: expected requeue, submit or none"
    [[ $restarts =~ ^[0-9]+$ ]] || die 2 "restarts is $restarts: expected a whole number"
}

# read_settings KEY ... -- ARGUMENT ...: what -c and key=value in the arguments of a job come to, as ${setting[KEY]}. A
# mistake in them ends the job here, before any rank is started.
declare -A setting=()
read_settings() {
    local keys=() values i
    while [[ $1 != -- ]]; do
        keys+=("$1")
        shift
    done
    shift
    values=$("$program" settings "$@" "${keys[@]}" && echo end) || exit # the last value may be empty
    mapfile -t values <<<"$values"
    for ((i = 0; i < ${#keys[@]}; i++)); do
        setting[${keys[i]}]=${values[i]}
    done
}

# ---- in a job ----

# start_job: the environment of the ranks, and signals. Before anything else in a batch script.
start_job() {
    [[ -n ${SLURM_JOB_ID:-} ]] || die 2 "this script is for sbatch; slurm/submit --help says more"
    asked='' step='' code=0 script=() next_job=''
    # Of one task: by its number alone the last task of an array stands for all of them.
    this_job=$SLURM_JOB_ID
    [[ -z ${SLURM_ARRAY_TASK_ID:-} ]] || this_job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    trap 'ask_to_stop USR1' USR1
    trap 'ask_to_stop TERM' TERM
    take_site
    threads=${SLURM_CPUS_PER_TASK:-1}
    # srun does not take it over from sbatch since Slurm 22.05. With mpirun, srun starts one daemon on a node, and all
    # ranks of the node would be kept to the cores of one.
    unset SRUN_CPUS_PER_TASK
    [[ $launcher != srun ]] || export SRUN_CPUS_PER_TASK=$threads
    export OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads
    # Slurm 22.05 does not tell its jobs; training.sh tells the program.
    end_time=$(read_end_time)
    unset SLURM_JOB_END_TIME
    export HDF5_USE_FILE_LOCKING=${HDF5_USE_FILE_LOCKING:-FALSE} # locks fail or hang on many Lustre and NFS mounts
    say "job $SLURM_JOB_ID on $SLURM_JOB_NODELIST, ${SLURM_NTASKS:-1} ranks of $threads threads by $launcher," \
        "restart ${SLURM_RESTART_COUNT:-0}"
    check_mpi
}

# When the time of the job is over, as Unix time; empty: never, or not known.
read_end_time() {
    local end
    end=$(SLURM_TIME_FORMAT=standard squeue -h -j "$this_job" -o %e)
    date -d "${end:-never}" +%s 2>/dev/null
}

# check_mpi: a way of starting ranks that cannot work is a mistake, which no restart would mend.
check_mpi() {
    local list
    [[ $launcher == srun ]] || return 0
    [[ $mpi != none || ${SLURM_NTASKS:-1} == 1 ]] ||
        die 2 "mpi is none: each of the ${SLURM_NTASKS} processes would be a job of its own; take one of srun --mpi=list"
    list=$(srun --mpi=list 2>&1) || return 0
    [[ -z $list ]] || grep -Eqw -- "$mpi" <<<"$list" ||
        die 2 "mpi is $mpi, which this Slurm does not have: $(tr -s '\n\t ' ' ' <<<"$list"); or launcher=mpirun"
}

# limit_raised: the program has stopped because its time was over, but the job has been given more since.
limit_raised() {
    local now
    now=$(read_end_time)
    [[ -n $end_time && -n $now ]] && ((now >= end_time + 60)) || return
    say "the time limit of the job was raised by $(((now - end_time) / 60)) min: going on"
    end_time=$now
    [[ -z ${SLURM_JOB_END_TIME:-} ]] || export SLURM_JOB_END_TIME=$end_time
}

# check_threads ARGUMENT ...: settings that would put more threads on a rank than it has cores are a mistake.
check_threads() {
    read_settings run.threads -- "$@"
    [[ ${setting[run.threads]} -le $threads ]] ||
        die 2 "run.threads is ${setting[run.threads]}, but --cpus-per-task gives $threads to a rank"
}

# launch_command: in $launch, the command in front of the program.
launch_command() {
    local by=slot
    if [[ $launcher == srun ]]; then
        # Slurm takes cores from the sockets in turn by default, and a rank's threads would be on all of them.
        launch=(srun --mpi="$mpi" --kill-on-bad-exit=1 --cpu-bind="$bind" --distribution=block:block)
        return
    fi
    [[ -z ${SLURM_NTASKS_PER_NODE:-} ]] || by=ppr:$SLURM_NTASKS_PER_NODE:node
    launch=(mpirun -n "${SLURM_NTASKS:-1}" -x OMP_NUM_THREADS -x OPENBLAS_NUM_THREADS -x HDF5_USE_FILE_LOCKING)
    case $bind in
    none) launch+=(--map-by "$by" --bind-to none) ;;
    cores) launch+=(--map-by "$by:PE=$threads" --bind-to core) ;;
    sockets) launch+=(--map-by "$by" --bind-to socket) ;;
    ldoms) launch+=(--map-by "$by" --bind-to numa) ;;
    *) die 2 "bind is $bind: expected cores, sockets, ldoms or none" ;;
    esac
}

# The launchers pass SIGUSR1 on to all ranks, which then end after a checkpoint; on SIGTERM they would end the ranks.
ask_to_stop() {
    asked=$1
    say "SIG$1 came"
    [[ -z $step ]] || kill -USR1 "$step" 2>/dev/null
    # The time limit: SIGKILL follows soon, for ranks and script alike, whether or not they are done by then.
    [[ $1 != TERM || ${#script[@]} == 0 || $restart_by == none || $(job_state) != *TimeLimit ]] || next_attempt
}

# STATE REASON, as Slurm has it now
job_state() {
    squeue -h -j "$this_job" -o '%T %r'
}

# run_ranks ARGUMENT ...: the program on all ranks of the job; $code is its exit code. (It is 0, too, where srun could
# not start the ranks at all: look at what should be there.)
run_ranks() {
    local launch
    code=0
    [[ -z $asked ]] || return 0
    launch_command
    "${launch[@]}" "$program" "$@" &
    step=$!
    [[ -z $asked ]] || ask_to_stop "$asked" # it came between the two lines before
    # `wait` also returns when a trapped signal comes.
    wait "$step"
    while kill -0 "$step" 2>/dev/null; do
        wait "$step"
    done
    wait "$step"
    code=$?
    step=
}

# ---- going on ----

# run_restarted NOTES ARGUMENT ...: run_ranks, until is_done; the script that calls has defined
#   is_done    has all been done, given that the exit code is 0?
#   script     the array ("$SLURM_SCRIPTS/NAME.sbatch" "$@")
#   progress   prints something that changes whenever a restart would begin from further on
#   rival      prints the number of another job that does the same work, if there may be one
# NOTES is the small file that remembers progress from one attempt to the next. Ends the job unless all is done.
run_restarted() {
    local notes=$1 before count=0 past=
    shift
    before=$(progress)
    mkdir -p "$(dirname "$notes")" || exit 3
    if ((${SLURM_RESTART_COUNT:-0} > 0 || ${TEC_CONTINUES:-0} > 0)) && [[ -f $notes ]]; then
        read -r count past <"$notes"
        if [[ $past == "$before" ]]; then count=$((count + 1)); else count=0; fi
    fi
    ((count <= restarts)) || give_up "$count" 3
    echo "$count $before" >"$notes" || exit 3
    pass_over_steps "$count"
    run_ranks "$@"
    while ((code == 0)) && [[ -z $asked ]] && ! is_done && limit_raised; do
        run_ranks "$@"
    done
    if ((code == 0)) && is_done; then
        rm -f "$notes"
        return
    fi
    case $code in
    2) die 2 "exit code 2: a mistake in settings or data, which a restart would only repeat" ;;
    4) die 4 "exit code 4: training diverged, which a restart would only repeat" ;;
    3) refuse_rival ;;&
    0) say "stopped before the end" ;;
    *) say "the ranks ended with exit code $code" ;;
    esac
    [[ $(progress) != "$before" ]] || ((count + 1 <= restarts)) || give_up $((count + 1)) $((code ? code : 3))
    restart
}

# refuse_rival: a job that finds another one at its work, and alive, is one too many. One whose owner is gone goes on.
refuse_rival() {
    local other state
    ! declare -F rival >/dev/null || other=$(rival)
    [[ -n ${other:-} && $other != "$SLURM_JOB_ID" ]] || return 0
    state=$(squeue -h -j "$other" -o %T 2>/dev/null)
    [[ $state != RUNNING ]] || die 3 "exit code 3: job $other does the same work, and is running"
}

# pass_over_steps N: a slurmstepd that was killed leaves files behind on its node with which no step of the same number
# can start any more, and a requeued job begins with step 0 again: after N failures begin with step N.
pass_over_steps() {
    local i
    [[ $launcher == srun ]] || return 0
    for ((i = 0; i < $1; i++)); do
        srun --mpi=none --nodes=1 --ntasks=1 true
    done
}

give_up() {
    die "$2" "$1 attempts on end without any progress: no more restarts"
}

# Ends this attempt, and sees to the next one unless somebody wants the job to end.
restart() {
    local state
    [[ $restart_by != none ]] || die $((code ? code : 3)) "not finished, and restarts are off (restart_by none)"
    if [[ -z $next_job ]]; then
        state=$(job_state)
        # A job that is cancelled is COMPLETING, as is one whose time is over. One that was told to stop may be SIGNALING
        # instead of RUNNING; of an overloaded Slurm nothing is learned.
        [[ ! $state =~ ^(COMPLETING|CANCELLED) || $state == *TimeLimit ]] ||
            die $((code ? code : 3)) "the job is $state: no restart"
        next_attempt || die $((code ? code : 3)) "there is no next attempt"
    fi
    exit 0
}

# next_attempt: as restart_by says; $next_job is its number.
next_attempt() {
    if [[ $restart_by == submit ]]; then
        submit_continuation || return
        say "job $next_job continues"
    elif (trap '' TERM && exec scontrol requeue "$this_job"); then # which has this job killed
        next_job=$this_job
        say "requeued"
    else
        say "the job cannot be requeued: try restart_by=submit"
        return 1
    fi
}

# A job like this one goes on in its place: those that wait for this one wait for that one instead.
submit_continuation() {
    local id dependency name sbatch=(env) waiting
    [[ -n ${TEC_SBATCH:-} ]] || die 3 "only jobs sent by slurm/submit know how to submit their continuation"
    for name in $(compgen -e SLURM_); do
        [[ $name == SLURM_CONF ]] || sbatch+=(-u "$name")
    done
    # What jobs that have ended left half done may be taken up: see tec/temporary.h.
    sbatch+=("TEC_CONTINUES=$((${TEC_CONTINUES:-0} + 1))" "TEC_AFTER_JOBS=${TEC_AFTER_JOBS:-} $SLURM_JOB_ID" sbatch)
    eval "sbatch+=($TEC_SBATCH)"
    [[ -z ${SLURM_ARRAY_TASK_ID:-} ]] || sbatch+=("--array=$SLURM_ARRAY_TASK_ID")
    waiting=$(squeue -h -t PENDING -o '%i %E' | grep -w "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}" | sed 's/([a-z]*)//g')
    next_job=$("${sbatch[@]}" "--dependency=afterany:$this_job" "${script[@]}") || {
        say "the continuation cannot be submitted"
        return 1
    }
    next_job=${next_job%%;*}
    while read -r id dependency; do
        [[ -z $id ]] || scontrol update JobId="$id" Dependency="$(without_this "$dependency"),afterok:$next_job"
    done <<<"$waiting"
}

# without_this DEPENDENCY: not on the success of this job, which ends as TIMEOUT if its time is over. Other tasks of its
# array are waited for, and what they have left out the job that comes after them finds.
without_this() {
    local job=${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}
    sed -E "s/afterok:$job(_\*)?(,|\$)/afterany:$job\2/" <<<"$1"
}
