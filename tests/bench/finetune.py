#!/usr/bin/env python3
"""Images per second of a step of fine-tuning in PyTorch, to measure `tec bench --finetune` against. Called by tests/bench/torch.

    finetune.py tiny|vitt|vitb [--steps N] [--batch N]

The same work as there, in float32: a whole ViT of 12 blocks with a norm of the mean patch and a head of 1000 classes, images
mixed in pairs, cross entropy with soft targets, stochastic depth, backward, AdamW with a learning rate and a weight decay by
layer. What the recipe of MAE does with timm's ViT: one product for queries, keys and values, softmax, one tensor at a time.
Prints the median, and the mean of processor time.
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

# image, patch, width, heads, batch: as tec_bench_sizes
SIZES = {"tiny": (32, 4, 192, 3, 64), "vitt": (224, 16, 192, 3, 16), "vitb": (224, 16, 768, 12, 8)}
DEPTH, CLASSES, DROP_PATH, SMOOTHING, LAYER_DECAY = 12, 1000, 0.1, 0.1, 0.75


def drop_path(x, rate, training):
    if rate == 0 or not training:
        return x
    keep = x.new_empty(x.shape[0], 1, 1).bernoulli_(1 - rate).div_(1 - rate)
    return x * keep


class Block(nn.Module):
    def __init__(self, width, heads, rate):
        super().__init__()
        self.heads, self.rate = heads, rate
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attention(self, x):
        images, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(images, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weight = ((q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((weight @ v).transpose(1, 2).reshape(images, tokens, width))

    def forward(self, x):
        x = x + drop_path(self.attention(self.norm1(x)), self.rate, self.training)
        return x + drop_path(self.fc2(F.gelu(self.fc1(self.norm2(x)))), self.rate, self.training)


class Classifier(nn.Module):
    def __init__(self, image, patch, width, heads):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (image // patch) ** 2, width))
        self.patch_embed = nn.Conv2d(3, width, patch, patch)
        self.blocks = nn.ModuleList(Block(width, heads, DROP_PATH * i / (DEPTH - 1)) for i in range(DEPTH))
        self.fc_norm, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, CLASSES)

    def forward(self, images):
        x = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.fc_norm(x[:, 1:].mean(1)))


def layer_of(name):
    if name.startswith(("cls_token", "pos_embed", "patch_embed")):
        return 0
    return int(name.split(".")[1]) + 1 if name.startswith("blocks") else DEPTH + 1


def groups_of(model, lr):
    """A group for every layer, for tensors that are decayed and for those that are not."""
    groups = {}
    for name, weight in model.named_parameters():
        decay = 0.05 if weight.ndim > 1 and name not in ("cls_token", "pos_embed") else 0.0
        rate = lr * LAYER_DECAY ** (DEPTH + 1 - layer_of(name))
        groups.setdefault((layer_of(name), decay), {"params": [], "lr": rate, "weight_decay": decay})["params"].append(weight)
    return list(groups.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int)
    given = parser.parse_args()
    image, patch, width, heads, batch = SIZES[given.size]
    batch = given.batch or batch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = Classifier(image, patch, width, heads)
    optimizer = torch.optim.AdamW(groups_of(model, 1e-4), betas=(0.9, 0.999))
    images, labels, share = torch.randn(batch, 3, image, image), torch.randint(CLASSES, (batch,)), 0.7
    smooth = F.one_hot(labels, CLASSES) * (1 - SMOOTHING) + SMOOTHING / CLASSES
    wanted = share * smooth + (1 - share) * smooth.flip(0)
    seconds, processor = [], []
    for _ in range(given.steps + 1):
        start, used = time.perf_counter(), time.process_time()
        mixed = share * images + (1 - share) * images.flip(0)
        loss = torch.sum(-wanted * F.log_softmax(model(mixed), -1), -1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    step, used = statistics.median(seconds[1:]), statistics.mean(processor[1:])
    print(f"torch {given.size} batch {batch} s {step:.3f} img/processor-s {batch / used:.3f} img/s {batch / step:.3f}")


if __name__ == "__main__":
    main()
