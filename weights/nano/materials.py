"""Materials. A material is drawn from a seed once (its class) and then painted anew for every image: same statistics, other noise."""
import numpy as np

from fields import FINE, ROUGH, SIZE, SMOOTH, hash01, noise, spectrum, step

COLOURS = {
    "white": (0.9, 0.9, 0.88), "grey": (0.55, 0.56, 0.57), "dark grey": (0.28, 0.28, 0.3), "black": (0.1, 0.1, 0.11), "red": (0.75, 0.13, 0.13),
    "orange": (0.88, 0.5, 0.12), "yellow": (0.88, 0.78, 0.2), "green": (0.16, 0.5, 0.24), "light green": (0.55, 0.75, 0.42), "blue": (0.16, 0.3, 0.66),
    "light blue": (0.5, 0.68, 0.85), "purple": (0.45, 0.22, 0.55), "pink": (0.88, 0.55, 0.62), "brown": (0.42, 0.27, 0.15), "beige": (0.82, 0.72, 0.55),
    "golden": (0.72, 0.58, 0.28), "silver": (0.72, 0.73, 0.75), "copper": (0.7, 0.42, 0.28),
}


def pick_colour(rng):
    name = rng.choice(list(COLOURS))
    return name, np.clip(np.array(COLOURS[name], np.float32) + rng.normal(0, 0.04, 3).astype(np.float32), 0.04, 0.96)


