#!/usr/bin/env bash
# The sets that people start with, as they are downloaded: imitations of a few images each, by the lines of the tables in
# docs/formats.md. Each is evaluated, so that labels of both parts must have been found.
# shellcheck disable=SC2016 # the backquotes are those of the messages
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import numpy, h5py' 2>/dev/null || skip "NumPy and h5py are not there (make deps-tests)"
export OMPI_MCA_ess_singleton_isolated=1

"$python" - <<'PYTHON'
import gzip, os, struct
import h5py, numpy as np
rng = np.random.default_rng(1)
n, images = 30, lambda *shape: rng.integers(0, 256, shape).astype(np.uint8)
labels = np.arange(n) % 3
def idx(name, data):
    with gzip.open(name, "wb") as f:
        f.write(struct.pack(">I", 0x800 + data.ndim) + struct.pack(">%dI" % data.ndim, *data.shape) + data.tobytes())
for part, name in (("train", ""), ("t10k", ""), ("train", "emnist-letters-"), ("test", "emnist-letters-")):
    idx(f"{name}{part}-images-idx3-ubyte.gz", images(n, 28, 28))
    idx(f"{name}{part}-labels-idx1-ubyte.gz", (labels + (name != "")).astype(np.uint8)) # those of letters begin with 1
np.savez("mnist.npz", x_train=images(n, 28, 28), y_train=labels, x_test=images(n, 28, 28), y_test=labels)
parts = {f"{p}_images": images(n, 28, 28, 3) for p in ("train", "val", "test")}
np.savez("pathmnist.npz", **parts, **{f"{p}_labels": labels[:, None].astype(np.uint8) for p in ("train", "val", "test")})
np.savez("chestmnist.npz", **{f"{p}_images": images(n, 28, 28) for p in ("train", "val", "test")},
         **{f"{p}_labels": images(n, 14) % 2 for p in ("train", "val", "test")})
def records(name, *columns):
    np.concatenate([c[:, None].astype(np.uint8) for c in columns] + [images(n, 3072)], 1).tofile(name)
os.mkdir("cifar-10-batches-bin"), os.mkdir("cifar-100-binary")
for i in range(1, 6):
    records(f"cifar-10-batches-bin/data_batch_{i}.bin", labels)
records("cifar-10-batches-bin/test_batch.bin", labels)
records("cifar-100-binary/train.bin", labels // 2, labels)
records("cifar-100-binary/test.bin", labels // 2, labels)
open("cifar-10-batches-bin/batches.meta.txt", "w").write("airplane\nautomobile\nbird\n\n")
open("cifar-100-binary/fine_label_names.txt", "w").write("apple\naquarium_fish\nbaby\n")
open("cifar-100-binary/coarse_label_names.txt", "w").write("aquatic_mammals\nfish\n")
open("cifar-10-batches-bin/readme.html", "w").write("<html></html>")
for part in ("train", "valid"):
    with h5py.File(f"camelyonpatch_level_2_split_{part}_x.h5", "w") as f:
        f.create_dataset("x", data=images(n, 96, 96, 3), chunks=(10, 96, 96, 3), compression="gzip")
    with h5py.File(f"camelyonpatch_level_2_split_{part}_y.h5", "w") as f:
        f["y"] = (labels % 2).astype(np.uint8).reshape(n, 1, 1, 1)
with h5py.File("Galaxy10_DECals.h5", "w") as f:
    f["images"], f["ans"] = images(n, 64, 64, 3), labels.astype(np.uint8)
    f["ra"], f["dec"], f["redshift"], f["pxscale"] = (np.zeros(n) for _ in range(4))
def tif(name, bands): # interleaved, not packed
    data = rng.integers(0, 10000, (64, 64, bands)).astype("<u2").tobytes()
    tags = [(256, 3, 1, 64), (257, 3, 1, 64), (258, 3, bands, 8 + 2 + 12 * 8 + 4), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8 + 2 + 12 * 8 + 4 + 2 * bands), (277, 3, 1, bands), (279, 4, 1, len(data))]
    with open(name, "wb") as f:
        f.write(b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags) +
                b"\0\0\0\0" + struct.pack("<%dH" % bands, *[16] * bands) + data)
for c in ("AnnualCrop", "Forest", "SeaLake"):
    os.makedirs(f"EuroSAT_MS/{c}")
    for i in range(1, 4):
        tif(f"EuroSAT_MS/{c}/{c}_{i}.tif", 13)
PYTHON

# copy NAME: a small JPEG.
copies=0
copy() {
    local fixtures=(rgb444.jpg rgb420.jpg progressive.jpg)
    mkdir -p "$(dirname "$1")"
    cp "$repository/tests/data/images/${fixtures[copies++ % 3]}" "$1"
}

# evaluated CHANNELS TRAIN VAL SETTING ...
evaluated() {
    expect_exit 0 'k-NN|top-1' tec knn eval.model=pixels knn.k=1 run.dir=run data.image_size=28 data.channels="$1" \
        data.train="$2" data.val="$3" "${@:4}"
}

say "arrays and IDX"
evaluated 1 train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz
evaluated 1 emnist-letters-train-images-idx3-ubyte.gz emnist-letters-test-images-idx3-ubyte.gz
evaluated 1 mnist.npz mnist.npz
evaluated 3 pathmnist.npz pathmnist.npz
evaluated 3 pathmnist.npz pathmnist.npz:test_images
expect_exit 2 'chestmnist.npz:train_labels: labels are \[30, 14\] of uint8, but one number .*set data.labels=none' \
    tec check chestmnist.npz data.channels=1
