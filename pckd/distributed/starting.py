"""Checks before Ray starts or is joined: its own answers are late and obscure."""

import os
import shutil
import socket
from pathlib import Path

import grpc
import ray
from ray._common.utils import get_default_system_temp_dir
from ray._private.grpc_utils import init_grpc_channel
from ray._private.services import canonicalize_bootstrap_address

from pckd.errors import InputError, RunError, first_line

CONNECT_SECONDS = 5.0
"""Seconds for an address to answer; Ray's own client would try for minutes."""

LONGEST = 107 - len("/ray/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store")
"""Bytes of the folder in which Ray makes its sockets, whose paths Linux limits to 107."""

ROOM = 64 * 2**20
"""Bytes that Ray needs there for its logs and sockets, at least."""

WHO_ARE_YOU = "/ray.rpc.NodeInfoGcsService/GetClusterId"
"""The question to the head of a cluster that every client asks first."""

TOKEN = "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"
"""The places where Ray looks for the token of a cluster."""


def check_answers(address: str) -> None:
    """Refuse the address of a cluster at which no head of a cluster answers, or one that refuses.

    Args:
        address: HOST:PORT, ray://HOST:PORT, or "auto" for a cluster that runs on this machine.

    Raises:
        RunError: No connection comes about in time, something else answers, or the head does not
            take the token of this process.
    """
    is_client = address.startswith("ray://")
    place = _running_here() if address == "auto" else address.removeprefix("ray://")
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RunError(
            f"nothing answers at {address} (--address or RAY_ADDRESS): {error}"
        ) from None
    if not is_client:
        _check_head(address, place)


def _running_here() -> str:
    """HOST:PORT of a cluster that runs on this machine; empty if there is none, which Ray tells."""
    try:
        return canonicalize_bootstrap_address("auto") or ""
    except (ConnectionError, ValueError):
        return ""


def _check_head(address: str, place: str) -> None:
    """Ask the head of a cluster who it is; it answers those alone whose token it takes.

    Args:
        address: As the user gave it.
        place: HOST:PORT.

    Raises:
        RunError: It refuses, or is no head of a Ray cluster.
    """
    try:
        with init_grpc_channel(place) as channel:
            channel.unary_unary(WHO_ARE_YOU)(b"", timeout=CONNECT_SECONDS)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise RunError(f"the Ray cluster at {address} refuses {_token()}") from None
        raise RunError(
            f"what answers at {address} is no head of a Ray cluster, whose port is 6379 unless "
            f"it was started with another: {error.code().name}"
        ) from None
    except ray.exceptions.AuthenticationError as error:
        raise RunError(f"{first_line(error)} ({TOKEN})") from None


def _token() -> str:
    """The token of this process in words, with the places where it is looked for."""
    if os.environ.get("RAY_AUTH_MODE") == "token":
        return f"the token of this process: put the cluster's into {TOKEN}"
    return f"who brings no token: set RAY_AUTH_MODE=token, and put the token into {TOKEN}"


def check_temporary_folder() -> None:
    """Refuse a temporary folder in which Ray cannot start; Ray makes one that is missing.

    Raises:
        InputError: Its path is too long for sockets, or it cannot be written.
        RunError: It is full.
    """
    name = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = Path(get_default_system_temp_dir()).absolute()
    way_out = "set RAY_TMPDIR to another folder of this machine"
    length = len(os.fsencode(folder))
    if length > LONGEST:
        raise InputError(
            f"{name} {folder} is too long for the sockets of Ray ({length} of at most {LONGEST} "
            f"bytes): {way_out}"
        )
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise InputError(f"Ray cannot write to its temporary folder {folder}: {way_out}")
    free = shutil.disk_usage(there).free
    if free < ROOM:
        raise RunError(
            f"{folder} has {free / 2**20:.0f} MiB left, Ray needs {ROOM // 2**20} for its logs and "
            f"sockets: make room, or {way_out}"
        )


def no_start(address: str, error: Exception) -> RunError:
    """Return the error of a Ray that does not start here, or of a cluster that cannot be joined."""
    reason = first_line(error)
    if address == "local":
        return RunError(f"Ray does not start on this machine: {reason}")
    return RunError(f"Ray cluster {address} cannot be joined: {reason}")
