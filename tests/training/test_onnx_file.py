"""Networks as ONNX files, run by onnxruntime."""

import json
from dataclasses import fields
from math import nan

import pytest
import torch

from pckd.errors import RunError
from pckd.models import create_model
from pckd.training import onnx_file
from pckd.training.network_file import TrainedNetwork
from pckd.training.onnx_file import to_onnx

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def trained(model: str) -> TrainedNetwork:
    network = create_model(model, num_classes=3)
    return TrainedNetwork(
        model=model,
        state=network.state_dict(),
        class_names=["cat", "dog", "owl"],
        mean=[0.5, 0.4, 0.3],
        std=[0.2, 0.2, 0.2],
        image_size=[32, 32],
        data="pets",
        data_fingerprint="",
        trial="",
        test_top1=nan,
    )


@pytest.mark.parametrize("model", ["resnet8", "wrn_16_1", "vgg8", "shufflenetv2"])
def test_onnxruntime_gives_the_networks_logits(model: str) -> None:
    network = trained(model)
    session = onnxruntime.InferenceSession(to_onnx(network), providers=["CPUExecutionProvider"])
    images = torch.randn(5, 3, 32, 32)
    (logits,) = session.run(None, {"images": images.numpy()})
    own = network.network(torch.device("cpu"))(images).logits
    torch.testing.assert_close(torch.from_numpy(logits), own, rtol=1e-4, atol=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["class_names"]) == ["cat", "dog", "owl"]
    assert json.loads(metadata["mean"]) == [0.5, 0.4, 0.3]
    assert set(metadata) <= {field.name for field in fields(network)}


def test_other_outputs_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "TOLERANCE", -1.0)
    with pytest.raises(RunError, match="gives other logits: they differ by up to"):
        to_onnx(trained("resnet8"))
