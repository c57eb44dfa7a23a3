"""Contrastive representation distillation, with memories of all training images.

Source: Tian, Krishnan, Isola, "Contrastive Representation Distillation", ICLR 2020,
arXiv 1910.10699, as in RepDistiller, whose scores are divided by constants Z; `normalise: false`
is the critic of the paper's text, without Z. The source's negatives are drawn by the data loader,
here on the device.
"""

import math

import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.method.exchange import Exchange, own_share, whole_batch
from pckd.method.relations import unit
from pckd.method.term import Needs, Refused, Step, Task, Term, TermConfig

EPSILON = 1e-7
"""Added to the denominators of both logarithms."""


class OtherClasses(nn.Module):
    """The training images that carry another label than a given one.

    Args:
        labels: Class of each training image, int64 [N].
        num_classes: M.
    """

    order: Tensor
    starts: Tensor
    counts: Tensor

    def __init__(self, labels: Tensor, num_classes: int) -> None:
        super().__init__()
        counts = torch.bincount(labels, minlength=num_classes)
        self.most = len(labels) - int(counts[counts > 0].min())
        self.register_buffer("order", labels.argsort(stable=True), persistent=False)
        self.register_buffer("starts", counts.cumsum(0) - counts, persistent=False)
        self.register_buffer("counts", counts, persistent=False)

    def draw(self, labels: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Draw negatives: without replacement where there are enough, else with.

        Args:
            labels: y, [B].
            count: K, images a sample.
            generator: On the device of the labels.

        Returns:
            Indices of training images whose label is not y, [B, K].
        """
        available = (len(self.order) - self.counts[labels])[:, None]
        random = torch.rand(
            len(labels), max(self.most, count), generator=generator, device=labels.device
        )
        places = (random[:, :count] * available).long().clamp(max=available - 1)
        if count <= self.most:
            beyond = torch.arange(random.shape[1], device=labels.device) >= available
            distinct = random.masked_fill(beyond, -1.0).topk(count, dim=1, sorted=False).indices
            places = torch.where(available >= count, distinct, places)
        return self.order[
            places + (places >= self.starts[labels, None]) * self.counts[labels, None]
        ]


def scores(embedded: Tensor, memory: Tensor, drawn: Tensor, temperature: float) -> Tensor:
    """E[i, k] = exp(m[c_ik] . v_i / tau).

    One product with the whole memory and a choice of its columns, instead of a copy of K + 1 rows
    a sample.

    Args:
        embedded: v, unit rows, [B, e].
        memory: m of the other network, [N, e], without gradient.
        drawn: c, indices of training images, [B, K + 1].
        temperature: tau > 0.

    Returns:
        [B, K + 1].
    """
    return ((embedded @ memory.T).gather(1, drawn) / temperature).exp()


def contrast(ratio: Tensor, noise: float) -> Tensor:
    """-log(P_i0 / (P_i0 + a + eps)) - sum over k >= 1 of log(a / (P_ik + a + eps)).

    Args:
        ratio: P = E / Z; column 0 is the sample itself, the others are its K negatives,
            [B, K + 1].
        noise: a = K / N.

    Returns:
        [B], in nats.
    """
    denominators = (ratio + (noise + EPSILON)).log().sum(1)
    return denominators - ratio[:, 0].log() - (ratio.shape[1] - 1) * math.log(noise)


def updated(memory: Tensor, indices: Tensor, embedded: Tensor, momentum: float) -> Tensor:
    """The memory with m[y] = unit(mu m[y] + (1 - mu) v); of a repeated index the last counts.

    Args:
        memory: m, [N, e].
        indices: y, [B].
        embedded: v, [B, e].
        momentum: mu.

    Returns:
        [N, e], a new tensor: the old one is needed in the backward pass.
    """
    rows = unit(momentum * memory[indices] + (1 - momentum) * embedded.detach().to(memory.dtype))
    places = torch.arange(len(indices), device=indices.device)
    last = ((indices[:, None] == indices) * places).amax(1)
    return memory.index_copy(0, indices, rows[last])


class CRDConfig(TermConfig):
    """Settings of CRD."""

    weight: float = Field(0.8, ge=0, description="factor of the term in the sum")
    negatives: int = Field(16384, ge=1, description="K, images of other classes a sample")
    temperature: float = Field(0.07, gt=0, description="tau of the scores")
    momentum: float = Field(0.5, ge=0, lt=1, description="mu, share that a memory's row keeps")
    width: int = Field(128, ge=1, description="width of the embeddings and the memories")
    normalise: bool = Field(
        True, description="whether Z divides the scores, as in the code; the text has none"
    )


class Embedding(nn.Linear):
    """A learned linear map to rows of length 1, and the memory of the rows of all images."""

    memory: Tensor
    normaliser: Tensor

    def __init__(self, width_in: int, width: int, images: int) -> None:
        super().__init__(width_in, width)
        bound = 1 / math.sqrt(width / 3)
        self.register_buffer("memory", torch.empty(images, width).uniform_(-bound, bound))
        self.register_buffer("normaliser", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """Embed features [B, d] as unit rows [B, e]."""
        return unit(super().forward(features))

    def normalised(self, scores: Tensor, exchange: Exchange) -> Tensor:
        """P = E / Z, with Z = N mean E of the first step, over all processes."""
        first = len(self.memory) * exchange.mean(scores.mean())
        self.normaliser = torch.where(self.normaliser > 0, self.normaliser, first)
        return scores / self.normaliser


class CRD(Term[CRDConfig]):
    """CRD_i = sum over both networks of -log h(P_i0) - sum_k log(1 - h(P_ik)), [B], in nats.

    P = exp(v . m / tau) / Z: the embedding v of an image in one network meets the memory m of the
    other; k runs over K images of other classes, 0 is the image itself; h(P) = P / (P + K / N).
    Without `normalise` Z is 1.

    State: both memories, [N, width], and both Z, set in the first step. Every process holds them
    whole and updates them alike.
    """

    Config = CRDConfig
    label = "CRD"

    def __init__(self, config: CRDConfig, task: Task) -> None:
        super().__init__(config, task)
        images = len(task.labels)
        self.student = Embedding(task.student.width, config.width, images)
        self.teacher = Embedding(task.taught().width, config.width, images)
        self.others = OtherClasses(task.labels, task.num_classes)

    @classmethod
    def needs(cls, config: CRDConfig) -> Needs:
        """Return that the position of each image in the training set is needed."""
        return Needs(indices=True)

    @classmethod
    def unfit(cls, config: CRDConfig, task: Task) -> Refused | None:
        """Return that there are no negatives where all images have one label."""
        if len(task.labels.unique()) > 1:
            return None
        return Refused("all training images are of one class, so that there are no negatives")

    def forward(self, step: Step) -> Tensor:
        """Return the contrast of each sample, copy 0, [B], and update the memories."""
        config, exchange = self.config, step.exchange
        student = self.student(step.student.features[:, 0])
        teacher = self.teacher(step.taught().features[:, 0].detach())
        drawn = self._drawn(step)
        noise = config.negatives / len(self.student.memory)
        total = torch.zeros_like(student[:, 0])
        for own, embedded, other in (
            (self.student, student, self.teacher),
            (self.teacher, teacher, self.student),
        ):
            each = scores(embedded, other.memory, drawn, config.temperature)
            ratio = own.normalised(each, exchange) if config.normalise else each
            total = total + contrast(ratio, noise)
        if self.training:
            indices = whole_batch(step.indices, exchange)
            for own, embedded in ((self.student, student), (self.teacher, teacher)):
                rows = whole_batch(embedded.detach(), exchange)
                own.memory = updated(own.memory, indices, rows, config.momentum)
        return total

    def _drawn(self, step: Step) -> Tensor:
        """Each sample's own index and its negatives, [B, K + 1]; the same for any process count."""
        labels = whole_batch(step.labels, step.exchange)
        drawn = self.others.draw(labels, self.config.negatives, step.generator("crd"))
        own = own_share(drawn, step.exchange)
        return torch.cat([step.indices[:, None], own], dim=1)
