"""Probes of images that show several classes each, against scikit-learn class by class."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from pckd.data import ImageData, ImageSet
from pckd.data.selection import stratified_split
from pckd.data.streams import Purpose, random_stream
from pckd.errors import InputError
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.transfer import crd, frozen
from pckd.transfer.exact import WEIGHT_DECAYS
from pckd.transfer.exact import fit as fit_exact
from pckd.transfer.features import LabelledFeatures
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import classification_loss
from pckd.transfer.measures import mean_average_precision
from pckd.transfer.probe import probe
from pckd.transfer.protocols import PROTOCOLS
from pckd.transfer.sgd import fit_sgd
from pckd.transfer.target import open_target

CPU = torch.device("cpu")
CLASSES = 3


def rows(images: int, seed: int) -> LabelledFeatures:
    """Features of which each class moves one; some classes are not counted."""
    generator = torch.Generator().manual_seed(seed)
    there = torch.rand(images, CLASSES, generator=generator) < 0.4
    features = torch.randn(images, 5, generator=generator)
    features[:, :CLASSES] += 1.5 * there
    unknown = torch.rand(images, CLASSES, generator=generator) < 0.1
    return LabelledFeatures(features, there.long().masked_fill(unknown, -1))


@pytest.fixture
def target() -> FrozenTarget:
    return FrozenTarget((rows(300, 0),), rows(400, 1), CLASSES, "made", CPU, 0.0, "made.pt")


def test_exact_equals_a_logistic_regression_a_class(target: FrozenTarget) -> None:
    head = fit_exact(target, seed=2)
    features, labels = target.train.features.double().numpy(), target.train.labels.numpy()

    def fitted(x: np.ndarray, y: np.ndarray, decay: float) -> LogisticRegression:
        regression = LogisticRegression(C=1 / (decay * len(y)), tol=1e-8, max_iter=20_000)
        return make_pipeline(StandardScaler(), regression).fit(x, y)

    losses = np.zeros(len(WEIGHT_DECAYS))
    for of_class in labels.T:
        x, y = features[of_class >= 0], of_class[of_class >= 0]
        kept, held = stratified_split(y, 0.1, random_stream(2, Purpose.HOLD_OUT))
        for place, decay in enumerate(WEIGHT_DECAYS):
            guess = fitted(x[kept], y[kept], decay).predict_proba(x[held])
            losses[place] += log_loss(y[held], guess)
    assert head.weight_decay == WEIGHT_DECAYS[int(np.argmin(losses))]

    scores, precisions = head.scores(target.test), []
    tests = target.test.labels.numpy()
    for place, of_class in enumerate(labels.T):
        model = fitted(features[of_class >= 0], of_class[of_class >= 0], head.weight_decay)
        theirs = model.decision_function(target.test.features.double().numpy())
        np.testing.assert_allclose(scores[:, place].numpy(), theirs, atol=1e-3)
        counted = tests[:, place] >= 0
        precisions.append(average_precision_score(tests[counted, place], theirs[counted]))
    mean = mean_average_precision(scores, target.test.labels)
    assert mean == pytest.approx(100 * np.mean(precisions), abs=1e-3)
    assert 60 < mean < 100  # chance is the share of images that show a class, 40


def test_average_precision_is_precision_at_each_hit() -> None:
    # By hand: hits at ranks 1 and 3 of those that count, (1/1 + 2/3) / 2; the other class, 1/2.
    scores = torch.tensor([[9.0, 1], [8, 9], [7, 8], [6, 0]])
    labels = torch.tensor([[1, 0], [0, 0], [1, 1], [-1, 0]])
    expected = 100 * ((1 + 2 / 3) / 2 + 1 / 2) / 2
    assert mean_average_precision(scores, labels) == pytest.approx(expected)


def test_the_loss_adds_classes_and_leaves_out_what_is_not_counted() -> None:
    scores = torch.tensor([[2.0, -1.0], [0.5, 3.0]], dtype=torch.float64)
    labels = torch.tensor([[1, 0], [-1, 0]])
    expected = (np.log1p(np.exp(-2)) + np.log1p(np.exp(-1)) + np.log1p(np.exp(3))) / 2
    assert classification_loss(scores, labels).item() == pytest.approx(expected)


def test_gradient_descent_learns_the_classes_too(target: FrozenTarget) -> None:
    head = fit_sgd(replace(crd.RECIPE, epochs=20), target, 0)
    by_descent, exactly = (
        mean_average_precision(each.scores(target.test), target.test.labels)
        for each in (head, fit_exact(target, 0))
    )
    assert by_descent == pytest.approx(exactly, abs=2)


def test_images_that_are_not_counted_teach_nothing(target: FrozenTarget) -> None:
    unknown = target.train.labels[:, 0] < 0
    features = target.train.features.clone()
    moved = replace(target, renderings=(LabelledFeatures(features, target.train.labels),))
    features[unknown] += 100
    for fit in (fit_exact, crd.fit):
        first, second = fit(target, 0), fit(moved, 0)
        same: Tensor = (first.weight[0] - second.weight[0]).abs().max()
        assert same < 1e-5, fit.__name__
        assert (first.weight[1] - second.weight[1]).abs().max() > 1e-3


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_probe_gives_the_mean_average_precision_and_no_accuracy(
    protocol: str, make_network: Callable[..., TrainedNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    def images(count: int, seed: int) -> ImageSet:
        """Class j lights up a third of the image."""
        labels = rows(count, seed).labels
        pixels = torch.zeros(count, 3, 9, 9, dtype=torch.uint8)
        for place in range(CLASSES):
            pixels[labels[:, place] == 1, :, 3 * place : 3 * place + 3] = 200
        return ImageSet(pixels, labels)

    data = ImageData(
        "voc2007", images(200, 0), images(100, 1), ("a", "b", "c"), (0,) * 3, (1,) * 3, protocol
    )
    monkeypatch.setattr(frozen, "open_target", lambda *_: data)
    result = probe(make_network(size=9), DataConfig(name="voc2007"), protocol, 0, CPU)
    assert result.top1 is None
    assert result.mean_average_precision is not None
    assert 60 < result.mean_average_precision <= 100
    assert (result.train_images, result.test_images) == (200, 100)


@pytest.mark.parametrize("selection", [{"classes": (0, 1)}, {"images_per_class": 5}])
def test_no_part_of_it_can_be_selected(selection: dict[str, object]) -> None:
    config = DataConfig.model_validate({"name": "voc2007", **selection})
    with pytest.raises(InputError, match="neither classes nor images_per_class"):
        open_target(config, 8)
