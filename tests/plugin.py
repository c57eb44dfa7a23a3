"""A plug-in with a term, a network and a data set; tests write its text into study folders."""

import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.data import DataInMemory, register_data
from pckd.method import Step, Term, TermConfig, register_term
from pckd.models import MapList, StagedNetwork, register_network


class GapConfig(TermConfig):
    """Settings of the gap."""

    power: int = Field(2, ge=1, description="p, of the distance")


class Gap(Term[GapConfig]):
    """GAP_i = mean_j |z_s[j] - z_t[j]|^p, [B]."""

    Config = GapConfig
    label = "Gap"

    def forward(self, step: Step) -> Tensor:
        """Return the mean distance of the logits of copy 0, [B]."""
        difference = step.student.logits[:, 0] - step.taught().logits[:, 0].detach()
        return difference.abs().pow(self.config.power).mean(1)


class Thin(StagedNetwork):
    """One stage of four channels."""

    classifier_name = "fc"

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, num_classes)

    def body(self, images: Tensor, maps: MapList) -> Tensor:
        """Return the map of the only stage."""
        return maps.add_rectified(self.bn(self.conv(images)))


def shades() -> DataInMemory:
    """Return dark and bright images."""
    labels = torch.arange(48) % 2
    noise = torch.randint(0, 100, (48, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    pixels = (noise + 150 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    return DataInMemory(pixels[:32], labels[:32], pixels[32:], labels[32:], ("dark", "bright"))


register_term("gap", Gap)
register_network("thin", Thin)
register_data("shades", shades)
