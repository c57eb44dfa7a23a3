"""Effect of the teacher feature bank's fp16 on the loss and its gradient."""

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.contenders import CPU
from benchmarks.material import Pair, make_teacher, run_config
from pckd.data import rotated_copies
from pckd.method import Side
from pckd.training.building import Distillation, Moment, Views, build
from pckd.training.frozen_teacher import FrozenTeacher
from pckd.training.group import LocalGroup
from pckd.training.run_data import RunData

IMAGES = 32
MOMENT = Moment(epoch=1, threshold=1.0, seed=0)


class RoundingError(NamedTuple):
    """Relative errors."""

    loss: float
    gradient: float
    """Length of the difference by length of the gradient, over all parameters at once."""


def rounding_error(pair: Pair, data: RunData) -> RoundingError:
    """The errors of one step of the full method, at the student's random initialisation."""
    config = run_config(pair)
    network = make_teacher(pair.teacher, data)
    teacher = FrozenTeacher(network, CPU, "fp32", "off", config.loss.needs)
    module = build(config, data, LocalGroup()).module
    pixels, labels = next(data.train.evaluation_batches(IMAGES))
    views = rotated_copies(pixels, rotations=4, mean=data.mean, std=data.std)
    with torch.no_grad():
        features = teacher.features(views)
        exact, rounded = teacher.judge(features), teacher.judge(features.half())
    loss, gradient = _loss_and_gradient(module, views, exact, labels)
    other_loss, other_gradient = _loss_and_gradient(module, views, rounded, labels)
    return RoundingError(
        float((other_loss - loss).abs() / loss.abs()),
        float((other_gradient - gradient).norm() / gradient.norm()),
    )


def _loss_and_gradient(
    module: Distillation, views: Tensor, teacher: Side, labels: Tensor
) -> tuple[Tensor, Tensor]:
    module.train()
    total = module(Views(views), teacher, labels, torch.arange(len(labels)), MOMENT).total
    gradients = torch.autograd.grad(total, list(module.parameters()), allow_unused=True)
    parts = [gradient.flatten() for gradient in gradients if gradient is not None]
    return total.detach().double(), torch.cat(parts).double()
