"""Material of a benchmark: images, a teacher, a run."""

from dataclasses import replace
from typing import Any, NamedTuple

import torch

from pckd.data import ImageSet, normalise
from pckd.models import Network, create_model
from pckd.training.config import DataConfig, RunConfig
from pckd.training.run_data import RunData, prepare_data

NUM_CLASSES = 100
MEAN, STD = (0.5071, 0.4866, 0.4409), (0.2675, 0.2565, 0.2761)
EVALUATED = 2
"""Test images: a benchmark is about training, but a trial cannot go without evaluation."""
CALIBRATED = 256


class Pair(NamedTuple):
    """A teacher and a student of the paper."""

    name: str
    """As in the names of the figures."""
    teacher: str
    student: str


PAIRS = (Pair("wrn", "wrn_40_2", "wrn_16_2"), Pair("r110", "resnet110", "resnet20"))


def run_config(pair: Pair, **changes: Any) -> RunConfig:  # noqa: ANN401
    """The recipe for CIFAR-100 with all terms on; `changes` replace whole sections."""
    values = {"data": "cifar100", "student": pair.student, "teacher": pair.teacher}
    return RunConfig.model_validate(values | changes)


def images(count: int, data_root: str | None) -> RunData:
    """Training images of CIFAR-100's shape.

    Args:
        count: How many.
        data_root: Folder of CIFAR-100; None for seeded noise of its shape, on which networks
            calculate as long as on photographs.

    Raises:
        InputError: The folder does not hold CIFAR-100.
    """
    if data_root is None:
        return _noise(count)
    config = DataConfig.model_validate({"name": "cifar100", "root": data_root})
    data = prepare_data(config, "paper")
    few = data.test.at(torch.arange(EVALUATED))
    return replace(data, train=data.train.at(torch.arange(count)), evaluation=few, test=few)


def make_teacher(name: str, data: RunData) -> Network:
    """A frozen teacher with random weights and BatchNorm statistics of the images.

    Without these a deep network in evaluation mode would multiply its features up to infinity.
    """
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        teacher = create_model(name, num_classes=NUM_CLASSES).train()
        for layer in teacher.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = None  # the plain mean over what is seen
        pixels, _ = next(data.train.evaluation_batches(CALIBRATED))
        teacher(normalise(pixels, data.mean, data.std))
    return teacher.eval().requires_grad_(False)


def _noise(count: int) -> RunData:
    stream = torch.Generator().manual_seed(0)
    total = count + EVALUATED
    pixels = torch.randint(0, 256, (total, 3, 32, 32), dtype=torch.uint8, generator=stream)
    labels = torch.randint(0, NUM_CLASSES, (total,), generator=stream)
    train = ImageSet(pixels[:count], labels[:count])
    test = ImageSet(pixels[count:], labels[count:])
    class_names = tuple(str(label) for label in range(NUM_CLASSES))
    name = f"noise-{count}"
    return RunData(train, test, test, class_names, MEAN, STD, name, name)
