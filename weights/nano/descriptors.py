"""Plain image processing as a teacher: what of a patch's look is worth noticing. Statistics of colour, gradients and extremes per patch, their square roots
so that small things count, standardised over many products, and half of the mean over the 3 x 3 neighbouring patches beside them.

A memory bank of these alone finds more than one of random features. The model is taught to keep distances between patches like theirs, which it learns from every
pair of patches at once; what it finds beyond them it learns from the defects."""
import numpy as np
import torch
from torch.nn import functional as F

from dataset import PATCH

BRIGHTNESS = torch.tensor([0.299, 0.587, 0.114])
UNIT = 4.0  # a distance of descriptors that counts as far: about that between patches of different products


def raw(images):
    """[B, h, w, 3] in 0..1 to [B, gh, gw, f]."""
    b, h, w, _ = images.shape
    cells = lambda f: f.reshape(b, h // PATCH, PATCH, w // PATCH, PATCH, -1).permute(0, 1, 3, 2, 4, 5).reshape(b, h // PATCH, w // PATCH, PATCH * PATCH, -1)
    colour = cells(images)
    light = images @ BRIGHTNESS
    p = F.pad(light[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    dx, dy = p[:, 1:-1, 2:] - p[:, 1:-1, :-2], p[:, 2:, 1:-1] - p[:, :-2, 1:-1]
    magnitude = (dx * dx + dy * dy).sqrt()
    turn = ((torch.atan2(dy, dx) / (2 * np.pi) + 0.5) * 8).long().clamp(0, 7)
    histogram = torch.zeros(b, h, w, 8).scatter_(-1, turn[..., None], magnitude[..., None])
    laplace = (4 * light - p[:, 1:-1, 2:] - p[:, 1:-1, :-2] - p[:, 2:, 1:-1] - p[:, :-2, 1:-1]).abs()
    blurred = cells(F.avg_pool2d(images.permute(0, 3, 1, 2), 3, 1, 1, count_include_pad=False).permute(0, 2, 3, 1))
    mean, middle = colour.mean(3), blurred.mean(3)
    edges = cells(torch.cat([histogram, magnitude[..., None], laplace[..., None]], -1))
    found = torch.cat([mean, colour.std(3), edges.mean(3), blurred.amax(3) - middle, middle - blurred.amin(3), edges[..., 8].amax(3)[..., None]], -1)
    return found.clamp(min=0).sqrt()


class Descriptors:
    """Standardised by the images given, [B, S, S, 3] in 0..1."""

    def __init__(self, images):
        found = raw(images).flatten(0, 2)
        self.mean, self.scale = found.mean(0), 1 / (found.std(0) + 1e-3)

    def __call__(self, images):
        """[B, h, w, 3] to [B, patches, 2 f]."""
        own = ((raw(images) - self.mean) * self.scale).permute(0, 3, 1, 2)
        around = F.avg_pool2d(own, 3, 1, 1, count_include_pad=False)
        return torch.cat([own, 0.5 * around], 1).flatten(2).transpose(1, 2)
