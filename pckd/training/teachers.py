"""The store of trained teachers, below ROOT/teachers: one file and one card each, by content."""

import json
from dataclasses import asdict, dataclass

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.training.network_file import TrainedNetwork

FOLDER = "teachers/store"


@dataclass(frozen=True, slots=True)
class TeacherCard:
    """What is known of a teacher without opening its weights."""

    hash: str
    """SHA-256 of architecture and weights."""
    model: str
    num_classes: int
    data: str
    data_fingerprint: str
    recipe: str
    """Identity of the run that trained it."""
    test_top1: float
    """Percent."""


class TeacherStore:
    """The trained teachers below a results root."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def cards(self) -> list[TeacherCard]:
        """All teachers, sorted by hash."""
        return [self._card(name) for name in self.storage.names(FOLDER, ".json")]

    def find(self, recipe: str) -> TeacherCard | None:
        """The teacher that a run trained, by the run's identity; None if it has not yet."""
        return next((card for card in self.cards() if card.recipe == recipe), None)

    def add(self, network: TrainedNetwork) -> TeacherCard:
        """Keep a teacher; one that is there already stays as it is."""
        card = TeacherCard(
            hash=network.content_hash(),
            model=network.model,
            num_classes=len(network.class_names),
            data=network.data,
            data_fingerprint=network.data_fingerprint,
            recipe=network.trial,
            test_top1=network.test_top1,
        )
        # The card goes last: where there is a card, the weights are complete.
        self.storage.write(f"{FOLDER}/{card.hash}.pt", network.to_bytes())
        self.storage.write(f"{FOLDER}/{card.hash}.json", json.dumps(asdict(card)).encode())
        return card

    def load(self, card: TeacherCard) -> TrainedNetwork:
        """A teacher with its weights.

        Raises:
            InputError: The weights are damaged, or not those that the card names.
        """
        path = f"{FOLDER}/{card.hash}.pt"
        network = TrainedNetwork.from_bytes(self.storage.read(path), path)
        if network.content_hash() != card.hash:
            raise InputError(f"{path}: its weights are not those that its name promises")
        return network

    def _card(self, name: str) -> TeacherCard:
        return TeacherCard(**json.loads(self.storage.read(f"{FOLDER}/{name}")))
