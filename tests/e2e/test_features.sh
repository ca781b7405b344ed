#!/usr/bin/env bash
# tec features: the same file for any number of ranks and after a kill, and what PyTorch computes; what reads such files.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0
python=${PYTHON:-/usr/bin/python3}

make_idx train 310 1
make_idx val 90 2
make_settings tiny.yaml
images=train/images-idx3-ubyte
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=base pretrain.epochs=1
model=base/checkpoint.h5

# same FILE FILE
same() {
    cmp "$1" "$2" >"$out" || fail "$1 and $2 differ"
}

say "the same bytes on 1, 2 and 3 ranks; nothing else is left"
line='^features of 310 images, 32 numbers each \(float32\), in one.h5$'
expect_exit 0 "$line" tec features "$model" "$images" -o one.h5 eval.batch=7
expect_progress 'features: 310 of 310 images'
for n in 2 3; do
    run ranks $n features "$model" "$images" -o "on$n.h5" eval.batch=7
    same one.h5 "on$n.h5"
done
[[ ! -e one.h5.parts ]] || fail "the parts are left behind"
expect_no_temporaries .
grep -q 'evaluation: images of 28 x 28 pixels as they are' "$err" || fail "the preprocessing is not told"

expect_exit 0 '^rows: 310 \(images left out: 0\)$' tec inspect one.h5
grep -q '^  tokens: cls$' "$out" || fail "tec inspect does not say what the features are"

say "layers, tokens, types, as PyTorch computes them"
for tokens in cls mean patches; do
    run ranks 2 features "$model" "$images" -o "$tokens.h5" features.tokens=$tokens features.layer=2 features.norm=false
done
run ranks 2 features "$model" "$images" -o first.h5 features.layer=1 features.tokens=mean
run ranks 2 features "$model" "$images" -o half.hdf5 features.tokens=patches features.type=float16
run tec features "$model" "$images" -o last.h5 features.layer=-1 eval.batch=7
same one.h5 last.h5
run tec export $model -o model.safetensors
if "$python" -c 'import torch, h5py' 2>/dev/null; then
    "$python" "$repository/tests/data/check_features.py" model.safetensors 2 $images \
        one.h5 cls.h5 mean.h5 patches.h5 first.h5 half.hdf5 >"$out" 2>"$err" || fail "PyTorch computes other features"
    sed 's/^/-- /' "$out"
else
    echo "SKIPPED: there is no PyTorch or no h5py to compare features with (Debian: python3-torch, python3-h5py)"
fi

say "NumPy's file with the names beside it"
run ranks 2 features "$model" "$images" -o array.npy eval.batch=7
[[ $(wc -l <array.csv) == 311 && $(head -n 1 array.csv) == path,label,class ]] || fail "array.csv is not a row per image"
[[ $(sed -n 4p array.csv) == 'images-idx3-ubyte[2],2,2' ]] || fail "array.csv: row 2 is $(sed -n 4p array.csv)"
if "$python" -c 'import h5py' 2>/dev/null; then
    "$python" -c 'import h5py, numpy
a, b = numpy.load("array.npy"), h5py.File("one.h5")["features"][:]
assert a.dtype == b.dtype and a.shape == (310, 32) and (a == b).all()' >"$out" 2>"$err" || fail "array.npy has other features"
fi

say "killed: what is finished is not computed again, on any number of ranks"
many=many/images-idx3-ubyte
mkdir many
{
    printf '\0\0\010\003\0\0\030\070\0\0\0\034\0\0\0\034' # 6200
    for ((i = 0; i < 20; i++)); do tail -c +17 $images; done
} >$many
job_of=(features "$model" "$many" eval.batch=1)
run ranks 2 "${job_of[@]}" -o whole.h5
start_ranks 2 "${job_of[@]}" -o killed.h5
wait_for "two parts" has_file 'killed.h5.parts/part-*2'
signal_rank KILL 1
end_of_job
((code != 0)) || fail "a rank was killed, but the exit code is 0"
[[ ! -e killed.h5 ]] || fail "an unfinished file has its final name"

