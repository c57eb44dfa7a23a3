"""The peers' losses that learn something of their own beside the student."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.reference_methods import Seen

Channels = Sequence[int]


class Hint(nn.Module):
    """FitNet on the second stage."""

    def __init__(self, student: Channels, teacher: Channels) -> None:
        super().__init__()
        self.regressor = nn.Sequential(
            nn.Conv2d(student[1], teacher[1], kernel_size=1),
            nn.BatchNorm2d(teacher[1]),
            nn.ReLU(),
        )

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        return F.mse_loss(self.regressor(seen.student.stages[2]), seen.teacher.stages[2])


class VID(nn.Module):
    """Each stage of the teacher predicted, with a variance a channel."""

    def __init__(self, student: Channels, teacher: Channels) -> None:
        super().__init__()
        self.regressors = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(s, t, 1, bias=False),
                nn.ReLU(),
                nn.Conv2d(t, t, 1, bias=False),
                nn.ReLU(),
                nn.Conv2d(t, t, 1, bias=False),
            )
            for s, t in zip(student, teacher, strict=True)
        )
        start = math.log(math.exp(5.0 - 1e-5) - 1)
        self.variances = nn.ParameterList(torch.full((t,), start) for t in teacher)

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        losses = []
        stages = zip(seen.student.stages[1:], seen.teacher.stages[1:], strict=True)
        for (s, t), regressor, raw in zip(stages, self.regressors, self.variances, strict=True):
            variance = (torch.log(1 + raw.exp()) + 1e-5).view(1, -1, 1, 1)
            error = (regressor(s) - t) ** 2 / variance
            losses.append((0.5 * (error + torch.log(variance))).mean())
        return torch.stack(losses).sum()


class Correlation(nn.Module):
    """CC: products of the differences of samples that follow each other."""

    def __init__(self, student: int, teacher: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(student, 128), nn.Linear(teacher, 128)])

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        own, other = (
            head(side.features)
            for head, side in zip(self.heads, (seen.student, seen.teacher), strict=True)
        )
        apart: Tensor = (own - other).abs()
        return (apart[:-1] * apart[1:]).sum(1).mean()


def encoder(channels: int, factors: int) -> nn.Sequential:
    """FT's paraphraser, as far as training needs it."""
    return nn.Sequential(
        *(
            layer
            for own, out in pairwise((channels, channels, factors, factors))
            for layer in (nn.Conv2d(own, out, 3, padding=1), nn.LeakyReLU(0.1))
        )
    )


