#!/usr/bin/env python3
"""Writes a golden fixture of a model that learns from two base models: weights, inputs, losses, gradients and steps of
AdamW as PyTorch computes them, in doubles. `tec selftest` replays it.

    make_several.py OUT.h5

Each base model has an encoder adaptor and decoders of its own behind one encoder: the mathematics of TEC
(arXiv 2210.11016), written out once more. Needs PyTorch and h5py.
"""
import sys

import h5py
import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
random = torch.Generator().manual_seed(5)

SIZE, PATCH, CHANNELS, D, DEPTH, HEADS, GROUPS = 12, 3, 2, 16, 4, 2, 2
W, DECODER_DEPTH, DECODER_HEADS = 8, 2, 2
BASES = ((12, 3), (10, 5))  # width, heads
B, K, VISIBLE, TAU = 3, 4, 5, 1.8
GRID = SIZE // PATCH
L = GRID * GRID

weights, fixed = {}, {}


def draw(*shape, size=1.0):
    return (torch.randn(*shape, generator=random) * size).float().double()


def add_linear(name, outputs, inputs):
    weights[name + ".weight"] = draw(outputs, inputs, size=0.7 / inputs**0.5)
    weights[name + ".bias"] = draw(outputs, size=0.05)


def add_norm(name, width):
    weights[name + ".weight"] = (1 + draw(width, size=0.1)).float().double()
    weights[name + ".bias"] = draw(width, size=0.1)


def add_mlp(name, width, hidden):
    add_linear(name + ".fc1", hidden, width)
    add_linear(name + ".fc2", width, hidden)


def add_block(name, width):
    add_norm(name + ".norm1", width)
    add_linear(name + ".attn.qkv", 3 * width, width)
    add_linear(name + ".attn.proj", width, width)
    add_norm(name + ".norm2", width)
    add_mlp(name + ".mlp", width, 4 * width)


