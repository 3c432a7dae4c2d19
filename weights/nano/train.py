"""Trains weights/nano from scratch: python3 train.py --cache CACHE --out nano.pt. See README.md for the exact command of the file in this folder."""
import argparse
import os
import time

import numpy as np
import torch

from batches import JUDGED, SHOTS, Batches
from dataset import Shards
from losses import COVERED, contrastive, defects, dense, distances, likeness, ranking
from model import GRID, IMAGE, TAPS, Clip, to_patches
from tokenizer import Tokenizer
from torch.nn.functional import normalize

WARMUP, WHOLE = 100, 0.8  # steps of warm-up; the part of the training after which images are whole instead of cut
REMEMBERED = 4              # shots of the validation


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--products", type=int, default=1900)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--side", type=int, default=6, help="patches along a side of a window")
    parser.add_argument("--margin", type=int, default=1, help="by how many patches remembered windows are larger on every side")
    parser.add_argument("--batch", type=int, default=12, help="products in a batch of windows")
    parser.add_argument("--batch-whole", type=int, default=3, help="products in a batch of whole images")
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", help="file of an earlier training to go on from")
    parser.add_argument("--likeness", type=float, default=5.0, help="weight of the likeness loss")
    return parser.parse_args()


def auroc(scores, labels):
    order = scores.argsort()
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    n = labels.sum()
    return (ranks[labels].sum() - n * (n + 1) / 2) / (n * (len(scores) - n))


@torch.no_grad()
def validate(model, shards):
    """Mean over products that training has not seen: patch and image AUROC of the memory map from 4 shots, whole images."""
    places, found = torch.arange(GRID * GRID).expand(13, -1), []
    for k in range(len(shards.products)):
        _, taps = model.visual(to_patches(torch.from_numpy(shards.pixels[k]).float() / 255), places)
        total = 0
        for tap in taps:
            unit = normalize(tap, dim=-1)
            total = total + (1 - (unit[REMEMBERED:] @ unit[:REMEMBERED].flatten(0, 1).T).max(-1).values) / 2
        scores, covered = total.numpy(), shards.covered[k, REMEMBERED:].reshape(len(total), -1)
        counts = (covered >= COVERED) | (covered == 0)
        found.append((auroc(scores[counts], covered[counts] > 0), auroc(scores.max(1), covered.max(1) > 0)))
    return np.mean(found, 0)


def remember(model, windows):
    """Patch tokens at the taps of each product's remembered windows; windows of one size pass together."""
    taps = [None] * len(windows)
    for n in sorted({w[0].shape[1] for w in windows}):
        same = [k for k, w in enumerate(windows) if w[0].shape[1] == n]
        _, found = model.visual(torch.cat([windows[k][0] for k in same]), torch.cat([windows[k][1] for k in same]), taps_only=True)
        for i, k in enumerate(same):
            taps[k] = [t[i * SHOTS:(i + 1) * SHOTS] for t in found]
    return taps


def losses(model, heads, batch, products, gain):
    remembered, (patches, places, words), covered, (rows, ends), (state_rows, state_ends) = batch
    banks = remember(model, remembered)
    embedded, taps = model.visual(patches, places)
    text = normalize(model.encode_text(rows, ends), dim=-1)
    states = normalize(model.encode_text(state_rows, state_ends), dim=-1)
    which = torch.arange(products).repeat_interleave(JUDGED)
    bad = (covered >= COVERED).any(-1).flatten()
    return {
        "likeness": likeness(banks, taps, ([w[2] for w in remembered], words), products),
        "memory": ranking(distances(banks, taps, products), covered),
        "defect": sum(defects(head(tap)[..., 0], covered.flatten(0, 1)) for head, tap in zip(heads, taps)) / len(taps),
        "clip": contrastive(normalize(embedded[:, 0], dim=-1), text, which, bad, model.logit_scale),
        "dense": dense(embedded[:, 1:], states[:products], states[products:], covered.flatten(0, 1), products, gain.exp()),
    }


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    batches = Batches(Shards(args.cache, 0, args.products), Tokenizer(), args.seed)
    held_out = Shards(args.cache, args.products, 50)
    held_out.products = held_out.products[:25]  # enough, and quick
    model = Clip(batches.vocabulary)
    if args.start:
        model.load_full_state(torch.load(args.start)["state_dict"])
    # Only for the training: linear readings of the taps, and the gain of the dense loss.
    heads = torch.nn.ModuleList([torch.nn.Sequential(torch.nn.LayerNorm(IMAGE["width"]), torch.nn.Linear(IMAGE["width"], 1)) for _ in TAPS])
    gain = torch.nn.Parameter(torch.tensor(2.0))
    matrices = [p for n, p in model.named_parameters() if p.ndim >= 2 and "embedding" not in n]
    others = [p for n, p in model.named_parameters() if not (p.ndim >= 2 and "embedding" not in n)] + [*heads.parameters(), gain]
    optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": args.decay}, {"params": others, "weight_decay": 0}], lr=args.rate, betas=(0.9, 0.98))
    average = {k: v.clone() for k, v in model.state_dict().items()}
    weights, start, sums = {"likeness": args.likeness, "memory": 0.5, "defect": 0.5, "clip": 0.2, "dense": 0.2}, time.time(), {}
    for step in range(args.steps):
        whole = step >= WHOLE * args.steps
        side, products = (GRID, args.batch_whole) if whole else (args.side, args.batch)
        rate = args.rate * min(1, (step + 1) / WARMUP) * (0.5 + 0.5 * np.cos(np.pi * step / args.steps)) + 1e-6
        for group in optimiser.param_groups:
            group["lr"] = rate
        parts = losses(model, heads, batches.next(products, side, args.margin), products, gain)
        loss = sum(weights[k] * v for k, v in parts.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        keep = min(0.99, (step + 1) / (step + 10))
        for k, v in model.state_dict().items():
            average[k].mul_(keep).add_(v, alpha=1 - keep)
        for k, v in parts.items():
            sums[k] = sums.get(k, 0) + v.item() / 50
        if (step + 1) % 50 == 0:
            print(step + 1, f"{time.time() - start:.0f}s", {k: round(v, 4) for k, v in sums.items()}, flush=True)
            sums = {}
        if (step + 1) % 500 == 0 or step + 1 == args.steps:
            save(args.out, model, average, step + 1, args)
            current = {k: v.clone() for k, v in model.state_dict().items()}
            model.load_state_dict(average)
            print("held out: patch, image AUROC", validate(model, held_out).round(4), flush=True)
            model.load_state_dict(current)


def save(path, model, average, step, args):
    torch.save({"state_dict": model.full_state(average), "step": step, "args": vars(args)}, path + ".part")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
