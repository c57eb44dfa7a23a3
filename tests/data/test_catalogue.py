"""Names, roots and sizes: what is accepted, and what the refusals say."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pckd.data import list_data, open_data
from pckd.errors import InputError

NAMES = ["cifar100", "digits", "folder", "imagenet", "parquet", "stl10", "tiny-imagenet", "voc2007"]
STORED = [name for name in NAMES if name not in ("digits", "imagenet")]


def refusal(
    name: str,
    root: Path | str | None = None,
    *,
    download: bool = False,
    image_size: int | None = None,
) -> str:
    """Message of a refused opening: one sentence in one line."""
    with pytest.raises(InputError) as info:
        open_data(name, root, download=download, image_size=image_size)
    assert "\n" not in str(info.value)
    return str(info.value)


def test_the_names_are_listed() -> None:
    assert list_data() == NAMES


def test_a_misspelt_name_gets_the_near_one() -> None:
    allowed = "; allowed: " + ", ".join(NAMES)
    meant = "; did you mean cifar100?"
    assert refusal("cifar-100") == f"data set 'cifar-100' is not known{meant}{allowed}"
    assert refusal("CIFAR-100").endswith(meant + allowed)
    assert refusal("mnist") == f"data set 'mnist' is not known{allowed}"


@pytest.mark.parametrize("name", STORED)
def test_a_set_that_lies_in_a_folder_needs_data_root(name: str) -> None:
    assert refusal(name).startswith(f"data set '{name}' needs a folder: set data.root to")


@pytest.mark.parametrize("name", STORED)
def test_a_missing_root_is_named(name: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    message = refusal(name, missing)
    assert message.startswith(f"data set '{name}' has no folder {missing}: data.root must hold")
    assert not missing.exists()


@pytest.mark.parametrize("name", STORED)
def test_a_root_without_the_set_says_what_was_looked_for(name: str, root: Path) -> None:
    (root / "file.txt").write_text("something else")
    message = refusal(name, root)
    assert message.startswith(f"data set '{name}' is not in {root} (looked there and in ")
    assert re.search("train-.*parquet|train/CLASS|VOCdevkit", message)


def test_a_root_that_is_no_folder_is_named(root: Path) -> None:
    (root / "file.parquet").write_text("no folder")
    assert refusal("parquet", root / "file.parquet").startswith(
        f"data.root is the file {root}/file.parquet: name the folder"
    )


@pytest.mark.parametrize("name", ["cifar100", "stl10", "tiny-imagenet", "voc2007"])
def test_a_missing_set_says_how_to_get_it(name: str, root: Path) -> None:
    advice = rf"data\.download=true fetches it, or unpack http.* in {root}"
    assert re.search(advice, refusal(name, root))


@pytest.mark.parametrize("name", ["folder", "parquet"])
def test_a_set_of_ones_own_cannot_be_downloaded(name: str, root: Path) -> None:
    assert "cannot be downloaded: place there" in refusal(name, root, download=True)


def test_a_uri_that_cannot_be_opened_is_named() -> None:
    assert refusal("parquet", "nowhere://a/b").startswith("cannot open the data root nowhere://a/b")


@pytest.mark.parametrize("image_size", [0, -32])
def test_a_size_below_one_is_refused(image_size: int) -> None:
    assert refusal("digits", image_size=image_size).startswith("image_size must be 1 or more")


def test_one_root_may_hold_several_sets(
    root: Path,
    random_pixels: Callable[..., NDArray[np.uint8]],
    encode: Callable[..., bytes],
    write_parquet: Callable[..., None],
) -> None:
    for seed, name in enumerate(("cifar100", "tiny-imagenet")):
        encoded = [encode(image) for image in random_pixels(4, 8, 8, 3, seed=seed)]
        for split in ("train", "test"):
            write_parquet(root / name / f"{split}-00000-of-00001.parquet", encoded, [0, 1] * 2)
    cifar, tiny = open_data("cifar100", root), open_data("tiny-imagenet", root)
    assert cifar.fingerprint == open_data("cifar100", root / "cifar100").fingerprint
    assert cifar.fingerprint != tiny.fingerprint
    assert (cifar.name, tiny.name) == ("cifar100", "tiny-imagenet")


def test_importing_the_package_leaves_heavy_libraries_alone() -> None:
    program = "import sys, pckd.data; print(*{name.partition('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert not {"torchvision", "sklearn", "pyarrow", "ray", "pydantic"} & set(result.stdout.split())
