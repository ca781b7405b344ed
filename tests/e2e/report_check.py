"""Checks a page of `tec report`: report_check.py PAGE [RUN [IDX [TRAIN CSV]]]

The HTML is well formed, loads nothing, has a title in every drawing and a description of every picture, and a unit in
every chart. With RUN, which the page must be of alone: its curves are those of RUN/log.jsonl. With IDX, an image file: the
pictures are of its images, as they are; visible patches and reconstruction differ from them in hidden patches only. With
TRAIN, an image file, and CSV, what `tec neighbours` finds in it: the nearest images are those. Prints what was found."""
import base64
import csv
import html.parser
import json
import re
import sys
import zlib

VOID = {"meta", "img", "br", "hr", "link", "input"}
SHAPES = {"line", "rect", "circle", "polyline", "path", "image"}
# title of the chart -> kind of the lines, x, factor, member by the name of the line ("": the only one)
CURVES = {
    "Loss of the features": ("step", "step", 1, {"": "loss_fea"}),
    "Loss of the attention": ("step", "step", 1, {"": "loss_att"}),
    "Loss": ("step", "step", 1, {"": "loss"}),
    "Training loss": ("step", "step", 1, {"": "loss"}),
    "Learning rate": ("step", "step", 1, {"": "lr"}),
    "Norm of the gradient": ("step", "step", 1, {"": "gradient_norm"}),
    "Speed": ("step", "step", 1, {"": "images_per_second"}),
    "Waiting": ("step", "step", 100, {"for data": "wait_share", "for ranks and sums": "reduce_share"}),
    "Validation": ("validation", "epoch", 1, {"top-1": "top1", "top-5": "top5"}),
    "Loss in validation": ("validation", "epoch", 1, {"": "loss"}),
}


def fail(text):
    sys.exit(f"{sys.argv[1]}: {text}")


