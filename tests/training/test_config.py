"""The configuration of a run: the paper's recipe by default, sentences for what is wrong."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pckd.errors import InputError
from pckd.settings import Settings, read_yaml, validate
from pckd.study import spec  # noqa: F401 (its settings are looked at, too)
from pckd.training.changes import changed_run
from pckd.training.config import OptimizationConfig, RunConfig
from pckd.training.learning_rate import learning_rate_at

PAPER = {"data": "cifar100", "teacher": "wrn_40_2", "student": "wrn_16_2"}

RECIPE = {
    # The released code's command line for WRN-40-2 -> WRN-16-2.
    "optimization.epochs": 240,
    "optimization.batch_size": 64,
    "optimization.learning_rate": 0.05,
    "optimization.momentum": 0.9,
    "optimization.weight_decay": 5e-4,
    "optimization.decay_factor": 0.1,
    "loss.cross_entropy.weight": 1.0,
    "loss.center_contrast.weight": 0.05,
    "loss.feature_alignment.weight": 20.0,
    "loss.center_alignment.weight": 1.0,
    "loss.kd.temperature": 4.0,
    "loss.feature_alignment.width": 16,
    "preview.growth_rate": 1.005,
    # The paper's text.
    "loss.center_contrast.form": "paper",
    "preview.strategy": "preview",
    "preview.applies_to": ("kd", "center_contrast"),
    "views.crop_padding": 4,
    "views.flip": True,
    # The protocol of CRD, which the paper follows: all training images, the test images each epoch.
    "protocol": "paper",
    "data.classes": None,
    "data.images_per_class": None,
    "teacher.optimization.epochs": 240,
    "teacher.optimization.learning_rate": 0.05,
    # Inferred: the text lost these two.
    "loss.kd.weight": 1.0,
    "loss.center_contrast.temperature": 0.1,
}


def run(**changes: Any) -> RunConfig:  # noqa: ANN401
    """The paper's run with some keys changed; __ stands for a dot."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return validate(RunConfig, changed_run(PAPER, named), "run.yaml")


@pytest.mark.parametrize(("key", "value"), RECIPE.items())
def test_the_default_is_the_papers(key: str, value: object) -> None:
    values: Any = run().model_dump()
    for part in key.split("."):
        values = values[part]
    assert values == value


def test_the_rate_drops_in_the_epochs_after_150_180_and_210() -> None:
    """RepDistiller's rule: a factor of 0.1 for each boundary with `epoch > boundary`, from 1."""
    rates = [learning_rate_at(OptimizationConfig(), epoch) for epoch in range(1, 241)]
    expected = [0.05] * 150 + [0.005] * 30 + [5e-4] * 30 + [5e-5] * 30
    assert rates == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 40), st.integers(1, 320))
def test_the_drops_scale_with_the_length(eighths: int, epoch: int) -> None:
    epoch = min(epoch, 8 * eighths)
    drops = sum(epoch > boundary * eighths for boundary in (5, 6, 7))
    found = learning_rate_at(OptimizationConfig(epochs=8 * eighths), epoch)
    assert found == pytest.approx(0.05 * 0.1**drops, rel=1e-12)


SLOW = ["mobilenetv2", "MobileNetV2", "mobilenet_v2", "ShuffleV1", "ShuffleV2", "shufflenet-v2"]


@pytest.mark.parametrize("name", SLOW)
def test_mobile_networks_start_at_a_rate_of_0_01(name: str) -> None:
    assert run(student=name).optimization.learning_rate == 0.01
    assert run(student=name, optimization__epochs=3).optimization.learning_rate == 0.01
    assert run(student=name, optimization__learning_rate=0.05).optimization.learning_rate == 0.05
    teacher = run(teacher=name).teacher
    assert teacher is not None
    assert teacher.optimization.learning_rate == 0.01
    assert run(teacher=name).optimization.learning_rate == 0.05


def test_spellings_of_a_model_give_the_same_run() -> None:
    assert run(student="ShuffleV1", teacher="WRN-40-2") == run(student="shufflenetv1")


def test_the_temperature_of_the_contrast_follows_its_form() -> None:
    form = {"loss__center_contrast__form": "release"}
    assert run(**form).loss["center_contrast"].model_dump()["temperature"] == 4.0
    given = run(**form, loss__center_contrast__temperature=0.5)
    assert given.loss["center_contrast"].model_dump()["temperature"] == 0.5


def test_a_name_stands_for_a_section() -> None:
    assert run() == run(data={"name": "cifar100"}, teacher={"model": "wrn_40_2"})


def test_another_teacher_or_data_set_keeps_the_other_keys_of_its_section() -> None:
    values = {"teacher": {"model": "wrn_40_2", "seed": 3}, "data": {"name": "digits", "root": "x"}}
    assert changed_run(values, {"teacher": "resnet20", "data": "cifar100"}) == {
        "teacher": {"model": "resnet20", "seed": 3},
        "data": {"name": "cifar100", "root": "x"},
    }
    assert changed_run(PAPER, {"teacher.seed": 1})["teacher"] == {"model": "wrn_40_2", "seed": 1}
    assert changed_run(values, {"teacher": None})["teacher"] is None


def test_the_teachers_run_is_plain_and_on_the_same_images() -> None:
    config = run(protocol="holdout", teacher="MobileNetV2", teacher__seed=7, seed=3)
    teacher = config.teacher_run()
    assert (teacher.student, teacher.seed, teacher.teacher) == ("mobilenetv2", 7, None)
    for shared in ("data", "protocol", "views"):
        assert getattr(teacher, shared) == getattr(config, shared)
    assert set(teacher.loss.active) == {"cross_entropy"}
    assert (teacher.preview.strategy, teacher.optimization.learning_rate) == ("none", 0.01)
    assert run(seed=9, loss__kd=0.5).teacher_run() == run().teacher_run()


