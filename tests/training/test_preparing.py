"""Preparations: the parts that learn, those that stay, and those that the run takes over."""

from copy import deepcopy
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


@pytest.mark.parametrize("method", ["ab", "fsp"])
def test_the_body_of_the_student_learns_and_nothing_else_moves(method: str) -> None:
    """A wide ResNet's last BatchNorm keeps weights and statistics, and so does the classifier."""
    config = config_of(method, seed=5)
    preparing = preparing_of(config, method)
    fresh = run_of(config).student.state_dict()
    preparing.train_epoch()
    prepared = preparing.result()
    moved = {
        name for name, value in prepared.student.items() if not torch.equal(value, fresh[name])
    }
    still = fresh.keys() - moved
    assert still == {name for name in fresh if name.split(".")[0] in BEHIND["wrn_16_1"]}
    run = run_of(config, prepared={method: prepared})
    state = run.student.state_dict()
    assert all(torch.equal(state[name], value) for name, value in prepared.student.items())
    assert (run.teacher, run.notices) == (None, ())
    assert run.train_epoch().losses.keys() == {"total", "cross_entropy"}
    assert all(each.requires_grad for each in run.student.parameters())


@pytest.mark.parametrize("method", ["ab", "fsp"])
def test_an_interrupted_preparation_of_a_student_goes_on_bit_for_bit(method: str) -> None:
    config = config_of(method)
    whole, resumed = preparing_of(config, method), preparing_of(config, method)
    whole.train_epoch()
    resumed.load_state(deepcopy(whole.state()))
    assert resumed.train_epoch() == whole.train_epoch()
    assert whole.losses[1] < whole.losses[0]


def test_what_no_training_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"loss\.ab\.weight: 0\.5 is not allowed: 1 prepares"):
        config_of("ab", loss={"ab": 0.5})
    with pytest.raises(InputError, match="the student is only prepared by ab: at least one other"):
        config_of("ab", loss={"cross_entropy": 0})
    with pytest.raises(InputError, match=r"preview\.applies_to: ab only prepares the student; "):
        config_of("ab", preview={"applies_to": ["ab"]})
    with pytest.raises(InputError, match="ab and fsp each prepare the whole student"):
        config_of("ab", loss={"fsp": 1})


def test_networks_of_other_widths_have_no_flow() -> None:
    with pytest.raises(
        InputError, match="fsp cannot be computed for this pair: the student's maps"
    ):
        run_of(config_of("fsp", student="resnet8x4"))
