#!/usr/bin/env bash
# Arrays as data sets: the same images as a folder of PNG, NumPy, HDF5 and CIFAR train the same model, bit for bit; all
# commands take them, and a file that is damaged or changes is refused on all ranks.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import numpy, h5py' 2>/dev/null || skip "NumPy and h5py are not there (make deps-tests)"

export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0

# PNG without a library: IHDR, one IDAT, IEND.
"$python" - <<'PYTHON'
import os, struct, zlib
import h5py, numpy as np
rng = np.random.default_rng(3)
n = 60
y = np.arange(n) * 4 // n
x = (rng.integers(0, 80, (n, 32, 32, 3)) + 40 * y[:, None, None, None]).astype(np.uint8)
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
for i in range(n):
    os.makedirs(f"photos/{y[i]}", exist_ok=True)
    rows = b"".join(b"\0" + row.tobytes() for row in x[i])
    with open(f"photos/{y[i]}/{i:04}.png", "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
os.mkdir("npy")
np.save("npy/x_train.npy", x)
np.save("npy/y_train.npy", y)
np.savez("stored.npz", train_images=x, train_labels=y[:, None].astype(np.uint8), val_images=x[1::3], val_labels=y[1::3])
np.savez_compressed("packed.npz", x_train=planes, y_train=y.astype(">i4"), x_test=x[1::3], y_test=y[1::3])
with h5py.File("plain.h5", "w") as f:
    f["images"], f["ans"] = x, y
with h5py.File("chunks.h5", "w") as f:
    f.create_dataset("g/images", data=planes, chunks=(7, 3, 16, 32), compression="gzip", shuffle=True, fletcher32=True)
    f.create_dataset("g/labels", data=y, chunks=(9,), compression="gzip")
records = np.concatenate([y[:, None].astype(np.uint8), planes.reshape(n, -1)], 1)
os.mkdir("cifar")
for i in range(5):
    records[12 * i:12 * i + 12].tofile(f"cifar/data_batch_{i + 1}.bin")
records[1::3].tofile("cifar/test_batch.bin")
open("cifar/batches.meta.txt", "w").write("0\n1\n2\n3\n\n")
PYTHON

make_settings tiny.yaml
colour=(-c tiny.yaml data.channels=3)
mae=(pretrain "${colour[@]}" pretrain.objective=mae pretrain.batch=16 pretrain.epochs=2)
tar -C photos -cf photos.tar .
for file in photos/*/*; do echo "${file#photos/},$(basename "${file%/*}")"; done >all.csv
mv all.csv photos/list.csv
forms=(npy/x_train.npy stored.npz packed.npz plain.h5 chunks.h5 cifar photos.tar photos/list.csv)
let_files_age

say "one set in nine forms: the same log and the same weights"
run tec "${mae[@]}" data.train=photos data.val=photos run.dir=photos.run
run tec export photos.run/checkpoint.h5 -o photos.safetensors
for form in "${forms[@]}"; do
    run tec "${mae[@]}" data.train="$form" data.val="$form" run.dir=run
    expect_same_log photos.run/log.jsonl run/log.jsonl
    run tec export run/checkpoint.h5 -o run.safetensors
    cmp photos.safetensors run.safetensors || fail "$form trains another model"
    rm -rf "kept.${form##*/}"
    mv run "kept.${form##*/}"
done

say "a start with the same files reads no checksums of them, and one with others does"
cp -r kept.plain.h5 again
expect_exit 0 'plain.h5: list of 60 images taken from again/train.list.gz; the files have not changed since' \
    ranks 2 "${mae[@]}" data.train=plain.h5 data.val=plain.h5 run.dir=again pretrain.epochs=3
grep -q 'plain.h5: images from /images, .*; labels from /ans' "$err" || fail "a kept list does not say which arrays it is of"
cp plain.h5 changes.h5
let_files_age
run tec "${mae[@]}" data.train=changes.h5 run.dir=changes
"$python" -c 'import h5py; f = h5py.File("changes.h5", "r+"); f["images"][7] = 0'
expect_exit 2 'was trained on another data set' ranks 2 "${mae[@]}" data.train=changes.h5 run.dir=changes pretrain.epochs=3
grep -q 'changes.h5 is listed anew: it has changed (changes.h5) since' "$err" || fail "a changed file is not named"
"$python" -c 'import h5py; h5py.File("plain.h5", "r+")["more"] = h5py.SoftLink("/nowhere")'
expect_exit 0 'warning: plain.h5: /more cannot be opened' tec inspect plain.h5

