#!/usr/bin/python3
"""Golden cases of interpolated position embeddings, computed by PyTorch's interpolate: make_positions.py > positions.txt

A case is a line `HOW ROWS COLUMNS NEW_ROWS NEW_COLUMNS D`, then the table [ROWS * COLUMNS, D] and the result [NEW_ROWS *
NEW_COLUMNS, D], a line each. HOW is a word of base.interpolation; tests/unit/test_import_positions.c reads them.
"""
import torch
import torch.nn.functional as F

D = 2


def interpolate(how, grid, old, new):
    if how == "antialias":  # timm's resample_abs_pos_embed; DINOv2 with registers
        return F.interpolate(grid, size=new, mode="bicubic", antialias=True)
    if how == "plain":  # Hugging Face, MAE
        return F.interpolate(grid, size=new, mode="bicubic", align_corners=False)
    if how == "offset":  # DINO, iBOT, DINOv2: "a small number to avoid floating point error"
        factors = tuple((n + 0.1) / o for o, n in zip(old, new))
        return F.interpolate(grid, scale_factor=factors, mode="bicubic")
    return F.interpolate(grid, size=new, mode="bicubic", align_corners=True)  # torchvision


def main():
    torch.manual_seed(1)
    squares = [((7, 7), (3, 3)), ((5, 5), (8, 8)), ((2, 2), (5, 5)), ((6, 6), (2, 2))]
    rectangles = [((4, 4), (3, 6)), ((3, 5), (6, 4)), ((5, 2), (1, 7))]
    for sizes in squares, rectangles:
        for how in "antialias", "plain", "offset", "corners":
            for old, new in sizes:
                case(how, old, new)


def case(how, old, new):
    table = torch.randn(old[0] * old[1], D)
    grid = table.reshape(1, *old, D).permute(0, 3, 1, 2)
    out = interpolate(how, grid, old, new)
    assert out.shape[2:] == new
    out = out.permute(0, 2, 3, 1).reshape(-1, D)
    print(how, *old, *new, D)
    for numbers in table, out:
        print(" ".join(f"{x:.7g}" for x in numbers.flatten().tolist()))


if __name__ == "__main__":
    main()
