#!/usr/bin/python3
"""Makes the fixtures of tests/unit/test_image_bands.c: bands/NAME, images with any number of bands and bits, and
bands/NAME.f64, the values that were put into them, [height, width, bands] in double precision; and bands/resize.f64, what
resizing by bicubic filter in double precision makes of some, which is checked against Pillow's mode F here.

The output is committed, so that the tests need no Python. To make it anew (Debian: python3-pil, python3-numpy,
libopenjp2-tools):
    cd tests/data && ./make_bands.py
"""
import io
import os
import struct
import subprocess
import tempfile
import zlib

import numpy as np
from PIL import Image

from make_formats import pack_bits, picture, saved, tiff

HEIGHT, WIDTH = 9, 11
U16 = (picture(5, HEIGHT, WIDTH).astype(np.uint16) << 8) + picture(5, HEIGHT, WIDTH)[::-1]
F32 = (picture(5, 17, 23).astype(np.float32) - 100) * np.float32(1.2345e-3)


def format_of(array):
    return {339: (3, [{"u": 1, "i": 2, "f": 3}[array.dtype.kind]] * array.shape[2])}


def bands(array, photometric=1, tags=(), **how):
    return tiff(array, photometric, bits=8 * array.dtype.itemsize, tags={**format_of(array), **dict(tags)}, **how)


def float_predicted(data, shape):
    """Bytes of a row by significance, the highest first, then differences from the same band of the pixel before."""
    rows = np.frombuffer(data, np.uint8).reshape(shape[0], -1, 4)[:, :, ::-1].transpose(0, 2, 1).reshape(shape[0], -1)
    before = np.zeros_like(rows)
    before[:, shape[2]:] = rows[:, :-shape[2]]
    return zlib.compress((rows - before).tobytes())


