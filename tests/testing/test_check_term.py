"""The checks of a term: all built-in terms pass them, and each finds its fault."""

from typing import Any

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

from pckd.errors import InputError
from pckd.method import Needs, Off, Refused, Step, Task, Term, TermConfig, list_terms, whole_batch
from pckd.testing import TermError, check_term
from pckd.testing.ranks import ThreadExchange, on_ranks

VARIANTS = [
    ("kd", {"standardise": True}),
    ("dkd", {"standardise": True}),
    ("mld", {"standardise": True}),
    ("cc", {"form": "kernel"}),
    ("crd", {"negatives": 5}),
    ("dist", {"gamma": 0}),
]


@pytest.fixture(autouse=True)
def one_thread() -> Any:  # noqa: ANN401
    """Small tensors: further threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", list_terms())
def test_every_built_in_term_passes(name: str) -> None:
    check_term(name)


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_terms_pass_with_other_settings(name: str, parameters: dict[str, Any]) -> None:
    check_term(name, parameters)


class Sound(Term[TermConfig]):
    """S_i = sum_j (z_s[j] - z_t[j])^2, [B]."""

    label = "Sound"

    def forward(self, step: Step) -> Tensor:
        return (step.student.logits - step.taught().logits.detach())[:, 0].square().sum(-1)


class Scalar(Sound):
    """S = a scalar where values per sample are promised."""

    def forward(self, step: Step) -> Tensor:
        return super().forward(step).mean()


class Attached(Sound):
    """A_i = a gradient into the teacher."""

    def forward(self, step: Step) -> Tensor:
        return (step.student.logits - step.taught().logits)[:, 0].square().sum(-1)


class Cut(Sound):
    """C_i = part of the gradient is lost."""

    def forward(self, step: Step) -> Tensor:
        return step.student.logits[:, 0].detach().exp().sum(-1) + super().forward(step)


class _Doubled(torch.autograd.Function):
    """A product with a weight, whose written gradient is twice the right one for the weight."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(rows, weight)
        return rows @ weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        rows, weight = ctx.saved_tensors
        return gradients[0] @ weight.T, 2 * rows.T @ gradients[0]


class Doubled(Sound):
    """D_i = |W f|^2, with a gradient of W that is wrong."""

    def __init__(self, config: TermConfig, task: Task) -> None:
        super().__init__(config, task)
        self.weight = nn.Parameter(torch.ones(task.student.width, 2))

    def forward(self, step: Step) -> Tensor:
        product: Tensor = _Doubled.apply(step.student.features[:, 0], self.weight)
        return product.square().sum(-1)


class Distance(Sound):
    """D_i = |z_s - z_t|, without a gradient where both are equal."""

    def forward(self, step: Step) -> Tensor:
        return super().forward(step).sqrt()


class Relabelling(Sound):
    """R_i = the labels are changed in place."""

    def forward(self, step: Step) -> Tensor:
        step.labels.add_(1)
        return super().forward(step)


class Writing(Sound):
    """W_i = the logits are changed in place."""

    def forward(self, step: Step) -> Tensor:
        value = super().forward(step)
        step.taught().logits.data.add_(1.0)
        return value


class Greedy(Sound):
    """G_i = stage maps are asked for and not read."""

    @classmethod
    def needs(cls, config: TermConfig) -> Needs:
        return Needs(maps=True)


class Turned(Sound):
    """T_i = rotated copies are asked for and not read."""

    @classmethod
    def needs(cls, config: TermConfig) -> Needs:
        return Needs(copies=4)


class Secret(Sound):
    """S_i = stage maps are read and not asked for."""

    def forward(self, step: Step) -> Tensor:
        return step.student.maps[-1][:, 0].square().sum((1, 2, 3))


class SecretLoop(Sound):
    """S_i = stage maps are read in a loop and not asked for."""

    def forward(self, step: Step) -> Tensor:
        means = [each[:, 0].mean((1, 2, 3)) for each in step.student.maps]
        return super().forward(step) + sum(means, torch.zeros(()))


class CutWhereLarger(Sound):
    """C_i = S_i + |m_s|^2, without its gradient where the student's map is the larger one."""

    @classmethod
    def needs(cls, config: TermConfig) -> Needs:
        return Needs(maps=True)

    def forward(self, step: Step) -> Tensor:
        own, other = (side.maps[-1][:, 0] for side in (step.student, step.taught()))
        own = own.detach() if own.shape[-1] > other.shape[-1] else own
        return super().forward(step) + own.square().sum((1, 2, 3))


class Related(Sound):
    """R_i = relations to the own process's samples that `needs` does not name."""

    def forward(self, step: Step) -> Tensor:
        rows = step.student.features[:, 0]
        return super().forward(step) + (rows @ rows.T).square().mean(1)


class RelatedScalar(Related):
    """R = relations to the samples of all processes that `needs` does not name."""

    per_sample = False

    def forward(self, step: Step) -> Tensor:
        rows = whole_batch(step.student.features[:, 0], step.exchange)
        return Sound.forward(self, step).mean() + (rows @ rows.T).square().mean()


class Local(Related):
    """L_i = relations to the samples of one process only."""

    @classmethod
    def needs(cls, config: TermConfig) -> Needs:
        return Needs(whole_batch=True)


class Ordered(Sound):
    """O_i = a weight by position in the batch."""

    def forward(self, step: Step) -> Tensor:
        value = super().forward(step)
        return value * torch.arange(len(value))


class Fragile(Sound):
    """F_i = S_i + log |z|^2, infinite at 0."""

    def forward(self, step: Step) -> Tensor:
        return super().forward(step) + step.student.logits[:, 0].square().sum(-1).log()