WEIGHT = st.floats(1e-9, 1e9)


@given(WEIGHT, WEIGHT, st.floats(1, 2), st.sampled_from(["paper", "release"]))
def test_written_out_and_read_again_it_is_the_same(
    kd: float, rate: float, growth: float, form: str
) -> None:
    changes = {
        "loss__kd": kd,
        "optimization__learning_rate": rate,
        "loss__center_contrast__form": form,
    }
    config = run(student="ShuffleV1", preview__growth_rate=growth, data__classes=[3, 1], **changes)
    assert validate(RunConfig, json.loads(config.model_dump_json()), "json") == config
    assert TypeAdapter(RunConfig).validate_python(config.model_dump()) == config


def test_as_yaml_it_is_the_same(tmp_path: Path) -> None:
    config = run(loss__kd=1e-5, teacher__optimization__decay_at=[0.25, 0.5], seed=4)
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert validate(RunConfig, read_yaml(tmp_path / "run.yaml"), "run.yaml") == config


PLAIN = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}

BAD: list[tuple[dict[str, Any], str]] = [
    ({"loss.kdd": 1}, "loss: kdd is not a known term; did you mean kd.*?; allowed: .*"),
    ({"loss.kd.temprature": 1}, "loss.kd.temprature is not a known key; .*; did you mean .*?"),
    ({"loss.temperature": 1}, "loss.temperature is now called loss.kd.temperature"),
    ({"loss": {"temperature": 1}}, "loss.temperature is now called loss.kd.temperature"),
    ({"loss": {"kd": 1}, "loss.kd": 2}, "loss.kd.weight is set twice"),
    ({"method": "pkd"}, "'pkd' is not a known method; did you mean .*?; allowed: .*"),
    ({"method": ["crd"]}, r"\['crd'\] is not a known method; did you mean crd?; allowed: .*"),
    ({"student": "resnet88"}, "student: model 'resnet88' is not known; did you mean resnet8,.*"),
    ({"student": 8}, "student.* 8.*"),
    ({"student": None}, "student.* None.*"),
    *(
        ({key: None}, f"{key} is None, but must be a mapping of keys to values")
        for key in ("loss", "preview", "optimization", "teacher.optimization", "views", "data")
    ),
    ({"teacher": "wrn_40"}, "teacher.model: model 'wrn_40' is not known; did you mean wrn_40_.*"),
    ({"teacher": {"model": 40}}, "teacher.model.* 40.*"),
    ({"teacher.model.name": "x"}, "teacher.model.name: .*"),
    ({"teacher": None}, "teacher is missing: name one, or set .* to 0"),
    ({"loss": {**PLAIN, "cross_entropy": 0}}, "loss: every weight is 0: .*"),
    ({"data": "cifr100"}, "data.name: data set 'cifr100' is not known; did you mean cifar100?.*"),
    ({"data.name": 100}, "data.name.* 100.*"),
    ({"data.images_per_class": 1}, "data.images_per_class is 1: .* 2"),
    ({"data.holdout_fraction": 1.0}, "data.holdout_fraction is 1.0: .* less than 1"),
    ({"loss.kd": -0.1}, "loss.kd.weight is -0.1: .* 0"),
    ({"preview.growth_rate": 0.99}, "preview.growth_rate is 0.99: .* 1"),
    (
        {"preview.growth_rate": 2, "optimization.epochs": 1100},
        r"preview.growth_rate is 2: .* no finite number after 1100 epochs; take less than 1\.9065",
    ),
    ({"preview.applies_to": ["kd", "ce"]}, "preview.applies_to: ce is not a term .*; allowed: .*"),
    ({"preview.applies_to": ["center_alignment"]}, "preview.* is one number for the batch.*"),
    ({"optimization.decay_at": [0.75, 0.5]}, "optimization.decay_at: .* must rise .* 0 and 1"),
    ({"optimization.decay_at": [0.5, 0.5]}, "optimization.decay_at: .* must rise .*"),
    ({"optimization.decay_at": [0.5, 1.5]}, "optimization.decay_at: .* 0 and 1"),
    ({"seed": -1}, "seed is -1: .* 0"),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD, ids=[str(changes) for changes, _ in BAD])
def test_bad_input_is_one_sentence_with_key_and_value(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        validate(RunConfig, changed_run(PAPER, changes), "run.yaml")
    pattern = sentence.replace("?", r"\?")
    assert re.fullmatch(f"(run.yaml: )?{pattern}", str(caught.value))


def test_plain_cross_entropy_needs_no_teacher() -> None:
    config = run(teacher=None, loss=PLAIN)
    assert not config.needs_teacher
    with pytest.raises(ValueError, match="no teacher"):
        config.teacher_run()


def settings_classes(kind: type[Settings] = Settings) -> list[type[Settings]]:
    below = [inner for one in kind.__subclasses__() for inner in (one, *settings_classes(one))]
    return [
        one
        for one in below
        if one.__module__.startswith("pckd.")
        and vars(sys.modules[one.__module__]).get(one.__name__) is one  # not made while validating
    ]


@pytest.mark.parametrize("kind", settings_classes(), ids=lambda kind: kind.__name__)
def test_every_field_says_what_it_is(kind: type[Settings]) -> None:
    silent = [name for name, field in kind.model_fields.items() if not field.description]
    assert not silent