def tiff_files():
    deflate = 8, lambda data, shape: zlib.compress(data)
    bits = 32773, lambda data, shape: b"".join(pack_bits(data[i:i + len(data) // shape[0]])
                                               for i in range(0, len(data), len(data) // shape[0]))
    differences = 8, lambda data, shape: zlib.compress(
        np.diff(np.frombuffer(data, np.uint16).reshape(shape), axis=1, prepend=np.uint16(0)).tobytes())
    photo = 7, lambda data, shape: saved(Image.fromarray(np.frombuffer(data, np.uint8).reshape(shape).squeeze()), "JPEG",
                                         quality=95)
    u8 = picture(4, HEIGHT, WIDTH)
    signed = (U16.astype(np.int64) - 30000).astype(np.int16)
    yield "u16.tif", bands(U16), U16
    yield "u16_big_endian.tif", bands(U16, order=">"), U16
    yield "u16_big.tif", bands(U16, big=True), U16
    yield "u16_planes.tif", bands(U16, planar=True, pack=deflate), U16
    yield "u16_tiles.tif", bands(U16, tile=(16, 16), pack=deflate), U16
    yield "u16_tiled_planes.tif", bands(U16, tile=(16, 16), planar=True), U16
    yield "u16_predicted.tif", bands(U16, pack=differences, tags={317: (3, [2])}), U16
    yield "u16_packbits.tif", bands(U16 // 9000 * 9000, pack=bits), U16 // 9000 * 9000
    yield "u16_inverse.tif", bands(U16[:, :, :1], 0), 65535 - U16[:, :, :1].astype(int)
    yield "u16_rgba.tif", bands(U16[:, :, :4], 2, {338: (3, [2])}), U16[:, :, :4]
    yield "u16_rgbx.tif", bands(U16[:, :, :4], 2, {338: (3, [0])}), U16[:, :, :4]
    yield "u16_turned.tif", bands(U16[::-1, ::-1], tags={274: (3, [3])}), U16
    yield "u16_lzw.tif", saved(Image.fromarray(U16[:, :, 0]), "TIFF", compression="tiff_lzw"), U16[:, :, :1]
    yield "u8.tif", bands(u8), u8
    planes = np.stack([np.asarray(Image.open(io.BytesIO(photo[1](np.pad(u8[:, :, c], ((0, 7), (0, 5))).tobytes(), (16, 16, 1)))))
                       for c in range(4)], 2)
    yield "u8_jpeg.tif", bands(u8, planar=True, tile=(16, 16), pack=photo), planes[:HEIGHT, :WIDTH]
    yield "i16.tif", bands(signed), signed
    yield "u32.tif", bands(U16.astype(np.uint32) << 16), U16.astype(np.float64) * 65536
    yield "i32.tif", bands(signed.astype(np.int32) * 60000), signed.astype(np.float64) * 60000
    yield "f32.tif", bands(F32), F32
    yield "f32_predicted.tif", bands(F32, pack=(8, float_predicted), tags={317: (3, [3])}), F32
    yield "f32_lzw.tif", saved(Image.fromarray(F32[:, :, 1]), "TIFF", compression="tiff_lzw"), F32[:, :, 1:2]
    yield "f64.tif", bands(F32.astype(np.float64) / 3, planar=True), F32.astype(np.float64) / 3
    for name, value in (("nan", np.nan), ("inf", -np.inf)):
        bad = F32.copy()
        bad[7, 3, 2] = value
        yield f"{name}.tif", bands(bad), bad


def png(array, colour, interlaced=False):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, right in starts if interlaced else [(0, 0, 1, 1)]:
        part = array[top::down, left::right]
        rows += b"".join(b"\0" + row.astype(">u2").tobytes() for row in part) if part.shape[1] else b""
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jp2(name, content, ending, *options):
    """What opj_compress makes of a file: Pillow writes neither 16 bits of several bands nor signs."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = f"{folder}/given{ending}", f"{folder}/{name}"
        open(given, "wb").write(content)
        subprocess.run(["opj_compress", "-i", given, "-o", made, "-n", "2", *options], check=True, stdout=subprocess.DEVNULL)
        return open(made, "rb").read()


def jp2_files():
    few = U16[:, :, :2].astype(int) // 16
    shape = f"{WIDTH},{HEIGHT}"
    planes = lambda values, kind: np.asarray(values, kind).transpose(2, 0, 1).tobytes()
    yield "u16.jp2", jp2("u16.jp2", planes(U16, ">u2"), ".raw", "-mct", "0", "-F", f"{shape},5,16,u"), U16
    yield "u16_rgba.jp2", jp2("u16_rgba.jp2", png(U16[:, :, :4], 6), ".png"), U16[:, :, :4]
    yield "u12.j2k", jp2("u12.j2k", planes(few, ">u2"), ".raw", "-F", f"{shape},2,12,u"), few
    yield "i12.j2k", jp2("i12.j2k", planes(few - 2048, ">i2"), ".raw", "-F", f"{shape},2,12,s"), few - 2048


def other_files():
    rgb, grey = U16[:, :, :3], U16[:, :, :1]
    small = (grey.astype(int) * 1000 // 65535).astype(np.uint16)
    yield "grey.png", png(grey, 0), grey
    yield "deep.jp2", saved(Image.fromarray(U16[:, :, 0]), "JPEG2000"), grey
    yield "rgb.png", png(rgb, 2), rgb
    yield "grey_alpha.png", png(U16[:, :, :2], 4), U16[:, :, :2]
    yield "rgba.png", png(U16[:, :, :4], 6), U16[:, :, :4]
    yield "interlaced.png", png(rgb, 2, True), rgb
    yield "bytes.pgm", b"P5 %d %d 1000\n" % (WIDTH, HEIGHT) + small.astype(">u2").tobytes(), small
    yield "bytes.ppm", b"P6 %d %d 65535\n" % (WIDTH, HEIGHT) + rgb.astype(">u2").tobytes(), rgb
    yield "text.pgm", b"P2 %d %d 1000\n" % (WIDTH, HEIGHT) + " ".join(map(str, small.reshape(-1))).encode() + b"\n", small


# -- resizing --

def weights(size, out):
    """[out, size], Pillow's bicubic filter with antialiasing."""
    def cubic(x, a=-0.5):
        x = np.abs(x)
        return np.where(x < 1, ((a + 2) * x - (a + 3)) * x * x + 1,
                        np.where(x < 2, (((x - 5) * x + 8) * x - 4) * a, 0))
    scale = size / out
    stretch = max(scale, 1)
    table = np.zeros((out, size))
    for i in range(out):
        centre = (i + 0.5) * scale
        first = max(int(centre - 2 * stretch + 0.5), 0)
        last = min(int(centre + 2 * stretch + 0.5), size)
        w = cubic((np.arange(first, last) - centre + 0.5) / stretch)
        table[i, first:last] = w / w.sum()
    return table


def resized(array, top, left, height, width, size):
    part = array[top:top + height, left:left + width].astype(np.float64)
    out = np.einsum("yh,hwc,xw->yxc", weights(height, size), part, weights(width, size))
    for c in range(array.shape[2]):
        by_pillow = np.asarray(Image.fromarray(part[:, :, c].astype(np.float32)).resize((size, size), Image.BICUBIC))
        assert np.abs(by_pillow - out[:, :, c]).max() < 1e-6 * max(1, np.abs(out).max())
    return out


# As in tests/unit/test_image_bands.c: top, left, height, width, size.
VIEWS = [(0, 0, 17, 23, 8), (2, 3, 11, 17, 32), (5, 1, 9, 20, 9), (4, 4, 8, 8, 8), (0, 0, 17, 23, 1)]


def main():
    os.makedirs("bands", exist_ok=True)
    for make in (tiff_files, jp2_files, other_files):
        for name, data, values in make():
            with open("bands/" + name, "wb") as out:
                out.write(data)
            with open("bands/" + name + ".f64", "wb") as out:
                out.write(np.ascontiguousarray(values).astype("<f8").tobytes())
    with open("bands/resize.f64", "wb") as out:
        for view in VIEWS:
            out.write(resized(F32, *view).astype("<f8").tobytes())


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    main()
