"""The learned heads that exist during distillation only: feature alignment and centre contrast."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pckd.method import losses


class Encoded(NamedTuple):
    """What one network says of a batch, and its category centres."""

    features: Tensor
    """Penultimate features, [B, K, d]."""
    logits: Tensor
    """[B, K, M]."""
    centers: Tensor
    """The classifier's weight, [M, d]."""
    bias: Tensor
    """The classifier's bias, [M]."""


class Exchange(Protocol):
    """How the processes that share one global batch see each other.

    Every process holds the same number of samples. `pckd.training.collective` has the
    data-parallel one.
    """

    rank: int

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over all processes, without gradient."""

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in the order of their ranks, with gradient."""


class SingleProcess:
    """The exchange of a process that holds the whole batch."""

    rank = 0

    def mean(self, value: Tensor) -> Tensor:
        """The value itself, without gradient."""
        return value.detach()

    def gather(self, rows: Tensor) -> Tensor:
        """The rows themselves."""
        return rows


class AlignmentHead(nn.Sequential):
    """The g of Eq. 2: BYOL's head [T], Linear(d_s, 16 d_t), BatchNorm, ReLU, Linear(16 d_t, d_t).

    Maps student features [N, d_s] to the teacher's width [N, d_t]. The factor 16 is [R].
    """

    def __init__(self, student_width: int, teacher_width: int, width_factor: int = 16) -> None:
        hidden = width_factor * teacher_width
        super().__init__(
            nn.Linear(student_width, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, teacher_width),
        )


class PaperContrast(nn.Module):
    """Eq. 4 as the paper writes it: against the student's centres, plus against the teacher's.

    Where the widths differ, a learned linear map takes f_s to the teacher's width [I].
    """

    def __init__(self, student_width: int, teacher_width: int, temperature: float) -> None:
        super().__init__()
        same = student_width == teacher_width
        self.to_teacher = nn.Identity() if same else nn.Linear(student_width, teacher_width)
        self.temperature = temperature

    def forward(
        self, student: Encoded, teacher: Encoded, labels: Tensor, exchange: Exchange
    ) -> Tensor:
        """CC_ik, [B, K], in nats; `exchange` is not needed, each sample stands alone."""
        features, tau = student.features, self.temperature
        own = losses.center_contrast(features, student.centers, labels, tau)
        teachers = teacher.centers.detach()
        return own + losses.center_contrast(self.to_teacher(features), teachers, labels, tau)


class ReleaseContrast(nn.Module):
    """Eq. 4 as the authors' first release computes it [R]: supervised contrast of similarities.

    u_s = normalise(A_s f_s) @ W_s^T and u_t = normalise(A_t f_s) @ W_t^T with learned linear maps
    A_s: d_s -> d_s and A_t: d_s -> d_t; all rows of both are contrasted over the global batch, and
    the two halves of one sample and copy are added.
    """

    def __init__(self, student_width: int, teacher_width: int, temperature: float) -> None:
        super().__init__()
        self.to_student = nn.Linear(student_width, student_width)
        self.to_teacher = nn.Linear(student_width, teacher_width)
        self.temperature = temperature

    def forward(
        self, student: Encoded, teacher: Encoded, labels: Tensor, exchange: Exchange
    ) -> Tensor:
        """CC_ik, [B, K]."""
        own = losses.center_similarity(self.to_student(student.features), student.centers)
        other = losses.center_similarity(
            self.to_teacher(student.features), teacher.centers.detach()
        )
        anchors = torch.stack([own, other], dim=2).flatten(0, 2)
        anchor_labels = labels.repeat_interleave(2 * student.features.shape[1])
        count = len(anchors)
        positions = exchange.rank * count + torch.arange(count, device=labels.device)
        each = losses.supervised_contrast(
            anchors,
            anchor_labels,
            exchange.gather(anchors),
            exchange.gather(anchor_labels),
            positions,
            self.temperature,
        )
        return each.view(*student.features.shape[:2], 2).sum(-1)