def head(width: int) -> nn.Sequential:
    """SSKD's head."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


class Factors(nn.Module):
    """FT: attention of the student's translated factors and of the teacher's paraphrased ones."""

    def __init__(self, student: int, teacher: int) -> None:
        super().__init__()
        factors = teacher // 2
        self.encoder = encoder(teacher, factors).requires_grad_(False)
        self.translator = nn.Sequential(
            *(
                layer
                for own, out in pairwise((student, student, factors, factors))
                for layer in (
                    nn.Conv2d(own, out, 3, padding=1),
                    nn.BatchNorm2d(out),
                    nn.LeakyReLU(0.1),
                )
            )
        )

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        factors = self.translator(seen.student.stages[-1]), self.encoder(seen.teacher.stages[-1])
        own, other = (F.normalize(each.pow(2).mean(1).flatten(1)) for each in factors)
        return (own - other).abs().mean()


class Channelwise(nn.Module):
    """ICKD: inner products of the channels of the last map."""

    def __init__(self, student: int, teacher: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Conv2d(student, teacher, 1, bias=False), nn.BatchNorm2d(teacher)
        )

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        maps = [F.relu(side.before_relu[-1]) for side in (seen.student, seen.teacher)]
        maps[0] = self.embed(maps[0])
        own, other = (
            F.normalize(torch.bmm(each.flatten(2), each.flatten(2).transpose(1, 2)), dim=2)
            for each in maps
        )
        return (own - other).pow(2).mean() * own.shape[1]


class Contrast(nn.Module):
    """CRD: a memory of every image on both sides, 16384 negatives drawn image by image."""

    own: Tensor
    other: Tensor

    def __init__(self, student: int, teacher: int, labels: Tensor, negatives: int = 16384) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(student, 128), nn.Linear(teacher, 128)])
        self.negatives = negatives
        self.others = [(labels != label).nonzero().flatten() for label in labels]
        for side in ("own", "other"):
            bound = 1 / math.sqrt(128 / 3)
            self.register_buffer(side, torch.rand(len(labels), 128).mul_(2 * bound).add_(-bound))
        self.normalisers = [-1.0, -1.0]

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        columns = []
        for index in seen.indices.tolist():
            others = self.others[index]
            drawn = others[torch.randint(len(others), (self.negatives,))]
            columns.append(torch.cat([torch.tensor([index]), drawn]))
        places = torch.stack(columns).to(seen.indices.device)
        embedded = [
            F.normalize(head(side.features))
            for head, side in zip(self.heads, (seen.student, seen.teacher), strict=True)
        ]
        total = self._loss(0, embedded[0], self.other, places)
        total = total + self._loss(1, embedded[1], self.own, places)
        with torch.no_grad():
            for memory, rows in ((self.own, embedded[0]), (self.other, embedded[1])):
                kept = memory[seen.indices] * 0.5 + rows * 0.5
                memory[seen.indices] = F.normalize(kept)
        return total

    def _loss(self, side: int, rows: Tensor, memory: Tensor, places: Tensor) -> Tensor:
        weights = memory.index_select(0, places.flatten()).view(*places.shape, -1)
        scores = torch.exp(torch.bmm(weights, rows[:, :, None]).squeeze(2) / 0.07)
        if self.normalisers[side] < 0:
            self.normalisers[side] = scores.mean().item() * len(memory)
        scores = scores / self.normalisers[side]
        noise = self.negatives / len(memory)
        own = (scores[:, 0] / (scores[:, 0] + noise + 1e-7)).log()
        others = (noise / (scores[:, 1:] + noise + 1e-7)).log()
        return -(own.sum() + others.sum()) / len(rows)


class Fusion(nn.Module):
    """One block of ReviewKD."""

    def __init__(self, student: int, teacher: int, width: int, *, deepest: bool) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(student, width, 1, bias=False), nn.BatchNorm2d(width))
        self.conv2 = nn.Sequential(
            nn.Conv2d(width, teacher, 3, padding=1, bias=False), nn.BatchNorm2d(teacher)
        )
        self.attention = (
            None if deepest else nn.Sequential(nn.Conv2d(2 * width, 2, 1), nn.Sigmoid())
        )

    def forward(self, x: Tensor, y: Tensor | None, size: int) -> tuple[Tensor, Tensor]:
        """The level's output, and what it hands on."""
        x = self.conv1(x)
        if self.attention is not None and y is not None:
            y = F.interpolate(y, (x.shape[2], x.shape[3]), mode="nearest")
            z = self.attention(torch.cat([x, y], dim=1))
            x = x * z[:, 0].view(-1, 1, *x.shape[2:]) + y * z[:, 1].view(-1, 1, *x.shape[2:])
        if x.shape[2] != size:
            x = F.interpolate(x, (size, size), mode="nearest")
        return self.conv2(x), x


class Review(nn.Module):
    """ReviewKD: fused levels against the teacher's, from the deepest on."""

    def __init__(self, student: Channels, teacher: Channels) -> None:
        super().__init__()
        width = min(512, student[-1])
        pairs = list(zip(student, teacher, strict=True))[::-1]
        self.blocks = nn.ModuleList(
            Fusion(s, t, width, deepest=place == 0) for place, (s, t) in enumerate(pairs)
        )

    def forward(self, seen: Seen) -> Tensor:
        """The loss of a batch."""
        own = [*seen.student.stages[1:], seen.student.features[:, :, None, None]][::-1]
        other = [*seen.teacher.before_relu[1:], seen.teacher.features[:, :, None, None]][::-1]
        total, y = torch.zeros(()), None
        for block, s, t in zip(self.blocks, own, other, strict=True):
            out, y = block(s, y, t.shape[2])
            total = total + self._level(out, t)
        return total

    @staticmethod
    def _level(s: Tensor, t: Tensor) -> Tensor:
        loss, count, weights = F.mse_loss(s, t), 1.0, 1.0
        for size in (4, 2, 1):
            if size >= s.shape[2]:
                continue
            count /= 2.0
            own, other = (F.adaptive_avg_pool2d(each, (size, size)) for each in (s, t))
            loss = loss + F.mse_loss(own, other) * count
            weights += count
        return loss / weights
