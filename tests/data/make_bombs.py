#!/usr/bin/python3
"""Writes decompression bombs, small files that claim or unpack to something huge, below the directory that is given:

    good/                         tiny images, for comparison
    images/                       images
    arrays/, idx/, tars/, holes/  data sets; of the last nearly nothing is on the disk

For tests/e2e/test_bombs.sh. HDF5 files are written if h5py is there; all others need nothing but Python.
"""
import math
import os
import struct
import sys
import zlib

HUGE = 60000          # pixels a side: 3.6 thousand million, more than are supported
LARGE = 13000         # the same, fewer than are supported, but far more than the files can hold


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deflated(start, count):
    """`start`, then so many zeros: the same kilobyte again and again, each of which stands for 1 MB."""
    piece, out = 1 << 20, b""
    for data, times in ((start, 1), (b"\0" * piece, count // piece), (b"\0" * (count % piece), 1)):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        out += (packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)) * times
    return out + b"\3\0"


def zeros(count):
    return b"\x78\xda" + deflated(b"", count) + struct.pack(">I", count % 65521 << 16 | 1)


def png(side, rows, kind=2, bits=8, interlaced=0, before=b""):
    head = struct.pack(">IIBBBBB", side, side, bits, kind, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(height, width, frame=0xc0, arithmetic=False):
    """A grey image whose data end after a few bytes; frame 0xc2: progressive."""
    table = b"\xff\xdb\0\x43\0" + b"\1" * 64
    size = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    codes = b"" if arithmetic else b"".join(
        b"\xff\xc4" + struct.pack(">HB", 2 + 17 + 1, kind) + b"\1" + b"\0" * 15 + b"\0" for kind in (0, 0x10))
    last = 0 if frame in (0xc2, 0xca) else 63
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, last, 0)
    return (b"\xff\xd8" + table + bytes([0xff, frame]) + struct.pack(">H", 2 + len(size)) + size + codes + scan +
            b"\0" * 50 + b"\xff\xd9")


def riff(kind, data):
    data += b"\0" * (len(data) % 2)
    return kind + struct.pack("<I", len(data)) + data


def webp(chunks):
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def lossless(side):
    """The header of VP8L, and bits that say one colour."""
    bits = (side - 1) | (side - 1) << 14
    return riff(b"VP8L", b"\x2f" + struct.pack("<I", bits) + bytes.fromhex("07d0fffef7bfff81888801"))


def tiff(tags, data=b"\0" * 64):
    """tags: {tag: (type, count, value)}; "data" is where `data` lies."""
    head = 8 + 2 + 12 * len(tags) + 4
    body = b"".join(struct.pack("<HHII", tag, kind, count, head if value == "data" else value)
                    for tag, (kind, count, value) in sorted(tags.items()))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + body + b"\0\0\0\0" + data


def tiff_of(width, height, data=b"\0" * 64, packing=1, **more):
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, packing), 262: (3, 1, 1), 277: (3, 1, 1)}
    if "tile" in more:
        tags.update({322: (4, 1, more["tile"]), 323: (4, 1, more["tile"]), 324: (4, 1, "data"), 325: (4, 1, len(data))})
    else:
        strips = more.get("strips", 1)
        tags.update({273: (4, strips, "data"), 278: (4, 1, more.get("rows", height)),
                     279: (4, strips, "data" if strips > 1 else len(data))})
    tags.update(more.get("tags", {}))
    return tiff(tags, data)


def gif(side, pixels=b"\x02\x02\x4c\x01\0"):
    return (b"GIF89a" + struct.pack("<HHBBB", side, side, 0xf0, 0, 0) + b"\0" * 6 +
            b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + pixels + b";")


def bmp(side, bits=24, packing=0, data=b"\0" * 64):
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, bits, packing, len(data), 0, 0, 0, 0)
    palette = b"\0" * 1024 if bits == 8 else b""
    return b"BM" + struct.pack("<IHHI", 54 + len(palette) + len(data), 0, 0, 54 + len(palette)) + head + palette + data


