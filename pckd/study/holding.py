"""One driver a study: a second one would propose, train and clear away beside the first."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pckd.errors import InputError
from pckd.files import LockHeldError, take_lock
from pckd.storage import Storage


@contextmanager
def only_driver(study: str, storage: Storage) -> Iterator[None]:
    """Hold a study for as long as the block runs; it is free again however its holder ends.

    On a filesystem behind a URI there is no lock, as `Storage.lock` says.

    Raises:
        InputError: Another process runs the study.
    """
    with ExitStack() as held:
        if storage.is_local:
            try:
                # Beside the study, whose folder gets another name when it starts afresh.
                held.enter_context(take_lock(Path(storage.full_path(f".{study}.lock"))))
            except LockHeldError as error:
                raise InputError(
                    f"study {study} runs already ({error}): wait for it, or follow it with "
                    f"pckd study status {study}"
                ) from None
        yield
