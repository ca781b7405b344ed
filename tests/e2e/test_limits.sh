#!/usr/bin/env bash
# Runs that must end: before their time is over, when a rank hangs, when they are asked to.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
# Ranks are given no second to end by themselves: nothing here depends on it.
export OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 620 1
make_idx val 100 2
make_settings tiny.yaml
endless=(pretrain -c "$here/tiny.yaml" pretrain.objective=mae pretrain.epochs=100000 pretrain.checkpoint_epochs=1000)
finite=(pretrain -c ../tiny.yaml pretrain.objective=mae run.dir=run)

# until_done MARK MINUTES COMMAND ...: the same command again, with so much time, until the file MARK is there. Every tenth
# start has twice the time, as on a busy machine a process may come to no step at all.
until_done() {
    local mark=$1 minutes=$2 stops=0
    shift 2
    while [[ ! -f $mark ]]; do
        ((stops < 60)) || fail "$mark is not there after $stops starts"
        run "$@" "run.max_minutes=$minutes"
        [[ -f $mark ]] || grep -q 'time limit is near' "$err" || fail "stopped, but does not say that time is short"
        stops=$((stops + 1))
        ((stops % 10)) || minutes=$(awk -v m="$minutes" 'BEGIN { print 2 * m }')
    done
    say "$stops starts until $mark"
    ((stops > 1)) || fail "never stopped"
}

say "a limit of time: stops before it, goes on, and equals an uninterrupted run"
# So many epochs that a run takes several times what the limit leaves, however fast the machine.
in_folder gauge run ranks 2 "${finite[@]}" pretrain.epochs=15
finite+=("pretrain.epochs=$(sed -n 's/.*"seconds":\([^,}]*\).*/\1/p' gauge/run/log.jsonl |
    awk '{ last = $1 } END { print last < 5 ? int(15 * 5 / last) : 15 }')")
in_folder plain run ranks 2 "${finite[@]}"
mkdir limited
cd limited
until_done run/DONE 0.035 ranks 2 "${finite[@]}"
cd ..
expect_same_log plain/run/log.jsonl limited/run/log.jsonl
# The settings in the file name the limit: the tensors are compared by continuing without one.
in_folder limited run ranks 2 "${finite[@]}"
expect_no_temporaries limited/run

# slow_open SECONDS: the path of a library that makes opening image files take that long; to be preloaded.
slow_open() {
    cat >slow.c <<TEXT
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
int open(const char *path, int flags, unsigned mode)
{
    if (strstr(path, "images-idx3"))
        sleep($1);
    return ((int (*)(const char *, int, unsigned))dlsym(RTLD_NEXT, "open"))(path, flags, mode);
}
TEXT
    "${CC:-cc}" -shared -fPIC -o slow.so slow.c || fail "no compiler"
    echo "$PWD/slow.so"
}

say "the end of a Slurm job"
export SLURM_JOB_END_TIME=$(($(date +%s) + 5))
expect_exit 0 'stopped at step [0-9]+ of .* time limit is near' ranks 2 "${endless[@]}" run.dir=slurm
sanitized || (($(date +%s) <= SLURM_JOB_END_TIME)) || fail "ended after SLURM_JOB_END_TIME"
[[ ! -f slurm/DONE ]] || fail "a run that was stopped is marked as done"
expect_file slurm/checkpoint.h5
# What is done before the first step takes of the time as well: here the end is past when it begins.
if ! sanitized; then
    export SLURM_JOB_END_TIME=$(($(date +%s) + 6))
    expect_exit 0 'stopped at step 1 of .* time limit is near' \
        timeout -k 10 "$limit" env LD_PRELOAD="$(slow_open 8)" "$program" "${endless[@]}" run.dir=late
    ! grep 'already past' "$err" || fail "the time limit was read after the data"
fi
export SLURM_JOB_END_TIME=nonsense
# shellcheck disable=SC2016 # the backquotes are those of the message
expect_exit 0 'warning: SLURM_JOB_END_TIME is `nonsense`' tec "${endless[@]}" run.dir=slurm pretrain.stop_after_steps=1
unset SLURM_JOB_END_TIME

# expect_watchdog PATTERN: the ranks have ended with its exit code, and one line says PATTERN.
expect_watchdog() {
    end_of_job
    ((code == 3)) || fail "exit code $code instead of 3"
    grep -Eq "^tec: error: rank [0-9]: on host [^ ]+: no progress for .* while $1; all ranks are ended" "$err" ||
        fail "no line about '$1'"
}

