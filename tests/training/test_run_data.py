"""Images of a run, and the networks that suit them."""

from dataclasses import replace
from pathlib import Path

import pytest

from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.run_data import RunData, check_classes
from pckd.training.run_notices import run_notices
from tests.training.conftest import tiny_config

ONE_BATCH = "a batch of 97 images is more than the 96 there are: an epoch is one step"


def test_a_relative_root_is_meant_from_here_whoever_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert DataConfig(name="cifar100", root="images").root == str(tmp_path / "images")
    for root in (None, "~/images", "s3://bucket/images", str(tmp_path)):
        assert DataConfig(name="cifar100", root=root).root == root


@pytest.mark.parametrize(("size", "said"), [(96, []), (97, [ONE_BATCH])])
def test_a_batch_of_all_images_is_said(size: int, said: list[str], data: RunData) -> None:
    config = tiny_config(optimization={"batch_size": size})
    assert run_notices(config, data) == said


def test_names_of_selected_classes_are_said_unless_they_are_the_numbers(data: RunData) -> None:
    named = replace(data, class_names=("cat", "dog", "ox"), notices=("classes 0, 1, 2 are ...",))
    assert run_notices(tiny_config(), named) == ["classes 0, 1, 2 are ..."]
    assert run_notices(tiny_config(), data) == []


def test_a_network_of_the_same_classes_suits(data: RunData) -> None:
    check_classes(["0", "1", "2"], data, "network")


@pytest.mark.parametrize(
    ("class_names", "sentence"),
    [
        (["0", "1"], r"network tells 2 classes apart, but the images as selected have 3: .*"),
        (["0", "2", "1"], r"network was trained on other classes .* class 1 is '2', .* is '1'"),
    ],
)
def test_a_network_of_other_classes_is_refused(
    data: RunData, class_names: list[str], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"^{sentence}$"):
        check_classes(class_names, data, "network")
