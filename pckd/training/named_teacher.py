"""The teacher of a run in the store: trained by recipe, or named by its hash."""

from pckd.errors import InputError
from pckd.training.config import RunConfig
from pckd.training.identity import run_identity
from pckd.training.run_data import check_classes, check_shown, prepare_data
from pckd.training.teachers import TeacherCard, TeacherStore


def named_teacher(config: RunConfig, store: TeacherStore) -> TeacherCard:
    """Find the teacher that a run names by its hash.

    Args:
        config: A run with a `teacher_hash`.
        store: Where the teacher is kept.

    Raises:
        InputError: The store holds none or several of that hash, or the teacher has another
            architecture than the run says, damaged weights, or was trained on other classes, on
            images of another size, or normalised otherwise than the run's.
    """
    if config.teacher is None or config.teacher_hash is None:
        raise ValueError("the run does not name a teacher by its hash")
    data = prepare_data(config.data, config.protocol)
    card = store.named(config.teacher_hash, config.data.name, data.fingerprint)
    if card.model != config.teacher.model:
        raise InputError(
            f"teacher {card.short_hash} is a {card.model}, but teacher.model is "
            f"{config.teacher.model}"
        )
    network, name = store.load(card), f"teacher {card.short_hash} ({card.model})"
    check_classes(network.class_names, data, name)
    check_shown(network, data, name)
    return card


def known_teacher(config: RunConfig, store: TeacherStore) -> TeacherCard | None:
    """The trained teacher of a run; None if the run needs none, or it has not been trained yet.

    Raises:
        InputError: The run names a teacher by a hash that is not there or does not suit.
    """
    if not config.needs_teacher:
        return None
    if config.teacher_hash:
        return named_teacher(config, store)
    return store.find(run_identity(config.teacher_run()))
