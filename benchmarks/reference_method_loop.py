"""The peers' training loop for any method.

It shows one view of each image, two for `STRONG_VIEW`, four turned copies for `TURNED`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks import reference_methods as losses
from benchmarks import reference_parts as parts
from benchmarks.reference_data import PILImages
from benchmarks.reference_methods import Seen
from benchmarks.reference_rotations import RotatedImages, SelfSupervision
from pckd.data import ImageSet
from pckd.models import Network, output_shapes
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData

Criterion = Callable[[Seen], Tensor]

STRONG_VIEW = "mld"
"""The method that shows each image twice."""

TURNED = "sskd"
"""The method that shows each image four times."""

Row = tuple[Tensor, int, int, Tensor]
"""A view, the label, the place of the image, and its strong view, empty where nobody asks."""

LOSSES: dict[str, Criterion] = {
    "kd": lambda seen: losses.kd(seen.student.logits, seen.teacher.logits),
    "kd_standardised": lambda seen: losses.kd_standardised(
        seen.student.logits, seen.teacher.logits
    ),
    "dkd": lambda seen: losses.dkd(seen.student.logits, seen.teacher.logits, seen.labels),
    "nkd": lambda seen: losses.nkd(seen.student.logits, seen.teacher.logits, seen.labels),
    "dist": lambda seen: losses.dist(seen.student.logits, seen.teacher.logits),
    "mld": losses.mld,
    "at": lambda seen: losses.at(seen.student.stages[1:], seen.teacher.stages[1:]),
    "sp": lambda seen: losses.sp(seen.student.stages[-1], seen.teacher.stages[-1]),
    "nst": lambda seen: losses.nst(seen.student.stages[1:], seen.teacher.stages[1:]),
    "rkd": lambda seen: losses.rkd(seen.student.features, seen.teacher.features),
    "pkt": lambda seen: losses.pkt(seen.student.features, seen.teacher.features),
}
"""The losses of methods that learn nothing beside the student."""

PREPARED = ("ab", "fsp")
"""Methods that only prepare the student; in training the peers run the teacher all the same."""

LEARNED = ("fitnet", "vid", "cc", "ickd", "crd", "reviewkd", "ft", "sskd")
METHODS = (*LOSSES, *LEARNED, *PREPARED)
"""Every method that the loop knows."""


class MethodLoop:
    """Trains a student by one method.

    Args:
        config: The run, whose method is one of `METHODS`.
        student: What is trained, in place.
        teacher: What it learns from.
        data: Whose training images are shown.
        device: Where to compute.
    """

    def __init__(
        self,
        config: RunConfig,
        student: Network,
        teacher: Network,
        data: RunData,
        device: torch.device,
    ) -> None:
        self.config, self.device = config, device
        criterion = _criterion(config.method, student, teacher, data)
        self.criterion = criterion.to(device) if isinstance(criterion, nn.Module) else criterion
        self.student, self.teacher = student.to(device), teacher.to(device).eval()
        for network in (self.student, self.teacher):
            network.shows_before_relu = config.method in ("ickd", "reviewkd")
        learned = self.criterion.parameters() if isinstance(self.criterion, nn.Module) else ()
        optimization = config.optimization
        self.optimizer = torch.optim.SGD(
            [*self.student.parameters(), *learned],
            lr=optimization.learning_rate,
            momentum=optimization.momentum,
            weight_decay=optimization.weight_decay,
        )
        self.loader: DataLoader[Any] = DataLoader(
            images_of(config.method, data),
            batch_size=optimization.batch_size,
            shuffle=True,
        )

    def train_epoch(self) -> list[float]:
        """Train on every image once; returns the loss of each step."""
        return list(self._losses())

    def _losses(self) -> Iterator[float]:
        entropy_weight = self.config.loss["cross_entropy"].weight
        weight = _weight(self.config)
        self.student.train()
        for batch in self.loader:
            views, labels, indices, strong = (each.to(self.device) for each in batch)
            copies = views.shape[1] if views.dim() > 4 else 1
            views = views.view(-1, *views.shape[-3:])
            student = self.student(views)
            with torch.no_grad():
                teacher = self.teacher(views)
            seen = Seen(student, teacher, labels, indices)
            entropy = F.cross_entropy(student.logits[::copies], labels)
            if strong.numel():
                with torch.no_grad():
                    other = self.teacher(strong).logits
                own = self.student(strong).logits
                seen = seen._replace(strong=(own, other))
                entropy = entropy + F.cross_entropy(own, labels)
            loss = entropy_weight * entropy + weight * self.criterion(seen)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            yield loss.item()


class MethodImages(Dataset[Row]):
    """Views with the place of each image, and a strong view where it is asked for.

    torchvision's RandAugment stands for the source's fourteen operations.
    """

    def __init__(self, data: RunData, *, has_strong: bool) -> None:
        assert isinstance(data.train, ImageSet)
        self.images = PILImages(data.train, data.mean, data.std)
        crop, flip, *rest = self.images.transform.transforms
        self.strong = (
            transforms.Compose([crop, flip, transforms.RandAugment(), *rest])
            if has_strong
            else None
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Row:
        """One image."""
        view, label = self.images[index]
        if self.strong is None:
            return view, label, index, torch.empty(0)
        return view, label, index, self.strong(Image.fromarray(self.images.pixels[index]))


def images_of(method: str, data: RunData) -> Dataset[Row]:
    """The images as a method shows them."""
    if method == TURNED:
        return RotatedImages(data)
    return MethodImages(data, has_strong=method == STRONG_VIEW)


def _weight(config: RunConfig) -> float:
    """The weight of what stands beside the cross entropy; SSKD's terms have theirs inside."""
    others = set(config.loss) - {"cross_entropy"}
    return config.loss[others.pop()].weight if len(others) == 1 else 1.0


def _criterion(method: str, student: Network, teacher: Network, data: RunData) -> Criterion:
    if method in PREPARED:
        return lambda seen: torch.zeros((), device=seen.labels.device)
    return LOSSES.get(method) or _learned(method, student, teacher, data)


def _learned(method: str, student: Network, teacher: Network, data: RunData) -> nn.Module:
    """The loss of a method that learns something beside the student."""
    shapes = [output_shapes(network, data.image_size) for network in (student, teacher)]
    stages = [[channels for channels, _, _ in each.maps[1:]] for each in shapes]
    widths = [each.width for each in shapes]
    match method:
        case "fitnet":
            return parts.Hint(*stages)
        case "vid":
            return parts.VID(*stages)
        case "cc":
            return parts.Correlation(*widths)
        case "ft":
            return parts.Factors(*(each[-1] for each in stages))
        case "sskd":
            return SelfSupervision(*widths)
        case "ickd":
            return parts.Channelwise(*(each[-1] for each in stages))
        case "crd":
            return parts.Contrast(widths[0], widths[1], data.train.labels)
        case "reviewkd":
            return parts.Review(*([*each, w] for each, w in zip(stages, widths, strict=True)))
        case _:
            raise ValueError(f"the reference loop does not know {method}")