expect_exit 2 'killed.h5.parts was begun with tokens = cls, this run wants mean \(features.tokens\): give the former' \
    ranks 2 "${job_of[@]}" -o killed.h5 features.tokens=mean
expect_exit 2 'killed.h5.parts was begun with batch = 1, this run wants 2 \(eval.batch\)' \
    tec features "$model" "$many" eval.batch=2 -o killed.h5
expect_exit 2 'killed.h5.parts was begun with other images: give the former' \
    ranks 2 features "$model" "$images" eval.batch=1 -o killed.h5
run tec pretrain -c tiny.yaml pretrain.objective=mae run.dir=other pretrain.epochs=1 run.seed=5
expect_exit 2 'killed.h5.parts was begun with another model: give the former' \
    tec features other/checkpoint.h5 $many eval.batch=1 -o killed.h5
exec {lock}<>killed.h5.parts/lock
flock "$lock"
expect_exit 2 'killed.h5: another process computes these features' ranks 2 "${job_of[@]}" -o killed.h5
exec {lock}>&-
unreadable=$(find killed.h5.parts -name 'part-*' | sort | head -n 1)
mv "$unreadable" kept
ln -s "${unreadable##*/}" "$unreadable" # a link to itself
expect_exit 3 "$unreadable: cannot be read: Too many levels of symbolic links" ranks 3 "${job_of[@]}" -o killed.h5
[[ -L $unreadable ]] || fail "a part that cannot be read was removed"
mv kept "$unreadable"
damaged=$(find killed.h5.parts -name 'part-*' | sort | head -n 1)
patch "$damaged" 100 377
expect_exit 3 "$damaged is damaged; it is removed" ranks 3 "${job_of[@]}" -o killed.h5
echo tecrows1 >"$damaged"
expect_exit 0 'killed.h5.parts: [1-9][0-9]* of [0-9]+ parts are there already' ranks 3 "${job_of[@]}" -o killed.h5
grep -q 'killed.h5.parts: 1 part is damaged, or of an earlier program, and computed again' "$err" ||
    fail "a part that is of no use is passed over without a word"
same whole.h5 killed.h5
[[ ! -e killed.h5.parts ]] || fail "the parts are left behind"
expect_no_temporaries .

say "k-NN and probe of files are those of the model, to the bit"
run tec features "$model" val/images-idx3-ubyte -o val.h5 eval.batch=7
# results FILE: what has to be the same of two evaluations.
results() {
    grep -Ev '"(seconds|features_file|val_features_file|layer|norm|val|train)":' "$1"
}
files=(-c tiny.yaml eval.features=one.h5 eval.val_features=val.h5)
expect_exit 0 '^epoch: 1$' tec inspect one.h5
for command in knn probe; do
    run ranks 2 $command -c tiny.yaml eval.model="$model" eval.batch=7 run.dir=by-model
    expect_progress 'features of the training set: 310 of 310 images'
    expect_progress '(k-NN: 90 of 90 images|linear probe: epoch 20 of 20, loss [0-9.]+)'
    expect_exit 0 'features by base/checkpoint.h5 of train/images-idx3-ubyte \(one.h5\)' \
        ranks 2 $command "${files[@]}" run.dir=by-files
    diff <(results by-model/$command.json) <(results by-files/$command.json) >"$out" ||
        fail "$command of files has other results"
done
run tec knn -c by-files/knn.yaml
expect_exit 0 'data.mean and data.std are of no effect here: images are normalised as base/checkpoint.h5 was trained' \
    ranks 2 knn -c tiny.yaml eval.model="$model" eval.batch=7 run.dir=by-model data.mean=0.4
line='data.mean and data.std are of no effect'
grep -q "$line" "$err" || fail "nothing is said of data.mean"
run tec knn -c tiny.yaml eval.model="$model" eval.batch=7 run.dir=by-model base.mean=0.4 base.std=0.5
grep -q '^  mean: ' by-model/knn.yaml || fail "by-model/knn.yaml does not list data.mean"
run tec knn -c by-model/knn.yaml
if grep -q "$line" "$err"; then fail "data.mean at its default is said to be of no effect"; fi
# refused PATTERN key=value ...
refused() {
    local pattern=$1
    shift
    expect_exit 2 "$pattern" ranks 2 knn "${files[@]}" run.dir=by-files "$@"
}
val=val/images-idx3-ubyte
run tec features other/checkpoint.h5 $val -o other.h5
run tec features "$model" $val -o val-mean.h5 features.tokens=mean
run tec features "$model" $val -o unlabelled.h5 data.labels=none
refused 'one.h5 and other.h5 are features by different models' eval.val_features=other.h5
refused 'one.h5 and val-mean.h5 do not go together: tokens is cls in the one and mean in the other \(features.tokens\)' \
    eval.val_features=val-mean.h5
