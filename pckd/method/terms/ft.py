"""Factor transfer: the student's translated map resembles the teacher's paraphrased one.

Source: Kim, Park, Kwak, "Paraphrasing Complex Network: Network Compression via Factor Transfer",
NeurIPS 2018, arXiv 1802.04977, in RepDistiller's form, `attention`, which compares where factors
are active. The form `factors` is that of the authors' code, which compares whole factor tensors,
with weight 500; their translator has no BatchNorm.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from pckd.method.preparation import Preparation, PreparationConfig, PreparedConfig, PreparedTerm
from pckd.method.relations import unit
from pckd.method.stage_maps import matched
from pckd.method.term import Needs, Side, Step, Task
from pckd.method.terms.at import attention

SLOPE = 0.1
"""Slope of every LeakyReLU below 0."""


def factor_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """FT_i = mean over H W of |a(F_s) - a(F_t)|, a(F) = unit(mean_c F_c^2).

    Args:
        student: F_s, [B, m, H, W].
        teacher: F_t, [B, m, H, W]; no gradient flows into it.

    Returns:
        [B].
    """
    return (attention(student) - attention(teacher.detach())).abs().mean(1)


def whole_factor_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """FT_i in the authors' form = mean over m H W of |unit(F_s) - unit(F_t)|.

    Args:
        student: F_s, [B, m, H, W].
        teacher: F_t, [B, m, H, W]; no gradient flows into it.

    Returns:
        [B].
    """
    return (unit(student.flatten(1)) - unit(teacher.detach().flatten(1))).abs().mean(1)


FORMS = {"attention": factor_loss, "factors": whole_factor_loss}


class FTPreparation(PreparationConfig):
    """The recipe of the paraphraser."""

    learning_rate: float | None = Field(
        0.01, gt=0, description="constant; the source has 0.05 for a VGG student"
    )


class FTConfig(PreparedConfig):
    """Settings of factor transfer."""

    weight: float = Field(200.0, ge=0, description="factor of the term in the sum")
    form: Literal["attention", "factors"] = Field(
        "attention",
        description="RepDistiller's form, or that of the authors' code, with weight 500",
    )
    share: float = Field(
        0.5, gt=0, le=1, description="factors, as a share of the channels of the teacher's map"
    )
    preparation: FTPreparation = Field(
        default_factory=FTPreparation, description="the training of the paraphraser"
    )


class Paraphraser(Preparation):
    """PARAPHRASE_i = mean over C H W of (decoder(encoder(f_t)) - f_t)^2, [B]."""

    ignores = frozenset({"form"})

    def __init__(self, config: FTConfig, task: Task) -> None:
        super().__init__(config, task)
        channels = _channels(task)
        factors = factors_of(config, task)
        self.encoder = _encoder(channels, factors)
        self.decoder = _chain(
            nn.ConvTranspose2d(factors, factors, kernel_size=3, padding=1),
            nn.ConvTranspose2d(factors, channels, kernel_size=3, padding=1),
            nn.ConvTranspose2d(channels, channels, kernel_size=3, padding=1),
        )

    @classmethod
    def needs(cls, config: FTConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    def forward(self, teacher: Side) -> Tensor:
        """Return how far each of the teacher's last maps is from its paraphrase, [B]."""
        maps = last_map(teacher)
        paraphrase: Tensor = self.decoder(self.encoder(maps))
        return (paraphrase - maps).square().mean((1, 2, 3))


class FT(PreparedTerm[FTConfig]):
    """FT_i = mean over H W of |a(F_s) - a(F_t)|, a(F) = unit(mean_c F_c^2), [B].

    F_t are the factors of the teacher's last map, of the encoder that the preparation trained and
    that stays as it is; F_s those of the student's, of a learned translator. The form factors is
    mean over m H W of |unit(F_s) - unit(F_t)|.
    """

    Config = FTConfig
    Preparation = Paraphraser
    label = "FT"

    def __init__(self, config: FTConfig, task: Task) -> None:
        super().__init__(config, task)
        factors = factors_of(config, task)
        self.encoder = _encoder(_channels(task), factors).requires_grad_(False)
        self.translator = _translator(task.student.maps[-1][0], factors)

    @classmethod
    def needs(cls, config: FTConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of copy 0, [B]."""
        student = self.translator(last_map(step.student))
        loss = FORMS[self.config.form]
        return loss(*matched(student, self.encoder(last_map(step.taught()).detach())))


def factors_of(config: FTConfig, task: Task) -> int:
    """m, the number of factors."""
    return max(1, int(config.share * _channels(task)))


def last_map(side: Side) -> Tensor:
    """The map of the last stage for copy 0, [B, C, H, W]."""
    return side.maps[-1][:, 0]


def _channels(task: Task) -> int:
    return task.taught().maps[-1][0]


def _encoder(channels: int, factors: int) -> nn.Sequential:
    return _chain(*_convolutions(channels, factors))


def _translator(channels: int, factors: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for convolution in _convolutions(channels, factors):
        layers += [convolution, nn.BatchNorm2d(convolution.out_channels), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers)


def _convolutions(channels: int, factors: int) -> list[nn.Conv2d]:
    widths = [(channels, channels), (channels, factors), (factors, factors)]
    return [nn.Conv2d(*pair, kernel_size=3, padding=1) for pair in widths]


def _chain(*layers: nn.Module) -> nn.Sequential:
    """Layers, each with a LeakyReLU behind it."""
    return nn.Sequential(*(each for layer in layers for each in (layer, nn.LeakyReLU(SLOPE))))
