#!/usr/bin/env bash
# Target stores from many processes that know nothing of each other, are killed, stopped and started again.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

make_idx train 3000 1
make_settings tiny.yaml
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base pretrain.epochs=1
targets=(targets -c tiny.yaml base.model=base/checkpoint.h5 targets.views=4 targets.shard_mb=1)
run tec "${targets[@]}" targets.dir=whole
shards=$(find whole -name 'shard-*' | wc -l)
((shards > 10)) || fail "$shards shards are too few for this test"

# worker I N NAME: in the background; its output is in worker.NAME.
worker() {
    "$program" "${targets[@]}" targets.dir=array --worker "$1/$2" >"worker.$3" 2>&1 </dev/null &
}

# No shard ever changes once it is there.
remember_shards() {
    local shard
    for shard in array/shard-*.h5; do
        [[ -f $shard ]] || continue
        if [[ -f seen/${shard##*/} ]]; then
            [[ $shard -ef seen/${shard##*/} ]] || fail "$shard was written twice"
        else
            ln "$shard" seen/
        fi
    done
}

# watch SECONDS PID ...: remembers shards as they come, for so long or until these processes have ended.
watch() {
    local end pid alive=1
    end=$(awk -v s="$1" -v now="$(date +%s.%N)" 'BEGIN { printf "%.3f", now + s }')
    shift
    while ((alive)) && holds "$(date +%s.%N) < $end"; do
        remember_shards
        sleep 0.02
        alive=0
        for pid; do
            ! kill -0 "$pid" 2>/dev/null || alive=1
        done
    done
}

say "three of four workers, killed and stopped at random times; two arrays of different width at once"
mkdir array seen
for round in 1 2 3; do
    worker 1 4 a && a=$!
    worker 2 4 b && b=$!
    worker 1 3 c && c=$!
    worker 3 3 d && d=$!
    watch "$((1 + RANDOM % 2)).$((RANDOM % 10))" "$a" "$b" "$c" "$d"
    kill -KILL "$a" "$c" 2>/dev/null || true
    kill -TERM "$b" 2>/dev/null || true
    kill -USR1 "$d" 2>/dev/null || true
    code=0
    wait "$b" || code=$?
    ((code == 0 || code == 143)) || fail "worker b, stopped by SIGTERM, ends with $code: $(cat worker.b)"
    wait "$d" || code=$?
    ((code == 0 || code == 143 || code == 138)) || fail "worker d, stopped by SIGUSR1, ends with $code: $(cat worker.d)"
    wait "$a" "$c" 2>/dev/null || true
    remember_shards
    say "round $round: $(find array -name 'shard-*.h5' | wc -l) of $shards shards"
    if [[ -f array/manifest.json ]]; then
        (($(find array -name 'shard-*.h5' | wc -l) == shards)) || fail "there is a manifest, but not all shards"
    fi
done

pids=()
say "the rest by two arrays at once, all of which end at about the same time"
for name in 1.4 2.4 3.4 4.4 1.3 2.3 3.3; do
    worker "${name%.*}" "${name#*.}" "$name"
    pids+=($!)
done
watch "$limit" "${pids[@]}"
for pid in "${pids[@]}"; do
    wait "$pid" || fail "a worker failed: $(cat worker.*)"
done
remember_shards
expect_file array/manifest.json
expect_no_temporaries array
diff -r whole array >"$out" || fail "the store differs from the one that a single process made"
expect_exit 0 'shards are sound' tec "${targets[@]}" targets.dir=array --verify

say "finished: nothing is made again; a shard that is lost is, and the manifest is right again"
expect_exit 0 'made 0 views' tec "${targets[@]}" targets.dir=array --worker 2/4
rm array/shard-00003.h5 array/manifest.json
expect_exit 0 '1 of [0-9]+ shards are not there yet' tec "${targets[@]}" targets.dir=array --worker 1/4
[[ ! -f array/manifest.json ]] || fail "a manifest without all shards"
expect_exit 0 'made [1-9][0-9]* views' tec "${targets[@]}" targets.dir=array --worker 4/4
# Which batch the other shards were made in, the manifest alone knew.
diff -r -x manifest.json whole array >"$out" || fail "the store is another one"
diff <(grep -v '"batch"' whole/manifest.json) array/manifest.json >"$out" || fail "the manifest is another one"

say "SIGUSR1 and SIGTERM end all ranks with exit code 0; finished shards stay"
for signal in USR1 TERM; do
    start_ranks 2 "${targets[@]}" targets.dir=$signal
    wait_for "the second shard" has_file "$signal/shard-00001.h5"
    signal_rank $signal 1
    end_of_job
    ((code == 0)) || fail "SIG$signal: exit code $code: $(cat "$err")"
    [[ ! -f $signal/manifest.json ]] || fail "SIG$signal came too late"
    grep -q 'are not there yet' "$out" || fail "SIG$signal: it is not said what is missing"
    expect_no_temporaries $signal
    run ranks 3 "${targets[@]}" targets.dir=$signal
    diff -r whole $signal >"$out" || fail "SIG$signal: the store differs"
done

say "a limit of time: the same command until the store is there"
starts=0
until [[ -f limited/manifest.json ]]; do
    ((starts++ < 60)) || fail "no store after $starts starts"
    # From 60 ms, too short for any machine, to as long as a slow one (sanitizers) needs for a shard.
    run ranks 2 "${targets[@]}" targets.dir=limited run.max_minutes="$(awk "BEGIN { print 0.001 * 1.3 ^ ($starts - 1) }")"
    [[ -f limited/manifest.json ]] || expect_no_temporaries limited
done
((starts > 1)) || fail "never stopped"
say "$starts starts"
diff -r whole limited >"$out" || fail "the store differs"
