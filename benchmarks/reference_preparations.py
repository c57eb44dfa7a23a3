"""What comes before AB's, FSP's, FT's and SSKD's training, in the peers' manner."""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.reference_method_loop import images_of
from benchmarks.reference_parts import encoder, head
from benchmarks.reference_rotations import cosines, own_images
from pckd.models import Network, Outputs, output_shapes
from pckd.training.config import RunConfig
from pckd.training.run_data import RunData

PREPARED = ("ab", "fsp", "ft", "sskd")
"""Methods that the loop prepares."""

MAPS_BEFORE_RELU = "ab"


def boundaries(student: Outputs, teacher: Outputs) -> Tensor:
    """AB: the student's neurons fire where the teacher's do, at all stages of equal shape."""
    pairs = list(zip(student.before_relu[1:], teacher.before_relu[1:], strict=True))
    losses = []
    for place, (s, t) in enumerate(pairs, start=1 - len(pairs)):
        quiet = (s + 1).pow(2) * ((s > -1) & (t <= 0)).float()
        loud = (s - 1).pow(2) * ((s <= 1) & (t > 0)).float()
        losses.append((quiet + loud).sum() / len(s) * 2.0**place * 3 / 1000)
    return torch.stack(losses).sum()


def flows(student: Outputs, teacher: Outputs) -> Tensor:
    """FSP: products of the channels of consecutive maps, each pair multiplied out."""

    def matrices(maps: tuple[Tensor, ...]) -> list[Tensor]:
        found = []
        for a, b in pairwise(maps):
            pooled = F.adaptive_avg_pool2d(a, b.shape[2]) if a.shape[2] > b.shape[2] else a
            bottom, top = pooled.flatten(2).unsqueeze(1), b.flatten(2).unsqueeze(2)
            found.append((bottom * top).mean(-1))
        return found

    pairs = zip(matrices(student.stages), matrices(teacher.stages), strict=True)
    return torch.stack([(s - t).pow(2).mean() for s, t in pairs]).sum()


class Paraphraser(nn.Module):
    """FT: an autoencoder of the teacher's last map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        factors = channels // 2
        self.encoder = encoder(channels, factors)
        widths = (factors, factors, channels, channels)
        self.decoder = nn.Sequential(
            *(
                layer
                for own, out in pairwise(widths)
                for layer in (nn.ConvTranspose2d(own, out, 3, padding=1), nn.LeakyReLU(0.1))
            )
        )

    def forward(self, teacher: Outputs) -> Tensor:
        """The loss of a batch."""
        wanted = teacher.stages[-1]
        return F.mse_loss(self.decoder(self.encoder(wanted)), wanted)


class TurnedHead(nn.Module):
    """SSKD: a head on the teacher tells images by their turned copies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = head(width)

    def forward(self, teacher: Outputs) -> Tensor:
        """The loss of a batch."""
        similarity = cosines(self.head(teacher.features))
        return F.cross_entropy(similarity, own_images(similarity))


class PreparationLoop:
    """Prepares a method.

    Args:
        config: The run that follows, whose method is one of ab, fsp, ft, sskd.
        student: Trained in place by ab and fsp; all of it has a gradient, as the peers have it.
        teacher: Trained; what looks at it learns in ft and sskd.
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
        method, self.device = config.method, device
        self.student, self.teacher = student.to(device), teacher.to(device).eval()
        for network in (self.student, self.teacher):
            network.shows_before_relu = method == MAPS_BEFORE_RELU
        width = output_shapes(self.teacher, data.image_size)
        parts = {"ft": Paraphraser(width.maps[-1][0]), "sskd": TurnedHead(width.width)}
        self.part = parts[method].to(device) if method in parts else None
        self.distance = flows if method == "fsp" else boundaries
        learning = self.student if self.part is None else self.part
        self.optimizer = torch.optim.SGD(
            learning.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4
        )
        self.loader: DataLoader[Any] = DataLoader(
            images_of(method, data), batch_size=config.optimization.batch_size, shuffle=True
        )

    def train_epoch(self) -> list[float]:
        """Train on every image once; returns the loss of each step."""
        self.student.train()
        return [self._step(views.to(self.device)) for views, *_ in self.loader]

    def _step(self, views: Tensor) -> float:
        views = views.view(-1, *views.shape[-3:])
        with torch.no_grad():
            teacher = self.teacher(views)
        if self.part is None:
            loss = self.distance(self.student(views), teacher)
        else:
            loss = self.part(teacher)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.item())
