"""Training batches: for some products a few normal images to remember, and others, normal and defective, to judge."""
import numpy as np
import torch

from captions import caption
from dataset import NORMAL, PATCH
from fields import SIZE
from model import GRID, to_patches

SHOTS, GOOD, BAD = 3, 1, 3  # images of a product in a batch: remembered, normal to judge, defective to judge
IMAGES = SHOTS + GOOD + BAD


class Batches:
    def __init__(self, shards, tokenizer, seed):
        self.shards, self.tokenizer, self.rng = shards, tokenizer, np.random.default_rng(seed)
        words = {t for product, names in zip(shards.products, shards.defects) for name in {None, *names} for _ in range(60)
                 for t in tokenizer(caption(self.rng, product, name))}
        self.vocabulary = sorted(words)
        self.index = {t: k for k, t in enumerate(self.vocabulary)}

    def tokens(self, texts):
        """Rows of vocabulary indices [B, n], padded, and where each ends."""
        rows = [[self.index[t] for t in self.tokenizer(text) if t in self.index] for text in texts]
        width = max(len(r) for r in rows)
        return torch.tensor([r + [0] * (width - len(r)) for r in rows]), torch.tensor([len(r) - 1 for r in rows])

    def next(self, products, side):
        """patches [products * IMAGES, side^2, ...], places, covered [products, IMAGES, side^2] in pixels, captions, and captions in two states."""
        patches, places, covered, texts, good, bad = [], [], [], [], [], []
        for k in self.rng.choice(len(self.shards.products), products, replace=False):
            p, c, at = self._product(int(k), side)
            patches.append(p)
            covered.append(c)
            places.append(at.expand(IMAGES, -1))
            product, names = self.shards.products[k], self.picked
            texts += [caption(self.rng, product, n) for n in names]
            good.append(caption(self.rng, product, None))
            bad.append(caption(self.rng, product, names[-1]))
        return torch.cat(patches), torch.cat(places), torch.stack(covered), self.tokens(texts), self.tokens(good + bad)

    def _product(self, k, side):
        rng, shards = self.rng, self.shards
        normal = rng.permutation(NORMAL)[:SHOTS + GOOD]
        bad = NORMAL + rng.permutation(shards.pixels.shape[1] - NORMAL)[:BAD]
        chosen = np.concatenate([normal, bad])
        covered = shards.covered[k, chosen]
        y, x = self._window(covered, side)
        pixels = shards.pixels[k, chosen, y * PATCH:(y + side) * PATCH, x * PATCH:(x + side) * PATCH]
        covered = covered[:, y:y + side, x:x + side]
        # What a crop does not show is no defect of it.
        self.picked = [None if c.sum() < 20 else shards.defects[k][i] for i, c in zip(chosen, covered)]
        turns, flip = int(rng.integers(4)), rng.random() < 0.5
        pixels, covered = np.rot90(pixels, turns, (1, 2)), np.rot90(covered, turns, (1, 2))
        if flip:
            pixels, covered = pixels[:, :, ::-1], covered[:, :, ::-1]
        images = self._colours(torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255)
        at = ((y + torch.arange(side))[:, None] * GRID + x + torch.arange(side)).flatten()
        return to_patches(images), torch.from_numpy(np.ascontiguousarray(covered)).flatten(1).int(), at

    def _window(self, covered, side):
        """A window of `side` patches that shows a defect more often than chance would."""
        rng, room = self.rng, GRID - side + 1
        if rng.random() < 0.8:
            ys, xs = np.nonzero(covered[SHOTS + GOOD:].max(0) >= 20)
            if len(ys):
                i = rng.integers(len(ys))
                return (int(np.clip(c - rng.integers(side), 0, room - 1)) for c in (ys[i], xs[i]))
        return int(rng.integers(room)), int(rng.integers(room))

    def _colours(self, images):
        """One change of colours for all images of a product, and a little of its own for each."""
        rng = self.rng
        if rng.random() < 0.5:
            images = images[..., torch.from_numpy(rng.permutation(3))]
        if rng.random() < 0.5:
            gain = torch.from_numpy(rng.uniform(0.7, 1.25, 3).astype(np.float32))
            images = (images * gain).clamp(0, 1) ** float(np.exp(rng.normal(0, 0.25)))
        if rng.random() < 0.3:
            grey, amount = images.mean(-1, keepdim=True), float(rng.uniform(0.3, 1))
            images = images + amount * (grey - images)
        own = torch.from_numpy(np.exp(rng.normal(0, 0.04, (len(images), 1, 1, 1))).astype(np.float32))
        return (images * own).clamp(0, 1)
