"""Checks what a page of `tec report` says of a finished target store: store_check.py PAGE STORE. The distribution and the
errors are those that h5py finds. Exit code 77: there is no h5py."""
import glob
import re
import sys

try:
    import h5py
    import numpy as np
except ImportError:
    sys.exit(77)

page, store = open(sys.argv[1], encoding="utf-8").read(), sys.argv[2]
page = page[page.index(f"Target store: {store}<"):]
features, errors, rows = [], [], 0
for path in sorted(glob.glob(f"{store}/shard-*.h5")):
    with h5py.File(path) as shard:
        errors.append(shard["storage_error"][:])
        value = shard["feature"][:].astype(np.float32)
        features += list(value * shard["feature_scale"][:][:, None] if "feature_scale" in shard else value)
rows = len(features)
read = np.concatenate([features[i * rows // min(rows, 64)].ravel() for i in range(min(rows, 64))])
share = 100 * np.histogram(read, bins=40, range=(-5, 5))[0] / len(read)

chart = page[page.index(">Features <span"):]
low, high = map(float, re.search(r'data-y="(\S+) (\S+)"', chart).groups())
_, y0, _, height = map(float, re.search(r'data-box="([^"]+)"', chart).group(1).split())
drawn = re.search(r'<g><title>stored</title><polyline[^>]*points="([^"]+)"', chart).group(1).split()
drawn = np.array([float(point.split(",")[1]) for point in drawn])
wanted = y0 + height - (share - low) / (high - low) * height
if len(drawn) != 40 or np.abs(drawn - wanted).max() > 0.3:  # a few numbers lie on the borders of the bins
    sys.exit(f"{sys.argv[1]}: the distribution is {drawn} instead of {wanted}")
a, b, c, d = np.sum(errors, axis=0)
said = re.search(r"features (\S+) %, attention (\S+) %</td>", page).groups()
for text, error in zip(said, (np.sqrt(a / b), np.sqrt(c / d))):
    if abs(float(text) / 100 - error) > 0.06 * error:
        sys.exit(f"{sys.argv[1]}: error of the storage type {text} % instead of {error}")
if page[:page.index("</svg>")].count('class="shard whole"') != len(errors):
    sys.exit(f"{sys.argv[1]}: not {len(errors)} whole shards")
print(f"{len(errors)} shards, {len(read)} numbers")
