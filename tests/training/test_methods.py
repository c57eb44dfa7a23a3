"""Every method trains, from the name in a study file to the losses of an epoch."""

import math
from copy import deepcopy
from typing import Any

import pytest
import torch

from pckd.method.presets import PRESETS
from pckd.models import create_model
from pckd.training.config import RunConfig
from pckd.training.run import Run
from pckd.training.run_data import prepare_data

CPU = torch.device("cpu")


def run_of(method: str, **changes: Any) -> Run:  # noqa: ANN401
    config = RunConfig.model_validate(
        {
            "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 8},
            "student": "resnet8",
            "teacher": "wrn_16_1",
            "method": method,
            "optimization": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01},
            **changes,
        }
    )
    data = prepare_data(config.data, config.protocol)
    torch.manual_seed(0)
    teacher = create_model("wrn_16_1", num_classes=3).eval().requires_grad_(False)
    return Run(config, data, teacher if config.needs_teacher else None, CPU)


@pytest.mark.parametrize("method", PRESETS)
def test_a_method_trains_with_the_terms_of_its_preset(method: str) -> None:
    run = run_of(method)
    record = run.train_epoch()
    assert record.weights.keys() == run.config.loss.trained.keys()
    assert run.config.loss.active.keys() == PRESETS[method].terms.keys()
    assert all(math.isfinite(loss) for loss in record.losses.values())


@pytest.mark.parametrize("method", ["crd", "vid", "cc", "reviewkd", "mld", "ft", "sskd"])
def test_a_resumed_run_goes_on_bit_for_bit(method: str) -> None:
    """Terms keep their state and learned parts, and draw by the step alone."""
    whole, resumed = run_of(method), run_of(method)
    whole.train_epoch()
    resumed.load_state(deepcopy(whole.state()))
    assert resumed.train_epoch().losses == whole.train_epoch().losses


@pytest.mark.parametrize(
    ("method", "needed"),
    [("mld", "cross_entropy, mld need strong views"), ("at", "at needs stage maps")],
)
def test_a_run_says_why_it_has_no_bank(method: str, needed: str) -> None:
    assert run_of(method, bank=True).notices == (f"the teacher has no bank: {needed}",)


def test_the_student_sees_the_strong_views_after_the_plain_ones() -> None:
    """Each view has BatchNorm statistics of its own: the layers count two batches a step."""
    counts = {}
    for method in ("mld", "kd"):
        run = run_of(method)
        run.train_epoch()
        counts[method] = {
            int(value) for name, value in run.student.state_dict().items() if "tracked" in name
        }
    assert counts == {"mld": {6}, "kd": {3}}
