#!/usr/bin/env python3
"""Writes the checkpoints beside this file and their values, expected.json. Needs PyTorch 1.13 or later (CPU); made with 1.13.

    python3 make.py

The tests read the results alone. Values are formulas, so that a file made by another version of PyTorch differs in its layout at most.
"""
import collections
import json
import os
import struct

import torch

FOLDER = os.path.dirname(os.path.abspath(__file__))
EXPECTED = {}
NAMES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16", torch.float64: "float64", torch.int64: "int64",
         torch.int32: "int32", torch.int16: "int16", torch.int8: "int8", torch.uint8: "uint8", torch.bool: "bool"}


def ramp(*shape, dtype=torch.float32, start=0):
    count = 1
    for axis in shape:
        count *= axis
    return (torch.arange(count) * 0.25 - 3 + start).reshape(shape).to(dtype)


def describe(tensors):
    return {name: {"dtype": NAMES[t.dtype], "shape": list(t.shape), "values": t.detach().double().reshape(-1).tolist()}
            for name, t in tensors.items()}


def save(name, value, tensors, metadata=None, **options):
    torch.save(value, os.path.join(FOLDER, name), **options)
    EXPECTED[name] = {"content": describe(tensors), "metadata": metadata or {}}


def both(name, value, tensors, metadata=None):
    save(name + ".pt", value, tensors, metadata)
    save(name + "_legacy.pt", value, tensors, metadata, _use_new_zipfile_serialization=False)


def dtypes():
    state = collections.OrderedDict()
    for dtype in NAMES:
        state["t." + NAMES[dtype]] = ramp(2, 5, dtype=dtype)
    state["int.extremes"] = torch.tensor([-2**63, 2**63 - 1])
    state["special"] = torch.tensor([0.0, -0.0, 65504.0, 2.0**-24], dtype=torch.float16)
    state["zero_axes"] = torch.tensor(2.5)
    state["empty"] = torch.zeros(0)
    state["empty_axis"] = torch.zeros(3, 0, 2)
    state["five_axes"] = ramp(1, 2, 1, 3, 2)
    both("dtypes", state, state)


