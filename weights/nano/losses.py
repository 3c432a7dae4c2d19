"""What is learned: captions (CLIP), and to tell defective patches from those of a few normal images (the detector's own question)."""
import torch
from torch.nn import functional as F

from batches import JUDGED
from descriptors import UNIT

COVERED = 20  # pixels of a patch from which it counts as defective; between 1 and this it does not count at all


def contrastive(images, texts, products, state, scale):
    """CLIP's loss both ways. Captions of the same product in the same state are as right as an image's own.
    images, texts [B, d] of unit length; products, state [B]."""
    logits = scale.exp().clamp(max=100) * images @ texts.T
    same = ((products[:, None] == products) & (state[:, None] == state)).float()
    target = same / same.sum(1, keepdim=True)
    return -0.5 * ((target * logits.log_softmax(1)).sum(1).mean() + (target * logits.T.log_softmax(1)).sum(1).mean())


def distances(banks, queries, products):
    """The memory map: for every patch to judge, the mean over taps of (1 - cosine) / 2 to its nearest remembered patch.
    banks: [SHOTS, n, c] tensors, one list per product and tap; queries: [products * JUDGED, m, c] per tap. Gives [products, JUDGED, m]."""
    total = 0
    for tap, query in enumerate(queries):
        unit = F.normalize(query, dim=-1).view(products, -1, query.shape[-1])
        nearest = torch.stack([(q @ F.normalize(bank[tap].flatten(0, 1), dim=-1).T).max(-1).values for q, bank in zip(unit, banks)])
        total = total + (1 - nearest.view(products, JUDGED, -1)) / 2
    return total / len(queries)


def likeness(banks, queries, described, products):
    """Distances between judged and remembered patches as the descriptors have them: the chord between two unit features against the descriptors' distance,
    bent so that both end at 2. banks, queries as in `distances`; described: descriptors of the banks (one per product) and of the queries."""
    total = 0
    bank_words, query_words = described
    for k in range(products):
        pick = torch.randperm(query_words.shape[1] * JUDGED)[:96]
        words = query_words.reshape(products, -1, query_words.shape[-1])[k, pick]
        target = 2 * torch.tanh(torch.cdist(words, bank_words[k].flatten(0, 1)) / (2 * UNIT))
        for tap, query in enumerate(queries):
            a = F.normalize(query.reshape(products, -1, query.shape[-1])[k, pick], dim=-1)
            cosine = a @ F.normalize(banks[k][tap].flatten(0, 1), dim=-1).T
            total = total + ((2 - 2 * cosine).clamp(min=1e-4).sqrt() - target).square().mean()
    return total / products / len(queries)


def ranking(maps, covered):
    """Defective patches above normal ones: for all pairs of a product (the area under its ROC curve, softened), a third of the weight on the highest normal
    patches, which decide an image's score; and whole images by their largest patches. Distances count in deviations of the product's normal patches: by
    any other unit, making all distances small is the first thing to be learned. maps, covered [products, JUDGED, n]."""
    pairs, whole = [], []
    for distance, cover in zip(maps, covered):
        is_normal, is_defect = cover == 0, cover >= COVERED
        if not is_defect.any():
            continue
        score = (distance - distance[is_normal].mean()) / (distance[is_normal].std() + 1e-4)
        defect, normal = score[is_defect], score[is_normal]
        hard = normal.topk(max(1, len(normal) // 12)).values
        pairs.append(0.7 * F.softplus(normal[None] - defect[:, None]).mean() + 0.3 * F.softplus(hard[None] - defect[:, None]).mean())
        is_bad = is_defect.any(1)
        if not is_bad.all():
            top = 0.5 * score.topk(2, 1).values.sum(1)
            whole.append(F.softplus(top[~is_bad][None] - top[is_bad][:, None]).mean())
    return torch.stack(pairs).mean() + (0.3 * torch.stack(whole).mean() if whole else 0)


def defects(logits, covered):
    """Defective or not by a patch's own look, without any memory. logits, covered [B, n]."""
    return 0.5 * F.softplus(-logits[covered >= COVERED]).mean() + 0.5 * F.softplus(logits[covered == 0]).mean()


def dense(patches, good, bad, covered, products, scale):
    """Patches against the two states in words, without any memory: patches [products * JUDGED, n, d]; good, bad [products, d] of unit length."""
    delta = (bad - good).view(products, 1, 1, -1)
    logits = scale * (F.normalize(patches, dim=-1).view(products, JUDGED, patches.shape[1], -1) * delta).sum(-1)
    return defects(logits.flatten(0, 1), covered)
