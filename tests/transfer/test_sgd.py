import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pckd.data.streams import Purpose, random_stream
from pckd.errors import RunError
from pckd.transfer import crd, hsakd
from pckd.transfer.features import LabelledFeatures
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.measures import top1
from pckd.transfer.sgd import SgdRecipe, fit_sgd

Clusters = Callable[..., tuple[Tensor, Tensor]]
MakeTarget = Callable[..., FrozenTarget]
RECIPES = [crd.RECIPE, hsakd.RECIPE]

pytestmark = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.protocol)


def accuracy(recipe: SgdRecipe, target: FrozenTarget) -> float:
    return top1(fit_sgd(recipe, target, 0).scores(target.test), target.test.labels)


def test_separable_classes_are_told_apart(
    recipe: SgdRecipe, make_target: MakeTarget, make_clusters: Clusters
) -> None:
    target = make_target(make_clusters(320, 5), make_clusters(500, 5, seed=1))
    assert accuracy(recipe, target) == 100


def test_random_labels_stay_at_chance(
    recipe: SgdRecipe, make_target: MakeTarget, make_clusters: Clusters
) -> None:
    generator = torch.Generator().manual_seed(2)
    features, _ = make_clusters(256, 4, distance=0.0)
    unseen, _ = make_clusters(4000, 4, distance=0.0, seed=1)
    labels, unseen_labels = (
        torch.randint(4, (count,), generator=generator) for count in (256, 4000)
    )
    target = make_target((features, labels), (unseen, unseen_labels))
    # Hits are binomial with p = 1/4: one sigma is 0.68 points, and 5 are missed once in 2 million.
    sigma = 100 * math.sqrt(0.25 * 0.75 / 4000)
    assert abs(accuracy(recipe, target) - 25) < 5 * sigma


@pytest.mark.parametrize("renderings", [1, 3])
def test_training_equals_a_slow_loop(
    recipe: SgdRecipe, renderings: int, make_target: MakeTarget, make_clusters: Clusters
) -> None:
    features, labels = make_clusters(150, 3, distance=1.0)
    looks = [features + number for number in range(renderings)]
    target = replace(
        make_target((features, labels), (features, labels)),
        renderings=tuple(LabelledFeatures(look, labels) for look in looks),
    )
    short = replace(recipe, epochs=4, decay_after=(2, 3))
    head = fit_sgd(short, target, seed=7)
    weight, bias = slow_loop(looks, labels, [0.1, 0.1, 0.01, 0.001], 7, nesterov=recipe.nesterov)
    np.testing.assert_allclose(head.weight.numpy(), weight, atol=1e-5)
    np.testing.assert_allclose(head.bias.numpy(), bias, atol=1e-5)
    assert head.weight_decay == 0


def slow_loop(
    looks: list[Tensor], labels: Tensor, rates: list[float], seed: int, *, nesterov: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sample by sample, in float64, with the gradient of the cross entropy written out."""
    torch.manual_seed(seed)
    layer = nn.Linear(looks[0].shape[1], 3)
    weight, bias = (value.detach().double().numpy() for value in (layer.weight, layer.bias))
    speed, bias_speed = np.zeros_like(weight), np.zeros_like(bias)
    for epoch, rate in enumerate(rates):
        features = looks[epoch % len(looks)]
        order = random_stream(seed, Purpose.VISIT_ORDER, epoch).permutation(len(labels))
        for start in range(0, len(order), 64):
            batch = order[start : start + 64]
            gradient, bias_gradient = np.zeros_like(weight), np.zeros_like(bias)
            for row in batch:
                image = features[row].double().numpy()
                scores = np.exp(weight @ image + bias)
                error = scores / scores.sum()
                error[labels[row]] -= 1
                gradient += np.outer(error, image) / len(batch)
                bias_gradient += error / len(batch)
            speed, bias_speed = 0.9 * speed + gradient, 0.9 * bias_speed + bias_gradient
            step = gradient + 0.9 * speed if nesterov else speed
            bias_step = bias_gradient + 0.9 * bias_speed if nesterov else bias_speed
            weight, bias = weight - rate * step, bias - rate * bias_step
    return weight, bias


def test_seeds_repeat_and_leave_the_global_generator_alone(
    recipe: SgdRecipe, make_target: MakeTarget, make_clusters: Clusters
) -> None:
    rows = make_clusters(130, 3, distance=1.0)
    target, short = make_target(rows, rows), replace(recipe, epochs=3)
    state = torch.get_rng_state()
    first, again, other = (fit_sgd(short, target, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first.weight, again.weight)
    assert torch.equal(first.bias, again.bias)
    assert not torch.equal(first.weight, other.weight)


def test_a_training_that_diverges_is_an_error(
    recipe: SgdRecipe, make_target: MakeTarget, make_clusters: Clusters
) -> None:
    features, labels = make_clusters(130, 3)
    target = make_target((features * 1e30, labels), (features, labels))
    with pytest.raises(RunError, match=f"protocol {recipe.protocol} diverged"):
        fit_sgd(replace(recipe, epochs=2), target, 0)


def test_the_values_are_those_of_the_sources(recipe: SgdRecipe) -> None:
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (100, 64, 0.1)
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 0)
    assert recipe.decay_after == (30, 60, 90)
    assert recipe.nesterov == (recipe.protocol == "hsakd")
