#!/usr/bin/env python3
"""Makes PyTorch files for the tests of src/formats/torch_*.c and, by what PyTorch holds, what is to be read from them.

    make_torch.py DIRECTORY            all of them
    make_torch.py DIRECTORY --golden   those that are kept in tests/data/torch
    make_torch.py --check FILE         a file that tec_torch_write wrote (tests/unit/test_torch_files.c says what)

Beside NAME.pth lies NAME.want, a line for each tensor and note, or NAME.refused, a part of the message. The files that
attack their reader would leave a file `tec-canary` in the current directory.
"""
import argparse
import collections
import copy
import io
import os
import pickle
import random
import struct
import sys
import warnings
import zipfile

import numpy
import torch

warnings.filterwarnings("ignore")
torch.manual_seed(7)


# ---- objects ----


def plain():
    a = torch.randn(2, 3)
    special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-42])
    return collections.OrderedDict(
        f32=a, f64=a.double() / 3, f16=a.half(), bf16=a.bfloat16(), special=special, i64=torch.arange(3),
        i32=torch.arange(3, dtype=torch.int32), i16=torch.arange(3, dtype=torch.int16), i8=torch.arange(2, dtype=torch.int8),
        u8=torch.arange(2, dtype=torch.uint8), bool=torch.tensor([True, False]), c64=torch.complex(a, a))


def views():
    a = torch.arange(24.0).reshape(4, 6)
    half = torch.arange(12).half()
    state = collections.OrderedDict()
    state["whole"] = a
    state["transposed"] = a.t()
    state["window"] = a[1:3, 2:5]
    state["column"] = a[:, 5]
    state["steps"] = a[::2, 1::2]
    state["last"] = a[3, 5]
    state["scalar"] = torch.tensor(3.5)
    state["empty"] = torch.zeros(0, 3)
    state["expanded"] = torch.tensor([[1.0], [2.0]]).expand(2, 3)
    state["permuted"] = torch.arange(120.0).reshape(2, 3, 4, 5).permute(3, 1, 0, 2)
    state["half_view"] = half[3:9].view(2, 3).t()
    state["same"] = state["whole"]
    state["parameter"] = torch.nn.Parameter(a[2:] * 2)
    state["channels_last"] = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    return state


def mae():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).pow(2).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 300,
        "scaler": {"scale": 65536.0, "growth_factor": 2.0},
        "args": argparse.Namespace(model="mae_vit_base_patch16", lr=numpy.float64(1e-3), blr=None, path="/tmp"),
        "best": numpy.float32(83.5),
        "history": numpy.arange(3.0),
        "arch": "vit_base",
        "lr": 0.5,
        "done": True,
        "nothing": None,
        "size": torch.Size([2, 3]),
        "dtype": torch.float16,
        "device": torch.device("cpu"),
        "metrics": collections.defaultdict(list, loss=[1.5, 2]),
        7: {"nested": {"deep": [torch.ones(2), (torch.zeros(1), "text")]}},
    }


def odd():
    """What torch.save can hold beside tensors that are read."""
    a = torch.arange(6.0).reshape(2, 3)
    return {
        "sparse": a.to_sparse(),
        "quantised": torch.quantize_per_tensor(a, 0.1, 0, torch.qint8),
        "set": {1, 2},
        "frozen": frozenset("ab"),
        "bytes": b"\x00\xff",
        "big": 1 << 80,
        "negative": -(1 << 40),
        "text": "na\u00efve \u2713 " * 20,
        "line": "a\nb",
        "complex": 1 + 2j,
        "range": range(3),
        "function": torch.nn.functional.gelu,
        "random": random.Random(1),
        "a": a,
    }


class Attributed(torch.Tensor):
    """A derived class of tensor; its file names __main__.Attributed."""


def derived():
    a = torch.arange(6.0).reshape(2, 3)
    with_attribute = a.clone()
    with_attribute.note = "kept"
    return {"derived": a.as_subclass(Attributed), "attribute": with_attribute, "alias": torch.nn.Parameter(a)}


def module():
    whole = torch.nn.Sequential(collections.OrderedDict(fc=torch.nn.Linear(2, 2), norm=torch.nn.BatchNorm1d(2)))
    whole.register_parameter("scale", torch.nn.Parameter(torch.ones(1)))
    return whole


# ---- what is to be read ----