def jp2(side, tile=None, bands=1, layers=1):
    """A codestream of one colour: of no tile there are any data."""
    size = struct.pack(">HIIIIIIIIH", 0, side, side, 0, 0, tile or side, tile or side, 0, 0, bands) + b"\7\1\1" * bands
    coding = b"\0\0" + struct.pack(">H", layers) + b"\0\5\4\4\0\1"
    quality = b"\x40" + b"\x40" * 16
    tiles = b"\xff\x90\0\x0a\0\0\0\0\0\x0e\0\1\xff\x93"
    return (b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(size)) + size + b"\xff\x52" + struct.pack(">H", 2 + len(coding)) +
            coding + b"\xff\x5c" + struct.pack(">H", 2 + len(quality)) + quality + tiles + b"\xff\xd9")


def images():
    text = chunk(b"zTXt", b"k\0\0" + zeros(7 << 20))
    yield "huge.png", png(HUGE, zeros(1 << 20))
    yield "bits.png", png(HUGE, zeros(1 << 20), 0, 1)
    yield "large.png", png(LARGE, zeros(1 << 16))
    yield "interlaced.png", png(LARGE, zeros(1 << 16), 6, 16, 1)
    yield "texts.png", png(LARGE, zeros(1 << 10), before=text * 40)
    yield "profile.png", png(LARGE, zeros(1 << 10), before=chunk(b"iCCP", b"k\0\0" + zeros(200 << 20)))
    yield "huge.jpg", jpeg(HUGE, HUGE)
    yield "large.jpg", jpeg(LARGE, LARGE)
    yield "progressive.jpg", jpeg(LARGE, LARGE, 0xc2)
    yield "arithmetic.jpg", jpeg(LARGE, LARGE, 0xc9, True)
    yield "arithmetic_scans.jpg", jpeg(LARGE, LARGE, 0xca, True)
    yield "huge.webp", webp(lossless(16384))
    yield "large.webp", webp(lossless(LARGE))
    yield "canvas.webp", webp(riff(b"VP8X", b"\0\0\0\0" + b"\xff\xff\xff\xff\xff\0") + lossless(16))
    yield "frames.webp", webp(riff(b"VP8X", b"\2\0\0\0" + struct.pack("<I", LARGE)[:3] * 2) + riff(b"ANIM", b"\0" * 6) +
                              riff(b"ANMF", b"\0" * 6 + struct.pack("<I", LARGE - 1)[:3] * 2 + b"\0" * 4 + lossless(LARGE)))
    yield "huge.tif", tiff_of(HUGE, HUGE)
    yield "deflate.tif", tiff_of(HUGE, HUGE, zeros(1 << 20), 8)
    yield "large.tif", tiff_of(LARGE, LARGE, zeros(1 << 16), 8)
    yield "lzw.tif", tiff_of(LARGE, LARGE, b"\x80\0\0\0", 5)
    yield "strips.tif", tiff_of(16, 0xffffffff, rows=1, strips=0xffffffff)
    yield "many_strips.tif", tiff_of(1, 100000000, rows=1, strips=100000000)
    yield "few_strips.tif", tiff_of(1, 100000000, rows=1, strips=1)
    yield "tile.tif", tiff_of(16, 16, tile=1 << 16)
    yield "tiles.tif", tiff_of(LARGE, LARGE, tile=16)
    yield "wide.tif", tiff_of(0xffffffff, 1)
    yield "samples.tif", tiff_of(4096, 4096, tags={277: (3, 1, 65535)})
    yield "tags.tif", tiff_of(16, 16, tags={700: (1, 0xfffffff0, 8), 34675: (7, 0x7fffffff, 8)})
    yield "huge.gif", gif(HUGE)
    yield "large.gif", gif(LARGE)
    yield "huge.bmp", bmp(HUGE)
    yield "large.bmp", bmp(LARGE)
    yield "packed.bmp", bmp(LARGE, 8, 1, b"\xff\0" * 100)
    yield "huge.ppm", b"P6 60000 60000 255\n" + b"\0" * 64
    yield "large.pgm", b"P5 13000 13000 255\n" + b"\0" * 64
    yield "large.pbm", b"P1 13000 13000\n" + b"0" * 64
    yield "deep.pgm", b"P5 13000 13000 65535\n" + b"\0" * 64
    yield "huge.j2k", jp2(HUGE)
    yield "large.j2k", jp2(LARGE)
    yield "tiles.j2k", jp2(HUGE, 1)
    yield "layers.j2k", jp2(2048, None, 1, 65535)
    yield "bands.j2k", jp2(2048, None, 64)
    yield "very_many_bands.j2k", jp2(64, None, 16384)


