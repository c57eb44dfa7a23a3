"""The two errors that a user sees as one sentence instead of a traceback."""

from pathlib import Path


class InputError(Exception):
    """Bad input, found before work starts: the command line prints it and exits with code 2.

    The message says what is wrong, where, and what is allowed.
    """


class RunError(Exception):
    """Failure during work, with its reason: the command line exits with code 1."""


def check_is_file(path: Path) -> None:
    """Refuse a path at which there is no file.

    Raises:
        InputError: There is none.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")


def first_line(error: BaseException) -> str:
    """The first line of an error's message; the name of its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
