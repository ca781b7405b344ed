#!/usr/bin/python3
"""Compares what two builds wrote, bit for bit, for tests/bench/same.

    same.py LABEL FIRST SECOND PATH ...

compares FIRST/PATH with SECOND/PATH, a directory file by file. Prints a line per file, `same` or `DIFFERS` (`reworded`
for help texts and messages), LABEL and the path, and below it what differs.

How a file is compared goes by its name:

    *.h5             structure, types and bytes of all groups, datasets and attributes
    *.json           members and values to the last digit, but for those of IGNORED_KEYS; white space is no part of it
    *.jsonl          the text, but for the values of IGNORED_KEYS
    plan-*.out       the numbers, in their order; a difference in the words around them is a rewording
    *.out            the text (standard output), but for IGNORED_NUMBERS
    *.err, *.help    the text (messages, help), but for IGNORED_NUMBERS and IGNORED_LINES: a difference is a rewording
    all others       the bytes

Settings, wherever they are written, are compared without their comments, which repeat the help texts.
"""
import difflib
import json
import os
import re
import sys

# What may differ, and nothing else: times, what is computed from them, and names drawn for temporary files.
IGNORED_ATTRIBUTES = {("/run", "seconds")}  # of a checkpoint: how long it was trained
IGNORED_KEYS = {
    "log.jsonl": ("images_per_second", "wait_share", "reduce_share", "targets_share", "slowest_rank", "slowest_host",
                  "slowest_share", "seconds", "memory_mb"),
    "knn.json": ("seconds",),
    "probe.json": ("seconds",),
    "environment.json": ("started", "starts"),
}
IGNORED_NUMBERS = (
    r"(?<=\bin )[0-9.]+(?= s\b)",  # made 320 views in 0.3 s on 1 ranks; pack: ... written in 0.1 s
    r"(?<=, )[0-9.]+(?= s\)$)",  # knn and probe: (..., 96 features, 2.1 s)
    r"[0-9.]+(?= images/s\b)",
    r"(?<=\.)[^ /]+\.[0-9]+(?=\.[0-9]+\.tmp\b)",  # host and process in the name of a temporary file
    r"(?<=/tec-stage-)\w{6}",  # run.stage: a directory of no other name
    r"(?<=^  run\.seconds: ).*",  # tec inspect CHECKPOINT
    r"(?<=^  run\.settings: text of )[0-9]+(?= bytes$)",  # with its comments
)
# Progress: whether such a line is written depends on the time.
IGNORED_LINES = re.compile(
    r"tec: (epoch [0-9]+/|targets: [0-9]+ of |features of the \w+ images: [0-9]+ of |linear probe: epoch [0-9]+ of |"
    r"(k-NN|verify|pack|stage): [0-9]+ of )"
)

COMMENT = re.compile(r"^ *# .*\n", re.MULTILINE)  # in settings
SETTINGS = "/run/settings"  # in a checkpoint

EXCERPT = 8  # lines


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def read_text(path):
    return read_bytes(path).decode("utf-8", "backslashreplace")


def first_lines(lines):
    rest = len(lines) - EXCERPT
    return lines[:EXCERPT] + ([f"... and {rest} more"] if rest > 0 else [])


def diff_of(first, second):
    return list(difflib.unified_diff(first.splitlines(), second.splitlines(), lineterm="", n=0))[2:] or \
        [f"the ends of the lines differ: {len(first)} and {len(second)} characters"]


def differing_bytes(first, second):
    if len(first) != len(second):
        return [f"{len(first)} and {len(second)} bytes"]
    at = [i for i, (x, y) in enumerate(zip(first, second)) if x != y]
    return [f"{len(at)} of {len(first)} bytes, the first at {at[0]}: {first[at[0]]} and {second[at[0]]}"]


# -- HDF5 --

def raw(values):
    """Bytes of an array; texts of variable length are objects, whose bytes would be addresses."""
    import numpy as np

    array = np.ascontiguousarray(values)
    return repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()


def describe_space(thing):
    return f"type {thing.dtype} shape {thing.shape}"


def contents_of(path):
    """{name: (kind and type in words, exact type and layout, bytes, values)} of objects and their attributes."""
    import h5py

    found = {}

    def add(name, thing):
        if name == SETTINGS:  # its type has its length
            text = COMMENT.sub("", thing[()].decode(errors="replace"))
            found[name] = ("dataset, settings", None, text.encode(), text.encode())
        elif isinstance(thing, h5py.Dataset):
            layout = (thing.id.get_type().encode(), thing.maxshape, thing.chunks, thing.compression,
                      thing.id.get_create_plist().get_layout(), thing.id.get_create_plist().get_nfilters())
            found[name] = ("dataset, " + describe_space(thing), layout, raw(thing[()]), thing[()])
        else:
            found[name] = ("group", None, b"", None)
        for key in thing.attrs:
            attribute = thing.attrs.get_id(key)
            value = b"" if (name, key) in IGNORED_ATTRIBUTES else raw(thing.attrs[key])
            found[f"{name} @{key}"] = ("attribute, " + describe_space(attribute), attribute.get_type().encode(), value,
                                       thing.attrs[key])

    with h5py.File(path, "r") as file:
        add("/", file)
        file.visititems(lambda name, thing: add("/" + name, thing))
    return found


