"""The losses of other methods the way the peers write them: plain PyTorch on lists of outputs.

A `Criterion` takes what a batch brings and returns the loss before its weight. Symbols, shapes and
sources are those of `pckd.method.terms`, of which nothing is used here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pckd.models import Outputs


class Seen(NamedTuple):
    """What a batch brings."""

    student: Outputs
    teacher: Outputs
    labels: Tensor
    indices: Tensor
    strong: tuple[Tensor, Tensor] | None = None
    """Student's and teacher's logits of the strong view."""


def kd(student: Tensor, teacher: Tensor, temperature: float = 4.0) -> Tensor:
    """KL divergence of softened predictions, T^2 times the mean over the batch."""
    log_student = F.log_softmax(student / temperature, dim=1)
    soft = F.softmax(teacher / temperature, dim=1)
    return F.kl_div(log_student, soft, reduction="batchmean") * temperature**2


def kd_standardised(student: Tensor, teacher: Tensor) -> Tensor:
    """KD of logits of mean 0 and deviation 1."""
    own, other = (
        (z - z.mean(1, keepdim=True)) / (z.std(1, keepdim=True) + 1e-7) for z in (student, teacher)
    )
    return kd(own, other, temperature=2.0)


def dkd(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Decoupled distillation with masks; the warm-up is part of the weight."""
    temperature = 4.0
    own = F.one_hot(labels, student.shape[1]).bool()
    p, q = F.softmax(student / temperature, 1), F.softmax(teacher / temperature, 1)
    two = [torch.stack([(x * own).sum(1), (x * ~own).sum(1)], 1) for x in (p, q)]
    target = F.kl_div(two[0].log(), two[1], reduction="batchmean")
    log_student = F.log_softmax(student / temperature - 1000.0 * own, 1)
    others = F.kl_div(
        log_student, F.softmax(teacher / temperature - 1000.0 * own, 1), reduction="batchmean"
    )
    return (target + 8.0 * others) * temperature**2


def nkd(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy weighted by the teacher's confidence, and that of the other classes."""
    rows, classes = student.shape
    others = ~F.one_hot(labels, classes).bool()
    confidence = F.softmax(teacher, 1)[~others]
    target = -(confidence * F.log_softmax(student, 1)[~others]).mean()
    p = F.log_softmax(student[others].view(rows, -1) / 3.0, 1)
    q = F.softmax(teacher[others].view(rows, -1) / 3.0, 1)
    return target - 3.5 * 9.0 * (p * q).sum(1).mean()


def dist(student: Tensor, teacher: Tensor) -> Tensor:
    """Correlations of predictions, per sample and per class."""
    p, q = F.softmax(student / 4.0, 1), F.softmax(teacher / 4.0, 1)

    def apart(one: Tensor, other: Tensor) -> Tensor:
        one, other = (x - x.mean(1, keepdim=True) for x in (one, other))
        lengths: Tensor = one.norm(dim=1) * other.norm(dim=1)
        return 1 - ((one * other).sum(1) / (lengths + 1e-8)).mean()

    return 16.0 * (apart(p, q) + apart(p.T, q.T))


def mld(seen: Seen) -> Tensor:
    """All levels of multi-level distillation."""
    student, teacher = seen.student.logits, seen.teacher.logits
    strong = seen.strong or (student, teacher)
    certain = F.softmax(teacher, 1)
    confidence, popularity = certain.max(1).values, certain.sum(0)
    samples = (confidence <= confidence.quantile(0.5)).float().mean()
    classes = (popularity <= popularity.quantile(0.5)).float().mean()
    total = torch.zeros((), dtype=student.dtype)
    for place, temperature in enumerate((4.0, 3.0, 5.0, 2.0, 6.0)):
        total = total + samples * kd(student, teacher, temperature)
        total = total + kd(*(strong if place < 3 else (student, teacher)), temperature)
        p, q = F.softmax(student / temperature, 1), F.softmax(teacher / temperature, 1)
        total = total + classes * (q.T @ q - p.T @ p).pow(2).sum() / p.shape[1]
        total = total + samples * (q @ q.T - p @ p.T).pow(2).sum() / len(p)
    return total


def at(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Attention maps of all stages."""

    def attention(maps: Tensor) -> Tensor:
        return F.normalize(maps.pow(2).mean(1).flatten(1))

    pairs = zip(student, teacher, strict=True)
    return torch.stack([(attention(s) - attention(t)).pow(2).mean() for s, t in pairs]).sum()


def sp(student: Tensor, teacher: Tensor) -> Tensor:
    """Similarities of samples by their last maps."""
    rows = [maps.flatten(1) for maps in (student, teacher)]
    own, other = (F.normalize(each @ each.T) for each in rows)
    return (own - other).pow(2).mean()


def nst(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Kernels of channels of all stages, each pair of channels multiplied out."""

    def kernel(one: Tensor, other: Tensor) -> Tensor:
        return (one.unsqueeze(1) * other.unsqueeze(2)).sum(-1).pow(2).mean()

    losses = []
    for pair in zip(student, teacher, strict=True):
        s, t = (F.normalize(maps.flatten(2), dim=2) for maps in pair)
        losses.append(kernel(t, t) + kernel(s, s) - 2 * kernel(s, t))
    return torch.stack(losses).sum()


def rkd(student: Tensor, teacher: Tensor) -> Tensor:
    """Distances and angles between samples."""

    def distances(rows: Tensor) -> Tensor:
        squares = rows.pow(2).sum(1)
        found = (squares[:, None] + squares - 2 * rows @ rows.T).clamp(min=1e-12).sqrt()
        found = found * (1 - torch.eye(len(rows), dtype=rows.dtype, device=rows.device))
        return found / found[found > 0].mean()

    def angles(rows: Tensor) -> Tensor:
        unit = F.normalize(rows[None] - rows[:, None], dim=2)
        return torch.bmm(unit, unit.transpose(1, 2)).flatten()

    with torch.no_grad():
        far, bent = distances(teacher), angles(teacher)
    return 25 * F.smooth_l1_loss(distances(student), far) + 50 * F.smooth_l1_loss(
        angles(student), bent
    )


def pkt(student: Tensor, teacher: Tensor) -> Tensor:
    """Probabilities that samples are neighbours."""
    shares: list[Tensor] = []
    for rows in (student, teacher):
        unit = rows / (rows.norm(dim=1, keepdim=True) + 1e-7)
        kernel = (unit @ unit.T + 1) / 2
        shares.append(kernel / kernel.sum(1, keepdim=True))
    own, other = shares
    return (other * ((other + 1e-7) / (own + 1e-7)).log()).mean()
