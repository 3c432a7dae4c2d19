"""Training batches, episodes: for some products a few normal images to remember, and others, normal and defective, to judge."""
import numpy as np
import torch

from captions import caption
from dataset import NORMAL, PATCH
from descriptors import Descriptors
from fields import SIZE
from model import GRID, to_patches

SHOTS, GOOD, BAD = 2, 1, 3  # images of a product in a batch: remembered, normal to judge, defective to judge
JUDGED = GOOD + BAD


class Batches:
    def __init__(self, shards, tokenizer, seed):
        self.shards, self.tokenizer, self.rng = shards, tokenizer, np.random.default_rng(seed)
        self.describe = Descriptors(torch.from_numpy(shards.pixels[:200, 0]).float() / 255)
        words = {t for product, names in zip(shards.products, shards.defects) for name in {None, *names} for _ in range(60)
                 for t in tokenizer(caption(self.rng, product, name))}
        self.vocabulary = sorted(words)
        self.index = {t: k for k, t in enumerate(self.vocabulary)}

    def tokens(self, texts):
        """Rows of vocabulary indices [B, n], padded, and where each ends."""
        rows = [[self.index[t] for t in self.tokenizer(text) if t in self.index] for text in texts]
        width = max(len(r) for r in rows)
        return torch.tensor([r + [0] * (width - len(r)) for r in rows]), torch.tensor([len(r) - 1 for r in rows])

    def next(self, products, side, margin):
        """Episodes: queries are windows of `side` patches, what is remembered are windows larger by `margin` on every side, where the image has them.
        Gives remembered (per product: patches [SHOTS, n, 3 p p], places, descriptors), judged (the same with [products * JUDGED, side^2, ...]), covered
        [products, GOOD + BAD, side^2] in pixels, whether each judged image shows a defect, its caption, and a caption of either state per product."""
        remembered, judged, covered, texts, good, bad = [], [], [], [], [], []
        for k in self.rng.choice(len(self.shards.products), products, replace=False):
            product = self.shards.products[k]
            bank, query, cover, names = self._episode(int(k), product, side, margin)
            remembered.append(bank)
            judged.append(query)
            covered.append(cover)
            texts += [caption(self.rng, product, n) for n in names]
            good.append(caption(self.rng, product, None))
            bad.append(caption(self.rng, product, names[-1]))
        return remembered, tuple(torch.cat(x) for x in zip(*judged)), torch.stack(covered), self.tokens(texts), self.tokens(good + bad)

    def _episode(self, k, product, side, margin):
        rng, shards = self.rng, self.shards
        normal = rng.permutation(NORMAL)[:SHOTS + GOOD]
        chosen = np.concatenate([normal[SHOTS:], NORMAL + rng.permutation(shards.pixels.shape[1] - NORMAL)[:BAD]])
        covered = shards.covered[k, chosen]
        y, x = self._window(covered, side)
        # Parts of a product that is turned freely may be anywhere: then everything is remembered.
        wide = GRID if product.free_turn else min(GRID, side + 2 * margin)
        top, left = (int(np.clip(c - (wide - side) // 2, 0, GRID - wide)) for c in (y, x))
        covered = covered[:, y:y + side, x:x + side]
        # What a window does not show is no defect of it.
        names = [None if c.sum() < 20 else shards.defects[k][i] for i, c in zip(chosen, covered)]
        change = self._change()
        turns, flip = int(rng.integers(4)), rng.random() < 0.5
        bank = self._cut(k, normal[:SHOTS], top, left, wide, turns, flip, change)
        query = self._cut(k, chosen, y, x, side, turns, flip, change)
        covered = np.rot90(covered, turns, (1, 2))
        covered = covered[:, :, ::-1] if flip else covered
        return bank, query, torch.from_numpy(np.ascontiguousarray(covered)).flatten(1).int(), names

    def _cut(self, k, images, y, x, side, turns, flip, change):
        """Patches of the windows, their places in the grid and their descriptors. Pixels turn, places do not: the model shall not mind."""
        pixels = self.shards.pixels[k, images, y * PATCH:(y + side) * PATCH, x * PATCH:(x + side) * PATCH]
        pixels = np.rot90(pixels, turns, (1, 2))
        pixels = pixels[:, :, ::-1] if flip else pixels
        at = ((y + torch.arange(side))[:, None] * GRID + x + torch.arange(side)).flatten()
        pixels = change(torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255)
        return to_patches(pixels), at.expand(len(images), -1), self.describe(pixels)

    def _window(self, covered, side):
        """A window of `side` patches that shows a defect more often than chance would."""
        rng, room = self.rng, GRID - side + 1
        if rng.random() < 0.85:
            ys, xs = np.nonzero(covered[GOOD:].max(0) >= 20)
            if len(ys):
                i = rng.integers(len(ys))
                return tuple(int(np.clip(c - rng.integers(side), 0, room - 1)) for c in (ys[i], xs[i]))
        return int(rng.integers(room)), int(rng.integers(room))

    def _change(self):
        """One change of colours for all images of a product, and a little of its own for each."""
        rng = self.rng
        order = torch.from_numpy(rng.permutation(3)) if rng.random() < 0.5 else None
        gain = torch.from_numpy(rng.uniform(0.7, 1.25, 3).astype(np.float32)) if rng.random() < 0.5 else None
        power, grey = float(np.exp(rng.normal(0, 0.25))), float(rng.uniform(0.3, 1)) if rng.random() < 0.3 else 0

        def apply(images):
            if order is not None:
                images = images[..., order]
            if gain is not None:
                images = (images * gain).clamp(0, 1) ** power
            if grey:
                images = images + grey * (images.mean(-1, keepdim=True) - images)
            own = torch.from_numpy(np.exp(rng.normal(0, 0.04, (len(images), 1, 1, 1))).astype(np.float32))
            return (images * own).clamp(0, 1)
        return apply
