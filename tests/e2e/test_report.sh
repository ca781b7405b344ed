#!/usr/bin/env bash
# tec report: the page of whole, damaged and several runs; what is no run; the log as a table.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
check() {
    [[ -x $python ]] || {
        echo "SKIPPED: the HTML of $1: there is no python3"
        return
    }
    "$python" "$repository/tests/e2e/report_check.py" "$@" >"$out" 2>"$err" || fail "$(cat "$err")"
    say "$1: $(cat "$out")"
}

# has_pictures PAGE NUMBER
has_pictures() {
    local found
    found=$(awk '{ n += gsub(/<img /, "") } END { print n + 0 }' "$1")
    ((found == $2)) || fail "$1 has $found pictures instead of $2"
}

# shows PAGE PATTERN: a line of the page matches.
shows() {
    grep -Eqe "$2" "$1" || fail "$1 does not show '$2'"
}

# in_browser PAGE PICTURES: shown by chromium, all pictures are there, nothing is wider than a narrow or a wide window, and
# nothing is complained of.
in_browser() {
    local found
    cat "$1" - >shown.html <<'HTML'
<script>
const loaded = [...document.images].filter(i => i.complete && i.naturalWidth > 0).length;
const over = [360, 1600].filter(w => (document.body.style.width = w + "px", document.body.scrollWidth > w));
const flat = [...document.querySelectorAll("svg")].filter(s => s.getBoundingClientRect().height < 80).length;
document.title = `loaded ${loaded} over [${over}] flat ${flat}`;
</script>
HTML
    timeout "$limit" chromium --headless --no-sandbox --disable-gpu --enable-logging=stderr --user-data-dir="$here/browser" \
        --dump-dom "file://$here/shown.html" >"$out" 2>"$err" || fail "chromium does not show $1"
    ! grep -q 'CONSOLE' "$err" || fail "$1: $(grep CONSOLE "$err")"
    found=$(sed -n 's:.*<title>\(.*\)</title>.*:\1:p' "$out" | head -n 1)
    [[ $found == "loaded $2 over [] flat 0" ]] || fail "$1 in the browser: $found"
}

make_idx train 310 1
make_idx val 77 2
make_settings tiny.yaml
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base pretrain.stop_after_steps=14
run tec knn -c tiny.yaml eval.model=base/checkpoint.h5 run.dir=base
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base
run tec knn -c tiny.yaml eval.model=base/checkpoint.h5 run.dir=base
run tec finetune -c tiny.yaml finetune.model=base/checkpoint.h5 run.dir=tuned finetune.epochs=2 finetune.batch=31 \
    finetune.log_steps=1 finetune.warmup_epochs=1

say "one run, of either kind: the page is whole, its curves are those of the log, the same again"
expect_exit 0 'base.html: 1 run' tec report base -o base.html
check base.html base val/images-idx3-ubyte
has_pictures base.html 72 # 6 images: image, tokens, 2 heads, mask, reconstruction; image, 5 nearest
for set in train val; do
    run tec features base/checkpoint.h5 $set/images-idx3-ubyte -o $set.h5
done
run tec neighbours train.h5 val.h5 --k 5 -o near.csv
run tec report base -o near.html report.among=310
check near.html base val/images-idx3-ubyte train/images-idx3-ubyte near.csv
run tec report base -o train.html report.images=train/images-idx3-ubyte report.pictures=2
! grep -q 'alt="nearest [0-9] of \([^:]*\): \1:' train.html || fail "an image is its own neighbour"
shows base.html 'pretraining from pixels'
shows base.html '>pretrain.batch</th><td>31</td><td class="more">'
shows base.html 'class="mark s0".*pretrain.stop_after_steps 14'
shows base.html 'base was started again at step 14'
shows base.html 'k-NN, k = 10</td>(<td class="number">[0-9.]+</td>){2}<td class="number">1.4</td>'
shows base.html 'Evaluation by epoch'
shows base.html 'peak memory, rank 0</th><td>[0-9.]+ MB'
! grep -q 'What is missing' base.html || fail "something is missing from a whole run"
run tec report base -o again.html
cmp base.html again.html || fail "the same run gives two pages"
run tec report tuned -o tuned.html
check tuned.html tuned val/images-idx3-ubyte
has_pictures tuned.html 60
shows tuned.html 'Confusion matrix'
(($(grep -c 'taken for' tuned.html) >= 16)) || fail "the confusion matrix is not whole"