def read_png(text):
    """Width, height and the rows' bytes behind one another."""
    data = base64.b64decode(text, validate=True)
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        fail("a picture is no PNG")
    at, packed, out = 8, b"", bytearray()
    while at < len(data):
        length, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + body) != int.from_bytes(data[at + 8 + length:at + 12 + length], "big"):
            fail("a picture is damaged")
        if kind == b"IHDR":
            width, height, colour = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"), body[9]
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    step = {0: 1, 2: 3}[colour]
    raw, before = zlib.decompress(packed), bytes(width * step)
    for y in range(height):
        how, line = raw[y * (width * step + 1)], bytearray(raw[y * (width * step + 1) + 1:(y + 1) * (width * step + 1)])
        for x in range(width * step):
            a, b = line[x - step] if x >= step else 0, before[x]
            c = before[x - step] if x >= step else 0
            paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[x] = (line[x] + (0, a, b, (a + b) // 2, paeth)[how]) % 256
        out += line
        before = line
    return width, height, bytes(out)


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.charts, self.pictures, self.ids, self.text = [], [], [], [], []
        self.drawings = []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        values = dict(attributes)
        if len(names) != len(set(names)):
            fail(f"<{tag}> has an attribute twice")
        for name in ("src", "href", "xlink:href", "data", "action"):
            if name in values and not values[name].startswith(("data:image/png;base64,", "#")):
                fail(f"<{tag} {name}> leads out of the page: {values[name][:60]}")
        if tag in ("script", "link", "iframe", "object") or any(name.startswith("on") for name in names):
            fail(f"there is a <{tag}>, or a script in it")
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "img":
            if not values.get("alt") or not values.get("width") or not values.get("height"):
                fail("a picture lacks alt, width or height")
            self.pictures.append((values["alt"], int(values["width"]), *read_png(values["src"].split(",")[1])))
            if self.pictures[-1][2:4] != (int(values["width"]), int(values["height"])):
                fail("a picture has another size than is said")
        if tag == "svg":
            self.drawings.append({"title": "", **values})
            if "data-x" in values:
                self.charts.append({"title": "", "unit": "", "lines": [], **values})
                self.charts[-1]["title"] = self.caption
                self.charts[-1]["unit"] = self.unit
        if tag == "figcaption":
            self.caption = self.unit = ""
        if tag == "g":
            self.line = {"name": "", "points": []}
            self.charts[-1]["lines"].append(self.line)
        if tag == "polyline":
            self.line["points"] += [tuple(map(float, p.split(","))) for p in values["points"].split()]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        if tag not in SHAPES:
            fail(f"<{tag}/> is not closed in HTML")
        self.handle_starttag(tag, attributes)
        self.open.remove(tag) if tag not in VOID else None

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            fail(f"line {self.getpos()[0]}: </{tag}> closes {self.open[-3:]}")
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)
        if self.open[-2:] == ["svg", "title"]:
            self.drawings[-1]["title"] += data
        elif self.open[-2:] == ["g", "title"]:
            self.line["name"] += data
        elif self.open[-1:] == ["figcaption"]:
            self.caption += data
        elif self.open[-2:] == ["figcaption", "span"]:
            self.unit += data


def numbers(text):
    return [float(word) for word in text.split()]


def check_line(chart, line, points):
    """In the units of the drawing, which are about a pixel."""
    (left, right), (bottom, top) = numbers(chart["data-x"]), numbers(chart["data-y"])
    x0, y0, width, height = numbers(chart["data-box"])
    name = f"{chart['title'].strip()}, {line['name']}"
    if len(points) != len(line["points"]):
        fail(f"{name}: {len(line['points'])} points instead of {len(points)}")
    for (x, y), (px, py) in zip(points, line["points"]):
        should_x = x0 + (x - left) / (right - left) * width
        should_y = y0 + height - (y - bottom) / (top - bottom) * height
        if abs(should_x - px) > 0.02 or abs(should_y - py) > 0.02:
            fail(f"{name}: {x}, {y} is drawn at {px}, {py} instead of {should_x:.2f}, {should_y:.2f}")
        if not (x0 - 0.02 <= px <= x0 + width + 0.02 and y0 - 0.02 <= py <= y0 + height + 0.02):
            fail(f"{name}: {x}, {y} is drawn outside")
    return len(points)


def check_curves(page, run):
    log = [json.loads(line) for line in open(f"{run}/log.jsonl")]
    found = 0
    for title, (kind, x, factor, members) in CURVES.items():
        lines = [line for line in log if line["kind"] == kind]
        charts = [chart for chart in page.charts if chart["title"].strip() == title]
        wanted = any(member in line for line in lines for member in members.values())
        if title in ("Loss", "Training loss"):
            wanted = wanted and (title == "Loss") != any(line["kind"] == "validation" for line in log)
        if len(charts) != wanted:
            fail(f"{len(charts)} charts of {title}, where {int(wanted)} is expected")
        if not wanted:
            continue
        for line in charts[0]["lines"]:
            member = members.get(line["name"], members.get(""))
            found += check_line(charts[0], line, [(entry[x], factor * entry[member]) for entry in lines])
    return found


def cut(image):
    """The 16 patches."""
    rows = [image[28 * y:28 * y + 28] for y in range(28)]
    return [b"".join(row[x:x + 7] for row in rows[y:y + 7]) for y in range(0, 28, 7) for x in range(0, 28, 7)]


def check_pair(name, pixels):
    """Two maps on one scale: the least of both is the darkest colour, the greatest the palest."""
    shades = {bytes(pixels[i:i + 3]) for i in range(0, len(pixels), 3)}
    if not {bytes((8, 6, 30)), bytes((252, 246, 168))} <= shades:
        fail(f"the attention of {name} is not between its least and its greatest value")


def check_pictures(page, idx):
    """28 x 28 grey images in patches of 7 pixels."""
    images, grids, pairs = open(idx, "rb").read()[16:], {}, {}
    for alt, width, _, _, pixels in page.pictures:
        what, sample, more = re.fullmatch(r"(.*?) of [^:]*\[(\d+)\](: .*)?", alt).groups()
        if what.startswith("nearest"):
            continue
        if more and more != f": {open(idx.replace('images-idx3', 'labels-idx1'), 'rb').read()[8 + int(sample)]}":
            fail(f"{alt} has another label")
        image = images[784 * int(sample):784 * int(sample) + 784]
        if what == "image" and pixels != image:
            fail(f"{alt} is another image")
        if what in ("visible patches", "reconstruction"):
            patches, own = cut(pixels), cut(image)
            same = {p for p in range(16) if patches[p] == own[p]}
            if len(same) != 4 or grids.setdefault(sample, same) != same:
                fail(f"{alt}: {len(same)} patches are those of the image, or others than elsewhere")
            if what == "visible patches" and any(set(patches[p]) != {128} for p in range(16) if p not in same):
                fail(f"{alt}: hidden patches are not grey")
        elif what != "image" and width != 4:
            fail(f"{alt}: {width} instead of 4 patches a side")
        if re.match(r"(predicted|base's) attention", what):
            pairs.setdefault((what.split(", ")[1], sample), []).append(pixels)
    for name, maps in pairs.items():
        if len(maps) != 2:
            fail(f"the attention of {name} has {len(maps)} maps instead of 2")
        check_pair(name, b"".join(maps))


def check_nearest(page, train, table):
    """Every picture is the image that the table has, with its label and similarity."""
    images = open(train, "rb").read()[16:]
    labels = open(train.replace("images-idx3", "labels-idx1"), "rb").read()[8:]
    wanted, found = {}, 0
    for row in csv.DictReader(open(table)):
        wanted[row["path"].split("/")[-1], row["rank"]] = row
    for alt, _, _, _, pixels in page.pictures:
        if not alt.startswith("nearest"):
            continue
        rank, path, name, sample, label, similarity = re.fullmatch(
            r"nearest (\d) of (.*?): (.*\[(\d+)\]): (\d), ([0-9.]+)", alt).groups()
        row = wanted[path, rank]
        # of two that are equally near to the last digit, either may come first
        if row["neighbour"].split("/")[-1] != name and abs(float(row["similarity"]) - float(similarity)) > 0.0051:
            fail(f"{alt} instead of {row}")
        if abs(float(row["similarity"]) - float(similarity)) > 0.0051 or labels[int(sample)] != int(label):
            fail(f"{alt}: other label or similarity than {row}, {labels[int(sample)]}")
        if pixels != images[784 * int(sample):784 * int(sample) + 784]:
            fail(f"{alt} is another image")
        found += row["neighbour"].split("/")[-1] == name
    if found < 20:
        fail(f"only {found} of the nearest images are those of the table")


page = Page()
text = open(sys.argv[1], encoding="utf-8").read()
page.feed(text)
page.close()
if page.open:
    fail(f"not closed: {page.open}")
if not text.startswith("<!DOCTYPE html>") or "http" in text.replace("http-equiv", ""):
    fail("no document type, or an address")
if len(page.ids) != len(set(page.ids)):
    fail("an id occurs twice")
for drawing in page.drawings:
    if not drawing["title"].strip() or drawing.get("role") != "img":
        fail("a drawing has no title, or no role")
for chart in page.charts:
    if not chart["unit"].strip():
        fail(f"the chart {chart['title']} has no unit")
points = check_curves(page, sys.argv[2]) if len(sys.argv) > 2 else 0
if len(sys.argv) > 3:
    check_pictures(page, sys.argv[3])
if len(sys.argv) > 5:
    check_nearest(page, sys.argv[4], sys.argv[5])
print(f"{len(page.charts)} charts, {points} points, {len(page.pictures)} pictures")
