"""Products. A product is a class of images: a material, or parts on a background, drawn from a seed; its images differ as photographs of one product do."""
from dataclasses import dataclass, field

import numpy as np

import defects
from fields import SHAPES, SIZE, SMOOTH, grid, noise, soft, spectrum, step
from materials import Material, pick_colour

X, Y = grid()


@dataclass
class Part:
    """A shape of some material at a place of the product."""
    shape: str
    x: float
    y: float
    radius: float
    turn: float
    a: float
    b: float
    material: Material
    bevel: float
    shadow: float
    organic: float = 0.0  # how much its outline differs from image to image
    missing: bool = False

    def distance(self, u, v, wobble=None):
        """Signed distance in pixels at the product's coordinates, and the part's own coordinates."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        p, q = c * (u - self.x) + s * (v - self.y), -s * (u - self.x) + c * (v - self.y)
        d = SHAPES[self.shape](p, q, self.radius, self.a, self.b)
        if wobble is not None:
            angle = np.arctan2(q, p)
            for k, (size, phase) in enumerate(wobble):
                d = d + self.radius * size * np.cos((k + 1) * angle + phase)
        return d.astype(np.float32), p, q


@dataclass
class Image:
    """What was drawn: pixels [S, S, 3] uint8, mask [S, S] bool of the defect, and the words of its caption."""
    pixels: np.ndarray
    mask: np.ndarray
    defect: str | None
    words: dict = field(default_factory=dict)


class Product:
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.seed = seed
        self.background = Material(rng)
        self.layout = str(rng.choice(["texture", "object", "assembly"], p=[0.36, 0.34, 0.3]))
        self.parts = getattr(self, "_" + self.layout)(rng)
        self.free_turn = self.layout == "texture" and rng.random() < 0.3 or self.layout == "object" and rng.random() < 0.25
        self.turn = float(rng.uniform(0, 0.09))
        self.shift = float(rng.uniform(0, 9)) if self.layout != "texture" else 60.0
        self.zoom = float(rng.uniform(0, 0.04))
        self.light = float(rng.uniform(0, 2 * np.pi))
        self.light_strength = float(rng.uniform(0.3, 1.2))
        self.light_wander = float(rng.uniform(0, 0.5))
        self.uneven = float(rng.uniform(0, 0.18))
        self.exposure = float(rng.uniform(0.01, 0.12))
        self.tint = float(rng.uniform(0, 0.03))
        self.vignette = float(rng.uniform(0, 0.25)) * (rng.random() < 0.4)
        self.sensor = float(rng.uniform(0.002, 0.02))
        self.blur = int(rng.integers(0, 3))
        self.clutter = rng.random() < 0.15  # harmless dust everywhere: what is usual is no defect

    def _texture(self, rng):
        return []

    def _material(self, rng, like):
        return Material(rng) if rng.random() < 0.7 or not like else like[int(rng.integers(len(like)))]

    def _part(self, rng, x, y, radius, materials, organic=0.0):
        return Part(str(rng.choice(list(SHAPES))), float(x), float(y), float(radius), float(rng.uniform(0, 2 * np.pi)), float(rng.random()), float(rng.random()),
                    self._material(rng, materials), float(rng.uniform(0, 1)), float(rng.uniform(0, 0.6)) * (rng.random() < 0.7), organic)

    def _object(self, rng):
        organic = float(rng.uniform(0.02, 0.1)) if rng.random() < 0.3 else 0.0
        body = self._part(rng, *rng.uniform(-12, 12, 2), rng.uniform(55, 108), [], organic)
        parts, materials = [body], [body.material]
        count = int(rng.integers(0, 6))
        if count and rng.random() < 0.4:  # a ring of equal features: holes, bolts
            one = self._part(rng, 0, 0, rng.uniform(5, 14), materials)
            distance, n, first = body.radius * rng.uniform(0.35, 0.7), int(rng.integers(3, 9)), rng.uniform(0, 6.28)
            for k in range(n):
                t = first + 2 * np.pi * k / n
                parts.append(Part(one.shape, body.x + distance * np.cos(t), body.y + distance * np.sin(t), one.radius, t + one.turn, one.a, one.b, one.material,
                                  one.bevel, one.shadow))
        for _ in range(count):
            r = body.radius * rng.uniform(0.06, 0.55)
            t, d = rng.uniform(0, 6.28), rng.uniform(0, 0.5) * body.radius * (rng.random() < 0.6)
            parts.append(self._part(rng, body.x + d * np.cos(t), body.y + d * np.sin(t), r, materials, organic))
            materials.append(parts[-1].material)
        return parts

    def _assembly(self, rng):
        parts, materials = [], []
        if rng.random() < 0.6:
            board = Part("block", 0, 0, float(rng.uniform(105, 135)), 0.0 if rng.random() < 0.7 else float(rng.uniform(0, 1.6)), 0.9, float(rng.random() * 0.3),
                         Material(rng), float(rng.uniform(0, 1)), 0.4)
            parts.append(board)
        kinds = [self._part(rng, 0, 0, rng.uniform(6, 26), materials) for _ in range(int(rng.integers(1, 5)))]
        lattice = rng.random() < 0.3
        n = int(rng.integers(4, 16))
        for k in range(n):
            kind = kinds[int(rng.integers(len(kinds)))]
            side = int(np.ceil(np.sqrt(n)))
            x, y = ((k % side + 0.5) / side * 180 - 90, (k // side + 0.5) / side * 180 - 90) if lattice else rng.uniform(-92, 92, 2)
            parts.append(Part(kind.shape, float(x), float(y), kind.radius, kind.turn if lattice else float(rng.integers(4)) * np.pi / 2, kind.a, kind.b, kind.material,
                              kind.bevel, kind.shadow))
        return parts

    def draw(self, seed, defect=None):
        """One image; `defect` is a name of defects.KINDS, or None for a normal one. None when the defect came out invisible."""
        rng = np.random.default_rng((self.seed, seed))
        turn = rng.uniform(0, 2 * np.pi) if self.free_turn else rng.normal(0, self.turn)
        zoom = 1 + rng.normal(0, self.zoom)
        dx, dy = rng.uniform(-self.shift, self.shift, 2)
        c, s = np.cos(turn) / zoom, np.sin(turn) / zoom
        u, v = (c * (X - dx) + s * (Y - dy)).astype(np.float32), (-s * (X - dx) + c * (Y - dy)).astype(np.float32)
        parts, mask = self.parts, np.zeros((SIZE, SIZE), bool)
        draw_defect = np.random.default_rng((self.seed, seed, 1))
        structural = defect in defects.STRUCTURAL
        if structural:
            parts, mask = defects.STRUCTURAL[defect](draw_defect, self, parts, u, v)
            if parts is None:
                return None
        colour, height, inside = self._paint(rng, parts, u, v)
        if defect is not None and not structural:
            region = inside if self.parts and draw_defect.random() < 0.8 else np.ones((SIZE, SIZE), bool)
            before = colour.copy(), height.copy()
            colour, height, mask = defects.SURFACE[defect](draw_defect, colour, height, region, self)
            changed = np.abs(colour - before[0]).max(0) + 0.3 * np.abs(height - before[1])
            mask &= changed > 0.02
            if mask.sum() < 25 or changed[mask].mean() < 0.05:
                return None
        if structural and mask.sum() < 25:
            return None
        return Image(self._photograph(rng, colour, height), mask, defect, {})

    def _paint(self, rng, parts, u, v):
        colour, height = self.background.paint(rng, u, v)
        colour = np.array(np.broadcast_to(colour, (3, SIZE, SIZE)), np.float32)
        height = np.array(np.broadcast_to(height, (SIZE, SIZE)), np.float32)
        inside, painted = np.zeros((SIZE, SIZE), bool), {}
        for part in parts:
            wobble = [(part.organic * rng.normal(), rng.uniform(0, 6.28)) for _ in range(4)] if part.organic else None
            if part.missing:
                continue
            d, p, q = part.distance(u, v, wobble)
            alpha = step(d)
            if part.shadow:
                colour *= 1 - part.shadow * np.clip(0.8 - np.roll(d, (4, 5), (0, 1)) / 10, 0, 1) * (1 - alpha)
            key = id(part.material)
            if key not in painted:  # one paint per material: equal parts are cut from one sheet
                painted[key] = part.material.paint(rng, p, q)
            paint, relief = painted[key]
            rim = part.bevel * 3 * np.clip(1 + d / (3 + 0.12 * part.radius), 0, 1)
            colour += alpha * (paint - colour)
            height += alpha * (relief + 2 - rim - height)
            inside |= d < -1
        return colour, height, inside if parts else np.ones((SIZE, SIZE), bool)

    def _photograph(self, rng, colour, height):
        light = self.light + self.light_wander * rng.normal()
        gx, gy = np.gradient(soft(height), axis=1), np.gradient(soft(height), axis=0)
        slope = np.cos(light) * gx + np.sin(light) * gy
        shade = 1 + self.light_strength * 0.35 * np.tanh(slope)
        ramp = (np.cos(light) * X + np.sin(light) * Y) / SIZE
        shade = shade * (1 + self.uneven * (0.7 + 0.3 * rng.normal()) * ramp) * (1 + self.exposure * rng.normal())
        if self.vignette:
            shade = shade * (1 - self.vignette * (X * X + Y * Y) * (2 / SIZE / SIZE))
        image = colour * shade * (1 + self.tint * rng.normal(size=(3, 1, 1)).astype(np.float32))
        shine = self.background.shine
        if shine:
            image = image + shine * np.clip(np.tanh(slope) - 0.3, 0, 1)
        if self.clutter:
            image = image * (1 - 0.35 * np.clip(noise(rng, spectrum(0.7, low=14)) - 2.4, 0, 1))
        image = soft(image, self.blur)
        image = image + self.sensor * rng.standard_normal(image.shape, dtype=np.float32)
        return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
