"""A linear layer trained by stochastic gradient descent, shared by protocols `crd` and `hsakd`."""

from dataclasses import dataclass

import torch
from torch import nn

from pckd.data.streams import Purpose, random_stream
from pckd.errors import RunError
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import LinearHead, classification_loss


@dataclass(frozen=True, slots=True)
class SgdRecipe:
    """Settings of the training of the layer."""

    protocol: str
    """The protocol's name, for messages."""
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    nesterov: bool
    weight_decay: float
    decay_after: tuple[int, ...]
    """Epochs after which the learning rate drops to a tenth."""


def fit_sgd(recipe: SgdRecipe, target: FrozenTarget, seed: int) -> LinearHead:
    """Train the layer; the seed gives its first weights and the order of the images.

    Where a target has several renderings of its training images, each epoch takes the next one.

    Raises:
        RunError: The training diverged.
    """
    layer = _new_layer(target, seed)
    optimizer = torch.optim.SGD(
        layer.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, recipe.decay_after, gamma=0.1)
    renderings = [rendering.features.to(target.device) for rendering in target.renderings]
    labels = target.train.labels.to(target.device)
    for epoch in range(recipe.epochs):
        features = renderings[epoch % len(renderings)]
        permutation = random_stream(seed, Purpose.VISIT_ORDER, epoch).permutation(len(labels))
        for batch in torch.from_numpy(permutation).to(target.device).split(recipe.batch_size):
            loss = classification_loss(layer(features[batch]), labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        schedule.step()
    weight, bias = (value.detach().double().cpu() for value in (layer.weight, layer.bias))
    if not weight.isfinite().all():
        raise RunError(
            f"protocol {recipe.protocol} diverged: a learning rate of {recipe.learning_rate} is "
            "too high for the features of this network; take protocol exact"
        )
    return LinearHead(weight, bias, weight_decay=recipe.weight_decay)


def _new_layer(target: FrozenTarget, seed: int) -> nn.Linear:
    """PyTorch's initial weights, from the seed alone and the same on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(target.train.features.shape[1], target.num_classes)
    return layer.to(target.device)
