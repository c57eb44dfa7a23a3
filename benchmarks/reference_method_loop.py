"""The peers' training loop for any method: one view of each image, or two for `STRONG_VIEW`."""

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
from pckd.data import ImageSet
from pckd.models import Network, output_shapes
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData

Criterion = Callable[[Seen], Tensor]

STRONG_VIEW = "mld"
"""The method that shows each image twice."""

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

LEARNED = ("fitnet", "vid", "cc", "ickd", "crd", "reviewkd")
METHODS = (*LOSSES, *LEARNED)
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
        (self.term,) = set(config.loss) - {"cross_entropy"}
        self.config, self.device = config, device
        criterion = LOSSES.get(config.method) or _learned(config.method, student, teacher, data)
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
            MethodImages(data, has_strong=config.method == STRONG_VIEW),
            batch_size=optimization.batch_size,
            shuffle=True,
        )

    def train_epoch(self) -> list[float]:
        """Train on every image once; returns the loss of each step."""
        return list(self._losses())

    def _losses(self) -> Iterator[float]:
        weights = {name: term.weight for name, term in self.config.loss.active.items()}
        self.student.train()
        for batch in self.loader:
            views, labels, indices, strong = (each.to(self.device) for each in batch)
            student = self.student(views)
            with torch.no_grad():
                teacher = self.teacher(views)
            seen = Seen(student, teacher, labels, indices)
            entropy = F.cross_entropy(student.logits, labels)
            if strong.numel():
                with torch.no_grad():
                    other = self.teacher(strong).logits
                own = self.student(strong).logits
                seen = seen._replace(strong=(own, other))
                entropy = entropy + F.cross_entropy(own, labels)
            loss = weights["cross_entropy"] * entropy + weights[self.term] * self.criterion(seen)
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
        case "ickd":
            return parts.Channelwise(*(each[-1] for each in stages))
        case "crd":
            return parts.Contrast(widths[0], widths[1], data.train.labels)
        case "reviewkd":
            return parts.Review(*([*each, w] for each, w in zip(stages, widths, strict=True)))
        case _:
            raise ValueError(f"the reference loop does not know {method}")
