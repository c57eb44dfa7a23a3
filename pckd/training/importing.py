"""A foreign checkpoint becomes a teacher of the store."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from pckd.models import canonical_name, create_model, load_checkpoint, load_weights
from pckd.training.config import DataConfig
from pckd.training.evaluation import Accuracy, evaluate
from pckd.training.network_file import TrainedNetwork
from pckd.training.run_data import prepare_data
from pckd.training.teachers import TeacherCard, TeacherStore


class ImportedTeacher(NamedTuple):
    """A teacher that was imported."""

    card: TeacherCard
    accuracy: Accuracy
    """On the test images."""
    test_images: int


def import_teacher(
    file: Path,
    architecture: str,
    config: DataConfig,
    store: TeacherStore,
    device: torch.device,
    say: Callable[[str], None] = lambda text: None,
) -> ImportedTeacher:
    """Read a checkpoint of the peers, measure it on the test images, and keep it.

    The images are normalised as the data set says, as they are for every run on them.

    Args:
        file: A checkpoint; it is read without running what may be in it.
        architecture: Any spelling of a network's name.
        config: The images that it was trained on.
        store: Where it is kept.
        device: Where it is evaluated.
        say: Told before what may take minutes.

    Raises:
        InputError: The name is not known, the file is no checkpoint or does not fit the
            architecture and the number of classes, or the data set cannot be opened.
        RunError: A streamed image cannot be decoded.
    """
    model = canonical_name(architecture)
    state = load_checkpoint(file)
    data = prepare_data(config, "paper").to(device)
    network = create_model(model, num_classes=data.num_classes)
    load_weights(network, state, source=str(file))
    say(f"evaluating {model} on {len(data.test)} test images of {config.name}")
    accuracy = evaluate(network.to(device), data.test, data.mean, data.std)
    trained = TrainedNetwork(
        model=model,
        state={name: value.cpu() for name, value in network.state_dict().items()},
        class_names=list(data.class_names),
        mean=list(data.mean),
        std=list(data.std),
        image_size=list(data.image_size),
        data=config.name,
        data_fingerprint=data.fingerprint,
        trial=file.name,
        test_top1=accuracy.top1,
    )
    return ImportedTeacher(store.add(trained, file.name), accuracy, len(data.test))
