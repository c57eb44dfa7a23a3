"""A frozen teacher for training, its BatchNorm folded into its convolutions."""

from copy import deepcopy
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from pckd.method import Needs, Side
from pckd.models import Network, Outputs
from pckd.training.config import Compile, Precision
from pckd.training.encoding import with_maps
from pckd.training.numerics import compiled, mixed_precision


class Teacher(Protocol):
    """Interface of a teacher during training."""

    def encode(self, views: Tensor, view_numbers: Tensor | None) -> Side:
        """Return features and logits of all copies of all images, without gradient.

        Args:
            views: [B, K, 3, H, W].
            view_numbers: Which views these are, int64 [B] on the CPU, or None.
        """

    def check(self) -> None:
        """Check the epoch that has ended.

        Raises:
            RunError: Something that the teacher said cannot be relied on.
        """


class FrozenTeacher:
    """A teacher that runs a forward pass on every batch.

    Logits are computed from the features, W f + b in full precision, so that whoever keeps the
    features has the logits too.

    Args:
        network: The trained teacher; it is copied when first asked, and never changed.
        device: Where to compute.
        precision: Of its forward pass.
        compile_mode: How torch.compile treats it.
        needs: What the run's terms need of it.
    """

    def __init__(
        self,
        network: Network,
        device: torch.device,
        precision: Precision,
        compile_mode: Compile,
        needs: Needs,
    ) -> None:
        self.needs = needs
        self.source = network
        self.device = device
        self.compile_mode: Compile = compile_mode
        layer = network.classifier_layer
        self.centers = layer.weight.detach().to(device)
        self.bias = layer.bias.detach().to(device)
        self.precision: Precision = precision

    @cached_property
    def network(self) -> nn.Module:
        """The module that computes, built on first use: with a warm bank it is never built."""
        frozen = folded(self.source, shows_before_relu=self.needs.maps_before_relu)
        frozen = frozen.requires_grad_(False).to(self.device)
        return compiled(frozen.to(memory_format=torch.channels_last), self.compile_mode)

    def encode(self, views: Tensor, view_numbers: Tensor | None) -> Side:
        """See `Teacher`; the numbers of the views are not used here."""
        outputs = self._outputs(views)
        side = self.judge(outputs.features.unflatten(0, views.shape[:2]))
        return with_maps(side, outputs, views, self.needs)

    def check(self) -> None:
        """See `Teacher`; there is nothing to check here."""

    def features(self, views: Tensor) -> Tensor:
        """Penultimate features [B, K, d] of views [B, K, 3, H, W], in the forward's precision."""
        features: Tensor = self._outputs(views).features.unflatten(0, views.shape[:2])
        return features

    def _outputs(self, views: Tensor) -> Outputs:
        images = views.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), mixed_precision(images.device, self.precision):
            outputs: Outputs = self.network(images)
        return outputs

    def judge(self, features: Tensor) -> Side:
        """Features [B, K, d] with the logits that the classifier gives them, in full precision."""
        features = features.float()
        logits = nn.functional.linear(features, self.centers, self.bias)
        return Side(features, logits, self.centers, self.bias)


def folded(network: Network, *, shows_before_relu: bool = False) -> nn.Module:
    """A copy of a network in eval mode, each BatchNorm that follows a convolution folded into it.

    The same function up to rounding, and less to compute. Networks whose forward pass torch.fx
    cannot trace (`Network.traceable`) are copied as they are.
    """
    copy = deepcopy(network).eval()
    copy.shows_before_relu = shows_before_relu
    return fuse(copy) if network.traceable else copy
