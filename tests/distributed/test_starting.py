"""What would keep Ray from starting is said before it tries, quickly and in a sentence."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest
import ray

from pckd.distributed import session, starting
from pckd.distributed.session import ray_session
from pckd.errors import InputError, RunError

MINE = "mine" * 8
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray was started"))


def start(address: str | None = None) -> None:
    with ray_session(address):
        pass


def test_an_address_at_which_nothing_is_is_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(RunError, match=f"^nothing answers at {address} .--address or RAY_ADDRESS"):
        start(address)
    for address in ("127.0.0.1:99999", "ray://127.0.0.1:99999"):
        with pytest.raises(RunError, match=f"nothing answers at {address}"):
            start(address)


def _head(token: str) -> Any:  # noqa: ANN401
    """The head of a cluster as far as who joins asks it first: it wants a token."""

    def answer(_: bytes, context: Any) -> bytes:  # noqa: ANN401
        if dict(context.invocation_metadata()).get("authorization") != f"Bearer {token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        return b""

    _, service, method = starting.WHO_ARE_YOU.split("/")
    handler = grpc.unary_unary_rpc_method_handler(answer)
    return grpc.method_handlers_generic_handler(service, {method: handler})


@pytest.fixture(name="heads")
def _heads() -> Iterator[list[str]]:
    """The addresses of two such heads, the first of which takes the token `mine`."""
    servers = [grpc.server(ThreadPoolExecutor(1), [_head(token)]) for token in (MINE, "theirs")]
    ports = [server.add_insecure_port("127.0.0.1:0") for server in servers]
    for server in servers:
        server.start()
    yield [f"127.0.0.1:{port}" for port in ports]
    for server in servers:
        server.stop(None)


@pytest.mark.parametrize(
    ("mode", "refused", "sentence"),
    [
        ("token", 1, "refuses the token of this process: put the cluster's into RAY_AUTH_TOKEN"),
        ("disabled", 0, "refuses who brings no token: set RAY_AUTH_MODE=token, and put the token"),
    ],
)
def test_a_head_that_refuses_the_token_is_told_at_once(
    heads: list[str], mode: str, refused: int, sentence: str
) -> None:
    """In a process of its own, since Ray reads the mode and the token once."""
    program = (
        f"from pckd.distributed.starting import check_answers\n"
        f"for address in {heads}: check_answers(address)"
    )
    environment = {**os.environ, "RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": MINE}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert f"RunError: the Ray cluster at {heads[refused]} {sentence}" in ended.stderr


def test_what_is_no_head_of_a_cluster_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_greet, args=(server,), daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RunError, match=f"^what answers at {address} is no head of a Ray clus"):
            start(address)


def _greet(server: socket.socket) -> None:
    """Answer everyone as a server of another kind does."""
    while True:
        with suppress(OSError), server.accept()[0] as connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def test_a_folder_whose_path_is_too_long_for_sockets_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "node-0042-of-the-batch-system" / "scratch"
    deep.mkdir(parents=True)
    monkeypatch.setenv("RAY_TMPDIR", str(deep))
    with pytest.raises(InputError, match=r"^RAY_TMPDIR .*scratch is too long .* set RAY_TMPDIR"):
        start()


def test_the_folder_is_looked_at_that_ray_takes_though_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", "/gone" * 20)
    with pytest.raises(InputError, match=r"^TMPDIR /gone.* is too long"):
        start()
    monkeypatch.setattr(starting, "LONGEST", 1000)
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file/below"))
    with pytest.raises(InputError, match=r"^Ray cannot write to its temporary folder .*file/below"):
        start()


def test_the_longest_folder_that_is_let_through_leaves_room_for_a_socket() -> None:
    session = "/ray/session_2026-12-31_23-59-59_999999_4194304/sockets/plasma_store"
    assert starting.LONGEST + len(session) == 107  # and a zero, of the 108 that Linux has


def test_a_folder_that_is_full_or_read_only_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tempfile.gettempdir()
    monkeypatch.setenv("RAY_TMPDIR", short)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**20, 0, 2**20))
    with pytest.raises(RunError, match=rf"^{short} has 1 MiB left, Ray needs 64 .* RAY_TMPDIR"):
        start()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match=f"cannot write to its temporary folder {short}"):
        start()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (None, r"^Ray does not start on this machine: timed out$"),
        ("auto", r"^Ray cluster auto cannot be joined: timed out$"),
    ],
)
def test_whatever_ray_raises_is_one_sentence(
    address: str | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise Exception("timed out\nand a stack")

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setattr(session, "check_answers", lambda _: None)
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
    with pytest.raises(RunError, match=sentence):
        start(address)
