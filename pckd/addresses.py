"""Addresses of folders that lie elsewhere: no secret may stand in them.

What a study file, a command or a variable names is written into tables, logs and reports.
"""

import re

from pckd.errors import InputError

PASSWORD = re.compile(r"\w+://[^/@\s]*:[^@\s]*@")
"""KEY:SECRET@ after the scheme; the secret of an access key may hold slashes."""

SECRET_OPTION = re.compile(r"\w+://\S*[?&][^=&\s]*(secret|password|token|key|sig)[^=&\s]*=", re.I)
"""An option of an address whose name says that its value is a secret."""


def holds_secret(text: str) -> bool:
    """Whether an address, wherever it stands in the text, holds a secret."""
    return bool(PASSWORD.search(text) or SECRET_OPTION.search(text))


def refuse_secrets(address: str, what: str) -> None:
    """Refuse an address that holds a secret; the message does not repeat it.

    Args:
        address: A folder or URI.
        what: What the address is of, such as results root.

    Raises:
        InputError: It holds a password or a key.
    """
    if holds_secret(address):
        raise InputError(
            f"the {what} holds a secret, which would be shown in logs and tables: give it by the "
            "environment instead, for s3:// as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
