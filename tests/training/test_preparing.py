"""What learns in a preparation, what stays, and what the run takes over."""

from typing import Any

import pytest
import torch

from pckd.errors import InputError
from pckd.models import create_model
from pckd.models.body import body_parameters
from pckd.settings import validate
from pckd.training.config import RunConfig
from pckd.training.preparing import Preparing
from pckd.training.run import Run
from pckd.training.run_data import prepare_data

CPU = torch.device("cpu")


def config_of(method: str, **changes: Any) -> RunConfig:  # noqa: ANN401
    values = {
        "data": {"name": "digits", "classes": [0, 1, 2], "images_per_class": 8},
        "student": "wrn_16_1",
        "teacher": "wrn_16_1",
        "method": method,
        "optimization": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01},
    }
    return validate(RunConfig, values | changes, "run")


def preparing_of(config: RunConfig, term: str) -> Preparing:
    data = prepare_data(config.data, config.protocol)
    return Preparing(config, term, data, teacher_of(config), CPU)


def teacher_of(config: RunConfig) -> Any:  # noqa: ANN401
    assert config.teacher is not None
    torch.manual_seed(0)
    return create_model(config.teacher.model, num_classes=3).eval().requires_grad_(False)


def run_of(config: RunConfig, **arguments: Any) -> Run:  # noqa: ANN401
    data = prepare_data(config.data, config.protocol)
    return Run(config, data, teacher_of(config), CPU, **arguments)


BEHIND = {
    "wrn_16_1": {"bn1", "fc"},
    "resnet8": {"fc"},
    "mobilenetv2": {"conv2", "classifier"},
    "shufflenetv2": {"conv2", "bn2", "linear"},
    "vgg8": {"classifier"},
}


@pytest.mark.parametrize("model", BEHIND)
def test_the_body_ends_with_the_last_stage(model: str) -> None:
    network = create_model(model, num_classes=3)
    body = body_parameters(network, (32, 32))
    outside = {name.split(".")[0] for name, _ in network.named_parameters() if name not in body}
    assert outside == BEHIND[model]


def test_prepared_parts_are_taken_over_and_never_change() -> None:
    config = config_of("ft")
    preparing = preparing_of(config, "ft")
    preparing.train_epoch()
    prepared = preparing.result()
    run = run_of(config, prepared={"ft": prepared})
    assert run.notices == ()
    before = run.plain_module.objective.term("ft").state_dict()
    own = {name for name in before if name.startswith("encoder")}
    assert own
    assert all(torch.equal(before[name], prepared.parts[name]) for name in own)
    run.train_epoch()
    after = run.plain_module.objective.term("ft").state_dict()
    assert all(torch.equal(after[name], prepared.parts[name]) for name in own)


def test_a_run_without_its_preparation_says_so() -> None:
    assert run_of(config_of("ft")).notices == ("ft is not prepared",)


def test_a_preparation_needs_a_teacher() -> None:
    with pytest.raises(InputError, match="teacher is missing: name one, or set the weight of ft "):
        config_of("ft", teacher=None)