def good():
    yield "image.png", png(16, zlib.compress((b"\0" + b"\x55" * 16 * 3) * 16))
    yield "image.jpg", jpeg(16, 16)
    yield "image.tif", tiff_of(16, 16, b"\x55" * 256)
    yield "image.gif", gif(1, b"\x02\x02\x44\x01\0")
    yield "image.bmp", bmp(16, data=b"\x55" * 768)
    yield "image.ppm", b"P6 16 16 255\n" + b"\x55" * 768


# -- containers --

def npy_header(shape, kind="|u1"):
    text = ("{'descr': '%s', 'fortran_order': False, 'shape': %r, }" % (kind, shape)).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def zipped(name, packed, bytes):
    """One member, which says that it has so many bytes."""
    large = struct.pack("<HHQ", 1, 8, bytes)
    common = struct.pack("<HHHHHIII", 45, 0, 8, 0, 33, 0, len(packed), 0xffffffff) + struct.pack("<H", len(name))
    local = b"PK\3\4" + common[:-10] + struct.pack("<II", len(packed), 0xffffffff) + struct.pack("<HH", len(name), 20)
    local += name + struct.pack("<HHQQ", 1, 16, bytes, len(packed))
    local += packed
    entry = b"PK\1\2" + struct.pack("<H", 45) + common + struct.pack("<HHHHII", len(large), 0, 0, 0, 0, 0) + name + large
    return local + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def gz(data):
    return b"\x1f\x8b\x08\0\0\0\0\0\0\3" + data + b"\0" * 8


def idx(count, height, width):
    return struct.pack(">IIII", 0x803, count, height, width)