say "five bands of 16 bits and of floats: a folder of TIFF and arrays of either order of bytes and axes are one set"
"$python" - <<'PYTHON'
import os, struct
import h5py, numpy as np
rng = np.random.default_rng(4)
n, H, W, B = 24, 20, 24, 5
y = np.arange(n) * 2 // n
u16 = (rng.integers(0, 9000, (n, H, W, B)) + 7000 * y[:, None, None, None]).astype("<u2")
f32 = ((u16.astype("<f4") - 4000) * np.float32(1.7e-4)).astype("<f4")
def tiff(path, x):
    data, kind = x.tobytes(), {"u": 1, "f": 3}[x.dtype.kind]
    entries = [(256, 4, 1, W), (257, 4, 1, H), (258, 3, B, [8 * x.dtype.itemsize] * B), (259, 3, 1, 1), (262, 3, 1, 1),
               (273, 4, 1, 8), (277, 3, 1, B), (278, 4, 1, H), (279, 4, 1, len(data)), (339, 3, B, [kind] * B)]
    at, table, rest = 8 + len(data), b"", b""
    for tag, what, count, value in entries:
        if isinstance(value, list):
            rest += struct.pack(f"<{B}H", *value)
            value = at + 2 + 12 * len(entries) + 4 + len(rest) - 2 * B
        table += struct.pack("<HHII", tag, what, count, value)
    with open(path, "wb") as f:
        f.write(struct.pack("<2sHI", b"II", 42, at) + data + struct.pack("<H", len(entries)) + table + bytes(4) + rest)
for name, x in ("u16", u16), ("f32", f32):
    for i in range(n):
        os.makedirs(f"{name}/{y[i]}", exist_ok=True)
        tiff(f"{name}/{y[i]}/{i:03}.tif", x[i])
    planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    np.save(f"{name}_x.npy", x.astype(x.dtype.newbyteorder(">")))
    np.save(f"{name}_y.npy", y)
    np.savez_compressed(f"{name}.npz", images=planes, labels=y)
    with h5py.File(f"{name}.h5", "w") as f:
        f.create_dataset("images", data=planes.astype(x.dtype.newbyteorder(">")), chunks=(5, 2, H, W), compression="gzip")
        f["labels"] = y
PYTHON
folder=yes
tec check u16 data.channels=5 data.range=type >"$out" 2>"$err" || ! grep -q 'lacks libtiff' "$out" "$err" || folder=
for type in u16 f32; do
    range=data.range=type
    [[ $type == u16 ]] || range=data.range=-0.5,2
    # shellcheck disable=SC2086
    for form in $type.npz $type.h5 ${type}_x.npy:${type}_y.npy ${folder:+$type}; do
        run tec check "$form" data.channels=5 data.image_size=16 "$range"
        sed "s/^$form: //" "$out" >"$form.check"
        diff "$type.npz.check" "$form.check" || fail "tec check says other things of $form"
        run tec "${mae[@]}" data.channels=5 "$range" data.train="$form" data.val="$form" pretrain.epochs=1 run.dir="$form.run"
        run tec export "$form.run/checkpoint.h5" -o "$form.safetensors"
        cmp "$type.npz.safetensors" "$form.safetensors" || fail "$form trains another model"
    done
done
expect_exit 2 'f32.npz:images: values of 32-bit float, and data.range is bytes: set data.range=LOW,HIGH, the values that become' \
    ranks 2 "${mae[@]}" data.channels=5 data.train=f32.npz run.dir=no
expect_exit 2 'u16.h5:/images: 5 bands, but data.channels is 3: set data.channels=5, or let data.bands choose some' \
    tec check u16.h5 data.channels=3 data.range=type
expect_exit 0 'u16.npz:images: taken as \[N, C, H, W\]: 5 bands of 24 x 20 pixels' tec check u16.npz data.channels=2 data.bands=5,1 data.range=type
expect_exit 0 '24 images of 24 x 20, 5 bands: data.train=f32.h5:/images data.channels=5 data.range=LOW,HIGH' tec inspect f32.h5

say "five bands of 8 bits: a store keeps their images, and trains as they do; what is not of 8 bits it refuses; reports say that pictures are left out"
"$python" -c 'import numpy as np
x = np.random.default_rng(5).integers(0, 200, (24, 20, 20, 5)).astype(np.uint8)
np.savez("u8.npz", images=x)
np.savez("u8f.npz", images=x.astype(np.float16))'
bytes=(-c tiny.yaml data.channels=5 data.train=u8.npz)
run tec pretrain "${bytes[@]}" pretrain.objective=mae pretrain.batch=8 pretrain.epochs=1 run.dir=five
for images in true false; do
    run tec targets "${bytes[@]}" base.model=five/checkpoint.h5 targets.dir=five.$images targets.store_images=$images
    run tec pretrain "${bytes[@]}" pretrain.batch=8 pretrain.epochs=1 targets.dir=five.$images run.dir=from.$images
    run tec export from.$images/checkpoint.h5 -o from.$images.safetensors
done
cmp from.true.safetensors from.false.safetensors || fail "the images of a store train another model"
expect_exit 2 'targets.store_images keeps images of 8 bits, but data.range is 0,255: leave it false; images are then read from' \
    tec targets "${bytes[@]}" data.train=u8f.npz data.range=0,255 base.model=five/checkpoint.h5 targets.dir=no targets.store_images=true
