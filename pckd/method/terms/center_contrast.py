"""Centre contrast: features are drawn to their class's centre, and away from the others.

Source: Eq. 4 of Ding et al., "Preview-based Category Contrastive Learning for Knowledge
Distillation", IEEE TCSVT 2025, arXiv 2410.14143. [T] marks what its text says, [R] what the
authors' first code release does, [I] what is inferred here because the text lost it. Text and
release differ; `form` chooses, and the text's is the default.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pckd.method.exchange import Exchange
from pckd.method.term import Needs, Side, Step, Task, Term, TermConfig

SUPERVISED_CONTRAST_SCALE = 0.07
"""Base temperature of the supervised contrastive loss, by which the release rescales it [R]."""


def center_contrast(
    features: Tensor, centers: Tensor, labels: Tensor, temperature: float
) -> Tensor:
    """Eq. 4, one half of the paper's form: -log softmax_j(cos(f_ik, W_j) / tau)[y_i] [T].

    CC_ik is this for the student's features and centres, plus this for the student's features
    (projected to d_t where the widths differ [I]) and the teacher's centres.

    Args:
        features: Student features, [B, K, d].
        centers: Category centres, [M, d]; those of the teacher must come detached.
        labels: Class indices, [B].
        temperature: tau > 0; lost from the text, 0.1 is a sane value [I].

    Returns:
        [B, K], in nats.
    """
    similarity = F.normalize(features, dim=-1) @ F.normalize(centers, dim=-1).T
    log_probability = F.log_softmax(similarity / temperature, dim=-1)
    target = labels[:, None, None].expand(-1, features.shape[1], 1)
    return -log_probability.gather(-1, target).squeeze(-1)


def center_similarity(mapped_features: Tensor, centers: Tensor) -> Tensor:
    """The vector u = normalise(A f) @ W^T that the release contrasts [R].

    Args:
        mapped_features: A f, student features after a learned linear map, [B, K, d].
        centers: W, [M, d].

    Returns:
        [B, K, M].
    """
    return F.normalize(mapped_features, dim=-1) @ centers.T


def supervised_contrast(
    anchors: Tensor,
    anchor_labels: Tensor,
    pool: Tensor,
    pool_labels: Tensor,
    positions: Tensor,
    temperature: float,
) -> Tensor:
    """Eq. 4, the release's form: the supervised contrastive loss of each anchor [R].

    loss_a = -(tau / 0.07) * mean over p in P(a) of
    (u_a . u_p / tau - log sum over q != a of exp(u_a . u_q / tau)),
    with P(a) the other rows of the pool that carry a's label.

    Args:
        anchors: u of this process's samples, [A, M].
        anchor_labels: [A].
        pool: u of all processes' samples, [P, M], the anchors among them.
        pool_labels: [P].
        positions: Row of each anchor in the pool, [A]; that row is excluded as "self".
        temperature: tau > 0; the release uses 4.

    Returns:
        [A]. An anchor without another row of its label gives NaN: in PCKD each sample's second
        half is always there.

    Source:
        Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, with the release's scale.
    """
    similarity = anchors @ pool.T / temperature
    is_self = positions[:, None] == torch.arange(len(pool), device=pool.device)
    log_probability = similarity - similarity.masked_fill(is_self, -torch.inf).logsumexp(
        dim=1, keepdim=True
    )
    is_positive = (anchor_labels[:, None] == pool_labels) & ~is_self
    positive_mean = (log_probability * is_positive).sum(1) / is_positive.sum(1)
    return -temperature / SUPERVISED_CONTRAST_SCALE * positive_mean


class PaperContrast(nn.Module):
    """Eq. 4 as the paper writes it: against the student's centres, plus against the teacher's.

    Where the widths differ, a learned linear map takes f_s to the teacher's width [I].
    """

    def __init__(self, student_width: int, teacher_width: int, temperature: float) -> None:
        super().__init__()
        same = student_width == teacher_width
        self.to_teacher = nn.Identity() if same else nn.Linear(student_width, teacher_width)
        self.temperature = temperature

    def forward(self, student: Side, teacher: Side, labels: Tensor, exchange: Exchange) -> Tensor:
        """CC_ik, [B, K], in nats; `exchange` is not needed, each sample stands alone."""
        features, tau = student.features, self.temperature
        own = center_contrast(features, student.centers, labels, tau)
        teachers = teacher.centers.detach()
        return own + center_contrast(self.to_teacher(features), teachers, labels, tau)


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

    def forward(self, student: Side, teacher: Side, labels: Tensor, exchange: Exchange) -> Tensor:
        """CC_ik, [B, K]."""
        own = center_similarity(self.to_student(student.features), student.centers)
        other = center_similarity(self.to_teacher(student.features), teacher.centers.detach())
        anchors = torch.stack([own, other], dim=2).flatten(0, 2)
        anchor_labels = labels.repeat_interleave(2 * student.features.shape[1])
        count = len(anchors)
        positions = exchange.rank * count + torch.arange(count, device=labels.device)
        each = supervised_contrast(
            anchors,
            anchor_labels,
            exchange.gather(anchors),
            exchange.gather(anchor_labels),
            positions,
            self.temperature,
        )
        return each.view(*student.features.shape[:2], 2).sum(-1)


FORMS = {"paper": PaperContrast, "release": ReleaseContrast}
TEMPERATURES = {"paper": 0.1, "release": 4.0}
"""Default tau of each form: 0.1 [I], 4 [R]."""


def _temperature_of_form(settings: dict[str, Any]) -> float:
    return TEMPERATURES.get(settings.get("form", ""), 1.0)


class CenterContrastConfig(TermConfig):
    """Settings of Eq. 4."""

    weight: float = Field(0.05, ge=0, description="factor of the term in the sum [R]")
    form: Literal["paper", "release"] = Field(
        "paper", description="form of Eq. 4: the text's or the released code's"
    )
    temperature: float = Field(
        default_factory=_temperature_of_form,
        gt=0,
        description="tau of Eq. 4; by default 0.1 for paper [I], 4 for release [R]",
    )


class CenterContrast(Term[CenterContrastConfig]):
    """CC_ik = sum over W of -log softmax_j(cos(f_s, W_j) / tau)[y], [B, K], in nats.

    W are the student's category centres, then the teacher's; a learned map takes f_s to the
    teacher's width. The form release contrasts similarities to the centres over the global batch.
    """

    Config = CenterContrastConfig
    label = "CC"

    def __init__(self, config: CenterContrastConfig, task: Task) -> None:
        super().__init__(config, task)
        self.contrast = FORMS[config.form](
            task.student.width, task.taught().width, config.temperature
        )

    @classmethod
    def needs(cls, config: CenterContrastConfig) -> Needs:
        """Return that four rotated copies are needed [R], by the release's form the batch too."""
        return Needs(copies=4, whole_batch=config.form == "release")

    def forward(self, step: Step) -> Tensor:
        """Return the contrast of every copy, [B, K]."""
        contrasted: Tensor = self.contrast(step.student, step.taught(), step.labels, step.exchange)
        return contrasted
