"""What would keep Ray from starting is said before it tries, quickly and in a sentence."""

import os
import shutil
import socket
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest
import ray

from pckd.distributed import starting
from pckd.distributed.session import ray_session
from pckd.errors import InputError, RunError

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
        starting.check_answers(address)
    with pytest.raises(RunError, match=f"^nothing answers at {address} .--address or RAY_ADDRESS"):
        start(address)
    with pytest.raises(RunError, match=r"nothing answers at 127\.0\.0\.1:99999"):
        start("127.0.0.1:99999")


def test_a_folder_whose_path_is_too_long_for_sockets_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "node-0042-of-the-batch-system" / "scratch"
    deep.mkdir(parents=True)
    monkeypatch.setenv("RAY_TMPDIR", str(deep))
    with pytest.raises(InputError, match=r"^RAY_TMPDIR .*scratch is too long .* set RAY_TMPDIR"):
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
    ("address", "mode", "sentence"),
    [
        (None, "", r"^Ray does not start on this machine: timed out$"),
        ("auto", "", r"^Ray cluster auto cannot be joined: timed out$"),
        (
            "auto",
            "token",
            r"^Ray cluster auto .* refuse the token \(RAY_AUTH_TOKEN, .*: timed",
        ),
    ],
)
def test_whatever_ray_raises_is_one_sentence(
    address: str | None, mode: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise Exception("timed out\nand a stack")

    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_TMPDIR", tempfile.gettempdir())
    with pytest.raises(RunError, match=sentence):
        start(address)
