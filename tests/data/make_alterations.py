#!/usr/bin/python3
"""Makes the golden cases of tests/unit/test_alter.c: what Pillow makes of small pictures.

alter/SOURCE.pnm           a picture
alter/SOURCE_altered.pnm   the results of its cases, one below the other, in the order of cases.txt
alter/cases.txt            per line: source, alteration, argument (0 where it has none); places that come from outside the
                           picture have the colour (124, 116, 104), or 124

The output is committed, so that the tests need no Python. To make it anew (Debian: python3-pil, python3-numpy):
    cd tests/data && ./make_alterations.py
"""
import os

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

RNG = np.random.default_rng(19091371)
FILL = (124, 116, 104)


def rgb():
    """Waves, an edge and noise; the channels do not reach 0 and 255."""
    y, x = np.mgrid[0:23, 0:31]
    planes = [125 + 60 * np.sin(x / (2.0 + c) + c) * np.cos(y / (3.0 - c / 2)) + 45 * ((x + 2 * y) % 17 < 4 + c)
              for c in range(3)]
    return np.stack(planes, 2) + RNG.normal(0, 6, (23, 31, 3))


def grey():
    """Half of it black, as Fashion-MNIST is: equalised values come out above 255 and are cut off."""
    y, x = np.mgrid[0:28, 0:28]
    return np.where((x - 14) ** 2 + (y - 14) ** 2 < 120, 160 + 6 * (x - 14) + RNG.normal(0, 15, (28, 28)), 0)


def small():
    """Too few pixels for equalising, and a channel of one value."""
    values = RNG.integers(40, 220, (4, 5, 3))
    values[:, :, 1] = 77
    return values


SOURCES = {"rgb": rgb(), "grey": grey(), "small": small(), "line": RNG.integers(0, 256, (1, 4, 3))}


def affine(image, *matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BICUBIC, fillcolor=fill(image))


def fill(image):
    return FILL if image.mode == "RGB" else FILL[0]


def solarize_add(image, add):
    return image.point([min(255, i + int(add)) if i < 128 else i for i in range(256)] * len(image.getbands()))


ENHANCE = [0, 0.1, 0.37, 1, 1.81, 1.9]
SHIFT = [-0.27, 0.3, 0.123456789]
ALTERATIONS = {
    "AutoContrast": ([0], lambda image, a: ImageOps.autocontrast(image)),
    "Equalize": ([0], lambda image, a: ImageOps.equalize(image)),
    "Invert": ([0], lambda image, a: ImageOps.invert(image)),
    "Rotate": ([-30, -27.3, 0, 27, 11.1111, 90, 200],
               lambda image, a: image.rotate(a, resample=Image.BICUBIC, fillcolor=fill(image))),
    "Posterize": ([0, 1, 4, 8], lambda image, a: ImageOps.posterize(image, int(a))),
    "Solarize": ([0, 26, 128, 256], lambda image, a: ImageOps.solarize(image, int(a))),
    "SolarizeAdd": ([0, 99, 128], solarize_add),
    "Color": (ENHANCE, lambda image, a: ImageEnhance.Color(image).enhance(a)),
    "Contrast": (ENHANCE, lambda image, a: ImageEnhance.Contrast(image).enhance(a)),
    "Brightness": (ENHANCE, lambda image, a: ImageEnhance.Brightness(image).enhance(a)),
    "Sharpness": (ENHANCE, lambda image, a: ImageEnhance.Sharpness(image).enhance(a)),
    "ShearX": (SHIFT, lambda image, a: affine(image, 1, a, 0, 0, 1, 0)),
    "ShearY": (SHIFT, lambda image, a: affine(image, 1, 0, 0, a, 1, 0)),
    "TranslateX": ([-12.6, -9.45, 4, 2.5], lambda image, a: affine(image, 1, 0, a, 0, 1, 0)),
    "TranslateY": ([-12.6, -9.45, 4, 2.5], lambda image, a: affine(image, 1, 0, 0, 0, 1, a)),
}


def write(name, values):
    Image.fromarray(values).save(os.path.join("alter", name), "PPM")


os.makedirs("alter", exist_ok=True)
with open("alter/cases.txt", "w") as cases:
    for source, values in SOURCES.items():
        values = np.clip(values, 0, 255).astype(np.uint8)
        write(source + ".pnm", values)
        results = []
        for name, (arguments, alter) in ALTERATIONS.items():
            for argument in arguments:
                results.append(np.asarray(alter(Image.fromarray(values), argument)))
                cases.write(f"{source} {name} {argument!r}\n")
        write(source + "_altered.pnm", np.concatenate(results))