def differing_values(first, second):
    """In words; the bytes are known to differ."""
    import numpy as np

    x, y = np.asarray(first), np.asarray(second)
    if x.dtype.hasobject or x.dtype.kind in "SUV" or x.ndim == 0:
        x, y = x.tolist(), y.tolist()
        if isinstance(x, bytes) and b"\n" in x:
            return "; ".join(first_lines(diff_of(x.decode(errors="replace"), y.decode(errors="replace"))))
        return f"{x!r} and {y!r}"
    one, other = (np.ascontiguousarray(a).reshape(-1).view(np.uint8).reshape(a.size, -1) for a in (x, y))
    at = np.flatnonzero((one != other).any(axis=1))
    place = list(map(int, np.unravel_index(at[0], x.shape)))
    return f"{len(at)} of {x.size} numbers, the first at {place}: {x.flat[at[0]]!r} and {y.flat[at[0]]!r}"


def differences_h5(first, second):
    a, b = contents_of(first), contents_of(second)
    told = []
    if not any(what[0].startswith("dataset") for what in a.values()):
        told.append("there is no dataset to compare")
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b:
            told.append(f"{name} is only in the {'first' if name in a else 'second'}")
        elif a[name][0] != b[name][0]:
            told.append(f"{name}: {a[name][0]} and {b[name][0]}")
        elif a[name][1] != b[name][1]:
            told.append(f"{name}: type or layout in the file")
        elif a[name][2] != b[name][2]:
            told.append(f"{name}: {differing_values(a[name][3], b[name][3])}")
    return told


# -- texts --

def differences_json(first, second):
    keys = "|".join(IGNORED_KEYS.get(os.path.basename(first), ()))
    if not keys:
        texts = [read_text(path) for path in (first, second)]
    else:
        value = re.compile(rf'("(?:{keys})": ?)("[^"]*"|[-+.0-9eE]+)')
        texts = [value.sub(r"\1*", read_text(path)) for path in (first, second)]
    if not texts[0]:
        return ["there is nothing in it"]
    return diff_of(*texts) if texts[0] != texts[1] else []


def members(path):
    """One line per member, with the digits as they stand in the file."""
    value = json.loads(read_text(path), parse_float=lambda digits: ["digits", digits])
    for key in IGNORED_KEYS.get(os.path.basename(path), ()):
        value.pop(key, None)
    return json.dumps(value, indent=1) + "\n"


def differences_members(first, second):
    texts = [members(path) for path in (first, second)]
    return diff_of(*texts) if texts[0] != texts[1] else []


def numbers_of(path):
    return re.findall(r"[0-9][0-9.]*", timeless(path, False))


def timeless(path, leave_out):
    lines = [line for line in read_text(path).splitlines(True) if not (leave_out and IGNORED_LINES.match(line))]
    text = COMMENT.sub("", "".join(lines))
    for number in IGNORED_NUMBERS:
        text = re.sub(number, "*", text, flags=re.MULTILINE)
    return text


def differences_text(first, second, leave_out):
    texts = [timeless(path, leave_out) for path in (first, second)]
    return diff_of(*texts) if texts[0] != texts[1] else []


# -- files --

def compare_file(label, first, second, path):
    ending = os.path.splitext(path)[1]
    words = ending in (".err", ".help")
    report = re.match(r"plan-.*\.out$", os.path.basename(path))
    pair = os.path.join(first, path), os.path.join(second, path)
    there = [os.path.isfile(file) for file in pair]
    if not all(there):
        told = ["in neither" if not any(there) else f"only in {first if there[0] else second}"]
        words = False
    elif ending == ".h5":
        told = differences_h5(*pair)
    elif ending == ".json":
        told = differences_members(*pair)
    elif ending == ".jsonl":
        told = differences_json(*pair)
    elif report:
        told = differences_text(*pair, False)
        words = numbers_of(pair[0]) == numbers_of(pair[1])
    elif ending == ".out" or words:
        told = differences_text(*pair, words)
    elif ending == ".yaml":
        texts = [COMMENT.sub("", read_text(file)) for file in pair]
        told = diff_of(*texts) if texts[0] != texts[1] else []
    else:
        a, b = read_bytes(pair[0]), read_bytes(pair[1])
        told = differing_bytes(a, b) if a != b else []
    print(("reworded" if words else "DIFFERS") if told else "same ", label + path)
    for line in told if words else first_lines(told):
        print("    " + line if words else "    " + line[:300])


def files_in(directory, path):
    top = os.path.join(directory, path)
    if not os.path.isdir(top):
        return {path}
    return {os.path.relpath(os.path.join(at, name), directory) for at, _, names in os.walk(top) for name in names}


def main():
    label, first, second, *paths = sys.argv[1:]
    for path in paths:
        files = files_in(first, path) | files_in(second, path)
        if any(os.path.isdir(os.path.join(directory, path)) for directory in (first, second)):
            files.discard(path)
        if not files:
            print("DIFFERS", label + path, "\n    there is no file in it")
        for file in sorted(files):
            compare_file(label, first, second, file)


if __name__ == "__main__":
    main()
