"""Splits whose pixels stay in files: worker processes decode them during training."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pckd.data.batches import split_batches
from pckd.data.building import flaw_problems
from pckd.data.crops import CROP_SIZE, central_crop, random_crop
from pckd.data.decoding import decode_image, flaw_of
from pckd.data.encoded import EncodedImages
from pckd.data.pixels import Flaw
from pckd.data.splits import Batch, TrainingBatch, TrainingPass
from pckd.data.streams import Purpose, random_stream
from pckd.data.strong import changed, draw_changes
from pckd.data.views import draw_order
from pckd.errors import RunError
from pckd.machine import available_cpus

CPU = torch.device("cpu")

LARGEST_TEST_BATCH = 64
"""Largest number of images in a forward pass of a test: a matter of memory at this image size."""

FlawedName = tuple[str, Flaw]
"""Name of an image that cannot be used, and the reason."""

Crop = Callable[[Tensor, int], Tensor]
"""Crops of an image: uint8 [3, H, W] and its position in the split give one or more crops, uint8
[C, 224, 224].
"""


@dataclass(frozen=True, slots=True, eq=False)
class FileSet:
    """One split of a data set, streamed from its files: an `ImageSplit`.

    What is done to an image depends on the seed, the epoch and its position alone, so the number
    of worker processes and of ranks changes the speed, never a pixel.

    Attributes:
        files: The encoded images.
        labels: Class indices, int64 [N], on the CPU.
        loader_workers: Processes that decode, at most one a CPU core; 0 decodes in this one.
        device: Where batches go.
    """

    files: EncodedImages
    labels: Tensor
    loader_workers: int = 0
    device: torch.device = CPU

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels of what is cut out of the images."""
        return CROP_SIZE, CROP_SIZE

    def at(self, positions: Tensor) -> "FileSet":
        """Return the images at the positions (int64 [K]), in that order."""
        return replace(self, files=self.files.at(positions.numpy()), labels=self.labels[positions])

    def relabelled(self, labels: Tensor) -> "FileSet":
        """Return the same images with other labels, int64 [N]."""
        return replace(self, labels=labels)

    def to(self, device: torch.device) -> "FileSet":
        """Return the same images, their batches on a device."""
        return replace(self, device=device)

    def views_per_image(self, crop_padding: int, *, flip: bool) -> None:
        """Return None: crops of random sizes are not finite in number."""

    def training_batches(self, training: TrainingPass) -> Iterator[TrainingBatch]:
        """Give random crops of random sizes, half of them mirrored; see `ImageSplit`.

        Raises:
            RunError: After the last batch, if images could not be decoded; the files are named.
        """
        order = draw_order(len(self), seed=training.seed, epoch=training.epoch)
        batches = split_batches(order, training.batch_size)
        share = [batch[training.rank :: training.size] for batch in batches]
        if training.strong:
            yield from self._with_strong_views(training, share)
            return
        loaded = self._loaded(share, partial(_seeded_crop, training, Purpose.SIZED_CROPS))
        for positions, (images, labels) in zip(share, loaded, strict=True):
            yield TrainingBatch(images, labels, positions.to(self.device), None)

    def _with_strong_views(
        self, training: TrainingPass, share: Sequence[Tensor]
    ) -> Iterator[TrainingBatch]:
        """Batches whose images are decoded once and cropped twice."""
        changes = draw_changes(len(self), seed=training.seed, epoch=training.epoch)
        loaded = self._loaded(share, partial(_two_crops, training), channels=6)
        for positions, (both, labels) in zip(share, loaded, strict=True):
            images, strong = both.split(3, dim=1)
            yield TrainingBatch(
                images,
                labels,
                positions.to(self.device),
                None,
                changed(strong, changes.at(positions)),
            )

    def evaluation_batches(self, batch_size: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """Give the central crops; see `ImageSplit`.

        Raises:
            RunError: After the last batch, if images could not be decoded; the files are named.
        """
        positions = torch.arange(len(self))[rank::size]
        batches = positions.split(min(batch_size, LARGEST_TEST_BATCH)) if len(positions) else ()
        return self._loaded(batches, _same_crop)

    def _loaded(self, batches: Sequence[Tensor], crop: Crop, channels: int = 3) -> Iterator[Batch]:
        """Decode batches of positions (int64 [B] each) ahead of their use, in their order.

        An image that cannot be decoded is black until the last batch was given: then all of them
        are named at once. An error before that would leave the other ranks waiting for this one.
        """
        loader = DataLoader(
            _Cropped(self.files, crop),
            batch_sampler=[batch.tolist() for batch in batches],
            collate_fn=partial(_stacked, channels),
            num_workers=min(self.loader_workers, available_cpus()),
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # else it draws from the global one
        )
        flawed: list[FlawedName] = []
        for positions, (images, flaws) in zip(batches, loader, strict=True):
            flawed += flaws
            labels = self.labels[positions]
            yield (
                images.to(self.device, non_blocking=True),
                labels.to(self.device, non_blocking=True),
            )
        if flawed:
            raise RunError("; ".join(flaw_problems(f"images {self.files.where}", flawed)))


@dataclass(frozen=True, slots=True, eq=False)
class StreamedContent:
    """Content of a streamed data set, without its name and normalisation.

    Attributes:
        train: The training images.
        test: The test images.
        class_names: The position is the label.
        fingerprint: Hexadecimal hash of the encoded images or what stands for them, of labels and
            class names.
    """

    train: FileSet
    test: FileSet
    class_names: tuple[str, ...]
    fingerprint: str


class _Cropped(Dataset["Tensor | FlawedName"]):
    """The cropped images of a split, or the name of one that cannot be used."""

    def __init__(self, files: EncodedImages, crop: Crop) -> None:
        self.files = files
        self.crop = crop

    def __getitem__(self, position: int) -> "Tensor | FlawedName":
        try:
            pixels = decode_image(self.files.read(position), None)
        except Exception as error:
            return str(self.files.names[position]), flaw_of(error)
        return self.crop(torch.from_numpy(np.array(pixels)).permute(2, 0, 1), position)


def _seeded_crop(training: TrainingPass, purpose: Purpose, image: Tensor, position: int) -> Tensor:
    stream = random_stream(training.seed, purpose, training.epoch, position)
    return random_crop(image, stream, flip=training.flip)


def _two_crops(training: TrainingPass, image: Tensor, position: int) -> Tensor:
    """Two crops that are drawn apart, uint8 [6, 224, 224]."""
    purposes = (Purpose.SIZED_CROPS, Purpose.STRONG_SIZED_CROPS)
    return torch.cat([_seeded_crop(training, each, image, position) for each in purposes])


def _same_crop(image: Tensor, position: int) -> Tensor:
    return central_crop(image)


def _stacked(channels: int, images: "list[Tensor | FlawedName]") -> tuple[Tensor, list[FlawedName]]:
    """Make a batch [B, C, H, W], black where there is only a name, and list these names."""
    black = torch.zeros(channels, CROP_SIZE, CROP_SIZE, dtype=torch.uint8)
    stacked = torch.stack([image if isinstance(image, Tensor) else black for image in images])
    return stacked, [image for image in images if not isinstance(image, Tensor)]
