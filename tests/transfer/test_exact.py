from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from pckd.data import open_data
from pckd.data.selection import stratified_split
from pckd.data.streams import Purpose, random_stream
from pckd.errors import InputError, RunError
from pckd.training.config import DataConfig
from pckd.training.network_file import TrainedNetwork
from pckd.transfer import exact
from pckd.transfer.exact import WEIGHT_DECAYS, fit_path
from pckd.transfer.exact import fit as fit_exact
from pckd.transfer.features import LabelledFeatures
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.probe import probe

CPU = torch.device("cpu")
Rows = tuple[np.ndarray, np.ndarray]


def reference(rows: Rows, weight_decay: float) -> LogisticRegression:
    """Scikit-learn's own pipeline: one fit, from zero, no path."""
    features, labels = rows
    regression = LogisticRegression(C=1 / (weight_decay * len(labels)), tol=1e-6, max_iter=20_000)
    return make_pipeline(StandardScaler(), regression).fit(features, labels)


def digits_by_hand(network: TrainedNetwork, split: str, classes: range) -> Rows:
    """Features without any of the probe's code."""
    data = open_data("digits")
    images = data.train if split == "train" else data.test
    kept = torch.isin(images.labels, torch.tensor(list(classes)))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (network.mean, network.std))
    with torch.no_grad():
        pixels = (images.images[kept] / 255 - mean) / std
        features = network.network(CPU)(pixels).features
    return features.double().numpy(), images.labels[kept].numpy() - classes.start


@pytest.mark.parametrize("seed", [0, 1])
def test_a_probe_equals_an_independent_computation(
    make_network: Callable[..., TrainedNetwork], seed: int
) -> None:
    network, classes = make_network(seed=3), range(6, 10)
    result = probe(network, DataConfig(name="digits", classes=tuple(classes)), "exact", seed, CPU)

    features, labels = digits_by_hand(network, "train", classes)
    kept, held = stratified_split(labels, 0.1, random_stream(seed, Purpose.HOLD_OUT))
    heads = [reference((features[kept], labels[kept]), decay) for decay in WEIGHT_DECAYS]
    losses = [log_loss(labels[held], head.predict_proba(features[held])) for head in heads]
    assert result.weight_decay == WEIGHT_DECAYS[int(np.argmin(losses))]
    final = reference((features, labels), result.weight_decay)
    test_rows = digits_by_hand(network, "test", classes)
    assert result.top1 == pytest.approx(100 * final.score(*test_rows), abs=1e-9)
    assert (result.train_images, result.test_images) == (len(labels), len(test_rows[1]))
    assert result.top1 is not None
    assert result.top1 > 60  # random convolutions, four classes that nothing was trained on


@pytest.mark.parametrize("classes", [2, 5])
def test_the_path_reaches_the_optimum_of_each_weight_decay(
    classes: int, make_clusters: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    features, labels = make_clusters(300, classes, distance=1.0)
    features = features * torch.logspace(-2, 2, 6) + 5  # in need of standardising
    features[:, 5] = 0.25  # a dead feature
    heads = list(fit_path(LabelledFeatures(features, labels), WEIGHT_DECAYS))
    assert [head.weight_decay for head in heads] == list(WEIGHT_DECAYS)
    for head in heads:
        best = reference((features.double().numpy(), labels.numpy()), head.weight_decay)
        scores = features.double() @ head.weight.T + head.bias
        probabilities = torch.from_numpy(best.predict_proba(features.double().numpy()))
        torch.testing.assert_close(scores.softmax(1), probabilities, atol=1e-3, rtol=0)


def test_a_fit_that_needs_more_iterations_gets_them(
    monkeypatch: pytest.MonkeyPatch, make_clusters: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    train = LabelledFeatures(*make_clusters(200, 4, distance=1.0))
    at_once = next(fit_path(train, [1e-3]))
    monkeypatch.setattr(exact, "ITERATIONS", (2, 3, 1_000))
    torch.testing.assert_close(
        next(fit_path(train, [1e-3])).weight, at_once.weight, atol=1e-3, rtol=0
    )


def test_a_fit_that_does_not_converge_is_an_error(
    monkeypatch: pytest.MonkeyPatch, make_clusters: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    monkeypatch.setattr(exact, "ITERATIONS", (1, 1))
    train = LabelledFeatures(*make_clusters(200, 4, distance=1.0))
    with pytest.raises(RunError, match=r"weight decay 0\.001 did not converge in 2 iterations"):
        next(fit_path(train, [1e-3]))


def test_the_seed_draws_the_held_out_tenth_and_nothing_else(
    make_target: Callable[..., FrozenTarget], make_clusters: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    target = make_target(make_clusters(300, 3, distance=1.5), make_clusters(90, 3, seed=1))
    heads = [fit_exact(target, seed) for seed in (0, 0, *range(1, 6))]
    assert torch.equal(heads[0].weight, heads[1].weight)
    by_decay = {head.weight_decay: head.weight for head in heads}
    assert all(torch.equal(head.weight, by_decay[head.weight_decay]) for head in heads)


def test_the_weight_decay_follows_the_noise(
    make_target: Callable[..., FrozenTarget], make_clusters: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    clear, noise = (make_clusters(4000, 4, distance=distance) for distance in (12.0, 0.0))
    strong, weak = (fit_exact(make_target(rows, rows), 0) for rows in (noise, clear))
    assert strong.weight_decay >= 0.1
    assert weak.weight_decay <= 1e-5


def test_a_class_that_cannot_spare_an_image_is_named(
    make_target: Callable[..., FrozenTarget], make_clusters: Callable[..., tuple[Tensor, Tensor]]
) -> None:
    rows = make_clusters(16, 4)
    with pytest.raises(InputError, match="each class needs 5 or more"):
        fit_exact(make_target(rows, rows), 0)
