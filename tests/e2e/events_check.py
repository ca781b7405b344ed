"""Checks the event files of a run: events_check.py RUN [FILES [PAGE]]

Reads the files in the order of their names, as TensorBoard does: records by its own code, events by python3-protobuf from
its own description of them. A file may end in the middle of a record. A session that starts at a step takes back what was
said of it and of later ones. What is left are the numbers of RUN/log.jsonl, in the order of its lines. FILES: so many
there are. PAGE, of `tec report`: the pictures of the last step are in it, with the same names. Prints what was found; exit code 77: there is no python3-protobuf."""
import base64
import glob
import json
import re
import struct
import sys

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError:
    sys.exit(77)

FIELD = descriptor_pb2.FieldDescriptorProto
# message -> fields of TensorFlow's event.proto and summary.proto: name, number, type, repeated
MESSAGES = {
    "Image": [("height", 1, "int32", False), ("width", 2, "int32", False), ("encoded_image_string", 4, "bytes", False)],
    "Value": [("tag", 1, "string", False), ("simple_value", 2, "float", False), ("image", 4, "Image", False)],
    "Summary": [("value", 1, "Value", True)],
    "SessionLog": [("status", 1, "int32", False)],
    "Event": [("wall_time", 1, "double", False), ("step", 2, "int64", False), ("file_version", 3, "string", False),
              ("summary", 5, "Summary", False), ("session_log", 7, "SessionLog", False)],
}
START = 1


def make_event():
    file = descriptor_pb2.FileDescriptorProto(name="check.proto", package="check", syntax="proto2")
    for message, fields in MESSAGES.items():
        made = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            field = made.field.add(name=name, number=number)
            field.label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            field.type = FIELD.TYPE_MESSAGE if kind in MESSAGES else getattr(FIELD, f"TYPE_{kind.upper()}")
            if kind in MESSAGES:
                field.type_name = f".check.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("check.Event"))


TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fail(text):
    sys.exit(f"{sys.argv[1]}: {text}")


def records(path):
    data, at = open(path, "rb").read(), 0
    while at + 12 <= len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        if masked(data[at:at + 8]) != crc:
            fail(f"{path}: the length at {at} is damaged")
        if at + 16 + length > len(data):
            break
        record = data[at + 12:at + 12 + length]
        if masked(record) != struct.unpack_from("<I", data, at + 12 + length)[0]:
            fail(f"{path}: the record at {at} is damaged")
        yield record
        at += 16 + length


def float32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


run, Event = sys.argv[1], make_event()
files = sorted(glob.glob(f"{run}/events.out.tfevents.*"))
if len(sys.argv) > 2 and len(files) != int(sys.argv[2]):
    fail(f"{len(files)} files instead of {sys.argv[2]}")
found, pictures, taken_back, last = [], {}, 0, 0
for path in files:
    for index, record in enumerate(records(path)):
        event = Event.FromString(record)
        if (index == 0) != (event.file_version == "brain.Event:2") or (index == 1) != event.HasField("session_log"):
            fail(f"{path}: record {index} is {event}")
        if event.wall_time < 1e9 or event.wall_time < last:
            fail(f"{path}: record {index} is of {event.wall_time}, the one before it of {last}")
        last = event.wall_time
        if event.HasField("session_log"):
            if event.session_log.status != START:
                fail(f"{path}: no start of a session: {event}")
            left = [entry for entry in found if entry[0] < event.step]
            taken_back += len(found) - len(left)
            found = left
            pictures = {step: shown for step, shown in pictures.items() if step < event.step}
        elif index > 1 and event.summary.value[0].HasField("image"):
            pictures[event.step] = event.summary.value
        elif index > 1 and not all(value.HasField("simple_value") for value in event.summary.value):
            fail(f"{path}: a value is missing from {event}")
        elif index > 1:
            found.append((event.step, {value.tag: value.simple_value for value in event.summary.value}))

wanted = []
for line in map(json.loads, open(f"{run}/log.jsonl")):
    numbers = {f"{line['kind']}/{key}": number for key, number in line.items()
               if isinstance(number, (int, float)) and key != "step"}
    if line["kind"] != "settings":
        wanted.append((line["step"], numbers))
if len(found) != len(wanted):
    fail(f"{len(found)} events instead of {len(wanted)}")
count = 0
for (step, numbers), (line_step, line_numbers) in zip(found, wanted):
    if step != line_step or list(numbers) != list(line_numbers):
        fail(f"step {step} has {list(numbers)}, line of step {line_step} has {list(line_numbers)}")
    for tag, number in line_numbers.items():  # the log has 9 digits, which may round to the next float32
        if abs(numbers[tag] - float32(number)) > 1.2e-7 * abs(number):
            fail(f"step {step}: {tag} is {numbers[tag]} instead of {number}")
        count += 1
shown = pictures[max(pictures)] if pictures else []
for value in shown:
    png = value.image.encoded_image_string
    if png[:8] != b"\x89PNG\r\n\x1a\n" or struct.unpack(">II", png[16:24]) != (value.image.width, value.image.height):
        fail(f"{value.tag} is no PNG of {value.image.width} x {value.image.height}")
if len(sys.argv) > 3:
    page = open(sys.argv[3], encoding="utf-8").read()
    for value in shown:
        column = value.tag.rpartition("/")[0].replace("'", "&#39;")
        png = base64.b64encode(value.image.encoded_image_string).decode()
        if not re.search(f'alt="{re.escape(column)} of [^>]*base64,{re.escape(png)}"', page):
            fail(f"{value.tag} of step {max(pictures)} is not in {sys.argv[3]}")
    if not shown:
        fail("there are no pictures")
print(f"{len(pictures)} times {len(shown)} pictures, {count} numbers of {len(found)} events in {len(files)} files, {taken_back} taken back")
