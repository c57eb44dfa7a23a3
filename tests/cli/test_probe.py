"""`pckd probe`: networks that come as files, and the rows that it prints."""

import json
from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch

from pckd.distributed.session import ray_session
from pckd.models import create_model
from pckd.training.network_file import TrainedNetwork

Command = Callable[..., str]
NEW_DIGITS = ("--data", "digits", "--set", "classes=[6, 7]", "--set", "images_per_class=30")


@pytest.fixture(name="cluster", scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    with ray_session(None):
        yield


@pytest.fixture(name="probe")
def _probe(command: Command) -> Command:
    """As `command`, for `pckd probe`."""
    return partial(command, "probe")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A resnet8 for five classes, as RepDistiller would save it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = create_model("resnet8", num_classes=5).state_dict()
    file = tmp_path / "ckpt.pth"
    torch.save({"opt": Namespace(model="resnet8"), "model": state}, file)
    return file


def test_a_foreign_checkpoint_is_probed_once_and_its_rows_are_kept(
    probe: Command, foreign: Path, tmp_path: Path
) -> None:
    arguments = ("./ckpt.pth", "--arch", "ResNet8", *NEW_DIGITS, "--protocol", "crd")
    (printed,) = json.loads(probe(*arguments, "--seed", "1", "--json"))
    (row,) = pd.read_parquet(tmp_path / "results/networks/probes").to_dict("records")
    expected = ("ckpt.pth", "network", "resnet8", "crd v1", 1)
    assert tuple(row[name] for name in ("trial", "role", "model", "protocol", "seed")) == expected
    assert printed["top1"] == row["top1"] > 50
    assert (row["train_images"], row["data"]) == (60, "digits")
    kept = TrainedNetwork.from_bytes(
        (tmp_path / f"results/networks/networks/{row['network']}.safetensors").read_bytes(), "kept"
    )
    assert kept.image_size == [32, 32]
    assert kept.mean == [0.5071, 0.4866, 0.4409]
    assert len(kept.class_names) == 5
    probe(*arguments, "--seed", "1")
    again = pd.read_parquet(tmp_path / "results/networks/probes")
    assert again["updated"].tolist() == [row["updated"]]
    kept_file = (
        f"./results/networks/networks/{row['network']}.safetensors"  # pckd's own file, no --arch
    )
    assert "resnet8" in probe(kept_file, *NEW_DIGITS, "--protocol", "crd", "--seed", "1")
    assert len(pd.read_parquet(tmp_path / "results/networks/probes")) == 1


def test_a_checkpoint_of_another_architecture_leaves_nothing(
    probe: Command, foreign: Path, tmp_path: Path
) -> None:
    sentence = probe("./ckpt.pth", "--arch", "resnet20", *NEW_DIGITS, code=2)
    assert "ckpt.pth does not fit the network: entry" in sentence
    assert not (tmp_path / "results").exists()


def test_pickled_code_does_not_run(probe: Command, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return Path.touch, (tmp_path / "harmed",)  # type: ignore[return-value]

    torch.save({"model": Harm()}, tmp_path / "bad.pth")
    for more in ((), ("--arch", "resnet8")):
        probe("./bad.pth", *more, *NEW_DIGITS, code=2)
    assert not (tmp_path / "harmed").exists()
