"""The objective: the weighted sum of any terms, and every term by name.

L = sum over terms x of w_x * mean_i(v_i * x_i), where v_i, the weight of sample i, counts in the
terms that it applies to and is 1 in all others (Eq. 8 of PCKD).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pckd.method import weighting
from pckd.method.exchange import Exchange
from pckd.method.registry import in_order
from pckd.method.term import Side, Step, Term
from pckd.method.terms.cross_entropy import cross_entropy


class PreviewStatistics(NamedTuple):
    """Sums over one process's batch, scalars: what Figure 6 is drawn from."""

    easy: Tensor
    """Number of easy samples."""
    easy_weight: Tensor
    """Sum of the weights of easy samples."""
    hard_weight: Tensor
    """Sum of the weights of hard samples."""


class ObjectiveValue(NamedTuple):
    """The objective's value on one batch."""

    total: Tensor
    """L, a scalar with gradient."""
    terms: dict[str, Tensor]
    """Each term, a scalar before its weight w, after the samples' weights v."""
    statistics: PreviewStatistics


class Objective(nn.Module):
    """The weighted sum of terms.

    Args:
        terms: The terms that are on, by name, in the order in which their parameters are listed.
        weigh: The v of a sample, one of `pckd.method.weighting.STRATEGIES`.
        applies_to: The terms that v multiplies.
    """

    def __init__(
        self,
        terms: Mapping[str, Term[Any]],
        *,
        weigh: Callable[[weighting.Difficulty], Tensor],
        applies_to: Collection[str],
    ) -> None:
        super().__init__()
        self.terms = nn.ModuleDict(terms)
        self.summed = in_order(set(terms))
        self.weigh = weigh
        self.applies_to = frozenset(applies_to)

    def forward(self, step: Step, threshold: float) -> ObjectiveValue:
        """Evaluate all terms on one batch, in full precision also under autocast.

        Args:
            step: The batch.
            threshold: t of Eq. 7 for this epoch.
        """
        with torch.autocast(step.labels.device.type, enabled=False):
            sample = weighting.Difficulty(
                gamma=weighting.difficulty(step.entropy, step.exchange.mean(step.entropy.mean())),
                threshold=threshold,
                label_probability=torch.exp(-step.entropy.detach()),
            )
            weight = self.weigh(sample)
            terms = {name: self._mean(name, step, weight) for name in self.summed}
            weighted = [self.term(name).weight_at(step.epoch) * terms[name] for name in terms]
            return ObjectiveValue(torch.stack(weighted).sum(), terms, _statistics(sample, weight))

    def term(self, name: str) -> Term[Any]:
        """The term of a name."""
        term = self.terms[name]
        assert isinstance(term, Term)
        return term

    def weights_at(self, epoch: int) -> dict[str, float]:
        """The weight of each term in an epoch, counted from 1."""
        return {name: self.term(name).weight_at(epoch) for name in self.summed}

    def _mean(self, name: str, step: Step, weight: Tensor) -> Tensor:
        values: Tensor = self.terms[name](step)
        if name in self.applies_to:
            values = values * weight.view(-1, *[1] * (values.dim() - 1))
        return values.mean()


def make_step(
    student: Side,
    teacher: Side | None,
    labels: Tensor,
    exchange: Exchange,
    *,
    indices: Tensor | None = None,
    epoch: int = 1,
    seed: int = 0,
) -> Step:
    """One batch as terms see it: in full precision, with the student's cross entropy.

    Args:
        student: With gradient.
        teacher: Without gradient, or None.
        labels: Class indices, int64 [B].
        exchange: The processes that share the global batch.
        indices: Position of each image in the training set, int64 [B]; counted from 0 by default.
        epoch: From 1.
        seed: Of this step's random numbers.
    """
    student = full_precision(student)
    with torch.autocast(labels.device.type, enabled=False):
        entropy = cross_entropy(student.logits[:, 0], labels)
    return Step(
        student=student,
        teacher=None if teacher is None else full_precision(teacher),
        labels=labels,
        entropy=entropy,
        exchange=exchange,
        indices=torch.arange(len(labels), device=labels.device) if indices is None else indices,
        epoch=epoch,
        seed=seed,
    )


def full_precision(side: Side) -> Side:
    """Half-precision tensors as float32, all others as they are."""
    return Side(*(_full(value) for value in side))


def _full(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return tuple(_full(each) for each in value)
    is_half = value is not None and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if is_half else value


def _statistics(sample: weighting.Difficulty, weight: Tensor) -> PreviewStatistics:
    easy = (sample.gamma <= sample.threshold).to(weight.dtype)
    return PreviewStatistics(easy.sum(), (weight * easy).sum(), (weight * (1 - easy)).sum())
