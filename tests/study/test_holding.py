"""One driver a study: a second is refused while the first lives, and only then."""

import signal
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from pckd.errors import InputError
from pckd.storage import Storage
from pckd.study.holding import only_driver
from tests.processes import PROCESSES


def _hold(root: str, held: Event) -> None:
    with only_driver("tiny", Storage(root)):
        held.set()
        signal.pause()


def test_a_second_driver_is_refused_until_the_first_is_gone_however_it_ends(tmp_path: Path) -> None:
    held = PROCESSES.Event()
    first = PROCESSES.Process(target=_hold, args=(str(tmp_path), held))
    first.start()
    assert held.wait(20)
    storage = Storage(tmp_path)
    refusal = rf"^study tiny runs already \(process {first.pid} on .*\): .*pckd study status tiny$"
    with pytest.raises(InputError, match=refusal), only_driver("tiny", storage):
        pytest.fail("two hold one study")
    with only_driver("another", storage):
        pass
    first.kill()
    first.join()
    with only_driver("tiny", storage):
        pass
    assert storage.folders() == []
    assert storage.names("") == []
