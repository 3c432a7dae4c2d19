"""Noise and shapes: the fields that everything drawn here is made of. A field is a float32 array [S, S]."""
import numpy as np

SIZE = 240  # pixels along a side, that of the model


def grid(size=SIZE):
    """Pixel coordinates (x, y) from the centre of the image."""
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    return np.broadcast_to(axis, (size, size)), np.broadcast_to(axis[:, None], (size, size))


def spectrum(beta, angle=0.0, stretch=1.0, low=0.0, size=SIZE):
    """Amplitudes of noise that falls with frequency^-beta, longer by `stretch` along `angle`, without what is below `low` cycles per image."""
    fy = np.fft.fftfreq(size).astype(np.float32)[:, None] * size
    fx = np.fft.rfftfreq(size).astype(np.float32)[None] * size
    along, across = fx * np.cos(angle) + fy * np.sin(angle), -fx * np.sin(angle) + fy * np.cos(angle)
    f = np.sqrt((along * stretch) ** 2 + across ** 2)
    amplitude = (f + 1.0) ** -beta
    amplitude[f < low] = 0
    amplitude[0, 0] = 0
    return amplitude.astype(np.float32)


def noise(rng, amplitude):
    """A field of noise with these amplitudes, mean 0 and deviation 1. It wraps around."""
    size = amplitude.shape[0]
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32)) * amplitude, s=(size, size)).astype(np.float32)
    return field / (field.std() + 1e-6)


SMOOTH = spectrum(2.2)      # clouds, a few across the image
ROUGH = spectrum(1.0)       # grain of all sizes
FINE = spectrum(0.4, low=12)  # fine grain only


def hash01(seed, i, j=0):
    """A number in [0, 1) for each pair of integers, the same for the same seed: tints of tiles, of threads."""
    n = np.asarray(i).astype(np.int64) * 374761393 + np.asarray(j).astype(np.int64) * 668265263 + int(seed) * 69069
    n = (n ^ (n >> 13)) * 1274126177
    return ((n ^ (n >> 16)) & 0xFFFF).astype(np.float32) / 65536


def step(distance, width=1.0):
    """1 inside (negative distance), 0 outside, with an edge of `width` pixels."""
    return np.clip(0.5 - distance / width, 0, 1)


# Signed distances to shapes around the origin; r is a radius in pixels, a and b are free parameters in [0, 1].
def disc(u, v, r, a, b):
    return np.hypot(u, v) - r


def ellipse(u, v, r, a, b):
    k = 0.55 + 0.4 * a
    return (np.hypot(u, v / k) - r) * (0.5 + 0.5 * k)


def box(u, v, r, a, b):
    w, h, corner = r * 0.85, r * (0.35 + 0.5 * a), r * 0.3 * b
    x, y = np.abs(u) - w + corner, np.abs(v) - h + corner
    return np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0) - corner


def bar(u, v, r, a, b):
    half = r * 0.9
    x = np.maximum(np.abs(u) - half, 0)
    return np.hypot(x, v) - r * (0.1 + 0.2 * a)


def polygon(u, v, r, a, b):
    n = 3 + int(a * 5.99)
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    sector = 2 * np.pi / n
    return radius * np.cos((angle + sector / 2) % sector - sector / 2) - r * 0.85


def star(u, v, r, a, b):
    n, depth = 4 + int(a * 4.99), 0.2 + 0.3 * b
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    return (radius - r * (1 - depth + depth * np.cos(n * angle))) * 0.7


def gear(u, v, r, a, b):
    n = 8 + int(a * 16)
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    return (radius - r * (0.92 + 0.08 * np.clip(3 * np.cos(n * angle), -1, 1))) * 0.8


def ring(u, v, r, a, b):
    return np.abs(np.hypot(u, v) - r * 0.8) - r * (0.08 + 0.18 * a)


def cross(u, v, r, a, b):
    w = r * (0.18 + 0.2 * a)
    x, y = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(x - r * 0.9, y - w), np.maximum(x - w, y - r * 0.9))


def drop(u, v, r, a, b):
    angle, radius = np.arctan2(v, u), np.hypot(u, v)
    return radius - r * (0.8 + 0.2 * np.clip(np.cos(angle), 0, 1) ** (4 + 6 * a))


SHAPES = {
    "disc": disc, "oval": ellipse, "block": box, "bar": bar, "polygon": polygon, "star": star, "gear": gear, "ring": ring, "cross": cross, "drop": drop,
}


def soft(field, passes=1):
    """A small blur: 3 x 3 binomial."""
    for _ in range(passes):
        for axis in (-2, -1):
            field = 0.5 * field + 0.25 * (np.roll(field, 1, axis) + np.roll(field, -1, axis))
    return field


def polyline(points, u, v):
    """Distance of every pixel to a line through the points [n, 2]."""
    best = np.full(u.shape, 1e9, np.float32)
    for (x0, y0), (x1, y1) in zip(points[:-1], points[1:]):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((u - x0) * dx + (v - y0) * dy) / (dx * dx + dy * dy + 1e-6), 0, 1)
        best = np.minimum(best, (u - x0 - t * dx) ** 2 + (v - y0 - t * dy) ** 2)
    return np.sqrt(best)
