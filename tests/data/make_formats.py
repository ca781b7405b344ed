#!/usr/bin/python3
"""Makes the image fixtures of tests/unit/test_image_formats.c: formats/NAME, and formats/NAME.ppm and NAME.pgm, which is what
Pillow's convert("RGB") and convert("L") make of it or, where Pillow misreads a file, what was put into it; turned*: of what ImageOps.exif_transpose makes of it.

The output is committed, so that the tests need no Python. To make it anew (Debian: python3-pil, python3-numpy):
    cd tests/data && ./make_formats.py
"""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HEIGHT, WIDTH = 17, 23


def picture(channels, height=HEIGHT, width=WIDTH):
    """Waves, an edge and noise: smooth parts, sharp parts, all values. The same whatever was made before."""
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(channels).normal(0, 12, (height, width, channels))
    planes = []
    for c in range(channels):
        wave = 127 + 100 * np.sin(x / (3.0 + c) + c) * np.cos(y / (4.0 - c / 2)) + 0.8 * (x - y)
        wave[(x + 2 * y + 7 * c) % 31 < 4] = 255 * (c % 2)
        planes.append(wave)
    return np.clip(np.stack(planes, 2) + noise, 0, 255).astype(np.uint8)


RGB, GREY = picture(3), picture(1)[:, :, 0]
PALETTE = np.random.default_rng(9).integers(0, 256, (256, 3)).astype(np.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def packed(rows, bits):
    """[h, w] -> rows of bytes, each padded with zero bits."""
    if bits == 8:
        return [row.astype(np.uint8).tobytes() for row in rows]
    planes = ((rows[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return [np.packbits(row.reshape(-1)).tobytes() for row in planes]


# -- BMP --

def bmp(pixels, bits, width=WIDTH, height=HEIGHT, palette=None, compression=0, masks=b"", header=40, colours=0):
    """pixels: what follows the palette; palette [n, 3]."""
    table = b""
    if palette is not None:
        table = b"".join(bytes(c[::-1]) + (b"" if header == 12 else b"\0") for c in palette.astype(np.uint8).tolist()
                         for c in [bytes(c)])
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, len(pixels), 2835, 2835, colours, 0)
        head += masks + bytes(max(0, header - 40 - len(masks)))
    at = 14 + len(head) + len(table)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + head + table + pixels


def bottom_up(rows):
    return b"".join(row + bytes(-len(row) % 4) for row in rows[::-1])


def runs(row, four):
    """A row in runs and single pixels, as RLE8 and RLE4 store it."""
    out, at = b"", 0
    while at < len(row):
        n = 1
        while at + n < len(row) and row[at + n] == row[at] and n < 255:
            n += 1
        single = row[at:at + 5] if n < 3 and at + 5 <= len(row) else None
        if single is None:
            out += bytes([n, row[at] * 17 if four else row[at]])
        else:
            n = len(single)
            data = bytes(a * 16 + b for a, b in zip(single[::2], list(single[1::2]) + [0])) if four else bytes(single)
            out += bytes([0, n]) + data + bytes(len(data) % 2)
        at += n
    return out


def bmp_files():
    index = GREY // 40
    grey = np.arange(256)[:, None].repeat(3, 1)
    yield "palette1.bmp", bmp(bottom_up(packed(GREY >> 7, 1)), 1, palette=PALETTE[:2])
    yield "grey1.bmp", saved(Image.fromarray(GREY).convert("1"), "BMP")
    yield "palette4.bmp", bmp(bottom_up(packed(GREY >> 4, 4)), 4, palette=PALETTE[:16])
    yield "palette8.bmp", bmp(bottom_up(packed(GREY, 8)), 8, palette=PALETTE)
    yield "short_palette.bmp", bmp(bottom_up(packed(GREY, 8)), 8, palette=PALETTE[:100], colours=100)
    yield "grey8.bmp", bmp(bottom_up(packed(GREY, 8)), 8, palette=grey)
    yield "os2.bmp", bmp(bottom_up(packed(GREY, 8)), 8, palette=PALETTE, header=12)
    yield "os2_rgb.bmp", bmp(bottom_up([row.tobytes() for row in RGB[:, :, ::-1]]), 24, header=12)
    yield "rgb.bmp", saved(Image.fromarray(RGB), "BMP")
    rows = [row.tobytes() for row in RGB[:, :, ::-1]]
    yield "top_down.bmp", bmp(bottom_up(rows[::-1]), 24, height=-HEIGHT)
    four = picture(4)
    rows = [row.tobytes() for row in four]
    yield "rgbx.bmp", bmp(bottom_up(rows), 32)
    masks = struct.pack("<4I", 0xff, 0xff00, 0xff0000, 0xff000000)
    yield "rgba.bmp", bmp(bottom_up(rows), 32, compression=3, masks=masks, header=108)
    yield "xbgr.bmp", bmp(bottom_up(rows), 32, compression=3, masks=struct.pack("<3I", 0xff000000, 0xff0000, 0xff00))
    sixteen = [row.astype("<u2").tobytes() for row in RGB[:, :, 0].astype(int) * 257 ^ RGB[:, :, 1].astype(int) * 31]
    yield "rgb15.bmp", bmp(bottom_up(sixteen), 16)
    yield "rgb16.bmp", bmp(bottom_up(sixteen), 16, compression=3, masks=struct.pack("<3I", 0xf800, 0x7e0, 0x1f))
    lines = [runs(row, False) for row in index.tolist()[::-1]]
    yield "rle8.bmp", bmp(b"\0\0".join(lines) + b"\0\0\0\1", 8, palette=PALETTE, compression=1)
    # Pillow misreads the next two: an odd number of single pixels of 4 bits, and moves.
    want = PALETTE[index]
    lines = [runs(row, True) for row in index.tolist()[::-1]]
    yield "rle4.bmp", bmp(b"\0\0".join(lines) + b"\0\0\0\1", 4, palette=PALETTE[:16], compression=2), want
    moved = index.copy()
    moved[-1, 4:] = moved[-2] = moved[-3, :9] = 0
    lines = [runs(row, False) for row in moved.tolist()[::-1]]
    lines[0] = bytes([0, 4]) + bytes(moved[-1, :4].tolist()) + bytes([0, 2, 5, 2]) + runs(moved[-3, 9:].tolist(), False)
    yield "moves.bmp", bmp(b"\0\0".join(lines[:1] + lines[3:]) + b"\0\0\0\1", 8, palette=PALETTE, compression=1), PALETTE[moved]


# -- PNM --

def pnm_files():
    size = b"%d %d\n" % (WIDTH, HEIGHT)
    bits = GREY < 99

    def text(values):
        return b"\n".join(b" ".join(b"%d" % v for v in row) for row in values.reshape(HEIGHT, -1)) + b"\n"

    yield "text.pbm", b"P1\n# of bits\n" + size + b"\n".join(b"".join(b"%d" % v for v in row) for row in bits)
    yield "text.pgm", b"P2\n" + size + b"100 # not 255\n" + text(GREY % 101)
    yield "text.ppm", b"P3\n" + size + b"255\n" + text(RGB)
    yield "bits.pbm", b"P4\n" + size + b"".join(packed(bits, 1))
    yield "bytes.pgm", b"P5 " + size + b"255\n" + GREY.tobytes()
    yield "bytes_77.pgm", b"P5\n" + size + b"77\n" + GREY.tobytes()
    yield "bytes.ppm", b"P6\n#\n" + size + b"255\n" + RGB.tobytes()
    yield "bytes_31.ppm", b"P6\n" + size + b"31\n" + (RGB % 32).tobytes()


# -- WebP --

def riff(*chunks):
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vp8(image, **options):
    """The one chunk of a plain file."""
    data = saved(image, "WEBP", **options)
    return data[12:16], data[20:20 + struct.unpack("<I", data[16:20])[0]]


def exif(orientation):
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)


def vp8x(flags, width=WIDTH, height=HEIGHT):
    return b"VP8X", struct.pack("<I", flags) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]


def webp_files():
    colour, alpha = Image.fromarray(RGB), Image.fromarray(picture(4), "RGBA")
    yield "lossy.webp", saved(colour, "WEBP", quality=80)
    yield "coarse.webp", saved(colour, "WEBP", quality=5, method=6)
    yield "lossless.webp", saved(colour, "WEBP", lossless=True)
    yield "palette.webp", saved(colour.quantize(12).convert("RGB"), "WEBP", lossless=True)
    yield "alpha.webp", saved(alpha, "WEBP", quality=70)
    yield "alpha_lossless.webp", saved(alpha, "WEBP", lossless=True, exact=True)
    yield "grey.webp", saved(Image.fromarray(GREY), "WEBP", quality=90)
    yield "animated.webp", saved(colour, "WEBP", save_all=True, append_images=[alpha.convert("RGB")], lossless=True)
    small = alpha.crop((2, 4, 15, 13))
    frame = struct.pack("<I", 2)[:3] + struct.pack("<I", 3)[:3] + struct.pack("<I", 12)[:3] + struct.pack("<I", 8)[:3]
    name, data = vp8(small, lossless=True, exact=True)
    frame += struct.pack("<I", 100)[:3] + b"\0" + name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    yield "inside.webp", riff(vp8x(0x12), (b"ANIM", b"\x10\x20\x30\xff\0\0"), (b"ANMF", frame))
    name, data = vp8(colour, quality=60)
    yield "turned6.webp", riff(vp8x(8), (name, data), (b"EXIF", exif(6)))
    yield "turned3.webp", riff(vp8x(8), (name, data), (b"EXIF", b"Exif\0\0" + exif(3)))


# -- TIFF: Pillow writes strips only, and neither planes nor tiles --

def pack_bits(data):
    """Runs, and single bytes, of a row."""
    out, at = b"", 0
    while at < len(data):
        n = 1
        while at + n < len(data) and n < 128 and data[at + n] == data[at]:
            n += 1
        out += bytes([257 - n, data[at]]) if n > 1 else bytes([0, data[at]])
        at += n
    return out


def tiff(samples, photometric, bits=8, tile=None, rows=5, planar=False, pack=None, tags=(), order="<", big=False):
    """samples [h, w, channels]; pack: number of a compression, and what packs the bytes of a strip or tile (shape)."""
    height, width, channels = samples.shape
    planes = [samples[:, :, c:c + 1] for c in range(channels)] if planar else [samples]
    parts = []
    for plane in planes:
        step_y, step_x = tile or (rows, width)
        for top in range(0, height, step_y):
            for left in range(0, width, step_x):
                part = plane[top:top + step_y, left:left + step_x]
                if tile:
                    part = np.pad(part, ((0, step_y - part.shape[0]), (0, step_x - part.shape[1]), (0, 0)))
                data = b"".join(packed(part.reshape(part.shape[0], -1), bits))
                parts.append(pack[1](data, part.shape) if pack else data)
    at, offsets = (16 if big else 8), []
    for part in parts:
        offsets.append(at)
        at += len(part) + len(part) % 2
    entries = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [pack[0] if pack else 1]),
               262: (3, [photometric]), 277: (3, [channels]), 284: (3, [2 if planar else 1])}
    if tile:
        entries.update({322: (3, [tile[1]]), 323: (3, [tile[0]]), 324: (4, offsets), 325: (4, [len(p) for p in parts])})
    else:
        entries.update({273: (4, offsets), 278: (3, [rows]), 279: (4, [len(p) for p in parts])})
    entries.update(tags)
    body, long = b"".join(p + bytes(len(p) % 2) for p in parts), "Q" if big else "I"
    inline, extra, table = (8 if big else 4), b"", b""
    behind = at + (8 + 20 * len(entries) + 8 if big else 2 + 12 * len(entries) + 4)
    for tag, (kind, values) in sorted(entries.items()):
        data = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(data) > inline:
            value, extra = struct.pack(order + long, behind + len(extra)), extra + data
        else:
            value = data + bytes(inline - len(data))
        table += struct.pack(order + "HH" + long, tag, kind, len(values)) + value
    start = b"II" if order == "<" else b"MM"
    if big:
        head = start + struct.pack(order + "HHHQ", 43, 8, 0, at)
        return head + body + struct.pack(order + "Q", len(entries)) + table + bytes(8) + extra
    return start + struct.pack(order + "HI", 42, at) + body + struct.pack(order + "H", len(entries)) + table + bytes(4) + extra


