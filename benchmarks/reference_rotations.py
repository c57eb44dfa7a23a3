"""SSKD in the peers' manner: four turned copies of each image, each with a crop of its own."""

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision.transforms import functional as transforms

from benchmarks.reference_data import PILImages
from benchmarks.reference_methods import Seen, kd
from benchmarks.reference_parts import head
from pckd.data import ImageSet
from pckd.training.run_data import RunData

COPIES = 4


class RotatedImages(Dataset[tuple[Tensor, int, int, Tensor]]):
    """Four views of an image, the label, the place of the image, and no strong view."""

    def __init__(self, data: RunData) -> None:
        assert isinstance(data.train, ImageSet)
        self.images = PILImages(data.train, data.mean, data.std)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int, Tensor]:
        """One image."""
        crop, flip, *rest = self.images.transform.transforms
        image = flip(Image.fromarray(self.images.pixels[index]))
        views = [crop(transforms.rotate(image, 90 * turn)) for turn in range(COPIES)]
        for each in rest:
            views = [each(view) for view in views]
        return torch.stack(views), self.images.labels[index], index, torch.empty(0)


def cosines(rows: Tensor) -> Tensor:
    """Cosines of the turned copies with the upright images, [3 B, B]; rows are [4 B, d]."""
    copies = rows.view(-1, COPIES, rows.shape[1])
    upright, turned = copies[:, 0], copies[:, 1:].reshape(-1, rows.shape[1])
    return F.cosine_similarity(turned[:, None], upright[None], dim=2)


def own_images(similarity: Tensor) -> Tensor:
    """The image of each turned copy, [3 B]."""
    return torch.arange(len(similarity), device=similarity.device) // (COPIES - 1)


def kept(scores: Tensor, right: Tensor, share: float) -> Tensor:
    """Places of the rows that are relied on: all that are right, and the least wrong others."""
    places = scores.argsort(dim=1, descending=True) == right[:, None]
    ranks = places.nonzero()[:, 1]
    order = torch.argsort(ranks)
    correct = int((ranks == 0).sum())
    return order[: correct + int((len(order) - correct) * share)]


class SelfSupervision(nn.Module):
    """SSKD beside 0.1 of the cross entropy and 0.9 of KD on the upright images."""

    def __init__(self, student: int, teacher: int) -> None:
        super().__init__()
        self.own, self.other = head(student), head(teacher).requires_grad_(False)

    def forward(self, seen: Seen) -> Tensor:
        """The terms beside the cross entropy, for a batch of [4 B] outputs."""
        logits = [side.logits.view(-1, COPIES, side.logits.shape[1]) for side in seen[:2]]
        upright = kd(logits[0][:, 0], logits[1][:, 0])
        turned = [each[:, 1:].reshape(-1, each.shape[2]) for each in logits]
        rows = kept(turned[1], seen.labels.repeat_interleave(COPIES - 1), share=1.0)
        transfer = kd(turned[0][rows], turned[1][rows])
        own = cosines(self.own(seen.student.features))
        other = cosines(self.other(seen.teacher.features))
        rows = kept(other, own_images(other), share=0.75)
        similarity = kd(own[rows], other[rows], temperature=0.5)
        return 0.9 * upright + 2.7 * transfer + 10.0 * similarity
