"""Records of an epoch, collected without stopping the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pckd.errors import RunError
from pckd.method import ObjectiveValue
from pckd.training.group import Group


class DivergedError(RunError):
    """A loss became NaN or infinite: the run ends, the message names the term and the step."""


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch of a run; accuracies and shares in percent."""

    epoch: int
    """From 1."""
    learning_rate: float
    threshold: float
    """t of Eq. 7."""
    losses: dict[str, float]
    """Mean of each active term before its weight, and `total`, their weighted sum."""
    weights: dict[str, float]
    """Weight of each active term in this epoch."""
    easy_share: float
    easy_weight: float | None
    """Mean weight of the easy samples; None if there were none."""
    hard_weight: float | None
    """Mean weight of the hard samples; None if there were none."""
    top1: float
    """Accuracy on the selecting images: held out, or the test images under protocol paper."""
    top5: float
    seconds: float
    """Duration of training and evaluation."""
    images_per_second: float
    """Training images, before their rotated copies."""


class StepRecorder:
    """Collector of every step's numbers on the device; the host reads them once an epoch."""

    def __init__(self, steps: int, device: torch.device) -> None:
        self.steps = steps
        self.device = device
        self.step = 0
        self.names: list[str] = []
        self.rows = torch.empty(0)

    def add(self, parts: Sequence[tuple[float, ObjectiveValue]]) -> None:
        """Note one step: the objectives of its parts, each with its share of the images."""
        if not self.names:
            _, first = parts[0]
            self.names = ["total", *first.terms]
            width = len(self.names) + len(first.statistics)
            self.rows = torch.zeros(self.steps, width, device=self.device)
        for share, objective in parts:
            losses = share * torch.stack([objective.total, *objective.terms.values()])
            row = torch.cat([losses, torch.stack(objective.statistics)])
            self.rows[self.step] += row.detach()
        self.step += 1

    def read(self, group: Group, epoch: int) -> tuple[dict[str, float], Tensor]:
        """The mean losses by name and the summed statistics, over all steps and ranks.

        Returns:
            Losses, each the mean over steps; and [easy count, easy weight, hard weight] as sums.

        Raises:
            DivergedError: Some step's term was not finite.
        """
        rows = group.sum(self.rows).cpu().double()
        losses = rows[:, : len(self.names)] / group.size
        self._check_finite(losses, epoch)
        means = losses.mean(0).tolist()
        return dict(zip(self.names, means, strict=True)), rows[:, len(self.names) :].sum(0)

    def _check_finite(self, losses: Tensor, epoch: int) -> None:
        bad = ~losses.isfinite()
        if not bad.any():
            return
        step = int(bad.any(1).nonzero()[0])
        terms = [
            name for name, is_bad in zip(self.names, bad[step].tolist(), strict=True) if is_bad
        ]
        term = next((name for name in terms if name != "total"), "total")
        value = losses[step, self.names.index(term)].item()
        raise DivergedError(
            f"the loss term {term} became {value} in epoch {epoch}, step {step + 1} of {self.steps}"
        )