def member(name, bytes, data=b"", kind=b"0"):
    head = name.encode().ljust(100, b"\0") + b"0000644\0" * 1 + b"0000000\0" * 2
    size = b"%011o\0" % bytes if bytes < 8 ** 11 else b"\x80\0\0\0" + struct.pack(">Q", bytes)
    head += size + b"00000000000\0" + b" " * 8 + kind + b"\0" * 100 + b"ustar\00000"
    head = head.ljust(512, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:] + data.ljust(-(-len(data) // 512) * 512, b"\0")


def containers():
    picture = dict(good())["image.png"]
    yield "arrays/huge.npy", npy_header((1000000, LARGE, LARGE, 3)) + b"\0" * 64
    yield "arrays/wide.npy", npy_header((1, HUGE, HUGE, 3)) + b"\0" * 64
    header = npy_header((10240, 1024, 1024))
    yield "arrays/zeros.npz", zipped(b"images.npy", deflated(header, 10240 << 20), len(header) + (10240 << 20))
    header = npy_header((1, 40000, 40000))
    yield "arrays/one.npz", zipped(b"images.npy", deflated(header, 1600000000), len(header) + 1600000000)
    header = npy_header((1, 16, 16))
    yield "arrays/more.npz", zipped(b"images.npy", deflated(header, 1000 << 20), len(header) + 256)
    yield "idx/zeros-images-idx3-ubyte.gz", gz(deflated(idx(10240, 1024, 1024), 10240 << 20))
    yield "idx/short-images-idx3-ubyte.gz", gz(deflated(idx(60000, 1024, 1024), 64 << 20))
    yield "idx/more-images-idx3-ubyte.gz", gz(deflated(idx(1, 16, 16), 4096 << 20))
    yield "tars/huge.tar", member("a/1.png", 10 << 30, picture)
    yield "tars/very_huge.tar", member("a/1.png", 1 << 60, picture)
    yield "tars/name.tar", member("././@LongLink", 1 << 30, b"a", b"L") + member("a/1.png", len(picture), picture)
    yield "tars/sparse.tar", member("a/1.png", 512, b"\0" * 512, b"S")
    yield "tars/label.tar", member("a.png", len(picture), picture) + member("a.json", 10 << 30, b"[" * 512)


def holes():
    """Files of which nearly nothing is on the disk."""
    picture = dict(good())["image.png"]
    yield "holes/tar/hole.tar", member("a/1.png", 3 << 30, picture), 512 + (3 << 30) + 1024
    yield "holes/pack/shard-00000.tar", member("a/1.png", 3 << 30, picture), 512 + (3 << 30) + 1024
    yield "holes/folder/a/1.png", picture, 3 << 30
    yield "holes/folder/a/2.jpg", jpeg(16, 16), 3 << 30


def pack():
    yield "holes/pack/shard-00000.index", b"512 %d 00000000 a/1.png\0" % (3 << 30)
    yield "holes/pack/pack.json", (b'{"format": "tec-pack", "version": 1, "images": 1, "shards": [{"bytes": %d, "images": 1, '
                                   b'"index_bytes": 32, "index_crc32c": 0}]}' % (512 + (3 << 30) + 1024))


def write(path, data, bytes=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as out:
        out.write(data)
        if bytes is not None:
            out.truncate(bytes)


def write_h5(folder):
    try:
        import h5py
    except ImportError:
        return
    for name, shape, chunks in (("one", (1, 30000, 30000, 1), (1, 30000, 30000, 1)),
                                ("many", (1024, 1024, 1024), (1024, 1024, 1024)),
                                ("nothing", (100000, 10000, 10000), (1, 1000, 1000))):
        with h5py.File(f"{folder}/{name}.h5", "w") as f:
            images = f.create_dataset("images", shape, "u1", chunks=chunks, compression="gzip")
            if name != "nothing":
                images.id.write_direct_chunk((0,) * len(shape), zeros(math.prod(chunks)))
    with h5py.File(f"{folder}/inflates.h5", "w") as f: # a chunk of 256 bytes that unpacks to 1 GB
        images = f.create_dataset("images", (1, 16, 16), "u1", chunks=(1, 16, 16), compression="gzip")
        images.id.write_direct_chunk((0, 0, 0), zeros(1 << 30))
    with h5py.File(f"{folder}/inflates_more.h5", "w") as f: # the same with a checksum, in the second column of chunks
        images = f.create_dataset("images", (1, 16, 32), "u1", chunks=(1, 16, 16), compression="gzip", fletcher32=True)
        images.id.write_direct_chunk((0, 0, 16), zeros(1 << 30))
    with h5py.File(f"{folder}/twice.h5", "w") as f:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, 16, 16)), plist.set_deflate(9), plist.set_deflate(9)
        h5py.h5d.create(f.id, b"images", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((1, 16, 16)), plist)
        f["images"][...] = 1


def main(folder):
    for name, data in images():
        write(f"{folder}/images/{name}", data)
    for name, data in good():
        write(f"{folder}/good/{name}", data)
    for name, data in [*containers(), *pack()]:
        write(f"{folder}/{name}", data)
    for name, data, bytes in holes():
        write(f"{folder}/{name}", data, bytes)
    write_h5(folder + "/arrays")


if __name__ == "__main__":
    main(sys.argv[1])