say "a rank that is stopped: the other one ends the run"
start_ranks 2 "${endless[@]}" run.dir=hung run.watchdog_minutes=0.05
wait_for "step 20" has_lines hung/log.jsonl 20
signal_rank STOP 1
expect_watchdog 'computing, waiting for the other ranks.*'

say "a rank that hangs in reading says so"
make_folder photos 24
start_ranks 2 "${endless[@]}" data.train=photos pretrain.batch=8 run.dir=reading run.watchdog_minutes=0.05
wait_for "step 5" has_lines reading/log.jsonl 5
mkfifo never
for file in photos/*/*; do
    ln -f never "$file.new" && mv "$file.new" "$file"
done
expect_watchdog 'waiting for data'

say "a rank that the others wait for is named"
start_ranks 2 "${endless[@]}" run.dir=slow pretrain.batch=62 pretrain.log_steps=20 pretrain.progress_seconds=0
wait_for "60 steps" has_lines slow/log.jsonl 3
# A rank that is stopped in the sum of the gradients makes both wait; rank 0, whose share of reducing this is, is stopped
# until it is at its own work. No interval but one with a pause is so slow, whatever else the cores have to do.
for ((i = 0; i < 20; i++)); do
    signal_rank STOP 0
    sleep 3
    signal_rank CONT 0
    wait_for "40 steps after a pause" has_lines slow/log.jsonl $(($(wc -l <slow/log.jsonl) + 2))
    sed -n 's/.*"images_per_second":\([^,]*\),.*"reduce_share":\([^,]*\),"slowest_rank":\([^,]*\),.*"slowest_share":\([^,]*\),.*/\1 \2 \3 \4/p' \
        slow/log.jsonl | awk '$1 < 20 * 62 / 3 && $2 < 0.5 && $4 > 0.8 { print $3; exit }' >named
    [[ ! -s named ]] || break
done
signal_rank USR1 0
end_of_job
((code == 0)) || fail "exit code $code: $(cat "$err")"
[[ $(cat named) == 0 ]] || fail "it is not rank 0: $(cat slow/log.jsonl)"
share='(0|1|0\.[0-9]+|[1-9][.0-9]*e-[0-9]+)'
! grep '"kind":"step"' slow/log.jsonl |
    grep -Ev "\"slowest_rank\":[01],\"slowest_host\":\"$(hostname)\",\"slowest_share\":$share," ||
    fail "not every line names the slowest rank"

say "ranks with nothing to do, or with more than others"
expect_exit 0 'tec: warning: pretrain.batch is 3, which 2 ranks cannot share evenly: those with 1 wait for those with 2 images, 25 %' \
    ranks 2 "${endless[@]}" run.dir=uneven pretrain.batch=3 pretrain.stop_after_steps=2
expect_exit 0 'tec: warning: pretrain.batch is 2: 1 of 3 ranks have no image in any step; take at most 2 ranks' \
    ranks 3 "${endless[@]}" run.dir=idle pretrain.batch=2 pretrain.stop_after_steps=2
expect_exit 0 'tec: warning: the validation set has 2 batches of 64 images, and 1 rank has none of them' \
    ranks 3 knn -c "$here/tiny.yaml" eval.model=idle/checkpoint.h5 run.dir=idle
run ranks 3 "${endless[@]}" run.dir=even pretrain.batch=31 pretrain.stop_after_steps=2
! grep -q warning "$err" || fail "a warning about 31 images on 3 ranks"

say "ranks that were stopped all together go on"
start_ranks 2 "${endless[@]}" run.dir=suspended run.watchdog_minutes=0.05
wait_for "step 20" has_lines suspended/log.jsonl 20
signal_rank STOP 0 && signal_rank STOP 1
sleep 6
signal_rank CONT 0 && signal_rank CONT 1
lines=$(wc -l <suspended/log.jsonl)
wait_for "20 steps more" has_lines suspended/log.jsonl $((lines + 20))
signal_rank USR1 1
end_of_job
((code == 0)) || fail "exit code $code: $(cat "$err")"

say "SIGTERM in a step that cannot end, with the watchdog's limit far away"
start_ranks 2 "${endless[@]}" run.dir=term
wait_for "step 20" has_lines term/log.jsonl 20
signal_rank STOP 1
signal_rank TERM 0
expect_watchdog 'computing, waiting for the other ranks.*'
