"""`pckd teacher`: published checkpoints become teachers that a study can name."""

import io
import json
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image

from pckd.models import create_model
from pckd.storage import Storage
from pckd.study.study_file import read_study
from pckd.study.teachers import missing_teachers
from pckd.training.importing import read_network
from pckd.training.network_file import TrainedNetwork
from pckd.training.published import REPDISTILLER, SSKD, published_accuracies
from pckd.training.teachers import FOLDER, TeacherStore

Command = Callable[..., str]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A resnet8 for three classes, as RepDistiller would save it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = create_model("resnet8", num_classes=3).state_dict()
    content = {"opt": Namespace(model="resnet8"), "model": {f"module.{k}": state[k] for k in state}}
    torch.save(content, tmp_path / "ckpt_epoch_240.pth")
    return tmp_path / "ckpt_epoch_240.pth"


IMPORT = ("teacher", "import", "ckpt_epoch_240.pth", "--arch", "ResNet8", "--data", "digits")
EPOCHS = ("--set", "optimization.epochs=4", "--set", "optimization.batch_size=32")
THREE = ("--set", "data.classes=[0, 1, 2]")


def test_what_import_prints_can_be_pasted_into_a_study_file(
    command: Command, checkpoint: Path, tmp_path: Path
) -> None:
    out = command(*IMPORT, *THREE)
    assert re.match(r"resnet8: top-1 \d+\.\d\d % on \d+ images\n", out)
    assert "no published accuracy of resnet8 on digits as selected is known" in out
    (card,) = TeacherStore(Storage("results")).cards()
    assert (card.origin, card.num_classes, card.data) == ("ckpt_epoch_240.pth", 3, "digits")
    line = out.splitlines()[-1]
    assert yaml.safe_load(line) == {"teacher": {"model": "resnet8", "hash": card.hash}}
    study = {"study": "pasted", "run": {"data": {"name": "digits", "classes": [0, 1, 2]}}}
    study["run"] |= {"student": "resnet8", **yaml.safe_load(line)}  # type: ignore[operator]
    Path("pasted.yaml").write_text(yaml.safe_dump(study))
    assert missing_teachers(read_study(Path("pasted.yaml"), {}), Storage("results")) == []


def test_import_evaluates_as_the_run_of_a_network_does(command: Command, checkpoint: Path) -> None:
    out = command(*IMPORT, *THREE)
    (card,) = TeacherStore(Storage("results")).cards()
    again = command(
        "evaluate", f"results/{FOLDER}/{card.hash}.safetensors", "--data", "digits", *THREE
    )
    assert again.startswith(out.splitlines()[0].removeprefix("resnet8: "))


def test_the_list_shows_origins_and_hashes_that_can_be_used(
    command: Command, checkpoint: Path
) -> None:
    assert command("teacher", "list") == "none\n"
    command(*IMPORT, *THREE)
    (card,) = TeacherStore(Storage("results")).cards()
    lines = command("teacher", "list").splitlines()
    assert lines[0].split() == ["hash", "model", "data", "classes", "top1", "origin"]
    row = [card.hash[:12], "resnet8", "digits", "3", f"{card.test_top1:.2f}", "ckpt_epoch_240.pth"]
    assert lines[1].split() == row
    (known,) = json.loads(command("teacher", "list", "--json"))
    assert (known["hash"], known["origin"]) == (card.hash, "ckpt_epoch_240.pth")


def test_a_card_of_an_earlier_version_is_a_trained_ones(command: Command, checkpoint: Path) -> None:
    command(*IMPORT, *THREE)
    (path,) = Path("results", FOLDER).glob("*.json")
    path.write_text(path.read_text().replace(', "origin": "ckpt_epoch_240.pth"', ""))
    assert command("teacher", "list").split()[-1] == "trained"


