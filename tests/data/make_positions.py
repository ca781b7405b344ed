#!/usr/bin/python3
"""Golden cases of interpolated position embeddings, computed by PyTorch's interpolate: make_positions.py > positions.txt

A case is a line `HOW SIDE NEW_SIDE D`, then the table [SIDE * SIDE, D] and the result [NEW_SIDE * NEW_SIDE, D], a line
each. HOW is a word of base.interpolation; tests/unit/test_import_positions.c reads them.
"""
import torch
import torch.nn.functional as F

D = 2


def interpolate(how, grid, side, new):
    if how == "antialias":  # timm's resample_abs_pos_embed; DINOv2 with registers
        return F.interpolate(grid, size=(new, new), mode="bicubic", antialias=True)
    if how == "plain":  # Hugging Face, MAE
        return F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    if how == "offset":  # DINO, iBOT, DINOv2: "a small number to avoid floating point error"
        factor = (new + 0.1) / side
        return F.interpolate(grid, scale_factor=(factor, factor), mode="bicubic")
    return F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=True)  # torchvision


def main():
    torch.manual_seed(1)
    for how in "antialias", "plain", "offset", "corners":
        for side, new in (7, 3), (5, 8), (2, 5), (6, 2):
            table = torch.randn(side * side, D)
            grid = table.reshape(1, side, side, D).permute(0, 3, 1, 2)
            out = interpolate(how, grid, side, new)
            assert out.shape[2:] == (new, new)
            out = out.permute(0, 2, 3, 1).reshape(new * new, D)
            print(how, side, new, D)
            for numbers in table, out:
                print(" ".join(f"{x:.7g}" for x in numbers.flatten().tolist()))


if __name__ == "__main__":
    main()