run tec check chestmnist.npz data.channels=1 data.labels=none
evaluated 3 cifar-10-batches-bin cifar-10-batches-bin
evaluated 3 cifar-100-binary cifar-100-binary
evaluated 3 cifar-100-binary:train_images:train_coarse_labels cifar-100-binary:test_images:test_coarse_labels
evaluated 3 camelyonpatch_level_2_split_train_x.h5 camelyonpatch_level_2_split_valid_x.h5
evaluated 3 Galaxy10_DECals.h5 Galaxy10_DECals.h5

say "EuroSAT: three bands, and thirteen of 16 bits"
for i in 1 2 3; do
    for class in AnnualCrop Forest SeaLake; do copy EuroSAT_RGB/$class/${class}_$i.jpg; done
done
evaluated 3 EuroSAT_RGB EuroSAT_RGB
if ! "$program" --version | grep -qi tiff; then
    echo "SKIPPED: TIFF, which this build lacks"
else
    evaluated 13 EuroSAT_MS EuroSAT_MS data.range=0,10000 data.mean=0.5 data.std=0.5
    evaluated 3 EuroSAT_MS EuroSAT_MS data.range=0,10000 data.bands=4,3,2
fi

say "ImageNet, Imagenette and Tiny-ImageNet"
for class in n01440764 n01443537 n02119789; do
    for i in 1 2 3; do
        copy train/$class/${class}_$i.JPEG
        copy imagenette2-160/train/$class/${class}_$i.JPEG
        copy imagenette2-160/val/$class/ILSVRC2012_val_0000000$i$class.JPEG
        copy tiny-imagenet-200/train/$class/images/${class}_$i.JPEG
        printf '%s_%d.JPEG\t0\t10\t63\t58\n' $class $i >>tiny-imagenet-200/train/$class/${class}_boxes.txt
    done
    tar -C train/$class -cf $class.tar .
done
tar -cf ILSVRC2012_img_train.tar n01440764.tar n01443537.tar n02119789.tar
for i in 1 2 3; do
    copy val/ILSVRC2012_val_0000000$i.JPEG
    copy tiny-imagenet-200/val/images/val_$i.JPEG
    copy tiny-imagenet-200/test/images/test_$i.JPEG
done
tar -C val -cf ILSVRC2012_img_val.tar .
printf '%d\n' 490 361 1 >ILSVRC2012_validation_ground_truth.txt
printf '%s %d\n' n01440764 490 n01443537 361 n02119789 1 >classes.txt
printf 'val_%d.JPEG\t%s\t0\t32\t44\t62\n' 1 n01443537 2 n01440764 3 n02119789 >tiny-imagenet-200/val/val_annotations.txt
printf '%s\n' n01440764 n01443537 n02119789 >tiny-imagenet-200/wnids.txt
printf '%s\tname of it\n' n01440764 n01443537 n02119789 >tiny-imagenet-200/words.txt
evaluated 3 ILSVRC2012_img_train.tar ILSVRC2012_img_val.tar data.val_classes=classes.txt \
    data.val_labels=ILSVRC2012_validation_ground_truth.txt
mkdir parts && mv n0*.tar parts
evaluated 3 'parts/*.tar' ILSVRC2012_img_val.tar data.labels=folders data.val_classes=classes.txt \
    data.val_labels=ILSVRC2012_validation_ground_truth.txt
evaluated 3 tiny-imagenet-200/train tiny-imagenet-200/val data.val_labels=tiny-imagenet-200/val/val_annotations.txt
tar -czf imagenette2-160.tgz imagenette2-160
expect_exit 2 'imagenette2-160.tgz is compressed \(gzip\).*unpack it once by `gunzip -k`' \
    tec check imagenette2-160.tgz
gunzip -k imagenette2-160.tgz
evaluated 3 imagenette2-160.tar/imagenette2-160/train imagenette2-160.tar/imagenette2-160/val

say "what has to be unpacked: one line, with the remedy"
tar -czf cifar-10-binary.tar.gz cifar-10-batches-bin
printf 'PK\3\4%0200d' 0 >tiny-imagenet-200.zip
printf 'PK\3\4%0200d' 0 >EuroSAT_RGB.zip
expect_exit 2 'tiny-imagenet-200.zip is compressed \(ZIP\).*unpack it once by `unzip' tec check tiny-imagenet-200.zip
expect_exit 2 'EuroSAT_RGB.zip is compressed \(ZIP\).*unpack it once by `unzip' tec check EuroSAT_RGB.zip
expect_exit 2 'cifar-10-binary.tar.gz is compressed \(gzip\)' tec check cifar-10-binary.tar.gz
gunzip -k cifar-10-binary.tar.gz
expect_exit 2 'cifar-10-binary.tar.*CIFAR|no image' tec check cifar-10-binary.tar
gzip -k camelyonpatch_level_2_split_train_x.h5
expect_exit 2 'x.h5.gz is compressed \(gzip\), and no IDX file of images is in it: unpack it once by `gunzip -k`' tec check camelyonpatch_level_2_split_train_x.h5.gz
