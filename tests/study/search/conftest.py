from pathlib import Path

import pytest

from tests.study.search.driver import Driver


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    return Driver(tmp_path)
