"""The teacher that a run names by its hash, and whether it suits the run."""

from pckd.errors import InputError
from pckd.training.config import RunConfig
from pckd.training.run_data import check_classes, prepare_data
from pckd.training.teachers import TeacherCard, TeacherStore


def named_teacher(config: RunConfig, store: TeacherStore) -> TeacherCard:
    """The teacher of the store that a run names by its hash.

    Args:
        config: A run with a `teacher_hash`.
        store: Where the teacher is kept.

    Raises:
        InputError: The store holds none or several of that hash, or the teacher has another
            architecture than the run says, other classes than the run's images, or damaged weights.
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
    check_classes(store.load(card).class_names, data, f"teacher {card.short_hash} ({card.model})")
    return card
