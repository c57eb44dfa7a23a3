"""`pckd export`."""

from collections.abc import Callable
from math import nan
from pathlib import Path

import pytest

from pckd.models import create_model
from pckd.training.network_file import TrainedNetwork

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

Command = Callable[..., str]


@pytest.fixture(autouse=True)
def _network(command: Command) -> None:
    state = create_model("resnet8", num_classes=2).state_dict()
    shown = ([0.5] * 3, [0.2] * 3, [32, 32])
    network = TrainedNetwork("resnet8", state, ["cat", "dog"], *shown, "pets", "", "", nan)
    Path("student.safetensors").write_bytes(network.to_bytes())


def test_a_network_becomes_an_onnx_file_that_is_not_overwritten(command: Command) -> None:
    out = command("export", "student.safetensors", "new/student.onnx")
    assert out == (
        "new/student.onnx: resnet8, 2 classes, images of 32 x 32 pixels; onnxruntime gives its "
        "logits\n"
    )
    content = Path("new/student.onnx").read_bytes()
    refusal = command("export", "student.safetensors", "new/student.onnx", code=2)
    assert "is there already: --force overwrites it" in refusal
    assert Path("new/student.onnx").read_bytes() == content


@pytest.mark.parametrize(
    ("network", "to", "sentence"),
    [
        ("nothing.safetensors", "a.onnx", "there is no such file"),
        ("student.safetensors", "a.pt", "must end in .onnx"),
        ("text.safetensors", "a.onnx", "text.safetensors: cannot be read as a checkpoint"),
    ],
)
def test_what_cannot_be_exported_is_said(
    command: Command, network: str, to: str, sentence: str
) -> None:
    Path("text.safetensors").write_text("no network")
    assert sentence in command("export", network, to, code=2)
    assert not Path(to).exists()
