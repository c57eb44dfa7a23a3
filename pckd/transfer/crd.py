"""Protocol `crd`: a linear layer trained by stochastic gradient descent.

After Tian et al., Contrastive Representation Distillation, ICLR 2020, whose code holds no probe:
the recipe is the one that re-implementations agree on. The encoder is frozen and in eval mode, and
the images are not augmented, so that features computed once are exactly those of every epoch.
"""

import torch
from torch import nn
from torch.nn import functional as F

from pckd.data.streams import Purpose, random_stream
from pckd.errors import RunError
from pckd.transfer.frozen import FrozenTarget
from pckd.transfer.head import LinearHead

EPOCHS = 100
BATCH_SIZE = 64
LEARNING_RATE = 0.1
MOMENTUM = 0.9
DECAY_AFTER = (30, 60, 90)
"""Epochs after which the learning rate drops to a tenth."""


def fit_crd(target: FrozenTarget, seed: int) -> LinearHead:
    """Train the layer; the seed gives its first weights and the order of the images.

    Raises:
        RunError: The training diverged.
    """
    layer = _new_layer(target, seed)
    optimizer = torch.optim.SGD(layer.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, DECAY_AFTER, gamma=0.1)
    features = target.train.features.to(target.device)
    labels = target.train.labels.to(target.device)
    for epoch in range(EPOCHS):
        permutation = random_stream(seed, Purpose.VISIT_ORDER, epoch).permutation(len(labels))
        for batch in torch.from_numpy(permutation).to(target.device).split(BATCH_SIZE):
            loss = F.cross_entropy(layer(features[batch]), labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        schedule.step()
    weight, bias = (value.detach().double().cpu() for value in (layer.weight, layer.bias))
    if not weight.isfinite().all():
        raise RunError(
            f"protocol crd diverged: a learning rate of {LEARNING_RATE} is too high for the "
            "features of this network; take protocol exact"
        )
    return LinearHead(weight, bias, weight_decay=0.0)


def _new_layer(target: FrozenTarget, seed: int) -> nn.Linear:
    """PyTorch's initial weights, from the seed alone and the same on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = nn.Linear(target.train.features.shape[1], target.num_classes)
    return layer.to(target.device)
