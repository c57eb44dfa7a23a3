"""Checks of addresses of folders, such as s3://bucket/results: two slashes, and no secret.

What a study file, a command or a variable names is written into tables, logs and reports. What
would be a folder of this machine under a name that nobody meant, such as $HOME, is refused.
"""

import re
from pathlib import Path

from pckd.errors import InputError
from pckd.words import UNWRITABLE

PASSWORD = re.compile(r"\w+://[^/@\s]*:[^@\s]*@")
"""KEY:SECRET@ after the scheme; the secret of an access key may hold slashes."""

SECRET_OPTION = re.compile(r"\w+://\S*[?&][^=&\s]*(secret|password|token|key|sig)[^=&\s]*=", re.I)
"""An option of an address whose name says that its value is a secret."""

SECRET = (
    "the {what} holds a secret, which would be shown in logs and tables: give it by the "
    "environment instead, for s3:// as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
"""Message on a secret."""

ONE_SLASH = re.compile(r"(s3|gs|gcs|hf|hdfs|viewfs|abfss?|https?|file):(?!//)/?(?P<rest>.*)", re.I)
"""An address without its second slash, which would be a folder of this machine."""

VARIABLE = re.compile(r"(?:^|/)(\$\{?\w+\}?)")
"""A variable that no shell has filled in, as in a study file."""

OF_WINDOWS = re.compile(r"[a-z]:[\\/]|\\\\", re.I)
"""Beginning of a path of Windows, which elsewhere is a name."""


def check_address(address: str, what: str) -> None:
    """Refuse an address that is written wrong or must not be shown.

    Args:
        address: A folder or URI.
        what: What the address is of, such as results root.

    Raises:
        InputError: It is empty, holds a password or a key, lacks a slash after its scheme, names a
            variable, or is a path of Windows.
    """
    if not address.strip():
        raise InputError(f"the {what} is empty: name a folder, or . for the current one")
    _refuse_secrets(address, what)
    if variable := VARIABLE.search(address):
        raise InputError(
            f"the {what} {address} holds {variable[1]}, which only a shell fills in: write it out"
        )
    if OF_WINDOWS.match(address):
        raise InputError(
            f"the {what} {address} is a path of Windows: write it as this machine names it, such "
            "as /mnt/c/..."
        )
    wrong = ONE_SLASH.match(address)
    if wrong:
        right = f"{wrong[1]}://{'/' * (wrong[1] == 'file')}{wrong['rest']}"
        raise InputError(f"{what} {address} looks like a URI with a slash too few: write {right}")


def folder_of(path: str | Path, what: str) -> Path:
    """Write out the path of a folder of this machine, which may begin with ~.

    Args:
        path: As the user gave it.
        what: What the folder is, such as results root.

    Raises:
        InputError: It has signs that no table can hold, or begins with a home folder that is not
            known.
    """
    if UNWRITABLE.search(str(path)):
        raise InputError(
            f"the {what} {str(path)!r} has characters that no table can hold: rename it"
        )
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise InputError(
            f"{what} {path} begins with a home folder that is not known: write it in full, or set "
            "HOME"
        ) from None


def holds_secret(text: str) -> bool:
    """Return whether the text holds an address with a secret in it."""
    return bool(PASSWORD.search(text) or SECRET_OPTION.search(text))


def _refuse_secrets(address: str, what: str) -> None:
    """Refuse an address that holds a secret; the message does not repeat it."""
    if holds_secret(address):
        raise InputError(SECRET.format(what=what))
