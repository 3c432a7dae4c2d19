"""What a caption says: which product, of which materials and colours, and whether it is in order. The words are the generator's own parameters."""
import defects
from materials import NAMES

GOOD = ["flawless", "perfect", "good", "normal", "unblemished", "intact", "clean"]
BAD = ["damaged", "defective", "broken", "bad", "abnormal", "faulty"]
WITHOUT = ["without defect", "without flaw", "without damage", "in order"]
WITH = ["with defect", "with flaw", "with damage", "with an anomaly"]
FRAMES = ["a photo of a {}", "a photo of the {}", "{}", "a close-up photo of a {}", "an image of a {}", "a {} for inspection"]
SHAPES = {"texture": ["surface", "texture", "material", "sheet"], "object": ["object", "part", "product"], "assembly": ["assembly", "board", "panel", "set of parts"]}


def _material(rng, material):
    name = rng.choice(NAMES[material.kind])
    return f"{material.colour_name} {name}" if rng.random() < 0.8 else str(name)


def caption(rng, product, defect):
    """A caption of an image of the product, with the name of its defect or None."""
    noun = str(rng.choice(SHAPES[product.layout]))
    if product.layout == "texture":
        thing = f"{_material(rng, product.background)} {noun}"
    else:
        part = product.parts[int(rng.integers(min(2, len(product.parts))))]
        thing = f"{_material(rng, part.material)} {part.shape if rng.random() < 0.7 else noun}"
        if rng.random() < 0.4:
            thing += f" on a {_material(rng, product.background)} background"
    way = rng.random()
    if defect is None:
        thing = f"{rng.choice(GOOD)} {thing}" if way < 0.6 else f"{thing} {rng.choice(WITHOUT)}"
    elif way < 0.35:
        thing = f"{rng.choice(BAD)} {thing}"
    elif way < 0.6:
        thing = f"{thing} {rng.choice(WITH)}"
    else:
        thing = f"{thing} with {rng.choice(defects.WORDS[defect])}"
    return str(rng.choice(FRAMES)).format(thing)