def views():
    base = ramp(6, 8)
    cube = ramp(3, 4, 5, dtype=torch.float16)
    state = {
        "base": base,
        "transposed": base.t(),
        "rows": base[2:4],
        "columns": base[:, 3:5],
        "every_third": base[::2, 1::3],
        "one": base[5, 7],
        "diagonal": base.diagonal(),
        "backwards_in_file": base[0],
        "cube.permuted": cube.permute(2, 0, 1),
        "cube.slice": cube.permute(1, 2, 0)[1:3, ::2],
        "flat": cube.view(-1)[7:29],
        "expanded": torch.tensor([[1.5], [2.5]]).expand(2, 3),
        "middle.expanded": torch.tensor([[1.5, -1.0], [2.5, 4.0]]).unsqueeze(1).expand(2, 3, 2),
        "positions": torch.arange(7).expand(1, -1),
        "channels_last": ramp(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
        "tied": base,
    }
    both("views", state, state)


def checkpoints():
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    for i, parameter in enumerate(layer.parameters()):
        parameter.data = ramp(*parameter.shape, start=i)
    state = layer.state_dict()  # has _metadata, and a 0-d int64 tensor
    both("module", state, state)
    parameters = {"p": torch.nn.Parameter(ramp(2, 2)), "frozen": torch.nn.Parameter(ramp(2), requires_grad=False)}
    both("parameters", parameters, parameters)
    prefixed = {"module." + key: value for key, value in state.items()}
    optimiser = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    for i, parameter in enumerate(layer.parameters()):
        parameter.data = ramp(*parameter.shape, start=i)
    both("training", {"epoch": 7, "name": "ViT-B-16", "best": 0.5, "done": False, "optimizer": optimiser.state_dict(), "state_dict": prefixed,
                      "history": [1, (2, None)], "seed": 2**70, "bytes": b"\x00\xff", "size": torch.Size([1, 2]), "kinds": {"a", "b"},
                      "device": torch.device("cpu"), "dtype": torch.float16, "counts": collections.Counter("aab"),
                      "lists": collections.defaultdict(list)},
         prefixed, {"epoch": "7", "name": "ViT-B-16", "best": "0.5", "done": "False", "seed": str(2**70)})
    save("model.pth", {"model": state, "epoch": 1}, state, {"epoch": "1"})
    save("model_state_dict.bin", {"model_state_dict": state, "scaler": None}, state)
    for protocol in (1, 3, 4, 5):
        save(f"protocol{protocol}.pt", state, state, pickle_protocol=protocol)
    for protocol in (1, 4, 5):
        save(f"protocol{protocol}_legacy.pt", state, state, pickle_protocol=protocol, _use_new_zipfile_serialization=False)


class Block(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln_1 = torch.nn.LayerNorm(width)
        self.mlp = torch.nn.Sequential(collections.OrderedDict([("c_fc", torch.nn.Linear(width, 2 * width)), ("gelu", torch.nn.GELU()),
                                                                ("c_proj", torch.nn.Linear(2 * width, width))]))

    def forward(self, x):
        return x + self.mlp(self.ln_1(x))


class Transformer(torch.nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.width = width
        self.resblocks = torch.nn.Sequential(*[Block(width) for _ in range(layers)])

    def forward(self, x):
        return self.resblocks(x)


class Vision(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, width, 2, 2, bias=False)
        self.class_embedding = torch.nn.Parameter(torch.zeros(width))
        self.transformer = Transformer(width, 2)
        self.proj = torch.nn.Parameter(torch.zeros(width, 3))

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        return self.transformer(x + self.class_embedding) @ self.proj


class Clip(torch.nn.Module):
    """Nested as openai/CLIP is, with its kinds of tensors: parameters of modules in modules, buffers, scalars, integers."""

    def __init__(self):
        super().__init__()
        self.context_length = 5
        self.visual = Vision(4)
        self.token_embedding = torch.nn.Embedding(6, 4)
        self.logit_scale = torch.nn.Parameter(torch.tensor(0.0))
        self.register_buffer("input_resolution", torch.tensor(224))

    def forward(self, image, text):
        return self.logit_scale.exp() * self.visual(image).sum() + self.token_embedding(text).sum()


def scripts():
    for name, dtype, convert in (("script", torch.float32, torch.jit.script), ("script_half", torch.float16, torch.jit.script),
                                 ("trace", torch.float32, lambda model: torch.jit.trace(model, (torch.ones(1, 3, 4, 4), torch.zeros(1, 5, dtype=torch.long))))):
        model = Clip().eval()
        for i, parameter in enumerate(model.parameters()):
            parameter.data = ramp(*parameter.shape, start=i % 7)
        scripted = convert(model).to(dtype)
        torch.jit.save(scripted, os.path.join(FOLDER, name + ".pt"))
        # The archive keeps the order of the module's attributes: parameters and buffers of a level before those of modules below.
        EXPECTED[name + ".pt"] = {"content": describe(scripted.state_dict()), "metadata": None}


def safetensors(name, tensors):
    kinds = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for key, tensor in tensors.items():
        raw = bytes(tensor.contiguous().view(-1).view(torch.uint8).tolist())
        header[key] = {"dtype": kinds[NAMES[tensor.dtype]], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(FOLDER, name), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def shards():
    os.makedirs(os.path.join(FOLDER, "sharded"), exist_ok=True)
    parts = [{"a.weight": ramp(2, 3), "a.ids": torch.arange(3)}, {"b.weight": ramp(3, dtype=torch.bfloat16)}, {"c.weight": ramp(2, 1, dtype=torch.float16)}]
    index = {"metadata": {"total_size": 58}, "weight_map": {}}
    everything = {}
    for i, part in enumerate(parts):
        file = f"model-{i + 1:05}-of-00003.safetensors"
        safetensors(os.path.join("sharded", file), part)
        index["weight_map"].update({key: file for key in part})
        everything.update(part)
    with open(os.path.join(FOLDER, "sharded", "model.safetensors.index.json"), "w") as out:
        json.dump(index, out, indent=1)
    for name in ("sharded", "sharded/model.safetensors.index.json"):
        EXPECTED[name] = {"content": describe(everything), "metadata": {"total_size": "58", "format": "pt"}}
    safetensors("plain.safetensors", parts[0])
    EXPECTED["plain.safetensors"] = {"content": describe(parts[0]), "metadata": {"format": "pt"}}


if __name__ == "__main__":
    torch.manual_seed(0)
    dtypes()
    views()
    checkpoints()
    scripts()
    shards()
    with open(os.path.join(FOLDER, "expected.json"), "w") as out:
        out.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in EXPECTED.items()) + "\n}\n")
