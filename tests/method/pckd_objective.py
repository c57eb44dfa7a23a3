"""PCKD's objective for tests of the method: its five terms, called with a batch."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pckd.method import (
    STRATEGIES,
    Difficulty,
    Exchange,
    NetworkShape,
    Objective,
    ObjectiveValue,
    Side,
    SingleProcess,
    Task,
    Term,
    find_term,
    make_step,
)

TERMS = ("cross_entropy", "kd", "center_contrast", "feature_alignment", "center_alignment")


class PCKD(nn.Module):
    """Terms by name and weight, for students of width 4 and teachers of any."""

    def __init__(
        self,
        weights: Mapping[str, float],
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        teacher_width: int = 4,
        weigh: Callable[[Difficulty], Tensor] = STRATEGIES["preview"],
        applies_to: Collection[str] = ("kd", "center_contrast"),
        exchange: Exchange | None = None,
    ) -> None:
        super().__init__()
        task = Task(NetworkShape(4), NetworkShape(teacher_width), 3, torch.zeros(9).long(), 2)
        terms: dict[str, Term[Any]] = {}
        for name, weight in weights.items():
            kind = find_term(name)
            config = kind.Config.model_validate(
                {**(settings or {}).get(name, {}), "weight": weight}
            )
            terms[name] = kind(config, task)
        self.objective = Objective(terms, weigh=weigh, applies_to=applies_to)
        self.exchange = exchange or SingleProcess()

    def term(self, name: str) -> Any:  # noqa: ANN401
        """One of its terms."""
        return self.objective.terms[name]

    def forward(
        self, student: Side, teacher: Side | None, labels: Tensor, threshold: float
    ) -> ObjectiveValue:
        """Evaluate the objective on a batch."""
        value: ObjectiveValue = self.objective(
            make_step(student, teacher, labels, self.exchange), threshold
        )
        return value