def flatten(value, name, out):
    if isinstance(value, torch.Tensor):
        if value.layout == torch.strided and not value.is_quantized:
            out.append((name or "tensor", value.detach()))
    elif isinstance(value, torch.nn.Module):
        flatten(collections.OrderedDict(value.state_dict()), name, out)
    elif isinstance(value, dict):
        for key, item in value.items():
            flatten(item, f"{name}.{key}" if name else str(key), out)
    elif isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        for key, item in enumerate(value):
            flatten(item, f"{name}.{key}" if name else str(key), out)


def tensor_line(name, tensor):
    shape = ",".join(map(str, tensor.shape)) or "-"
    values = "-"
    if tensor.is_floating_point():
        values = " ".join(repr(x) for x in tensor.as_subclass(torch.Tensor).double().flatten().tolist()) or "none"
    return f"tensor|{name}|{str(tensor.dtype)[6:]}|{shape}|{values}\n"


def write_want(path, form, value, notes):
    tensors = []
    flatten(value, "", tensors)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"format|{form}\n")
        file.writelines(tensor_line(*tensor) for tensor in tensors)
        file.writelines(f"note|{name}|{text}\n" for name, text in notes.items())


NOTES = {
    "mae": {
        "model": "OrderedDict, 4 tensors", "optimizer": "dict, 12 tensors", "epoch": "300", "scaler": "dict",
        "args": "argparse.Namespace, not read", "best": "numpy.core.multiarray.scalar, not read",
        "history": "numpy.core.multiarray._reconstruct, not read", "arch": "'vit_base'", "lr": "0.5", "done": "True",
        "nothing": "None", "size": "tuple of 2", "dtype": "torch.float16", "device": "torch.device, not read",
        "metrics": "collections.defaultdict, not read", "7": "dict, 2 tensors",
    },
    "odd": {
        "sparse": "torch._utils._rebuild_sparse_tensor, not read",
        "quantised": "torch._utils._rebuild_qtensor, not read",
        "big": "a number of more than 64 bits", "negative": str(-(1 << 40)), "line": "'a?b'",
    },
}


# ---- files ----


def save(value, legacy=False, protocol=2):
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    return out.getvalue()


def rewrite(archive, change=None, compression=zipfile.ZIP_STORED, drop=(), add=None):
    """The zip archive with other bytes for some entries: change {end of name: function of the bytes}."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w", compression) as target:
        entries = {entry: source.read(entry) for entry in source.namelist() if not entry.endswith(tuple(drop) or "\0")}
        entries.update(add or {})
        for entry, data in entries.items():
            for end, function in (change or {}).items():
                data = function(data) if entry.endswith(end) else data
            target.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), data, compression)
    return out.getvalue()


def tag_cuda(data):
    return data.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")


def no_checksums(archive):
    """As PyTorch writes with compute_crc32=False."""
    data, at = bytearray(archive), 0
    for magic, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16), (b"PK\x07\x08", 4)):
        at = data.find(magic)
        while at >= 0:
            data[at + offset:at + offset + 4] = bytes(4)
            at = data.find(magic, at + 4)
    return bytes(data)


def good_files():
    """NAME: (bytes, format, object, notes)"""
    zipped, legacy = "PyTorch (zip)", "PyTorch (legacy)"
    files = {}
    for make in (plain, views, mae, odd, derived):
        value = make()
        name = make.__name__
        notes = NOTES.get(name, {})
        files[f"{name}-zip"] = (save(value), zipped, value, notes)
        if name != "odd":
            files[f"{name}-legacy"] = (save(value, legacy=True), legacy, value, notes)
        for protocol in (3, 4, 5):
            notes = {key: text for key, text in notes.items() if key != "history"}
            files[f"{name}-zip-{protocol}"] = (save(value, protocol=protocol), zipped, value, notes)
            files[f"{name}-legacy-{protocol}"] = (save(value, legacy=True, protocol=protocol), legacy, value, notes)
    value = views()
    files["cuda-zip"] = (rewrite(save(value), {"data.pkl": tag_cuda}), zipped, value, {})
    files["cuda-legacy"] = (tag_cuda(save(value, legacy=True)), legacy, value, {})
    files["deflated"] = (rewrite(save(value), compression=zipfile.ZIP_DEFLATED), zipped, value, {})
    files["no-checksums"] = (no_checksums(save(value)), zipped, value, {})
    files["list"] = (save([value["whole"], {"a": value["window"]}]), zipped, [value["whole"], {"a": value["window"]}], {})
    files["single"] = (save(value["window"]), zipped, value["window"], {})
    files["little"] = (rewrite(save(value), add={"archive/byteorder": b"little"}), zipped, value, {})
    # PyTorch before 0.4 wrote parts of a storage so: (key, first element, elements).
    part = save({"a": torch.arange(6.0)}, legacy=True).replace(
        b"K\x06Nt", b"K\x06(X\x01\0\0\0vK\x02K\x03tt").replace(b"K\x06\x85", b"K\x03\x85")
    files["legacy-view"] = (part, legacy, {"a": torch.arange(2.0, 5.0)}, {})
    whole = module()
    files["module-zip"] = (save(whole), zipped, None, {})
    files["module-legacy"] = (save(whole, legacy=True), legacy, None, {})
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(whole), script)
    files["script"] = (script.getvalue(), "TorchScript", None, {})
    # Parameters before buffers, as they lie in these; a state_dict goes module by module.
    for name in ("module-zip", "module-legacy", "script"):
        files[name] = (*files[name][:2], dict(whole.state_dict()), {})
    return files


# ---- files to be refused ----


class Call:
    """Pickled as a call of what the name says."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


