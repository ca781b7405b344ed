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

say "no room for the second checkpoint: the first is whole, and the run goes on from it"
in_folder roomy run ranks 2 "${training[@]}"
new_disk 1m
expect_exit 3 'run/checkpoint.h5.tmp: no room for [0-9]+ bytes: No space left on device' \
    in_folder disk ranks 2 "${training[@]}"
expect_no_temporaries disk
expect_exit 3 'run/checkpoint.h5.tmp: no room for' in_folder disk ranks 2 "${training[@]}"
mount -o remount,size=10m disk
expect_exit 0 'resuming run/checkpoint.h5 at step 20' in_folder disk ranks 2 "${training[@]}"
expect_same_log roomy/run/log.jsonl disk/run/log.jsonl
expect_same_checkpoint roomy/run/checkpoint.h5 disk/run/checkpoint.h5

say "no room for the log"
new_disk 32k
expect_exit 3 'run/log.jsonl: cannot be written: No space left on device' \
    in_folder disk ranks 2 "${training[@]}" pretrain.epochs=50 pretrain.checkpoint_epochs=1000

say "no room for the settings"
new_disk 4k
expect_exit 3 'run/settings.yaml.*No space left on device' in_folder disk ranks 2 "${training[@]}"

say "no room for a shard: the ones before it stay, and are not made again"
targets=(targets -c "$here/tiny.yaml" base.model="$here/roomy/run/checkpoint.h5" targets.dir=store
    targets.views=4 targets.shard_mb=1)
in_folder roomy run ranks 2 "${targets[@]}"
new_disk 3m
expect_exit 3 'store/shard-0000[0-9].h5.*.tmp: no room for [0-9]+ bytes: No space left on device' \
    in_folder disk ranks 2 "${targets[@]}"
expect_no_temporaries disk
expect_file disk/store/shard-00000.h5
inode=$(stat -c %i disk/store/shard-00000.h5)
mount -o remount,size=20m disk
in_folder disk run ranks 2 "${targets[@]}"
[[ $(stat -c %i disk/store/shard-00000.h5) == "$inode" ]] || fail "a shard that was there is made again"
diff -r roomy/store disk/store >"$out" || fail "the store differs from one that was made where there was room"

say "no room for what is printed"
to_full_disk() {
    "$@" >/dev/full
}
expect_exit 3 'standard output: No space left on device' to_full_disk tec --help
expect_exit 3 'standard output: No space left on device' to_full_disk tec "${targets[@]}" targets.dir=roomy/store
