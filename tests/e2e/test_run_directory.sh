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
