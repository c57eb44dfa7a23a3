"""The store of what was prepared, below ROOT/preparations: by content, shared by all studies.

The name of a file is a hash of all that its content depends on: the teacher's weights, the images,
the recipe, the term's settings and code, and where the student learns, student and seed too.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load, save

from pckd.errors import InputError, RunError
from pckd.method.preparation import Prepared
from pckd.storage import Storage
from pckd.training.code import code_of
from pckd.training.config import RunConfig
from pckd.training.network_file import load_tensors
from pckd.training.preparing import Preparing, preparation_of, recipe_of
from pckd.training.run_data import prepare_data

FOLDER = "preparations"
DIGITS = 16
"""Hexadecimal digits of a key."""


@dataclass(frozen=True, slots=True)
class PreparationTask:
    """A preparation of a run, whether it is done or not."""

    config: RunConfig
    term: str
    key: str

    def __str__(self) -> str:
        """Label for people: the term, the teacher, and the student if it learns."""
        teacher = self.config.teacher.model if self.config.teacher else ""
        if not preparation_of(self.term).student_learns:
            return f"{self.term}, {teacher}"
        return f"{self.term}, {teacher} -> {self.config.student}, seed {self.config.seed}"

    @property
    def epochs(self) -> int:
        """Its length."""
        return self.config.loss.prepared[self.term].preparation.epochs


def preparation_task(config: RunConfig, term: str, teacher: str) -> PreparationTask:
    """The preparation of a term.

    Args:
        config: The run that it precedes.
        term: Name of the term.
        teacher: The content hash of the teacher, or what stands for one that is not trained yet.

    Raises:
        InputError: The data set cannot be opened.
    """
    kind, settings = preparation_of(term), config.loss[term]
    data = prepare_data(config.data, config.protocol)
    content: dict[str, Any] = {
        "term": term,
        "settings": settings.model_dump(
            mode="json", exclude={"weight", "preparation", *kind.ignores}
        ),
        "recipe": recipe_of(config, term).model_dump(mode="json"),
        "teacher": teacher,
        "images": [data.train_fingerprint, *data.mean, *data.std],
        "views": config.views.model_dump(mode="json"),
    }
    networks = [config.teacher.model] if config.teacher else []
    if kind.student_learns:
        content |= {"student": config.student, "seed": config.seed}
        networks.append(config.student)
    content["code"] = code_of(terms=[term], networks=networks, prepares=True)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return PreparationTask(config, term, digest[:DIGITS])


class PreparationStore:
    """Preparations below a results root: those that are done and those under way."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def losses(self, key: str) -> list[float]:
        """The mean loss of each epoch so far; [] of one that was never begun."""
        path = f"{FOLDER}/{key}.json"
        if not self.storage.exists(path):
            return []
        return [float(each) for each in json.loads(self.storage.read(path))["losses"]]

    def holds(self, key: str) -> bool:
        """Return whether a preparation is done."""
        return self.storage.exists(_result_path(key))

    def load(self, key: str) -> Prepared:
        """The result of a preparation that is done.

        Raises:
            InputError: The file is damaged.
        """
        try:
            tensors = load(self.storage.read(_result_path(key)))
        except Exception:  # damaged bytes fail in any way
            raise InputError(
                f"{_result_path(key)}: is damaged; delete it to prepare once more"
            ) from None
        names = ("parts", "student")
        return Prepared(
            *(
                {
                    name.removeprefix(f"{side}."): value
                    for name, value in tensors.items()
                    if name.startswith(f"{side}.")
                }
                for side in names
            )
        )

    def restore(self, key: str, preparing: Preparing) -> None:
        """Restore an interrupted preparation; leave one that never began as it is.

        Raises:
            RunError: The file is damaged or belongs to something else.
        """
        path = _state_path(key)
        if not self.storage.exists(path):
            return
        try:
            preparing.load_state(load_tensors(self.storage.read(path), path))
        except Exception:  # the values of a damaged file can be anything
            raise RunError(
                f"{path}: is no state of this preparation; delete it to prepare from the start"
            ) from None

    def save(self, task: PreparationTask, preparing: Preparing) -> None:
        """Write the state from which the next epoch starts, and what people want to know."""
        stream = io.BytesIO()
        torch.save(preparing.state(), stream)
        self.storage.write(_state_path(task.key), stream.getvalue())
        card = {"of": str(task), "epochs": task.epochs, "losses": preparing.losses}
        self.storage.write(f"{FOLDER}/{task.key}.json", json.dumps(card).encode())

    def finish(self, task: PreparationTask, preparing: Preparing) -> Prepared:
        """Keep the result; the state from which it was to go on goes."""
        result = preparing.result()
        tensors = {
            f"{side}.{name}": value.contiguous()
            for side, state in result._asdict().items()
            for name, value in state.items()
        }
        self.storage.write(_result_path(task.key), save(tensors))
        self.storage.delete(_state_path(task.key))
        return result


def _result_path(key: str) -> str:
    return f"{FOLDER}/{key}.safetensors"


def _state_path(key: str) -> str:
    return f"{FOLDER}/{key}.pt"
