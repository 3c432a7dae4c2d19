"""PyTorch's times of what a vision tower consists of, one JSON object a line, for the command compare-torch.

    python3 torch_times.py --device cuda --batch 1,32 --precision fp32,tf32,bf16 > torch.jsonl

Eager mode, inference, seeded random weights. A precision is what the tensors have (fp16, bf16), or what products of fp32 tensors may be rounded to (tf32).
Works: linear.qkv, linear.out (with residual), linear.fc (with GELU), linear.proj (with residual), attention (q, k and v lie in one tensor), layer_norm,
encoder (images on the device to features and patch tokens there).
"""
import argparse
import json
import pathlib
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LAUNCHES = 10  # calls between two synchronisations: what is timed is the device, not the host


def attend(qkv, heads):
    batch, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.view(batch, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    if hasattr(F, "scaled_dot_product_attention"):
        y = F.scaled_dot_product_attention(q, k, v)
    else:  # before PyTorch 2
        y = (q @ k.transpose(-2, -1) * (width // heads) ** -0.5).softmax(-1) @ v
    return y.transpose(1, 2).reshape(batch, tokens, width)


class Block(nn.Module):
    def __init__(self, width, heads, activation):
        super().__init__()
        self.heads, self.activation = heads, activation
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.out(attend(self.qkv(self.norm1(x)), self.heads))
        return x + self.proj(self.activation(self.fc(self.norm2(x))))


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.patches = nn.Conv2d(3, c.width, c.patch, c.patch, bias=False)
        self.first = nn.Parameter(torch.randn(c.width) * c.width ** -0.5)
        self.positions = nn.Parameter(torch.randn(c.tokens, c.width) * c.width ** -0.5)
        self.norm_pre, self.norm_post = nn.LayerNorm(c.width), nn.LayerNorm(c.width)
        self.blocks = nn.Sequential(*[Block(c.width, c.heads, c.activation) for _ in range(c.layers)])
        self.projection = nn.Parameter(torch.randn(c.width, c.embed) * c.width ** -0.5)

    def forward(self, images):
        x = self.patches(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], 1, -1), x], 1) + self.positions
        x = self.norm_post(self.blocks(self.norm_pre(x)))
        return x[:, 0] @ self.projection, x[:, 1:]


class Config:
    def __init__(self, model):
        with open(pathlib.Path(__file__).parents[2] / "weights" / "configs" / f"{model}.json", encoding="utf-8") as file:
            values = json.load(file)
        vision = values["vision_cfg"]
        self.image, self.patch, self.width, self.layers = vision["image_size"], vision["patch_size"], vision["width"], vision["layers"]
        self.heads, self.embed = self.width // vision.get("head_width", 64), values["embed_dim"]
        self.tokens = (self.image // self.patch) ** 2 + 1
        self.activation = (lambda x: x * torch.sigmoid(1.702 * x)) if values.get("quick_gelu") else F.gelu


def works(c, batch, options):
    def x(width):
        return torch.randn(batch, c.tokens, width, **options)

    def linear(inner, outer):
        return nn.Linear(inner, outer, **options)

    w = c.width
    a, up, residual = x(w), x(4 * w), x(w)
    qkv, out, fc, proj, norm = linear(w, 3 * w), linear(w, w), linear(w, 4 * w), linear(4 * w, w), nn.LayerNorm(w, **options)
    yield "linear.qkv", LAUNCHES, lambda: qkv(a)
    yield "linear.out", LAUNCHES, lambda: residual + out(a)
    yield "linear.fc", LAUNCHES, lambda: c.activation(fc(a))
    yield "linear.proj", LAUNCHES, lambda: residual + proj(up)
    joined = x(3 * w)
    yield "attention", LAUNCHES, lambda: attend(joined, c.heads)
    yield "layer_norm", LAUNCHES, lambda: norm(a)
    encoder, images = Encoder(c).to(**options), torch.randn(batch, 3, c.image, c.image, **options)
    yield "encoder", 1, lambda: encoder(images)


def median(run, launches, synchronise, seconds):
    for _ in range(3):
        run()
    synchronise()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(launches):
            run()
        synchronise()
        times.append((time.perf_counter() - start) / launches)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vit-b-16-plus-240", help="a name of weights/configs")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", default="1,32")
    parser.add_argument("--precision", default="fp32,tf32,fp16,bf16")
    parser.add_argument("--seconds", type=float, default=1, help="for each work")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    on_gpu = device.type == "cuda"
    synchronise = torch.cuda.synchronize if on_gpu else lambda: None
    name = torch.cuda.get_device_name(device) if on_gpu else "processor"
    torch.manual_seed(0)
    for precision in arguments.precision.split(","):
        dtype = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        for batch in map(int, arguments.batch.split(",")):
            with torch.inference_mode():
                for work, launches, run in works(Config(arguments.model), batch, {"device": device, "dtype": dtype}):
                    seconds = median(run, launches, synchronise, arguments.seconds)
                    print(json.dumps({"model": arguments.model, "work": work, "batch": batch, "precision": precision, "seconds": seconds, "device": name,
                                      "torch": torch.__version__}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
