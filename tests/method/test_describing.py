"""Descriptions of terms that are no built-in ones."""

from typing import Literal

import pytest
from pydantic import Field
from torch import Tensor

from pckd.method import Step, Term, TermConfig
from pckd.method.describing import describe_term


class PowersConfig(TermConfig):
    """Settings with a choice of numbers."""

    power: Literal[1, 2] = Field(2, description="of the difference")


class Powers(Term[PowersConfig]):
    """P_i = mean_j |z_s[j] - z_t[j]|^p, [B]."""

    Config = PowersConfig
    label = "Powers"

    def forward(self, step: Step) -> Tensor:
        difference = step.student.logits[:, 0] - step.taught().logits[:, 0].detach()
        return difference.abs().pow(self.config.power).mean(1)


def test_a_choice_of_numbers_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pckd.method.registry._registered", {"powers": Powers})
    (_, power) = describe_term("powers").parameters
    assert (power.default, power.allowed) == (2, "1 or 2")
