"""Self-supervision: the student tells images by their turned copies as the teacher does.

Source: Xu, Liu, Li, Loy, "Knowledge Distillation Meets Self-Supervision", ECCV 2020,
arXiv 2006.07114, as in the authors' code: weights 2.7 and 10, rotations as the only change. The
four copies of an image share its crop here, where the source crops each anew.
"""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pckd.method.exchange import whole_batch
from pckd.method.preparation import Preparation, PreparationConfig, PreparedConfig, PreparedTerm
from pckd.method.term import Needs, Side, Step, Task
from pckd.method.terms.kd import distillation

SMALLEST_NORM = 1e-8
"""Lengths below this count as this in a cosine."""


def similarities(heads: Tensor) -> Tensor:
    """Cosines of each turned copy with each upright image.

    Args:
        heads: Outputs of a head, [B, 4, d], copy 0 upright.

    Returns:
        [3 B, B], the turned copies image by image.
    """
    lengths = torch.linalg.vector_norm(heads, dim=-1, keepdim=True)
    directions: Tensor = heads / lengths.clamp_min(SMALLEST_NORM)
    return directions[:, 1:].flatten(0, 1) @ directions[:, 0].T


def kept_rows(scores: Tensor, right: Tensor, share: float) -> Tensor:
    """Which rows of the teacher's scores are relied on.

    All whose right column has the highest score; of the W others the int(share W) in which the
    fewest columns score higher, the earlier row first.

    Args:
        scores: [R, M].
        right: Right column of each row, int64 [R].
        share: From 0 to 1.

    Returns:
        bool [R].
    """
    ranks = (scores > scores.gather(1, right[:, None])).sum(1)
    order = ranks.argsort(stable=True)
    places = torch.empty_like(order)
    places[order] = torch.arange(len(order), device=order.device)
    wrong = (ranks > 0).sum()
    return places < len(order) - wrong + (share * wrong.double()).long()


def mean_of(values: Tensor, kept: Tensor) -> Tensor:
    """The mean of the values [R] that are kept, bool [R]; 0 where none is."""
    return (values * kept).sum() / kept.sum().clamp_min(1)


def transfer_loss(
    student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, share: float
) -> Tensor:
    """TF = mean over the kept turned copies of T^2 KL(softmax(z_t / T) || softmax(z_s / T)).

    Args:
        student: z_s of the turned copies, image by image, [3 B, M].
        teacher: z_t, [3 B, M]; no gradient flows into them.
        labels: Class of each row, int64 [3 B].
        temperature: T.
        share: Of the wrong copies that are kept.

    Returns:
        A scalar, in nats times T^2.
    """
    kept = kept_rows(teacher.detach(), labels, share)
    return mean_of(distillation(student, teacher, temperature), kept)


def similarity_loss(student: Tensor, teacher: Tensor, temperature: float, share: float) -> Tensor:
    """SS = mean over the kept turned copies of T^2 KL(softmax(c_t / T) || softmax(c_s / T)).

    Args:
        student: c_s of `similarities`, [3 B, B].
        teacher: c_t, [3 B, B]; no gradient flows into them.
        temperature: T.
        share: Of the wrong copies that are kept.

    Returns:
        A scalar, in nats times T^2.
    """
    kept = kept_rows(teacher.detach(), own_images(teacher), share)
    return mean_of(distillation(student, teacher, temperature), kept)


def own_images(similarity: Tensor) -> Tensor:
    """The image of each turned copy, int64 [3 B]."""
    images = torch.arange(similarity.shape[1], device=similarity.device)
    return images.repeat_interleave(similarity.shape[0] // max(similarity.shape[1], 1))


class SSKDPreparation(PreparationConfig):
    """The recipe of the teacher's head."""

    epochs: int = Field(60, ge=1, description="passes over the training images")
    learning_rate: float | None = Field(0.05, gt=0, description="initial")
    decay_at: tuple[float, ...] = Field(
        (0.5, 0.75), description="shares of the epochs after which the rate drops: 30, 45 of 60"
    )


class SSKDConfig(PreparedConfig):
    """Settings of self-supervision."""

    transfer: float = Field(2.7, ge=0, description="factor of the turned copies' logits")
    similarity: float = Field(10.0, ge=0, description="factor of the similarities")
    temperature: float = Field(4.0, gt=0, description="T of the logits")
    similarity_temperature: float = Field(0.5, gt=0, description="T of the similarities")
    transfer_share: float = Field(
        1.0, ge=0, le=1, description="of the turned copies that the teacher gets wrong, by logits"
    )
    similarity_share: float = Field(
        0.75, ge=0, le=1, description="of those that it gets wrong, by similarities"
    )
    preparation: SSKDPreparation = Field(
        default_factory=SSKDPreparation, description="the training of the teacher's head"
    )


class TeacherHead(Preparation):
    """HEAD = mean over turned copies of the cross entropy of their cosines, a scalar.

    The right column is the copy's own image; no temperature.
    """

    ignores = frozenset(
        {
            "transfer",
            "similarity",
            "temperature",
            "similarity_temperature",
            "transfer_share",
            "similarity_share",
        }
    )

    def __init__(self, config: SSKDConfig, task: Task) -> None:
        super().__init__(config, task)
        self.teacher_head = _head(task.taught().width)

    @classmethod
    def needs(cls, config: SSKDConfig) -> Needs:
        """Return that rotated copies are needed."""
        return Needs(copies=4)

    def forward(self, teacher: Side) -> Tensor:
        """Return the cross entropy of a batch, a scalar."""
        return contrast(self.teacher_head(teacher.features))


def contrast(heads: Tensor) -> Tensor:
    """Cross entropy of the similarities, the own image being right, a scalar.

    Args:
        heads: [B, 4, d].
    """
    similarity = similarities(heads)
    return F.cross_entropy(similarity, own_images(similarity))


class SSKD(PreparedTerm[SSKDConfig]):
    """SSKD = a TF + b SS, a scalar.

    TF = mean of T^2 KL(softmax(z_t / T) || softmax(z_s / T)) over turned copies, and SS the same of
    the cosines between the heads' outputs for turned copies and for the upright images of the
    global batch. Both leave out some of the copies that the teacher gets wrong; a is `transfer`, b
    `similarity`. The teacher's head is trained by the preparation and stays as it is.

    Of copies that are equally wrong, the one that stands earlier in the batch is kept.
    """

    Config = SSKDConfig
    Preparation = TeacherHead
    label = "SSKD"
    per_sample = False
    ordered = True

    def __init__(self, config: SSKDConfig, task: Task) -> None:
        super().__init__(config, task)
        self.student_head = _head(task.student.width)
        self.teacher_head = _head(task.taught().width).requires_grad_(False)

    @classmethod
    def needs(cls, config: SSKDConfig) -> Needs:
        """Return that rotated copies are needed, and that samples are related to each other."""
        return Needs(copies=4, whole_batch=True)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of the global batch, a scalar."""
        config, exchange, teacher = self.config, step.exchange, step.taught()
        labels = whole_batch(step.labels, exchange).repeat_interleave(3)
        own, other = (
            whole_batch(side.logits, exchange)[:, 1:].flatten(0, 1)
            for side in (step.student, teacher)
        )
        transfer = transfer_loss(own, other, labels, config.temperature, config.transfer_share)
        heads = (
            self.student_head(step.student.features),
            self.teacher_head(teacher.features.detach()),
        )
        own, other = (similarities(whole_batch(each, exchange)) for each in heads)
        similarity = similarity_loss(
            own, other, config.similarity_temperature, config.similarity_share
        )
        return config.transfer * transfer + config.similarity * similarity


def _head(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