refused 'eval.features one.h5 and eval.val_features on2.h5 are of the same images' eval.val_features=on2.h5
refused 'eval.features unlabelled.h5 has no labels' eval.features=unlabelled.h5
refused 'eval.features patches.h5 holds every patch of an image' eval.features=patches.h5
refused 'eval.val_features is not given' eval.val_features=
refused 'eval.model and eval.features are both given' eval.model="$model"
refused 'eval.pooling is given, but eval.features one.h5 was written without it' eval.pooling=mean
refused 'knn.k is 400, but there are only 310 training images' knn.k=400
refused 'array.npy does not say how its features were made' eval.features=array.npy
refused 'base/checkpoint.h5 is no file of features' eval.features="$model"

say "neighbours: the same table on any number of ranks, as NumPy finds it"
run tec neighbours one.h5 val.h5 --k 3 -o near.csv
expect_progress 'neighbours: 90 of 90 images'
if command -v script >/dev/null; then
    script -qec "'$program' neighbours one.h5 val.h5 --k 3 -o on-terminal.csv" /dev/null </dev/null >"$out" 2>"$err"
    grep -Fq '[####################] neighbours: 90 of 90 images' "$out" || fail "there is no bar on a terminal"
    same near.csv on-terminal.csv
fi
for n in 2 3; do
    run ranks $n neighbours one.h5 val.h5 --k 3 -o "near$n.csv"
    same near.csv "near$n.csv"
done
tec neighbours one.h5 val.h5 --k 3 2>"$err" >near.out || fail "no table on standard output"
same near.csv near.out
expect_exit 0 '[1-9][0-9]* of 6200 images are near-duplicates of images before them' \
    ranks 3 neighbours whole.h5 --duplicates 0.999999 --k 1 -o copies.csv
run tec neighbours whole.h5 --duplicates 0.999999 --k 1 -o copies1.csv
same copies.csv copies1.csv
if "$python" -c 'import h5py' 2>/dev/null; then
    "$python" - >"$out" 2>"$err" <<'PY' || fail "NumPy finds other neighbours"
import csv, h5py, numpy
def unit(path):
    with h5py.File(path) as f:
        x = f["features"][:].astype(float)
        return x / numpy.linalg.norm(x, axis=1, keepdims=True), list(f["path"].asstr()[:])
