"""Checks before Ray starts or is joined: its own answers are late and obscure."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

from pckd.errors import InputError, RunError

CONNECT_SECONDS = 5.0
"""For an address to answer; Ray's own client would try for minutes."""

LONGEST = 107 - len("/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
"""Bytes of the folder in which Ray makes its sockets, whose paths Linux limits to 107."""

ROOM = 64 * 2**20
"""Bytes that Ray needs there for its logs and sockets, at least."""

TOKEN = "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"
"""The places where Ray looks for the token of a cluster."""


def check_answers(address: str) -> None:
    """Refuse the address of a cluster, HOST:PORT, at which nothing answers.

    Raises:
        RunError: No connection comes about in time.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "://" in address:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RunError(
            f"nothing answers at {address} (--address or RAY_ADDRESS): {error}"
        ) from None


def check_temporary_folder() -> None:
    """Refuse a temporary folder in which Ray cannot start.

    Raises:
        InputError: Its path is too long for sockets, or it cannot be written.
        RunError: It is full.
    """
    name = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
    way_out = "set RAY_TMPDIR to another folder of this machine"
    length = len(os.fsencode(folder))
    if length > LONGEST:
        raise InputError(
            f"{name} {folder} is too long for the sockets of Ray ({length} of at most {LONGEST} "
            f"bytes): {way_out}"
        )
    if not os.access(folder, os.W_OK):
        raise InputError(f"Ray cannot write to its temporary folder {folder}: {way_out}")
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise RunError(
            f"{folder} has {free / 2**20:.0f} MiB left, Ray needs {ROOM // 2**20} for its logs and "
            f"sockets: make room, or {way_out}"
        )


def no_start(address: str, error: Exception) -> RunError:
    """Return the error of a Ray that does not start here, or of a cluster that cannot be joined."""
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if address == "local":
        return RunError(f"Ray does not start on this machine: {reason}")
    if os.environ.get("RAY_AUTH_MODE") == "token":
        return RunError(
            f"Ray cluster {address} answers, but is not joined; it may refuse the token "
            f"({TOKEN}): {reason}"
        )
    return RunError(f"Ray cluster {address} cannot be joined: {reason}")
