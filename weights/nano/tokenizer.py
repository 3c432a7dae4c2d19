"""CLIP's byte-pair encoding for the plain words of captions (Radford et al. 2021), from the vocabulary that the library embeds."""
import gzip
import os

MERGES = os.path.join(os.path.dirname(__file__), "../../src/AnoPLe.Gpu/Clip/Vocabulary/merges.txt.gz")
START, END, SIZE = 49406, 49407, 49408


class Tokenizer:
    def __init__(self):
        with gzip.open(MERGES, "rt", encoding="utf-8") as file:
            merges = [tuple(line.split()) for line in file.read().splitlines() if line and not line.startswith("#")]
        self.rank = {pair: k for k, pair in enumerate(merges)}
        printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
        symbols = [chr(b) for b in printable] + [chr(256 + k) for k in range(256 - len(printable))]
        tokens = symbols + [s + "</w>" for s in symbols] + ["".join(pair) for pair in merges]
        self.ids = {token: k for k, token in enumerate(tokens)}
        self.cache = {}

    def word(self, word):
        if word not in self.cache:
            parts = [*word[:-1], word[-1] + "</w>"]
            while len(parts) > 1:
                best = min(range(len(parts) - 1), key=lambda k: self.rank.get((parts[k], parts[k + 1]), 1 << 30))
                if (parts[best], parts[best + 1]) not in self.rank:
                    break
                parts[best:best + 2] = [parts[best] + parts[best + 1]]
            self.cache[word] = [self.ids[p] for p in parts]
        return self.cache[word]

    def __call__(self, text):
        """Ids with start and end; lower-case words of a-z, separated by blanks and hyphens."""
        ids = [START]
        for word in text.lower().replace("-", " - ").split():
            ids += self.word(word)
        return ids + [END]