(a, a_names), (b, b_names) = unit("one.h5"), unit("val.h5")
rows = list(csv.DictReader(open("near.csv")))
assert len(rows) == 3 * len(b)
similar = b @ a.T
for i, row in enumerate(rows):
    want = numpy.sort(similar[i // 3])[::-1][i % 3]
    got = similar[i // 3][a_names.index(row["neighbour"])]
    assert row["path"] == b_names[i // 3] and int(row["rank"]) == i % 3 + 1 and abs(want - got) < 1e-12
    assert abs(float(row["similarity"]) - want) < 1e-6
copies = {row["path"] for row in csv.DictReader(open("copies.csv"))}
x, names = unit("whole.h5")
kept = numpy.array([i for i, name in enumerate(names) if name not in copies])
assert 0 < len(kept) <= 310 and all(f"images-idx3-ubyte[{i}]" in copies for i in range(310, 6200))
assert (numpy.triu(x[kept] @ x[kept].T, 1) < 0.999999).all()
PY
fi
expect_exit 2 'one.h5 and other.h5 are features by different models' ranks 2 neighbours one.h5 other.h5
expect_exit 2 'patches.h5 holds every patch of an image' tec neighbours patches.h5 --duplicates 0.9
expect_exit 2 'one.h5 is given twice' tec neighbours one.h5 one.h5
expect_exit 2 './one.h5 is given twice|one.h5 is given twice' tec neighbours one.h5 ./one.h5
expect_exit 2 '-o ./one.h5 is a file that is read' ranks 2 neighbours one.h5 val.h5 -o ./one.h5
expect_exit 2 '-o base/checkpoint.h5 is a file that is read' ranks 2 features base/checkpoint.h5 "$images" -o base/checkpoint.h5
if "$python" -c 'import h5py' 2>/dev/null; then
    cp val.h5 nan.h5
    "$python" -c 'import h5py; h5py.File("nan.h5", "r+")["features"][7, 3] = float("nan")'
    expect_exit 2 'nan.h5: row 7 of the features holds a number that is not finite' ranks 2 knn -c tiny.yaml \
        eval.features=one.h5 eval.val_features=nan.h5 run.dir=nan
    expect_exit 2 'nan.h5: row 7 of the features' ranks 2 neighbours one.h5 nan.h5 -o nan.csv
fi
expect_exit 2 'a second file is expected' tec neighbours one.h5
expect_exit 2 'files of features are expected' tec neighbours

say "bad images and images without labels"
make_folder photos 8
head -c 600 photos/left/3.jpg >cut.jpg && mv cut.jpg photos/left/3.jpg
photos=(features "$model" photos eval.batch=2 -o photos.h5)
expect_exit 2 'photos/left/3.jpg: truncated JPEG' ranks 2 "${photos[@]}"
expect_exit 0 'features of 15 images, .* \(1 image left out\)' ranks 2 "${photos[@]}" data.on_bad_image=skip
grep -q 'warning: .*photos/left/3.jpg: ' "$err" || fail "the image that is left out is not listed"
grep -q left_out photos.h5 || fail "the image that is left out is not in the file"
make_folder fresh 3
skip=(data.on_bad_image=skip eval.batch=2)
run tec features "$model" fresh -o fresh.h5 "${skip[@]}"
run ranks 2 probe -c tiny.yaml eval.model="$model" data.train=photos data.val=fresh run.dir=by-model "${skip[@]}"
run ranks 2 probe -c tiny.yaml eval.features=photos.h5 eval.val_features=fresh.h5 run.dir=by-files
diff <(results by-model/probe.json) <(results by-files/probe.json) >"$out" || fail "the probe without a bad image differs"
run ranks 3 features "$model" photos eval.batch=2 -o photos.npy data.on_bad_image=skip data.labels=none
[[ $(head -n 1 photos.csv) == path && $(wc -l <photos.csv) == 16 ]] || fail "photos.csv does not name 15 images"
! grep -q 'left/3.jpg' photos.csv || fail "an image without features is named"
mkdir noise && echo noise >noise/1.jpg
expect_exit 2 'noise' ranks 2 features "$model" noise -o noise.h5 data.on_bad_image=skip

say "mistakes"
expect_exit 2 'a model, a data set and a file to write are expected' tec features "$model" "$images"
expect_exit 2 'features.txt: features are written to a file whose name ends in .h5' tec features "$model" "$images" -o features.txt
expect_exit 2 'features.layer is 4, but base/checkpoint.h5 has 3 blocks: give 1 .. 3' \
    ranks 2 features "$model" "$images" -o bad.h5 features.layer=4
expect_exit 2 'nowhere/bad.h5: cannot be written' tec features "$model" "$images" -o nowhere/bad.h5
mkdir bad.csv
expect_exit 2 'bad.csv is a directory: name a file' ranks 2 features "$model" "$images" -o bad.npy
printf 'path\n%s\n' "$images" >list.csv
cp list.csv list_before.csv
expect_exit 2 'list.csv is a file that is read' ranks 2 features "$model" list.csv -o list.npy
cmp list.csv list_before.csv || fail "the list of images is overwritten"
[[ ! -e list.npy && ! -e list.npy.parts ]] || fail "something is left of a mistake"
[[ ! -e bad.npy && ! -e bad.npy.parts && ! -e bad.h5 && ! -e bad.h5.parts ]] || fail "something is left of a mistake"
