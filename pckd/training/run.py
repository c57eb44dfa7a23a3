"""One run: the loop that turns a `RunConfig` into a trained student."""

import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from torch import nn

from pckd.data import ImageSplit, TrainingBatch, TrainingPass, count_batches, rotated_copies
from pckd.method import ObjectiveValue, Side, threshold
from pckd.method.preparation import Prepared
from pckd.models import Network
from pckd.training.building import Moment, Views, build
from pckd.training.config import RunConfig
from pckd.training.evaluation import Accuracy, evaluate
from pckd.training.group import Group, LocalGroup, check_even_batches
from pckd.training.learning_rate import learning_rate_at
from pckd.training.network_file import TrainedNetwork
from pckd.training.numerics import compiled, mixed_precision
from pckd.training.record import DivergedError, EpochRecord, StepRecorder
from pckd.training.run_data import RunData
from pckd.training.teaching import build_teacher

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class Run:
    """A student in training.

    Everything random comes from the run's seed: weights once, views epoch by epoch. A run that is
    rebuilt and given back its `state()` therefore goes on as if it had never stopped.

    Args:
        config: What to compute.
        data: Its images.
        teacher: The trained teacher; None for plain cross entropy.
        device: Where to compute.
        group: The processes that share each batch.
        bank_bytes: Bound on all teacher feature banks of this machine; half of its memory by
            default.
        prepared: What was prepared for each term that has a preparation; a term that lacks it
            starts as it is drawn, and a notice says so.

    Raises:
        InputError: The workers cannot share the batches evenly.
    """

    def __init__(
        self,
        config: RunConfig,
        data: RunData,
        teacher: Network | None,
        device: torch.device,
        group: Group | None = None,
        bank_bytes: int | None = None,
        prepared: Mapping[str, Prepared] | None = None,
    ) -> None:
        self.config = config
        self.group = group or LocalGroup()
        check_even_batches(len(data.train), config.optimization.batch_size, self.group.size)
        self.device = device
        self.data = data.to(device)
        optimization = config.optimization
        built = build(config, data, self.group, prepared)
        self.plain_module = _placed(built.module, device)
        compiled(self.plain_module.student, optimization.compile)
        self.module: nn.Module = self.group.wrap(self.plain_module)
        taught = build_teacher(config, data, teacher, device, bank_bytes)
        self.teacher = taught.teacher
        self.notices = built.notices + taught.notices
        share = -(-optimization.batch_size // self.group.size)
        self.part_size = -(-share // optimization.accumulation)
        self.optimizer = torch.optim.SGD(
            self.module.parameters(),
            lr=optimization.learning_rate,
            momentum=optimization.momentum,
            weight_decay=optimization.weight_decay,
            fused=True,
        )
        self.epoch = 0

    @property
    def student(self) -> Network:
        """The student itself."""
        return self.plain_module.student

    @property
    def finished(self) -> bool:
        """Return whether all epochs are done."""
        return self.epoch >= self.config.optimization.epochs

    def train_epoch(self) -> EpochRecord:
        """Train one more epoch and evaluate.

        Raises:
            DivergedError: A loss term or an output became NaN or infinite.
            RunError: The teacher's features do not fit its bank.
            RunError: A streamed image cannot be decoded.
        """
        started = time.perf_counter()
        epoch = self.epoch + 1
        rate = learning_rate_at(self.config.optimization, epoch)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        easy_threshold = threshold(self.config.preview.growth_rate, epoch)
        losses, sums = self._train_steps(epoch, easy_threshold).read(self.group, epoch)
        trained = time.perf_counter()
        self.epoch = epoch
        accuracy = self.evaluate(self.data.evaluation)
        images = len(self.data.train)
        easy, easy_weight, hard_weight = sums.tolist()
        return EpochRecord(
            epoch=epoch,
            learning_rate=rate,
            threshold=easy_threshold,
            losses=losses,
            weights=self.plain_module.objective.weights_at(epoch),
            easy_share=100 * easy / images,
            easy_weight=easy_weight / easy if easy else None,
            hard_weight=hard_weight / (images - easy) if easy < images else None,
            top1=accuracy.top1,
            top5=accuracy.top5,
            seconds=time.perf_counter() - started,
            images_per_second=images / (trained - started),
        )

    def evaluate(self, images: ImageSplit) -> Accuracy:
        """The student's accuracy; the ranks of a group share the images.

        Raises:
            DivergedError: An output is NaN or infinite.
        """
        try:
            return evaluate(self.student, images, self.data.mean, self.data.std, self.group)
        except DivergedError as error:
            raise DivergedError(f"after epoch {self.epoch} {error}") from None

    def state(self) -> dict[str, Any]:
        """Everything `load_state` needs to resume here: tensors and plain values."""
        return {
            "epoch": self.epoch,
            "module": self.plain_module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume where `state` was taken."""
        self.plain_module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]

    def trained_network(self, trial: str, test_top1: float) -> TrainedNetwork:
        """The student in its present state; `trial` is the run's identity."""
        return TrainedNetwork(
            model=self.config.student,
            state={name: value.cpu() for name, value in self.student.state_dict().items()},
            class_names=list(self.data.class_names),
            mean=list(self.data.mean),
            std=list(self.data.std),
            image_size=list(self.data.image_size),
            data=self.config.data.name,
            data_fingerprint=self.data.fingerprint,
            trial=trial,
            test_top1=test_top1,
        )

    def _train_steps(self, epoch: int, easy_threshold: float) -> StepRecorder:
        self.module.train()
        steps = count_batches(len(self.data.train), self.config.optimization.batch_size)
        recorder = StepRecorder(steps, self.device)
        with self.group.share_errors():
            for number, batch in enumerate(self._batches(epoch)):
                self.optimizer.zero_grad(set_to_none=True)
                seed = zlib.crc32(f"{self.config.seed} {epoch} {number}".encode())
                recorder.add(self._backward(batch, Moment(epoch, easy_threshold, seed)))
                self.optimizer.step()
            if self.teacher is not None:
                self.teacher.check()
        return recorder

    def _backward(self, batch: TrainingBatch, moment: Moment) -> list[tuple[float, ObjectiveValue]]:
        """Add up the gradients of a batch, part by part; each part with its share of the images."""
        parts = batch.split(self.part_size)
        objectives = []
        for number, part in enumerate(parts):
            share = len(part.labels) / len(batch.labels)
            is_last = part is parts[-1]
            with nullcontext() if is_last else self.group.apart(self.module):
                objective = self._objective(part, moment._replace(seed=moment.seed + number))
                (share * objective.total).backward()
            objectives.append((share, objective))
        return objectives

    def _objective(self, batch: TrainingBatch, moment: Moment) -> ObjectiveValue:
        """The objective on some images."""
        views = self._views(batch)
        teacher = self._taught(batch, views)
        with mixed_precision(self.device, self.config.optimization.precision):
            value: ObjectiveValue = self.module(views, teacher, batch.labels, batch.indices, moment)
        return value

    def _views(self, batch: TrainingBatch) -> Views:
        mean, std, copies = self.data.mean, self.data.std, self.plain_module.needs.copies
        plain = rotated_copies(batch.images, rotations=copies, mean=mean, std=std)
        if batch.strong_images is None:
            return Views(plain)
        return Views(plain, rotated_copies(batch.strong_images, rotations=1, mean=mean, std=std))

    def _taught(self, batch: TrainingBatch, views: Views) -> Side | None:
        """Return the teacher's outputs for the views."""
        if self.teacher is None:
            return None
        side = self.teacher.encode(views.plain, batch.view_numbers)
        if views.strong is None:
            return side
        return side._replace(strong_logits=self.teacher.encode(views.strong, None).logits)

    def _batches(self, epoch: int) -> Iterator[TrainingBatch]:
        """This rank's share of each batch."""
        training = TrainingPass(
            seed=self.config.seed,
            epoch=epoch,
            batch_size=self.config.optimization.batch_size,
            crop_padding=self.config.views.crop_padding,
            flip=self.config.views.flip,
            strong=self.plain_module.needs.strong_view,
            rank=self.group.rank,
            size=self.group.size,
        )
        return self.data.train.training_batches(training)


def _placed(module: AnyModule, device: torch.device) -> AnyModule:
    """Move the module to the device, in the memory layout that makes convolutions fastest."""
    module.to(device).to(memory_format=torch.channels_last)
    return module