class FragilePart(Sound):
    """F_i = S_i + 0 sqrt(w |z|^2), whose gradient for w alone is not finite at z = 0."""

    def __init__(self, config: TermConfig, task: Task) -> None:
        super().__init__(config, task)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, step: Step) -> Tensor:
        length = step.student.logits[:, 0].square().sum(-1).detach()
        return super().forward(step) + 0 * (self.scale * length).sqrt()


class Idle(Sound):
    """I_i = a learned part that does nothing."""

    def __init__(self, config: TermConfig, task: Task) -> None:
        super().__init__(config, task)
        self.head = nn.Linear(2, 2)


class Forgetful(Sound):
    """F_i = S_i + the mean of former steps, in no buffer."""

    former = 0.0

    def forward(self, step: Step) -> Tensor:
        value = super().forward(step)
        total = value + self.former
        self.former = self.former + whole_batch(value.detach(), step.exchange).mean().item()
        return total


class Lost(Sound):
    """L_i = S_i / Z, with Z of the first step, in no buffer."""

    first: Tensor | None = None

    def forward(self, step: Step) -> Tensor:
        value = super().forward(step)
        if self.first is None:
            self.first = whole_batch(value.detach(), step.exchange).mean()
        return value / self.first


class Diverging(Sound):
    """D_i = S_i + the mean of the own process's former samples, in a buffer."""

    former: Tensor

    def __init__(self, config: TermConfig, task: Task) -> None:
        super().__init__(config, task)
        self.register_buffer("former", torch.zeros(()))

    def forward(self, step: Step) -> Tensor:
        value = super().forward(step)
        total = value + self.former
        self.former = self.former + value.detach().mean()
        return total


class Dice(Sound):
    """D_i = S_i times a number of the global generator."""

    def forward(self, step: Step) -> Tensor:
        return super().forward(step) * torch.rand(())


class Stubborn(Sound):
    """S_i = a weight that settings do not move."""

    def weight_at(self, epoch: int) -> float:
        return 1.0


class Nowhere(Sound):
    """N_i = a term that suits no pair."""

    @classmethod
    def unfit(cls, config: TermConfig, task: Task) -> Off | Refused | None:
        return Refused("never")


class Silent(Sound):
    """Says nothing of its values."""


@pytest.mark.parametrize(
    ("term", "sentence"),
    [
        (Scalar, "the shape"),
        (Attached, "flows into the teacher"),
        (Cut, "slope"),
        (Doubled, "slope"),
        (CutWhereLarger, "slope"),
        (Distance, "not finite for a student like its teacher"),
        (Writing, "writes into"),
        (Turned, "4 copies, of which it reads the first only"),
        (SecretLoop, "which are not given"),
        (RelatedScalar, "half batches: say whole_batch"),
        (FragilePart, "gradient is not finite for outputs that are all 0"),
        (Lost, "keep state in buffers"),
        (Relabelling, "writes into"),
        (Greedy, "does not read"),
        (Secret, "which are not given"),
        (Related, "say whole_batch"),
        (Local, "two processes together"),
        (Ordered, "order of the images"),
        (Fragile, "not finite for outputs that are all 0"),
        (Idle, "head.weight gets no gradient"),
        (Forgetful, "keep state in buffers"),
        (Diverging, "state differs between processes"),
        (Dice, "slope|random numbers"),
        (Stubborn, "weight is not 0"),
        (Nowhere, "suits none"),
        (Silent, "no equation"),
    ],
)
def test_each_fault_is_found_and_named(term: type[Sound], sentence: str) -> None:
    with pytest.raises(TermError, match=sentence):
        check_term(term)


def test_the_sound_term_of_which_the_faulty_ones_are_made_passes() -> None:
    check_term(Sound)


class Looping(Sound):
    """L_i = sum over maps of the squared difference of their means."""

    @classmethod
    def needs(cls, config: TermConfig) -> Needs:
        return Needs(maps=True)

    def forward(self, step: Step) -> Tensor:
        pairs = zip(step.student.maps, step.taught().maps, strict=True)
        means = [[each[:, 0].mean((1, 2, 3)) for each in pair] for pair in pairs]
        return sum([(own - other.detach()).square() for own, other in means], torch.zeros(()))


def test_maps_may_be_read_in_a_loop() -> None:
    check_term(Looping)


class DemandingConfig(TermConfig):
    factor: float = Field(description="without a default")


class Demanding(Sound):
    """D_i = a S_i."""

    Config = DemandingConfig


def test_a_setting_without_a_default_is_asked_for() -> None:
    check_term(Demanding, {"factor": 2.0})
    with pytest.raises(InputError, match="Sound: factor is missing"):
        check_term(Demanding)


def test_settings_that_no_other_process_could_read_are_named() -> None:
    class Local(TermConfig):
        pass

    faulty = type("Faulty", (Sound,), {"Config": Local, "__doc__": "F_i = S_i."})
    with pytest.raises(TermError, match=r"settings cannot be stored and sent: .*Local"):
        check_term(faulty)


def test_what_is_no_term_is_refused() -> None:
    given: Any = 3
    with pytest.raises(InputError, match="3 is no term"):
        check_term(given)


def test_an_error_of_one_rank_ends_the_others() -> None:
    def fails(exchange: ThreadExchange) -> Tensor:
        raise RuntimeError("this rank fails")

    def waits(exchange: ThreadExchange) -> Tensor:
        return exchange.gather(torch.zeros(1))

    with pytest.raises(RuntimeError, match="this rank fails"):
        on_ranks([waits, fails])
