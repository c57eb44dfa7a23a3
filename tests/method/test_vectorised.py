"""Eq. 8 is computed in tensors alone: no loop over samples, no wait for the device."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from pckd.method import STRATEGIES, Side
from tests.method.pckd_objective import PCKD, TERMS

BatchMaker = Callable[..., tuple[Side, Side, Tensor]]

LIMIT = 1.05
forms = pytest.mark.parametrize("form", ["paper", "release"])
strategies = pytest.mark.parametrize("strategy", STRATEGIES)


def make_objective(form: str, strategy: str) -> PCKD:
    """All terms of Eq. 8."""
    own: dict[str, dict[str, Any]] = {
        "center_contrast": {"form": form, "temperature": 1.0},
        "feature_alignment": {"width": 2},
    }
    return PCKD(dict.fromkeys(TERMS, 1.0), own, weigh=STRATEGIES[strategy])


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Counts the tensor operations of a region, and refuses those that wait for the device."""

    WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "_unique2")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        name = func.overloadpacket.__name__
        assert name not in self.WAITING, f"{name} waits for the device"
        self.counts[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("waits", [Tensor.item, bool, float, Tensor.nonzero, lambda x: x[x > 0]])
def test_the_recorder_sees_what_waits_for_the_device(waits: Callable[[Tensor], object]) -> None:
    with Recorder(), pytest.raises(AssertionError, match="waits for the device"):
        waits(torch.ones(()))


def operations(form: str, strategy: str, batch: tuple[Side, Side, Tensor]) -> Counter[str]:
    """Operations that one forward and backward pass dispatches."""
    student, teacher, labels = batch
    leaves = [value.requires_grad_() for value in student[:4]]
    objective = make_objective(form, strategy).double()
    recorder = Recorder()
    with recorder:
        value = objective(student, teacher, labels, LIMIT)
        torch.autograd.grad(value.total, [*leaves, *objective.parameters()])
    return recorder.counts


@forms
@strategies
def test_nothing_waits_and_nothing_loops_over_samples_copies_or_classes(
    make_batch: BatchMaker, form: str, strategy: str
) -> None:
    small = operations(form, strategy, make_batch(images=3, copies=2, classes=2))
    large = operations(form, strategy, make_batch(images=13, copies=4, classes=7))
    assert sum(small.values()) > 50
    assert large == small


@forms
@strategies
def test_an_accelerator_is_never_asked_for_a_value(form: str, strategy: str) -> None:
    """Fake tensors have a device and a shape but no values; mixing devices is an error for them."""
    with FakeTensorMode(), torch.device("cuda"):
        student, teacher = (
            Side(torch.ones(5, 4, 4), torch.ones(5, 4, 3), torch.ones(3, 4), torch.ones(3))
            for _ in range(2)
        )
        labels = torch.zeros(5, dtype=torch.long)
        objective = make_objective(form, strategy)
        with torch.device("cpu"):
            value = objective(student, teacher, labels, LIMIT)
    for each in (value.total, *value.terms.values(), *value.statistics):
        assert each.device.type == "cuda" and each.shape == ()
