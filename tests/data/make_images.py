#!/usr/bin/python3
"""Makes the image fixtures of tests/unit/test_image.c and test_augment.c.

images/NAME            a JPEG or PNG file; NAME.ppm and NAME.pgm: what Pillow's convert("RGB"), convert("L") make of it;
                       turned*: of what ImageOps.exif_transpose makes of it
resize/cases.txt       per line: result, source, kind (resize: crop and resize; others: evaluation), top (of evaluation:
                        crop_pct in %, 0: not given), left, height, width, rows and columns of the result, mirrored or
                        not; results are Pillow's

The output is committed, so that the tests need no Python. To make it anew (Debian: python3-pil, python3-numpy):
    cd tests/data && ./make_images.py
"""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HEIGHT, WIDTH = 29, 37
RNG = np.random.default_rng(20221011)


def picture(height, width, channels):
    """Waves, an edge and noise: smooth parts, sharp parts, all values."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(channels):
        wave = 127 + 90 * np.sin(x / (3.0 + c) + c) * np.cos(y / (4.0 - c / 2)) + 0.8 * (x - y)
        wave[(x + 2 * y + 7 * c) % 31 < 4] = 255 * (c % 2)
        planes.append(wave + RNG.normal(0, 12, (height, width)))
    return np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8)


# -- PNG: Pillow writes neither interlaced files nor 16-bit colour --

def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def packed_rows(samples, depth):
    """samples [h, w, channels] -> filter byte 0 and packed bits of each row."""
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            out += b"\0" + row.astype(">u2").tobytes()
        elif depth == 8:
            out += b"\0" + row.astype(np.uint8).tobytes()
        else:
            bits = ((row[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
            out += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
    return out


def png(samples, depth, colour, palette=None, transparency=None, interlaced=False):
    if interlaced:
        starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in starts]
        data = b"".join(packed_rows(p, depth) for p in passes if p.size)
    else:
        data = packed_rows(samples, depth)
    height, width = samples.shape[:2]
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    if palette is not None:
        out += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


# -- JPEG --

def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def with_adobe_transform(data, transform):
    """The components of a file, taken for something else: Pillow cannot write YCCK."""
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1:]


def without_segment(data, marker):
    at = data.index(bytes([0xff, marker]))
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]


def files():
    rgb, grey = picture(HEIGHT, WIDTH, 3), picture(HEIGHT, WIDTH, 1)
    colour, ink = Image.fromarray(rgb), Image.fromarray(picture(HEIGHT, WIDTH, 4), "CMYK")
    yield "rgb420.jpg", jpeg(colour, quality=85, subsampling=2)
    yield "rgb422.jpg", jpeg(colour, quality=70, subsampling=1)
    yield "rgb444.jpg", jpeg(colour, quality=92, subsampling=0)
    yield "grey.jpg", jpeg(Image.fromarray(grey[:, :, 0]), quality=85)
    yield "progressive.jpg", jpeg(colour, quality=85, subsampling=2, progressive=True)
    yield "optimized.jpg", jpeg(colour, quality=60, subsampling=2, optimize=True)
    cmyk = jpeg(ink, quality=85)
    yield "cmyk.jpg", cmyk
    yield "cmyk_no_adobe.jpg", without_segment(cmyk, 0xee)
    yield "ycck.jpg", with_adobe_transform(cmyk, 2)
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0"
    plain = without_segment(jpeg(colour, quality=85, subsampling=0), 0xe0)
    yield "rgb_stored.jpg", plain[:2] + adobe + plain[2:]
    ordinary = jpeg(colour, quality=85, subsampling=2)
    tables = ordinary.index(b"\xff\xdb")
    yield "stray_bytes.jpg", ordinary[:tables] + b"stray" + ordinary[tables:]

    wide = np.concatenate([rgb.astype(np.int64) * 257 - 3 * (rgb > 9), grey.astype(np.int64) * 256 + 200], 2)
    palette = RNG.integers(0, 256, (23, 3))
    index = picture(HEIGHT, WIDTH, 1) % 23
    yield "grey.png", png(grey, 8, 0)
    yield "grey1.png", png(grey >> 7, 1, 0)
    yield "grey2.png", png(grey >> 6, 2, 0)
    yield "grey4.png", png(grey >> 4, 4, 0)
    yield "grey16.png", png(wide[:, :, 3:], 16, 0)
    yield "grey_alpha.png", png(np.concatenate([grey, rgb[:, :, :1]], 2), 8, 4)
    yield "grey_trns.png", png(grey, 8, 0, transparency=struct.pack(">H", int(grey[3, 3, 0])))
    yield "rgb.png", png(rgb, 8, 2)
    yield "rgb16.png", png(wide[:, :, :3], 16, 2)
    yield "rgb_trns.png", png(rgb, 8, 2, transparency=struct.pack(">3H", *[int(v) for v in rgb[5, 5]]))
    yield "rgba.png", png(np.concatenate([rgb, grey], 2), 8, 6)
    yield "rgba16.png", png(wide, 16, 6)
    yield "palette.png", png(index, 8, 3, palette)
    yield "palette4.png", png(index % 16, 4, 3, palette[:16])
    yield "palette_trns.png", png(index, 8, 3, palette, transparency=bytes(range(0, 230, 10)))
    yield "interlaced.png", png(rgb, 8, 2, interlaced=True)
    yield "interlaced_grey1.png", png(grey >> 7, 1, 0, interlaced=True)
    yield "interlaced_palette.png", png(index, 8, 3, palette, interlaced=True)


# -- damaged files that Pillow decodes, and EXIF orientations; nothing here draws from RNG --

def damaged():
    with open("images/rgb.png", "rb") as stored, open("images/rgb444.jpg", "rb") as photo, \
            open("images/palette.png", "rb") as indexed, open("images/interlaced.png", "rb") as passes, \
            open("images/rgb420.jpg", "rb") as coarse:
        rgb, jpg, palette, interlaced = stored.read(), photo.read(), indexed.read(), passes.read()
        subsampled = coarse.read()
    head, end = rgb[:33], rgb[-12:]
    packed = rgb[41:-16]
    rows = zlib.decompress(packed)
    yield "no_iend.png", rgb[:-12]
    yield "cut_iend.png", rgb[:-5]
    yield "bad_crc.png", rgb[:-16] + b"\0\1\2\3" + end
    yield "no_adler.png", head + chunk(b"IDAT", packed[:-4]) + end
    yield "rows_missing.png", head + chunk(b"IDAT", zlib.compress(rows[:20 * (1 + 3 * WIDTH)], 9)) + end
    yield "bad_text.png", rgb[:-12] + chunk(b"tEXt", b"a\0b")[:-4] + b"\0\1\2\3" + end
    yield "no_palette.png", palette.replace(chunk(b"PLTE", palette[41:41 + 69]), b"")
    yield "interlaced_no_iend.png", interlaced[:-12]
    yield "no_end.jpg", subsampled[:-2]
    yield "bad_code.jpg", jpg[:1183] + b"\xfe" + jpg[1184:]
    yield "bad_marker.jpg", subsampled[:622] + b"\xfe" + subsampled[623:]
    yield "part_missing.jpg", jpg[:-100] + jpg[-2:]


def exif(orientation, order=">"):
    entries = [(0x10f, 2, 2, b"x\0\0\0"), (0x112, 3, 1, struct.pack(order + "HH", orientation, 0))]
    out = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        out += struct.pack(order + "HHI", tag, kind, count) + value
    return out + struct.pack(order + "I", 0)


def turned():
    with open("images/rgb.png", "rb") as stored, open("images/grey.jpg", "rb") as photo:
        rgb, jpg = stored.read(), photo.read()
    for orientation in range(1, 9):
        order = "<>"[orientation % 2]
        data = b"Exif\0\0" + exif(orientation, order)
        yield f"turned{orientation}.jpg", jpg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(data)) + data + jpg[2:]
    yield "turned6.png", rgb[:33] + chunk(b"eXIf", exif(6)) + rgb[33:]


def make_others():
    for make, turn in ((damaged, lambda image: image), (turned, ImageOps.exif_transpose)):
        for name, data in make():
            with open("images/" + name, "wb") as out:
                out.write(data)
            turn(Image.open(io.BytesIO(data))).convert("RGB").save("images/" + name + ".ppm")


def make_images():
    for name, data in files():
        with open("images/" + name, "wb") as out:
            out.write(data)
        image = Image.open(io.BytesIO(data))
        image.load()
        if name == "grey16.png":  # Pillow clips at 255 here; the upper byte is what the picture shows
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image.convert("RGB").save("images/" + name + ".ppm")
        image.convert("L").save("images/" + name + ".pgm")


# -- resizing --

FILTERS = {"bilinear": Image.BILINEAR, "lanczos": Image.LANCZOS}


def center(image, size, kind, percent):
    """torchvision's Resize and CenterCrop: as the public MAE evaluates (center), or as timm and Hugging Face do. size: rows
    and columns; of two different ones timm's ResizeKeepRatio, which covers both."""
    rows, columns = size
    if kind == "whole" and image.size == (columns, rows):
        return image
    pct = percent / 100 if percent else 224 / 256 if max(size) <= 224 else 1
    to_rows, to_columns = int(rows / pct), int(columns / pct)
    width, height = image.size
    if kind == "squash":
        width, height = to_columns, to_rows
    elif to_rows != to_columns:
        ratio = min(height / to_rows, width / to_columns)
        width, height = round(width / ratio), round(height / ratio)
    elif width <= height:
        width, height = to_columns, int(to_rows * height / width)
    else:
        width, height = int(to_columns * width / height), to_rows
    top, left = int(round((height - rows) / 2)), int(round((width - columns) / 2))
    image = image.resize((width, height), FILTERS.get(kind, Image.BICUBIC))
    return image.crop((left, top, left + columns, top + rows))


