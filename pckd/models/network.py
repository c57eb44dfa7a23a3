"""What every network is: images in, one small typed structure out, a classifier known by name.

Shapes: B images a batch, M classes, C_s channels of stage s, d the width of the features.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from torch import Tensor, nn


class Outputs(NamedTuple):
    """What one forward pass gives."""

    stages: tuple[Tensor, ...]
    """Feature maps ``[B, C_s, H_s, W_s]``, from the stem to the last stage."""
    features: Tensor
    """Penultimate features ``[B, d]``: the input of the classifier."""
    logits: Tensor
    """Class scores before the softmax, ``[B, M]``."""


class Network(nn.Module, ABC):
    """A classifier of RGB images that shows its stages, its features and its category centres.

    Attributes:
        classifier_name: dotted path of the last linear layer, such as ``fc`` or ``classifier.0``.
        traceable: whether torch.fx can follow ``forward`` without running it.
    """

    classifier_name: ClassVar[str]
    traceable: ClassVar[bool] = True

    if TYPE_CHECKING:

        def __call__(self, images: Tensor) -> Outputs:
            """``forward`` with its hooks, and with a type that callers can rely on."""

    @abstractmethod
    def forward(self, images: Tensor) -> Outputs:
        """Classify normalised float images ``[B, 3, H, W]``."""

    @property
    def classifier_layer(self) -> nn.Linear:
        """The last layer; row m of its weight ``[M, d]`` is the centre of category m."""
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


class StagedNetwork(Network):
    """A network that is a chain: stages, a head on the last one, global pooling, a classifier.

    Global average pooling makes the features independent of the image size.
    """

    @abstractmethod
    def stage_maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Feature maps ``[B, C_s, H_s, W_s]`` of the stem and of each stage, in order."""

    def head(self, last_map: Tensor) -> Tensor:
        """Feature maps ``[B, d, H, W]`` to be pooled: the last stage itself, unless overridden."""
        return last_map

    def forward(self, images: Tensor) -> Outputs:
        """Classify normalised float images ``[B, 3, H, W]``."""
        stages = self.stage_maps(images)
        features = self.head(stages[-1]).mean(dim=(2, 3))
        return Outputs(stages, features, self.classifier_layer(features))