CANARY = "touch tec-canary"


def in_archive(pickled):
    return rewrite(save(views()), {"data.pkl": lambda data: pickled})


def evil_files():
    a = torch.ones(2)
    text = CANARY.encode()
    by_hand = {
        "global": b"\x80\x02cposix\nsystem\nX" + struct.pack("<I", len(text)) + text + b"\x85R.",
        "stack-global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c" + bytes([len(text)]) + text + b"\x85R.",
        "inst": b"\x80\x02(S'" + text + b"'\nios\nsystem\n.",
        "obj": b"\x80\x02(cos\nsystem\nS'" + text + b"'\no.",
        "newobj": b"\x80\x02csubprocess\nPopen\n(S'" + text + b"'\nt\x81.",
        "escaped": b"\x80\x04V\\u006f\\u0073\nVsys\\u0074em\n\x93S'" + text + b"'\n\x85R.",
        "attribute": b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93S'" + text + b"'\n\x85R.",
        "eval": b"\x80\x02c__builtin__\neval\nS'open(\"tec-canary\", \"w\")'\n\x85R.",
        "after-junk": b"\x80\x02]q\x00(K\x01K\x02e0cnt\nsystem\n0h\x00.",
    }
    nested = {
        "nested": {"model": {"a": a}, "args": {"x": [(1, Call(os.system, CANARY))]}},
        "namespace": {"model": {"a": a}, "args": argparse.Namespace(hook=Call(os.system, CANARY))},
        "in-tensor": {"a": a, "b": Call(torch._utils._rebuild_parameter, Call(os.system, CANARY), True, {})},
        "exec": {"a": a, "b": Call(exec, "open('tec-canary', 'w')")},
        "key": {"a": a, Call(os.system, CANARY): 1},
    }
    files = {f"evil-{name}-zip": in_archive(data) for name, data in by_hand.items()}
    files.update({f"evil-{name}-bare": data for name, data in by_hand.items()})
    for name, value in nested.items():
        files[f"evil-{name}-zip"] = save(value)
        files[f"evil-{name}-legacy"] = save(value, legacy=True)
        files[f"evil-{name}-zip-4"] = save(value, protocol=4)
    return {name: (data, "which has no place in a model file") for name, data in files.items()}


def edited(old, new):
    def change(data):
        assert old in data, old
        return data.replace(old, new)

    return change


