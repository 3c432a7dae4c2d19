"""The drawn images on disk, so that training need not wait for the painter: python3 dataset.py CACHE FIRST COUNT."""
import json
import os
import sys

import numpy as np

import defects
from fields import SIZE
from scenes import Product

NORMAL, DEFECTIVE = 6, 7  # images per product
IMAGES = NORMAL + DEFECTIVE
SEED = 20261125           # product k is drawn from SEED + k
PATCH = 16


def draw(product):
    """All images of a product: pixels [IMAGES, S, S, 3], masks, names of the defects."""
    rng = np.random.default_rng((product.seed, 99))
    images = [product.draw(k) for k in range(NORMAL)]
    k = 100
    while len(images) < IMAGES:
        image = product.draw(k, str(rng.choice(defects.KINDS)))
        k += 1
        if image is not None:
            images.append(image)
    return np.stack([i.pixels for i in images]), np.stack([i.mask for i in images]), [i.defect for i in images]


def build(cache, first, count):
    """Draws products first..first+count-1 into files of 50 products each; what is there already is kept."""
    os.makedirs(cache, exist_ok=True)
    for start in range(first, first + count, 50):
        path = os.path.join(cache, f"{start:06d}.npz")
        if os.path.exists(path):
            continue
        drawn = [draw(Product(SEED + k)) for k in range(start, start + 50)]
        with open(path + ".part", "wb") as file:
            np.savez(file, pixels=np.stack([d[0] for d in drawn]), masks=np.packbits(np.stack([d[1] for d in drawn]), axis=-1),
                     defects=json.dumps([d[2] for d in drawn]))
        os.replace(path + ".part", path)
        print(path, flush=True)


class Shards:
    """Products [first, first + count) from the cache, held in memory."""

    def __init__(self, cache, first, count):
        files = [np.load(os.path.join(cache, f"{start:06d}.npz")) for start in range(first, first + count, 50)]
        self.pixels = np.concatenate([f["pixels"] for f in files])
        masks = np.unpackbits(np.concatenate([f["masks"] for f in files]), axis=-1)
        n, k = masks.shape[:2]
        g = SIZE // PATCH
        # Defective pixels of each patch: all that training needs of a mask.
        self.covered = masks.reshape(n, k, g, PATCH, g, PATCH).sum((3, 5)).astype(np.int16)
        self.defects = [names for f in files for names in json.loads(str(f["defects"]))]
        self.products = [Product(SEED + first + i) for i in range(n)]


if __name__ == "__main__":
    build(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