expect_exit 2 'u8f.npz:images: values of 16-bit float, and data.range is bytes' \
    tec targets "${bytes[@]}" data.train=u8f.npz base.model=five/checkpoint.h5 targets.dir=no targets.store_images=true
expect_exit 0 'five lacks pictures: they are made of 8-bit images of 1 or 3 channels, and data.channels is 5' \
    tec report five from.true -o five.html

say "a run goes on with the images in another file, as they are the same; with other images it is refused by number"
expect_exit 0 'chunks.h5: images from /g/images, \[60, 3, 32, 32\] of uint8; labels from /g/labels' \
    ranks 2 "${mae[@]}" data.train=chunks.h5 data.val=stored.npz pretrain.epochs=3 run.dir=kept.plain.h5
cp npy/x_train.npy changed.npy
patch changed.npy $((128 + 41 * 3072 + 7)) 1
cp npy/y_train.npy .
expect_exit 2 '60 images were used, 60 are now: image 0000000041 is another image, or has another label' \
    tec "${mae[@]}" data.train=changed.npy:y_train.npy data.val=stored.npz pretrain.epochs=3 run.dir=kept.x_train.npy

say "all commands; two ranks and one give the same"
base=kept.stored.npz/checkpoint.h5
run tec targets "${colour[@]}" data.train=packed.npz base.model="$base" targets.dir=store targets.shard_mb=1
run tec targets "${colour[@]}" data.train=chunks.h5 base.model="$base" targets.dir=store --verify
run ranks 2 "${mae[@]}" data.train=plain.h5 targets.dir=store run.dir=new
expect_exit 0 'stored.npz: images from val_images, \[20, 32, 32, 3\] of uint8; labels from val_labels' \
    tec knn "${colour[@]}" data.train=stored.npz data.val=stored.npz eval.model="$base" knn.k=3 run.dir=one
run ranks 2 knn "${colour[@]}" data.train=cifar data.val=cifar eval.model="$base" knn.k=3 run.dir=two
cmp <(number top1 <one/knn.json) <(number top1 <two/knn.json) || fail "k-NN differs between stored.npz and cifar"
run tec probe "${colour[@]}" data.train=chunks.h5 data.val=cifar eval.model="$base" probe.epochs=2 run.dir=probe
run tec finetune "${colour[@]}" data.train=cifar data.val=packed.npz finetune.model="$base" finetune.epochs=1 \
    finetune.batch=16 run.dir=tuned
run tec predict tuned/checkpoint.h5 stored.npz:val_images -o one.csv
run ranks 2 predict tuned/checkpoint.h5 cifar:test_images -o two.csv
cmp <(sed 's/^[^,]*,//' one.csv) <(sed 's/^[^,]*,//' two.csv) || fail "predictions differ"
run tec features "$base" chunks.h5 -o features.h5
expect_exit 0 '^  data set +184.80 kB' tec plan "${colour[@]}" data.train=packed.npz:x_train

say "what they are"
run tec inspect stored.npz chunks.h5 cifar npy/x_train.npy
for line in '  train_images  \[60, 32, 32, 3\] of uint8  \(60 images of 32 x 32, colour: data.train=stored.npz:train_images' \
    '  /g/images  \[60, 3, 32, 32\] of uint8  .*labels from chunks.h5:/g/labels' \
    'format: CIFAR \(binary\)' '  \[60, 32, 32, 3\] of uint8  .*data.train=npy/x_train.npy, labels from npy/y_train.npy'; do
    grep -Eq "$line" "$out" || fail "tec inspect does not print '$line'"
done
"$python" -c 'import numpy as np
np.savez("weighted.npz", images=np.zeros((6, 8, 8, 3), np.uint8), labels=np.arange(6), class_weight=np.ones((1, 6)), weight=np.ones(6))'
expect_exit 0 '6 images of 8 x 8, colour: data.train=weighted.npz' tec inspect weighted.npz
run tec check stored.npz chunks.h5 data.channels=3
grep -q 'stored.npz: 60 images, 0 bad, 4 classes' "$out" || fail "tec check does not count them"
grep -q 'duplicates: 60 images' "$out" || fail "tec check does not find the same images in both"

say "damage and mistakes: one line, on all ranks"
for form in packed.npz plain.h5 chunks.h5 npy/x_train.npy; do
    head -c $(($(stat -c %s "$form") - 2000)) "$form" >"short.${form##*.}"
    expect_exit 2 "short.${form##*.}.*(fetch the file again|cut short)" tec check "short.${form##*.}"
done
truncate -s -100 cifar/data_batch_2.bin
expect_exit 2 'data_batch_2.bin: truncated, or not of CIFAR' ranks 2 "${mae[@]}" data.train=cifar run.dir=bad
expect_exit 2 'stored.npz holds no array images, but train_images' tec check stored.npz:images
expect_exit 2 'nothing.npz:train_images: No such file or directory \(a folder of images, a tar archive of them, a list file, a file of arrays' \
    tec check nothing.npz:train_images
expect_exit 2 'only folders of images are packed' tec pack plain.h5 pack
