"""One driver a study, or processes that share its trials, never both.

A second driver would propose, train and clear away beside the first. Processes without a driver
(`pckd.study.work`) hold each trial while they train it. All is free again however a holder ends.
On a filesystem behind a URI there is no lock, as `Storage.lock` says.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from pckd.errors import InputError
from pckd.files import LockHeldError, take_lock
from pckd.storage import Storage

CLAIMS = "claims"
"""Folder of a study with the locks of its trials."""


@contextmanager
def only_driver(study: str, storage: Storage) -> Iterator[None]:
    """Hold a study for as long as the block runs.

    Raises:
        InputError: Another process runs the study, or trains a trial of it.
    """
    with ExitStack() as held:
        if storage.is_local:
            with _changing_hands(study, storage):
                held.enter_context(_driving(study, storage))
                for name in storage.names(f"{study}/{CLAIMS}"):
                    with _refused_if_held(study, _claim(study, name, storage)):
                        pass
        yield


def check_no_driver(study: str, storage: Storage) -> None:
    """Refuse to share the trials of a study that has a driver.

    Raises:
        InputError: A process runs the study.
    """
    with _changing_hands(study, storage), _driving(study, storage):
        pass


@contextmanager
def claim(study: str, trial: str, storage: Storage) -> Iterator[bool]:
    """Hold a trial for as long as the block runs, below a local root.

    Args:
        study: Name of the study.
        trial: Identity of the trial.
        storage: The results root.

    Yields:
        Whether the trial is held; False if another process holds it.

    Raises:
        InputError: A process runs the study.
    """
    path = _claim(study, trial, storage)
    free = False
    with ExitStack() as held:
        with _changing_hands(study, storage), _driving(study, storage), suppress(LockHeldError):
            held.enter_context(take_lock(path))
            free = True
        try:
            yield free
        finally:
            if free:
                with _changing_hands(study, storage):  # nobody may wait for a file that goes
                    held.close()
                    path.unlink(missing_ok=True)


def _claim(study: str, trial: str, storage: Storage) -> Path:
    return Path(storage.full_path(f"{study}/{CLAIMS}/{trial}"))


@contextmanager
def _changing_hands(study: str, storage: Storage) -> Iterator[None]:
    """Hold the lock under which a driver and its rivals look at each other, for a moment."""
    with storage.lock(f".{study}.claims.lock"):
        yield


@contextmanager
def _driving(study: str, storage: Storage) -> Iterator[None]:
    """Hold the driver's lock, beside the study, whose folder gets another name with --fresh."""
    with _refused_if_held(study, Path(storage.full_path(f".{study}.lock"))):
        yield


@contextmanager
def _refused_if_held(study: str, path: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(take_lock(path))
        except LockHeldError as error:
            raise InputError(
                f"study {study} runs already ({error}): wait for it, or follow it with "
                f"pckd study status {study}"
            ) from None
        yield