def test_weights_that_are_there_are_not_imported_again(command: Command, checkpoint: Path) -> None:
    command(*IMPORT, *THREE)
    other = checkpoint.rename(checkpoint.with_name("other.pth"))
    command("teacher", "import", str(other), *IMPORT[3:], *THREE)
    assert [card.origin for card in TeacherStore(Storage("results")).cards()] == [
        "ckpt_epoch_240.pth"
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            IMPORT,
            r"ckpt_epoch_240\.pth tells 3 classes apart, but the images .* have 10: set .*",
        ),
        (
            (*IMPORT[:4], "resnet14", *IMPORT[5:]),
            r".* does not fit the network: entry 'layer1\.1.*",
        ),
        ((*IMPORT[:4], "resnt8", *IMPORT[5:]), "model 'resnt8' is not known; did you mean .*"),
        ((*IMPORT[:2], "none.pth", *IMPORT[3:]), "checkpoint none.pth cannot be read: No such .*"),
        ((*IMPORT[:6], "cifar100"), "data set 'cifar100' needs a folder: .*"),
        ((*IMPORT, "--set", "student=vgg8"), ".* teacher import takes data.* keys only, not .*"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(
    command: Command, checkpoint: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    assert re.fullmatch(f"pckd: {sentence}\n", command(*arguments, code=2))
    assert not Path("results").exists()


class Bomb:
    """Ends the process when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('the pickle ran code')",)


def test_a_pickle_bomb_does_not_go_off(command: Command, tmp_path: Path) -> None:
    torch.save({"model": Bomb()}, tmp_path / "ckpt_epoch_240.pth")
    assert "asks for builtins.exec and is not loaded" in command(*IMPORT, *THREE, code=2)


@pytest.fixture
def hundred_classes(tmp_path: Path) -> Path:
    """One training and one test image of each of CIFAR-100's classes, in the hub's layout."""
    folder = tmp_path / "cifar100"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
    images = []
    for image in pixels:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG")
        images.append({"bytes": stream.getvalue(), "path": None})
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(images, kind), "label": pa.array(range(100), pa.int64())})
    for split in ("train", "test"):
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    return folder


def test_an_accuracy_far_from_the_published_ones_is_said(
    command: Command, hundred_classes: Path, tmp_path: Path
) -> None:
    torch.save(create_model("resnet20", num_classes=100).state_dict(), tmp_path / "r20.pth")
    arguments = ("r20.pth", "--arch", "resnet20", "--data", "cifar100", "--data-root")
    out = command("teacher", "import", *arguments, str(hundred_classes))
    top1 = float(re.findall(r"top-1 ([\d.]+) %", out)[0])
    for source, value in (("RepDistiller", 69.06), ("SSKD, trained again", 69.63)):
        assert re.search(rf"{source} +{value:.2f} +{top1 - value:+.2f}", out)
    assert "more than 0.5 points away from every published accuracy" in out


def test_a_network_in_another_order_of_classes_is_found_and_put_right(
    command: Command, tmp_path: Path
) -> None:
    trained = command("teacher", "train", "resnet8", *IMPORT[-2:], *THREE, *EPOCHS)
    own = re.search(r"top-1 \d+\.\d\d %", trained)
    network = next(Path(f"results/{FOLDER}").glob("*.safetensors"))
    state = TrainedNetwork.from_bytes(network.read_bytes(), "kept").state
    for name in ("fc.weight", "fc.bias"):
        state[name] = state[name].roll(1, 0)
    torch.save({"model": state}, "ckpt_epoch_240.pth")
    out = command(*IMPORT, *THREE)
    assert "not better than chance, which is 33.33 % on 3 classes" in out
    possible = re.search(r"in another order it could be (\d+\.\d\d) %", out)
    assert own is not None
    assert possible is not None
    assert float(possible[1]) >= float(own[0].split()[1])
    Path("names.txt").write_text("2\n0\n1\n")
    Path("ckpt_epoch_240.pth").rename("turned.pth")
    again = command(
        "teacher", "import", "turned.pth", *IMPORT[3:], *THREE, "--class-names", "names.txt"
    )
    assert own[0] in again
    assert "chance" not in again


def test_published_accuracies_are_of_the_whole_of_cifar100() -> None:
    both = {"RepDistiller": 75.61, "SSKD, trained again": 76.46}
    assert published_accuracies("wrn_40_2", "cifar100", 100) == both
    assert published_accuracies("resnet110", "cifar100", 100) == {"RepDistiller": 74.31}
    assert published_accuracies("wrn_40_2", "cifar100", 20) == {}
    assert published_accuracies("wrn_40_2", "stl10", 10) == {}
    assert published_accuracies("vgg11", "cifar100", 100) == {}
    assert (len(REPDISTILLER), len(SSKD)) == (15, 13)


def test_torchvisions_accuracies_are_of_the_whole_of_imagenet() -> None:
    published = published_accuracies("torchvision/resnet34", "imagenet", 1000)
    assert published == {"torchvision IMAGENET1K_V1": 73.314}
    assert published_accuracies("torchvision/resnet34", "imagenet", 10) == {}
    assert published_accuracies("resnet56", "imagenet", 1000) == {}


def test_the_last_weights_or_their_average_are_imported(command: Command, checkpoint: Path) -> None:
    state = torch.load(checkpoint, weights_only=False)["model"]
    average = {name: value + 1 for name, value in state.items()}
    torch.save({"model": state, "model_ema": average}, checkpoint)
    command(*IMPORT, *THREE)
    (last,) = TeacherStore(Storage("results")).cards()
    command(*IMPORT, *THREE, "--weights", "model_ema/module.")
    cards = TeacherStore(Storage("results")).cards()
    assert len(cards) == 2
    assert last in cards
    refusal = command(*IMPORT, *THREE, "--weights", "ema", code=2)
    assert "no weights under 'ema'; there are model/module., model_ema/module." in refusal


def test_whoever_reads_one_of_two_weights_is_told_which(checkpoint: Path) -> None:
    state = torch.load(checkpoint, weights_only=False)["model"]
    torch.save({"state_dict_ema": state, "state_dict": state}, checkpoint)
    said: list[str] = []
    read_network(checkpoint, "resnet8", "cifar100", said.append)
    (sentence,) = said
    assert "takes the weights under state_dict/module.; there are also state_dict_ema" in sentence
