#!/usr/bin/env bash
# Shards that a worker has begun and not finished: another one goes on with them, wherever it runs, once the first is known
# to be gone. What is finished is the same as if it had been made at once.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
export OMPI_MCA_ess_singleton_isolated=1
unset SLURM_JOB_ID SLURM_RESTART_COUNT TEC_AFTER_JOBS

# An image in the middle of the only shard that cannot be read stops the first worker there.
make_settings tiny.yaml
make_idx train 64 1
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base pretrain.epochs=1
make_folder photos 20
targets=(targets -c tiny.yaml data.train=photos base.model=base/checkpoint.h5 targets.batch=4)
run tec "${targets[@]}" targets.dir=whole
cp photos/right/4.png good.png
damage() {
    dd if=/dev/zero of=photos/right/4.png bs=1 seek=40 count=30 conv=notrunc status=none
}
repair() {
    cp good.png photos/right/4.png
}
# begin STORE: a store with a part of 32 rows.
begin() {
    damage
    expect_exit 2 'right/4.png' tec "${targets[@]}" targets.dir="$1"
    repair
    part=$(cd "$1" && ls shard-00000.h5.*.part)
}
# becomes NAME STORE: the part looks like one that is being written by a process on another host.
becomes() {
    mv "$2/$part" "$2/$1"
    part=$1
}

say "set aside after a failure, and taken up"
begin store
expect_exit 0 '1 of them were begun before: 32 rows are there already' tec "${targets[@]}" targets.dir=store
grep -q 'made 8 views' "$out" || fail "rows were made again"
diff -r -x '*.list.gz' whole store >"$out" || fail "the store differs"

say "of a process on another host, which may live: not touched"
begin unknown
becomes shard-00000.h5.elsewhere.99.0.tmp unknown
expect_exit 0 'made 40 views' tec "${targets[@]}" targets.dir=unknown
[[ -f unknown/$part ]] || fail "a file of a process that may live is gone"

say "it is removed when it has not been written to for hours, but not if it is locked"
touch -d '3 hours ago' "unknown/$part"
exec 9<"unknown/$part"
flock -n 9
run tec "${targets[@]}" targets.dir=unknown
[[ -f unknown/$part ]] || fail "a locked file is gone"
exec 9<&-
expect_exit 0 'removed 1 unfinished file .* that ended workers left of shards that are there' \
    tec "${targets[@]}" targets.dir=unknown
diff -r -x '*.list.gz' whole unknown >"$out" || fail "the store differs"

# taken_up VARIABLE=VALUE ...: by a process that has these in its environment.
taken_up() {
    expect_exit 0 '32 rows are there already' env "$@" "$program" "${targets[@]}" targets.dir=other
    diff -r -x '*.list.gz' whole other >"$out" || fail "the store differs"
    rm -r other
}

say "of a process on another host that is gone: silent for hours, of a job that was restarted, of one that has ended"
begin other
becomes shard-00000.h5.elsewhere.99.0.tmp other
touch -d '3 hours ago' "other/$part"
taken_up A=b
begin other
becomes shard-00000.h5.elsewhere.99.0.77-1.tmp other
taken_up SLURM_JOB_ID=77 SLURM_RESTART_COUNT=2
begin other
becomes shard-00000.h5.elsewhere.99.0.77-1.tmp other
taken_up SLURM_JOB_ID=80 TEC_AFTER_JOBS='70 77'
begin other
becomes shard-00000.h5.elsewhere.99.0.77-1.tmp other
expect_exit 0 'made 40 views' env SLURM_JOB_ID=77 SLURM_RESTART_COUNT=1 "$program" "${targets[@]}" targets.dir=other
[[ -f other/$part ]] || fail "a file of another rank of this job is gone"

say "more workers than there would be shards, also with other ranks later on"
make_idx train 3000 1
many=(targets -c tiny.yaml base.model=base/checkpoint.h5 targets.views=2)
run tec "${many[@]}" targets.dir=few
few=$(find few -name 'shard-*' | wc -l)
((few > 3 && few < 20)) || fail "$few shards are no good for this test"
run tec "${many[@]}" targets.dir=many --worker 3/40
expect_file many/shard-00002.h5
expect_exit 0 'many was begun with shards of [0-9]+ rows, and goes on with them' ranks 2 "${many[@]}" targets.dir=many
(($(find many -name 'shard-*' | wc -l) > 35)) || fail "there are not about as many shards as workers"
[[ ! -f many/begun.json ]] || fail "begun.json is left"
expect_exit 0 'made 0 views' ranks 3 "${many[@]}" targets.dir=many targets.shard_mb=3
expect_exit 0 'shards are sound' tec "${many[@]}" targets.dir=many --verify

say "a worker that is killed in the middle of a shard, at any moment"
slow=(targets -c tiny.yaml base.model=base/checkpoint.h5 targets.views=2 targets.batch=4)
run tec "${slow[@]}" targets.dir=all
kills=0 begun=0
until [[ -f killed/manifest.json ]]; do
    "$program" "${slow[@]}" targets.dir=killed >"$out" 2>"$err" </dev/null &
    job=$!
    sleep "$((kills / 20)).$((2 + RANDOM % 4))" # longer on a machine so busy that nothing is done in so short a time
    kill -KILL "$job" 2>/dev/null || true
    wait "$job" 2>/dev/null || true
    job=
    begun=$((begun + $(grep -c 'were begun before' "$err" || true)))
    ((kills++ < 200)) || fail "no store after $kills kills"
done
say "$kills kills, $begun times a shard was gone on with"
run tec "${slow[@]}" targets.dir=killed # the last kill may have come right after the manifest
diff -r -x '*.list.gz' all killed >"$out" || fail "the store differs"
