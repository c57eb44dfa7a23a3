"""The peers' images: one PIL image at a time, augmented by torchvision, batched by a DataLoader."""

from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from pckd.data import ImageSet
from pckd.training.run_data import RunData


class PILImages(Dataset[tuple[Tensor, int]]):
    """Images that come cropped, mirrored and normalised.

    Args:
        images: What to show; pixels uint8 [N, 3, H, W].
        mean: Of pixels in 0..1, by channel.
        std: Likewise.
        crop_padding: Black pixels on each side before the crop.
    """

    def __init__(
        self,
        images: ImageSet,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        crop_padding: int = 4,
    ) -> None:
        self.pixels = images.images.cpu().permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = images.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(images.image_size, padding=crop_padding),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """A view, float32 [3, H, W], and the label."""
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


class ReferenceLoader:
    """The peers' loader: shuffled views in four rotations, [B, 4, 3, H, W], and labels [B].

    Args:
        data: Of which the training images are shown.
        batch_size: Images a batch.
        workers: Processes that prepare images, alive from one epoch to the next; 0 for none.
    """

    def __init__(self, data: RunData, batch_size: int, workers: int = 0) -> None:
        staying: dict[str, Any] = {"persistent_workers": True} if workers else {}
        assert isinstance(data.train, ImageSet)
        self.batches = DataLoader(
            PILImages(data.train, data.mean, data.std),
            batch_size=batch_size,
            shuffle=True,
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            **staying,
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for upright, labels in self.batches:
            views = torch.stack([torch.rot90(upright, k, (2, 3)) for k in range(4)], dim=1)
            yield views, labels
