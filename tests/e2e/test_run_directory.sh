#!/usr/bin/env bash
# What becomes of a run whose directory is removed or taken by another one, and of what a killed run leaves there.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
export OMPI_MCA_odls_base_sigkill_timeout=0 OMPI_MCA_ess_singleton_isolated=1

make_idx train 80 1
make_settings tiny.yaml
mae=(pretrain -c tiny.yaml pretrain.objective=mae pretrain.batch=8)
endless=("${mae[@]}" pretrain.epochs=100000 pretrain.checkpoint_minutes=0.002)

# start_paused DIR: a run in DIR that has written a checkpoint and does nothing now.
start_paused() {
    start_ranks 2 "${endless[@]}" run.dir="$1"
    wait_for "a checkpoint" has_file "$1/checkpoint.h5"
    signal_rank STOP 0
    signal_rank STOP 1
}
go_on() {
    signal_rank CONT 0
    signal_rank CONT 1
}
removed='run directory was removed, or belongs to another process now: .* ends at step [0-9]+ without a checkpoint of it'

say "the run directory is removed and another run begins there: the first ends and leaves it alone"
start_paused taken
first=("$job" "$out" "$err")
rm -rf taken
out=$here/.out2 err=$here/.err2 job=
run tec "${mae[@]}" run.dir=taken pretrain.epochs=1
cp -r taken kept
job=${first[0]} out=${first[1]} err=${first[2]}
go_on
end_of_job
((code == 3)) || fail "exit code $code instead of 3"
grep -Eq "^tec: error: taken: the $removed" "$err" || fail "it is not said why the run ends"
diff -r kept taken >"$out" || fail "the first run has changed the directory of the second"

say "the run directory is renamed"
start_paused here
mv here there
go_on
end_of_job
((code == 3)) || fail "exit code $code instead of 3"
grep -Eq "^tec: error: here: the $removed" "$err" || fail "it is not said why the run ends"

say "what killed processes have left is removed before room is asked for, also that of another host"
run tec "${mae[@]}" run.dir=left pretrain.stop_after_steps=3
stale=(checkpoint.h5.elsewhere.77.0.tmp checkpoint_prev.h5.elsewhere.77.1.tmp room.elsewhere.77.2.tmp checkpoint.h5.tmp
    checkpoint_prev.h5.link.tmp)
for file in "${stale[@]}"; do
    head -c 100000 /dev/zero >"left/$file"
done
touch left/knn.json.elsewhere.77.0.tmp # another command's, which may be at work
expect_exit 0 'left: removed 1 temporary file \(1.* kB\)' ranks 2 "${mae[@]}" run.dir=left pretrain.stop_after_steps=4
for file in "${stale[@]}"; do
    [[ ! -f left/$file ]] || fail "$file is still there"
done
[[ -f left/knn.json.elsewhere.77.0.tmp ]] || fail "another command's file is gone"

say "a limit of a file's size: checkpoints that each fit are written, and a limit that is too low is named"
limited() (
    ulimit -f $(((each * $1 / 100 + 1023) / 1024))
    "${@:2}"
)
each=$(stat -c %s left/checkpoint.h5)
run limited 120 tec "${mae[@]}" run.dir=limited
[[ -f limited/DONE ]] || fail "the run is not done"
expect_exit 3 'File too large \(the limit is [0-9]+ bytes in a file, ulimit -f\); a checkpoint has' \
    limited 80 tec "${mae[@]}" run.dir=low

say "checkpoints that are links to nothing are not replaced; the log of a run whose checkpoints are gone is kept"
run tec "${mae[@]}" run.dir=linked pretrain.epochs=2
cp -r linked gone
mv linked/checkpoint.h5 elsewhere.h5
ln -s ../elsewhere.h5 linked/checkpoint.h5
expect_exit 0 'all 2 epochs are done' tec "${mae[@]}" run.dir=linked pretrain.epochs=2
mv elsewhere.h5 unmounted.h5
dead='linked/checkpoint.h5 is a link to nothing'
expect_exit 2 "$dead" ranks 2 "${mae[@]}" run.dir=linked pretrain.epochs=2
expect_exit 2 "$dead" tec "${mae[@]}" run.dir=linked pretrain.epochs=2 --fresh
[[ -L linked/checkpoint.h5 ]] || fail "the link is gone"
rm gone/checkpoint*.h5
cp gone/log.jsonl before.jsonl
expect_exit 0 'gone has no checkpoint, but its log tells of finished epochs' ranks 2 "${mae[@]}" run.dir=gone pretrain.epochs=1
cmp before.jsonl gone/log_former.jsonl || fail "the log of the former run is not kept"
