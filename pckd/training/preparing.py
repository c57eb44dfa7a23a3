"""A term's preparation in training: the stage before a run, on one process."""

import zlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from pckd.data import TrainingBatch, TrainingPass, rotated_copies
from pckd.method import Needs, Side, find_term
from pckd.method.objective import full_precision
from pckd.method.preparation import Preparation, Prepared, PreparedTerm
from pckd.models import Network
from pckd.models.body import body_parameters
from pckd.settings import validate
from pckd.training.building import new_student
from pckd.training.config import OptimizationConfig, RunConfig
from pckd.training.encoding import encode
from pckd.training.frozen_teacher import FrozenTeacher
from pckd.training.learning_rate import learning_rate_at
from pckd.training.numerics import mixed_precision
from pckd.training.record import DivergedError
from pckd.training.run_data import RunData
from pckd.training.task import task_of


class Preparing:
    """A preparation, epoch by epoch; rebuilt and given back its `state()` it goes on as before.

    Args:
        config: The run that it precedes.
        term: Name of the term that is prepared.
        data: The run's images.
        teacher: The trained teacher.
        device: Where to compute.
    """

    def __init__(
        self, config: RunConfig, term: str, data: RunData, teacher: Network, device: torch.device
    ) -> None:
        kind = preparation_of(term)
        self.term, self.config, self.device = term, config, device
        self.recipe = recipe_of(config, term)
        self.needs: Needs = kind.needs(config.loss[term])
        self.data = data.to(device)
        self.teacher = FrozenTeacher(teacher, device, self.recipe.precision, "off", self.needs)
        self.seed = zlib.crc32(f"{config.seed if kind.student_learns else 0} {term}".encode())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.stage = kind(config.loss[term], task_of(config, data)).to(device)
        self.student = None
        if kind.student_learns:
            self.student = _with_open_body(new_student(config, data), data.image_size).to(device)
            self.student.shows_before_relu = self.needs.maps_before_relu
        modules = [self.stage] if self.student is None else [self.stage, self.student]
        self.optimizer = torch.optim.SGD(
            [each for module in modules for each in module.parameters() if each.requires_grad],
            lr=self.recipe.learning_rate,
            momentum=self.recipe.momentum,
            weight_decay=self.recipe.weight_decay,
            fused=True,
        )
        self.losses: list[float] = []

    @property
    def finished(self) -> bool:
        """Return whether all epochs are done."""
        return len(self.losses) >= self.recipe.epochs

    def train_epoch(self) -> float:
        """Train one more epoch.

        Returns:
            The mean loss of its images.

        Raises:
            DivergedError: The loss became NaN or infinite.
            RunError: A streamed image cannot be decoded.
        """
        epoch = len(self.losses) + 1
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = learning_rate_at(self.recipe, epoch)
        total = torch.zeros((), device=self.device)
        for batch in self._batches(epoch):
            self.optimizer.zero_grad(set_to_none=True)
            total += self._backward(batch)
            self.optimizer.step()
        loss = total.item() / len(self.data.train)
        if not torch.isfinite(total):
            raise DivergedError(f"the preparation of {self.term} became {loss} in epoch {epoch}")
        self.losses.append(loss)
        return loss

    def state(self) -> dict[str, Any]:
        """Everything `load_state` needs to resume here: tensors and plain values."""
        return {
            "losses": list(self.losses),
            "stage": self.stage.state_dict(),
            "student": {} if self.student is None else self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume where `state` was taken."""
        self.stage.load_state_dict(state["stage"])
        if self.student is not None:
            self.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.losses = list(state["losses"])

    def result(self) -> Prepared:
        """State dicts that the term takes over, on the CPU."""
        student = {} if self.student is None else self.student.state_dict()
        return Prepared(_on_cpu(self.stage.state_dict()), _on_cpu(student))

    def _backward(self, batch: TrainingBatch) -> Tensor:
        """Add up the gradients of a batch, part by part; the sum of the images' losses."""
        total = torch.zeros((), device=self.device)
        for part in batch.split(-(-self.recipe.batch_size // self.recipe.accumulation)):
            loss = self._loss(part)
            (len(part.labels) / len(batch.labels) * loss).backward()
            total += len(part.labels) * loss.detach()
        return total

    def _loss(self, batch: TrainingBatch) -> Tensor:
        views = rotated_copies(
            batch.images, rotations=self.needs.copies, mean=self.data.mean, std=self.data.std
        )
        sides: list[Side] = [self.teacher.encode(views, batch.view_numbers)]
        if self.student is not None:
            with mixed_precision(self.device, self.recipe.precision):
                sides.insert(0, encode(self.student, views, self.needs))
        loss: Tensor = self.stage(*map(full_precision, sides)).mean()
        return loss

    def _batches(self, epoch: int) -> Iterator[TrainingBatch]:
        training = TrainingPass(
            seed=self.seed,
            epoch=epoch,
            batch_size=self.recipe.batch_size,
            crop_padding=self.config.views.crop_padding,
            flip=self.config.views.flip,
        )
        return self.data.train.training_batches(training)


def preparation_of(term: str) -> type[Preparation]:
    """The class of a term's preparation.

    Raises:
        InputError: There is no such term.
        ValueError: The term has no preparation.
    """
    kind = find_term(term)
    if not issubclass(kind, PreparedTerm):
        raise ValueError(f"{term} has no preparation")
    return kind.Preparation


def recipe_of(config: RunConfig, term: str) -> OptimizationConfig:
    """The recipe of a term's preparation: the student's, with the epochs and rates of its own.

    Raises:
        InputError: The epochs or rates are none of a recipe.
    """
    own = config.loss.prepared[term].preparation
    changes = {
        "epochs": own.epochs,
        "learning_rate": own.learning_rate or config.optimization.learning_rate,
        "decay_at": own.decay_at,
        "decay_factor": own.decay_factor,
        "warmup_epochs": 0,
        "compile": "off",
    }
    values = {**config.optimization.model_dump(), **changes}
    return validate(OptimizationConfig, values, f"loss.{term}.preparation")


def _with_open_body(student: Network, image_size: tuple[int, int]) -> Network:
    """The student in eval mode without gradients, but for what its stage maps depend on."""
    body = body_parameters(student, image_size)
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(name in body)
    for module in student.eval().modules():
        module.training = any(each.requires_grad for each in module.parameters(recurse=False))
    return student


def _on_cpu(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.cpu().clone() for name, value in state.items()}