def bad_files():
    """NAME: (bytes, part of the message)"""
    archive, legacy = save({"a": torch.arange(6.0)}), save({"a": torch.arange(6.0)}, legacy=True)
    storage, shape, stride = b"K\x06tq\x07QK\x00", b"K\x06\x85q", b"K\x01\x85q"
    files = {
        "big-endian": (rewrite(archive, add={"archive/byteorder": b"big"}), "big-endian"),
        "no-pickle": (rewrite(archive, drop=("data.pkl",)), "no data.pkl"),
        "no-entry": (rewrite(archive, drop=("data/0",)), "has no entry archive/data/0"),
        "short-entry": (rewrite(archive, {"data/0": lambda data: data[:20]}), "has 20 bytes"),
        "empty-pickle": (rewrite(archive, {"data.pkl": lambda data: b""}), "before the pickle does"),
        "offset": (rewrite(archive, {"data.pkl": edited(storage, storage[:-1] + b"\x01")}), "beyond the end of its data"),
        "longer": (rewrite(archive, {"data.pkl": edited(shape, b"K\x07\x85q")}), "beyond the end of its data"),
        "stride": (rewrite(archive, {"data.pkl": edited(stride, b"K\x02\x85q")}), "beyond the end of its data"),
        "negative": (rewrite(archive, {"data.pkl": edited(stride, b"J\xff\xff\xff\xff\x85q")}), "negative"),
        "huge": (rewrite(archive, {"data.pkl": edited(shape, b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85q")}), "64 bits"),
        "repeated": (rewrite(archive, {"data.pkl": lambda data: data.replace(shape, b"J\0\0\0\x7f\x85q").replace(
            stride, b"K\x00\x85q")}), "repeats its data"),
        "no-tensors": (save(argparse.Namespace(a=1)), "argparse.Namespace, not read"),
        "npz": (None, "archive of NumPy arrays"),
        "cut-zip": (archive[:-30], "damaged zip archive"),
        "cut-legacy": (legacy[:-1], "cut short"),
        "cut-pickle": (legacy[:200], "ends within the operation"),
        "bare": (pickle.dumps({"a": 1}, 2), "not one of torch.save"),
        "legacy-version": (legacy.replace(b"M\xe9\x03", b"M\xea\x03", 1), "not 1001"),
        "legacy-big-endian": (legacy.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89", 1), "big-endian"),
        "legacy-count": (legacy[:-32] + b"\x05" + legacy[-31:], "another size"),
        "deep": (in_archive(b"\x80\x02" + b"}X\x01\0\0\0a" * 100000 + b"}" + b"s" * 100000 + b"."), "nested more deeply"),
        "laughs": (in_archive(b"\x80\x02]q\x00" + b"".join(
            b"](" + b"h" + bytes([i]) + b"".join(b"h" + bytes([i]) for _ in range(9)) + b"eq" + bytes([i + 1])
            for i in range(40)) + b"."), "more values than any"),
        "itself": (in_archive(b"\x80\x02]q\x00h\x00h\x00\x86a."), "nested more deeply"),
    }
    arrays = io.BytesIO()
    numpy.savez(arrays, a=numpy.arange(3))
    files["npz"] = (arrays.getvalue(), "archive of NumPy arrays")
    return files


# ---- main ----

GOLDEN = ("plain-zip", "views-zip", "mae-zip", "views-legacy", "mae-legacy-4", "script", "deflated", "no-checksums",
          "cuda-legacy", "evil-nested-zip", "evil-stack-global-bare", "evil-inst-zip", "offset", "cut-legacy", "laughs", "short-entry", "legacy-count", "legacy-view")


def make(directory, golden):
    os.makedirs(directory, exist_ok=True)
    wanted = (lambda name: name in GOLDEN) if golden else (lambda name: True)
    for name, (data, form, value, notes) in good_files().items():
        if wanted(name):
            path = os.path.join(directory, name)
            with open(path + ".pth", "wb") as file:
                file.write(data)
            # As PyTorch reads it, but for what it wants a GPU for, or what 1.13 cannot read again.
            held = value if name.startswith(("cuda", "module", "script", "derived")) else torch.load(path + ".pth")
            write_want(path + ".want", form, held, notes)
    for name, (data, part) in {**evil_files(), **bad_files()}.items():
        if wanted(name):
            with open(os.path.join(directory, name + ".pth"), "wb") as file:
                file.write(data)
            with open(os.path.join(directory, name + ".refused"), "w", encoding="utf-8") as file:
                file.write(part)


def check(path):
    """The other half is test_torch_files.c: element i of tensor t is (i + 1) / (3 + t) in float32."""
    shapes = {"cls_token": (1, 1, 4), "blocks.0.weight": (3, 2), "scalar": (), "empty": (0, 3), "pos_embed": (1, 5, 4)}
    state = torch.load(path, **({"weights_only": True} if "weights_only" in torch.load.__code__.co_varnames else {}))
    assert isinstance(state, collections.OrderedDict) and list(state) == list(shapes), list(state)
    for t, (name, shape) in enumerate(shapes.items()):
        tensor = state[name]
        count = tensor.numel()
        want = (torch.arange(1, count + 1).float() / torch.tensor(3.0 + t)).reshape(shape)
        assert tensor.dtype == torch.float32 and tensor.shape == torch.Size(shape) and tensor.is_contiguous(), name
        assert torch.equal(tensor, want) and not tensor.requires_grad, name
    data = open(path, "rb").read()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
            assert entry.compress_type == zipfile.ZIP_STORED
            assert (entry.header_offset + 30 + name + extra) % 64 == 0, (entry.filename, "is not aligned")


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(sys.argv[2])
    else:
        make(sys.argv[1], "--golden" in sys.argv[2:])
