#!/usr/bin/env bash
# A disk that is full: exit code 3, what was there stays whole, and once there is room the run goes on.
# Needs a small file system of its own: root, or a kernel that lets users have one.
if [[ -z ${TEC_OWN_MOUNTS:-} ]]; then
    export TEC_OWN_MOUNTS=1
    for privilege in --mount "--mount --map-root-user"; do
        # shellcheck disable=SC2086 # one or two words
        unshare $privilege mount -t tmpfs none /mnt 2>/dev/null && exec unshare $privilege bash "$0"
    done
    echo "SKIPPED: full disk: this user may not mount a small file system"
    exit 77
fi
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
make_idx train 620 1
make_settings tiny.yaml
mkdir disk
trap 'cd "$here" && umount disk; clean_up' EXIT
# new_disk SIZE
new_disk() {
    ! mountpoint -q disk || umount disk
    mount -t tmpfs -o size="$1" none disk
}
training=(pretrain -c "$here/tiny.yaml" pretrain.objective=mae run.dir=run)

in_folder roomy run ranks 2 "${training[@]}"
each=$(stat -c %s roomy/run/checkpoint.h5)

say "no room for three checkpoints, or for one more: said at the start"
new_disk $((2 * each))
expect_exit 3 'run: no room: .* are free, but a checkpoint has .* needs .*; make room there, or give another run.dir' \
    in_folder disk ranks 2 "${training[@]}"
[[ ! -f disk/run/log.jsonl && ! -f disk/run/settings.yaml ]] || fail "the run had begun"
in_folder disk run ranks 2 "${training[@]}" pretrain.epochs=1
expect_exit 3 'run: no room: ' in_folder disk ranks 2 "${training[@]}"
mount -o remount,size=$((5 * each)) disk
expect_exit 0 'resuming run/checkpoint.h5 at step 20' in_folder disk ranks 2 "${training[@]}"
expect_same_log roomy/run/log.jsonl disk/run/log.jsonl

# says PATTERN: has the run printed a line like that?
says() {
    grep -Eq "$1" "$err"
}
# says_on_full_disk PATTERN: the same; another program takes all room that there is, also what old checkpoints leave.
says_on_full_disk() {
    head -c 100m /dev/zero >>disk/another 2>/dev/null || true
    says "$1"
}
endless=("${training[@]}" run.dir=disk/run pretrain.epochs=100000 pretrain.log_steps=5 run.tensorboard=true)

say "a disk that is full for some time: training goes on, log and checkpoints are written later"
new_disk $((20 * each))
start_ranks 2 "${endless[@]}"
wait_for "the second checkpoint" has_file disk/run/checkpoint_prev.h5
wait_for "a warning" says_on_full_disk 'warning: no checkpoint at step [0-9]+ \(attempt 1\): disk/run/checkpoint.h5.[^ ]*.tmp: (no room for .*|cannot be written): No space left on device; training goes on, the last good checkpoint is disk/run/checkpoint(_prev)?.h5 \(step [0-9]+\); the next attempt'
wait_for "the events to be kept" says_on_full_disk 'warning: disk/run/events.out.tfevents.[^ ]*.tec: cannot be written: No space left on device; training goes on'
wait_for "the log to be kept" says_on_full_disk 'warning: disk/run/log.jsonl: cannot be written: No space left on device; training goes on'
rm disk/another
wait_for "a checkpoint" says 'the checkpoint of step [0-9]+ is written, after [0-9]+ that could not be'
signal_rank USR1 1
end_of_job
((code == 0)) || fail "exit code $code"
says 'stopped at step [0-9]+ of [0-9]+ after a checkpoint' || fail "it is not said that there is a checkpoint"
sed -n 's/^{"kind":"step".*"step":\([0-9]*\).*/\1/p' disk/run/log.jsonl | awk '$1 != 5 * NR { exit 1 }' ||
    fail "a line of the log is missing"
if "$python" -c 'import google.protobuf' 2>"$err"; then
    "$python" "$repository/tests/e2e/events_check.py" disk/run 1 >"$out" 2>"$err" || fail "$(cat "$err")"
fi
run tec pretrain "${endless[@]:1}" pretrain.stop_after_steps=1
expect_no_temporaries disk

say "a disk that stays full: exit code 3, and the last good checkpoint is whole"
new_disk $((20 * each))
start_ranks 2 "${endless[@]}"
wait_for "the second checkpoint" has_file disk/run/checkpoint_prev.h5
wait_for "a warning" says_on_full_disk 'warning: no checkpoint at step [0-9]+ \(attempt 1\)'
signal_rank USR1 0
end_of_job
((code == 3)) || fail "exit code $code instead of 3"
last='the last good checkpoint is disk/run/checkpoint(_prev)?.h5 \(step ([0-9]+)\)'
says "error: .*No space left on device; the run ends at step [0-9]+ without a checkpoint of it, $last: the same command" ||
    fail "it is not said where the run goes on"
step=$(grep 'tec: error' "$err" | sed -E "s#.*$last.*#\\2#")
! says 'after a checkpoint; the same' || fail "it is said that there is a checkpoint"
rm disk/another
expect_exit 0 "resuming disk/run/checkpoint(_prev)?.h5 at step $step\$" \
    tec pretrain "${endless[@]:1}" pretrain.stop_after_steps=$((step + 1))

say "no room for the settings"
new_disk 4k
expect_exit 3 'run: no room: ' in_folder disk ranks 2 "${training[@]}"

say "no room for a store, said at the start, or for a shard: the ones before it stay, and are not made again"
targets=(targets -c "$here/tiny.yaml" base.model="$here/roomy/run/checkpoint.h5" targets.dir=store
    targets.views=4 targets.shard_mb=1)
in_folder roomy run ranks 2 "${targets[@]}"
new_disk 2m
expect_exit 3 'store: no room: .* are free, but the shards that are missing need .*; make room there, or make a smaller store' \
    in_folder disk ranks 2 "${targets[@]}"
! has_file 'disk/store/shard*' || fail "something was made all the same"
new_disk 20m,nr_inodes=6
expect_exit 3 'store/shard-0000[0-9].h5.*.tmp: cannot be created: No space left on device' \
    in_folder disk tec "${targets[@]}"
expect_no_temporaries disk
expect_file disk/store/shard-00000.h5
inode=$(stat -c %i disk/store/shard-00000.h5)
mount -o remount,nr_inodes=1000 disk
in_folder disk run ranks 2 "${targets[@]}"
[[ $(stat -c %i disk/store/shard-00000.h5) == "$inode" ]] || fail "a shard that was there is made again"
diff -r -x '*.list.gz' roomy/store disk/store >"$out" || fail "the store differs from one that was made where there was room"

say "no room for a pack: said before anything is written"
make_folder photos 40
new_disk 150k
expect_exit 3 'disk/pack: no room: .* are free, but 1 of the pack.s files need .*; make room there, or give another directory' \
    ranks 2 pack photos disk/pack
[[ -z $(ls disk/pack) ]] || fail "something was written: $(ls disk/pack)"
mount -o remount,size=20m disk
run tec pack photos disk/pack

say "no room for what is printed"
to_full_disk() {
    "$@" >/dev/full
}
expect_exit 3 'standard output: No space left on device' to_full_disk tec --help
expect_exit 3 'standard output: No space left on device' to_full_disk tec "${targets[@]}" targets.dir=roomy/store
