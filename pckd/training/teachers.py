"""The store of trained teachers, below ROOT/teachers: weights and card, by content and data set.

Weights that are imported for several data sets have a file and a card for each: their accuracy,
the classes and the normalisation are those of the data set.
"""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pckd.data.words import listed
from pckd.errors import InputError
from pckd.storage import Storage
from pckd.training.network_path import SUFFIX, kept_path
from pckd.words import HASH_DIGITS

if TYPE_CHECKING:
    from pckd.training.network_file import TrainedNetwork

log = logging.getLogger(__name__)

FOLDER = "teachers/store"
TRAINED = "trained"


@dataclass(frozen=True, slots=True)
class TeacherCard:
    """Facts about a teacher, known without opening its weights."""

    hash: str
    """SHA-256 of architecture and weights."""
    model: str
    num_classes: int
    data: str
    data_fingerprint: str
    recipe: str
    """Identity of the run that trained it; the file's name of an imported one."""
    test_top1: float
    """Percent."""
    origin: str = TRAINED
    """'trained', or the name of the file that was imported."""

    @property
    def chance(self) -> float:
        """Top-1 accuracy of guessing, in percent."""
        return 100 / self.num_classes

    def is_at_chance(self, top1: float, images: int) -> bool:
        """Return whether guessing could reach an accuracy: within two standard deviations.

        Args:
            top1: Of the teacher, in percent.
            images: Number of images on which that was measured.
        """
        deviation = math.sqrt(self.chance * (100 - self.chance) / images)
        return top1 <= self.chance + 2 * deviation

    @property
    def short_hash(self) -> str:
        """The digits that are shown."""
        return self.hash[:HASH_DIGITS]


class TeacherStore:
    """The trained teachers below a results root."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def cards(self) -> list[TeacherCard]:
        """All teachers, sorted by hash; a damaged card is named in a warning and left out."""
        cards = (self._card(name) for name in self.storage.names(FOLDER, ".json"))
        return [card for card in cards if card is not None]

    def find(self, recipe: str) -> TeacherCard | None:
        """The teacher that a run trained, by the run's identity; None if it has not yet."""
        trained = (card for card in self.cards() if card.origin == TRAINED)
        return next((card for card in trained if card.recipe == recipe), None)

    def named(self, beginning: str, data: str = "", data_fingerprint: str = "") -> TeacherCard:
        """The teacher whose hash begins with the given digits.

        Of several cards of the same weights, the one of the given images is taken, or one of a
        data set of that name.

        Args:
            beginning: Digits of the hash.
            data: Name of a data set.
            data_fingerprint: Of the images.

        Raises:
            InputError: There is none, or more than one; those that come near are named.
        """
        cards = self.cards()
        found = [card for card in cards if card.hash.startswith(beginning)]
        hashes = {card.hash for card in found}
        if len(hashes) == 1:
            return max(
                found, key=lambda c: (c.data_fingerprint == data_fingerprint, c.data == data)
            )
        if found:
            raise InputError(
                f"{len(hashes)} teachers in {self.storage.root} have a hash that begins with "
                f"{beginning}: {_listed(found)}; give more digits"
            )
        near = get_close_matches(beginning, [card.hash[: len(beginning)] for card in cards])
        meant = [card for card in cards if card.hash[: len(beginning)] in near]
        advice = f"did you mean {_listed(meant)}?" if meant else f"it holds: {_listed(cards)}"
        raise InputError(
            f"{self.storage.root} holds no teacher whose hash begins with {beginning}; {advice}"
        )

    def add(self, network: "TrainedNetwork", origin: str = TRAINED) -> TeacherCard:
        """Keep a teacher; weights that have a card for these images are not imported again.

        Args:
            network: The teacher.
            origin: 'trained', or the name of the file that is imported.
        """
        card = TeacherCard(
            hash=network.content_hash(),
            model=network.model,
            num_classes=len(network.class_names),
            data=network.data,
            data_fingerprint=network.data_fingerprint,
            recipe=network.trial,
            test_top1=network.test_top1,
            origin=origin,
        )
        of_these = [known for known in self.cards() if known.hash == card.hash]
        same = [known for known in of_these if known.data_fingerprint == card.data_fingerprint]
        if same and origin != TRAINED:
            return same[0]
        path = self.path(card) if same or not of_these else self._further_path(card)
        # The card goes last: where there is a card, the weights are complete.
        self.storage.write(f"{path}{SUFFIX}", network.to_bytes())
        self.storage.write(f"{path}.json", json.dumps(asdict(card)).encode())
        return card

    def path(self, card: TeacherCard) -> str:
        """Path of a teacher below the root, without the ending of the file.

        The first data set of some weights has their hash for a name.
        """
        further = self._further_path(card)
        return further if self.storage.exists(f"{further}.json") else f"{FOLDER}/{card.hash}"

    def weights_path(self, card: TeacherCard) -> str:
        """Path of a teacher's weights below the root."""
        return kept_path(self.storage, f"{self.path(card)}{SUFFIX}")

    @staticmethod
    def _further_path(card: TeacherCard) -> str:
        return f"{FOLDER}/{card.hash}-{card.data_fingerprint[:HASH_DIGITS]}"

    def load(self, card: TeacherCard) -> "TrainedNetwork":
        """A teacher with its weights.

        Raises:
            InputError: The weights are damaged, or not those that the card names.
        """
        from pckd.training.network_file import TrainedNetwork

        path = self.weights_path(card)
        network = TrainedNetwork.from_bytes(self.storage.read(path), path)
        if network.content_hash() != card.hash:
            raise InputError(f"{path}: its weights do not match the hash in its name")
        return network

    def _card(self, name: str) -> TeacherCard | None:
        content = self.storage.read(f"{FOLDER}/{name}")
        try:
            card = TeacherCard(**json.loads(content))
        except (ValueError, TypeError, RecursionError):
            card = None
        if card is None or name.removesuffix(".json").partition("-")[0] != card.hash:
            log.warning("%s/%s is damaged and left out", FOLDER, name)
            return None
        return card


def _listed(cards: Sequence[TeacherCard]) -> str:
    """Some teachers for a message."""
    return listed([f"{card.short_hash} ({card.model}, {card.data})" for card in cards]) or "none"