say "a new model beside its base; other images, in colour; without base or images the page says what it lacks"
run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=targets
run tec pretrain -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=targets run.dir=new pretrain.epochs=2
run tec report new -o new.html report.pictures=3
check new.html new val/images-idx3-ubyte
# 3 images: image, tokens, 2 heads; image, mask, features and the attention of the class token and of two patches, predicted
# and the base's; image, 5 nearest
has_pictures new.html 60
run tec report new -o none.html report.pictures=0
has_pictures none.html 0
make_folder photos 3
expect_exit 0 '' tec report base -o photos.html report.images=photos report.pictures=4
check photos.html base
has_pictures photos.html 48
mv base elsewhere
expect_exit 0 'new lacks pictures: .*base/checkpoint.h5' tec report new -o lone.html report.pictures=3
shows lone.html 'new lacks pictures: .*base/checkpoint.h5'
has_pictures lone.html 30
for other in model.heads=4 run.seed=7; do # another base where the run's was
    rm -rf base
    run tec pretrain -c tiny.yaml pretrain.objective=mae pretrain.stop_after_steps=1 "$other" run.dir=base
    expect_exit 0 'new lacks pictures: base/checkpoint.h5 is not the base model' tec report new -o lone.html report.pictures=3
    shows lone.html 'new lacks pictures: base/checkpoint.h5 is not the base model of the run: its (features|weights)'
    has_pictures lone.html 30
done
rm -r base
mv elsewhere base
expect_exit 0 'new lacks pictures: .*photos.gone' tec report new -o lone.html report.images=photos.gone
shows lone.html 'new lacks pictures: .*photos.gone'
has_pictures lone.html 0

if command -v chromium >"$out"; then
    say "in a browser, narrow and wide"
    in_browser new.html 60
    in_browser tuned.html 60
else
    echo "SKIPPED: report in a browser: there is no chromium (Debian: chromium)"
fi

say "target stores: that of a run, and by themselves, also unfinished and damaged ones"
shows new.html '<h2>Target store: targets</h2>'
for type in float16 int8; do
    run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store-$type targets.type=$type targets.shard_mb=1
done
expect_exit 0 'stores.html: 0 runs, 2 target stores' tec report store-float16 store-int8 -o stores.html
check stores.html
for type in float16 int8; do
    code=0
    "$python" "$repository/tests/e2e/store_check.py" stores.html store-$type >"$out" 2>"$err" || code=$?
    ((code != 77)) || { echo "SKIPPED: numbers of target stores: there is no h5py" && break; }
    ((code == 0)) || fail "$(cat "$err")"
    say "store-$type: $(cat "$out")"
done
patch store-int8/shard-00000.h5 "$(sed -n 's/.*"feature": *\([0-9]*\).*/\1/p' store-int8/manifest.json | head -n 1)" 101 102
mv store-float16/manifest.json store-float16/begun.json
expect_exit 0 'stores.html: 0 runs, 1 target store' tec report store-float16 -o stores.html
shows stores.html '>not finished<'
rm store-float16/shard-00000.h5
run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store-shards targets.shard_mb=1 targets.views=5
mv store-shards/manifest.json store-shards/begun.json
echo damaged >store-shards/shard-00000.h5
expect_exit 0 'store-shards/shard-00000.h5' tec report store-shards -o stores.html
shows stores.html 'store-shards is not finished: 1 of [2-9] shards are to be made'
expect_exit 2 'store-float16: no shard of this target store' tec report store-float16 -o stores.html
expect_exit 0 'shard-00000.h5: row 0.*checksum' tec report base store-int8 -o stores.html
check stores.html
shows stores.html 'class="shard damaged" .*<title>shard 0: damaged, 310 rows'

say "the tables of tec bench"
run tec bench --size tiny --batch 2 --steps 1 --json bench.json
expect_exit 0 'bench.html: 0 runs, 1 machine' tec report bench.json -o bench.html
check bench.html
images=$(awk -F'[:,]' '/"images_per_second"/ { printf "%.4g", $2; exit }' bench.json)
shows bench.html "<td>tiny</td><td>step</td>.*<td class=\"number\">$images</td>"
(($(grep -c '<tr><td' bench.html) >= 15)) || fail "rows are missing from the tables of bench.html"
if command -v chromium >"$out"; then
    in_browser bench.html 0
fi
expect_exit 2 'tiny.json was not written by .tec bench --json.' bash -c "echo '{}' >tiny.json && exec '$program' report tiny.json -o no.html"

say "the tables of tec plan, and what is damaged in them"
run tec plan --bench bench.json --images 1281167 --json 'a<b>.json' pretrain.batch=2
expect_exit 0 'plan.html: 0 runs, 1 machine, 1 plan' tec report bench.json 'a<b>.json' -o plan.html
check plan.html
shows plan.html '<h2>Plan of tec pretrain: a&lt;b&gt;.json</h2>'
seconds=$(awk -F'[:,]' '/"step_seconds"/ { printf "%.4g", $2; exit }' 'a<b>.json')
shows plan.html "<th scope=\"row\">a step, s</th><td>$seconds</td>"
bytes=$(awk -F'[:,]' '/"moments of AdamW"/ { getline; printf "%.4g", 1e-6 * $2; exit }' 'a<b>.json')
shows plan.html "<td>moments of AdamW</td><td class=\"number\">$bytes</td>"
shows plan.html '<td>float16</td>.*<td class="number">1</td><td>yes</td>'
! grep -q 'is damaged: ' plan.html || fail "a plan that is whole is called damaged"
sed 's/"step_seconds": .*/"step_seconds": "<i>",/; s/"of_float16"/"other"/' 'a<b>.json' >damaged.json
expect_exit 0 'damaged.json is damaged: it lacks time.step_seconds, stores.of_float16$' tec report damaged.json -o damaged.html
check damaged.html
shows damaged.html '<li>damaged.json is damaged: it lacks time.step_seconds, stores.of_float16</li>'
sed 's/"version": 1,/"version": 99,/' 'a<b>.json' >later.json
expect_exit 2 'later.json was written by a different version' tec report later.json -o no.html