class Material:
    """Colour and height over a plane; `paint` gives both for an image's coordinates."""

    def __init__(self, rng):
        self.seed = int(rng.integers(1 << 30))
        self.kind = str(rng.choice(KINDS))
        self.colour_name, self.colour = pick_colour(rng)
        # The second colour is near the first as often as not.
        self.second = pick_colour(rng)[1] if rng.random() < 0.45 else np.clip(self.colour * rng.uniform(0.55, 1.35), 0.03, 0.97).astype(np.float32)
        self.period = float(rng.uniform(6, 26))
        self.angle = float(rng.uniform(0, np.pi)) if rng.random() < 0.5 else float(rng.choice([0, np.pi / 2]))
        self.contrast = float(rng.uniform(0.3, 1))
        self.relief = float(rng.uniform(0, 1.2))
        self.shine = float(rng.uniform(0, 0.5)) * (rng.random() < 0.5)
        self.a, self.b = (float(x) for x in rng.random(2))
        self.grain = float(rng.uniform(0.005, 0.05))
        self.clouds = float(rng.uniform(0, 0.08))
        self.warp = float(rng.uniform(0, 0.5)) * (rng.random() < 0.6)
        self.brush = spectrum(0.9, self.angle, float(rng.uniform(5, 30)))
        self.wild = spectrum(float(rng.uniform(0.6, 1.8)), self.angle, float(rng.uniform(1, 4)), low=float(rng.uniform(0, 8)))

    def paint(self, rng, u, v):
        """Colour [3, ...] and height [...] in pixels at (u, v). `rng` draws what differs from image to image."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        p, q = (c * u + s * v) / self.period, (-s * u + c * v) / self.period
        if self.warp:
            p = p + self.warp * noise(rng, SMOOTH)
        mix, height, tint = getattr(self, "_" + self.kind)(rng, p, q)
        mix = np.clip(mix, 0, 1) * self.contrast
        colour = self.colour[:, None, None] * (1 - mix) + self.second[:, None, None] * mix
        tint = tint * (1 + self.grain * noise(rng, ROUGH if self.a < 0.5 else FINE) + self.clouds * noise(rng, SMOOTH))
        return colour * tint, height * self.relief

    def _plain(self, rng, p, q):
        return np.zeros_like(p), np.zeros_like(p), 1.0

    def _granular(self, rng, p, q):
        n = noise(rng, self.wild)
        return 0.5 + 0.35 * n, n * 0.8, 1.0

    def _speckled(self, rng, p, q):
        n = noise(rng, spectrum(0.9, low=10))
        spots = np.clip((n - 1.0 - self.a) * 3, 0, 1)
        return spots, spots, 1 + 0.03 * n

    def _brushed(self, rng, p, q):
        n = noise(rng, self.brush)
        return 0.3 + 0.3 * n, n * 0.3, 1 + 0.05 * n

    def _striped(self, rng, p, q):
        w = np.sin(2 * np.pi * q)
        return np.clip(0.5 + (0.5 + 4 * self.a) * (w + self.b - 0.5), 0, 1), w * 2 * self.b, 1.0

    def _woven(self, rng, p, q):
        phase = rng.random(2).astype(np.float32) * 16
        s, t = p * 2 + phase[0], q * 2 + phase[1]
        i, j = np.floor(s), np.floor(t)
        x, y = 2 * (s - i) - 1, 2 * (t - j) - 1
        n = 2 + int(self.a * 3)
        on_top = ((i - j * (1 if self.b < 0.5 else 2)) % n) < max(1, n // 2)
        round_ = np.where(on_top, 1 - 0.5 * x ** 4, 1 - 0.5 * y ** 4) * np.where(on_top, 1 - 0.15 * y * y, 1 - 0.15 * x * x)
        tint = 0.95 + 0.1 * hash01(self.seed + rng.integers(1 << 20), np.where(on_top, i, j + 5000))
        return on_top.astype(np.float32), round_ * 2, round_ * tint

    def _tiled(self, rng, p, q):
        rows = np.floor(q / 1.5)
        shift = 0.5 * self.b * (rows % 2) if self.b > 0.5 else 0
        s, t = p / 2 + shift, q / 1.5
        i, j = np.floor(s), np.floor(t)
        edge = np.minimum(np.minimum(s - i, 1 - (s - i)) * 2, np.minimum(t - j, 1 - (t - j)) * 1.5) * self.period
        joint = 1 - np.clip(edge / (1 + 2 * self.a), 0, 1)
        return joint, -2 * joint, 0.96 + 0.08 * hash01(self.seed + rng.integers(1 << 20), i, j)

    def _dotted(self, rng, p, q):
        row = np.floor(q)
        x, y = p - np.floor(p + 0.5 * (row % 2)) + 0.5 * (row % 2) - 0.5, q - row - 0.5
        d = np.hypot(x, y) * self.period - self.period * (0.15 + 0.22 * self.a)
        inside = step(d, 1.5)
        return inside, inside * 3 * (self.b - 0.3), 1.0

    def _meshed(self, rng, p, q):
        hole = np.clip((np.abs(np.sin(np.pi * p)) * np.abs(np.sin(np.pi * q)) - 0.25 - 0.3 * self.a) * 6, 0, 1)
        return hole, -2 * hole, 1 - 0.5 * hole

    def _wooden(self, rng, p, q):
        n = noise(rng, SMOOTH) * (0.3 + self.a)
        rings = 0.5 + 0.5 * np.sin(2 * np.pi * (q * 0.8 + n))
        fibre = noise(rng, self.brush)
        return rings ** (1 + 3 * self.b), rings, 1 + 0.06 * fibre

    def _marbled(self, rng, p, q):
        n = noise(rng, spectrum(1.7))
        vein = np.exp(-np.abs(n) * (3 + 6 * self.a))
        return vein, 0 * n, 1 + 0.05 * noise(rng, SMOOTH)

    def _cellular(self, rng, p, q):
        phase = rng.random(2) * 64
        s, t = p + phase[0], q + phase[1]
        i, j = np.floor(s), np.floor(t)
        first, second = np.full(s.shape, 9.0, np.float32), np.full(s.shape, 9.0, np.float32)
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                x = i + di + hash01(self.seed, i + di, j + dj) - s
                y = j + dj + hash01(self.seed + 7, i + di, j + dj) - t
                d = x * x + y * y
                second = np.minimum(second, np.maximum(first, d))
                first = np.minimum(first, d)
        edge = np.sqrt(second) - np.sqrt(first)
        crease = 1 - np.clip(edge * (2 + 4 * self.a), 0, 1)
        return crease, -2 * crease, 1.0

    def _turned(self, rng, p, q):
        r = np.hypot(p, q) * self.period / 3
        line = np.interp(r.ravel(), np.arange(128), hash01(self.seed, np.arange(128))).reshape(r.shape).astype(np.float32)
        return line * 0.6, line * 0.8, 1 + 0.12 * np.cos(2 * np.arctan2(q, p) + 6 * self.a)

    def _ridged(self, rng, p, q):
        """Slanted round ridges with a highlight: threads, springs, rollers."""
        t = q * self.period / (20 + 45 * self.a)
        t = t - np.floor(t)
        bulge = np.sin(np.pi * t) ** (0.5 + self.b)
        light = np.exp(-((t - 0.35 - 0.2 * self.b) / 0.12) ** 2)
        stain = np.clip(noise(rng, spectrum(1.9, self.angle, 3)) - 1.2, 0, 1) * 0.25
        return 0.2 + stain, np.zeros_like(t), (0.35 + 0.65 * bulge + 0.7 * light) * (1 + 0.05 * noise(rng, self.brush)) * (1 - stain)

    def _fibrous(self, rng, p, q):
        a, b = noise(rng, spectrum(0.5, self.angle + 0.6, 12, low=6)), noise(rng, spectrum(0.5, self.angle - 0.6, 12, low=6))
        n = np.maximum(a, b)
        return 0.4 + 0.25 * n, n, 1 + 0.08 * n


KINDS = [name[1:] for name in vars(Material) if name.startswith("_") and not name.startswith("__")]
NAMES = {
    "plain": ["plain", "smooth"], "granular": ["grainy", "rough"], "speckled": ["speckled", "granite"], "brushed": ["brushed metal", "brushed"],
    "striped": ["striped"], "woven": ["woven", "fabric", "cloth"], "tiled": ["tiled", "brick"], "dotted": ["dotted", "studded"], "meshed": ["mesh", "perforated"],
    "wooden": ["wooden", "wood"], "marbled": ["marble", "veined"], "cellular": ["leather", "cracked"], "turned": ["turned metal", "grooved"],
    "ridged": ["threaded", "ridged"], "fibrous": ["fibre", "felt"],
}
