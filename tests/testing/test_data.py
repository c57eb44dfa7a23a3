"""Data sets of plug-ins, and the checks that they must pass."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch

from pckd.data import DataInMemory, list_data, open_data, plugins, register_data
from pckd.errors import InputError
from pckd.settings import validate
from pckd.testing import DataError, check_data
from pckd.training.config import DataConfig


def made() -> DataInMemory:
    """Twelve training and six test images of three classes, 16 pixels high and wide."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (18, 3, 16, 16), dtype=torch.uint8, generator=generator)
    labels = torch.arange(18) % 3
    return DataInMemory(pixels[:12], labels[:12], pixels[12:], labels[12:], ("cat", "dog", "emu"))


@pytest.fixture(autouse=True)
def own_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No plug-in outlives its test."""
    monkeypatch.setattr(plugins, "_registered", {})
    plugins.offered.cache_clear()
    yield
    plugins.offered.cache_clear()


def test_a_registered_data_set_is_opened_by_its_name() -> None:
    register_data("my-animals", made)
    data, given = open_data("my-animals"), made()
    assert torch.equal(data.train.images, given.train_images)
    assert torch.equal(data.test.labels, given.test_labels)
    assert data.class_names == given.class_names
    assert open_data("my-animals", image_size=8).train.images.shape == (12, 3, 8, 8)
    assert "my-animals" in list_data()
    assert validate(DataConfig, {"name": "my-animals"}, "here").name == "my-animals"
    check_data("my-animals")


def test_an_installed_package_offers_a_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("their-animals", f"{__name__}:made", plugins.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: made)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    assert "their-animals" in list_data()
    check_data("their-animals")


def test_a_plug_in_that_cannot_be_imported_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("lost", "no_such_module:read", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    with pytest.raises(InputError, match="plug-in no_such_module:read cannot be imported"):
        open_data("lost")


def test_other_content_is_seen_at_once() -> None:
    current = [made()]
    register_data("changing", lambda: current[0])
    before = open_data("changing").fingerprint
    current[0] = replace(made(), train_labels=made().train_labels.flip(0))
    assert open_data("changing").fingerprint != before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"train_images": torch.zeros(12, 3, 4, 4)}, r"train_images of torch\.float32"),
        ({"test_images": torch.zeros(6, 4, 4, dtype=torch.uint8)}, "test_images of torch"),
        ({"train_labels": torch.zeros(3, dtype=torch.int64)}, "train_labels of torch"),
        ({"test_labels": torch.full((6,), 9)}, "test labels outside 0 to 2"),
        ({"class_names": ("cat", "dog", "emu", "fox")}, "without a training image: fox"),
    ],
)
def test_what_is_no_data_set_is_refused(changes: dict[str, Any], sentence: str) -> None:
    register_data("wrong", lambda: replace(made(), **changes))
    with pytest.raises(InputError, match=sentence):
        open_data("wrong")


def failing() -> DataInMemory:
    raise ValueError("no disk")


def test_a_reader_that_fails_is_named() -> None:
    register_data("failing", failing)
    with pytest.raises(InputError, match=r"data set 'failing': plug-in .* cannot read it.*no disk"):
        open_data("failing")


@pytest.mark.parametrize("name", ["", "a b", "a/b"])
def test_a_name_that_no_study_file_can_write_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="a name has letters"):
        register_data(name, made)


@pytest.mark.parametrize("name", ["digits", "imagenet"])
def test_the_names_of_built_in_data_sets_are_taken(name: str) -> None:
    with pytest.raises(InputError, match="is known already"):
        register_data(name, made)


def drawing() -> DataInMemory:
    torch.rand(1)
    return made()


def grey() -> DataInMemory:
    return replace(made(), train_images=torch.full((12, 3, 16, 16), 7, dtype=torch.uint8))


def restless() -> DataInMemory:
    return replace(made(), train_labels=made().train_labels[torch.randperm(12, generator=STREAM)])


STREAM = torch.Generator().manual_seed(0)


def one_class() -> DataInMemory:
    zeros = (torch.zeros(12, dtype=torch.int64), torch.zeros(6, dtype=torch.int64))
    return replace(made(), train_labels=zeros[0], test_labels=zeros[1], class_names=("cat",))


def twins() -> DataInMemory:
    return replace(made(), class_names=("cat", "cat", "emu"))


@pytest.mark.parametrize(
    ("reader", "sentence"),
    [
        (drawing, "draws from torch's generator"),
        (grey, "all pixels of its training images are equal"),
        (restless, "opened twice, it holds other images or labels"),
        (one_class, "it has 1 class"),
        (twins, "two of its classes have the same name"),
    ],
)
def test_the_checks_find_what_is_wrong(reader: Callable[[], DataInMemory], sentence: str) -> None:
    register_data("odd", reader)
    with pytest.raises(DataError, match=sentence):
        check_data("odd")


def test_built_in_digits_pass() -> None:
    check_data("digits")


def test_the_example_of_the_documentation_runs() -> None:
    page = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {"__name__": "example"})
    assert "animals" in list_data()
