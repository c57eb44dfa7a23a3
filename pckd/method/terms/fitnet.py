"""FitNet's hint: a learned regressor takes one of the student's maps to the teacher's.

Source: Romero, Ballas, Kahou, Chassang, Gatta, Bengio, "FitNets: Hints for Thin Deep Nets", ICLR
2015, arXiv 1412.6550, in RepDistiller's form: one stage of training, BatchNorm and ReLU behind the
regressor's convolution, a mean of squares. The paper trains in two stages, without BatchNorm.
"""

from pydantic import Field
from torch import Tensor, nn

from pckd.method.term import Needs, NetworkShape, Refused, Step, Task, Term, TermConfig


def hint_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """HINT_i = mean over C H W of (R(f_s) - f_t)^2.

    Args:
        predicted: R(f_s), [B, C, H, W].
        target: f_t, [B, C, H, W]; no gradient flows into it.

    Returns:
        [B].
    """
    return (predicted - target.detach()).square().mean((1, 2, 3))


def regressor_of(student: tuple[int, int, int], teacher: tuple[int, int, int]) -> nn.Module | None:
    """The convolution that takes a map (C, H, W) to another; None where none does.

    Half the size by stride 2, twice the size by a transposed convolution, any smaller size by a
    kernel as large as the difference.
    """
    (own, height, width), (other, other_height, other_width) = student, teacher
    if height == 2 * other_height:
        return nn.Conv2d(own, other, kernel_size=3, stride=2, padding=1)
    if 2 * height == other_height:
        return nn.ConvTranspose2d(own, other, kernel_size=4, stride=2, padding=1)
    if height >= other_height and width >= other_width:
        return nn.Conv2d(
            own, other, kernel_size=(1 + height - other_height, 1 + width - other_width)
        )
    return None


class FitNetConfig(TermConfig):
    """Settings of the hint."""

    weight: float = Field(100.0, ge=0, description="factor of the term in the sum")
    map: int = Field(
        2, ge=0, description="map that is matched: 0 is the stem's, 2 the second stage's"
    )


class FitNet(Term[FitNetConfig]):
    """HINT_i = mean over C H W of (R(f_s) - f_t)^2 with a learned regressor R, [B]."""

    Config = FitNetConfig
    label = "FitNet"

    def __init__(self, config: FitNetConfig, task: Task) -> None:
        super().__init__(config, task)
        student, teacher = (_map_of(each, config) for each in (task.student, task.taught()))
        convolution = None if student is None or teacher is None else regressor_of(student, teacher)
        if convolution is None or teacher is None:
            raise ValueError("no regressor takes the student's map to the teacher's")
        self.regressor = nn.Sequential(convolution, nn.BatchNorm2d(teacher[0]), nn.ReLU())

    @classmethod
    def needs(cls, config: FitNetConfig) -> Needs:
        """Return that stage maps are needed."""
        return Needs(maps=True)

    @classmethod
    def unfit(cls, config: FitNetConfig, task: Task) -> Refused | None:
        """Refuse a map that is not there, and sizes that no regressor joins."""
        student, teacher = (_map_of(each, config) for each in (task.student, task.taught()))
        if student is None or teacher is None:
            least = min(len(task.student.maps), len(task.taught().maps))
            return Refused(
                f"loss.fitnet.map is {config.map}, the networks have maps 0 to {least - 1}"
            )
        if regressor_of(student, teacher) is None:
            return Refused(f"no regressor takes maps of {student} to {teacher} (C, H, W)")
        return None

    def forward(self, step: Step) -> Tensor:
        """Return the loss of copy 0, [B]."""
        place = self.config.map
        student, teacher = (side.maps[place][:, 0] for side in (step.student, step.taught()))
        return hint_loss(self.regressor(student), teacher)


def _map_of(network: NetworkShape, config: FitNetConfig) -> tuple[int, int, int] | None:
    return network.maps[config.map] if config.map < len(network.maps) else None
