"""The arrays of a student's file, against a slow loop over the images."""

from math import exp, log
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from pckd.data import ImageSet, ImageSplit
from pckd.errors import InputError
from pckd.models import Network, create_model
from pckd.study.paths import network_path
from pckd.study.pictures import looking
from pckd.study.pictures.file import Array, read_pictures
from pckd.study.pictures.looking import example_arrays
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData, prepare_data
from pckd.training.teachers import FOLDER as TEACHERS

if TYPE_CHECKING:
    from tests.study.pictures.conftest import Finished

LABEL = 2


@pytest.fixture(name="kept")
def _kept(study: "Finished") -> list[dict[str, Array]]:
    """The arrays of the KD student and of the plain one."""
    for task in study.tasks():
        study.make(task)
    return [read_pictures(study.storage, task.path) for task in study.tasks()]


def pixels(split: ImageSplit) -> torch.Tensor:
    """uint8 [N, 3, H, W]."""
    assert isinstance(split, ImageSet)
    return split.images


def outputs(network: Network, image: torch.Tensor, data: RunData) -> tuple[Array, Array]:
    """Features and logits of one image, uint8 [3, H, W]."""
    pixels = (image.double() / 255 - torch.tensor(data.mean).double()[:, None, None]) / (
        torch.tensor(data.std).double()[:, None, None]
    )
    found = network(pixels.float()[None])
    return found.features[0].numpy(), found.logits[0].double().numpy()


def entropy(logits: Array, label: int) -> float:
    return log(sum(exp(value - logits[label]) for value in logits))


def test_centres_and_features_are_those_of_the_networks(
    study: "Finished", kept: list[dict[str, Array]]
) -> None:
    task = study.tasks()[0]
    data = prepare_data(task.trial.config.data, "paper")
    paths = {
        "student": network_path(task.trial),
        "teacher": f"{TEACHERS}/{task.teacher}.safetensors",
    }
    chosen = [
        position
        for label in range(4)
        for position in (data.test.labels == label).nonzero().flatten().tolist()[:4]
    ]
    assert kept[0]["feature_labels"].tolist() == data.test.labels[chosen].tolist()
    for role, path in paths.items():
        trained = study.network(path)
        network = trained.network(torch.device("cpu"))
        name = f"{network.classifier_name}.weight"
        assert np.array_equal(kept[0][f"{role}_centers"], trained.state[name].numpy())
        features = [outputs(network, pixels(data.test)[place], data)[0] for place in chosen]
        np.testing.assert_allclose(kept[0][f"{role}_features"], features, rtol=1e-4, atol=1e-5)
    assert kept[0]["class_names"].tolist() == ["0", "1", "2", "3"]
    assert "teacher_centers" not in kept[1] and "teacher_features" not in kept[1]
    assert not np.array_equal(kept[0]["student_centers"], kept[1]["student_centers"])


def test_difficulty_and_weight_follow_equations_5_to_7(
    study: "Finished", kept: list[dict[str, Array]]
) -> None:
    trial = study.tasks()[0].trial
    data = prepare_data(trial.config.data, "paper")
    network = study.network(network_path(trial)).network(torch.device("cpu"))
    labels = data.train.labels.tolist()
    losses = [
        entropy(outputs(network, image, data)[1], label)
        for image, label in zip(pixels(data.train), labels, strict=True)
    ]
    gammas = {
        position: loss / np.mean(losses)
        for position, (loss, label) in enumerate(zip(losses, labels, strict=True))
        if label == LABEL
    }
    arrays, order = kept[0], sorted(gammas, key=lambda position: gammas[position])
    assert arrays["example_positions"].tolist() == order
    np.testing.assert_allclose(
        arrays["example_difficulty"], [gammas[position] for position in order], rtol=1e-3
    )
    limit = 1.005
    weights = [1.0 if gammas[p] <= limit else exp(-(gammas[p] ** 2)) for p in order]
    np.testing.assert_allclose(arrays["example_weight"], weights, rtol=1e-3)
    assert 1.0 in weights and min(weights) < 1, "both kinds are wanted here"
    assert (float(arrays["threshold"]), int(arrays["mean_images"])) == (limit, 96)
    assert float(arrays["mean_cross_entropy"]) == pytest.approx(np.mean(losses), rel=1e-4)
    shown = [pixels(data.train)[p].permute(1, 2, 0).numpy() for p in (*order[:3], *order[-3:])]
    assert np.array_equal(arrays["example_images"], shown)
    assert str(arrays["strategy"]) == "preview"
    assert set(kept[1]["example_weight"].tolist()) == {1.0}


def test_the_mean_is_over_an_even_sample_of_many_images(
    study: "Finished", monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = study.tasks()[0].trial
    data = prepare_data(trial.config.data, "paper")
    network = study.network(network_path(trial)).network(torch.device("cpu"))
    monkeypatch.setattr(looking, "MEAN_IMAGES", 3)
    arrays = example_arrays(trial.config, network, data, LABEL, 50)
    losses = [
        entropy(outputs(network, pixels(data.train)[p], data)[1], int(data.train.labels[p]))
        for p in (0, 48, 95)  # the first, the last and the one between them
    ]
    assert int(arrays["mean_images"]) == 3
    assert float(arrays["mean_cross_entropy"]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert len(arrays["example_images"]) == 24, "the easiest and the hardest do not overlap"


def test_a_network_that_is_gone_is_named(study: "Finished") -> None:
    task = study.tasks()[0]
    path = f"{TEACHERS}/{task.teacher}.safetensors"
    content = study.storage.read(path)
    try:
        study.storage.delete(path)
        with pytest.raises(InputError, match=f"no longer holds {path}: pictures need it"):
            study.make(task)
    finally:
        study.storage.write(path, content)


def test_streamed_images_are_looked_at_as_the_network_is_tested_on_them(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for label, name in enumerate(("n01440764", "n01443537")):
            (tmp_path / split / name).mkdir(parents=True)
            for image in range(4):
                pixels = random.integers(0, 120, (60, 80, 3), dtype=np.uint8)
                pixels[..., label] += 100
                Image.fromarray(pixels).save(tmp_path / split / name / f"{name}_{image}.JPEG")
    values = {"name": "imagenet", "root": str(tmp_path), "loader_workers": 0}
    config = RunConfig.model_validate({"data": values, "student": "resnet8", "teacher": "resnet14"})
    data = prepare_data(config.data, "paper")
    network = create_model("resnet8", num_classes=2).eval()
    arrays = example_arrays(config, network, data, 1, 2)
    assert arrays["example_images"].shape == (4, 224, 224, 3)
    assert arrays["example_difficulty"].shape == (4,)
    crops = torch.cat([images for images, _ in data.train.evaluation_batches(8)])
    order = [*arrays["example_positions"][:2], *arrays["example_positions"][-2:]]
    assert np.array_equal(arrays["example_images"], crops[order].permute(0, 2, 3, 1).numpy())
