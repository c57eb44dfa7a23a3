"""Base class of all networks: images in, a small typed structure out, a classifier known by name.

Shapes: B images a batch, M classes, C_s channels of stage s, d the width of the features.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn


class Outputs(NamedTuple):
    """Result of one forward pass.

    The maps are the ones that distillation codes use (RepDistiller's ``is_feat``, mdistiller's
    ``feats``): the output of the stem, then that of each stage; of VGG before the pooling that
    follows. They are rectified, with two exceptions: wide ResNets give the sums of their residual
    blocks, which the next stage normalises and rectifies, and MobileNetV2 gives its linear
    bottlenecks.
    """

    stages: tuple[Tensor, ...]
    """Feature maps ``[B, C_s, H_s, W_s]``, from the stem to the last stage."""
    features: Tensor
    """Penultimate features ``[B, d]``: the input of the classifier."""
    logits: Tensor
    """Class scores before the softmax, ``[B, M]``."""
    before_relu: tuple[Tensor, ...] = ()
    """The same maps before ReLU, shape by shape as ``stages``; empty unless they are asked for.

    The first is the stem's map as in ``stages``, and so is a stage's map to which no ReLU is
    applied. For a wide ResNet it is the stage's map after the batch normalisation that follows.
    These are the maps of RepDistiller's ``preact``, but for ShuffleNetV2, where RepDistiller leaves
    out the last shuffle: here channel c is channel c of the stage's map.
    """


class Network(nn.Module, ABC):
    """A classifier of RGB images that shows its stages, its features and its category centres.

    Attributes:
        classifier_name: dotted path of the last linear layer, such as ``fc`` or ``classifier.0``.
        traceable: whether torch.fx can follow ``forward`` without running it.
        shows_before_relu: whether ``Outputs.before_relu`` is filled. Set it before the network is
            traced or compiled; it changes no other output, no gradient and no running statistic.
    """

    classifier_name: ClassVar[str]
    traceable: ClassVar[bool] = True
    shows_before_relu: bool = False

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> Outputs:
            """Call ``forward`` and its hooks, with a type that callers can rely on."""

    @abstractmethod
    def forward(self, images: Tensor) -> Outputs:
        """Classify normalised float images ``[B, 3, H, W]``."""

    @property
    def classifier_layer(self) -> nn.Linear:
        """Return the last layer; row m of its weight ``[M, d]`` is the centre of category m."""
        layer = self.get_submodule(self.classifier_name)
        assert isinstance(layer, nn.Linear)
        return layer

    @property
    def feature_width(self) -> int:
        """Width d of the penultimate features."""
        return self.classifier_layer.in_features

    @property
    def num_classes(self) -> int:
        """Number M of classes that the logits score."""
        return self.classifier_layer.out_features


class MapList:
    """Maps of one forward pass; those before ReLU are kept only if asked for."""

    def __init__(self, *, shows_before_relu: bool) -> None:
        self.shows_before_relu = shows_before_relu
        self.after: list[Tensor] = []
        self.before_relu: list[Tensor] = []

    def add(self, maps: Tensor, before_relu: Tensor | None = None) -> Tensor:
        """Append the maps ``[B, C, H, W]`` of the stem or of a stage, and give them back.

        Args:
            maps: what the next stage receives.
            before_relu: the same before ReLU; by default the maps themselves.
        """
        self.after.append(maps)
        if self.shows_before_relu:
            self.before_relu.append(maps if before_relu is None else before_relu)
        return maps

    def add_rectified(self, before_relu: Tensor) -> Tensor:
        """Apply ReLU to maps ``[B, C, H, W]``, append both, and give the rectified ones back."""
        return self.add(F.relu(before_relu), before_relu)


class StagedNetwork(Network):
    """A chain-like network: a stem, stages, global pooling, a classifier.

    Global average pooling makes the features independent of the image size.
    """

    @abstractmethod
    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """Compute everything before the pooling.

        Args:
            images: ``[B, 3, H, W]``.
            maps: receives the stem's map and each stage's, in order.

        Returns:
            Feature maps ``[B, d, H', W']`` to be pooled.
        """

    def forward(self, images: Tensor) -> Outputs:
        """Classify normalised float images ``[B, 3, H, W]``."""
        maps = MapList(shows_before_relu=self.shows_before_relu)
        features = self.body(images, maps).mean(dim=(2, 3))
        logits = self.classifier_layer(features)
        return Outputs(tuple(maps.after), features, logits, tuple(maps.before_relu))
