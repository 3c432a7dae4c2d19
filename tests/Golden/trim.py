#!/usr/bin/env python3
"""Copies a golden case, keeping only the tensors that the tests of this repository read.

    python3 trim.py SOURCE_CASE_FOLDER TARGET_CASE_FOLDER

The full cases (every activation, gradient and optimiser step) come from an independent PyTorch implementation of the method;
they are read when ANOPLE_GOLDEN_DIR names their folder. Only the Python standard library is needed.
"""
import json
import os
import re
import shutil
import struct
import sys

KEEP = re.compile(
    r"in/|param/|loss/|grad/|step1/|step5/|misc/|metric/"
    r"|act/(in\.images|img\.logit|pix\.logit$|align\.s|prompts\.|smp\.(z0|cls)|txt\.(embed|features|w|L\d+\.out)|vis\.(embed|cls|patches|L\d+\.out))"
    r"|gact/(img\.logit|pix\.logit$|prompts\.|smp\.z0|txt\.(features|w)|vis\.cls)"
    r"|inf/")


def trim(source, target):
    data = open(source, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    body = data[8 + size:]
    kept, parts, at = {}, [], 0
    if "__metadata__" in header:
        kept["__metadata__"] = header["__metadata__"]
    for name, entry in header.items():
        if name != "__metadata__" and KEEP.match(name):
            begin, end = entry["data_offsets"]
            kept[name] = dict(entry, data_offsets=[at, at + end - begin])
            parts.append(body[begin:end])
            at += end - begin
    text = json.dumps(kept, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(target, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def main(source, target):
    os.makedirs(target, exist_ok=True)
    for name in ("config.json", "backbone.safetensors"):
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    tolerance = json.load(open(os.path.join(source, "tolerance.json")))
    with open(os.path.join(target, "tolerance.json"), "w") as out:
        json.dump({k: v for k, v in tolerance.items() if KEEP.match(k)}, out, indent=1)
    for name in ("inputs.safetensors", "expected.safetensors"):
        trim(os.path.join(source, name), os.path.join(target, name))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
