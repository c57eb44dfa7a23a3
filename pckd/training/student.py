"""A trained network with the preprocessing of its images."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pckd.errors import InputError, check_is_file
from pckd.training.network_file import TrainedNetwork


class Student(nn.Module):
    """A trained network that takes images as they are; in eval mode, without gradients.

    Symbols: B images, M classes, d feature width.

    Attributes:
        trained: The content of its file: architecture, data set, accuracy and more.
        class_names: M names; the position is the label.
        image_size: Height and width that the network sees; other images are resized.
        network: The network behind the preprocessing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.trained = trained
        self.class_names = trained.class_names
        self.image_size = tuple(trained.image_size)
        self.network = trained.network(torch.device("cpu"))
        self.register_buffer("mean", torch.tensor(trained.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(trained.std).view(3, 1, 1))
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images, [B, M].

        Args:
            images: RGB, [B, 3, H, W]: uint8, or floating point from 0 to 1.

        Raises:
            InputError: They have another shape or type.
        """
        logits: Tensor = self.network(self.prepared(images)).logits
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled features of images, the input of the classifier, [B, d].

        Args:
            images: As of `forward`.
        """
        features: Tensor = self.network(self.prepared(images)).features
        return features

    def prepared(self, images: Tensor) -> Tensor:
        """Return images as the network sees them: resized and normalised, [B, 3, h, w]."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f"images have the shape {list(images.shape)}: it must be [B, 3, H, W]")
        if images.dtype != torch.uint8 and not images.is_floating_point():
            raise InputError(f"images are {images.dtype}: they must be uint8, or from 0 to 1")
        pixels = images / 255 if images.dtype == torch.uint8 else images.to(self.mean.dtype)
        if tuple(images.shape[2:]) != self.image_size:
            pixels = F.interpolate(pixels, self.image_size, mode="bilinear", antialias=True)
        return (pixels - self.mean) / self.std


def load_student(file: str | Path) -> Student:
    """Load a trained network from a file that pckd wrote.

    Raises:
        InputError: There is no such file, or it is no such network.
    """
    path = Path(file)
    check_is_file(path)
    return Student(TrainedNetwork.from_bytes(path.read_bytes(), str(path)))
