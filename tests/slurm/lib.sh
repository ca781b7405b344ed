# shellcheck shell=bash
# What the tests on a real Slurm share: what the end-to-end tests share, a cluster of their own, and jobs. A test
# sources this file first.
#
#   NODES   of the cluster (2)
#   CPUS    of each (2)

# In process and mount name spaces of their own where that is allowed: then the kernel ends every process of the cluster
# with the test, even if the test is killed.
if [[ -z ${TEC_OWN_PROCESSES:-} ]]; then
    export TEC_OWN_PROCESSES=1
    own=(unshare --mount --pid --fork --kill-child --mount-proc)
    ! "${own[@]}" true 2>/dev/null || exec "${own[@]}" bash "$0"
fi
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
# shellcheck source=tests/slurm/cluster.sh
source "$repository/tests/slurm/cluster.sh"

[[ $(id -u) == 0 ]] || skip "slurm: only root can start a cluster"
for daemon in munged slurmctld slurmd; do
    command -v "$daemon" >/dev/null || skip "slurm: there is no $daemon: make deps-slurm"
done

end_of_test() {
    ((${#behind[@]} == 0)) || kill "${behind[@]}" 2>/dev/null || true
    stop_cluster
    clean_up
}
trap end_of_test EXIT
unset -v "${!SLURM@}" "${!SBATCH@}" "${!SRUN@}" "${!SQUEUE@}" "${!TEC_RESTART@}"
unset -v TEC_PROGRAM TEC_LAUNCHER TEC_MPI TEC_BIND TEC_CONTINUES
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
start_cluster "$here/cluster" "${NODES:-2}" "${CPUS:-2}"

# Both virtual nodes have the same two cores, and the same first one: ranks are not bound unless that is what is tested.
cat >site <<SH
program=$program
bind=none
nodes=2
SH
export TEC_SITE=$here/site TEC_SLURM=$repository/slurm
# shellcheck disable=SC2034 # for the tests
submit=$repository/slurm/submit

# fashion_mnist FILE: the settings of a small model on a few thousand images of Fashion-MNIST.
fashion_mnist() {
    local images=/usr/share/datasets/fashion-mnist
    [[ -d $images ]] || skip "slurm: there is no $images"
    cat >"$1" <<YAML
data: {train: $images/train-images-idx3-ubyte.gz, val: $images/t10k-images-idx3-ubyte.gz, max_train: 1600,
       max_val: 500, channels: 1, image_size: 28}
model: {preset: none, patch: 7, width: 48, depth: 4, heads: 3, decoder_width: 32, decoder_depth: 1, decoder_heads: 2}
targets: {topk: 3}
pretrain: {batch: 40, epochs: 3, warmup_epochs: 0.5, lr: 1.0e-3, log_steps: 1}
probe: {epochs: 10, batch: 128, blr: 20, warmup_epochs: 1}
finetune: {batch: 40, epochs: 6, warmup_epochs: 0.5, lr: 1.0e-3, log_steps: 1, rand_augment: ''}
YAML
}

# ---- jobs ----
# Their numbers are never in the variable `job`, which holds a process that is ended with the test (tests/e2e/lib.sh).

# field JOB NAME: of what Slurm says about it, such as JobState.
field() {
    [[ $(scontrol --oneliner show job "$1") =~ (^| )$2=([^ ]*) ]] || return
    echo "${BASH_REMATCH[2]}"
}

ended() {
    [[ $(field "$1" JobState) =~ ^(COMPLETED|CANCELLED|FAILED|TIMEOUT|NODE_FAIL|PREEMPTED|OUT_OF_MEMORY)$ ]]
}

# show_jobs: states, and what the last jobs printed, for a test that fails.
show_jobs() {
    scontrol --oneliner show job | sed 's/ UserId=.*JobState/ JobState/; s/ Dependency.*//' >"$out" || true
    find . -name '*.out' -not -path './cluster/*' -size +0 -printf '%T@ %p\n' | sort -n | tail -n 2 | cut -d' ' -f2- |
        xargs --no-run-if-empty tail -n 18 >"$err" || true
}

poll=0.1 # seconds
# until_true WHAT COMMAND ...
until_true() {
    local what=$1 end=$((SECONDS + limit))
    shift
    until "$@"; do
        if ((SECONDS >= end)); then
            show_jobs
            fail "waited $limit seconds for $what"
        fi
        sleep "$poll"
    done
}

# expect_state STATE JOB ...: waits for the jobs to end, each in that state.
expect_state() {
    local state=$1 id found
    shift
    for id in "$@"; do
        until_true "job $id" ended "$id"
        found=$(field "$id" JobState)
        [[ $found == "$state" ]] && continue
        show_jobs
        fail "job $id ended as $found, not as $state"
    done
}

# sent OUTPUT: the jobs that slurm/submit says it has sent.
sent() {
    awk '$2 == "job" { print $3 }' "$1"
}

# having LINE: of the processes on standard input those that have it (an extended regular expression) in their environment
having() {
    sed 's:.*:/proc/&/environ:' | { xargs -r grep -lsaxzE "$1" || true; } | tr -dc '0-9\n'
}

# processes_of JOB
processes_of() {
    members | having "SLURM_JOB_ID=$1"
}

# rank_of JOB R: the process of rank R
rank_of() {
    local process
    for process in $(processes_of "$1" | having "(SLURM_PROCID|OMPI_COMM_WORLD_RANK)=$2"); do
        if [[ $(cat "/proc/$process/comm" 2>/dev/null) == tec ]]; then
            echo "$process"
            return
        fi
    done
    return 1
}

# last_step RUN: in its log; 0 where there is none yet.
last_step() {
    [[ -s $1/log.jsonl && $(tail -n 1 "$1/log.jsonl") =~ \"step\":([0-9]+) ]] || { echo 0 && return; }
    echo "${BASH_REMATCH[1]}"
}

# has_step RUN N
has_step() {
    (($(last_step "$1") >= $2))
}

# ---- several things at once ----

declare -A behind=()

# in_background FUNCTION: goes through it while the test goes on; what it prints comes with expect_end. Variables that it
# sets are its own.
in_background() {
    out=$here/.out-$1 err=$here/.err-$1 "$1" >"$1.said" 2>&1 &
    behind[$1]=$!
}

# expect_end FUNCTION ...: well
expect_end() {
    local name code
    for name in "$@"; do
        code=0
        wait "${behind[$name]}" || code=$?
        unset "behind[$name]"
        cat "$name.said"
        ((code == 0)) || { trap - ERR && exit 1; }
    done
}

# expect_same_run RUN RUN: both finished, equal to the bit.
expect_same_run() {
    local run
    for run in "$@"; do
        [[ -f $run/DONE ]] || fail "$run/DONE is not there"
        expect_no_temporaries "$run"
    done
    expect_same_log "$1/log.jsonl" "$2/log.jsonl"
    expect_same_checkpoint "$1/checkpoint.h5" "$2/checkpoint.h5"
}
