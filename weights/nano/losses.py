"""What is learned: captions (CLIP), and to tell defective patches from those of a few normal images (the detector's own question)."""
import torch
from torch.nn import functional as F

from batches import BAD, GOOD, IMAGES, SHOTS

COVERED = 20  # pixels of a patch from which it counts as defective; between 1 and this it does not count at all


def contrastive(images, texts, products, state, scale):
    """CLIP's loss both ways. Captions of the same product in the same state are as right as an image's own.
    images, texts [B, d] of unit length; products, state [B]."""
    logits = scale.exp().clamp(max=100) * images @ texts.T
    same = ((products[:, None] == products) & (state[:, None] == state)).float()
    target = same / same.sum(1, keepdim=True)
    return -0.5 * ((target * logits.log_softmax(1)).sum(1).mean() + (target * logits.T.log_softmax(1)).sum(1).mean())


def distances(taps, products):
    """The memory map: for every patch to judge, the mean over taps of (1 - cosine) / 2 to its nearest remembered patch.
    taps: [products * IMAGES, n, c] each. Gives [products, GOOD + BAD, n]."""
    total = 0
    for tap in taps:
        unit = F.normalize(tap, dim=-1).view(products, IMAGES, tap.shape[1], -1)
        bank = unit[:, :SHOTS].flatten(1, 2)
        query = unit[:, SHOTS:]
        nearest = (query.flatten(1, 2) @ bank.transpose(1, 2)).max(-1).values
        total = total + (1 - nearest.view(products, GOOD + BAD, -1)) / 2
    return total / len(taps)


def ranking(maps, covered, gain, bias):
    """Defective patches above normal ones: for all pairs of a product (the area under its ROC curve, softened), for whole images by their largest
    patch, and on one scale for all products. maps, covered [products, GOOD + BAD, n]."""
    logit = gain.exp() * maps + bias
    pairs, absolute, whole = [], [], []
    for score, cover in zip(logit, covered):
        defect, normal = score[cover >= COVERED], score[cover == 0]
        if len(defect) == 0:
            continue
        # Half of the weight on the highest normal patches: they decide an image's score.
        hard = normal.topk(max(1, len(normal) // 12)).values
        pairs.append(0.5 * F.softplus(normal[None] - defect[:, None]).mean() + 0.5 * F.softplus(hard[None] - defect[:, None]).mean())
        absolute.append(0.5 * F.softplus(-defect).mean() + 0.25 * F.softplus(normal).mean() + 0.25 * F.softplus(hard).mean())
        is_bad = (cover >= COVERED).any(1)
        if is_bad.any() and not is_bad.all():
            top = 0.5 * score.topk(2, 1).values.sum(1)
            whole.append(F.softplus(top[~is_bad][None] - top[is_bad][:, None]).mean())
    mean = lambda x: torch.stack(x).mean() if x else logit.sum() * 0
    return mean(pairs) + 0.3 * mean(absolute) + 0.3 * mean(whole)


def dense(patches, good, bad, covered, products, scale):
    """Patches against the two states in words, without any memory: patches [products * IMAGES, n, d]; good, bad [products, d] of unit length."""
    delta = (bad - good).view(products, 1, 1, -1)
    logit = scale * (F.normalize(patches, dim=-1).view(products, IMAGES, patches.shape[1], -1) * delta).sum(-1)
    defect, normal = logit[covered >= COVERED], logit[covered == 0]
    if len(defect) == 0:
        return normal.sum() * 0
    return 0.5 * F.softplus(-defect).mean() + 0.5 * F.softplus(normal).mean()
