"""Presentation of a target's images to a network, as a protocol wants it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import functional as F

from pckd.transfer.crops import cropped

Normalisation = tuple[Sequence[float], Sequence[float]]
"""Mean and standard deviation by channel, for pixels in 0..1."""


@dataclass(frozen=True, slots=True)
class Showing:
    """Test images are shown whole; training images too, or as random crops of them."""

    crops: int = 0
    """Random crops of each training image; 0 shows it whole."""
    normalisation: Mapping[str, Normalisation] = field(default_factory=dict)
    """Normalisation of targets, by name, that differs from that of the network's training images.
    """

    @property
    def renderings(self) -> int:
        """Number of renderings of each training image: one, or one per draw of crops."""
        return max(1, self.crops)

    def held_size(self, size: int) -> int:
        """Height and width at which images are stored for a network that sees `size` pixels.

        Twice as many for crops, so that a quarter of an image can be shown in full resolution.
        """
        return 2 * size if self.crops else size

    def training(self, batches: Iterable[Tensor], size: int, rendering: int) -> Iterator[Tensor]:
        """Training images as the network sees them.

        Args:
            batches: uint8 [B, 3, P, P], P the held size.
            size: Height and width that the network sees.
            rendering: Which look this is, from 0.

        Returns:
            uint8 [B, 3, size, size], on the device of the batch.
        """
        return cropped(batches, size, rendering) if self.crops else self.test(batches, size)

    def test(self, batches: Iterable[Tensor], size: int) -> Iterator[Tensor]:
        """Test images as the network sees them: see `training`."""
        return (_resized(batch, size) for batch in batches)


WHOLE = Showing()


def _resized(batch: Tensor, size: int) -> Tensor:
    if batch.shape[-1] == size:
        return batch
    resized = F.interpolate(batch.float(), size, mode="bilinear", antialias=True)
    return resized.round().to(batch.dtype)
