#!/usr/bin/env bash
# tec bench and the scripts around it: what they print and write. No speed is asserted.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

closing='^img/s [0-9]+\.[0-9]{3} gemm_share [01]\.[0-9]{3} peak_rss_mb [0-9]+$'
small=(--size tiny --batch 2 --steps 1)

# bench RANKS ARGUMENT ...: the closing line is the last one.
bench() {
    run ranks "$@"
    tail -n 1 "$out" | grep -Eq "$closing" || fail "the last line is: $(tail -n 1 "$out")"
}

say "a step, with its tables and its file"
bench 1 bench "${small[@]}" --json bench.json
for operator in 'matrix products' 'attention core' softmax GELU LayerNorm losses patches AdamW 'everything else'; do
    grep -Eq "^$operator .*%" "$out" || fail "the table has no line of: $operator"
done
# The shares of all operators together are the whole step.
total=$(awk '/^operator/ { on = 1; next } /^$/ { on = 0 } on && match($0, /[0-9.]+%/) { sum += substr($0, RSTART, RLENGTH - 1) }
             END { print sum }' "$out")
holds "$total > 99.8 && $total < 100.2" || fail "the shares of the operators add up to $total %"
(($(grep -Ec '^ *[0-9]+ x +[0-9]+ x +[0-9]+ ' "$out") > 10)) || fail "there is no table of products"

say "targets, brief, two ranks, images; the same file"
bench 1 bench "${small[@]}" --targets --json bench.json
bench 1 bench "${small[@]}" --finetune --batch 16 --json bench.json
for operator in 'stochastic depth' mixing losses AdamW; do
    grep -Eq "^$operator .*%" "$out" || fail "the table of fine-tuning has no line of: $operator"
done
grep -Eq '^finetune [0-9.]+ s ' "$out" || fail "the closing lines do not say what was measured"
grep -Eq '^processor time 0\.[0-9]*[1-9][0-9]* s a step, img/processor-s [0-9.]+$' "$out" || fail "there is no processor time"
# What stochastic depth leaves out is not counted as computed.
run "${PYTHON:-/usr/bin/python3}" -c '
import json
run = [r for r in json.load(open("bench.json"))["runs"] if r["what"] == "finetune"][0]
done = sum(2 * p["m"] * p["n"] * p["k"] * p["calls"] for p in run["products"])
assert abs(done / (16 * run["flops_per_image"]) - 1) < 1e-6, (done / 16, run["flops_per_image"])'
bench 1 bench "${small[@]}" --brief
if grep -q '^operator' "$out"; then fail "--brief prints the tables"; fi
bench 2 bench "${small[@]}" --brief run.node_memory=shared
(($(grep -c '^tec: tec bench ignores run.node_memory=shared: ' "$err") == 1)) || fail "what is ignored is not said once"
make_folder photos 4
bench 2 bench "${small[@]}" --json bench.json data.train=photos
grep -Eq '^allreduce of .* over 2 ranks' "$out" || fail "the allreduce is not measured"
grep -Eq '^exposed communication: ' "$out" || fail "the exposed communication is not printed"
grep -Eq '^loader: .* waiting [0-9.]+ %' "$out" || fail "the loader is not measured"
bench 1 bench "${small[@]}" --json bench.json
[[ $(grep -c '"what": "step"' bench.json) == 2 && $(grep -c '"what": "targets"' bench.json) == 1 &&
    $(grep -c '"what": "finetune"' bench.json) == 1 ]] || fail "bench.json does not hold one run of each kind"
for key in cpu compiler blas copy_rate processor_seconds rate update_seconds flops_per_image own_gflops memcpy_seconds wait_share; do
    grep -q "\"$key\": " bench.json || fail "bench.json has no $key"
done

bench 1 bench "${small[@]}" --finetune data.train=photos finetune.rand_augment=
grep -Eq '^loader: .* waiting [0-9.]+ %' "$out" || fail "fine-tuning's loader is not measured"

say "layouts of a node"
run ranks 2 bench "${small[@]}" --layouts --json layouts.json
for layout in '1 x 2' '2 x 1'; do
    grep -Eq "^ +$layout +[0-9]+\.[0-9]{3} +[0-9]+$" "$out" || fail "there is no line for $layout"
done
(($(sed -n 's/^ranks=//p' "$out") * $(sed -n 's/^threads=//p' "$out") == 2)) || fail "the lines for slurm/site are not of 2 cores"
[[ $(sed -n 's/.*"\(ranks\|threads\)": \([0-9]*\).*/\2/p' layouts.json | paste -sd ' ') == '1 2 2 1' ]] ||
    fail "layouts.json does not hold both layouts"

say "mistakes"
expect_exit 2 'needs a rank for every core' tec bench "${small[@]}" --layouts
expect_exit 2 'set run.threads=1' ranks 2 bench "${small[@]}" --layouts run.threads=2
expect_exit 2 'leave out --targets' tec bench --layouts --targets
expect_exit 2 'leave out data.train' tec bench --layouts data.train=photos
expect_exit 2 'finetune and --targets measure different things' tec bench --finetune --targets
expect_exit 2 'finetune.rand_augment: ' tec bench "${small[@]}" --finetune data.train=photos finetune.rand_augment=rand-x9
expect_exit 2 'size huge: expected one of vitt' tec bench --size huge
expect_exit 2 'steps 0: expected a whole number' tec bench --steps 0
echo '{"format": "other"}' >other.json
expect_exit 2 'other.json was not written by .tec bench --json' tec bench "${small[@]}" --brief --json other.json
echo '{' >broken.json
expect_exit 2 'broken.json:' tec bench "${small[@]}" --brief --json broken.json
sed 's/"cores": [0-9]*/"cores": 77/' bench.json >elsewhere.json
expect_exit 2 'measurements of another machine' tec bench "${small[@]}" --brief --json elsewhere.json
echo no picture >photos/left/0.jpg
expect_exit 2 'photos/left/0.jpg' ranks 2 bench "${small[@]}" data.train=photos

say "commands in turn"
pairs=$repository/tests/bench/pairs
cat >faster <<'SH'
#!/bin/sh
n=$(cat count 2>/dev/null || echo 1)
echo $((n + 1)) >count
echo "img/s $((n * 10)) share 0.5"
SH
chmod +x faster
run "$pairs" -n 3 -a new -b old ./faster -- echo "x img/s 10.0"
grep -q '^median of 3 pairs: new 20, old 10, ratio 2.000' "$out" || fail "another median of pairs was expected"
rm count
run "$pairs" -n 2 -k share ./faster -- echo "share 0.25"
grep -q 'ratio 2.000' "$out" || fail "-k does not choose the number"
if "$pairs" -n 1 ./faster -- false >"$out" 2>"$err"; then fail "a command that fails is not noticed"; fi
if "$pairs" -n 1 ./faster -- echo nothing >"$out" 2>"$err"; then fail "a missing number is not noticed"; fi
