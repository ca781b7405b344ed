#!/usr/bin/env bash
# tec inspect of everything that is read or written.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# shows FILE LINE ...: each a whole line of what is printed.
shows() {
    local file=$1 line
    shift
    run tec inspect "$file"
    for line in "$@"; do
        grep -Fqxe "$line" "$out" || fail "tec inspect $file: no line '$line'"
    done
}

# put_safetensors FILE HEADER BYTES: zeros as data.
put_safetensors() {
    local length=${#2}
    ((length < 256)) || fail "the header is too long for this"
    {
        printf '%b\0\0\0\0\0\0\0%s' "\\0$(printf %o "$length")" "$2"
        head -c "$3" /dev/zero
    } >"$1"
}

say "safetensors, whole and in shards"
put_safetensors a.safetensors '{"__metadata__":{"format":"pt"},"x.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"n":{"dtype":"I64","shape":[],"data_offsets":[12,20]}}' 20
shows a.safetensors 'file: a.safetensors' 'format: safetensors' 'parameters: 6 in 1 tensors' \
    '  __metadata__.format: pt' 'tensors: 2' '  x.weight  bfloat16  [2, 3]' '  n  int64  []'
grep -q '^model: not recognised: a.safetensors' "$out" || fail "it is not said that no model was recognised"
echo '{"weight_map": {"n": "a.safetensors"}}' >model.safetensors.index.json
shows model.safetensors.index.json 'format: index of shards' '  n  int64  []' 'tensors: 1'
shows . 'file: ./model.safetensors.index.json'
run tec inspect a.safetensors ./a.safetensors
(($(grep -c '^tensors: 2$' "$out") == 2)) || fail "two files are not both shown"
put_safetensors escape.safetensors '{"a\u001b[31m":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}' 4
shows escape.safetensors '  a?[31m  float32  []'

say "checkpoints and fixtures"
make_settings tiny.yaml
make_idx train 310 1
make_idx val 62 2
run tec pretrain -c tiny.yaml pretrain.objective=mae pretrain.epochs=1 pretrain.warmup_epochs=0 run.dir=base
shows base/checkpoint.h5 'format: tec checkpoint' '  kind: mae' '  config.dim: 32' '  run.step: 10' \
    '  run.images: 310' '  pos_embed  float32  [1, 17, 32]'
grep -Eq '^model: .*width 32, 3 blocks, 2 heads .* patch 7, 28 x 28 x 1 pixels' "$out" || fail "no architecture"
grep -q '^family: [A-Za-z]' "$out" || fail "no family"
grep -q '^  run.software: tec ' "$out" || fail "the software is not named"
shows base 'file: base/checkpoint.h5' '  kind: mae'
shows "$repository/tests/fixtures/pretrain_small.h5" 'format: tec fixture' 'parameters: 269008 in 137 tensors' \
    '  config.att_tau: 1.8' '  inputs.images: float32 [3, 3, 32, 32]' '  blocks.5.attn.qkv.weight  float32  [144, 48]'

say "target stores"
run tec targets -c tiny.yaml base.model=base/checkpoint.h5 targets.dir=store
for file in store store/manifest.json; do
    shows "$file" 'file: store' 'format: tec target store' 'rows: 310 (images: 310, views of each: 1)' 'void rows: 0' \
        '  width: 32' '  type: float16' '  feature  float16  [rows, 16, 32]' '  attention  float16  [rows, 4, 2, 16]'
done
shows store/shard-00000.h5 "format: tec target store, shard 0 of $(find store -name 'shard-*' | wc -l)" '  topk: 3'
rm store/manifest.json
expect_exit 2 'the target store store is not finished' tec inspect store

say "files that are none"
expect_exit 2 'no file is given' tec inspect
expect_exit 2 'absent: No such file' tec inspect absent
expect_exit 2 'tiny.yaml is not a model file of a known format' tec inspect tiny.yaml
expect_exit 2 'train is a directory without model.safetensors' tec inspect train
head -c 60 a.safetensors >cut.safetensors
expect_exit 2 'cut.safetensors: a header of .* is it cut short' tec inspect cut.safetensors
head -c 3000 base/checkpoint.h5 >cut.h5
expect_exit 2 'cut.h5: cannot be opened; is it cut short' tec inspect cut.h5
expect_exit 2 'tec inspect does not read that section' tec inspect a.safetensors run.seed=1

say "models of other programs are called by their names"
"${PYTHON:-/usr/bin/python3}" - <<'PYTHON'
import zipfile

def archive(path, *names):
    with zipfile.ZipFile(path, "w") as z:
        for name in names:
            z.writestr(name, b"\x93NUMPY\x01\0")

archive("vit.npz", "embedding/kernel.npy", "cls.npy")
archive("vit.zip", "embedding/kernel.npy", "cls.npy")
archive("vit.keras", "metadata.json", "config.json", "model.weights.h5")
archive("packed.zip", "folder/vit.pth")
PYTHON
expect_exit 2 'vit.npz:embedding/kernel: ' tec inspect vit.npz
expect_exit 2 'vit.zip is an archive of NumPy arrays, which is read where its name ends in .npz: give it such' tec inspect vit.zip
expect_exit 2 'vit.keras is a model of Keras \(.keras\), which is not read' tec inspect vit.keras
expect_exit 2 'packed.zip is a zip archive around a model file: unpack it first' tec inspect packed.zip
for file in vit.safetensors vit.pth vit.bin; do # whatever the download is called
    echo 'version https://git-lfs.github.com/spec/v1' >$file
    expect_exit 2 "$file is a pointer of Git LFS, not the file itself: fetch it" tec inspect $file
    printf '\xef\xbb\xbf\n <!Doctype html>' >$file
    expect_exit 2 "$file is a web page, not a model: the download went wrong" tec inspect $file
    printf '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>' >$file
    expect_exit 2 "$file is a web page" tec inspect $file
    echo 'Entry not found' >$file
    expect_exit 2 "$file is not a model file of a known format, but text, which begins with .Entry not found" tec inspect $file
    printf 'x%.0s' {1..700} | gzip >$file
    expect_exit 2 "$file is compressed by gzip: unpack it first" tec inspect $file
done
printf '\xef\xbb\xbf{"weight_map": {"n": "a.safetensors"}}' >marked.index.json
shows marked.index.json 'format: index of shards'
printf '\x08\x07\x12\x07pytorch' >vit.onnx
expect_exit 2 'vit.onnx is an ONNX graph, which is not read: take the same model as .safetensors' tec inspect vit.onnx
in_folder flax touch flax_model.msgpack
expect_exit 2 'flax is a directory with flax_model.msgpack, which is not read' tec inspect flax
if /usr/bin/python3 -c 'import h5py' 2>"$err"; then
    /usr/bin/python3 -c '
import h5py
with h5py.File("tf_model.h5", "w") as f:
    f.attrs["keras_version"] = "2.12"
with h5py.File("new.weights.h5", "w") as f:
    f.create_group("layers/dense/vars")
with h5py.File("other.h5", "w") as f:
    f.create_group("data")'
    for file in tf_model.h5 new.weights.h5; do
        expect_exit 2 "$file holds the weights of a Keras or TensorFlow model" tec inspect $file
    done
    expect_exit 2 'other.h5 is not a model file of tec' tec inspect other.h5
fi

say "a real model"
if [[ -n ${TEC_TEST_DATA:-} ]]; then
    shows "$TEC_TEST_DATA/vit_tiny_patch16_224_augreg.safetensors" 'family: timm ViT' \
        'parameters: 5717416 in 152 tensors' '  blocks.11.mlp.fc2.weight  float32  [192, 768]'
else
    echo "SKIPPED: inspect: TEC_TEST_DATA is not set: no real model"
fi

say "PyTorch"
python=/usr/bin/python3
"$python" -c 'import torch' 2>"$err" || {
    echo "SKIPPED: inspect: python3 has no torch: no files of PyTorch"
    exit 0
}
"$python" - <<'PYTHON'
import argparse
import torch

state = {"cls_token": torch.zeros(1, 1, 8), "n": torch.arange(3), "half": torch.zeros(2, 2).half().t()}
whole = {"model": state, "epoch": 300, "args": argparse.Namespace(lr=1), "optimizer": {"state": {0: {"m": torch.ones(2)}}}}
torch.save(whole, "zip.pth")
torch.save(whole, "old.pth", _use_new_zipfile_serialization=False)
PYTHON
for file in zip old; do
    shows $file.pth '  model: dict, 3 tensors' '  epoch: 300' '  args: argparse.Namespace, not read' \
        '  optimizer: dict, 1 tensor' '  model.cls_token  float32  [1, 1, 8]' '  model.n  int64  [3]' \
        '  model.half  float16  [2, 2]' '  optimizer.state.0.m  float32  [2]'
done
