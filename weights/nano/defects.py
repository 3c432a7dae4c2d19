"""Defects. Surface defects change colour and height after everything is in its place; structural ones change the parts before they are painted."""
from dataclasses import replace

import numpy as np

from fields import SIZE, SMOOTH, grid, noise, polyline, soft, spectrum, step
from materials import Material, pick_colour

X, Y = grid()
BLOB = spectrum(1.6)


def _place(rng, region, margin=8):
    """A random pixel of the region, as coordinates from the centre."""
    ys, xs = np.nonzero(region[margin:-margin, margin:-margin])
    if len(ys) == 0:
        return rng.uniform(-80, 80, 2)
    k = rng.integers(len(ys))
    return np.array([xs[k], ys[k]], np.float32) + margin - (SIZE - 1) / 2


def _size(rng, low, high):
    """Small sizes are as likely as large ones."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _curve(rng, start, length, bend):
    angle, points = rng.uniform(0, 2 * np.pi), [start]
    for _ in range(int(rng.integers(2, 6))):
        angle += rng.normal(0, bend)
        points.append(points[-1] + length / 4 * np.array([np.cos(angle), np.sin(angle)]))
    return np.array(points, np.float32)


def _blob(rng, region, low, high, rough=0.35):
    """An irregular spot: signed distance in pixels, and its radius."""
    x, y = _place(rng, region)
    r, k, t = _size(rng, low, high), rng.uniform(0.5, 1), rng.uniform(0, np.pi)
    p, q = np.cos(t) * (X - x) + np.sin(t) * (Y - y), (-np.sin(t) * (X - x) + np.cos(t) * (Y - y)) / k
    return (np.hypot(p, q) - r * (1 + rough * rng.random() * noise(rng, BLOB))).astype(np.float32), r


def _mix(colour, alpha, other):
    return colour + alpha * (other - colour)


def _ink(rng):
    return pick_colour(rng)[1][:, None, None]


def scratch(rng, colour, height, region, product):
    d = polyline(_curve(rng, _place(rng, region), _size(rng, 18, 140), 0.25), X, Y)
    alpha = step(d - _size(rng, 0.5, 2.0), 1.5)
    tone = rng.uniform(0.2, 0.65) if rng.random() < 0.6 else rng.uniform(1.35, 1.9)
    return _mix(colour, alpha * rng.uniform(0.5, 1), np.clip(colour * tone + (tone > 1) * 0.15, 0, 1)), height - 2 * alpha, alpha > 0.3


def crack(rng, colour, height, region, product):
    points = _curve(rng, _place(rng, region), _size(rng, 25, 150), 0.9)
    d = polyline(points, X, Y)
    if rng.random() < 0.5:
        d = np.minimum(d, polyline(_curve(rng, points[len(points) // 2], _size(rng, 15, 60), 0.9), X, Y))
    alpha = step(d + 0.6 * noise(rng, BLOB) - _size(rng, 0.6, 2.2), 1.5)
    return _mix(colour, alpha * rng.uniform(0.6, 1), colour * 0.2), height - 3 * alpha, alpha > 0.3


def stain(rng, colour, height, region, product):
    d, r = _blob(rng, region, 5, 40)
    alpha = step(d, rng.uniform(1.5, 2 + r / 2)) * rng.uniform(0.3, 0.85)
    return _mix(colour, alpha, colour * (0.3 + 0.7 * _ink(rng))), height, alpha > 0.1


def spot(rng, colour, height, region, product):
    """Ink, paint, glue: opaque, of another colour, one or several."""
    ink, alpha = _ink(rng), np.zeros((SIZE, SIZE), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        alpha = np.maximum(alpha, step(_blob(rng, region, 2.5, 16)[0], 1.5))
    return _mix(colour, alpha * rng.uniform(0.6, 1), ink), height + rng.uniform(0, 2) * alpha, alpha > 0.3


def pits(rng, colour, height, region, product):
    """A patch of small holes: corrosion, pitting, pores."""
    d, r = _blob(rng, region, 4, 24)
    pores = np.clip((noise(rng, spectrum(0.6, low=int(rng.integers(14, 40)))) - rng.uniform(-0.2, 0.8)) * 3, 0, 1) * step(d, 3)
    return _mix(colour, pores * rng.uniform(0.4, 0.9), colour * rng.uniform(0.15, 0.5)), height - 4 * pores, soft(pores, 2) > 0.15


def hole(rng, colour, height, region, product):
    d, r = _blob(rng, region, 2.5, 16, 0.25)
    alpha, rim = step(d, 1.5), step(np.abs(d + 0) - 1.2, 1.5)
    dark = rng.uniform(0.02, 0.25)
    return _mix(_mix(colour, rim * rng.uniform(0, 0.6), np.clip(colour * 1.5 + 0.1, 0, 1)), alpha, np.full_like(colour, dark)), height - 5 * alpha, (alpha > 0.3) | (rim > 0.5)


def dent(rng, colour, height, region, product):
    d, r = _blob(rng, region, 7, 28, 0.15)
    bump = np.exp(-np.maximum(d + r, 0) ** 2 / (0.6 * r * r))
    lit = np.gradient(bump, axis=1) * np.cos(product.light) + np.gradient(bump, axis=0) * np.sin(product.light)
    return np.clip(colour * (1 + lit * r * rng.uniform(0.3, 0.9) * rng.choice([-1, 1])), 0, 1.2), height, bump > 0.25


def bright(rng, colour, height, region, product):
    """Worn, burnt or bleached."""
    d, r = _blob(rng, region, 6, 32)
    alpha = step(d, 1 + r / 3)
    return np.clip(colour * (1 + alpha * rng.choice([rng.uniform(0.25, 0.7), -rng.uniform(0.25, 0.6)])), 0, 1.1), height, alpha > 0.15


def pasted(rng, colour, height, region, product):
    """A piece of the image somewhere else: a wrong feature of the right material."""
    d, r = _blob(rng, region, 7, 32, 0.2)
    turned = int(rng.integers(4))
    shift = rng.integers(40, SIZE - 40, 2)
    alpha = step(d, 1.5)
    other, relief = (np.roll(np.rot90(f, turned, (-2, -1)), shift, (-2, -1)) for f in (colour, height))
    return _mix(colour, alpha, other), _mix(height, alpha, relief), alpha > 0.3


def foreign(rng, colour, height, region, product):
    """Another material: contamination, a patch, a torn place that shows what is below."""
    d, r = _blob(rng, region, 5, 30)
    paint, relief = Material(rng).paint(rng, X - 3, Y + 5)
    alpha = step(d, 1.5)
    return _mix(colour, alpha * rng.uniform(0.5, 1), np.broadcast_to(paint, colour.shape)), _mix(height, alpha, relief + 1), alpha > 0.3


def fibre(rng, colour, height, region, product):
    d = polyline(_curve(rng, _place(rng, region), _size(rng, 30, 120), 0.6), X, Y)
    alpha = step(d - rng.uniform(0.6, 1.6), 1.2)
    shadow = step(np.roll(d, (2, 2), (0, 1)) - 1.5, 2) * 0.3
    return _mix(colour * (1 - shadow), alpha, _ink(rng)), height + 2 * alpha, alpha > 0.3


def smear(rng, colour, height, region, product):
    """The texture is lost: polished, melted, blurred."""
    d, r = _blob(rng, region, 8, 34, 0.2)
    alpha = step(d, 3)
    return _mix(colour, alpha, soft(colour, 12)), _mix(height, alpha, soft(height, 12)), alpha > 0.2


def warp(rng, colour, height, region, product):
    """The texture is pulled or pushed: a bent thread, a wrinkle."""
    d, r = _blob(rng, region, 10, 34, 0.1)
    weight = np.exp(-np.maximum(d + r, 0) ** 2 / (r * r))
    angle, pull = rng.uniform(0, 2 * np.pi), rng.uniform(4, 12)
    x = np.clip(np.rint(X + (SIZE - 1) / 2 + weight * pull * np.cos(angle)), 0, SIZE - 1).astype(np.int32)
    y = np.clip(np.rint(Y + (SIZE - 1) / 2 + weight * pull * np.sin(angle)), 0, SIZE - 1).astype(np.int32)
    return colour[:, y, x], height[y, x], weight > 0.3


def rust(rng, colour, height, region, product):
    """Speckles of another colour in a cloud."""
    d, r = _blob(rng, region, 8, 40)
    n = np.clip((noise(rng, spectrum(0.8, low=8)) - rng.uniform(0, 1)) * 2, 0, 1) * step(d, r / 2)
    return _mix(colour, n * rng.uniform(0.4, 0.9), _ink(rng)), height + n, soft(n, 2) > 0.12


# Structural defects: (rng, product, parts, u, v) to (parts, mask); (None, None) where the product has no such part.
def _candidates(parts):
    return [k for k, part in enumerate(parts) if part.radius < 60]


def _change(rng, parts, u, v, change, both):
    choices = _candidates(parts)
    if not choices:
        return None, None
    k = choices[rng.integers(len(choices))]
    new = change(parts[k])
    mask = parts[k].distance(u, v)[0] < 0.5
    if both:
        after = new.distance(u, v)[0] < 0.5
        mask = mask ^ after if both == "difference" else mask | after
    return parts[:k] + [new] + parts[k + 1:], mask


def missing(rng, product, parts, u, v):
    return _change(rng, parts, u, v, lambda part: replace(part, missing=True), None)


def displaced(rng, product, parts, u, v):
    t, d = rng.uniform(0, 2 * np.pi), _size(rng, 8, 40)
    return _change(rng, parts, u, v, lambda part: replace(part, x=part.x + d * np.cos(t), y=part.y + d * np.sin(t)), "union")


def turned(rng, product, parts, u, v):
    return _change(rng, parts, u, v, lambda part: replace(part, turn=part.turn + rng.uniform(0.4, 2.7)), "difference")


def wrong(rng, product, parts, u, v):
    return _change(rng, parts, u, v, lambda part: replace(part, material=Material(rng)), None)


def deformed(rng, product, parts, u, v):
    return _change(rng, parts, u, v, lambda part: replace(part, radius=part.radius * rng.choice([rng.uniform(0.5, 0.8), rng.uniform(1.25, 1.6)])), "difference")


def extra(rng, product, parts, u, v):
    choices = _candidates(parts)
    if not choices:
        return None, None
    new = replace(parts[choices[rng.integers(len(choices))]], x=float(rng.uniform(-80, 80)), y=float(rng.uniform(-80, 80)))
    return parts + [new], new.distance(u, v)[0] < 0.5


SURFACE = {f.__name__: f for f in (scratch, crack, stain, spot, pits, hole, dent, bright, pasted, foreign, fibre, smear, warp, rust)}
STRUCTURAL = {f.__name__: f for f in (missing, displaced, turned, wrong, deformed, extra)}
KINDS = [*SURFACE, *STRUCTURAL]
WORDS = {
    "scratch": ["a scratch", "scratches", "a scratched surface"], "crack": ["a crack", "cracks"], "stain": ["a stain", "dirt", "contamination"],
    "spot": ["an ink spot", "a paint spot", "colour spots"], "pits": ["pitting", "corrosion", "pores"], "hole": ["a hole"], "dent": ["a dent", "a bump"],
    "bright": ["a worn area", "discolouration"], "pasted": ["a wrong pattern", "a misprint"], "foreign": ["a foreign body", "contamination", "a patch"],
    "fibre": ["a thread on it", "a hair", "a fibre"], "smear": ["a smear", "a blurred area"], "warp": ["a distortion", "a fold", "a bent area"], "rust": ["rust", "mould"],
    "missing": ["a missing part"], "displaced": ["a misplaced part"], "turned": ["a rotated part"], "wrong": ["a wrong part"], "deformed": ["a deformed part"],
    "extra": ["an extra part"],
}
