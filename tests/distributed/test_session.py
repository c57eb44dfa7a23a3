"""Which Ray a command uses."""

import os

import pytest
import ray

from pckd.distributed import session
from pckd.distributed.session import ray_session


@pytest.fixture(name="started")
def _started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """The arguments of each start of Ray, none of which takes place."""
    calls: list[dict[str, object]] = []
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **arguments: calls.append(arguments))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(session, "check_answers", lambda _: None)
    return calls


def test_without_an_address_ray_starts_here_whatever_else_runs(
    started: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself Ray joins a cluster that runs on the machine, and counts all of its CPUs."""
    monkeypatch.setattr(session, "available_cpus", lambda: 3)
    with ray_session(None):
        pass
    assert (started[0]["address"], started[0]["num_cpus"]) == ("local", 3)


@pytest.mark.usefixtures("started")
def test_the_environment_of_the_caller_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in session.QUIET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_AIR_NEW_OUTPUT", "mine")
    with ray_session(None):
        assert {name: os.environ[name] for name in session.QUIET} == {
            **session.QUIET,
            "RAY_AIR_NEW_OUTPUT": "mine",
        }
    assert session.QUIET.keys() & os.environ.keys() == {"RAY_AIR_NEW_OUTPUT"}


def test_an_address_is_joined(
    started: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ray_session("auto"):
        pass
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with ray_session(None):
        pass
    assert [call["address"] for call in started] == ["auto", "10.0.0.1:6379"]
