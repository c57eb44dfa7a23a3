"""Loading of networks from files, for one use or for import into the teacher store."""

from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path
from typing import NamedTuple

import torch

from pckd.data import published_normalisation
from pckd.errors import InputError, check_is_file
from pckd.models import (
    Network,
    canonical_name,
    class_count,
    create_model,
    load_checkpoint,
    load_weights,
    model_info,
    outline,
)
from pckd.training.class_order import best_reordered_top1, reorder_classes
from pckd.training.config import DataConfig
from pckd.training.evaluation import Accuracy, evaluate
from pckd.training.network_file import TrainedNetwork
from pckd.training.run_data import (
    check_class_count,
    check_classes,
    check_shown,
    prepare_data,
)
from pckd.training.teachers import TeacherCard, TeacherStore


class ImportedTeacher(NamedTuple):
    """A teacher that was imported."""

    card: TeacherCard
    accuracy: Accuracy
    """Accuracy on the test images."""
    test_images: int
    reordered_top1: float | None = None
    """Accuracy in the class order that fits best, for a teacher that is no better than chance."""


def read_network(
    file: Path,
    architecture: str | None,
    trained_on: str,
    say: Callable[[str], None] = lambda text: None,
) -> TrainedNetwork:
    """Read a network from pckd's own file, or from a checkpoint of another code.

    A checkpoint holds neither the normalisation of the images nor their size: the published
    normalisation of the data set and the architecture's usual size are taken. Its classes are
    numbers. Our own file holds all of these, and they are taken whatever else is said.

    Args:
        file: It is read without running what may be in it.
        architecture: Of a checkpoint: any spelling of the network's name; None for pckd's own file.
        trained_on: Of a checkpoint: the data set that it was trained on.
        say: Told which weights are taken where the file holds several.

    Raises:
        InputError: The file is not there, is neither, or does not fit the architecture; a name is
            not known; or no normalisation of the data set is published.
    """
    check_is_file(file)
    if architecture is None:
        return _own_network(file)
    model = canonical_name(architecture)
    if own := _own_if_any(file, model):
        return own
    mean, std = published_normalisation(trained_on)
    network = _read(model, file, "", say)
    return TrainedNetwork(
        model=model,
        state=network.state_dict(),
        class_names=[str(label) for label in range(network.num_classes)],
        mean=list(mean),
        std=list(std),
        image_size=[model_info(model).image_size] * 2,
        data=trained_on,
        data_fingerprint="",
        trial=file.name,
        test_top1=nan,
    )


def _read(model: str, file: Path, weights: str, say: Callable[[str], None]) -> Network:
    """Build a network filled from a checkpoint, with the checkpoint's number of classes."""
    shape = outline(model, num_classes=1)
    found = load_checkpoint(file, shape.state_dict(), weights=weights)
    network = create_model(model, num_classes=class_count(found.state, shape.classifier_name))
    load_weights(network, found.state, source=str(file))
    if found.others and not weights:
        say(
            f"{file}: takes the weights under {found.place or 'no key'}; there are also "
            f"{', '.join(found.others)}: `pckd teacher import --weights PLACE` takes those"
        )
    return network


def _own_network(file: Path) -> TrainedNetwork:
    try:
        return TrainedNetwork.from_bytes(file.read_bytes(), str(file))
    except InputError as error:
        raise InputError(f"{error}; name the architecture of a checkpoint with --arch") from None


def _own_if_any(file: Path, model: str) -> TrainedNetwork | None:
    """Read a file that pckd saved; None for any other.

    Raises:
        InputError: Its network is another one.
    """
    try:
        own = TrainedNetwork.from_bytes(file.read_bytes(), str(file))
    except (InputError, OSError):  # what is wrong with it is said when it is read as a checkpoint
        return None
    if own.model != model:
        raise InputError(f"{file} is a network of pckd's, a {own.model} and no {model}")
    return own


def import_teacher(
    file: Path,
    architecture: str,
    config: DataConfig,
    store: TeacherStore,
    device: torch.device,
    say: Callable[[str], None] = lambda text: None,
    class_names: Sequence[str] | None = None,
    *,
    weights: str = "",
) -> ImportedTeacher:
    """Import a checkpoint: measure it on the test images and keep it in the store.

    The images are normalised as the data set says, as they are for every run on them. What a file
    of pckd's says of its classes, image size and normalisation must be true of these images.

    Args:
        file: A checkpoint; it is read without running what may be in it.
        architecture: Any spelling of a network's name.
        config: The images that it was trained on.
        store: Where it is kept.
        device: Where it is evaluated.
        say: Told before what may take minutes, and which weights are taken where there are several.
        class_names: In the order that the checkpoint has; None if it is that of the images.
        weights: Key or place of the weights in the checkpoint, where there are several.

    Raises:
        InputError: The name is not known, the file is no checkpoint or does not fit the
            architecture and the number of classes, or the data set cannot be opened or has other
            classes than are named; or a file of pckd's was trained on other images.
        RunError: A streamed image cannot be decoded.
    """
    model = canonical_name(architecture)
    network = _read(model, file, weights, say)
    data = prepare_data(config, "paper").to(device)
    check_class_count(network.num_classes, data, str(file))
    own = _own_if_any(file, model)
    if own:
        check_shown(own, data, str(file))
    if class_names is not None:
        reorder_classes(network, class_names, data.class_names)
    elif own:
        check_classes(own.class_names, data, str(file))
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
    card = store.add(trained, file.name)
    is_poor = card.is_at_chance(accuracy.top1, len(data.test))
    reordered = best_reordered_top1(network, data) if is_poor else None
    return ImportedTeacher(card, accuracy, len(data.test), reordered)