def positions(width):
    """Sines and cosines: the first half of the columns by the patch's column, the other by its row; the class has 0."""
    rate = 10000.0 ** (-torch.arange(width // 4) / (width / 4))
    row, column = torch.arange(L) // GRID, torch.arange(L) % GRID
    parts = [f(place[:, None] * rate) for place in (column, row) for f in (torch.sin, torch.cos)]
    return torch.cat([torch.zeros(1, width), torch.cat(parts, 1)])[None]


def add_model():
    add_linear("patch_embed.proj", D, CHANNELS * PATCH * PATCH)
    weights["patch_embed.proj.weight"] = weights["patch_embed.proj.weight"].reshape(D, CHANNELS, PATCH, PATCH)
    weights["cls_token"] = draw(1, 1, D)
    add_mlp("cls_token_mlp", D, 4 * D)
    for i in range(DEPTH):
        add_block(f"blocks.{i}", D)
    add_norm("norm", D)
    fixed["pos_embed"] = positions(D)
    for prefix, (width, _) in zip(("", "base2."), BASES):
        add_norm(prefix + "encoder_adaptor.adap_before", D * DEPTH)
        for g in range(GROUPS):
            add_linear(f"{prefix}encoder_adaptor.fuse_fcs.{g}", D, D * DEPTH // GROUPS)
            add_mlp(f"{prefix}encoder_adaptor.adap_mlps.{g}", D, 4 * W)
        add_norm(prefix + "encoder_adaptor.adap_after", D)
        for name, head, outputs in (("fea", "pred", width), ("att", "qk", 2 * width)):
            decoder = f"{prefix}forward_{name}_decoder."
            add_linear(decoder + "decoder_embed", W, D)
            weights[decoder + "mask_token"] = draw(1, 1, W)
            add_norm(decoder + "decoder_norm", W)
            add_linear(decoder + "decoder_" + head, outputs, W)
        for i in range(DECODER_DEPTH):
            add_block(f"{prefix}decoder_blocks.{i}", W)
        fixed[prefix + "decoder_pos_embed"] = positions(W)


def linear(x, name):
    return F.linear(x, weights[name + ".weight"], weights[name + ".bias"])


def norm(x, name, eps=1e-6):
    return F.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights[name + ".bias"], eps)


def mlp(x, name):
    return linear(F.gelu(linear(x, name + ".fc1")), name + ".fc2")


def block(x, name, heads):
    width = x.shape[-1]
    q, k, v = linear(norm(x, name + ".norm1"), name + ".attn.qkv").unflatten(-1, (3, heads, width // heads)).unbind(2)
    share = torch.einsum("bqhd,bkhd->bhqk", q, k).div((width // heads) ** 0.5).softmax(-1)
    x = x + linear(torch.einsum("bhqk,bkhd->bqhd", share, v).flatten(2), name + ".attn.proj")
    return x + mlp(norm(x, name + ".norm2"), name + ".mlp")


def encode(images, order):
    """The outputs of all blocks on the class token and the visible patches, side by side."""
    x = F.conv2d(images, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], PATCH).flatten(2).mT
    x = x + fixed["pos_embed"][:, 1:]
    seen = torch.stack([x[b, order[b, :VISIBLE]] for b in range(B)])
    token = mlp(weights["cls_token"], "cls_token_mlp") + fixed["pos_embed"][:, :1]
    x, outputs = torch.cat([token.expand(B, -1, -1), seen], 1), []
    for i in range(DEPTH):
        x = block(x, f"blocks.{i}", HEADS)
        outputs.append(x)
    outputs[-1] = norm(x, "norm")
    return torch.cat(outputs, -1)


def adapt(outputs, prefix):
    parts = norm(outputs, prefix + "encoder_adaptor.adap_before", 1e-5).chunk(GROUPS, -1)
    fused = [linear(part, f"{prefix}encoder_adaptor.fuse_fcs.{g}") for g, part in enumerate(parts)]
    total = sum(y + mlp(y, f"{prefix}encoder_adaptor.adap_mlps.{g}") for g, y in enumerate(fused))
    return norm(total, prefix + "encoder_adaptor.adap_after", 1e-5)


def decode(z, order, prefix, decoder, head):
    """Predictions for the class token and all patches, in their own order."""
    embedded = linear(z, prefix + decoder + "decoder_embed")
    images = []
    for b in range(B):
        patches = weights[prefix + decoder + "mask_token"][0].expand(L, -1).clone()
        patches[order[b, :VISIBLE]] = embedded[b, 1:]
        images.append(torch.cat([embedded[b, :1], patches]))
    x = torch.stack(images) + fixed[prefix + "decoder_pos_embed"]
    for i in range(DECODER_DEPTH):
        x = block(x, f"{prefix}decoder_blocks.{i}", DECODER_HEADS)
    return linear(norm(x, prefix + decoder + "decoder_norm"), prefix + decoder + head)


def losses_of(outputs, order, prefix, heads, feature, attention, topk):
    z = adapt(outputs, prefix)
    predicted = decode(z, order, prefix, "forward_fea_decoder.", "decoder_pred")[:, 1:]
    wanted = (feature - feature.mean(1, keepdim=True)) / (feature.var(1, keepdim=True) + 1e-6).sqrt()
    hidden = order[:, VISIBLE:]
    of_feature = torch.stack([(predicted - wanted)[b, hidden[b]].square().mean() for b in range(B)]).mean()
    q, k = decode(z, order, prefix, "forward_att_decoder.", "decoder_qk").chunk(2, -1)
    q = torch.stack([q[b, torch.cat([torch.zeros(1, dtype=torch.long), 1 + topk[b]])] for b in range(B)])
    q, k = (t.unflatten(-1, (heads, -1)) for t in (q, k[:, 1:]))
    logits = torch.einsum("bqhd,blhd->bqhl", q, k) / feature.shape[-1] ** 0.5
    of_attention = -((attention / TAU).softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
    return of_feature, of_attention


def put(file, name, tensor):
    numbers = tensor.detach().numpy()
    file[name] = numbers.astype(np.float32) if numbers.dtype == np.float64 else numbers


def take_steps(file, forward, steps):
    settings = dict(lr=1e-3, beta1=0.9, beta2=0.95, eps=1e-8)
    plain = [t for name, t in weights.items() if t.dim() == 1]
    rest = [t for name, t in weights.items() if t.dim() > 1]
    optimizer = torch.optim.AdamW([dict(params=plain, weight_decay=0), dict(params=rest, weight_decay=0.05)],
                                  lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        losses.append(sum(forward()))
        losses[-1].backward()
        optimizer.step()
    losses.append(sum(forward()))
    file["expected/adamw/loss"] = np.array([loss.item() for loss in losses])
    file["expected/adamw"].attrs.update(steps=steps, weight_decay=0.05, **settings)
    for name, tensor in weights.items():
        put(file, "expected/adamw/weights/" + name, tensor)


def main():
    add_model()
    images, order = draw(B, CHANNELS, SIZE, SIZE), torch.rand(B, L, generator=random).argsort(1)
    targets = [(draw(B, L, width, size=2), draw(B, 1 + K, heads, L, size=1.5),
                torch.rand(B, L, generator=random).argsort(1)[:, :K]) for width, heads in BASES]
    for tensor in weights.values():
        tensor.requires_grad_()

    def forward():
        outputs = encode(images, order)
        losses = []
        for prefix, (_, heads), wanted in zip(("", "base2."), BASES, targets):
            losses += losses_of(outputs, order, prefix, heads, *wanted)
        return losses

    with h5py.File(sys.argv[1], "w") as file:
        file.attrs.update(format="tec-fixture", version=3, kind="pretrain")
        file.create_group("config").attrs.update(
            img=SIZE, patch=PATCH, chans=CHANNELS, dim=D, depth=DEPTH, heads=HEADS, mlp_ratio=4, dec_dim=W,
            dec_depth=DECODER_DEPTH, dec_heads=DECODER_HEADS, groups=GROUPS, base_dim=BASES[0][0],
            base_heads=BASES[0][1], more_bases=[*BASES[1], 0, 0, 0, 0], att_tau=TAU, pred_att=True)
        for name, tensor in {**weights, **fixed}.items():
            put(file, "weights/" + name, tensor)
        put(file, "inputs/images", images)
        put(file, "inputs/ids_shuffle", order)
        file["inputs"].attrs["keep"] = VISIBLE
        for suffix, wanted in zip(("", "2"), targets):
            for name, tensor in zip(("feature", "attention", "topk"), wanted):
                put(file, f"inputs/{name}{suffix}", tensor)
        losses = forward()
        for name, loss in zip(("loss_fea", "loss_att", "loss_fea2", "loss_att2"), losses):
            file["expected/" + name] = loss.item()
        sum(losses).backward()
        for name, tensor in weights.items():
            put(file, "expected/grad/" + name, tensor.grad)
        take_steps(file, forward, 4)


main()