def make_resize():
    sources = {"source.ppm": Image.fromarray(picture(47, 61, 3)), "source.pgm": Image.fromarray(picture(28, 28, 1)[:, :, 0]),
               "sharp.pgm": Image.fromarray((RNG.integers(0, 2, (64, 33)) * 255).astype(np.uint8))}
    for name, image in sources.items():
        image.save("resize/" + name)
    crops = [("source.ppm", 0, 0, 47, 61, 47, 61, 0), ("source.ppm", 0, 0, 47, 61, 32, 32, 0),
             ("source.ppm", 3, 8, 40, 36, 64, 64, 1), ("source.ppm", 20, 30, 27, 31, 28, 28, 0),
             ("source.ppm", 5, 0, 32, 61, 32, 32, 1), ("source.ppm", 0, 7, 47, 32, 32, 32, 0),
             ("source.ppm", 46, 60, 1, 1, 16, 16, 0), ("source.ppm", 0, 0, 47, 61, 1, 1, 0),
             ("source.ppm", 11, 13, 5, 48, 7, 7, 1), ("source.ppm", 2, 2, 40, 50, 19, 71, 0),
             ("source.pgm", 0, 0, 28, 28, 28, 28, 1), ("source.pgm", 4, 6, 15, 19, 28, 28, 0),
             ("source.pgm", 9, 1, 19, 14, 28, 28, 1), ("source.pgm", 0, 0, 28, 28, 96, 96, 0),
             ("sharp.pgm", 0, 0, 64, 33, 20, 20, 0), ("sharp.pgm", 1, 1, 50, 30, 50, 33, 0),
             ("source.ppm", 4, 9, 30, 44, 24, 40, 1), ("source.pgm", 2, 3, 20, 11, 40, 8, 1)]
    with open("resize/cases.txt", "w") as cases:
        for i, (source, top, left, height, width, rows, columns, flip) in enumerate(crops):
            result = sources[source].crop((left, top, left + width, top + height))
            result = result.resize((columns, rows), Image.BICUBIC)
            result = result.transpose(Image.FLIP_LEFT_RIGHT) if flip else result
            name = f"crop{i}{os.path.splitext(source)[1]}"
            result.save("resize/" + name)
            print(name, source, "resize", top, left, height, width, rows, columns, flip, file=cases)
        views = [("source.ppm", 32, "center", 0), ("source.ppm", 56, "center", 0), ("source.pgm", 28, "whole", 0),
                 ("source.pgm", 24, "center", 0), ("sharp.pgm", 33, "center", 0), ("source.ppm", 1, "center", 0),
                 ("source.pgm", 28, "center", 0), ("source.pgm", 24, "whole", 0), ("source.ppm", 40, "center", 90),
                 ("source.ppm", 32, "center", 100), ("source.ppm", 32, "squash", 100), ("source.ppm", 40, "squash", 95),
                 ("source.ppm", 32, "bilinear", 90), ("source.pgm", 40, "bilinear", 0), ("source.ppm", 20, "lanczos", 0)]
        rectangles = [("source.ppm", (24, 40), "center", 0), ("source.ppm", (40, 24), "center", 90),
                      ("source.ppm", (47, 61), "whole", 0), ("source.ppm", (16, 48), "whole", 0),
                      ("source.ppm", (24, 40), "squash", 95), ("sharp.pgm", (31, 64), "center", 100),
                      ("source.pgm", (23, 24), "bilinear", 0), ("sharp.pgm", (300, 100), "center", 0)]
        views = [(source, (size, size), kind, percent) for source, size, kind, percent in views] + rectangles
        for i, (source, size, kind, percent) in enumerate(views):
            name = f"center{i}{os.path.splitext(source)[1]}"
            center(sources[source], size, kind, percent).save("resize/" + name)
            print(name, source, kind, percent, 0, 0, 0, *size, 0, file=cases)


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    for folder in ("images", "resize"):
        os.makedirs(folder, exist_ok=True)
    make_images()
    make_others()
    make_resize()
