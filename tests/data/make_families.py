#!/usr/bin/python3
"""Tiny random ViTs under the names, wrappers and formats of many projects, and what PyTorch computes with them.

    make_families.py DIR                writes DIR/NAME/..., one folder a family
    make_families.py --compare FILE EXPECT HEADS EPS ...    does the exported FILE (timm's or Hugging Face's names) give
                                                            EXPECT's features?

Every folder holds the model and `expect.safetensors`: images [B, c, S, S] and, computed in double precision, `mean`
[B, D], `cls` [B, D] (with a class token), `feature` [B, L, D], `attention` [B, 1+K, H, L], `topk` [B, K].
The reference below is written for these tests; tests/unit/test_import_families.c reads what it writes.
"""
import argparse
import json
import math
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.dont_write_bytecode = True  # beside the sources
from make_positions import interpolate

LAST_LAYERS, TOPK = 2, 3


# ---- safetensors, the little of it that is needed ----

def save_safetensors(path, tensors, metadata=None):
    header, at = ({"__metadata__": metadata} if metadata else {}), 0
    kinds = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}
    blobs = []
    for name, t in tensors.items():
        t = t.detach().contiguous()
        blob = (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes()
        header[name] = {"dtype": kinds[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def load_safetensors(path):
    with open(path, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(size)), f.read()
    out = {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            assert about["dtype"] == "F32", name
            out[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(about["shape"])
    return out


# ---- the reference ----

ACTIVATIONS = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
               "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x)}


def angles(grid, form, periods, scaled_to, first=0):
    """[L, planes] of rotary positions: half of the planes by the row of a patch, half by its column; rows first, unless
    the form is called after columns."""
    i = torch.arange(grid, dtype=torch.float64) + first
    place = 2 * (i + 0.5) / grid - 1 if form == "halves" else i * scaled_to / grid if scaled_to else i
    turn = 2 * math.pi * place[:, None] / periods.double()
    rows, columns = turn[:, None].expand(grid, grid, -1), turn[None].expand(grid, grid, -1)
    return torch.cat([columns, rows] if form == "columns" else [rows, columns], -1).flatten(0, 1)


def mixed_angles(grid, frequencies):
    """[H, L, planes] of RoPE-ViT's mixed positions; frequencies [2, H, planes]: by the column, by the row."""
    place = torch.arange(grid * grid)[:, None].double()
    column, row = place % grid, torch.div(place, grid, rounding_mode="floor")
    return column * frequencies[0][:, None] + row * frequencies[1][:, None]


def turned(x, angle, form, prefix):
    """Queries or keys [B, H, N, width]: planes as complex numbers times e^(i angle)."""
    y = x[:, :, prefix:]  # `angle` [L, planes], or [H, L, planes]
    half = y.shape[-1] // 2
    z = torch.complex(y[..., :half], y[..., half:]) if form == "halves" else torch.complex(y[..., ::2], y[..., 1::2])
    z = z * torch.polar(torch.ones_like(angle), angle)
    y = torch.cat([z.real, z.imag], -1) if form == "halves" else torch.stack([z.real, z.imag], -1).flatten(-2)
    return torch.cat([x[:, :, :prefix], y], 2)


def relative_rows(grid):
    """[N, N]: the row of BEiT's table for a query and a key, token 0 being the class token."""
    steps = [(y, x) for y in range(1 - grid, grid) for x in range(1 - grid, grid)]
    row = {step: i for i, step in enumerate(steps)}
    place = [(i // grid, i % grid) for i in range(grid * grid)]
    patches = torch.tensor([[row[a[0] - b[0], a[1] - b[1]] for b in place] for a in place])
    to_patch, to_class, itself = len(steps), len(steps) + 1, len(steps) + 2
    out = torch.full((1 + len(place), 1 + len(place)), to_patch)
    out[1:, 0], out[0, 0], out[1:, 1:] = to_class, itself, patches
    return out


class Vit:
    """Weights `w` under plain names (q, k, v apart; a, b the halves of SwiGLU) and what is done with them."""

    def __init__(self, seed, width=128, depth=2, heads=2, patch=4, size=16, chans=3, hidden=None, eps=1e-6,
                 cls=True, dist=False, registers=0, placed=None, pre_norm=False, fc_norm=False, swiglu=False,
                 scale=False, qkv_bias="all", patch_bias=True, class_mlp=False, act="gelu", how="antialias",
                 rotary=None, base=None, scaled_to=0, first=0, positions=True, attn_norm=False, mlp_norm=False, bias=None,
                 final=True, block="pre"):
        self.__dict__.update(locals())
        del self.__dict__["self"]
        g = torch.Generator().manual_seed(seed)
        self.hidden = hidden = hidden or 2 * width
        self.prefix = int(cls) + int(dist) + registers
        self.placed = self.prefix if placed is None else placed  # tokens before the patches that have a position
        if rotary and rotary != "mixed":
            quarter = width // heads // 4
            self.periods = base ** (torch.arange(quarter).double() / quarter) * (1 if rotary == "halves" else 2 * math.pi)
        rand = lambda *shape: torch.randn(*shape, generator=g)
        w = self.w = {}

        def linear(name, out, inn, bias=True):
            w[name + ".weight"] = rand(out, inn) * (0.7 / math.sqrt(inn))
            if bias:
                w[name + ".bias"] = rand(out) * 0.05

        def norm(name, n=width):
            w[name + ".weight"], w[name + ".bias"] = 1 + rand(n) * 0.1, rand(n) * 0.1

        w["patch.weight"] = rand(width, chans, patch, patch) * (0.7 / math.sqrt(chans * patch * patch))
        if patch_bias:
            w["patch.bias"] = rand(width) * 0.05
        for name, there in ("cls", cls), ("dist", dist), ("reg", registers):
            if there:
                w[name] = rand(1, max(1, registers if name == "reg" else 1), width)
        if positions:
            w["pos"] = rand(1, self.placed + (size // patch) ** 2, width) * 0.5
        if class_mlp:
            linear("cmlp.fc1", 4 * width, width)
            linear("cmlp.fc2", width, 4 * width)
        if pre_norm:
            norm("norm_pre")
        if rotary == "mixed":
            w["freqs"] = rand(2, depth, heads, width // heads // 2) * 0.5
        for i in range(depth if bias == "blocks" else 1 if bias else 0):
            w[f"b.{i}.table" if bias == "blocks" else "table"] = rand((2 * (size // patch) - 1) ** 2 + 3, heads)
        for i in range(depth):
            p = f"b.{i}."
            norm(p + "norm1")
            for part in "qkv":
                linear(p + part, width, width, qkv_bias == "all" or (qkv_bias == "qv" and part != "k"))
            linear(p + "proj", width, width)
            if block != "parallel":
                norm(p + "norm2")
            if swiglu:
                linear(p + "a", hidden, width)
                linear(p + "b", hidden, width)
            else:
                linear(p + "fc1", hidden, width)
            linear(p + "fc2", width, hidden)
            if attn_norm:
                norm(p + "attn_norm")
            if mlp_norm:
                norm(p + "mlp_norm", hidden)
            if scale:
                w[p + "ls1"], w[p + "ls2"] = 0.5 + rand(width) * 0.3, 0.5 + rand(width) * 0.3
        if final:
            norm("norm")

    def run(self, images, size=None):
        w = {k: v.double() for k, v in self.w.items()}
        D, H = self.width, self.heads
        norm = lambda name, x: F.layer_norm(x, (x.shape[-1],), w[name + ".weight"], w[name + ".bias"], self.eps)
        lin = lambda name, x: F.linear(x, w[name + ".weight"], w.get(name + ".bias"))
        pos = w["pos"] if self.positions else torch.zeros(1, self.placed + 1, 1)
        if size and size != self.size and self.positions:
            old, new = self.size // self.patch, size // self.patch
            head, grid = self.w["pos"][:, :self.placed], self.w["pos"][:, self.placed:]
            grid = grid.reshape(1, old, old, D).permute(0, 3, 1, 2)
            grid = interpolate(self.how, grid, (old, old), (new, new))
            pos = torch.cat([head, grid.permute(0, 2, 3, 1).reshape(1, new * new, D)], 1).double()
        x = F.conv2d(images.double(), w["patch.weight"], w.get("patch.bias"), stride=self.patch).flatten(2).transpose(1, 2)
        B = len(x)
        tokens = [w[n].expand(B, -1, -1) for n in ("cls", "dist", "reg") if n in w]
        if self.class_mlp:
            tokens[0] = lin("cmlp.fc2", F.gelu(lin("cmlp.fc1", tokens[0])))
        placed = self.placed
        x = x + pos[:, placed:]
        if tokens:
            t = torch.cat(tokens, 1)
            t = torch.cat([t[:, :placed] + pos[:, :placed], t[:, placed:]], 1)
            x = torch.cat([t, x], 1)
        if self.pre_norm:
            x = norm("norm_pre", x)
        P, outs = self.prefix, []
        for i in range(self.depth):
            p = f"b.{i}."
            y = x if self.block == "post" else norm(p + "norm1", x)
            begin = y
            q, k, v = (lin(p + n, y).reshape(B, -1, H, D // H).transpose(1, 2) for n in "qkv")
            if self.rotary == "mixed":
                turn = mixed_angles((size or self.size) // self.patch, w["freqs"][:, i])
                q, k = (turned(t, turn, "pairs", P) for t in (q, k))
            elif self.rotary:
                turn = angles((size or self.size) // self.patch, self.rotary, self.periods, self.scaled_to, self.first)
                q, k = (turned(t, turn, self.rotary, P) for t in (q, k))
            logits = q @ k.transpose(-2, -1) * (D // H) ** -0.5
            if self.bias:
                table = w[p + "table" if self.bias == "blocks" else "table"]
                logits = logits + table[relative_rows(self.size // self.patch)].permute(2, 0, 1)
            y = (logits.softmax(-1) @ v).transpose(1, 2).reshape(B, -1, D)
            y = lin(p + "proj", norm(p + "attn_norm", y) if self.attn_norm else y)
            y = norm(p + "norm1", y) if self.block == "post" else y
            x = x + (y * w[p + "ls1"] if self.scale else y)
            y = begin if self.block == "parallel" else x if self.block == "post" else norm(p + "norm2", x)
            y = F.silu(lin(p + "a", y)) * lin(p + "b", y) if self.swiglu else ACTIVATIONS[self.act](lin(p + "fc1", y))
            y = lin(p + "fc2", norm(p + "mlp_norm", y) if self.mlp_norm else y)
            y = norm(p + "norm2", y) if self.block == "post" else y
            x = x + (y * w[p + "ls2"] if self.scale else y)
            outs.append(x)
        out = {}
        z = x if self.fc_norm or not self.final else norm("norm", x)
        end = (lambda y: norm("norm", y)) if self.fc_norm else (lambda y: y)
        out["mean"] = end(z[:, P:].mean(1))
        if self.cls:
            out["cls"] = end(z[:, 0])
        out["feature"] = sum(o[:, P:] for o in outs[-LAST_LAYERS:]) / LAST_LAYERS
        att = logits[..., P:].transpose(1, 2)  # B, N, H, L
        query = att[:, :1] if self.cls else att[:, P:].mean(1, keepdim=True)
        out["topk"] = query[:, 0].mean(1).topk(TOPK, dim=1).indices
        rows = out["topk"][:, :, None, None].expand(-1, -1, H, att.shape[-1])
        out["attention"] = torch.cat([query, torch.gather(att[:, P:], 1, rows)], 1)
        return {k: v.float() for k, v in out.items()}


# ---- names ----

def timm(v, scale="ls{}.gamma", reg="reg_token", swiglu="fc1", qkv=None, block="blocks.{}."):
    """The state dict of timm and all that descends from it."""
    w, out = v.w, {}
    put = lambda name, value: out.__setitem__(name, value.clone())

    def both(ours, theirs):
        for end in ".weight", ".bias":
            if ours + end in w:
                put(theirs + end, w[ours + end])

    for ours, theirs in ("cls", "cls_token"), ("dist", "dist_token"), ("reg", reg), ("pos", "pos_embed"):
        if ours in w:
            put(theirs, w[ours])
    both("patch", "patch_embed.proj")
    both("norm_pre", "norm_pre")
    for i in range(v.depth):
        a, b = f"b.{i}.", block.format(i)
        both(a + "norm1", b + "norm1")
        put(b + "attn.qkv.weight", torch.cat([w[a + n + ".weight"] for n in "qkv"]))
        if v.qkv_bias == "all":
            put(b + "attn.qkv.bias", torch.cat([w[a + n + ".bias"] for n in "qkv"]))
        elif v.qkv_bias == "qv":
            put(b + "attn.q_bias", w[a + "q.bias"])
            put(b + "attn.v_bias", w[a + "v.bias"])
        both(a + "proj", b + "attn.proj")
        both(a + "norm2", b + "norm2")
        if v.swiglu and swiglu == "g":
            both(a + "a", b + "mlp.fc1_g")
            both(a + "b", b + "mlp.fc1_x")
        elif v.swiglu:
            for end in ".weight", ".bias":
                put(b + "mlp." + swiglu + end, torch.cat([w[a + "a" + end], w[a + "b" + end]]))
        if a + "table" in w:
            put(b + "attn.relative_position_bias_table", w[a + "table"])
        both(a + "attn_norm", b + "attn.norm")
        both(a + "mlp_norm", b + "mlp.norm")
        both(a + "fc1", b + "mlp.fc1")
        both(a + "fc2", b + ("mlp.w3" if swiglu == "w12" else "mlp.fc2"))
        if v.scale:
            put(b + scale.format(1), w[a + "ls1"])
            put(b + scale.format(2), w[a + "ls2"])
    if "table" in w:
        put("rel_pos_bias.relative_position_bias_table", w["table"])
        put("rel_pos_bias.relative_position_index", relative_rows(v.size // v.patch))
    both("norm", "fc_norm" if v.fc_norm else "norm")
    both("cmlp.fc1", "cls_token_mlp.fc1")
    both("cmlp.fc2", "cls_token_mlp.fc2")
    return out


def parallel(v):
    """timm's names of parallel blocks: the MLP's first linear above queries, keys and values."""
    t = renamed(timm(v), (".norm1.", ".in_norm."), ("attn.proj", "attn_out_proj"), ("mlp.fc2", "mlp_out_proj"),
                ("ls1.gamma", "ls.gamma"))
    for i in range(v.depth):
        b = f"blocks.{i}."
        for end in ("weight", "bias") if v.qkv_bias == "all" else ("weight",):
            t[b + "in_proj." + end] = torch.cat([t.pop(b + "mlp.fc1." + end), t.pop(b + "attn.qkv." + end)])
        if v.qkv_bias == "none":
            t[b + "mlp_bias"] = t.pop(b + "mlp.fc1.bias")
        t.pop(b + "ls2.gamma", None)
    return t


VIT_BLOCK = {"norm1": "layernorm_before", "norm2": "layernorm_after", "fc1": "intermediate.dense", "fc2": "output.dense"}
DINOV2_BLOCK = {"norm1": "norm1", "norm2": "norm2", "fc1": "mlp.fc1", "fc2": "mlp.fc2", "ls1": "layer_scale1.lambda1",
                "ls2": "layer_scale2.lambda1"}


BIAS = "relative_position_bias.relative_position_bias_table"
BEIT_BLOCK = {**VIT_BLOCK, "ls1": "lambda_1", "ls2": "lambda_2", "table": "attention.attention." + BIAS}


def hugging_face(v, prefix="", block=VIT_BLOCK):
    w, out = v.w, {}
    e = "embeddings."
    for ours, theirs in (("cls", e + "cls_token"), ("dist", e + "distillation_token"), ("reg", e + "register_tokens"),
                         ("pos", e + "position_embeddings"), ("patch.weight", e + "patch_embeddings.projection.weight"),
                         ("patch.bias", e + "patch_embeddings.projection.bias"), ("norm.weight", "layernorm.weight"),
                         ("norm.bias", "layernorm.bias"),
                         ("table", "encoder." + BIAS)):
        if ours in w:
            out[theirs] = w[ours]
    for i in range(v.depth):
        b = f"encoder.layer.{i}."
        names = dict(q="attention.attention.query", k="attention.attention.key", v="attention.attention.value",
                     proj="attention.output.dense", **block)
        if v.swiglu:
            names["fc2"] = "mlp.weights_out"
            for end in ".weight", ".bias":
                out[b + "mlp.weights_in" + end] = torch.cat([w[f"b.{i}.a" + end], w[f"b.{i}.b" + end]])
        for ours, theirs in names.items():
            for end in "", ".weight", ".bias":
                if f"b.{i}.{ours}{end}" in w:
                    out[b + theirs + end] = w[f"b.{i}.{ours}{end}"]
    return {prefix + k: t.clone() for k, t in out.items()}


def renamed(tensors, *names):
    for old, new in names:
        tensors = {k.replace(old, new): t for k, t in tensors.items()}
    return tensors


def apart(tensors):
    """Queries, keys and values in a tensor each, and the gate of SwiGLU by itself."""
    out = {}
    for name, t in tensors.items():
        if name.endswith("attn.qkv.weight"):
            for part, rows in zip("qkv", t.chunk(3)):
                out[name.replace("qkv", part + "_proj")] = rows.clone()
        else:
            out[name] = t
    return out


def dinov3(v):
    """The project's own names: biases of keys that a mask takes away, and the periods, in bfloat16."""
    v.periods = v.periods.bfloat16()
    t = renamed(timm(v, reg="storage_tokens", swiglu="g"), ("fc1_g", "w1"), ("fc1_x", "w2"))
    if v.swiglu:
        t = renamed(t, ("mlp.fc2", "mlp.w3"))
    for i in range(v.depth):
        b = f"blocks.{i}.attn."
        t[b + "qkv.bias"] = torch.cat([t.pop(b + "q_bias"), torch.randn(v.width), t.pop(b + "v_bias")])
        t[b + "qkv.bias_mask"] = torch.tensor([1., 0., 1.]).repeat_interleave(v.width)
    return {**t, "rope_embed.periods": v.periods, "mask_token": torch.randn(1, v.width)}


def hugging_face_dinov3(v):
    w, e = v.w, "embeddings."
    out = {e + "cls_token": w["cls"], e + "register_tokens": w["reg"], e + "mask_token": torch.randn(1, 1, v.width),
           e + "patch_embeddings.weight": w["patch.weight"], e + "patch_embeddings.bias": w["patch.bias"],
           "norm.weight": w["norm.weight"], "norm.bias": w["norm.bias"]}
    names = {"norm1": "norm1", "norm2": "norm2", "q": "attention.q_proj", "k": "attention.k_proj", "v": "attention.v_proj",
             "proj": "attention.o_proj", "ls1": "layer_scale1.lambda1", "ls2": "layer_scale2.lambda1", "fc1": "mlp.up_proj",
             "a": "mlp.gate_proj", "b": "mlp.up_proj", "fc2": "mlp.down_proj"}
    for i in range(v.depth):
        for ours, theirs in names.items():
            for end in "", ".weight", ".bias":
                if f"b.{i}.{ours}{end}" in w:
                    out[f"layer.{i}.{theirs}{end}"] = w[f"b.{i}.{ours}{end}"].clone()
    return out


def eva02(v):
    """The project's own names, with the tables that its files hold."""
    turn = angles(v.size // v.patch, "pairs", v.periods, v.scaled_to).repeat_interleave(2, -1)
    tables = {"rope.freqs_cos": turn.cos().float(), "rope.freqs_sin": turn.sin().float()}
    names = ("fc1_g", "w1"), ("fc1_x", "w2"), ("mlp.fc2", "mlp.w3"), ("mlp.norm", "mlp.ffn_ln"), ("attn.norm", "attn.inner_attn_ln")
    t = {**renamed(apart(timm(v, swiglu="g")), *names), **tables}
    for i in range(v.depth):
        t.update({f"blocks.{i}.attn.{k}": table.clone() for k, table in tables.items()})
    return t


def torchvision(v):
    w, out = v.w, {"class_token": v.w["cls"], "encoder.pos_embedding": v.w["pos"]}
    both = lambda ours, theirs: out.update({theirs + end: w[ours + end] for end in (".weight", ".bias")})
    both("patch", "conv_proj")
    both("norm", "encoder.ln")
    for i in range(v.depth):
        a, b = f"b.{i}.", f"encoder.layers.encoder_layer_{i}."
        for end in "weight", "bias":
            out[b + "self_attention.in_proj_" + end] = torch.cat([w[a + n + "." + end] for n in "qkv"])
        for ours, theirs in (("norm1", "ln_1"), ("proj", "self_attention.out_proj"), ("norm2", "ln_2"),
                             ("fc1", "mlp.0"), ("fc2", "mlp.3")):
            both(a + ours, b + theirs)
    return out


def by_tables(v, whole, block, joined=None):
    """Tensors by two tables of names, those of a block with its number for {}; `joined`: queries, keys and values in one."""
    out = {}
    for ours, theirs in whole.items():
        out.update({theirs + k[len(ours):]: t for k, t in v.w.items() if k == ours or k.startswith(ours + ".")})
    for i in range(v.depth):
        for ours, theirs in block.items():
            out.update({theirs.format(i) + k[len(f"b.{i}.{ours}"):]: t for k, t in v.w.items()
                        if k.startswith(f"b.{i}.{ours}.")})
        for end in ("weight", "bias") if joined else ():
            out[joined.format(i) + end] = torch.cat([v.w[f"b.{i}.{n}.{end}"] for n in "qkv"])
    return {k: t.clone() for k, t in out.items()}


def hugging_face_tower(v):
    layer = "encoder.layers.{}."
    whole = {"cls": "embeddings.class_embedding", "pos": "embeddings.position_embedding.weight", "norm": "post_layernorm",
             "patch": "embeddings.patch_embedding", "norm_pre": "pre_layrnorm"}
    block = {"norm1": "layer_norm1", "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
             "proj": "self_attn.out_proj", "norm2": "layer_norm2", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
    out = by_tables(v, whole, {ours: layer + theirs for ours, theirs in block.items()})
    out["embeddings.position_ids"] = torch.arange(v.w["pos"].shape[1])[None]
    out["embeddings.position_embedding.weight"] = out["embeddings.position_embedding.weight"][0]
    if v.cls:
        out["embeddings.class_embedding"] = out["embeddings.class_embedding"].flatten()
    return out


def open_clip(v):
    layer = "transformer.resblocks.{}."
    block = {"norm1": "ln_1", "proj": "attn.out_proj", "norm2": "ln_2", "fc1": "mlp.c_fc", "fc2": "mlp.c_proj"}
    out = by_tables(v, {"cls": "class_embedding", "pos": "positional_embedding", "patch": "conv1", "norm_pre": "ln_pre",
                      "norm": "ln_post"}, {ours: layer + theirs for ours, theirs in block.items()}, layer + "attn.in_proj_")
    out["class_embedding"] = out["class_embedding"].flatten()
    out["positional_embedding"] = out["positional_embedding"][0]
    return {**out, "proj": torch.randn(v.width, 64)}


def open_clip_text():
    return {"positional_embedding": torch.randn(7, 64), "token_embedding.weight": torch.randn(20, 64),
            "transformer.resblocks.0.attn.in_proj_weight": torch.randn(192, 64), **linear("ln_final", 64, 1),
            "text_projection": torch.randn(64, 64), "logit_scale": torch.tensor(2.0)}


def google(v):
    """Google's arrays for JAX: inputs first, heads apart."""
    w, D, H = v.w, v.width, v.heads
    out = {"cls": w["cls"], "Transformer/posembed_input/pos_embedding": w["pos"], "embedding/bias": w["patch.bias"],
           "embedding/kernel": w["patch.weight"].permute(2, 3, 1, 0), "Transformer/encoder_norm/scale": w["norm.weight"],
           "Transformer/encoder_norm/bias": w["norm.bias"], "head/kernel": torch.randn(D, 10), "head/bias": torch.randn(10),
           "pre_logits/kernel": torch.randn(D, D)}
    for i in range(v.depth):
        a, b = f"b.{i}.", f"Transformer/encoderblock_{i}/"
        for ours, theirs in ("norm1", "LayerNorm_0"), ("norm2", "LayerNorm_2"):
            out[b + theirs + "/scale"], out[b + theirs + "/bias"] = w[a + ours + ".weight"], w[a + ours + ".bias"]
        for ours, theirs in ("fc1", "Dense_0"), ("fc2", "Dense_1"):
            out[b + f"MlpBlock_3/{theirs}/kernel"] = w[a + ours + ".weight"].T
            out[b + f"MlpBlock_3/{theirs}/bias"] = w[a + ours + ".bias"]
        attention = b + "MultiHeadDotProductAttention_1/"
        for ours, theirs in ("q", "query"), ("k", "key"), ("v", "value"):
            out[attention + theirs + "/kernel"] = w[a + ours + ".weight"].T.reshape(D, H, D // H)
            out[attention + theirs + "/bias"] = w[a + ours + ".bias"].reshape(H, D // H)
        out[attention + "out/kernel"] = w[a + "proj.weight"].T.reshape(H, D // H, D)
        out[attention + "out/bias"] = w[a + "proj.bias"]
    return {k: t.contiguous().numpy() for k, t in out.items()}


def multihead(v, block):
    """timm's names around blocks of PyTorch's own modules."""
    names = {"norm1": "norm1", "norm2": "norm2", "proj": "attn.out_proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
    qkv, norm = "attn.in_proj_", "norm"
    if block.startswith("encoder"):
        names.update(proj="self_attn.out_proj", fc1="linear1", fc2="linear2")
        qkv, norm = "self_attn.in_proj_", "encoder.norm"
    return by_tables(v, {"cls": "cls_token", "pos": "pos_embed", "patch": "patch_embed.proj", "norm": norm},
                   {ours: block + theirs for ours, theirs in names.items()}, block + qkv)


def under(prefix, tensors):
    return {prefix + k: t for k, t in tensors.items()}


def other(tensors):
    """Another model of the same shapes: what must not be read."""
    return {k: torch.randn_like(t) for k, t in tensors.items()}


def linear(name, out, inn):
    return {name + ".weight": torch.randn(out, inn), name + ".bias": torch.randn(out)}


# ---- the families ----

def families():
    """name -> (Vit, what is saved, file name, extra files)"""
    D = 128
    head = linear("head", 10, D)
    decoder = {"mask_token": torch.randn(1, 1, 64), "decoder_pos_embed": torch.randn(1, 17, 64),
               **linear("decoder_embed", 64, D), **linear("decoder_blocks.0.attn.qkv", 192, 64),
               **linear("decoder_norm", 64, 64), **linear("decoder_pred", 48, 64)}
    optimizer = {"state": {0: {"step": torch.tensor(3.), "exp_avg": torch.randn(4)}}, "param_groups": [{"lr": 1e-3}]}
    out = {}

    v = Vit(1)
    out["mae"] = v, {"model": {**timm(v), **decoder}, "optimizer": optimizer, "epoch": 799,
                     "args": argparse.Namespace(lr=1e-3, model="mae_vit"), "scaler": {"scale": 65536.0}}, "mae.pth"
    v = Vit(2)
    t = {**timm(v), "masked_embed": torch.randn(1, D)}
    heads = linear("head.mlp.0", 8, D)
    out["ibot"] = v, {"student": {**under("module.backbone.", other(t)), **under("module.", heads)},
                      "teacher": {**under("backbone.", t), **under("", heads)}, "epoch": 3,
                      "ibot_loss": {"center": torch.randn(1, 8)}}, "checkpoint_teacher.pth"
    v = Vit(3, width=384, heads=6)
    t = timm(v)
    out["dino"] = v, {"student": under("module.backbone.", other(t)), "teacher": {**under("backbone.", t), **heads},
                      "optimizer": optimizer, "dino_loss": {"center": torch.randn(1, 8)}}, "checkpoint.pth"
    v = Vit(4, scale=True, swiglu=True, registers=4, placed=1)
    t = timm(v, reg="register_tokens", swiglu="w12", block="blocks.{0}.{0}.")
    out["dinov2"] = v, {**t, "mask_token": torch.randn(1, D)}, "dinov2_vitg14_reg4_pretrain.pth"
    v = Vit(5, scale=True)
    out["dinov2_plain"] = v, {**timm(v), "mask_token": torch.randn(1, D)}, "dinov2_vits14_pretrain.pth"
    v = Vit(6)
    out["timm"] = v, {**timm(v), **head}, "vit_augreg.safetensors"
    v = Vit(7, cls=False, fc_norm=True)
    out["timm_average"] = v, {**timm(v), **head}, "vit_gap.safetensors"
    v = Vit(8, registers=4, placed=0, size=12, swiglu=True, scale=True)  # 9 rows: 3 x 3, not 5 + 2 x 2
    out["timm_registers"] = v, timm(v), "vit_reg4.safetensors"
    v = Vit(9, swiglu=True, fc_norm=True)
    out["timm_swiglu"] = v, timm(v, swiglu="g"), "vit_swiglu.safetensors"
    v = Vit(10, pre_norm=True, patch_bias=False, eps=1e-5)
    out["clip"] = v, {**timm(v), **head}, "vit_clip.safetensors"
    v = Vit(11, dist=True)
    out["deit"] = v, {"model": {**timm(v), **head, **linear("head_dist", 10, D)}}, "deit_distilled.pth", "legacy"
    v = Vit(12, width=384, heads=12, depth=2)
    t = timm(v)
    out["moco"] = v, {"epoch": 300, "arch": "vit_small", "state_dict": {
        **under("module.base_encoder.", {**t, **linear("head.0", 8, 384)}),
        **under("module.momentum_encoder.", {**other(t), **linear("head.0", 8, 384)}),
        **under("module.predictor.", linear("0", 8, 8))}, "optimizer": optimizer}, "vit-s.pth.tar"
    v = Vit(13, qkv_bias="qv", scale=True, fc_norm=True)
    out["beit"] = v, {"model": {**timm(v, scale="gamma_{}"), **head}}, "beit.pth"
    v = Vit(14, qkv_bias="none")
    out["no_bias"] = v, timm(v), "vit.safetensors"
    v = Vit(15, heads=4, eps=0.05)  # large enough to show
    config = {"model_type": "vit", "hidden_size": D, "num_hidden_layers": 2, "num_attention_heads": 4,
              "layer_norm_eps": 0.05, "hidden_act": "gelu", "patch_size": 4}
    out["hf_vit"] = v, {**hugging_face(v), **linear("pooler.dense", D, D)}, "model.safetensors", config
    v = Vit(16, eps=1e-12)
    out["hf_classifier"] = v, {**hugging_face(v, "vit."), **linear("classifier", 10, D)}, "pytorch_model.bin"
    v = Vit(17, eps=1e-12)
    out["hf_mae"] = v, {**hugging_face(v, "vit."), "decoder.mask_token": torch.randn(1, 1, 64),
                        "decoder.decoder_pos_embed": torch.randn(1, 17, 64),
                        **linear("decoder.decoder_layers.0.attention.attention.query", 64, 64)}, "model.safetensors"
    v = Vit(18, scale=True)
    out["hf_dinov2"] = v, {**hugging_face(v, "", DINOV2_BLOCK), "embeddings.mask_token": torch.randn(1, D)}, \
        "model.safetensors"
    v = Vit(19, scale=True, swiglu=True, registers=4, placed=1)
    out["hf_dinov2_registers"] = v, hugging_face(v, "dinov2_with_registers.", DINOV2_BLOCK), "model.safetensors"
    v = Vit(20, dist=True, eps=1e-12)
    out["hf_deit"] = v, {**hugging_face(v, "deit."), **linear("cls_classifier", 10, D),
                         **linear("distillation_classifier", 10, D)}, "model.safetensors"
    v = Vit(21, class_mlp=True)
    extra = {**linear("encoder_adaptor.fuse_fcs.0", D, 2 * D), "forward_fea_decoder.mask_token": torch.randn(1, 1, 64),
             **linear("decoder_blocks.0.mlp.fc1", 64, 64), "decoder_pos_embed": torch.randn(1, 17, 64)}
    out["tec"] = v, {"model": {**timm(v), **extra}}, "tec.pth"
    v = Vit(22)
    out["torchvision"] = v, {**torchvision(v), **linear("heads.head", 10, D)}, "vit_b_16.pth"
    v = Vit(23, cls=False)
    t = under("module.", timm(v))
    out["ijepa"] = v, {"encoder": other(t), "predictor": under("module.", linear("predictor_blocks.0.fc", 8, 8)),
                       "target_encoder": t, "opt": optimizer}, "ijepa.pth.tar"
    v = Vit(24)
    t = timm(v)
    out["ema"] = v, {"state_dict": other(t), "state_dict_ema": t, "arch": "vit"}, "last.pth.tar"
    v = Vit(25)
    v.w = {k: t.bfloat16().float() for k, t in v.w.items()}
    out["bfloat16"] = v, {k: t.bfloat16() for k, t in timm(v).items()}, "vit.safetensors"
    v = Vit(26, size=20)
    out["larger"] = v, timm(v), "vit.safetensors", 28
    v = Vit(27, size=28, registers=2, placed=1, dist=False)
    out["smaller"] = v, timm(v, reg="register_tokens"), "vit.safetensors", 16
    v = Vit(28, width=384, heads=6, how="offset")
    out["dino_larger"] = v, {"teacher": under("backbone.", timm(v))}, "checkpoint.pth", 28
    v = Vit(29, scale=True, size=28, how="offset")
    out["dinov2_smaller"] = v, {**timm(v), "mask_token": torch.randn(1, D)}, "model.pth", 16
    v = Vit(30, scale=True, size=28, how="plain")
    out["hf_dinov2_smaller"] = v, hugging_face(v, "", DINOV2_BLOCK), "model.safetensors", 16
    v = Vit(31, how="plain")
    out["mae_larger"] = v, {"model": {**timm(v), **decoder}}, "mae.pth", 24
    v = Vit(32, size=28, how="corners")
    out["torchvision_smaller"] = v, torchvision(v), "vit_b_16.pth", 20
    v = Vit(33, pre_norm=True, patch_bias=False, eps=1e-5, act="quick_gelu")
    out["clip_quickgelu"] = v, timm(v), "model.safetensors", {"architecture": "vit_base_patch16_clip_quickgelu_224"}
    v = Vit(34, cls=False, act="gelu_tanh")
    out["siglip"] = v, timm(v), "model.safetensors", {
        "architecture": "vit_so400m_patch16_siglip_gap_256", "num_features": D,
        "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    three = dict(scale=True, registers=4, placed=0, positions=False, qkv_bias="qv", eps=1e-5, rotary="halves", base=100)
    v = Vit(40, **three)
    out["dinov3"] = v, dinov3(v), "dinov3_vits16_pretrain_lvd1689m-08c60483.pth"
    v = Vit(41, **{**three, "registers": 0}, swiglu=True)
    out["dinov3_swiglu"] = v, dinov3(v), "model.pth", 28
    v = Vit(42, **{**three, "base": 50, "eps": 0.02}, heads=4)
    config = {"model_type": "dinov3_vit", "hidden_size": D, "num_hidden_layers": 2, "num_attention_heads": 4,
              "layer_norm_eps": 0.02, "hidden_act": "gelu", "patch_size": 4, "image_size": 16, "rope_theta": 50.0,
              "pos_embed_rescale": 2.0, "key_bias": False}
    out["hf_dinov3"] = v, hugging_face_dinov3(v), "model.safetensors", config
    v = Vit(43, **three, swiglu=True)
    out["hf_dinov3_gated"] = v, hugging_face_dinov3(v), "model.safetensors", {
        "model_type": "dinov3_vit", "hidden_act": "silu", "rope_parameters": {"rope_theta": 100.0}}
    v = Vit(44, **three, swiglu=True)
    out["timm_dinov3"] = v, timm(v, scale="gamma_{}", swiglu="g"), "model.safetensors", {
        "architecture": "vit_huge_plus_patch16_dinov3_qkvb", "num_features": D}
    two = dict(swiglu=True, qkv_bias="qv", rotary="pairs", base=10000, scaled_to=16)
    v = Vit(45, **two, attn_norm=True, mlp_norm=True)
    out["eva02"] = v, under("visual.", eva02(v)), "eva02.pt", 28
    v = Vit(46, **two, fc_norm=True)
    out["eva02_tiny"] = v, {**timm(v), **head}, "eva02_tiny.safetensors"
    v = Vit(47, **two, mlp_norm=True, fc_norm=True, size=28)
    t = renamed(apart(timm(v, swiglu="g")), ("q_bias", "q_proj.bias"), ("v_bias", "v_proj.bias"))
    out["timm_eva02"] = v, {**t, **head}, "model.safetensors", {"architecture": "eva02_base_patch14_448"}
    v = Vit(48, cls=False, registers=1, placed=0, positions=False, scale=True, fc_norm=True, qkv_bias="qv", rotary="pairs",
            base=10000, scaled_to=16)
    out["timm_rope"] = v, timm(v, scale="gamma_{}"), "model.safetensors", {
        "architecture": "vit_medium_patch16_rope_reg1_gap_256"}
    perception = dict(pre_norm=True, patch_bias=False, eps=1e-5, rotary="columns", base=10000)
    v = Vit(56, **perception, first=1, scaled_to=14)
    pool = {"attn_pool.latent": torch.randn(1, 1, D), **linear("attn_pool.kv", 2 * D, D)}
    out["pe_core"] = v, {**timm(v), **pool, **head}, "model.safetensors", {"architecture": "vit_pe_core_base_patch16_224"}
    v = Vit(57, **perception, cls=False, scale=True, final=False, scaled_to=32)
    out["pe_spatial"] = v, timm(v, scale="gamma_{}"), "vit_pe_spatial_gigantic_patch14_448.safetensors", 24
    v = Vit(58, **perception, first=1)
    pool = {"attn_pool.probe": torch.randn(1, 1, D), "attn_pool.attn.in_proj_weight": torch.randn(3 * D, D),
            **linear("attn_pool.layernorm", D, 1), **linear("attn_pool.mlp.c_fc", 4 * D, D)}
    out["pe_own"] = v, {**under("visual.", {**open_clip(v), **pool}), **open_clip_text()}, "PE-Core-B16-224.pt"
    v = Vit(61, scale=True, final=False)
    out["intern"] = v, timm(v), "model.safetensors", {"architecture": "vit_intern300m_patch14_448"}
    v = Vit(60, attn_norm=True, mlp_norm=True, fc_norm=True, eps=1e-5)
    out["beit3"] = v, {**timm(v), **head}, "model.safetensors", {"architecture": "beit3_base_patch16_224"}
    v = Vit(59, positions=False, placed=0, scale=True, rotary="columns", base=100)
    out["rope_vit"] = v, timm(v, scale="gamma_{}"), "model.safetensors", {"architecture": "vit_small_patch16_rope_224"}
    v = Vit(62, cls=False, placed=0, qkv_bias="none", fc_norm=True, block="post")
    out["rpn"] = v, {**timm(v), **head}, "vit_base_patch16_rpn_224.safetensors"
    v = Vit(63, qkv_bias="qv", block="post")
    out["eva02_post"] = v, {**timm(v), **head}, "model.safetensors", {"architecture": "eva02_enormous_patch14_clip_224"}
    v = Vit(64, cls=False, registers=1, placed=0, scale=True, fc_norm=True, block="parallel")
    for i in range(v.depth):
        v.w[f"b.{i}.ls2"] = v.w[f"b.{i}.ls1"]
    out["parallel"] = v, {**parallel(v), **head}, "vit_pwee_patch16_reg1_gap_256.safetensors"
    v = Vit(65, qkv_bias="none", block="parallel")
    out["parallel_bias"] = v, parallel(v), "vit.safetensors", 28
    v = Vit(66, positions=False, placed=0, scale=True, rotary="mixed", heads=4)
    out["rope_mixed"] = v, {**timm(v, scale="gamma_{}"), "rope.freqs": v.w["freqs"]}, \
        "vit_small_patch16_rope_mixed_224.safetensors", 28
    v = Vit(67, placed=0, scale=True, rotary="mixed")
    own = {"freqs": v.w["freqs"].flatten(2), "freqs_t_x": torch.arange(16.) % 4, "freqs_t_y": torch.arange(16.) // 4}
    out["rope_own"] = v, {"model": {**timm(v, scale="gamma_{}"), **own}}, "rope_mixed_ape_deit_small_patch16_LS.pth"
    v = Vit(68, placed=0, scale=True, rotary="mixed", how="plain")
    own["freqs"] = v.w["freqs"].flatten(2)
    out["rope_own_larger"] = v, {"model": {**timm(v, scale="gamma_{}"), **own}}, "rope_mixed_ape_deit_base_patch16_LS.pth", 28
    beit = dict(positions=False, placed=0, qkv_bias="qv", scale=True, heads=4)
    v = Vit(50, **beit, bias="blocks", fc_norm=True)
    out["beit_bias"] = v, {"model": {**timm(v, scale="gamma_{}"), **head}}, "beit_base_patch16_224_pt22k_ft22kto1k.pth"
    v = Vit(51, **beit, bias="shared")
    out["beit_shared"] = v, {"module": {**timm(v, scale="gamma_{}"), **linear("lm_head", 8, D)}}, "beitv2.pth"
    v = Vit(52, **beit, bias="shared", eps=1e-12)
    out["hf_beit"] = v, hugging_face(v, "beit.", BEIT_BLOCK), "model.safetensors", {
        "model_type": "beit", "use_shared_relative_position_bias": True, "use_relative_position_bias": False,
        "use_absolute_position_embeddings": False}
    v = Vit(53, **beit, bias="blocks", eps=1e-12)
    out["hf_data2vec"] = v, hugging_face(v, "data2vec_vision.", BEIT_BLOCK), "model.safetensors", {
        "model_type": "data2vec-vision", "use_relative_position_bias": True}
    v = Vit(54, **{**beit, "positions": True, "placed": 1}, bias="blocks", size=20)
    out["beit_both"] = v, timm(v, scale="gamma_{}"), "model.safetensors", {"architecture": "beitv2_base_patch16_224"}
    v = Vit(35, heads=4, pre_norm=True, patch_bias=False, eps=1e-5, act="quick_gelu")
    text = {**linear("encoder.layers.0.self_attn.q_proj", 64, 64), **linear("final_layer_norm", 64, 1),
            "embeddings.token_embedding.weight": torch.randn(20, 64)}
    sizes = {"hidden_size": D, "num_attention_heads": 4, "num_hidden_layers": 2, "patch_size": 4, "image_size": 16}
    out["hf_clip"] = v, {**under("vision_model.", hugging_face_tower(v)), **under("text_model.", text),
                         "visual_projection.weight": torch.randn(64, D), "text_projection.weight": torch.randn(64, 64),
                         "logit_scale": torch.tensor(2.0)}, "model.safetensors", {
        "model_type": "clip", "text_config": {"hidden_size": 64, "model_type": "clip_text_model"},
        "vision_config": {"model_type": "clip_vision_model", **sizes}}  # the activation is as usual there
    v = Vit(36, heads=4, pre_norm=True, patch_bias=False, eps=0.02)
    out["hf_llava"] = v, {**under("vision_tower.vision_model.", hugging_face_tower(v)),
                          **under("language_model.model.", {"layers.0.self_attn.rotary_emb.inv_freq": torch.randn(8),
                                                            "embed_tokens.weight": torch.randn(20, 64)}),
                          **linear("multi_modal_projector.linear_1", 64, D)}, "model.safetensors", {
        "model_type": "llava", "text_config": {"model_type": "llama", "rope_theta": 1e4, "hidden_size": 64},
        "vision_config": {"model_type": "clip_vision_model", "hidden_act": "gelu", "layer_norm_eps": 0.02, **sizes}}
    v = Vit(37, pre_norm=True, patch_bias=False, eps=1e-5)
    out["open_clip"] = v, {**under("visual.", open_clip(v)), **open_clip_text()}, "open_clip_pytorch_model.bin"
    v = Vit(38, pre_norm=True, patch_bias=False, eps=1e-5, act="quick_gelu")
    out["openai_clip"] = v, {**under("visual.", open_clip(v)), **open_clip_text(), "input_resolution": torch.tensor(16)}, \
        "ViT-B-32.pt"
    v = Vit(39, pre_norm=True, patch_bias=False, eps=1e-5)
    out["tower"] = v, under("visual.", open_clip(v)), "visual.safetensors"
    v = Vit(40, cls=False, act="gelu_tanh", how="plain")
    pool = {"probe": torch.randn(1, 1, D), "attention.in_proj_weight": torch.randn(3 * D, D), **linear("mlp.fc1", 4 * D, D)}
    siglip = {**hugging_face_tower(v), **under("head.", pool)}
    out["hf_siglip"] = v, {**under("vision_model.", siglip), **under("text_model.", text),
                           "logit_bias": torch.tensor(1.0)}, "model.safetensors", 24
    flat = siglip["embeddings.patch_embedding.weight"].flatten(1)
    out["naflex"] = v, {**under("vision_model.", siglip), "vision_model.embeddings.patch_embedding.weight": flat}, \
        "model.safetensors"
    v = Vit(41, cls=False)
    t = {**timm(v), "attn_pool.latent": torch.randn(1, 1, D), **linear("attn_pool.q", D, D)}
    out["timm_siglip"] = v, {**under("visual.trunk.", t), **under("text.", open_clip_text())}, "model.safetensors", {
        "architecture": "vit_base_patch16_siglip_224", "num_features": D}
    v = Vit(42, heads=4, act="gelu_tanh", chans=1)
    out["google"] = v, google(v), "B_16.npz"
    v = Vit(43, heads=4, act="gelu_tanh", size=12)
    out["google_larger"] = v, {"opt/target/" + k: t for k, t in google(v).items()}, "ViT-B_16.npz", 20
    v = Vit(44, eps=1e-5)
    out["multihead"] = v, multihead(v, "blocks.{}."), "vit.pth"
    v = Vit(45, eps=1e-5, cls=False)
    out["transformer_encoder"] = v, under("vit.", multihead(v, "encoder.layers.{}.")), "vit.pth"
    v = Vit(46, cls=False, how="plain")
    out["hf_ijepa"] = v, hugging_face(v), "model.safetensors", 24
    return out


def write_all(directory):
    torch.manual_seed(0)
    for name, (v, saved, file, *more) in families().items():
        folder = os.path.join(directory, name)
        os.makedirs(folder, exist_ok=True)
        path, more = os.path.join(folder, file), more[0] if more else None
        if path.endswith(".safetensors"):
            save_safetensors(path, saved, {"format": "pt"})
        elif path.endswith(".npz"):
            (np.savez_compressed if more else np.savez)(path, **saved)
        else:
            torch.save(saved, path, _use_new_zipfile_serialization=more != "legacy")
        if isinstance(more, dict):
            with open(os.path.join(folder, "config.json"), "w") as f:
                json.dump(more, f)
        size = more if isinstance(more, int) else v.size
        images = torch.randn(2, v.chans, size, size)
        expected = {"images": images, **v.run(images, size)}
        save_safetensors(os.path.join(folder, "expect.safetensors"), {k: t.float() for k, t in expected.items()})


# ---- exported files ----

def adopt(t, heads, eps, size=None):
    """A Vit with the weights of a file under plain timm names; `size`: of the images of one without positions."""
    D = t["patch_embed.proj.weight"].shape[0]
    depth = 1 + max(int(k.split(".")[1]) for k in t if k.startswith("blocks."))
    side = lambda n: math.isqrt(n) ** 2 == n
    prefix = sum(t[k].shape[1] for k in ("cls_token", "dist_token", "reg_token") if k in t)
    patch, positions = t["patch_embed.proj.weight"].shape[2], "pos_embed" in t
    rows = t["pos_embed"].shape[1] if positions else (size // patch) ** 2
    placed = 0 if side(rows) else prefix
    swiglu = t["blocks.0.mlp.fc1.weight"].shape[0] != t["blocks.0.mlp.fc2.weight"].shape[1]
    v = Vit(0, width=D, depth=depth, heads=heads, patch=patch, size=math.isqrt(rows - placed) * patch, eps=eps,
            chans=t["patch_embed.proj.weight"].shape[1], hidden=t["blocks.0.mlp.fc2.weight"].shape[1],
            cls="cls_token" in t, dist="dist_token" in t, registers=t["reg_token"].shape[1] if "reg_token" in t else 0,
            placed=placed, pre_norm="norm_pre.weight" in t, fc_norm="fc_norm.weight" in t, swiglu=swiglu,
            positions=positions, rotary="mixed" if "rope.freqs" in t else None)
    mine = {**timm(v), **({"rope.freqs": v.w["freqs"]} if v.rotary else {})}
    assert mine.keys() == t.keys(), f"other tensors: {sorted(mine.keys() ^ t.keys())}"
    assert all(mine[k].shape == t[k].shape for k in t), "other shapes"
    for key in ("cls", "cls_token"), ("dist", "dist_token"), ("reg", "reg_token"), ("pos", "pos_embed"), \
            ("freqs", "rope.freqs"):
        if key[0] in v.w:
            v.w[key[0]] = t[key[1]]
    names = {"patch": "patch_embed.proj", "norm_pre": "norm_pre", "norm": "fc_norm" if v.fc_norm else "norm"}
    for i in range(depth):
        for ours, theirs in ("norm1", "norm1"), ("proj", "attn.proj"), ("norm2", "norm2"), ("fc2", "mlp.fc2"):
            names[f"b.{i}.{ours}"] = f"blocks.{i}.{theirs}"
        if not swiglu:
            names[f"b.{i}.fc1"] = f"blocks.{i}.mlp.fc1"
        for end in ".weight", ".bias":
            for part, rows in zip("qkv", t[f"blocks.{i}.attn.qkv{end}"].chunk(3)):
                v.w[f"b.{i}.{part}{end}"] = rows
            if swiglu:
                v.w[f"b.{i}.a{end}"], v.w[f"b.{i}.b{end}"] = t[f"blocks.{i}.mlp.fc1{end}"].chunk(2)
    for ours, theirs in names.items():
        for end in ".weight", ".bias":
            if ours + end in v.w:
                v.w[ours + end] = t[theirs + end]
    return v


def from_hugging_face(t):
    """ViTModel's names back to timm's."""
    v = Vit(0, width=t["embeddings.cls_token"].shape[2],
            depth=1 + max(int(k.split(".")[2]) for k in t if k.startswith("encoder.layer.")))
    assert hugging_face(v).keys() == t.keys(), sorted(hugging_face(v).keys() ^ t.keys())
    v.w = {k: torch.zeros(1) for k in v.w}
    for i, key in enumerate(v.w):
        v.w[key] = torch.full((1,), float(i))
    back = {int(x.item()): k for k, x in hugging_face(v).items()}
    v.w = {k: t[back[i]] for i, k in enumerate(v.w)}
    return timm(v)


def compare(path, expect, heads, eps):
    expect, heads, eps = load_safetensors(expect), int(heads), float(eps)
    if path.endswith(".safetensors"):
        t = load_safetensors(path)
    else:
        t = torch.load(path, map_location="cpu", weights_only=True)
        t = t.get("model", t)
    if "embeddings.cls_token" in t:
        with open(os.path.join(os.path.dirname(path), "config.json")) as f:
            config = json.load(f)
        heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
        assert config["hidden_act"] == "gelu" and config["image_size"] == expect["images"].shape[-1], config
        t = from_hugging_face(t)
    got = adopt(t, heads, eps).run(expect["images"])
    worst = 0
    for key in "cls", "mean":
        if key in expect:
            worst = max(worst, float((got[key] - expect[key]).norm() / expect[key].norm()))
    print(f"{path}: relative error of features {worst:.1e}")
    return worst < 1e-5


if __name__ == "__main__":
    if sys.argv[1] == "--compare":
        sys.exit(0 if all([compare(*sys.argv[i:i + 4]) for i in range(2, len(sys.argv), 4)]) else 1)
    write_all(sys.argv[1])