say "several runs side by side: what differs is marked"
cp -r base other
sed -i 's/batch: 31/batch: 62/' other/settings.yaml
expect_exit 0 'both.html: 3 runs' tec report base tuned other -o both.html
check both.html
shows both.html '<tr class="differs"><th scope="row">pretrain.batch'
! grep -q '<tr class="differs"><th scope="row">model' both.html || fail "what is the same is marked"

say "names from files are texts"
mkdir 'a<b>&"c'
cp tuned/log.jsonl 'a<b>&"c'
sed 's/"class": "0"/"class": "<script>alert(1)<\/script>"/' tuned/finetune.json >'a<b>&"c/finetune.json'
run tec report 'a<b>&"c' -o odd.html
warnings=$(cat "$err")
check odd.html
shows odd.html 'a&lt;b&gt;&amp;&quot;c'
shows odd.html '&lt;script&gt;alert'

say "missing and damaged files are named, the rest is shown"
for file in settings.yaml environment.json checkpoint.h5; do
    grep -q "$file is missing" <<<"$warnings" || fail "no line says that $file is missing"
    shows odd.html "$file is missing"
done
cp -r tuned damaged
head -c 3000 tuned/checkpoint.h5 >damaged/checkpoint.h5
echo '{"a":' >damaged/finetune.json
echo 'pretrain: {batch: many}' >damaged/settings.yaml
sed -i '3s/.*/{"kind":/' damaged/log.jsonl
printf '{"kind":"step","st' >>damaged/log.jsonl
expect_exit 0 'log.jsonl is damaged: 1 of [0-9]+ lines cannot be read, the first of them is line 3' \
    tec report damaged -o damaged.html
warnings=$(cat "$err")
check damaged.html
for text in 'damaged/log.jsonl is damaged' 'finetune.json is damaged' 'settings.yaml:1:[0-9]+: .*many' 'checkpoint.h5'; do
    grep -Eq "$text" <<<"$warnings" || fail "no line says '$text'"
    shows damaged.html "$text"
done
shows damaged.html 'data-x='
mkdir empty
for file in log.jsonl settings.yaml environment.json finetune.json knn.json checkpoint.h5; do
    : >"empty/$file"
done
run tec report empty -o empty.html
check empty.html

say "evaluations alone are no damaged run"
mkdir pixels
cp base/knn.json pixels
run tec report pixels -o pixels.html
! grep -q warning "$err" || fail "evaluations alone are warned of"
shows pixels.html 'evaluations only'

say "what is no run, and other mistakes; a page that cannot be written leaves the old one"
mkdir nothing
expect_exit 2 'nothing is no run directory: it has no log.jsonl' tec report base nothing -o no.html
expect_exit 2 'absent: there is no such run directory' tec report absent -o no.html
expect_exit 2 'tiny.yaml is no directory' tec report tiny.yaml -o no.html
expect_exit 2 'no run directory is given' tec report -o no.html
expect_exit 2 '-o is missing' tec report base
expect_exit 2 '\-\-csv writes the log of one run, but 2 are given' tec report base tuned --csv -o no.csv
expect_exit 2 'log.jsonl is missing' tec report pixels --csv -o no.csv
expect_exit 2 'no/such' tec report base -o no/such/page.html
[[ ! -e no.html && ! -e no.csv ]] || fail "a page is there after an error"
expect_exit 3 'File too large|cannot be written|limit' bash -c "ulimit -f 4 && exec '$program' report tuned -o base.html"
cmp base.html again.html || fail "a page was lost"
expect_no_temporaries .

say "the log as a table: a row for each line"
expect_exit 0 'log.csv: [0-9]+ rows' tec report base --csv -o log.csv
(($(wc -l <log.csv) == $(wc -l <base/log.jsonl) + 1)) || fail "not one row for each line"
head -n 1 log.csv | grep -q '^kind,epoch,step,loss,lr,gradient_norm,images_per_second' || fail "$(head -n 1 log.csv)"
lr=$(sed -n '2s/.*"lr":\([^,]*\).*/\1/p' base/log.jsonl)
[[ $(sed -n 3p log.csv | cut -d, -f5) == "$lr" ]] || fail "row 2 does not have $lr"
grep -q '"{""pretrain.stop_after_steps""' log.csv || fail "changes are not quoted"
