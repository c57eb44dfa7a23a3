"""The two errors that a user sees as one sentence instead of a traceback."""


class InputError(Exception):
    """Bad input, found before work starts: the command line prints it and exits with code 2.

    The message says what is wrong, where, and what is allowed.
    """


class RunError(Exception):
    """Failure during work, with its reason: the command line exits with code 1."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; the name of its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