def tiff_files():
    deflate = 8, lambda data, shape: zlib.compress(data)
    deflate_predicted = 8, lambda data, shape: zlib.compress(
        np.diff(np.frombuffer(data, np.uint8).reshape(shape), axis=1, prepend=np.uint8(0)).tobytes())
    bits = 32773, lambda data, shape: b"".join(pack_bits(data[i:i + len(data) // shape[0]])
                                               for i in range(0, len(data), len(data) // shape[0]))
    photo = 7, lambda data, shape: saved(Image.fromarray(np.frombuffer(data, np.uint8).reshape(shape).squeeze()), "JPEG",
                                         quality=85, subsampling=0)
    grey, colour, four = GREY[:, :, None], Image.fromarray(RGB), picture(4)
    yield "grey.tif", tiff(grey, 1)
    yield "inverse.tif", tiff(grey, 0)
    yield "grey1.tif", tiff(grey >> 7, 1, bits=1)
    yield "inverse1.tif", tiff(grey >> 7, 0, bits=1)
    yield "grey2.tif", tiff(grey >> 6, 1, bits=2)
    yield "grey4.tif", tiff(grey >> 4, 0, bits=4)
    yield "rgb.tif", tiff(RGB, 2)
    yield "big_endian.tif", tiff(RGB, 2, order=">")
    yield "big.tif", tiff(RGB, 2, big=True)
    table = {320: (3, (PALETTE.astype(int) * 257).T.reshape(-1).tolist())}
    yield "palette.tif", tiff(grey, 3, tags=table)
    yield "palette4.tif", tiff(grey >> 4, 3, bits=4, tags={320: (3, (PALETTE[:16].astype(int) * 257).T.reshape(-1).tolist())})
    yield "grey_alpha.tif", tiff(four[:, :, :2], 1, tags={338: (3, [2])})
    yield "rgba.tif", tiff(four, 2, tags={338: (3, [2])})
    yield "rgbx.tif", tiff(four, 2, tags={338: (3, [0])})
    yield "multiplied.tif", tiff(four, 2, tags={338: (3, [1])})
    yield "cmyk.tif", tiff(four, 5)
    yield "tiles.tif", tiff(RGB, 2, tile=(16, 16))
    yield "planes.tif", tiff(RGB, 2, planar=True)
    yield "tiled_planes.tif", tiff(RGB, 2, tile=(16, 16), planar=True, pack=deflate)
    yield "deflate.tif", tiff(RGB, 2, pack=deflate)
    yield "predicted.tif", tiff(RGB, 2, tile=(16, 16), pack=deflate_predicted, tags={317: (3, [2])})
    yield "packbits.tif", tiff(grey // 60 * 60, 1, pack=bits)
    yield "lzw.tif", saved(colour, "TIFF", compression="tiff_lzw")
    yield "lzw_grey.tif", saved(Image.fromarray(GREY), "TIFF", compression="tiff_lzw")
    yield "fax.tif", saved(Image.fromarray(GREY).convert("1"), "TIFF", compression="group4")
    yield "jpeg.tif", saved(colour, "TIFF", compression="jpeg", quality=85)
    yield "jpeg_grey.tif", tiff(grey, 1, tile=(16, 16), pack=photo)
    yield "ycbcr.tif", tiff(RGB, 6, tile=(16, 16), pack=photo, tags={530: (3, [1, 1])})
    for orientation in (3, 6):
        yield f"upright{orientation}.tif", tiff(RGB, 2, pack=deflate, tags={274: (3, [orientation])})
    pages = saved(colour, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)], compression="tiff_deflate")
    yield "pages.tif", pages


# -- GIF --

def lzw(values, bits, clear_often=False):
    """GIF's blocks of codes, least significant bits first. Without a table, codes stay short when it is cleared often."""
    clear, end = 1 << bits, (1 << bits) + 1
    table, size, out, codes = {}, bits + 1, [], end + 1
    out.append((clear, size))
    text = ()
    for value in values:
        if text + (value,) in table or not text:
            text += (value,)
            continue
        out.append((table[text] if len(text) > 1 else text[0], size))
        table[text + (value,)] = codes
        codes += 1
        size += codes > 1 << size and size < 12
        if codes > 4094 or (clear_often and codes > end + 9):
            out.append((clear, size))
            table, size, codes = {}, bits + 1, end + 1
        text = (value,)
    out += [(table[text] if len(text) > 1 else text[0], size)]
    codes += 1
    size += codes > 1 << size and size < 12
    out += [(end, size)]
    number = used = 0
    data = bytearray()
    for code, size in out:
        number |= code << used
        used += size
        while used >= 8:
            data.append(number & 255)
            number >>= 8
            used -= 8
    data += bytes([number]) if used else b""
    return bytes([bits]) + b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif(frames, canvas=(WIDTH, HEIGHT), palette=None, before=b"", after=b";"):
    """frames: (index [h, w], left, top, palette of its own, interlaced)"""
    def flags(colours):
        return 0 if colours is None else 0x80 | (len(colours).bit_length() - 2)

    out = b"GIF89a" + struct.pack("<HHBBB", *canvas, flags(palette), 0, 0) + (b"" if palette is None else palette.tobytes())
    out += before
    for index, left, top, own, interlaced in frames:
        height, width = index.shape
        rows = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
        values = (index[rows] if interlaced else index).reshape(-1).tolist()
        out += b"," + struct.pack("<HHHHB", left, top, width, height, flags(own) | 0x40 * interlaced)
        out += (b"" if own is None else own.tobytes()) + lzw(values, 8)
    return out + after


def gif_files():
    index = (GREY // 8 * 8).astype(np.uint8)
    small, palette, other = index[3:14, 5:19], PALETTE, PALETTE[::-1]
    yield "palette.gif", gif([(index, 0, 0, None, 0)], palette=palette)
    yield "interlaced.gif", gif([(index, 0, 0, None, 1)], palette=palette)
    yield "grey.gif", gif([(index, 0, 0, None, 0)], palette=np.arange(256).astype(np.uint8)[:, None].repeat(3, 1))
    yield "no_palette.gif", gif([(index, 0, 0, None, 0)])
    yield "short_palette.gif", gif([(index, 0, 0, None, 0)], palette=palette[:64])
    yield "own_palette.gif", gif([(index, 0, 0, other.copy(), 0)], palette=palette)
    yield "inside.gif", gif([(small, 5, 3, None, 0)], palette=palette)
    transparent = b"!\xf9\4" + struct.pack("<BHB", 1, 0, 77) + b"\0"
    yield "transparent.gif", gif([(small, 4, 2, None, 1)], palette=palette, before=transparent)
    yield "beyond.gif", gif([(index, 9, 7, None, 0)], canvas=(20, 12), palette=palette)
    extensions = b"!\xfe\5hello\0!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    yield "animated.gif", gif([(index, 0, 0, None, 0), (small, 1, 1, other.copy(), 0)], palette=palette, before=extensions)
    flat = np.full((HEIGHT, WIDTH), 3, np.uint8)
    yield "flat.gif", gif([(flat, 0, 0, None, 0)], palette=palette)
    yield "by_pillow.gif", saved(Image.fromarray(RGB).quantize(100), "GIF")


# -- JPEG 2000 --

def jp2_files():
    colour, alpha = Image.fromarray(RGB), Image.fromarray(picture(4), "RGBA")
    few = {"num_resolutions": 2}
    yield "grey.jp2", saved(Image.fromarray(GREY), "JPEG2000", **few)
    yield "rgb.jp2", saved(colour, "JPEG2000", **few)
    yield "lossy.jp2", saved(colour, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[8], **few)
    yield "grey_alpha.jp2", saved(alpha.convert("LA"), "JPEG2000", **few)
    yield "rgba.jp2", saved(alpha, "JPEG2000", **few)
    yield "tiles.jp2", saved(colour, "JPEG2000", tile_size=(16, 16), **few)
    stream = io.BytesIO()
    stream.name = "a.j2k"  # which makes Pillow write no boxes
    colour.save(stream, "JPEG2000", **few)
    yield "stream.j2k", stream.getvalue()


def main():
    os.makedirs("formats", exist_ok=True)
    for make in (bmp_files, pnm_files, gif_files, webp_files, tiff_files, jp2_files):
        for name, data, *want in make():
            with open("formats/" + name, "wb") as out:
                out.write(data)
            image = Image.fromarray(want[0]) if want else Image.open(io.BytesIO(data))
            if name.startswith("turned"):
                image = ImageOps.exif_transpose(image)
            image.convert("RGB").save("formats/" + name + ".ppm")
            image.convert("L").save("formats/" + name + ".pgm")


if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    main()
