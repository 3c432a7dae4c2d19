"""CLIP with a vision transformer (Radford et al. 2021) at the sizes of weights/configs/nano.json, under OpenAI's tensor names."""
import json
import os

import torch
from torch import nn
from torch.nn import functional as F

from dataset import PATCH
from tokenizer import SIZE as VOCABULARY

CONFIG = json.load(open(os.path.join(os.path.dirname(__file__), "../configs/nano.json")))
IMAGE, TEXT, EMBED = CONFIG["vision_cfg"], CONFIG["text_cfg"], CONFIG["embed_dim"]
GRID = IMAGE["image_size"] // IMAGE["patch_size"]
TAPS = (IMAGE["layers"] // 2, 3 * IMAGE["layers"] // 4)  # the detector's memory layers
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])


def cosine_filters(width):
    """Filters [width, 3, p, p] of a two-dimensional cosine transform (type II) of a patch, lowest frequencies first, in brightness and two colour
    differences. Natural spectra fall with frequency; the filters rise with it, so that coarse and fine structure begin with equal weight."""
    k = torch.arange(PATCH, dtype=torch.float32)
    basis = torch.cos(torch.pi / PATCH * (k[None] + 0.5) * k[:, None])  # [frequency, position]
    basis = basis / basis.norm(dim=1, keepdim=True)
    order = sorted(((i, j) for i in range(PATCH) for j in range(PATCH)), key=lambda f: (f[0] ** 2 + f[1] ** 2, f))
    colours = torch.tensor([[1, 1, 1], [1, -1, 0], [0.5, 0.5, -1.0]])
    colours = colours / colours.norm(dim=1, keepdim=True)
    rows = []
    for n in range(width):
        i, j = order[n // 3]
        gain = (1 + (i * i + j * j) ** 0.5) / PATCH * (1.0, 2.0, 2.0)[n % 3]
        rows.append(gain * colours[n % 3][:, None, None] * (basis[i][:, None] * basis[j][None])[None])
    return torch.stack(rows)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width ** -0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, mask=None):
        b, t, c = x.shape
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores + mask
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})

    def forward(self, x, mask=None):
        x = x + self.attn(self.ln_1(x), mask)
        h = self.mlp["c_fc"](self.ln_2(x))
        return x + self.mlp["c_proj"](h * torch.sigmoid(1.702 * h))  # QuickGELU


def tower(width, layers, heads):
    blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
    for block in blocks:
        for linear in (block.attn.out_proj, block.mlp["c_proj"]):
            # Nearly nothing: blocks begin as the identity, so that the patch embedding's structure is there from the first step.
            nn.init.normal_(linear.weight, std=0.05 * width ** -0.5 * (2 * layers) ** -0.5)
            nn.init.zeros_(linear.bias)
        nn.init.normal_(block.mlp["c_fc"].weight, std=(2 * width) ** -0.5)
        nn.init.zeros_(block.mlp["c_fc"].bias)
    module = nn.Module()
    module.resblocks = blocks
    return module


class Visual(nn.Module):
    def __init__(self):
        super().__init__()
        c = IMAGE["width"]
        self.conv1 = nn.Conv2d(3, c, PATCH, PATCH, bias=False)
        self.conv1.weight.data = cosine_filters(c)
        self.class_embedding = nn.Parameter(torch.randn(c) * c ** -0.5)
        self.positional_embedding = nn.Parameter(torch.randn(GRID * GRID + 1, c) * 0.02)
        self.ln_pre, self.ln_post = nn.LayerNorm(c), nn.LayerNorm(c)
        self.transformer = tower(c, IMAGE["layers"], c // IMAGE["head_width"])
        self.proj = nn.Parameter(torch.randn(c, EMBED) * c ** -0.5)

    def forward(self, patches, places, taps_only=False):
        """patches [B, n, 3 p p] in (channel, row, column) order, places [B, n] their positions in the grid.
        Gives all embeddings [B, 1 + n, d], the image's first (None for `taps_only`), and the patch tokens after the blocks of TAPS."""
        position = self.positional_embedding
        x = F.linear(patches, self.conv1.weight.flatten(1)) + position[1:][places]
        x = self.ln_pre(torch.cat([(self.class_embedding + position[0]).expand(len(x), 1, -1), x], 1))
        taps = []
        for k, block in enumerate(self.transformer.resblocks):
            x = block(x)
            if k + 1 in TAPS:
                taps.append(x[:, 1:])
            if taps_only and len(taps) == len(TAPS):
                return None, taps
        return self.ln_post(x) @ self.proj, taps


class Clip(nn.Module):
    """The text tower's token table has only the rows of `vocabulary`: those of the captions. `full_state` puts them into CLIP's table."""

    def __init__(self, vocabulary):
        super().__init__()
        w = TEXT["width"]
        self.visual = Visual()
        self.transformer = tower(w, TEXT["layers"], TEXT["heads"])
        self.token_embedding = nn.Embedding(len(vocabulary), w)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.positional_embedding = nn.Parameter(torch.randn(TEXT["context_length"], w) * 0.01)
        self.ln_final = nn.LayerNorm(w)
        self.text_projection = nn.Parameter(torch.randn(w, EMBED) * w ** -0.5)
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())
        self.vocabulary = vocabulary

    def encode_text(self, rows, ends):
        """rows [B, n] of indices into the vocabulary, ends [B] the places of the end token. Gives [B, d]."""
        n = rows.shape[1]
        x = self.token_embedding(rows) + self.positional_embedding[:n]
        mask = torch.full((n, n), float("-inf")).triu(1)
        for block in self.transformer.resblocks:
            x = block(x, mask)
        return self.ln_final(x)[torch.arange(len(rows)), ends] @ self.text_projection

    def full_state(self, state):
        """The state with CLIP's whole token table: words that no caption has keep small random rows."""
        table = torch.randn(VOCABULARY, TEXT["width"], generator=torch.Generator().manual_seed(0)) * 0.02
        table[torch.tensor(self.vocabulary)] = state["token_embedding.weight"]
        return {**state, "token_embedding.weight": table}

    def load_full_state(self, state):
        """What `full_state` gave."""
        self.load_state_dict({**state, "token_embedding.weight": state["token_embedding.weight"][torch.tensor(self.vocabulary)]})


def to_patches(images):
    """[B, h, w, 3] floats in 0..1 to normalised patches [B, n, 3 p p]."""
    b, h, w, _ = images.shape
    x = ((images - MEAN) / STD).view(b, h // PATCH, PATCH, w // PATCH, PATCH, 3)
    return x.permute(0, 1, 3, 5, 2, 4).reshape(b, (h // PATCH) * (w // PATCH), -1)
