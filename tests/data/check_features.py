#!/usr/bin/python3
"""Compares files of `tec features` with what PyTorch computes of the same IDX images, and reads them as a user does.

    check_features.py MODEL.safetensors HEADS IDX FILE.h5 ...   exit code 1 if a feature differs by more than 1e-5, relative to
                                                                the largest of its row (float16: 1e-3), or if rows, names or
                                                                labels are not in the order of the images

The model has timm's names, IDX grey images of its size, normalised by 0.5 and 0.5.
"""
import sys

import h5py
import numpy as np
import torch

sys.dont_write_bytecode = True  # beside the sources
from make_families import adopt, load_safetensors


def tokens_behind_every_block(model, images):
    """[depth + 1] of [B, 1 + L, D]; the last one is after the final norm."""
    outs, x = [], None
    norm = torch.nn.functional.layer_norm

    def keep(*arguments):  # the input of a norm is what the block before gave
        outs.append(arguments[0])
        return norm(*arguments)

    torch.nn.functional.layer_norm = keep
    model.run(images)
    torch.nn.functional.layer_norm = norm
    w = {k: v.double() for k, v in model.w.items()}
    last = norm(outs[-1], (model.width,), w["norm.weight"], w["norm.bias"], model.eps)
    return outs[2::2] + [last]  # norm1, norm2, norm1, norm2, ..., norm


def wanted(model, images, attributes):
    layers = tokens_behind_every_block(model, images)
    x = layers[attributes["layer"] - 1]
    if attributes["norm"]:
        w = {k: v.double() for k, v in model.w.items()}
        x = torch.nn.functional.layer_norm(x, (model.width,), w["norm.weight"], w["norm.bias"], model.eps)
    tokens = attributes["tokens"]
    return {"cls": x[:, 0], "mean": x[:, 1:].mean(1), "patches": x[:, 1:]}[tokens].numpy()


def check(path, model, pixels, labels):
    with h5py.File(path, "r") as f:
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in f.attrs.items()}
        sample, got = f["sample"][:], f["features"][:].astype(np.float64)
        names, given = f["path"].asstr()[:], f["label"][:]
    assert len(got) == len(sample) == len(pixels) and (sample == np.arange(len(pixels))).all(), "rows"
    assert all(name.endswith(f"[{i}]") for i, name in enumerate(names)), "names"
    assert (given == labels).all(), "labels"
    want = wanted(model, torch.from_numpy(pixels / 255.0 - 0.5) / 0.5, attributes)
    assert got.shape == want.shape, (got.shape, want.shape)
    error = np.abs(got - want).reshape(len(got), -1).max(1) / np.abs(want).reshape(len(got), -1).max(1)
    print(f"{path}: {attributes['tokens']} behind block {attributes['layer']}: relative error {error.max():.1e}")
    return error.max() <= (1e-5 if attributes["type"] == "float32" else 1e-3)


def main(model, heads, idx, *files):
    with open(idx, "rb") as f:
        f.seek(16)
        pixels = np.frombuffer(f.read(), np.uint8).reshape(-1, 1, 28, 28)
    with open(idx.replace("images-idx3", "labels-idx1"), "rb") as f:
        f.seek(8)
        labels = np.frombuffer(f.read(), np.uint8)
    vit = adopt(load_safetensors(model), int(heads), 1e-6)
    return all([check(path, vit, pixels, labels) for path in files])


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
