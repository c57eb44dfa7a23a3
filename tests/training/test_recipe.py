"""Recipe for ImageNet and imported teachers: warm-up, and a teacher named by hash."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pckd.errors import InputError
from pckd.settings import validate
from pckd.training.config import OptimizationConfig, RunConfig, TeacherConfig
from pckd.training.learning_rate import learning_rate_at


def test_the_rate_rises_in_equal_steps_to_its_initial_value() -> None:
    recipe = OptimizationConfig(epochs=100, learning_rate=0.2, warmup_epochs=4, decay_at=(0.5,))
    rates = [learning_rate_at(recipe, epoch) for epoch in (1, 2, 3, 4, 5, 6, 50, 51)]
    assert rates == pytest.approx([0.04, 0.08, 0.12, 0.16, 0.2, 0.2, 0.2, 0.02], rel=1e-12)


@given(st.integers(1, 300), st.integers(1, 300))
def test_without_warm_up_no_rate_changes_by_a_bit(epochs: int, epoch: int) -> None:
    recipe = OptimizationConfig(epochs=epochs)
    drops = sum(epoch > int(share * epochs + 0.5) for share in recipe.decay_at)
    assert learning_rate_at(recipe, epoch) == 0.05 * 0.1**drops


@pytest.mark.parametrize("warmup_epochs", [3, 4])
def test_a_warm_up_ends_before_the_training(warmup_epochs: int) -> None:
    values = {"epochs": 3, "warmup_epochs": warmup_epochs}
    with pytest.raises(InputError) as caught:
        validate(OptimizationConfig, values, "here")
    sentence = f"warmup_epochs is {warmup_epochs}: it must be below epochs, 3"
    assert str(caught.value) == f"here: {sentence}"


@pytest.mark.parametrize("beginning", ["01234567", "0123abcd" * 8])
def test_a_hash_of_8_to_64_digits_names_a_teacher(beginning: str) -> None:
    assert TeacherConfig(model="vgg8", hash=beginning).hash == beginning


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("0123abc", "'0123abc' is no content hash: 8 to 64 of the digits 0-9 and a-f, .*"),
        ("0" * 65, "'0+' is no content hash: .*"),
        ("0123ABCD", "'0123ABCD' is no content hash: .*"),
        (12345678, "12345678 is not text: write the hash in quotes"),
    ],
)
def test_anything_else_is_refused(value: object, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        validate(TeacherConfig, {"model": "vgg8", "hash": value}, "here")
    assert re.fullmatch(f"here: hash: {sentence}", str(caught.value))


def test_a_hash_counts_only_where_a_teacher_is_needed() -> None:
    def run(**loss: float) -> RunConfig:
        values: dict[str, Any] = {"data": "digits", "student": "resnet8", "loss": loss}
        return RunConfig.model_validate(values | {"teacher": {"model": "vgg8", "hash": "0" * 8}})

    off = {"kd": 0, "center_contrast": 0, "feature_alignment": 0, "center_alignment": 0}
    assert run().teacher_hash == "0" * 8
    assert run(**off).teacher_hash is None
